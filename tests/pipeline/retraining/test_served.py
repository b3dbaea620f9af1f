"""Whether what a model was asked and answered is a reason to train again, over answers that a server has captured."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kerasline.components.leaks import Column
from kerasline.components.monitoring import Capture, Exchange
from kerasline.components.registry import push_version
from kerasline.components.validation.samples import profile_columns
from kerasline.pipeline.config.schedule import ScheduleOptions
from kerasline.pipeline.models import label_answers
from kerasline.pipeline.retraining.deciding import retrain
from kerasline.pipeline.retraining.served import gather_served
from kerasline.pipeline.retraining.triggers import Evidence

RECORD: dict[str, Any] = {
    "recipe": "visits",
    "task": "binary",
    "classes": ["no", "yes"],
    "arguments": {"x": "x"},
    "columns": [{"name": "x", "dtype": "float"}],
    "label": {"name": "came", "columns": ["came"]},
    "main_metric": "accuracy",
    "measured": ["accuracy"],
    "data_fingerprint": "fitted on this",
}


def scores_of(x: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-x)), np.float32)


def push(root: Path) -> None:
    """Pushes a version whose scores are right as often as they say."""
    random = np.random.default_rng(0)
    x = random.normal(0, 2, 2000)
    scores, profile = scores_of(x), {"columns": profile_columns({"x": Column("numeric", x)}, None)}

    def finish(version: Path) -> None:
        (version / "profile.json").write_text(json.dumps(profile))
        labels = (random.random(2000) < scores).astype(np.int64)
        np.savez(version / "answers-eval.npz", predictions=scores[:, None], labels=labels)

    model = root / "exported"
    (model / "variables").mkdir(parents=True)
    (model / "saved_model.pb").write_text("1")
    (model / "variables" / "variables.index").write_text("")
    push_version(root / "models" / "visits", model, RECORD, 5, finish)


def serve(root: Path, shift: float = 0.0, spread: float = 2.0, rows: int = 400) -> np.ndarray:
    """Captures answers to rows that are shifted; returns the scores."""
    xs = np.random.default_rng(1).normal(shift, spread, rows).astype(np.float32)
    scores = scores_of(xs)
    capture = Capture(root / "captured", 1.0)
    for number, (x, score) in enumerate(zip(xs, scores, strict=True)):
        answer = {"scores": np.array([[1 - score, score]], np.float32)}
        values = {"inputs": {"x": x[None]}, "answer": answer}
        capture.take(Exchange("visits", 1, RECORD, f"v{number}", time.time(), 0.004, **values))
    capture.close()
    return scores


def label(root: Path, scores: np.ndarray, wrong: float) -> None:
    """Gives the answers their labels, so that a share of them is wrong."""
    said = np.where(scores > 0.5, "yes", "no")
    others = np.where(said == "yes", "no", "yes")
    came = np.where(np.arange(len(said)) < wrong * len(said), others, said)
    lines = [f"v{number},{word}" for number, word in enumerate(came)]
    (root / "came.csv").write_text("\n".join(["visit,came", *lines]) + "\n")
    label_answers(root, "visits", str(root / "came.csv"), "visit")


def look(root: Path, fingerprint: str = "newer", **schedule: Any) -> Evidence:
    return gather_served(ScheduleOptions(**schedule), root / "models" / "visits", root, fingerprint)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    push(tmp_path)
    return tmp_path


@pytest.mark.parametrize("trigger", ["served_drift", "served_metric", "estimated_metric"])
def test_without_captured_rows_it_says_so_and_does_not_run(root: Path, trigger: str) -> None:
    found = look(root, trigger=trigger)
    assert found == Evidence(False, "no row that version 1 answered is captured, see serve.capture")
    assert "within the last 7 days is captured" in look(root, trigger=trigger, served_days=7).reason


def test_nothing_in_production_is_a_reason(tmp_path: Path) -> None:
    assert look(tmp_path, trigger="served_drift").is_reason


def test_served_drift_names_column_distance_and_limit(root: Path) -> None:
    serve(root, shift=3)
    found = look(root, trigger="served_drift")
    assert found.is_reason
    assert found.reason.startswith("drifted in the 400 rows that version 1 answered: ")
    assert "x by 0." in found.reason
    assert "(limit 0.0" in found.reason
    assert any(line.startswith("x has drifted from the version's data") for line in found.details)


def test_rows_like_those_before_are_no_reason(root: Path) -> None:
    serve(root)
    found = look(root, trigger="served_drift")
    assert not found.is_reason
    assert found.reason == "no column drifted in the 400 rows that version 1 answered"


def test_few_rows_are_said(root: Path) -> None:
    serve(root, shift=5, rows=20)
    found = look(root, trigger="served_drift")
    assert not found.is_reason
    assert found.reason.endswith("answered (20 rows were answered; alarms need 30)")


def test_drift_is_no_reason_where_a_run_would_fit_the_same_model(root: Path) -> None:
    serve(root, shift=3)
    found = look(root, "fitted on this", trigger="served_drift")
    assert not found.is_reason
    assert found.reason.startswith("drifted in the 400 rows")
    assert found.reason.endswith("; the data is that of version 1, so a run would fit the same model")


def test_served_metric_waits_for_labels_and_goes_by_alarms(root: Path) -> None:
    scores = serve(root)
    waiting = look(root, trigger="served_metric")
    assert (waiting.is_reason, "no answer has its label yet" in waiting.reason) == (False, True)
    label(root, scores, wrong=0.1)
    fine = look(root, trigger="served_metric")
    assert not fine.is_reason
    assert fine.reason.startswith("version 1 is not worse than chance explains: accuracy 0.9 (0.866")
    label(root, scores, wrong=0.6)
    worse = look(root, trigger="served_metric")
    assert worse.is_reason
    assert worse.reason.startswith("accuracy is 0.4 by the labels that came (0.353")


def test_thresholds_decide_where_there_are_some(root: Path) -> None:
    label(root, serve(root), wrong=0.25)
    limits = {"accuracy": {"min": 0.78}}
    found = look(root, trigger="served_metric", thresholds=limits)
    assert found.is_reason
    assert found.reason.startswith(
        "version 1 by the labels that came: accuracy 0.75 is below 0.78 (95 % interval 0.705"
    )
    kept = look(root, trigger="served_metric", thresholds={"accuracy": {"min": 0.7}})
    assert not kept.is_reason
    assert kept.reason.startswith("version 1 holds its limits by the labels that came: accuracy 0.75 (95 % interval")


def test_estimated_metric_needs_no_labels(root: Path) -> None:
    serve(root, spread=0.3)
    found = look(root, trigger="estimated_metric")
    assert found.is_reason, "near the middle scores are right hardly more often than not"
    assert found.reason.startswith("accuracy is 0.5")
    assert "as estimated without labels" in found.reason


def test_retrain_writes_down_what_it_saw(root: Path) -> None:
    """The decision of the command itself, with the answers of its workspace."""
    lines = [f"{n / 10},{'yes' if n > 50 else 'no'}\n" for n in range(100)]
    (root / "visits.csv").write_text("x,came\n" + "".join(lines))
    recipe = root / "visits.yaml"
    recipe.write_text("name: visits\ndata: {csv: {path: visits.csv, label: came}}\nschedule: {trigger: served_drift}\n")
    decision = retrain(str(recipe), [], None, root)
    assert (decision.run, decision.exit_code) == (False, 0)
    assert decision.reason == "no row that version 1 answered is captured, see serve.capture"
