"""Intervals against brute force, and the fast figures against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as reference

from kerasline.components.evaluation.intervals import average_precision, metric_intervals, wilson
from kerasline.components.evaluation.metrics import rank_auc


def test_wilson_is_the_textbook_interval() -> None:
    # 8 of 10, as every table of Wilson's interval has it.
    assert wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)


def test_wilson_touches_the_ends_exactly() -> None:
    assert wilson(0, 12)[0] == 0.0
    assert wilson(12, 12)[1] == 1.0
    assert wilson(12, 12)[0] == pytest.approx(0.7575, abs=1e-3)


def test_rank_auc_is_scikit_learns_also_with_ties() -> None:
    random = np.random.default_rng(0)
    truth, scores = random.random(300) < 0.3, np.round(random.random(300), 1)
    assert rank_auc(truth, scores) == pytest.approx(reference.roc_auc_score(truth, scores), abs=1e-12)
    assert average_precision(truth, scores) == pytest.approx(
        reference.average_precision_score(truth, scores), abs=1e-12
    )


def test_there_is_no_auc_of_one_class() -> None:
    assert rank_auc(np.ones(5, bool), np.arange(5.0)) is None
    assert average_precision(np.zeros(5, bool), np.arange(5.0)) is None


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """95 % intervals of 200 samples whose true error is known hold it about 190 times."""
    held = {"mae": 0, "rmse": 0}
    for seed in range(200):
        errors = np.random.default_rng(seed).normal(size=150)
        found = metric_intervals(["mae", "rmse"], np.zeros(150), errors[:, None], "regression")
        for name, truth in (("mae", np.sqrt(2 / np.pi)), ("rmse", 1.0)):
            low, high = found[name] or (0.0, 0.0)
            held[name] += low <= truth <= high
    assert held["mae"] >= 180 and held["rmse"] >= 180


def test_a_bootstrap_of_many_rows_is_as_narrow_as_they_allow() -> None:
    random = np.random.default_rng(1)
    truth = (random.random(20_000) < 0.5).astype(np.float32)
    scores = np.clip(truth * 0.2 + random.random(20_000) * 0.8, 0, 1)[:, None].astype(np.float32)
    low, high = metric_intervals(["auc"], truth, scores, "binary")["auc"] or (0.0, 0.0)
    area = reference.roc_auc_score(truth, scores[:, 0])
    assert low < area < high
    assert high - low < 0.02


def test_one_row_has_no_interval() -> None:
    assert metric_intervals(["accuracy"], np.zeros(1), np.ones((1, 2)), "multiclass") == {"accuracy": None}
