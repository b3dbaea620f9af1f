"""Importance, dependence and the surface of models that are formulas, so that every number is known."""

from __future__ import annotations

import numpy as np
import pytest

from kerasline.components.datasets.description.spec import Column, Dataset, Label, SplitPlan
from kerasline.components.explanations.examples import choose_examples
from kerasline.components.explanations.importance import permutation_importance
from kerasline.components.explanations.tables import dependence, surface
from kerasline.components.features.plan import FeaturePlan, plan_features

Columns = dict[str, np.ndarray]


def plan_of(columns: tuple[Column, ...], classes: tuple[str, ...] | None = None) -> FeaturePlan:
    """The plan of a table with these columns."""
    data = Dataset(
        name="made", kind="table", columns=columns, rows=100, reader="csv", shards=(), fingerprint="f",
        label=Label(name="y", dtype="string" if classes else "float", classes=classes),
        split=SplitPlan(method="hash", fractions={"train": 0.8, "eval": 0.2}),
    )  # fmt: skip
    task = "regression" if classes is None else "binary" if len(classes) == 2 else "multiclass"
    return plan_features(data, {}, task)


@pytest.fixture
def numbers() -> Columns:
    """300 rows: height and width are drawn, noise is not used by the formulas below."""
    random = np.random.default_rng(0)
    return {name: random.uniform(-1, 1, 300).astype(np.float32) for name in ("height", "width", "noise")}


NUMBERS = tuple(Column(name=name, dtype="float", distinct=300) for name in ("height", "width", "noise"))


def plane(columns: Columns) -> np.ndarray:
    """3 height - width."""
    return (3 * columns["height"] - columns["width"])[:, np.newaxis]


def test_importance_is_what_shuffling_costs(numbers: Columns) -> None:
    plan = plan_of(NUMBERS)
    labels = plane(numbers)[:, 0]
    found = permutation_importance(plane, numbers, labels, plan, "mse")
    by_name = {row["column"]: row["drop"] for row in found["columns"]}
    # Shuffling doubles the variance of that part of the sum: 2 * 9 * var(height), 2 * var(width).
    assert by_name["height"] == pytest.approx(18 * numbers["height"].var(), rel=0.1)
    assert by_name["width"] == pytest.approx(2 * numbers["width"].var(), rel=0.1)
    assert by_name["noise"] == 0
    assert [row["column"] for row in found["columns"]] == ["height", "width", "noise"]
    assert found["value"] == 0 and found["rows"] == 300 and found["skipped"] == []


def test_what_is_better_high_is_lost_downwards(numbers: Columns) -> None:
    found = permutation_importance(plane, numbers, plane(numbers)[:, 0], plan_of(NUMBERS), "r2")
    assert found["columns"][0]["column"] == "height" and found["columns"][0]["drop"] > 1


def test_importance_stops_when_time_is_up(numbers: Columns) -> None:
    found = permutation_importance(plane, numbers, plane(numbers)[:, 0], plan_of(NUMBERS), "mae", seconds=-1.0)
    assert found["columns"] == [] and found["skipped"] == ["height", "width", "noise"]


def many_columns(count: int) -> tuple[FeaturePlan, Columns]:
    """60 rows of so many columns."""
    random = np.random.default_rng(0)
    names = [f"c{number:03d}" for number in range(count)]
    plan = plan_of(tuple(Column(name=name, dtype="float", distinct=60) for name in names))
    return plan, {name: random.uniform(-1, 1, 60).astype(np.float32) for name in names}


@pytest.mark.parametrize("used", [0, 77, 199])
def test_the_column_that_counts_is_found_wherever_it_stands(used: int) -> None:
    """There is time for 100 shuffles of 200 columns."""
    plan, rows = many_columns(200)
    now = 0.0

    def slow(changed: Columns) -> np.ndarray:
        nonlocal now
        now += len(changed["c000"]) / 60
        return 3 * changed[f"c{used:03d}"][:, np.newaxis]

    labels = slow(rows)[:, 0]
    found = permutation_importance(slow, rows, labels, plan, "mse", seconds=100.0, clock=lambda: now)
    first = found["columns"][0]
    assert first["column"] == f"c{used:03d}" and first["low"] > 0 == found["columns"][1]["high"]
    alone = [row["column"] for row in found["columns"]]
    together = [name for group in found["groups"] for name in group["columns"]]
    assert sorted(alone + together + found["skipped"]) == list(rows) and found["skipped"] == []
    assert all(group["drop"] == 0 for group in found["groups"])


def test_groups_are_told_where_no_single_column_could_be_measured() -> None:
    plan, rows = many_columns(50)
    now = 0.0

    def slow(changed: Columns) -> np.ndarray:
        nonlocal now
        now += len(changed["c000"]) / 60
        return changed["c007"][:, np.newaxis]

    found = permutation_importance(slow, rows, slow(rows)[:, 0], plan, "mse", seconds=13.0, clock=lambda: now)
    assert found["columns"] == [] and found["groups"][0]["columns"] == [f"c{n:03d}" for n in range(9)]
    assert found["groups"][0]["drop"] > 0 and now < 16


def test_dependence_of_a_plane_is_a_line(numbers: Columns) -> None:
    (curve,) = dependence(plane, numbers, plan_of(NUMBERS), ["height"], {"height": "cm"})
    slope = np.polyfit(curve["grid"], curve["mean"], 1)[0]
    assert slope == pytest.approx(3, abs=1e-3)
    assert (curve["unit"], curve["target"], curve["kind"]) == ("cm", "y", "number")
    assert len(curve["lines"]) == 30 and len(curve["lines"][0]) == len(curve["grid"]) == 15
    # Single rows are parallel to the mean: each differs by its own width.
    shifts = np.array(curve["lines"]) - np.array(curve["mean"])
    assert np.ptp(shifts, axis=1).max() < 1e-5


def test_dependence_on_categories_and_missing_values() -> None:
    columns = (
        Column(name="colour", dtype="string", distinct=3, missing=1),
        Column(name="noise", dtype="float", distinct=9),
    )
    values = np.array([b"red", b"red", b"blue", b""] * 5, object)
    rows = {"colour": values, "noise": np.full(20, np.nan, np.float32)}

    def predict(changed: Columns) -> np.ndarray:
        return np.where(changed["colour"] == b"red", 0.9, 0.2)[:, np.newaxis]

    plan = plan_of(columns, ("no", "yes"))
    (curve,) = dependence(predict, rows, plan, ["colour", "noise"], {})
    assert curve["grid"] == ["red", "blue"] and curve["mean"] == pytest.approx([0.9, 0.2])
    assert curve["kind"] == "category" and curve["target"] == "score of yes" and curve["lines"] == []


def test_the_surface_goes_through_the_rows_where_there_are_two_inputs(numbers: Columns) -> None:
    two = {name: numbers[name] for name in ("height", "width")}
    labels = plane(two)[:, 0]
    found = surface(plane, two, labels, plan_of(NUMBERS[:2]), ["width", "height"], {"width": "cm"})
    assert found is not None
    assert found["columns"] == ["width", "height"] and found["units"] == ["cm", None]
    x, y = np.meshgrid(found["x"], found["y"])
    assert np.array(found["z"]) == pytest.approx(3 * y - x, abs=1e-5)
    row = found["points"][0]
    assert row == pytest.approx([numbers["width"][0], numbers["height"][0], labels[0], labels[0]])


def test_the_surface_holds_other_columns_and_shows_no_rows(numbers: Columns) -> None:
    found = surface(plane, numbers, plane(numbers)[:, 0], plan_of(NUMBERS), ["width", "noise", "height"], {})
    assert found is not None and found["points"] == []
    # Height stays at its median.
    assert np.array(found["z"])[0] == pytest.approx(3 * np.median(numbers["height"]) - np.array(found["x"]), abs=1e-5)


def test_three_classes_have_no_surface(numbers: Columns) -> None:
    assert surface(plane, numbers, np.zeros(300), plan_of(NUMBERS, ("a", "b", "c")), ["width", "height"], {}) is None


def test_mistakes_the_surest_first_and_hits_the_least_sure_first() -> None:
    scores = np.array([[0.9, 0.1], [0.3, 0.7], [0.4, 0.6], [0.05, 0.95], [0.8, 0.2]], np.float32)
    found = choose_examples(np.array([1, 0, 1, 1, 0]), scores, "multiclass", ("a", "b"), 4)
    assert [(entry["row"], entry["label"], entry["prediction"]) for entry in found["mistakes"]] == [
        (0, "b", "a"), (1, "a", "b")
    ]  # fmt: skip
    assert [entry["row"] for entry in found["hits"]] == [2, 4]
    assert found["hits"][0]["score"] == pytest.approx(0.6)


def test_the_largest_errors_of_a_regression() -> None:
    found = choose_examples(np.array([1.0, 2.0, 3.0]), np.array([[1.5], [0.0], [3.0]]), "regression", None, 2)
    assert [entry["row"] for entry in found["mistakes"]] == [1, 0] and found["hits"] == []
    assert found["mistakes"][0] == {"row": 1, "label": "2", "prediction": "0", "score": -2.0}


def test_rows_with_wrong_labels_of_several() -> None:
    labels = np.array([[1, 0], [1, 1]], np.float32)
    found = choose_examples(labels, np.array([[0.9, 0.1], [0.9, 0.2]], np.float32), "multilabel", ("red", "round"), 2)
    assert found["mistakes"] == [{"row": 1, "label": "red, round", "prediction": "red", "score": pytest.approx(0.8)}]


def test_nothing_to_show() -> None:
    empty = {"mistakes": [], "hits": []}
    assert choose_examples(np.zeros(0), np.zeros((0, 2)), "multiclass", ("a", "b"), 5) == empty
    assert choose_examples(np.zeros(3), np.zeros((3, 2)), "multiclass", ("a", "b"), 0) == empty
