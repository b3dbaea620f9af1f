"""What a threshold of a binary task finds and costs, by hand and by scikit-learn, and what the plots say."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as reference

from kerasline.components.report.figures.performance import describe_performance, precision_recall_curve
from kerasline.components.report.figures.thresholds import describe_scores, describe_thresholds
from kerasline.components.report.plots.score_plots import plot_scores


def drawn(rows: int, positive_share: float, shift: float) -> tuple[np.ndarray, np.ndarray]:
    """Truth and float32 scores, those of positive rows higher by a shift."""
    random = np.random.default_rng(11)
    truth = random.random(rows) < positive_share
    return truth, np.clip(random.normal(0.4, 0.15, rows) + shift * truth, 0, 1).astype(np.float32)


def found_in(truth: np.ndarray, scores: np.ndarray) -> dict[str, Any]:
    found = describe_thresholds(truth, scores)
    assert found is not None
    return found


def test_each_threshold_finds_what_scikit_learn_counts() -> None:
    truth, scores = drawn(400, 0.3, 0.2)
    found = found_in(truth, scores)
    assert len(found["threshold"]) == 101
    for place in (0, 20, 50, 63):
        guessed = scores > found["threshold"][place]
        assert found["recall"][place] == pytest.approx(reference.recall_score(truth, guessed))
        assert found["precision"][place] == pytest.approx(reference.precision_score(truth, guessed))
        assert found["f1"][place] == pytest.approx(reference.f1_score(truth, guessed))
    assert found["used_f1"] == pytest.approx(reference.f1_score(truth, scores > 0.5))
    assert found["best_f1"] == max(found["f1"])


def test_a_score_on_the_threshold_is_not_above_it() -> None:
    found = found_in(np.array([True, False, True]), np.array([0.5, 0.25, 1.0]))
    assert found["recall"][50] == 0.5 and found["recall"][49] == 1.0
    assert found["precision"][100] is None and found["f1"][100] == 0.0


def test_equally_good_thresholds_give_way_to_the_one_in_use() -> None:
    found = found_in(np.array([False, True] * 20), np.array([0.1, 0.9] * 20))
    assert (found["best"], found["best_f1"], found["used_f1"]) == (0.5, 1.0, 1.0)
    assert [entry["threshold"] for entry in found["cheapest"]] == [0.5] * 4
    assert found["best_interval"] == [0.5, 0.5]


def test_the_dearer_a_missed_row_the_lower_the_threshold() -> None:
    truth, scores = drawn(3000, 0.5, 0.2)
    found = found_in(truth, scores)
    assert [entry["ratio"] for entry in found["cheapest"]] == [1, 2, 5, 10]
    chosen = [entry["threshold"] for entry in found["cheapest"]]
    assert chosen == sorted(chosen, reverse=True) and chosen[0] > chosen[-1]
    costs = [5 * (truth & (scores <= at)).sum() + (~truth & (scores > at)).sum() for at in found["threshold"]]
    assert costs[found["threshold"].index(chosen[2])] == min(costs)


@pytest.mark.parametrize(
    ("truth", "scores"), [([True, True], [0.2, 0.7]), ([False, False], [0.2, 0.7]), ([True, False], [np.nan, 0.5])]
)
def test_one_class_or_no_number_has_no_threshold(truth: list[bool], scores: list[float]) -> None:
    assert describe_thresholds(np.array(truth), np.array(scores)) is None
    assert describe_scores(np.array(truth), np.array(scores)) is None


def test_scores_are_counted_by_class_and_none_is_lost() -> None:
    found = describe_scores(np.array([True, True, False]), np.array([1.0, 1.25, -0.5]))
    assert found is not None
    assert found["positive"] == [0] * 19 + [2] and found["negative"] == [1] + [0] * 19
    assert (found["positive_median"], found["negative_median"]) == (1.0, 0.0)


def test_average_precision_is_scikit_learns() -> None:
    truth, scores = drawn(700, 0.2, 0.1)
    curve = precision_recall_curve(truth, np.round(scores, 2))
    assert curve is not None
    assert curve["average_precision"] == pytest.approx(reference.average_precision_score(truth, np.round(scores, 2)))


def title_of(truth: np.ndarray, scores: np.ndarray) -> str:
    return plot_scores({"thresholds": found_in(truth, scores)})[0].title


def test_chance_decides_whether_another_threshold_is_recommended() -> None:
    """A rare class whose scores stay low asks for a low threshold; with few rows nothing can be told."""
    truth, scores = drawn(4000, 0.2, 0.1)
    assert title_of(truth, scores * 0.5).startswith("A threshold of 0.2")
    assert title_of(truth, scores * 0.5).endswith("instead of 0 with 0.5")
    truth, scores = drawn(40, 0.4, 0.25)
    assert title_of(truth, scores).startswith("The threshold in use, 0.5, may be the best: F1 0.")
    assert title_of(np.array([False, True] * 20), np.array([0.1, 0.9] * 20)) == (
        "No threshold has a higher F1 than 0.5, which is in use: 1"
    )


def test_the_plots_of_a_binary_task() -> None:
    truth, scores = drawn(500, 0.3, 0.3)
    evil = "<b>no</b>"
    found = describe_performance(truth.astype(np.float32), scores[:, None], "binary", (evil, "yes"), ["auc"])
    stored = json.loads(json.dumps(found, allow_nan=False))
    plots = plot_scores(stored)
    assert [plot.note.split(";")[0].split(",")[0] for plot in plots] == [
        "ROC curve",
        "Precision-recall curve",
        "Distribution of the scores",
        "Cheapest threshold on these rows",
    ]
    assert plots[2].title.startswith("The median score is 0.7") and plots[2].title.endswith(f"rows that are {evil}")
    assert all("<b>" not in plot.body for plot in plots)
    assert [row["name"] for row in plots[3].spec["datasets"]["plotted"]] == ["F1", "recall", "precision"]


def test_scores_that_are_all_zero_flag_no_row() -> None:
    found = found_in(np.array([True, False]), np.zeros(2))
    plot = plot_scores({"thresholds": found})[0]
    shown = [row["name"] for row in plot.spec["datasets"]["plotted"]]
    assert shown == ["F1", "recall"], "there is no precision to draw"


def test_figures_of_earlier_runs_are_drawn_as_far_as_they_go() -> None:
    curve = {"recall": [0.5, 1.0], "precision": [1.0, 0.5], "threshold": [0.9, 0.1], "share": 0.5}
    (plot,) = plot_scores({"precision_recall": curve, "classes": []})
    assert plot.note == "Precision-recall curve"
