"""Whether new data is a reason to train: drift against what production saw, and production's metric on new spans."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kerasline.components.core import ConfigError
from kerasline.components.evaluation.options import Threshold
from kerasline.components.registry import push_version
from kerasline.pipeline.config.experiment import parse_experiment
from kerasline.pipeline.plan.planning import RunPlan, plan_run
from kerasline.pipeline.retraining.triggers import (
    describe_changes,
    gather_drift,
    gather_metric,
    judge_figure,
    new_shards,
)

RECIPE: dict[str, Any] = {
    "name": "weekly",
    "data": {"spans": {"pattern": "week-{SPAN}.csv", "label": "kind"}},
    "task": "binary",
}


def write_week(folder: Path, week: int, shift: float = 0.0, flip: float = 0.0, rows: int = 80) -> None:
    """Writes rows whose kind is yes where x is above 10; a shift moves x, a share of the labels is flipped."""
    random = np.random.default_rng(week)
    with open(folder / f"week-{week}.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["x", "town", "kind"])
        for _ in range(rows):
            x = float(random.normal(10, 2))
            town = "Bonn" if random.random() < 0.6 else "Kiel"
            is_yes = (x > 10) != (random.random() < flip)
            writer.writerow([round(x + shift, 3), town, "yes" if is_yes else "no"])


def save_model(path: Path) -> Path:
    """Saves a model that says yes where x is above 10, with the signatures of a pushed version."""
    import tensorflow as tf

    class Judge(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="rows")])
        def evaluation(self, rows: tf.Tensor) -> dict[str, tf.Tensor]:
            x = tf.io.parse_example(rows, {"x": tf.io.FixedLenFeature([], tf.float32)})["x"]
            return {"prediction": tf.sigmoid(x - 10.0)[:, tf.newaxis]}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="rows")])
        def label_index(self, rows: tf.Tensor) -> dict[str, tf.Tensor]:
            kind = tf.io.parse_example(rows, {"kind": tf.io.FixedLenFeature([], tf.string)})["kind"]
            known = tf.where(kind == "yes", 1, tf.where(kind == "no", 0, -1))
            return {"label_index": tf.cast(known, tf.int64)}

    judge = Judge()
    tf.saved_model.save(judge, str(path), signatures={"evaluation": judge.evaluation, "label_index": judge.label_index})
    return path


def plan_now(folder: Path, **changes: Any) -> RunPlan:
    """Plans the run on the weeks that are there."""
    return plan_run(parse_experiment({**RECIPE, **changes}), folder, None, folder / "models" / "weekly")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The SavedModel."""
    return save_model(tmp_path_factory.mktemp("judge") / "model")


@pytest.fixture
def folder(tmp_path: Path, saved: Path) -> Path:
    """Two weeks, and a version in production that saw them, with its profile and the figures of its push."""
    for week in (1, 2):
        write_week(tmp_path, week)
    plan = plan_now(tmp_path)
    from kerasline.components.validation.samples.profile import profile_columns
    from kerasline.components.validation.samples.sampling import decode_columns, kinds_of
    from kerasline.pipeline.retraining.triggers import read_records

    columns = decode_columns(read_records(plan, plan.dataset.shards, 1000), kinds_of(plan.features))
    profile = {"columns": profile_columns(columns, plan.features.classes)}

    def add_profile(version: Path) -> None:
        (version / "profile.json").write_text(json.dumps(profile))

    push_version(tmp_path / "models" / "weekly", saved, {**plan.record(), "run_id": "r1"}, keep=5, finish=add_profile)
    report = tmp_path / "reports" / "weekly" / "r1"
    report.mkdir(parents=True)
    outcome = {"run_id": "r1", "recipe": "weekly", "status": "pushed", "metrics": {"accuracy": 1.0},
               "model": {"version": 1}}  # fmt: skip
    (report / "run.json").write_text(json.dumps(outcome))
    return tmp_path


def test_the_same_kind_of_data_has_not_drifted(folder: Path) -> None:
    write_week(folder, 3)
    evidence = gather_drift(plan_now(folder), folder / "models" / "weekly")
    assert not evidence.is_reason
    assert evidence.reason == "no column drifted in 80 new rows, from version 1, in production"
    assert {line.split(":")[0] for line in evidence.details} == {"x", "town", "kind"}


def test_drift_is_seen_in_the_new_span_alone(folder: Path) -> None:
    """Diluted by the two weeks before, the same shift would stay below the limit."""
    write_week(folder, 3, shift=3)
    models = folder / "models" / "weekly"
    evidence = gather_drift(plan_now(folder), models)
    assert evidence.is_reason
    assert evidence.reason == "x drifted in 80 new rows, from version 1, in production"
    assert (
        "(mean 9.616 before, 12.89 now), above the limit 0.1 and the 0.083 that chance explains" in evidence.details[0]
    )
    write_week(folder, 4, rows=400)
    diluted = gather_drift(plan_now(folder), models)
    assert not diluted.is_reason and diluted.reason.startswith("no column drifted in 480 new rows")
    (folder / "week-4.csv").unlink()
    column_off = {"drift": {"policy": "warn", "columns": {"x": "off"}}}
    assert not gather_drift(plan_now(folder, validation=column_off), models).is_reason
    wide = {"drift": {"policy": "fail", "limit": 0.9}}
    assert not gather_drift(plan_now(folder, validation=wide), models).is_reason, "the recipe's own limit counts"


def test_the_newest_span_is_judged_alone_too(folder: Path) -> None:
    write_week(folder, 3, rows=400)
    write_week(folder, 4, shift=3)
    evidence = gather_drift(plan_now(folder), folder / "models" / "weekly")
    assert evidence.reason == "x drifted in 80 rows of span 4, from version 1, in production"
    write_week(folder, 5)
    evidence = gather_drift(plan_now(folder), folder / "models" / "weekly")
    assert evidence.reason.startswith("no column drifted in 560 new rows"), "diluted, and the newest is as before"


def test_without_new_spans_nothing_is_read(folder: Path) -> None:
    for evidence in (
        gather_drift(plan_now(folder), folder / "models" / "weekly"),
        gather_metric(plan_now(folder), folder / "models" / "weekly", folder, {"accuracy": Threshold(min=0.9)}),
    ):
        assert (evidence.is_reason, evidence.reason) == (False, "nothing is new since version 1")


def test_before_the_first_push_there_is_every_reason(tmp_path: Path) -> None:
    write_week(tmp_path, 1)
    plan, models = plan_now(tmp_path), tmp_path / "models" / "weekly"
    assert gather_drift(plan, models).is_reason
    assert gather_metric(plan, models, tmp_path, {"accuracy": Threshold(min=0.9)}).is_reason


def test_the_metric_is_that_of_the_new_rows(folder: Path) -> None:
    """The model is right about every row but those whose labels are flipped."""
    models = folder / "models" / "weekly"
    write_week(folder, 3)
    good = gather_metric(plan_now(folder), models, folder, {"accuracy": Threshold(min=0.99, max_drop=0.01)})
    assert not good.is_reason
    assert good.reason == "version 1 holds its limits on 80 new rows: accuracy 1 was 1 at the push"
    write_week(folder, 4, flip=0.5, rows=120)
    flipped = gather_metric(plan_now(folder), models, folder, {"accuracy": Threshold(max_drop=0.1)})
    assert flipped.is_reason
    with open(folder / "week-4.csv") as file:
        rows = list(csv.DictReader(file))
    right = sum((float(row["x"]) > 10) == (row["kind"] == "yes") for row in rows)
    wanted = f"version 1 on 120 rows of span 4: accuracy {right / 120:.4g} was 1 at the push, which"
    assert flipped.reason.startswith(wanted), "the good week before it does not hide it"


def test_a_metric_of_ones_own_counts(folder: Path) -> None:
    """Its module lies beside the recipe, and is seen by the plan of the run that would follow."""
    (folder / "costs_of_weeks.py").write_text(
        "import numpy as np\ndef cost(y_true, y_pred):\n    return np.where((y_pred > 0.5) == y_true, 0.0, 5.0)\n"
        "cost.higher_is_better = False\n"
    )
    name, models = "costs_of_weeks:cost", folder / "models" / "weekly"
    schedule = {"cron": "0 3 * * *", "trigger": "metric", "thresholds": {name: {"max": 0.5}}}
    write_week(folder, 3, flip=0.5)
    evidence = gather_metric(plan_now(folder, schedule=schedule), models, folder, {name: Threshold(max=0.5)})
    with open(folder / "week-3.csv") as file:
        rows = list(csv.DictReader(file))
    wrong = sum((float(row["x"]) > 10) != (row["kind"] == "yes") for row in rows)
    assert evidence.reason == f"version 1 on 80 new rows: {name} {5 * wrong / 80:.4g} is above 0.5"
    with pytest.raises(ConfigError, match="schedule.thresholds.costs_of_weeks:cost: expected max"):
        gather_metric(plan_now(folder, schedule=schedule), models, folder, {name: Threshold(min=0.5)})


def test_labels_that_production_does_not_know(folder: Path) -> None:
    write_week(folder, 3)
    text = (folder / "week-3.csv").read_text().replace("yes", "maybe", 1)
    (folder / "week-3.csv").write_text(text)
    plan = plan_now(folder, task="multiclass")
    evidence = gather_metric(plan, folder / "models" / "weekly", folder, {"accuracy": Threshold(min=0.1)})
    assert evidence.is_reason
    assert evidence.reason == "1 of 80 new rows have a label that version 1 does not know"


def test_rows_that_production_cannot_read_are_a_reason(folder: Path) -> None:
    """The run that follows shows them to the gate."""
    write_week(folder, 3)
    text = (folder / "week-3.csv").read_text().replace(",Bonn", " m,Bonn", 5)
    (folder / "week-3.csv").write_text(text)
    evidence = gather_metric(plan_now(folder), folder / "models" / "weekly", folder, {"accuracy": Threshold(min=0.1)})
    assert evidence.is_reason
    assert evidence.reason.startswith("version 1 cannot answer the new rows: ")


@pytest.mark.parametrize(
    ("metric", "value", "at_push", "limit", "is_reason", "text"),
    [
        ("accuracy", 0.8, 0.9, {"min": 0.85}, True, "accuracy 0.8 is below 0.85"),
        ("accuracy", 0.8, 0.9, {"max_drop": 0.05}, True, "accuracy 0.8 was 0.9 at the push, which is 0.1 worse"),
        ("accuracy", 0.8, 0.7, {"max_drop": 0.05}, False, "accuracy 0.8 was 0.7 at the push"),
        ("rmse", 3.0, 2.0, {"max_drop": 0.5}, True, "rmse 3 was 2 at the push, which is 1 worse and may be 0.5"),
        ("rmse", 1.0, 2.0, {"max_drop": 0.5}, False, "rmse 1 was 2 at the push"),
        ("rmse", 3.0, None, {"max": 2.5}, True, "rmse 3 is above 2.5"),
        ("rmse", 3.0, None, {"max_drop": 0.5}, False, "what it was at the push is not known"),
        ("auc", None, 0.9, {"min": 0.85}, False, "auc is not defined on them"),
    ],
)
def test_limits(
    metric: str, value: float | None, at_push: float | None, limit: dict[str, float], is_reason: bool, text: str
) -> None:
    judged = judge_figure(metric, value, at_push, Threshold(**limit))
    assert judged[0] is is_reason
    assert text in judged[1]


def test_changes_of_spans() -> None:
    before = {"8": "a", "9": "b", "11": "c"}
    assert describe_changes({"9": "b", "10": "d", "11": "x", "12": "e"}, before) == (
        "span 10 is new and late",
        "span 11 came again with other content",
        "span 12 is new",
        "span 8 has left the window",
    )
    assert describe_changes({"8": "a", "11": "c"}, before) == ("span 9 is gone",)
    assert describe_changes({"2026-01-02": "a"}, {}) == ()


def test_shards_of_new_spans(folder: Path) -> None:
    write_week(folder, 3)
    plan = plan_now(folder)
    seen = plan.dataset.spans
    assert [shard["span"] for shard in new_shards(plan.dataset, {"span_digests": {"1": seen["1"], "2": "other"}})] == [
        "2",
        "3",
    ]
    assert new_shards(plan.dataset, {"data_fingerprint": plan.dataset.fingerprint}) == []
