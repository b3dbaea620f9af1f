"""The numbers behind the evaluation's plots, against hand-made cases and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as reference

from kerasline.components.report.figures.performance import (
    CLASSES_IN_MATRIX,
    calibration,
    describe_performance,
    describe_residuals,
    precision_recall_curve,
    roc_curve,
)


def one_hot(classes: list[int], width: int, sure: float = 0.8) -> np.ndarray:
    scores = np.full((len(classes), width), (1 - sure) / (width - 1))
    scores[np.arange(len(classes)), classes] = sure
    return scores.astype(np.float32)


def test_confusions_are_counted_by_true_and_predicted_class() -> None:
    labels, guessed = np.array([0, 0, 1, 1, 1, 2]), [0, 1, 1, 2, 2, 2]
    found = describe_performance(labels, one_hot(guessed, 3), "multiclass", ("a", "b", "c"), ["accuracy"])
    assert found["confusion"]["counts"] == [[1, 1, 0], [0, 1, 2], [0, 0, 1]]
    assert found["confusion"]["pairs"][0] == {"true": "b", "predicted": "c", "rows": 2, "share": pytest.approx(2 / 3)}
    assert found["confusion"]["wrong"] == 3
    row = found["classes"][1]
    assert (row["name"], row["rows"], row["predicted"]) == ("b", 3, 2)
    assert row["precision"] == 0.5 and row["recall"] == pytest.approx(1 / 3)
    assert row["f1"] == pytest.approx(0.4)


def test_binary_scores_below_and_above_one_half_are_the_classes() -> None:
    labels = np.array([0.0, 0.0, 1.0, 1.0])
    found = describe_performance(labels, np.array([[0.2], [0.6], [0.7], [0.4]]), "binary", ("no", "yes"), ["auc"])
    assert found["confusion"]["counts"] == [[1, 1], [1, 1]]
    assert found["roc"]["auc"] == 0.75
    assert found["confidence"]["wrong"] == 2


def test_many_classes_give_pairs_and_no_matrix() -> None:
    width = 1000
    labels = np.arange(width)
    guessed = (labels + (labels % 10 == 0)) % width
    names = [f"class {i}" for i in range(width)]
    found = describe_performance(labels, one_hot(list(guessed), width), "multiclass", names, ["accuracy"])
    assert width > CLASSES_IN_MATRIX and found["confusion"]["counts"] is None
    assert found["confusion"]["wrong"] == 100 and len(found["confusion"]["pairs"]) == 12
    assert found["classes"][0]["recall"] == 0.0 and found["classes"][1]["recall"] == 1.0


def test_curves_are_scikit_learns() -> None:
    random = np.random.default_rng(3)
    truth = random.random(80) < 0.4
    scores = np.round(np.clip(truth * 0.3 + random.random(80) * 0.7, 0, 1), 2)
    curve = roc_curve(truth, scores)
    x, y, _ = reference.roc_curve(truth, scores, drop_intermediate=False)
    assert curve is not None
    assert curve["false_positive_share"] == pytest.approx(list(x))
    assert curve["true_positive_share"] == pytest.approx(list(y))
    found = precision_recall_curve(truth, scores)
    precision, recall, _ = reference.precision_recall_curve(truth, scores)
    assert found is not None
    assert found["recall"] == pytest.approx(list(recall[:-1][::-1]))
    assert found["precision"] == pytest.approx(list(precision[:-1][::-1]))


def test_long_curves_keep_their_ends() -> None:
    random = np.random.default_rng(4)
    curve = roc_curve(random.random(5000) < 0.5, random.random(5000))
    assert curve is not None and len(curve["true_positive_share"]) <= 122
    assert curve["true_positive_share"][-1] == curve["false_positive_share"][-1] == 1.0


def test_calibration_of_honest_scores_is_what_chance_explains() -> None:
    random = np.random.default_rng(5)
    scores = random.random(4000)
    honest = calibration(random.random(4000) < scores, scores)
    assert honest["error"] < 0.03 and honest["error"] < 2 * honest["chance"]
    boastful = calibration(random.random(4000) < 0.5, scores * 0.1 + 0.9)
    assert boastful["error"] == pytest.approx(0.45, abs=0.03)
    assert sum(boastful["rows"]) == 4000


def test_residuals_of_a_known_bias() -> None:
    labels = np.linspace(0, 100, 200)
    predictions = labels + 5
    predictions[:4] += 500
    found = describe_residuals(labels, (predictions + np.tile([-1, 1], 100))[:, None])
    assert found["median_absolute"] == pytest.approx(5, abs=1.01)
    assert found["outliers"] == 4
    assert sum(found["histogram"]["counts"]) == 200
    assert len(found["tenths"]["label"]) == 10


def test_what_a_task_has_not_is_none() -> None:
    found = describe_performance(np.array([1.0, 2.0]), np.array([[1.0], [2.0]]), "regression", None, ["mae"])
    assert found["confusion"] is None and found["roc"] is None and found["residuals"]["bias"] == 0.0


def test_multilabel_rows_by_label() -> None:
    labels = np.array([[1, 0], [1, 1], [0, 0]], np.float32)
    predictions = np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]], np.float32)
    found = describe_performance(labels, predictions, "multilabel", ("red", "round"), ["accuracy"])
    assert [row["recall"] for row in found["classes"]] == [0.5, 1.0]
    assert [row["precision"] for row in found["classes"]] == [1.0, 0.5]


def test_areas_of_each_class_against_the_rest_are_scikit_learns() -> None:
    random = np.random.default_rng(6)
    labels = random.integers(0, 3, 90)
    scores = random.dirichlet([1, 1, 1], 90).astype(np.float32)
    found = describe_performance(labels, scores, "multiclass", ("a", "b", "c"), ["accuracy"])
    for index, row in enumerate(found["classes"]):
        assert row["average_precision"] == pytest.approx(
            reference.average_precision_score(labels == index, scores[:, index])
        )
    labelled = describe_performance(np.eye(3)[labels], scores, "multilabel", ("a", "b", "c"), ["accuracy"])
    assert [row["average_precision"] for row in labelled["classes"]] == [
        row["average_precision"] for row in found["classes"]
    ]


def test_calibration_says_nothing_of_scores_that_are_all_alike() -> None:
    from kerasline.components.report.plots.plots import _calibration_plot

    alike = {"error": 0.01, "chance": 0.02, "score": [0.1, 0.5, 0.97], "share": [0.0, 0.5, 0.98], "rows": [2, 2, 165]}
    assert _calibration_plot(alike, "binary").title.startswith(
        "Too few rows to tell whether scores are probabilities: 1 of ten tenths of the scores has 10 rows or more"
    )
    spread = {**alike, "rows": [40, 30, 99]}
    assert _calibration_plot(spread, "binary").title.startswith("Scores can be read as probabilities")


def test_a_difference_within_luck_is_not_called_better() -> None:
    from kerasline.components.report.plots.plots import _comparison_title

    figures: dict = {"baseline": {"accuracy": 0.852}, "trivial": None}
    figures["performance"] = {"intervals": {"accuracy": (0.80, 0.90)}}
    text = "no clear difference from the model in production (0.852)"
    assert _comparison_title("accuracy", 0.858, figures) == f"accuracy 0.858: {text}"
    figures["performance"]["intervals"]["accuracy"] = (0.87, 0.95)
    assert _comparison_title("accuracy", 0.91, figures) == (
        "accuracy 0.91: better than the model in production (0.852)"
    )
