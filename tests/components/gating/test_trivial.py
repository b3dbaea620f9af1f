"""Better than trivial: asked in a figure that can see skill, and never granted for luck."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kerasline.components.evaluation.options import EvaluationOptions
from kerasline.components.gating.rows import FAILED, PASSED, Row
from kerasline.components.gating.trivial import judge_against_trivial
from kerasline.components.models.description.spec import Task


def judge(
    task: Task,
    labels: np.ndarray,
    predictions: np.ndarray,
    trivial: Any,
    metrics: list[str],
    thresholds: Any = None,
    weighs_classes: bool = False,
) -> Row:
    """Judges with limits on the main metric, as settled options have them."""
    block = {"metrics": metrics, "thresholds": thresholds or {metrics[0]: {"max_drop": 0.0}}}
    answers = predictions.astype(np.float32).reshape(len(labels), -1)
    options = EvaluationOptions.model_validate(block)
    return judge_against_trivial(options, labels, answers, np.atleast_1d(trivial), task, {}, weighs_classes)


def rare_class(rows: int, share: float = 0.21, skill: float = 1.5) -> tuple[np.ndarray, np.ndarray]:
    """Labels of which few are positive, and honest scores that seldom reach a half."""
    random = np.random.default_rng(2)
    labels = (random.random(rows) < share).astype(float)
    clue = random.normal(size=rows) + skill * labels
    odds = share / (1 - share) * np.exp(skill * clue - skill**2 / 2)
    return labels, odds / (1 + odds)


def test_skill_that_accuracy_cannot_see_shows_in_the_log_loss() -> None:
    labels, scores = rare_class(300, skill=1.2)
    row = judge("binary", labels, scores, labels.mean(), ["accuracy", "auc", "log_loss"])
    assert (row.status, row.metric) == (PASSED, "log_loss")
    assert row.text.startswith("better than the trivial model's 0.5") and "99 % interval" in row.text


def test_where_classes_are_weighed_accuracy_and_probabilities_are_not_asked_for() -> None:
    labels, scores = rare_class(400, share=0.1)
    weighed = scores * 9 / (scores * 9 + 1 - scores)  # as class_weights: balanced has them
    thresholds = {"auc": {"min": 0.6}}
    row = judge("binary", labels, weighed, labels.mean(), ["auc", "accuracy"], thresholds, True)
    assert (row.status, row.metric) == (PASSED, "auc")
    row = judge("binary", labels, weighed, labels.mean(), ["accuracy"], thresholds, True)
    assert (row.status, row.metric) == (PASSED, "auc"), "accuracy has no limit"
    row = judge("binary", labels, 1 - weighed, labels.mean(), ["accuracy"], {"accuracy": {"min": 0.5}}, True)
    assert (row.status, row.metric) == (FAILED, "accuracy")


def test_a_refusal_names_the_figures_and_the_ways_out() -> None:
    labels, _ = rare_class(300)
    scores = np.random.default_rng(5).random(300)
    row = judge("binary", labels, scores, labels.mean(), ["accuracy", "auc"])
    assert (row.status, row.metric) == (FAILED, "accuracy")
    assert "log loss 1.1" in row.detail and "the trivial model's 0.5" in row.detail
    assert "ROC AUC 0." in row.detail and row.detail.endswith(
        "evaluation.beat_trivial: false pushes a model all the same"
    )


def test_small_gains_of_numbers_show_row_by_row() -> None:
    random = np.random.default_rng(3)
    clue = random.normal(size=1000)
    labels = 50 + 0.2 * clue + random.normal(size=1000)  # nearly all of it is chance
    row = judge("regression", labels, 50 + 0.2 * clue, labels.mean(), ["rmse", "r2"])
    assert (row.status, row.metric) == (PASSED, "rmse")
    assert "row by row its squared error is 1.8% lower" in row.text
    assert judge("regression", labels, random.permutation(labels), labels.mean(), ["r2"]).status == FAILED


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_a_handful_of_rows_proves_nothing_even_if_all_are_right(rows: int) -> None:
    labels = np.arange(rows) % 2
    row = judge("binary", labels, 0.98 * labels + 0.01, 0.5, ["auc"])
    assert row.status == FAILED
    assert row.text == f"better than the trivial model, which so few eval rows ({rows}) do not show"
    assert row.detail.startswith("collect more rows, or give eval a larger share (data.split.eval); ")
    numbers = np.arange(rows) * 1000.0
    assert "so few eval rows" in judge("regression", numbers, numbers, 0.0, ["mae"]).text


def test_rows_of_one_label_prove_nothing() -> None:
    row = judge("binary", np.zeros(40), np.full(40, 0.01), 0.3, ["accuracy"])
    assert row.text == "better than the trivial model, which 40 eval rows of one and the same label do not show"
    assert "data.split.method: stratified" in row.detail
    assert judge("multiclass", np.ones(40), np.eye(3)[[1] * 40], [0.3, 0.4, 0.3], ["accuracy"]).status == FAILED
    assert judge("regression", np.full(40, 2.0), np.full(40, 2.0), 1.0, ["mae"]).status == FAILED


@pytest.mark.parametrize("rows", [8, 20, 60, 500])
@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_a_model_without_skill_seldom_passes(task: Task, rows: int) -> None:
    random = np.random.default_rng(rows)
    passed = 0
    for _ in range(60):
        if task == "regression":
            labels, answers = random.normal(size=rows), 0.3 * random.normal(size=rows)
            row = judge(task, labels, answers, 0.0, ["mae", "r2"])
        elif task == "binary":
            labels, answers = (random.random(rows) < 0.3).astype(float), random.uniform(0.1, 0.6, rows)
            row = judge(task, labels, answers, 0.3, ["accuracy", "auc"])
        else:
            labels, answers = random.choice(4, rows, p=[0.4, 0.2, 0.2, 0.2]), random.dirichlet([4, 2, 2, 2], rows)
            row = judge(task, labels, answers, [0.4, 0.2, 0.2, 0.2], ["accuracy", "log_loss"])
        passed += row.status == PASSED
    assert passed <= 5


def test_six_rows_in_perfect_order_and_a_hundred_do() -> None:
    labels = np.arange(100) % 2
    assert judge("binary", labels, 0.8 * labels + 0.1, 0.5, ["accuracy"]).status == PASSED
    assert judge("binary", labels[:10], 0.8 * labels[:10] + 0.1, 0.5, ["auc"]).status == PASSED
    assert judge("binary", labels[:6], 0.02 * labels[:6] + 0.5, 0.5, ["auc"]).status == FAILED
