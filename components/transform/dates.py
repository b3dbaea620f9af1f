"""Dates, times and durations to year, month, day, weekday and hour."""

from __future__ import annotations

import tensorflow as tf

from kerasline.components.datasets.values import (
    DATE_CLEANING,
    DATE_PATTERNS,
    EXAMPLES,
    FIRST_YEAR_OF_TWO_DIGITS,
    MONTHS,
    TIME_PATTERNS,
)

_NAN = float("nan")
_SECONDS_PER_DAY = 86_400


def split_written_dates(text: tf.Tensor, date_format: str) -> tf.Tensor:
    """Splits dates that are written out.

    Args:
      text: Cells without spaces around them, string [batch, columns].
      date_format: Order of the parts: ``ymd``, ``dmy`` or ``mdy``.

    Returns:
      float64 [batch, columns, 5]: year, month, day, weekday (0 is Sunday) and hour, NaN where the text is no such date.
    """
    pattern, groups = DATE_PATTERNS[date_format]
    text = clean_dates(text)
    readable = tf.strings.regex_full_match(text, pattern)
    # Some date that has the form, so that every part can be read.
    text = tf.where(readable, text, EXAMPLES[date_format])
    year_text, month_text, day_text, hour_text, half = (_part(text, pattern, group) for group in groups)
    for number, month in enumerate(MONTHS, start=1) if date_format != "ymd" else ():
        month_text = tf.strings.regex_replace(month_text, f"^(?:{month}).*", str(number))
    year, month, day, hour = (_number(part) for part in (year_text, month_text, day_text, hour_text))
    if date_format != "ymd":
        century = FIRST_YEAR_OF_TWO_DIGITS // 100 * 100
        full = century + year + 100 * tf.cast(century + year < FIRST_YEAR_OF_TWO_DIGITS, tf.float64)
        year = tf.where(tf.strings.length(year_text) == 2, full, year)
    hour = _of_whole_day(hour, half)
    # Zeller's congruence for the Gregorian calendar, https://en.wikipedia.org/wiki/Zeller%27s_congruence
    early = month < 3
    m, y = tf.where(early, month + 12, month), tf.where(early, year - 1, year)
    century_, rest = tf.floor(y / 100), y % 100
    zeller = day + tf.floor(13 * (m + 1) / 5) + rest + tf.floor(rest / 4) + tf.floor(century_ / 4) + 5 * century_
    parts = tf.stack([year, month, day, (zeller + 6) % 7, hour], axis=2)
    possible = readable & (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31) & (hour <= 24)
    return tf.where(possible[:, :, tf.newaxis], parts, tf.constant(_NAN, tf.float64))


def split_times(text: tf.Tensor) -> tf.Tensor:
    """Gives times of day and durations the place of the hour, in hours and parts of them.

    Args:
      text: Cells without spaces around them, string [batch, columns].

    Returns:
      float64 [batch, columns, 5], of which all but the hour are NaN.
    """
    text = clean_dates(text)
    hours = tf.fill(tf.shape(text), tf.constant(_NAN, tf.float64))
    for pattern in TIME_PATTERNS:
        readable = tf.strings.regex_full_match(text, pattern)
        known = tf.where(readable, text, EXAMPLES["time"] if pattern is TIME_PATTERNS[0] else "pt0h")
        sign, days, hour, minute, second, half = (_part(known, pattern, rf"\{group}") for group in range(1, 7))
        is_empty = tf.equal(tf.strings.join([days, hour, minute, second]), "")
        total = _of_whole_day(_number(hour), half) + _number(minute) / 60 + _number(second) / 3600
        minus = tf.equal(sign, "-")
        # A negative timedelta of Python is written as -1 day, 23:00:00: its days alone are negative.
        days_alone = minus & tf.not_equal(days, "") & tf.strings.regex_full_match(known, ".*:.*")
        whole = 24 * _number(days)
        signed = tf.where(days_alone, total - whole, tf.where(minus, -(total + whole), total + whole))
        hours = tf.where(readable & ~is_empty, signed, hours)
    missing = tf.fill(tf.shape(text), tf.constant(_NAN, tf.float64))
    return tf.stack([missing] * 4 + [hours], axis=2)


def clean_dates(text: tf.Tensor) -> tf.Tensor:
    """Brings cells, string of any shape, into one of the usual forms, as ``date_forms.clean_date`` does."""
    text = tf.strings.lower(text, encoding="utf-8")
    for pattern, replacement in DATE_CLEANING:
        text = tf.strings.regex_replace(text, pattern, replacement, replace_global=False)
    return text


def split_timestamps(seconds: tf.Tensor) -> tf.Tensor:
    """Splits seconds since 1970 (UTC) into the same parts.

    Args:
      seconds: Seconds since 1970, float64 [batch, columns], NaN where missing.

    Returns:
      float64 [batch, columns, 5].

    Source:
      H. Hinnant: chrono-Compatible Low-Level Date Algorithms, http://howardhinnant.github.io/date_algorithms.html
    """
    days = tf.floor(seconds / _SECONDS_PER_DAY)
    hour = tf.floor((seconds - days * _SECONDS_PER_DAY) / 3600)
    shifted = days + 719_468  # days since 0000-03-01
    era = tf.floor(shifted / 146_097)
    of_era = shifted - era * 146_097
    year_of_era = tf.floor(
        (of_era - tf.floor(of_era / 1460) + tf.floor(of_era / 36_524) - tf.floor(of_era / 146_096)) / 365
    )
    of_year = of_era - (365 * year_of_era + tf.floor(year_of_era / 4) - tf.floor(year_of_era / 100))
    shifted_month = tf.floor((5 * of_year + 2) / 153)
    day = of_year - tf.floor((153 * shifted_month + 2) / 5) + 1
    month = shifted_month + 3 - 12 * tf.cast(shifted_month >= 10, tf.float64)
    year = year_of_era + era * 400 + tf.cast(month <= 2, tf.float64)
    return tf.stack([year, month, day, (days + 4) % 7, hour], axis=2)


def _part(text: tf.Tensor, pattern: str, group: str) -> tf.Tensor:
    """Takes a group, such as ``\\1``, out of cells that match a pattern as a whole."""
    return tf.strings.regex_replace(text, f"^(?:{pattern})$", group, replace_global=False)


def _of_whole_day(hour: tf.Tensor, half: tf.Tensor) -> tf.Tensor:
    """Counts hours from midnight where ``half`` is a or p."""
    return tf.where(tf.equal(half, ""), hour, hour % 12 + 12 * tf.cast(tf.equal(half, "p"), tf.float64))


def _number(text: tf.Tensor) -> tf.Tensor:
    """Reads digits as float64; nothing counts as 0."""
    return tf.strings.to_number(tf.where(tf.equal(text, ""), "0", text), tf.float64)
