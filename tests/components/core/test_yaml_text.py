"""A text stays a text for readers of YAML 1.2, too."""

from __future__ import annotations

import pytest
import yaml

from kerasline.components.core import dump_yaml


@pytest.mark.parametrize(
    "text", ["08", "1e5", "12345678901234e5", "0o17", ".5e3", "1_0.", "2026-1-2", "2026-1-2 3:04:05"]
)
def test_what_another_reader_takes_for_a_number_or_a_time_is_quoted(text: str) -> None:
    assert dump_yaml({"span": text}) == f"span: '{text}'\n"


def test_numbers_and_other_texts_are_as_they_were() -> None:
    values = {"rate": 2e-05, "count": -3, "on": True, "hash": "0af51e", "version": "1.2.3", "no": None}
    assert dump_yaml(values, [1]) == yaml.safe_dump_all([values, [1]], sort_keys=False)
