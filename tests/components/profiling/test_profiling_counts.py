"""Labels of whole numbers that may be counts or scores: classes, with a remark how to predict the number."""

from __future__ import annotations

from pathlib import Path

import pytest

from kerasline.components.profiling.guessing.labels import guess_label
from kerasline.components.profiling.sampling.sampling import SampledColumn, TableSample


def remarks(values: list[object], dtype: str) -> str:
    """What ``init`` remarks on a label."""
    column = SampledColumn("goals", dtype, values)
    return " ".join(guess_label(TableSample(Path("t.csv"), "csv", [column], len(values), True), ["goals"]).remarks)


def test_counts_are_remarked_on() -> None:
    assert "whole numbers from 0 to 12 are read as 13 classes" in remarks([i % 13 for i in range(650)], "int")
    assert "write task: regression" in remarks([float(i % 11) for i in range(550)], "float")


@pytest.mark.parametrize(
    ("values", "dtype"),
    [([i % 3 for i in range(300)], "int"), ([100 * (i % 6) for i in range(300)], "int"), (["a", "b"] * 90, "string")],
)
def test_codes_and_words_are_not(values: list[object], dtype: str) -> None:
    assert "regression" not in remarks(values, dtype)
