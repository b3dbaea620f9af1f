"""Batches of the training rows in an order that follows from the seed and the epoch alone.

So a fit that continues in epoch 7 sees what it would have seen without the interruption, and every backend sees the
same batches.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from kerasline.components.fitting.rows.rows import Arrays


@dataclass(frozen=True)
class Share:
    """Which part of each batch a process reads, and how many rows its devices divide evenly.

    Attributes:
      process: Number of this process, from 0.
      processes: How many processes there are.
      replicas: Devices over all processes; every batch has a multiple of it.
    """

    process: int = 0
    processes: int = 1
    replicas: int = 1


WHOLE = Share()


class Feed(keras.utils.PyDataset):
    """The rows as batches of (inputs, labels) or (inputs, labels, weights).

    Args:
      rows: Rows in memory.
      batch_size: Rows in a batch, over all devices.
      seed: Seed of the order and of mixup; None leaves the rows as they stand.
      units: Width at which labels become one-hot, float32; None leaves them as they are.
      mixup: Strength at which rows are blended with others, by Beta(mixup, mixup) shares; 0 leaves them alone.
      share: Part of each batch that this process reads.
    """

    def __init__(
        self,
        rows: Arrays,
        batch_size: int,
        *,
        seed: int | None = None,
        units: int | None = None,
        mixup: float = 0.0,
        share: Share = WHOLE,
    ) -> None:
        super().__init__()
        self._rows, self._batch_size, self._seed, self._units = rows, batch_size, seed, units
        self._mixup, self._share = mixup, share
        self.form: Callable[[dict[str, Any]], Any] = lambda inputs: inputs  # in which a model takes them
        self.start(0)

    def start(self, epoch: int) -> None:
        """Settles which epoch is read; its order is drawn when a batch is asked for."""
        self._epoch = epoch
        self._drawn: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None

    def draw(self, epoch: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns an epoch's order of the rows, the row that each place is blended with, and its own share of it.

        Returns:
          int64 [rows], int64 [rows] and float32 [rows] in 0.5..1; the last two are empty without mixup.
        """
        number = len(self._rows)
        if self._seed is None:
            return np.arange(number), np.zeros((0,), np.int64), np.zeros((0,), np.float32)
        generator = np.random.default_rng([self._seed, epoch])
        order = generator.permutation(number)
        if not self._mixup:
            return order, np.zeros((0,), np.int64), np.zeros((0,), np.float32)
        partners = generator.permutation(number)
        shares = generator.beta(self._mixup, self._mixup, number).astype(np.float32)
        return order, partners, np.maximum(shares, 1 - shares)

    def __len__(self) -> int:
        usable = len(self._rows) // self._share.replicas * self._share.replicas
        return -(-usable // self._batch_size)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        start = index * self._batch_size
        places = np.arange(start, min(start + self._batch_size, len(self._rows)))
        places = places[: len(places) // self._share.replicas * self._share.replicas]
        places = places[self._share.process :: self._share.processes]
        if self._drawn is None:
            self._drawn = self.draw(self._epoch)
        order, partners, shares = self._drawn
        batch = self._take(order[places])
        if not len(partners):
            return (self.form(batch[0]), *batch[1:])
        other, shares = self._take(partners[places]), shares[places]
        inputs = {name: _blend(values, other[0][name], shares) for name, values in batch[0].items()}
        return (
            self.form(inputs),
            *(_blend(mine, theirs, shares) for mine, theirs in zip(batch[1:], other[1:], strict=True)),
        )

    def _take(self, indices: np.ndarray | slice) -> tuple[Any, ...]:
        inputs = {name: _narrow(values[indices]) for name, values in self._rows.inputs.items()}
        labels = self._rows.labels[indices]
        if self._units is not None:
            labels = np.eye(self._units, dtype=np.float32)[labels]
        batch = (inputs, _narrow(labels))
        return batch if self._rows.weights is None else (*batch, self._rows.weights[indices])

    def to_tensorflow(self, *, is_endless: bool = False) -> Any:
        """Returns the same batches as a tf.data.Dataset, which TensorFlow reads faster.

        Args:
          is_endless: Whether it goes on with the epochs that follow the one that was started; otherwise a pass is that
            one alone. Making an iterator, which Keras would do for every epoch, takes as long as many small steps.
        """
        import tensorflow as tf

        size, steps = self._batch_size, len(self)
        if self._seed is None:
            with tf.device("CPU:0"):
                rows = tf.data.Dataset.from_tensor_slices(self._take(slice(None)))
            return rows.batch(size).prefetch(tf.data.AUTOTUNE)
        weights = () if self._rows.weights is None else (self._rows.weights,)
        with tf.device("CPU:0"):
            tensors = tf.nest.map_structure(tf.convert_to_tensor, (self._rows.inputs, self._rows.labels, *weights))

        def epochs() -> Iterator[int]:
            # Asked when the first batch is taken, which is after start().
            yield from itertools.count(self._epoch) if is_endless else [self._epoch]

        def cut(epoch: Any) -> Any:
            """Gives the rows of each batch, and with mixup those that they are blended with and their own shares."""
            drawn = tf.numpy_function(self.draw, [epoch], [tf.int64, tf.int64, tf.float32])
            drawn = [tf.ensure_shape(values, [None]) for values in drawn][: 3 if self._mixup else 1]
            numbers = tf.data.Dataset.range(steps)
            return numbers.map(lambda number: tuple(each[number * size : (number + 1) * size] for each in drawn))

        def take(indices: Any) -> tuple[Any, ...]:
            inputs, labels, *weights = tf.nest.map_structure(lambda values: tf.gather(values, indices), tensors)
            return (inputs, labels if self._units is None else tf.one_hot(labels, self._units), *weights)

        def batch(order: Any, *mixed: Any) -> tuple[Any, ...]:
            if not mixed:
                return take(order)
            partners, shares = mixed
            pairs = take(order), take(partners)
            blended: tuple[Any, ...] = tf.nest.map_structure(lambda mine, theirs: _blend(mine, theirs, shares), *pairs)
            return blended

        numbers = tf.data.Dataset.from_generator(epochs, output_signature=tf.TensorSpec((), tf.int64))
        batches = numbers.flat_map(cut).map(batch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        length = tf.data.INFINITE_CARDINALITY if is_endless else steps
        return batches.apply(tf.data.experimental.assert_cardinality(length)).prefetch(tf.data.AUTOTUNE)


class FeedOrder(keras.callbacks.Callback):
    """Tells a feed, or anything with ``start(epoch)``, which epoch begins."""

    def __init__(self, feed: Any) -> None:
        super().__init__()
        self._feed = feed

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Starts the feed's epoch."""
        self._feed.start(epoch)


def _blend(mine: Any, theirs: Any, shares: Any) -> Any:
    """Returns ``mine * shares + theirs * (1 - shares)`` with the shares [batch] along the first axis."""
    shares = shares.reshape(-1, *[1] * (mine.ndim - 1)) if isinstance(mine, np.ndarray) else _as_column(shares, mine)
    return mine * shares + theirs * (1 - shares)


def _as_column(shares: Any, like: Any) -> Any:
    import tensorflow as tf

    return tf.reshape(shares, (-1, *[1] * (like.shape.rank - 1)))


def _narrow(values: np.ndarray) -> np.ndarray:
    """Returns ids as int32, the widest that JAX has unless told otherwise."""
    return values.astype(np.int32) if values.dtype == np.int64 and keras.backend.backend() == "jax" else values
