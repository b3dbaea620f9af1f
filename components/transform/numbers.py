"""Numbers, booleans and dates to scaled values: all columns in one matrix, one analysis for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from kerasline.components.features import DATE_PARTS, FeatureStep, dense_columns, is_ranked
from kerasline.components.transform.blocks import Block, Slot, pick, places_of
from kerasline.components.transform.own import apply_functions
from kerasline.components.transform.reading import read_numbers
from kerasline.components.transform.unseen import mark_numbers, watched_numbers

# Below this part of its mean, a deviation is rounding: the column is constant.
_SMALLEST_SPREAD = 1e-9
_EPSILON = 0.001  # of quantiles, as a share of the rows
_BEND = 3.0  # quartile ranges from the median, about where the logarithm begins
_RANKS = 64  # stretches of a column with equal shares of the rows, between which ranks are interpolated


def scale_numbers(
    steps: Sequence[FeatureStep], inputs: dict[str, Any]
) -> tuple[list[Block], dict[str, tf.Tensor], list[tf.Tensor]]:
    """Scales every numeric, boolean and date step.

    Args:
      steps: All steps of the plan, in its order.
      inputs: Raw columns by name, sparse or dense [batch, n].

    Returns:
      Blocks of the dense input; for columns with quantile buckets the bucket of each row, int64 [batch]; and marks of
      unseen values, int64 [batch, steps], or none.
    """
    chosen = watched_numbers(steps)
    if not chosen:
        return [], {}, []
    slots, matrix = read_numbers(chosen, inputs)
    marks = mark_numbers(chosen, inputs, slots, matrix)
    matrix = apply_functions(chosen, slots, matrix)
    by_name = {step.name: step for step in chosen}
    owners = [by_name[name] for name, _ in slots]
    treatments = [_treatment(owner) for owner in owners]
    known = ~tf.math.is_nan(matrix)
    filled = tf.where(known, matrix, _fill_values(owners, matrix))
    blocks: list[Block] = []
    buckets: dict[str, tf.Tensor] = {}
    for treatment in dict.fromkeys(treatments):
        places = places_of(treatment, treatments)
        own = tuple(slots[i] for i in places)
        group, columns, values = [owners[i] for i in places], pick(matrix, places), pick(filled, places)
        if treatment == "buckets":
            bucketed, buckets = _bucketed(group, columns, values)
            blocks += bucketed
        elif treatment == "piecewise":
            blocks += _ranked(group, own, columns, values)
        else:
            blocks.append(Block(own, _scaled(treatment, columns, values)))
    blocks += _indicators(owners, slots, known)
    return blocks, buckets, [marks]


def _treatment(step: FeatureStep) -> str:
    """Names what is done with a step's values once they are numbers; logarithms are taken by then."""
    if step.kind == "boolean":
        return "boolean"
    if step.kind == "date":
        return "piecewise" if is_ranked(step) else "z_score"
    return "z_score" if step.options.scale == "log" else step.options.scale


def _scaled(treatment: str, columns: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """Scales columns that are all treated alike.

    Args:
      treatment: Name of what is done; ``boolean`` and ``none`` leave values as they are.
      columns: What is analysed, float64 [batch, columns], NaN where there is no value.
      values: What is scaled, float64 [batch, columns]: the same without gaps.

    Returns:
      float64 [batch, columns].
    """
    if treatment == "z_score":
        mean = _finite(_mean(columns))
        return (values - mean) / spread(mean, tft.var(columns, reduce_instance_dims=False))
    if treatment == "min_max":
        low, high = _extremes(columns)
        return (values - low) / tf.where(high > low, high - low, tf.ones_like(high))
    return values


def _indicators(owners: Sequence[FeatureStep], slots: Sequence[Slot], known: tf.Tensor) -> list[Block]:
    """Says for the steps that ask for it which rows lack a value: one block, or none.

    Args:
      owners: Step of each column of ``known``.
      slots: What stands in each column.
      known: Whether a row has a value, bool [batch, values].
    """
    # One value of a step tells for all of them.
    telling = [i for i, owner in enumerate(owners) if owner.indicator and slots[i][1] == _telling_value(owner)]
    if not telling:
        return []
    return [Block(tuple(_indicator_slot(owners[i]) for i in telling), ~pick(known, telling))]


def _telling_value(step: FeatureStep) -> int:
    """Returns which value of a step every row has that has any: the first, but the hour where there is no date."""
    is_time = step.kind == "date" and step.options.date_format == "time"
    return DATE_PARTS.index("hour") if is_time else 0


def spread(mean: tf.Tensor, variance: tf.Tensor) -> tf.Tensor:
    """Returns what z-scores are divided by: the deviation, or 1 for a constant, which later values may leave.

    Args:
      mean: Mean of each column, float64 of any shape.
      variance: Variance of each column, of the same shape.
    """
    deviation = tf.sqrt(tf.maximum(variance, 0.0))
    # Not the other way round: the graph optimiser turns "not greater" into "less or equal", which is wrong for NaN.
    return tf.where(deviation > _SMALLEST_SPREAD * tf.abs(mean), deviation, tf.ones_like(deviation))


def _fill_values(owners: Sequence[FeatureStep], matrix: tf.Tensor) -> tf.Tensor:
    """Returns what stands for a missing value in each column: float64 [values].

    Args:
      owners: Step of each column of the matrix.
      matrix: Values of all steps, float64 [batch, values], NaN where there is no value.
    """
    # Of a date every part becomes its mean, and what is not known to be true counts as false.
    of_kind: dict[str, str | float] = {"boolean": 0.0, "date": "mean"}
    imputes = [of_kind.get(owner.kind, owner.options.impute) for owner in owners]
    fill = tf.constant([0.0 if isinstance(impute, str) else impute for impute in imputes], tf.float64)
    means, medians = places_of("mean", imputes), places_of("median", imputes)
    if means:
        fill = tf.tensor_scatter_nd_update(fill, [[i] for i in means], _finite(_mean(pick(matrix, means))))
    if medians:
        middle = _quantiles([owners[i] for i in medians], pick(matrix, medians), 2)
        middle = tf.cast(tf.reshape(middle, (len(medians),)), tf.float64)
        fill = tf.tensor_scatter_nd_update(fill, [[i] for i in medians], _finite(middle))
    return fill


def _bucketed(
    owners: Sequence[FeatureStep], columns: tf.Tensor, filled: tf.Tensor
) -> tuple[list[Block], dict[str, tf.Tensor]]:
    """Sorts columns into quantile buckets; one analysis for all with the same number of buckets.

    Args:
      owners: Step of each column.
      columns: What is analysed, float64 [batch, columns], NaN where there is no value.
      filled: What is sorted, float64 [batch, columns]: the same without gaps.

    Returns:
      Blocks of one-hot buckets, and by the name of the step the bucket of each row, int64 [batch].
    """
    blocks, buckets = [], {}
    for count in sorted({step.options.buckets for step in owners}):
        chosen = places_of(count, [owner.options.buckets for owner in owners])
        boundaries = _quantiles([owners[i] for i in chosen], pick(columns, chosen), count)
        boundaries = tf.cast(tf.reshape(boundaries, (1, len(chosen), count - 1)), tf.float64)
        above = pick(filled, chosen)[:, :, tf.newaxis] >= boundaries
        places = tf.reduce_sum(tf.cast(above, tf.int64), axis=2)
        one_hot = tf.reshape(tf.one_hot(places, count), (-1, len(chosen) * count))
        blocks.append(Block(tuple((owners[i].name, b) for i in chosen for b in range(count)), one_hot))
        for column, i in zip(tf.unstack(places, axis=1), chosen, strict=True):
            buckets[owners[i].name] = column
    return blocks, buckets


def _ranked(owners: Sequence[FeatureStep], slots: Sequence[Slot], columns: tf.Tensor, filled: tf.Tensor) -> list[Block]:
    """Gives each number twice: in quartile ranges from the median, from 3 on by their logarithm, and its rank, 0 to 1.

    So the few that lie far out do not rule the others, and are told apart still. Between quantiles a rank is
    interpolated, so that close numbers stay close; where many rows share a value it jumps.

    Args:
      owners: Step of each column.
      slots: What stands in each column.
      columns: What is analysed, float64 [batch, columns], NaN where there is no value.
      filled: What is ranked, float64 [batch, columns]: the same without gaps.

    Returns:
      A block of the bent distances and one of the ranks, float64 [batch, columns].
    """
    count = len(owners)
    inner = _quantiles(owners, columns, _RANKS)
    inner = _finite(tf.cast(tf.reshape(inner, (count, _RANKS - 1)), tf.float64))
    low, high = _extremes(columns)
    edges = tf.concat([low[:, tf.newaxis], inner, high[:, tf.newaxis]], axis=1)
    start, width = edges[:, :-1], edges[:, 1:] - edges[:, :-1]
    beyond = filled[:, :, tf.newaxis] - start
    inside = tf.clip_by_value(beyond / tf.where(width > 0, width, tf.ones_like(width)), 0.0, 1.0)
    passed = tf.where(width > 0, inside, tf.cast(beyond >= 0, tf.float64))
    rank = tf.reduce_mean(passed, axis=2)
    quarter = _RANKS // 4
    range_ = inner[:, 3 * quarter - 1] - inner[:, quarter - 1]
    whole = tf.where(high > low, (high - low) / 2, tf.ones_like(high))
    scaled = (filled - inner[:, 2 * quarter - 1]) / tf.where(range_ > 0, range_, whole)
    bent = _BEND * tf.asinh(scaled / _BEND)
    widths = [len(DATE_PARTS) if owner.kind == "date" else 1 for owner in owners]
    of_ranks = tuple((name, place + width) for (name, place), width in zip(slots, widths, strict=True))
    return [Block(tuple(slots), bent), Block(of_ranks, rank)]


def _quantiles(owners: Sequence[FeatureStep], columns: tf.Tensor, count: int) -> tf.Tensor:
    """Returns what parts each column into so many equal shares; a column without any value counts as one of zeros.

    Args:
      owners: Step of each column.
      columns: What is parted, float64 [batch, columns], NaN where there is no value.
      count: How many shares there are.

    Returns:
      float32, columns times count - 1 boundaries.
    """
    may_be_empty = [step.indicator or step.options.indicator is False or step.dtype == "string" for step in owners]
    if any(may_be_empty):
        # TFT cannot do a column without values, and asking which have none takes one more pass over the rows.
        low, high = _largest(columns)
        columns = tf.where(low > high, tf.zeros_like(columns), columns)
    return tft.quantiles(columns, count, _EPSILON, reduce_instance_dims=False)


def _mean(columns: tf.Tensor) -> tf.Tensor:
    return tft.mean(columns, reduce_instance_dims=False)


def _extremes(columns: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the smallest and the largest value of each column, 0 where it has none."""
    low, high = _largest(columns)
    return _finite(low), _finite(high)


def _largest(columns: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the smallest and the largest value of each column; of one without values the first is the larger."""
    both = tf.concat([-columns, columns], axis=1)
    infinity = tf.constant(float("inf"), tf.float64)
    largest = tft.max(tf.where(tf.math.is_nan(both), -infinity, both), reduce_instance_dims=False)
    negative_low, high = tf.split(largest, 2)
    return -negative_low, high


def _finite(values: tf.Tensor) -> tf.Tensor:
    """Replaces what an analysis of no values gives by 0."""
    return tf.where(tf.math.is_finite(values), values, tf.zeros_like(values))


def _indicator_slot(step: FeatureStep) -> Slot:
    """Returns the place of a step's indicator, which comes after its values."""
    return step.name, len(dense_columns(step)) - 1
