"""What pydantic finds, in words of ours: every kind that it knows."""

from __future__ import annotations

import re
from typing import Any, get_args

import pytest
from pydantic_core.core_schema import ErrorType

from kerasline.components.core.refusals import PATTERNS, describe
from kerasline.pipeline.config.experiment import Experiment

KINDS = get_args(ErrorType)
FOREIGN = re.compile(r"(?i)input|valid|should|instance|pydantic|python|parse|\bdict|tuple|\{")


@pytest.mark.parametrize("kind", KINDS)
def test_no_finding_is_in_the_words_of_the_library(kind: str) -> None:
    context = {"gt": 1, "ge": 1, "lt": 1, "le": 1, "multiple_of": 1, "min_length": 1, "max_length": 1}
    context |= {"expected": "'a', 'b' or 'c'", "pattern": "^a$"}
    finding = {"type": kind, "msg": "Value error, expected a tree, got a bush", "input": "x", "ctx": context}
    text = describe([finding])
    if kind in ("value_error", "assertion_error"):
        assert text == "expected a tree, got a bush"
    else:
        assert re.fullmatch(r"expected .+, got 'x'(\. Did you mean '.*'\?)?", text)
        assert not FOREIGN.search(text)


def test_every_pattern_of_a_recipe_has_words() -> None:
    def patterns(schema: Any) -> set[str]:
        if isinstance(schema, list):
            return set().union(*map(patterns, schema))
        if not isinstance(schema, dict):
            return set()
        own = {schema["pattern"]} if isinstance(schema.get("pattern"), str) else set()
        return own.union(*map(patterns, schema.values()))

    assert patterns(Experiment.model_json_schema()) == set(PATTERNS)
