"""The JSON Schema of recipes accepts what the loader accepts: what ships, what the pages show, and what is generated.

``make fuzz`` generates more of it, anew each time.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import HealthCheck, given, settings, strategies as st
from pydantic import ValidationError

from kerasline.components.core.errors import LONGEST_MESSAGE, ConfigError
from kerasline.pipeline.config.experiment import Experiment, find_recipe, parse_experiment, read_yaml, recipe_names
from kerasline.pipeline.config.json_schema import recipe_schema
from kerasline.pipeline.config.recipe_text import read_text, write_text
from tests.pipeline.config.conftest import SMALLEST
from tests.test_readme import examples

SCHEMA = recipe_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
FOREIGN = re.compile(
    r"pydantic|Traceback|[Ii]nput should|valid (int|str|dict|tuple|list)|<class|yaml\.|\bNone\b|Error\b"
)
FUZZED = int(os.environ.get("KERASLINE_FUZZ", "0"))


def fuzz(runs: int) -> settings:
    """As many examples as asked for: the same ones each time in a test, others in each ``make fuzz``."""
    return settings(
        max_examples=FUZZED or runs, derandomize=not FUZZED, deadline=None, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip


@pytest.mark.parametrize("name", recipe_names())
def test_shipped_recipes_are_valid(name: str) -> None:
    VALIDATOR.validate(read_yaml(find_recipe(name)))


@pytest.mark.parametrize("example", examples(), ids=lambda example: next(iter(example)))
def test_the_readmes_blocks_are_valid(example: dict[str, Any]) -> None:
    VALIDATOR.validate({**SMALLEST, **example})


@pytest.mark.parametrize("name", recipe_names())
def test_what_show_prints_is_valid(name: str) -> None:
    experiment = parse_experiment(read_yaml(find_recipe(name)))
    VALIDATOR.validate(yaml.safe_load(yaml.safe_dump(experiment.model_dump(mode="json"))))


@pytest.mark.parametrize(
    ("block", "is_valid"),
    [
        ({"features": {"area": "log", "flat_id": "drop", "built": {"kind": "date"}}}, True),
        ({"features": {"area": "lug"}}, False),
        ({"tuning": "default"}, True),
        ({"tuning": "defaults"}, False),
        ({"tuning": "default", "model": {"family": []}}, False),
        ({"tuning": None}, True),
        ({"model": {"units": [8]}}, True),
        ({"model": {"units": 8}}, True),
        ({"model": {"filters": [8]}}, False),
        ({"model": {"family": "cnn", "filters": [8]}}, True),
        ({"model": {"family": "cnn", "units": [8]}}, False),
        ({"validation": {"drift": "warn", "skew": False, "leakage": {"columns": {"a": "off", "b": False}}}}, True),
        ({"validation": {"drift": "wern"}}, False),
        ({"training": {"epochs": "5", "learning_rate": "1e-3", "tensorboard": "yes"}}, True),
        ({"training": {"epochs": "five"}}, False),
        ({"training": {"epochs": True}}, False),
        ({"training": {"epochs": 0}}, False),
        ({"training": {"epoch": 3}}, False),
    ],
)
def test_shorthand_and_mistakes(block: dict[str, Any], is_valid: bool) -> None:
    recipe = {**SMALLEST, **block}
    assert VALIDATOR.is_valid(recipe) is is_valid
    if is_valid:
        parse_experiment(recipe)
    else:
        with pytest.raises(ConfigError):
            parse_experiment(recipe)


def test_every_key_is_described() -> None:
    def bare(node: Any) -> list[str]:
        if isinstance(node, list):
            return [key for item in node for key in bare(item)]
        if not isinstance(node, dict):
            return []
        own = [key for key, value in node.get("properties", {}).items() if not {"description", "$ref"} & set(value)]
        return own + [key for value in node.values() for key in bare(value)]

    assert bare(SCHEMA) == []


NAMES = st.sampled_from(["area", "a b", "größe", "2020", "y", "accuracy", "mae", "sex=f", "model.dropout", "x" * 300])
ODD = st.one_of(
    st.none(), st.booleans(), st.sampled_from([0, -1, 1, 3, 10**30, 0.5, -0.0, 1e300, 2.0]),
    st.sampled_from(["", "5", "1e-3", "yes", "off", "x" * 5_000, "a\nb", "🐍", "2024-01-31"]),
    st.lists(st.sampled_from([1, "a", None, 0.5]), max_size=3), st.dictionaries(NAMES, st.integers(-2, 2), max_size=2),
)  # fmt: skip


def values(node: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """Values as a part of the schema describes them, and here and there another one."""
    return st.integers(0, 19).flatmap(lambda dice: ODD if dice == 0 else fitting(node))


def fitting(node: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """Values as a part of the schema describes them."""
    if "$ref" in node:
        return fitting(SCHEMA["$defs"][node["$ref"].rpartition("/")[2]])
    if "const" in node or "enum" in node:
        return st.sampled_from(node.get("enum") or [node["const"]])
    for several in ("anyOf", "oneOf"):
        if several in node:
            return st.sampled_from(node[several]).flatmap(values)
    kinds = node.get("type", "anything")
    kind = kinds if isinstance(kinds, str) else kinds[0]
    if kind == "object":
        return blocks(node)
    if kind == "array":
        inner = node.get("items") or (node.get("prefixItems") or [{}])[0]
        return st.lists(values(inner), min_size=node.get("minItems", 0), max_size=3)
    if kind in ("integer", "number"):
        low = node.get("minimum", node.get("exclusiveMinimum", -2))
        high = node.get("maximum", node.get("exclusiveMaximum", low + 5))
        return st.sampled_from([low, high, (low + high) / 2, low + 1, low - 1, str(low + 1)])
    if kind == "boolean":
        return st.sampled_from([True, False, "on", "No"])
    return st.sampled_from(["flowers", "adam", "val_loss", "y", "20m", "Europe/Berlin", "0 3 * * *", "a.b:c"])


def blocks(node: Mapping[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Blocks with the keys that they need and a few more."""
    known = node.get("properties", {})
    if not known:
        more = node.get("additionalProperties")
        return st.dictionaries(NAMES, values(more) if isinstance(more, dict) else ODD, max_size=2)
    chosen = st.lists(st.sampled_from([*known, *known, "unknown"]), max_size=4, unique=True)
    return chosen.flatmap(
        lambda keys: st.fixed_dictionaries(
            {key: values(known.get(key, {})) for key in dict.fromkeys([*node.get("required", []), *keys])}
        )
    )


@pytest.mark.slow
@pytest.mark.timeout(0 if FUZZED else 300)
@fuzz(1_000)
@given(blocks(SCHEMA).map(lambda block: {**block, **SMALLEST} if len(block) % 2 else block))
def test_generated_recipes_are_judged_alike(recipe: dict[str, Any]) -> None:
    """What the schema refuses the loader refuses, and what the loader alone refuses it does by a check of its own."""
    is_valid = VALIDATOR.is_valid(recipe)
    try:
        Experiment.model_validate(recipe)
    except ValidationError as error:
        if is_valid:
            others = [found for found in error.errors(include_url=False) if not is_own(found)]
            assert not others
    else:
        assert is_valid, [error.message[:300] for error in VALIDATOR.iter_errors(recipe)]
    try:
        parse_experiment(recipe)
    except ConfigError as error:
        told = [str(error), *error.details]
        assert all(0 < len(line) <= LONGEST_MESSAGE and "\n" not in line for line in told)
        assert not any(FOREIGN.search(line) for line in told)


def is_own(found: Mapping[str, Any]) -> bool:
    """Whether a finding is of a check that no schema can express, such as the size of a number in quotes."""
    is_size = found["type"].startswith(("greater_than", "less_than", "finite")) and isinstance(found["input"], str)
    is_strict = found["type"] == "int_type" and isinstance(found["input"], float)  # JSON knows no 2.0 beside 2
    return found["type"] == "value_error" or is_size or is_strict


SIGNS = st.text(alphabet="{}[]:,-?*&!|>'\"#%@` \t\n\\abkx019.~<=_\u00e9\u2028", max_size=120)


@pytest.mark.timeout(0 if FUZZED else 120)
@fuzz(2_000)
@given(SIGNS)
def test_any_text_is_read_or_refused_in_one_sentence(text: str) -> None:
    try:
        read_text(text, "here")
    except ConfigError as error:
        assert str(error).startswith("here") and len(str(error)) <= LONGEST_MESSAGE and "\n" not in str(error)


@pytest.mark.timeout(0 if FUZZED else 120)
@fuzz(300)
@given(blocks(SCHEMA))
def test_what_is_written_as_yaml_is_read_as_it_was(recipe: dict[str, Any]) -> None:
    assert read_text(write_text(recipe), "here") == recipe
