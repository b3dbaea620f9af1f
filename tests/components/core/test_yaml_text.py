"""A text stays a text for whoever reads it."""

from __future__ import annotations

import pytest
import yaml

from kerasline.components.core import dump_yaml

NUMBERS = ["08", "1e5", "12345678901234e5", ".5e3", "1_0.", "1e_5", "0o17", "0O17", "0X1F", "-0_XfF", "0B1", "0B-1"]
OTHERS = ["2026-1-2", "2026-1-2 3:04:05", "y", "Y", "n", "N"]


@pytest.mark.parametrize("text", NUMBERS + OTHERS)
def test_what_another_reader_takes_for_something_else_is_quoted(text: str) -> None:
    assert dump_yaml({"span": text}) == f"span: '{text}'\n"


def test_numbers_and_other_texts_are_as_they_were() -> None:
    values = {"rate": 2e-05, "count": -3, "on": True, "hash": "0af51e", "version": "1.2.3", "no": None, "word": "yN"}
    assert dump_yaml(values, [1]) == yaml.safe_dump_all([values, [1]], sort_keys=False)
