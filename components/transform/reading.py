"""Numbers, booleans and dates of any notation as one matrix of numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import tensorflow as tf

from kerasline.components.datasets.values import (
    DATE_PATTERNS,
    FALSE_PATTERN,
    TRUE_PATTERN,
    UNIX_UNITS,
    NumberForm,
    reading_of,
)
from kerasline.components.features import DATE_PARTS, FeatureStep, number_matrix, text_matrix
from kerasline.components.transform.blocks import Slot
from kerasline.components.transform.dates import split_times, split_timestamps, split_written_dates

_NAN = float("nan")

# Steps that are read alike, how many values each has, and these: float64 [batch, steps * values].
Group = tuple[Sequence[FeatureStep], int, tf.Tensor]


def read_numbers(steps: Sequence[FeatureStep], inputs: Mapping[str, Any]) -> tuple[list[Slot], tf.Tensor]:
    """Reads every value of numeric, boolean and date steps, and takes the logarithms that they ask for.

    Args:
      steps: Steps of these three kinds; at least one.
      inputs: Raw columns by name, sparse or dense [batch, n].

    Returns:
      What stands in each column, and float64 [batch, values], NaN where there is no value.
    """
    readers = (_read_plain, _read_flags, _read_written, _read_dates)
    groups = [group for read in readers for group in read(steps, inputs)]
    slots = [(step.name, place) for group, each, _ in groups for step in group for place in range(each)]
    return slots, _with_logarithms(steps, slots, tf.concat([values for _, _, values in groups], axis=1))


def _raw(steps: Sequence[FeatureStep], inputs: Mapping[str, Any]) -> list[Any]:
    return [inputs[step.name] for step in steps]


def _read_plain(steps: Sequence[FeatureStep], inputs: Mapping[str, Any]) -> Iterator[Group]:
    """Reads numbers and booleans that are stored as numbers."""
    numbers = [step for step in steps if step.dtype != "string" and step.kind != "date"]
    if numbers:
        yield numbers, 1, number_matrix(_raw(numbers, inputs))


def _read_flags(steps: Sequence[FeatureStep], inputs: Mapping[str, Any]) -> Iterator[Group]:
    """Reads booleans that are text."""
    flags = [step for step in steps if step.dtype == "string" and step.kind == "boolean"]
    if flags:
        yield flags, 1, _read_written_flags(text_matrix(_raw(flags, inputs)))


def _read_written(steps: Sequence[FeatureStep], inputs: Mapping[str, Any]) -> Iterator[Group]:
    """Reads numbers that are text, those of one form together."""
    numbers = [step for step in steps if step.dtype == "string" and step.kind == "numeric"]
    for form in dict.fromkeys(step.number_form for step in numbers):
        alike = [step for step in numbers if step.number_form == form]
        yield alike, 1, read_written_numbers(text_matrix(_raw(alike, inputs)), form)


def _read_dates(steps: Sequence[FeatureStep], inputs: Mapping[str, Any]) -> Iterator[Group]:
    """Reads dates, those of one format together."""
    dates = [step for step in steps if step.kind == "date"]
    for date_format in (*DATE_PATTERNS, "time", *UNIX_UNITS):
        alike = [step for step in dates if step.options.date_format == date_format]
        if alike:
            split = _split_dates(_raw(alike, inputs), date_format)
            yield alike, len(DATE_PARTS), tf.reshape(split, (-1, len(alike) * len(DATE_PARTS)))


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
      text: Cells without spaces around them, string [batch, columns].
      form: How the numbers of all the columns are written.

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
