"""scikit-learn's models on the same rows: what they answer, what cuts them short, and what is made of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from kerasline.components.baseline.reference_rules import ANSWERS_FILE, REFERENCES_FILE, check_reference_limit
from kerasline.components.baseline.references import fit_boosting, fit_linear, fit_references, in_label_units
from kerasline.components.core import ConfigError
from kerasline.components.evaluation.options import EvaluationOptions
from kerasline.components.features.column_options import ColumnOptions
from kerasline.components.features.label_units import LabelUnits
from kerasline.components.features.plan import FeaturePlan, FeatureStep
from kerasline.components.fitting.rows.rows import Arrays
from kerasline.components.gating.references import judge_against_references
from kerasline.components.gating.rows import FAILED, NOT_GATED, PASSED
from kerasline.components.report.diagnosis.diagnosis import diagnose
from kerasline.components.report.diagnosis.references import (
    clearly_better,
    compare_with_references,
    describe_limits,
    measure_references,
    none_better,
)

STEPS = (
    FeatureStep(name="x", kind="numeric", dtype="float", options=ColumnOptions(scale="none")),
    FeatureStep(name="y", kind="numeric", dtype="float", options=ColumnOptions(scale="none")),
    FeatureStep(name="town", kind="categorical", dtype="string", size=300, options=ColumnOptions(encode="embedding")),
)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """As the step fits them."""
    with threadpool_limits(1):
        yield


def plan(task: Any, classes: tuple[str, ...] | None = None) -> FeaturePlan:
    """Two numbers, and a category of 301 values."""
    scale = "z_score" if task == "regression" else "none"
    return FeaturePlan(steps=STEPS, label="z", label_dtype="string", classes=classes, label_scale=scale, task=task)


def rows(count: int, seed: int = 0) -> Arrays:
    """Labels are 1 within a circle, which no line shows, and in the ten most frequent towns."""
    chooser = np.random.default_rng(seed)
    numbers = chooser.normal(size=(count, 2)).astype(np.float32)
    towns = chooser.integers(0, 40, (count, 1))
    labels = ((numbers**2).sum(axis=1) < 1.2) | (towns[:, 0] < 10)
    return Arrays({"features": numbers, "town": towns}, labels.astype(np.int64))


def hits(answers: np.ndarray, labels: np.ndarray) -> float:
    """The share of right answers of a binary task."""
    return float(((answers[:, 0] > 0.5) == labels).mean())


def test_boosting_sees_the_circle_and_the_linear_model_the_towns() -> None:
    fitted, others = rows(800), rows(400, seed=1)
    settled = plan("binary", ("no", "yes"))
    answer, note = fit_boosting(settled, fitted, 60.0)
    straight, _ = fit_linear(settled, fitted, 60.0)
    assert note == ""
    assert hits(answer(others), others.labels) > 0.93
    assert 0.6 < hits(straight(others), others.labels) < 0.8
    only_numbers = Arrays({**fitted.inputs, "town": np.zeros_like(fitted.inputs["town"])}, fitted.labels)
    blind, _ = fit_linear(settled, only_numbers, 60.0)
    assert hits(blind(others), others.labels) < hits(straight(others), others.labels) - 0.03


def test_a_class_without_train_rows_has_a_score_of_none() -> None:
    fitted = rows(200)
    settled = plan("multiclass", ("no", "never", "yes"))
    fitted = Arrays(fitted.inputs, fitted.labels * 2)
    for fit in (fit_boosting, fit_linear):
        scores = fit(settled, fitted, 60.0)[0](fitted)
        assert scores.shape == (200, 3)
        assert scores[:, 1].max() == 0
        assert scores.sum(axis=1) == pytest.approx(np.ones(200), abs=1e-5)


def test_classes_of_one_row_and_values_that_are_not_finite_are_fitted_all_the_same() -> None:
    fitted = rows(12_000)  # scikit-learn holds rows of every class out, from 10,000 on
    fitted.labels[7] = 2
    fitted.inputs["features"][5] = [np.nan, np.inf]
    settled = plan("multiclass", ("no", "yes", "once"))
    for fit in (fit_boosting, fit_linear):
        assert np.isfinite(fit(settled, fitted, 0.0)[0](fitted)).all()


def test_boosting_ends_with_the_trees_that_its_time_is_good_for_and_says_so() -> None:
    answer, note = fit_boosting(plan("binary", ("no", "yes")), rows(400), 0.0)
    assert note == "ended after 5 of 100 rounds, as its 0 s were over"
    assert answer(rows(10)).shape == (10, 1)


def test_numbers_come_back_in_the_units_of_the_label() -> None:
    fitted = rows(300)
    labels = (fitted.inputs["features"][:, 0] * 0.5).astype(np.float32)
    settled = plan("regression")
    for fit in (fit_boosting, fit_linear):
        answers = fit(settled, Arrays(fitted.inputs, labels), 60.0)[0](fitted)
        errors = np.abs(in_label_units(answers, settled, LabelUnits(100.0, 7.0))[:, 0] - (labels * 100 + 7))
        assert errors.mean() < 6, "labels have a deviation of 50"
    bounded = plan("bounded_regression")
    assert in_label_units(np.float32([[-0.2], [0.4], [1.5]]), bounded, LabelUnits()).ravel() == pytest.approx(
        [0, 0.4, 1]
    )


class Reader:
    """Gives rows as an ExamplesReader does, and keeps which share of them was asked for."""

    def __init__(self, settled: FeaturePlan, found: Arrays) -> None:
        self.plan, self.found, self.shares = settled, found, []

    def load(self, _: Any, limit_bytes: int | None = None, share: float = 1.0, *, is_weighed: bool = True) -> Arrays:
        """All of the rows."""
        self.shares.append(share)
        return self.found if is_weighed else replace(self.found, weights=None)

    def label_units(self, _: Any) -> LabelUnits:
        """Those of classes."""
        return LabelUnits()


def test_of_many_rows_a_share_is_fitted() -> None:
    reader = Reader(plan("binary", ("no", "yes")), rows(60))
    told, answers = fit_references(reader, ["t"], ["e"], 100_000)
    assert reader.shares == [0.2, 1.0]
    assert [(one["name"], one["rows"], one["of_rows"]) for one in told] == [
        ("boosting", 60, 100_000),
        ("linear", 60, 100_000),
    ]
    assert {name: given.shape for name, given in answers.items()} == {"boosting": (60, 1), "linear": (60, 1)}
    assert describe_limits(told[0]).startswith("fitted on 60 of 100,000 train rows in ")


def test_rows_weigh_for_references_what_they_weigh_for_the_model() -> None:
    found = rows(400)
    contradicted = found.join(Arrays(found.inputs, 1 - found.labels))
    settled = plan("binary", ("no", "yes"))
    for truth, weights in ((found.labels, [1, 0.01]), (1 - found.labels, [0.01, 1]), (1 - found.labels, [0, 1])):
        weighed = replace(contradicted, weights=np.repeat(np.float32(weights), 400))
        told, answers = fit_references(Reader(settled, weighed), ["t"], ["e"], 800)
        assert hits(answers["boosting"][:400], truth) > 0.95
        assert hits(answers["linear"][:400], truth) > 0.6
        assert {one["rows"] for one in told} == {800 if all(weights) else 400}, "rows that weigh nothing are no rows"
    numbers = plan("regression")
    labels = np.repeat(np.float32([0, 1]), 400)
    inputs = contradicted.inputs
    _, answers = fit_references(Reader(numbers, Arrays(inputs, labels, labels * 8 + 1)), ["t"], ["e"], 800)
    assert [answers[one].mean() for one in ("boosting", "linear")] == pytest.approx([0.9, 0.9], abs=0.03)


def test_classes_weigh_for_references_what_they_weigh_for_the_model() -> None:
    settled, found = plan("binary", ("no", "yes")), rows(400)
    found = found.take((found.labels == 0) | (np.arange(400) % 5 == 0))
    plain, balanced, named = (
        fit_references(Reader(settled, found), ["t"], ["e"], 400, class_weights=weights)[1]["linear"].mean()
        for weights in (None, "balanced", {"yes": 100.0})
    )
    assert plain < 0.3 < balanced < 0.6 < named


@pytest.mark.parametrize("found", [rows(12), Arrays(rows(60).inputs, np.ones(60, np.int64))], ids=["few", "constant"])
def test_rows_that_teach_nothing_have_no_references(found: Arrays) -> None:
    assert fit_references(Reader(plan("binary", ("no", "yes")), found), ["t"], ["e"], 60) == ([], {})


def test_a_limit_needs_a_table_and_references() -> None:
    limits = EvaluationOptions(max_behind_reference=0.01)
    check_reference_limit(limits, plan("regression"))
    image = FeatureStep(name="photo", kind="image", dtype="image", shape=(8, 8, 3), options=ColumnOptions())
    with pytest.raises(ConfigError, match="max_behind_reference: expected a table .* got inputs of kind image; leave"):
        check_reference_limit(limits, plan("regression").model_copy(update={"steps": (image,)}))
    with pytest.raises(ConfigError, match="got a task of several labels a row"):
        check_reference_limit(limits, plan("multilabel", ("a", "b")))
    with pytest.raises(ValueError, match="expected references: true with max_behind_reference, got false"):
        EvaluationOptions(references=False, max_behind_reference=0.01)


# --- what is made of it ----------------------------------------------------------------------------------------------

LABELS = np.repeat([0, 1], 50)


def keep(folder: Path, boosting: int, linear: int) -> Path:
    """Writes references that err in so many of 100 rows."""
    given = {"boosting": boosting, "linear": linear}
    is_wrong = {name: np.arange(100) < wrong for name, wrong in given.items()}
    answers = {name: np.where(wrong, 1 - LABELS, LABELS) for name, wrong in is_wrong.items()}
    np.savez(folder / ANSWERS_FILE, **{name: np.float32(given)[:, None] for name, given in answers.items()})
    told = [{"name": name, "title": name, "rows": 9, "of_rows": 9, "seconds": 0.1, "note": ""} for name in given]
    (folder / REFERENCES_FILE).write_text(json.dumps(told))
    return folder


@pytest.mark.parametrize(("room", "status"), [(0.0, FAILED), (0.049, FAILED), (0.051, PASSED)])
def test_the_gate_holds_the_main_metric_against_the_better_of_them(tmp_path: Path, room: float, status: str) -> None:
    options = EvaluationOptions(metrics=["accuracy"], max_behind_reference=room)
    row = judge_against_references(options, LABELS, keep(tmp_path, 5, 20) / ANSWERS_FILE, "binary", {"accuracy": 0.9})
    assert (row.part, row.status, row.limit) == ("reference", status, pytest.approx(0.95 - room))
    assert row.text.endswith("(the boosting reference reaches 0.95 on these rows)")


def test_without_references_the_gate_leaves_their_limit_alone(tmp_path: Path) -> None:
    options = EvaluationOptions(metrics=["accuracy"], max_behind_reference=0.1)
    row = judge_against_references(options, LABELS, tmp_path / ANSWERS_FILE, "binary", {"accuracy": 0.9})
    assert (row.status, row.text) == (NOT_GATED, "not compared: no reference model could be fitted on these rows")


def run_figures(references: list[dict[str, Any]], accuracy: float) -> dict[str, Any]:
    """The figures of a run that learnt little: half way from the trivial model's to perfect."""
    half = {"accuracy": [accuracy], "val_accuracy": [accuracy], "loss": [0.5], "val_loss": [0.5]}
    figures = {
        "task": "binary", "main_metric": "accuracy", "metrics": {"accuracy": accuracy}, "trivial": {"accuracy": 0.5},
        "references": references,
        "performance": {"rows": 100, "intervals": {"accuracy": (accuracy - 0.05, accuracy + 0.05)}},
        "history": half, "experiment": {"training": {"epochs": 1}, "model": {"family": "mlp", "units": [8]}},
        "data": {"label": {"classes": ["no", "yes"]}},
    }  # fmt: skip
    return figures | {"references": compare_with_references(figures)}


def test_a_report_tells_a_weak_network_from_a_hard_task(tmp_path: Path) -> None:
    better = run_figures(measure_references(str(keep(tmp_path, 5, 40)), LABELS, ["accuracy"], "binary"), 0.8)
    assert better["references"][0]["text"] == (
        "Boosting reaches accuracy 0.95 on these rows, this model 0.8 (0.75 to 0.85)"
    )
    assert clearly_better(better)["name"] == "boosting"
    (weak,) = [one for one in diagnose(better) if one["name"] == "underfitting"]
    assert weak["level"] == "hint"
    assert weak["evidence"][0].endswith("the columns tell more than this model has learnt.")
    assert weak["treatments"][0]["line"] == '--set \'model={"family": "tabular"}\''

    worse = run_figures(measure_references(str(keep(tmp_path, 31, 40)), LABELS, ["accuracy"], "binary"), 0.7)
    assert clearly_better(worse) is None
    assert none_better(worse)["name"] == "boosting"
    (hard,) = [one for one in diagnose(worse) if one["name"] == "underfitting"]
    assert hard["level"] == "hint"
    assert hard["evidence"][-1].endswith("The task is hard with these columns.")
    assert hard["treatments"][0]["why"].startswith("more features")
    (unknown,) = [one for one in diagnose({**worse, "references": []}) if one["name"] == "underfitting"]
    assert unknown["level"] == "problem"


def test_a_run_that_did_not_come_so_far_has_none(tmp_path: Path) -> None:
    assert measure_references(None, LABELS, ["accuracy"], "binary") == []
    assert measure_references(str(tmp_path), LABELS, ["accuracy"], "binary") == []
    assert measure_references(str(keep(tmp_path, 1, 2)), LABELS[:5], ["accuracy"], "binary") == [], "of other rows"
