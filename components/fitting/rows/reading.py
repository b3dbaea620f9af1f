"""Reads the train split in its two parts: what the model is fitted on, and what early stopping and tuning look at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kerasline.components.core import TrainingFailed
from kerasline.components.features import FeaturePlan
from kerasline.components.fitting.rows.examples import ExamplesReader
from kerasline.components.fitting.rows.rows import FitData, hold_out, validation_mask
from kerasline.components.fitting.rows.streaming import count_train_rows, deal_rows, stream_rows
from kerasline.components.fitting.settings import FitSettings


def make_reader(
    transform_graph: str, settings: FitSettings, alternatives: Sequence[FeaturePlan] = ()
) -> ExamplesReader:
    """Opens the transform graph, with the column that weighs the rows if there is one.

    Args:
      transform_graph: Folder of the transform graph.
      settings: Model and training options.
      alternatives: Plans whose inputs are wanted beside those of the settings' own.
    """
    return ExamplesReader(transform_graph, settings.plan, settings.training.sample_weight, alternatives)


def read_fit_data(reader: ExamplesReader, files: Sequence[str], settings: FitSettings) -> FitData:
    """Reads the train split in its two parts, from memory where it fits ``training.memory_limit_mb``.

    Raises:
      TrainingFailed: there are no rows to train on, or none for the metric that is monitored.
    """
    options = settings.training
    arrays = reader.load(files, options.memory_limit_mb * 2**20)
    fraction, seed = options.validation_fraction, settings.seed
    if arrays is None:
        return _deal(reader, files, fraction, seed)
    data = hold_out(arrays, fraction, seed)
    if not data.train:
        raise TrainingFailed(
            f"expected rows to train on, but the train split holds {len(arrays)}; give it a larger share in data.split"
        )
    for block in (options.early_stopping, options.reduce_on_plateau):
        if block and block.monitor.startswith("val_") and not data.has_validation:
            raise TrainingFailed(
                f"training monitors {block.monitor}, but none of the {len(arrays)} rows of the train split is held "
                "out: raise training.validation_fraction, or give the train split more rows"
            )
    return data


def _deal(reader: ExamplesReader, files: Sequence[str], fraction: float, seed: int) -> FitData:
    """Keeps the rows on disk, from where every epoch streams them."""
    piles = deal_rows(reader, files, fraction, seed)

    def stream(part: str, batch_size: int, epoch: Callable[[], int]) -> Any:
        return stream_rows(reader, piles, part, batch_size, seed, epoch)

    def read_labels() -> np.ndarray:
        labels = reader.load_labels(files)
        return np.asarray(labels[~validation_mask(len(labels), fraction, seed)])

    return FitData(
        None,
        None,
        stream,
        fraction > 0,
        count_train_rows(piles),
        deal_all=lambda: _deal(reader, files, 0.0, seed),
        read_labels=read_labels,
    )
