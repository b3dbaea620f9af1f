"""The rows that a model is fitted on; light: NumPy only, so that every Keras backend reads the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

# Multiples of the golden ratio spread over 0..1 as evenly as any sequence can: https://oeis.org/A001622
_GOLDEN = 0.6180339887498949


@dataclass(frozen=True)
class Arrays:
    """A split in memory.

    Attributes:
      inputs: Array of each model input by its name, [rows, ...].
      labels: [rows] int64 class indices, [rows] float32, or [rows, labels] float32.
      weights: [rows] float32, how much each row counts in the loss; None where all count the same.
    """

    inputs: dict[str, np.ndarray]
    labels: np.ndarray
    weights: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: np.ndarray) -> Arrays:
        """Returns the rows at some places, integers [rows], or those where a mask holds, bool [all rows]."""
        weights = None if self.weights is None else self.weights[rows]
        return Arrays({name: values[rows] for name, values in self.inputs.items()}, self.labels[rows], weights)

    def only(self, names: Sequence[str]) -> Arrays:
        """Returns the rows with these inputs and no others."""
        return Arrays({name: self.inputs[name] for name in names}, self.labels, self.weights)

    def join(self, other: Arrays) -> Arrays:
        """Returns these rows and then those of another."""
        inputs = {name: np.concatenate([values, other.inputs[name]]) for name, values in self.inputs.items()}
        is_weighed = self.weights is not None and other.weights is not None
        weights = np.concatenate([self.weights, other.weights]) if is_weighed else None
        return Arrays(inputs, np.concatenate([self.labels, other.labels]), weights)


@dataclass(frozen=True)
class FitData:
    """The train split in its two parts.

    Attributes:
      train: Rows in memory that are fitted, None where the data streams.
      validation: Rows in memory that are held out, None where the data streams or none are.
      stream: Function of part, batch size and epoch that gives a tf.data stream of (inputs, label) or (inputs, label,
        weight), where ``epoch`` is asked for its number at the start of each pass; None where the data is in memory.
      has_validation: Whether any rows are held out.
      stream_rows: How many rows the stream's train part has; 0 where the data is in memory.
      deal_all: Function that deals the rows anew, those of both parts to train on; None where the data is in memory.
      read_labels: Function that gives the labels of the rows to train on; None where the data is in memory.
    """

    train: Arrays | None
    validation: Arrays | None
    stream: Callable[[str, int, Callable[[], int]], Any] | None
    has_validation: bool
    stream_rows: int = 0
    deal_all: Callable[[], FitData] | None = None
    read_labels: Callable[[], np.ndarray] | None = None

    @property
    def rows(self) -> int:
        """How many rows there are to train on."""
        return self.stream_rows if self.train is None else len(self.train)

    def train_labels(self) -> np.ndarray:
        """Returns the labels of the rows to train on, [rows] or [rows, labels]; of a stream they are read for it."""
        if self.read_labels is not None:
            return self.read_labels()
        assert self.train is not None
        return self.train.labels

    def whole(self) -> FitData:
        """Returns the rows of both parts, all of them to train on."""
        if self.deal_all is not None:
            return self.deal_all()
        assert self.train is not None
        rows = self.train if self.validation is None else self.train.join(self.validation)
        return FitData(rows, None, None, False)

    def only(self, names: Sequence[str]) -> FitData:
        """Returns the data with these inputs and no others."""
        if self.stream is None:
            train = None if self.train is None else self.train.only(names)
            validation = None if self.validation is None else self.validation.only(names)
            return FitData(train, validation, None, self.has_validation)
        stream, deal_all = self.stream, self.deal_all

        def select(inputs: dict[str, Any], *rest: Any) -> tuple[Any, ...]:
            return ({name: inputs[name] for name in names}, *rest)

        return replace(
            self,
            stream=lambda *wanted: stream(*wanted).map(select),
            deal_all=None if deal_all is None else lambda: deal_all().only(names),
        )


def class_table(
    wanted: str | dict[str, float] | None, classes: tuple[str, ...] | None, labels: np.ndarray | None
) -> np.ndarray | None:
    """Returns the weight of each class, float32 [classes], or None where all weigh the same.

    Args:
      wanted: ``training.class_weights``; ``balanced`` makes every class count the same in all, 1 on average over the
        rows.
      classes: Names of the classes in the order of the outputs.
      labels: Class indices of the rows; read for ``balanced`` alone.
    """
    if wanted is None or classes is None:
        return None
    if isinstance(wanted, dict):
        return np.array([wanted.get(name, 1.0) for name in classes], np.float32)
    assert labels is not None
    counts = np.bincount(labels.astype(np.int64), minlength=len(classes))
    return np.asarray(counts.sum() / (len(classes) * np.maximum(counts, 1)), np.float32)


def weigh_classes(rows: Arrays, table: np.ndarray | None) -> Arrays:
    """Returns rows whose weights are multiplied by those of their classes.

    Args:
      rows: Rows in memory, whose labels are class indices.
      table: Weight of each class, float32 [classes], as :func:`class_table` gives it; None leaves the rows as they are.
    """
    if table is None:
        return rows
    own = table[rows.labels.astype(np.int64)]
    return Arrays(rows.inputs, rows.labels, own if rows.weights is None else own * rows.weights)


def hold_out(rows: Arrays, fraction: float, seed: int) -> FitData:
    """Cuts rows in memory into those that are fitted and a validation part; see :func:`validation_mask`."""
    mask = validation_mask(len(rows), fraction, seed)
    validation = rows.take(mask) if mask.any() else None
    return FitData(rows.take(~mask), validation, None, validation is not None)


def validation_mask(rows: int, fraction: float, seed: int) -> np.ndarray:
    """Says for each position of a split whether it is validation: bool [rows], evenly spread."""
    return np.asarray(is_in_share(np.arange(rows, dtype=np.float64), fraction, seed))


def is_in_share(positions: Any, share: float, seed: int) -> Any:
    """Says which positions of a split are in a share of it that is spread evenly.

    Args:
      positions: Positions of rows, an array or a tensor of float64.
      share: 0..1.
      seed: Seed that draws one of such shares.

    Returns:
      bool [positions], as array or tensor.
    """
    offset = float(np.random.default_rng(seed).random())
    return (positions * _GOLDEN + offset) % 1.0 < share
