"""Reads what StatisticsGen wrote: one proto for each split."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import TypeAlias

from tensorflow_metadata.proto.v0 import statistics_pb2

Statistics = Mapping[str, statistics_pb2.DatasetFeatureStatistics]  # by split
Column: TypeAlias = statistics_pb2.FeatureNameStatistics

# What TFDV writes for values that it does not show.
_HIDDEN_VALUES = ("__BYTES_VALUE__", "__LARGE_BYTES__")


def load_statistics(folder: str, splits: list[str]) -> dict[str, statistics_pb2.DatasetFeatureStatistics]:
    """Reads the statistics of some splits of an ExampleStatistics artifact."""
    import tensorflow as tf

    loaded = {}
    for split in splits:
        proto = statistics_pb2.DatasetFeatureStatisticsList()
        with tf.io.gfile.GFile(os.path.join(folder, f"Split-{split}", "FeatureStats.pb"), "rb") as file:
            proto.ParseFromString(file.read())
        loaded[split] = proto.datasets[0]
    return loaded


def columns_by_name(statistics: Statistics) -> dict[str, dict[str, Column]]:
    """Sorts the statistics by column, then split; names are in the order of the data."""
    columns: dict[str, dict[str, Column]] = {}
    for split, dataset in statistics.items():
        for column in dataset.features:
            columns.setdefault(column_name(column), {})[split] = column
    return columns


def column_name(column: Column) -> str:
    """Returns the name of a column; ours are never nested."""
    return str(column.path.step[0] if column.path.step else column.name)


def common(column: Column) -> statistics_pb2.CommonStatistics:
    """Returns the counts that every type of column has."""
    return getattr(column, column.WhichOneof("stats")).common_stats


def value_counts(column: Column) -> dict[str, int] | None:
    """Returns the number of rows of every value of a text column, or None where not all values are listed."""
    text = column.string_stats
    buckets = text.rank_histogram.buckets
    if column.WhichOneof("stats") != "string_stats" or len(buckets) < text.unique:
        return None
    counts = {bucket.label: int(bucket.sample_count) for bucket in buckets}
    return None if any(value in counts for value in _HIDDEN_VALUES) else counts


def not_finite(column: Column) -> tuple[int, int]:
    """Counts the NaN and the infinite values of a column of numbers."""
    numbers = column.num_stats
    nans = infinities = 0
    for histogram in numbers.histograms:
        nans = max(nans, int(histogram.num_nan))
        if histogram.type == statistics_pb2.Histogram.STANDARD:
            infinite = (b for b in histogram.buckets if math.isinf(b.low_value) and b.low_value == b.high_value)
            infinities = int(sum(bucket.sample_count for bucket in infinite))
    if not infinities and (math.isinf(numbers.min) or math.isinf(numbers.max)):
        infinities = 1
    return nans, infinities
