"""Labels of numbers that are counts, scores, or of sizes far apart: what ``init`` makes of them."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from kerasline.components.profiling.drafting import draft_recipe
from kerasline.components.profiling.guessing.labels import guess_label
from kerasline.components.profiling.sampling.sampling import SampledColumn, TableSample


def remarks(values: list[object], dtype: str) -> str:
    """What ``init`` remarks on a label."""
    column = SampledColumn("goals", dtype, values)
    return " ".join(guess_label(TableSample(Path("t.csv"), "csv", [column], len(values), True), ["goals"]).remarks)


def test_counts_are_remarked_on() -> None:
    assert "whole numbers from 0 to 12 are read as 13 classes" in remarks([i % 13 for i in range(650)], "int")
    assert "write task: regression" in remarks([float(i % 11) for i in range(550)], "float")
    assert "whole numbers from 10 to 50 are read as 9 classes" in remarks([10 + 5 * (i % 9) for i in range(450)], "int")


@pytest.mark.parametrize(
    ("values", "dtype"),
    [([i % 3 for i in range(300)], "int"), ([100 * (i % 6) for i in range(300)], "int"), (["a", "b"] * 90, "string")],
)
def test_codes_and_words_are_not(values: list[object], dtype: str) -> None:
    assert "regression" not in remarks(values, dtype)


def test_numbers_among_which_a_few_words_stand_are_remarked_on() -> None:
    censored = ["<0.5" if i % 12 == 0 else f"{i % 57 / 10}" for i in range(600)]
    assert "550 of 600 rows have a number here, and those such as '<0.5' have none" in remarks(censored, "string")
    assert "missing_values: ['<0.5']" in remarks(censored, "string")
    sizes = ["large" if i % 3 else str(i % 57) for i in range(600)]
    assert "have a number" not in remarks(sizes, "string"), "most rows have none"
    grades = ["R" if i % 12 == 0 else str(i % 8) for i in range(600)]
    assert "have a number" not in remarks(grades, "string"), "few different ones are classes"


def test_counts_of_which_some_are_rare_are_predicted_as_numbers(tmp_path: Path) -> None:
    visits = [0] * 150 + [1] * 60 + [2] * 30 + [3] * 12 + [4] * 6 + [5, 7]
    lines = [f"{i % 37},{i % 11},{value}" for i, value in enumerate(visits)]
    (tmp_path / "clinic.csv").write_text("age,ward,visits\n" + "\n".join(lines) + "\n")
    draft = draft_recipe(tmp_path / "clinic.csv", ["visits"], None, "clinic.csv")
    recipe = yaml.safe_load(draft.text)
    assert recipe["task"] == "regression"
    assert "r2" in recipe["evaluation"]["metrics"]


def test_rows_of_each_class_leave_classes() -> None:
    values: list[object] = [i % 7 for i in range(350)]
    sample = TableSample(Path("t.csv"), "csv", [SampledColumn("stars", "int", values)], 350, True)
    assert (guess_label(sample, ["stars"]).task, guess_label(sample, ["stars"]).are_counts) == ("multiclass", False)


def test_sizes_that_lie_orders_of_magnitude_apart_are_learned_as_logarithms(tmp_path: Path) -> None:
    lines = [f"{i % 37},{10 ** ((i * 7919 % 400) / 50):.3f},{50 + i * 7919 % 400}" for i in range(400)]
    (tmp_path / "firms.csv").write_text("age,profit,staff\n" + "\n".join(lines) + "\n")
    drafts = [draft_recipe(tmp_path / "firms.csv", [label], None, "firms.csv") for label in ("profit", "staff")]
    profit, staff = (yaml.safe_load(draft.text) for draft in drafts)
    assert profit["features"]["profit"] == {"scale": "log"}
    assert "r2" not in profit["evaluation"]["thresholds"] and "mae" in profit["evaluation"]["thresholds"]
    assert "staff" not in staff["features"] and "r2" in staff["evaluation"]["thresholds"]


@pytest.mark.parametrize(
    ("offset", "step", "said"), [(1e7, 0.01, "in steps of 1,"), (1e7, 2.0, ""), (1e3, 0.01, ""), (-4e9, 0.5, "of 256,")]
)
def test_digits_that_float32_has_no_room_for_are_remarked_on(
    offset: float, step: float, said: str, tmp_path: Path
) -> None:
    lines = [f"{offset + step * (i * 7919 % 400)!r},{offset + step * (i * 31 % 400)!r}" for i in range(400)]
    (tmp_path / "poles.csv").write_text("east,north\n" + "\n".join(lines) + "\n")
    text = " ".join(draft_recipe(tmp_path / "poles.csv", ["north"], None, "poles.csv").text.replace("#", " ").split())
    assert text.count("numbers of this size are kept") == (2 if said else 0)
    assert said in text
