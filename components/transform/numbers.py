"""Numbers, booleans and dates to scaled values: all columns in one matrix, one analysis for all of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from kerasline.components.datasets.values import (
    DATE_PATTERNS,
    FALSE_PATTERN,
    TRUE_PATTERN,
    UNIX_UNITS,
    NumberForm,
    reading_of,
)
from kerasline.components.features import DATE_PARTS, FeatureStep, number_matrix, text_matrix
from kerasline.components.transform.blocks import Block, Slot, pick
from kerasline.components.transform.dates import split_times, split_timestamps, split_written_dates
from kerasline.components.transform.unseen import mark_numbers, watched_numbers

_NAN = float("nan")
# Below this part of its mean, a deviation is rounding: the column is constant.
_SMALLEST_SPREAD = 1e-9
_EPSILON = 0.001  # of quantiles, as a share of the rows
_RANKS = 64  # stretches of a column with equal shares of the rows, between which ranks are interpolated


def scale_numbers(
    steps: Sequence[FeatureStep], inputs: dict[str, Any]
) -> tuple[list[Block], dict[str, tf.Tensor], list[tf.Tensor]]:
    """Scales every numeric, boolean and date step.

    Args:
      steps: of the plan.
      inputs: raw columns.

    Returns:
      Blocks of the dense input; for columns with quantile buckets the bucket of each row, int64 [batch]; and marks of
      unseen values, int64 [batch, steps], or none.
    """
    chosen = watched_numbers(steps)
    if not chosen:
        return [], {}, []
    slots, matrix = _known_numbers(chosen, inputs)
    by_name = {step.name: step for step in chosen}
    owners = [by_name[name] for name, _ in slots]
    treatments = [_treatment(step) for step in owners]
    fill = _fill_values(owners, treatments, matrix)
    known = ~tf.math.is_nan(matrix)
    filled = tf.where(known, matrix, fill)
    blocks: list[Block] = []
    buckets: dict[str, tf.Tensor] = {}
    for treatment in dict.fromkeys(treatments):
        places = [i for i, other in enumerate(treatments) if other == treatment]
        columns, values = pick(matrix, places), pick(filled, places)
        if treatment == "buckets":
            more, buckets = _bucketed([owners[i] for i in places], columns, values)
            blocks += more
            continue
        if treatment == "piecewise":
            blocks += _ranked([owners[i] for i in places], columns, values)
            continue
        if treatment == "z_score":
            mean = _finite(_mean(columns))
            values = (values - mean) / spread(mean, tft.var(columns, reduce_instance_dims=False))
        elif treatment == "min_max":
            low, high = _extremes(columns)
            values = (values - low) / tf.where(high > low, high - low, tf.ones_like(high))
        blocks.append(Block(tuple(slots[i] for i in places), values))
    with_indicator = [i for i, (name, place) in enumerate(slots) if place == 0 and by_name[name].indicator]
    if with_indicator:
        missing = ~pick(known, with_indicator)
        blocks.append(Block(tuple(_indicator_slot(owners[i]) for i in with_indicator), missing))
    return blocks, buckets, [mark_numbers(chosen, inputs, slots, matrix)]


def spread(mean: tf.Tensor, variance: tf.Tensor) -> tf.Tensor:
    """Returns what z-scores are divided by: the deviation, or 1 for a constant, which later values may leave."""
    deviation = tf.sqrt(tf.maximum(variance, 0.0))
    # Not the other way round: the graph optimiser turns "not greater" into "less or equal", which is wrong for NaN.
    return tf.where(deviation > _SMALLEST_SPREAD * tf.abs(mean), deviation, tf.ones_like(deviation))


def _treatment(step: FeatureStep) -> str:
    if step.kind != "numeric":
        return {"date": "z_score", "boolean": "boolean"}[step.kind]
    return "z_score" if step.options.scale == "log" else step.options.scale


def _known_numbers(steps: Sequence[FeatureStep], inputs: dict[str, Any]) -> tuple[list[Slot], tf.Tensor]:
    """Gives every value of the steps as float64 [batch, values], NaN where there is none, logarithms taken."""
    slots: list[Slot] = []
    parts: list[tf.Tensor] = []

    def add(group: Iterable[FeatureStep], values: tf.Tensor, each: int = 1) -> None:
        slots.extend((step.name, place) for step in group for place in range(each))
        parts.append(values)

    def raw(group: Sequence[FeatureStep]) -> list[Any]:
        return [inputs[step.name] for step in group]

    numbers = [step for step in steps if step.dtype != "string" and step.kind != "date"]
    if numbers:
        add(numbers, number_matrix(raw(numbers)))
    flags = [step for step in steps if step.dtype == "string" and step.kind == "boolean"]
    if flags:
        add(flags, _read_written_flags(text_matrix(raw(flags))))
    in_text = [step for step in steps if step.dtype == "string" and step.kind == "numeric"]
    for form in dict.fromkeys(step.number_form for step in in_text):
        written = [step for step in in_text if step.number_form == form]
        add(written, read_written_numbers(text_matrix(raw(written)), form))
    for date_format in (*DATE_PATTERNS, "time", *UNIX_UNITS):
        dates = [step for step in steps if step.kind == "date" and step.options.date_format == date_format]
        if dates:
            split = _split_dates(raw(dates), date_format)
            add(dates, tf.reshape(split, (-1, len(dates) * len(DATE_PARTS))), len(DATE_PARTS))
    return slots, _with_logarithms(steps, slots, tf.concat(parts, axis=1))


def _read_written_flags(text: tf.Tensor) -> tf.Tensor:
    """Reads true and false in writing, string [batch, columns], as float64 1 and 0, and what is neither as NaN."""
    said = tf.cast(tf.strings.regex_full_match(text, TRUE_PATTERN), tf.float64)
    known = tf.strings.regex_full_match(text, f"{TRUE_PATTERN}|{FALSE_PATTERN}")
    return tf.where(known, said, tf.constant(_NAN, tf.float64))


def _split_dates(columns: list[Any], date_format: str) -> tf.Tensor:
    """Splits dates of one format into their parts: float64 [batch, columns, parts]."""
    if date_format in UNIX_UNITS:
        return split_timestamps(number_matrix(columns) / UNIX_UNITS[date_format])
    if date_format == "time":
        return split_times(text_matrix(columns))
    return split_written_dates(text_matrix(columns), date_format)


def _with_logarithms(steps: Sequence[FeatureStep], slots: Sequence[Slot], matrix: tf.Tensor) -> tf.Tensor:
    """Takes the logarithm of those columns of a matrix, float64 [batch, slots], that ask for it; signs are kept."""
    logs = {step.name for step in steps if step.kind == "numeric" and step.options.scale == "log"}
    taken = [name in logs for name, _ in slots]
    if not any(taken):
        return matrix
    return tf.where(tf.constant(taken), tf.sign(matrix) * tf.math.log1p(tf.abs(matrix)), matrix)


def read_written_numbers(text: tf.Tensor, form: NumberForm) -> tf.Tensor:
    """Reads numbers that are text as ``number_forms.read_number`` does.

    Args:
      text: string [batch, columns], without spaces around it.
      form: of all the columns.

    Returns:
      float64 [batch, columns], NaN where the text is no number of the form.
    """
    reading = reading_of(form)
    text = tf.strings.lower(text, encoding="utf-8")
    for pattern, replacement in reading.cleaning:
        text = tf.strings.regex_replace(text, pattern, replacement)
    zero = tf.zeros_like(text, tf.float64)
    values = zero + tf.constant(_NAN, tf.float64)
    for pattern, terms in reading.patterns:
        readable = tf.strings.regex_full_match(text, pattern) & tf.math.is_nan(values) & tf.not_equal(text, "")
        whole = tf.where(readable, text, "")
        found = zero
        for group, factor in terms:
            number = tf.strings.regex_replace(whole, f"^(?:{pattern})$", group, replace_global=False)
            number = tf.strings.regex_replace(number, reading.marks, "")
            number = tf.strings.regex_replace(number, re.escape(reading.decimal), ".")
            found += tf.strings.to_number(tf.where(tf.equal(number, ""), "0", number), tf.float64) * factor
        values = tf.where(readable & tf.math.is_finite(found), found, values)
    return values


def _fill_values(owners: Sequence[FeatureStep], treatments: Sequence[str], matrix: tf.Tensor) -> tf.Tensor:
    """Returns what stands for a missing value in each column: float64 [values]."""
    imputes: list[str | float] = [
        0.0 if treatment == "boolean" else step.options.impute if step.kind == "numeric" else "mean"
        for step, treatment in zip(owners, treatments, strict=True)
    ]
    means = [i for i, impute in enumerate(imputes) if impute == "mean"]
    medians = [i for i, impute in enumerate(imputes) if impute == "median"]
    fill = tf.constant([0.0 if isinstance(impute, str) else impute for impute in imputes], tf.float64)
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
    """Sorts columns into quantile buckets, one-hot; one analysis for all with the same number of buckets."""
    blocks, buckets = [], {}
    for count in sorted({step.options.buckets for step in owners}):
        chosen = [i for i, step in enumerate(owners) if step.options.buckets == count]
        boundaries = _quantiles([owners[i] for i in chosen], pick(columns, chosen), count)
        boundaries = tf.cast(tf.reshape(boundaries, (1, len(chosen), count - 1)), tf.float64)
        above = pick(filled, chosen)[:, :, tf.newaxis] >= boundaries
        places = tf.reduce_sum(tf.cast(above, tf.int64), axis=2)
        one_hot = tf.reshape(tf.one_hot(places, count), (-1, len(chosen) * count))
        blocks.append(Block(tuple((owners[i].name, b) for i in chosen for b in range(count)), one_hot))
        for column, i in zip(tf.unstack(places, axis=1), chosen, strict=True):
            buckets[owners[i].name] = column
    return blocks, buckets


def _ranked(owners: Sequence[FeatureStep], columns: tf.Tensor, filled: tf.Tensor) -> list[Block]:
    """Gives each number twice: in quartile ranges from the median, at most 3 either way, and its rank, 0 to 1.

    Between quantiles a rank is interpolated, so that close numbers stay close; where many rows share a value it jumps.
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
    bent = scaled / tf.sqrt(1.0 + tf.square(scaled / 3.0))
    return [Block(tuple((owner.name, place) for owner in owners), value) for place, value in enumerate((bent, rank))]


def _quantiles(owners: Sequence[FeatureStep], columns: tf.Tensor, count: int) -> tf.Tensor:
    """Returns what parts each column into so many equal shares; a column without any value counts as one of zeros."""
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
    widths = {"date": len(DATE_PARTS), "boolean": 1}
    of_numbers = {"buckets": step.options.buckets, "piecewise": 2}
    width = widths.get(step.kind, of_numbers.get(step.options.scale, 1))
    return step.name, width
