"""Which schedule is recommended: by pairs of answers to the same rows, and with the fewest runs that do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kerasline.components.evaluation import metric_intervals
from kerasline.pipeline.backtesting.judging import judge, quality
from kerasline.pipeline.backtesting.replaying import Course
from kerasline.pipeline.backtesting.schedules import parse_schedules

ROWS = 400


def look(folder: Path, span: str, model: str, right: float, rows: int = ROWS, lost: int = 0) -> dict[str, Any]:
    """A span that a model answered, right for the first rows of all; of the last some were not answered."""
    labels = np.arange(rows) % 2
    scores = np.where(np.arange(rows) < round(right * rows), labels, 1 - labels).astype(np.float32)[:, None]
    labels, scores = labels[: rows - lost], scores[: rows - lost]
    file = folder / f"{model}-{span}-{right}.npz"
    np.savez(file, labels=labels, predictions=scores, places=np.arange(rows - lost).astype(str))
    low, high = metric_intervals(["accuracy"], labels, scores, "binary")["accuracy"] or (None, None)
    value = float(((scores[:, 0] > 0.5) == labels).mean())
    metrics = {"accuracy": {"value": value, "low": low, "high": high}}
    return {"span": span, "model": model, "rows": rows - lost, "metrics": metrics, "task": "binary",
            "message": "", "answers": str(file)}  # fmt: skip


def course(name: str, runs: int, *looks: dict[str, Any]) -> Course:
    (schedule,) = parse_schedules([name], None)
    fit = {"status": "pushed", "seconds": 1.0}
    return Course(schedule, [fit] * runs, list(looks))


def test_the_best_is_recommended_where_it_is_better_beyond_noise(tmp_path: Path) -> None:
    never = course("never", 1, look(tmp_path, "2", "1", 0.9), look(tmp_path, "3", "1", 0.7))
    every = course("every", 2, look(tmp_path, "2", "1", 0.9), look(tmp_path, "3", "1 to 2", 0.9))
    found = judge([never, every])
    assert found.recommended == "every"
    assert found.reason == "every has the best accuracy, 0.9 with 2 runs, by more than chance explains"
    told = found.compared["never"] or {}
    assert told["difference"] == pytest.approx(0.1)
    # Only the second span differs, by rows that one model alone has right: sqrt(0.2 * 0.8 / 400) of it.
    assert told["high"] - told["difference"] == pytest.approx(1.96 * np.sqrt(0.16 / ROWS) / 2, rel=0.15)
    assert told["beyond_noise"]


def test_fewer_runs_are_recommended_where_the_difference_is_noise(tmp_path: Path) -> None:
    never = course("never", 1, look(tmp_path, "2", "1", 0.9), look(tmp_path, "3", "1", 0.895))
    every = course("every", 2, look(tmp_path, "2", "1", 0.9), look(tmp_path, "3", "1 to 2", 0.9))
    found = judge([never, every])
    assert found.recommended == "never"
    assert found.reason.startswith("never reaches accuracy 0.8975 with 1 run; every reaches 0.9 with 2, and its")
    assert found.reason.endswith("is not beyond noise")


def test_of_equal_schedules_the_one_with_fewer_runs_is_best(tmp_path: Path) -> None:
    looks = [look(tmp_path, "2", "1", 0.9), look(tmp_path, "3", "1", 0.9)]
    found = judge([course("every", 2, *looks), course("drift", 1, *looks)])
    assert found.recommended == "drift"
    assert found.compared["every"] == {"difference": 0.0, "low": 0.0, "high": 0.0, "beyond_noise": False}


def test_one_that_had_no_model_is_no_choice(tmp_path: Path) -> None:
    nothing = {"span": "2", "model": None, "rows": 0, "metrics": {}, "message": "nothing is in production"}
    late = course("every-2", 1, nothing, look(tmp_path, "3", "2", 1.0))
    never = course("never", 1, look(tmp_path, "2", "1", 0.9), look(tmp_path, "3", "1", 0.6))
    found = judge([late, never])
    assert found.recommended == "never"
    assert found.compared["every-2"] is None


def test_rows_that_one_model_could_not_answer_are_left_out_of_the_pairs(tmp_path: Path) -> None:
    never = course("never", 1, look(tmp_path, "2", "1", 0.5, lost=100))
    every = course("every", 2, look(tmp_path, "2", "2", 0.95))
    assert judge([never, every]).recommended == "every"


def test_without_figures_nothing_is_recommended() -> None:
    found = judge([course("never", 1)])
    assert (found.recommended, found.compared) == (None, {})


def test_quality_is_the_mean_by_rows(tmp_path: Path) -> None:
    looks = [look(tmp_path, "2", "1", 0.9, rows=300), look(tmp_path, "3", "1", 0.5, rows=100)]
    found = quality(looks)["accuracy"]
    assert found["value"] == pytest.approx(0.8)
    # 400 rows of both kinds: their variances add by the squares of their shares.
    half = 1.96 * np.sqrt(0.75**2 * 0.09 / 300 + 0.25**2 * 0.25 / 100)
    assert (found["high"] or 0) - 0.8 == pytest.approx(half, rel=0.15)
    assert 0.8 - (found["low"] or 0) == pytest.approx(half, rel=0.15)
