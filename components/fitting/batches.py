"""The rows of a fit as batches for ``model.fit``: from memory or as a stream, for any backend."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from kerasline.components.fitting.compiling import MOST_TOGETHER, steps_together
from kerasline.components.fitting.rows import WHOLE, Feed, FeedOrder, FitData, Share, class_table, weigh_classes
from kerasline.components.fitting.settings import FitSettings, loss_of

_VALIDATION_BATCH = 256


@dataclass(frozen=True)
class Batches:
    """What ``model.fit`` reads.

    Attributes:
      train: Batches of the rows that are fitted.
      validation: Batches of the rows that are held out, None where there are none.
      order: A callback that tells ``train`` which epoch begins.
      steps: How many batches ``train`` has.
      validation_steps: How many batches ``validation`` has, None where unknown.
      together: Steps that Keras makes at once.
    """

    train: Any
    validation: Any
    order: keras.callbacks.Callback
    steps: int
    validation_steps: int | None = None
    together: int = 1


def read_batches(model: keras.Model, settings: FitSettings, data: FitData, share: Share) -> Batches:
    """Cuts both parts of the rows into batches.

    Args:
      model: The network that is fitted; how many steps are made at once follows from its size.
      settings: Model and training options.
      data: Rows, in memory or as a stream.
      share: Part of each batch that this process reads.
    """
    options = settings.training
    labels = data.train_labels() if options.class_weights == "balanced" else None
    table = class_table(options.class_weights, settings.plan.classes, labels)
    held_out = validation_batches(settings, data, share)
    if data.train is None:
        return _stream_batches(model, settings, data, table, held_out)
    rows = weigh_classes(data.train, table)
    units = _one_hot_units(settings)
    train = Feed(rows, options.batch_size, seed=settings.seed, units=units, mixup=options.mixup, share=share)
    steps = len(train)
    if not _is_read_by_tensorflow(share):
        return Batches(train, held_out, FeedOrder(train), steps)
    together = steps_together(model, options.batch_size, steps)
    return Batches(
        train.to_tensorflow(is_endless=together == steps),
        held_out,
        FeedOrder(train),
        steps,
        None if held_out is None else int(held_out.cardinality()),
        together,
    )


def validation_batches(settings: FitSettings, data: FitData, share: Share = WHOLE) -> Any:
    """Cuts the rows that are held out into batches, in their order; None where there are none."""
    if not data.has_validation:
        return None
    units, size = _one_hot_units(settings), settings.training.batch_size
    if data.validation is None:
        assert data.stream is not None
        return data.stream("validation", size, lambda: 0).map(_encode(None, units))
    size = max(size, _VALIDATION_BATCH // share.replicas * share.replicas)
    feed = Feed(data.validation, size, units=units, share=share)
    return feed.to_tensorflow() if _is_read_by_tensorflow(share) else feed


def _one_hot_units(settings: FitSettings) -> int | None:
    return settings.output().units if loss_of(settings)[1] == "one_hot" else None


def _is_read_by_tensorflow(share: Share) -> bool:
    return keras.backend.backend() == "tensorflow" and share.replicas == 1


class _StreamEpoch:
    """The number of the epoch that a stream is asked for."""

    def __init__(self) -> None:
        self.number = 0

    def start(self, epoch: int) -> None:
        """Remembers it."""
        self.number = epoch


def _stream_batches(
    model: keras.Model, settings: FitSettings, data: FitData, table: np.ndarray | None, held_out: Any
) -> Batches:
    import tensorflow as tf

    assert data.stream is not None
    options, epoch = settings.training, _StreamEpoch()
    train = data.stream("train", options.batch_size, lambda: epoch.number).map(_encode(table, _one_hot_units(settings)))
    if options.mixup:
        train = train.enumerate().map(_mix_stream(options.mixup, settings.seed))
    steps = math.ceil(data.stream_rows / options.batch_size)
    # A call that made all steps of an epoch would need a stream without an end.
    together = min(steps_together(model, options.batch_size, steps), MOST_TOGETHER) if steps > MOST_TOGETHER else 1
    train = train.apply(tf.data.experimental.assert_cardinality(steps))
    return Batches(train, held_out, FeedOrder(epoch), steps, together=together)


def _encode(table: np.ndarray | None, units: int | None) -> Callable[..., tuple[Any, ...]]:
    """Gives a stream's batches the weights of their classes, and labels as one-hot rows of so many units."""
    import tensorflow as tf

    def encode(inputs: Any, labels: Any, weights: Any = None) -> tuple[Any, ...]:
        if table is not None:
            own = tf.gather(tf.constant(table), labels)
            weights = own if weights is None else weights * own
        if units is not None:
            labels = tf.one_hot(labels, units)
        return (inputs, labels) if weights is None else (inputs, labels, weights)

    return encode


def _mix_stream(strength: float, seed: int) -> Callable[[Any, tuple[Any, ...]], tuple[Any, ...]]:
    """Blends each batch of a stream with itself in reverse; the shares follow from the seed and the batch's number."""
    import tensorflow as tf

    def mix(number: Any, batch: tuple[Any, ...]) -> tuple[Any, ...]:
        rows = tf.shape(batch[1])[0]
        draws = [tf.random.stateless_gamma([rows], [seed + part, number], strength) for part in (0, 1)]
        shares = draws[0] / (draws[0] + draws[1])
        shares = tf.maximum(shares, 1 - shares)

        def blend(values: Any) -> Any:
            column = tf.reshape(shares, (-1, *[1] * (values.shape.rank - 1)))
            return values * column + tf.reverse(values, [0]) * (1 - column)

        blended: tuple[Any, ...] = tf.nest.map_structure(blend, batch)
        return blended

    return mix
