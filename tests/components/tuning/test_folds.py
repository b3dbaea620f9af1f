"""Cross-validation of trials: how rows are dealt out, when that is the default, and what a score is the mean of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kerasline.components.core.errors import TrainingFailed
from kerasline.components.fitting.one_fit import fit
from kerasline.components.fitting.rows.rows import Arrays, FitData, validation_mask
from kerasline.components.tuning.trials.folds import assign_folds, count_folds, take_fold
from kerasline.components.tuning.tuner import ConfigTuner
from tests.components.tuning.search_of_iris import iris_data, iris_options, iris_settings


def rows_in_memory(count: int) -> FitData:
    """So many rows, of which every fifth is held out, with a weight each."""
    numbers = np.arange(count)
    rows = Arrays({"x": numbers[:, np.newaxis].astype(np.float32)}, numbers % 3, numbers.astype(np.float32))
    return FitData(rows.take(numbers % 5 > 0), rows.take(numbers % 5 == 0), None, True)


STREAM = FitData(None, None, lambda part, size, epoch: None, True)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("count", [2, 3, 5])
def test_every_part_has_its_share_of_every_class(count: int, seed: int) -> None:
    labels = np.random.default_rng(seed).choice(4, 203, p=[0.6, 0.3, 0.07, 0.03])
    folds = assign_folds(labels, count, seed)
    assert np.ptp(np.bincount(folds, minlength=count)) <= 1
    for label in range(4):
        assert np.ptp(np.bincount(folds[labels == label], minlength=count)) <= 2
    assert (folds == assign_folds(labels, count, seed)).all()
    assert (folds != assign_folds(labels, count, seed + 1)).any()


def test_every_part_has_small_and_large_labels() -> None:
    labels = np.random.default_rng(1).exponential(10, 250).astype(np.float32)
    folds = assign_folds(labels, 5, 3)
    means = [labels[folds == number].mean() for number in range(5)]
    by_chance = [labels[np.random.default_rng(draw).permutation(250)[:50]].mean() for draw in range(50)]
    assert np.std(means) < np.std(by_chance) / 3


def test_rows_of_several_labels_are_dealt_out() -> None:
    labels = np.random.default_rng(2).integers(0, 2, (100, 4)).astype(np.float32)
    assert np.bincount(assign_folds(labels, 4, 0)).tolist() == [25] * 4


def test_each_row_scores_once() -> None:
    """And what is fitted is cut as the Trainer's rows are, without those that score."""
    data, settings = rows_in_memory(23), iris_settings(validation_fraction=0.25)
    scoring = []
    for number in range(4):
        fitted, scored = take_fold(data, number, 4, settings)
        assert fitted.train is not None and fitted.validation is not None and scored.validation is not None
        others = fitted.train.join(fitted.validation)
        assert validation_mask(len(others), 0.25, settings.seed).sum() == len(fitted.validation) > 0
        together = others.join(scored.validation)
        assert sorted(together.weights.tolist()) == list(range(23))  # type: ignore[union-attr]
        assert (together.inputs["x"][:, 0] == together.weights).all()
        assert (together.labels == together.inputs["x"][:, 0] % 3).all()
        scoring += scored.validation.inputs["x"][:, 0].tolist()
    assert sorted(scoring) == list(range(23))
    assert take_fold(data, 0, 1, settings) == (data, data)


@pytest.mark.parametrize(("rows", "folds"), [(4, 1), (5, 5), (999, 5), (1000, 1)])
def test_few_rows_are_cross_validated_by_default(rows: int, folds: int) -> None:
    assert iris_options(folds="auto").folds == "auto"
    assert count_folds("auto", rows_in_memory(rows)) == folds
    assert count_folds(3, rows_in_memory(max(rows, 10))) == 3


def test_rows_that_stream_have_one_part() -> None:
    assert count_folds("auto", STREAM) == 1
    assert count_folds(1, STREAM) == 1
    with pytest.raises(TrainingFailed, match="tuning.folds: expected rows that fit into memory to cut into 3 parts"):
        count_folds(3, STREAM)
    with pytest.raises(TrainingFailed, match="at most one part for each of 12 train rows, got 13"):
        count_folds(13, rows_in_memory(12))


def test_a_score_is_the_mean_over_the_parts(tmp_path: Path) -> None:
    """Of fits that can be made by hand."""
    options, settings = iris_options(max_trials=1, folds=3), iris_settings()
    tuner = ConfigTuner(settings, options, iris_data(), str(tmp_path))
    tuner.search()
    (trial,) = tuner.trials
    expected = []
    for number in range(3):
        fitted, scored = take_fold(iris_data(), number, 3, settings)
        assert scored.validation is not None
        answers = fit(settings, fitted)[0].predict(scored.validation.inputs, verbose=0).argmax(axis=1)
        expected.append((answers == scored.validation.labels).mean())
    assert trial["scores"] == pytest.approx(expected)
    assert trial["score"] == pytest.approx(np.mean(expected))
