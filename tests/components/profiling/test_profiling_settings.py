"""Model and training of a first recipe follow the size of the table."""

from __future__ import annotations

from kerasline.components.profiling.guessing.labels import LabelGuess
from kerasline.components.profiling.settings import choose_settings


def test_long_tables_are_fitted_once() -> None:
    label = LabelGuess(("y",), "regression", {}, 1_000, 0.0)
    short, long = (choose_settings(rows, label) for rows in (10_000, 10_001))
    assert short.training["refit"] and "refit" in short.reasons["training"]
    assert "refit" not in long.training and "refit" not in long.reasons["training"]


def test_rows_without_a_label_do_not_count() -> None:
    half, none = (LabelGuess(("y",), "regression", {}, 1_000, missing) for missing in (0.5, 0.0))
    asked, whole = choose_settings(16_000, half), choose_settings(8_000, none)
    assert (asked.model, asked.training, asked.evaluation) == (whole.model, whole.training, whole.evaluation)
    assert asked.reasons["model"].startswith("a table of 8,000 rows with a label;")
