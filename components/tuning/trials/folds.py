"""Cross-validation of trials: the train split in parts, each of which is held out from one of a trial's fits.

Where rows are few, one validation part says more about its own rows than about a trial. Light: NumPy only.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from kerasline.components.core import TrainingFailed
from kerasline.components.fitting import FitData, FitSettings, hold_out

FEW_ROWS = 1000
FOLDS_OF_FEW_ROWS = 5


def count_folds(wanted: int | Literal["auto"], data: FitData) -> int:
    """Settles ``tuning.folds``.

    Args:
      wanted: Number of parts that the recipe asks for.
      data: The train split in its two parts, in memory.

    Returns:
      How many fits score a trial; 1 stands for one fit with the split's own validation part.

    Raises:
      TrainingFailed: there are fewer rows than parts, or they stream.
    """
    rows = None if data.train is None or data.validation is None else len(data.train) + len(data.validation)
    if wanted == "auto":
        return FOLDS_OF_FEW_ROWS if rows is not None and FOLDS_OF_FEW_ROWS <= rows < FEW_ROWS else 1
    if wanted > 1 and rows is None:
        raise TrainingFailed(
            f"tuning.folds: expected rows that fit into memory to cut into {wanted} parts, but the data is larger than "
            "training.memory_limit_mb and streams; raise that limit, or use tuning.folds: 1"
        )
    if rows is not None and wanted > rows:
        raise TrainingFailed(f"tuning.folds: expected at most one part for each of {rows} train rows, got {wanted}")
    return wanted


def take_fold(data: FitData, number: int, count: int, settings: FitSettings) -> tuple[FitData, FitData]:
    """Cuts the train split anew: one part scores a fit, which has the others.

    The fit sees of the others what the Trainer would: some rows are its validation part, by which early stopping
    chooses an epoch. The score is of rows that chose nothing.

    Args:
      data: The train split in its two parts, in memory.
      number: Number of the part, from 0.
      count: How many parts there are; 1 leaves the data as it is, and its validation part scores.
      settings: Model and training options; the parts follow from the seed, and are the same for every trial.

    Returns:
      What is fitted, and that whose validation part scores the fit.
    """
    if count == 1 or data.train is None or data.validation is None:
        return data, data
    rows = data.train.join(data.validation)
    is_scored = assign_folds(rows.labels, count, settings.seed) == number
    fitted = hold_out(rows.take(~is_scored), settings.training.validation_fraction, settings.seed)
    return fitted, replace(fitted, validation=rows.take(is_scored), has_validation=True)


def assign_folds(labels: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Deals rows out to parts, so that each part has its share of every class, or of small and large labels.

    Args:
      labels: [rows] class indices or numbers, or [rows, labels].
      count: How many parts there are.
      seed: Seed of what the labels do not decide.

    Returns:
      int64 [rows], the number of each row's part.
    """
    generator = np.random.default_rng([seed, count])
    rows = len(labels)
    shuffled = generator.permutation(rows)
    # Rows with several labels go by how many they have.
    level = labels.reshape(rows, -1).sum(axis=1)
    order = shuffled[np.argsort(level[shuffled], kind="stable")]
    # Of any neighbours by label each part gets one.
    deals = [generator.permutation(count) for _ in range(-(-rows // count))]
    folds = np.empty(rows, np.int64)
    folds[order] = np.concatenate(deals)[:rows]
    return folds
