"""The training rows that a model finds most like a row: what it learnt its answer from."""

from __future__ import annotations

import keras
import numpy as np


def last_features(model: keras.Model) -> keras.Model | None:
    """Cuts a model before its last dense layer: what it knows of a row when it decides.

    Returns:
      A model with the same inputs that gives the features, or None where no layer of its own is dense.
    """
    for layer in reversed(model.layers):
        if isinstance(layer, keras.layers.Dense):
            return keras.Model(model.inputs, layer.input)
    return None


def nearest_rows(features: np.ndarray, known: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Finds the nearest of known rows by Euclidean distance.

    Args:
      features: float [rows, ...].
      known: float [known rows, ...] of the same shape behind the first axis.
      count: how many to find for each.

    Returns:
      int [rows, count], places in ``known``, nearest first, and float64 [rows, count], their distances.

    Source: N. Papernot, P. McDaniel, Deep k-Nearest Neighbors, 2018, https://arxiv.org/abs/1803.04765
    """
    flat = features.reshape(len(features), -1).astype(np.float64)
    others = known.reshape(len(known), -1).astype(np.float64)
    distances = np.stack([np.sqrt(np.square(others - row).sum(axis=1)) for row in flat])
    places = np.argsort(distances, axis=1, kind="stable")[:, :count]
    return places, np.take_along_axis(distances, places, axis=1)
