"""Distributions from a statistics artifact that is written by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tensorflow_metadata.proto.v0 import statistics_pb2

from kerasline.components.report.figures.columns import read_statistics, rebin


def write_split(folder: Path, split: str, values: list[float], words: list[tuple[str, int]], missing: int = 0) -> None:
    """Writes the statistics of one column of numbers and one of words, as TFDV lays them out."""
    proto = statistics_pb2.DatasetFeatureStatisticsList()
    data = proto.datasets.add(num_examples=len(values) + missing)
    number = data.features.add(type=statistics_pb2.FeatureNameStatistics.FLOAT)
    number.path.step.append("length")
    stats = number.num_stats
    stats.common_stats.num_non_missing = len(values)
    stats.mean, stats.std_dev = float(np.mean(values)), float(np.std(values))
    stats.min, stats.median, stats.max = min(values), float(np.median(values)), max(values)
    histogram = stats.histograms.add(type=statistics_pb2.Histogram.STANDARD)
    counts, edges = np.histogram(values, bins=4)
    for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True):
        histogram.buckets.add(low_value=low, high_value=high, sample_count=count)
    tenths, ends = (
        stats.histograms.add(type=statistics_pb2.Histogram.QUANTILES),
        np.quantile(values, np.linspace(0, 1, 11)),
    )
    for low, high in zip(ends[:-1], ends[1:], strict=True):
        tenths.buckets.add(low_value=low, high_value=high, sample_count=len(values) / 10)
    text = data.features.add(type=statistics_pb2.FeatureNameStatistics.STRING)
    text.path.step.append("colour")
    text.string_stats.unique = len(words)
    text.string_stats.common_stats.num_non_missing = sum(count for _, count in words)
    for value, count in words:
        text.string_stats.top_values.add(value=value, frequency=count)
    image = data.features.add(type=statistics_pb2.FeatureNameStatistics.STRING)
    image.path.step.append("photo")
    image.string_stats.top_values.add(value="not text", frequency=1)
    (folder / f"Split-{split}").mkdir(parents=True)
    (folder / f"Split-{split}" / "FeatureStats.pb").write_bytes(proto.SerializeToString())


def test_columns_of_every_split(tmp_path: Path) -> None:
    write_split(tmp_path, "train", [0, 1, 2, 3, 4, 5, 6, 8], [("red", 5), ("blue", 3)], missing=2)
    write_split(tmp_path, "eval", [2, 4], [("red", 2)])
    found = read_statistics(str(tmp_path), {"length": "float", "colour": "string", "photo": "image"})
    assert found["rows"] == {"train": 10, "eval": 2}
    train, evaluated = found["columns"]["length"]["train"], found["columns"]["length"]["eval"]
    assert (train["rows"], train["missing"], train["minimum"], train["maximum"]) == (8, 2, 0.0, 8.0)
    assert train["histogram"]["counts"] == [2, 2, 2, 2]
    # Both splits are drawn over the same edges, and no row is lost on the way.
    assert evaluated["histogram"]["edges"] == train["histogram"]["edges"] == [0, 2, 4, 6, 8]
    assert sum(evaluated["histogram"]["counts"]) == pytest.approx(2)
    assert found["columns"]["colour"]["train"]["values"][0] == {"value": "red", "rows": 5}
    assert "photo" not in found["columns"]


def test_no_statistics_no_columns(tmp_path: Path) -> None:
    assert read_statistics(None, {}) == {"rows": {}, "columns": {}}
    assert read_statistics(str(tmp_path / "gone"), {}) == {"rows": {}, "columns": {}}


def test_rebin_keeps_the_sum_and_spreads_evenly() -> None:
    counts = rebin(np.array([0.0, 1.0, 3.0]), np.array([4.0, 2.0]), np.array([0.0, 0.5, 2.0, 4.0]))
    assert counts == pytest.approx([2.0, 3.0, 1.0])


def test_rebin_puts_a_bin_without_width_where_it_lies() -> None:
    counts = rebin(np.array([5.0, 5.0]), np.array([7.0]), np.array([0.0, 4.0, 8.0]))
    assert counts == pytest.approx([0.0, 7.0])


def skewed(low: float = 1.0) -> list[float]:
    """1,000 values that rise evenly on a logarithmic axis, from ``low`` to 10,000 times as much."""
    return [float(value) for value in low * np.logspace(0, 4, 1000)]


def test_a_column_that_differs_by_factors_has_bins_that_rise_by_one(tmp_path: Path) -> None:
    write_split(tmp_path, "train", skewed(), [("red", 1)])
    write_split(tmp_path, "eval", skewed()[::2], [("red", 1)])
    splits = read_statistics(str(tmp_path), {"length": "float"})["columns"]["length"]
    edges, counts = (splits["train"]["histogram"][key] for key in ("edges", "counts"))
    assert splits["train"]["histogram"]["scale"] == "log" and splits["eval"]["histogram"]["edges"] == edges
    assert np.diff(np.log(edges)) == pytest.approx(np.log(10_000) / 12)
    assert sum(counts) == pytest.approx(1000, abs=0.01)
    assert sum(splits["eval"]["histogram"]["counts"]) == pytest.approx(500, abs=0.01)
    # A twelfth of the rows in each, as far as tenths of the rows can tell; even bins have 850 of them in one.
    assert max(counts) < 150 and min(counts) > 30
    assert "tenths" not in splits["train"]


def both_ways() -> list[float]:
    """As the profits of many firms: sizes that differ by factors, above 0 and below."""
    return [*skewed(), 0.0, *(-value for value in skewed(0.5))]


@pytest.mark.parametrize(
    "values",
    [[0.0, *skewed()], [-5.0, *skewed()], [-value for value in skewed()], both_ways()],
    ids=["none below", "negative", "all negative", "both ways"],
)
def test_a_column_that_differs_by_factors_around_zero_has_bins_that_rise_on_both_sides(
    tmp_path: Path, values: list[float]
) -> None:
    write_split(tmp_path, "train", values, [("red", 1)])
    write_split(tmp_path, "eval", values[::2], [("red", 1)])
    splits = read_statistics(str(tmp_path), {"length": "float"})["columns"]["length"]
    shape = splits["train"]["histogram"]
    assert shape["scale"] == "symlog" and splits["eval"]["histogram"]["edges"] == shape["edges"]
    edges = np.array(shape["edges"])
    assert (edges[0], edges[-1]) == (min(values), max(values))
    placed = np.sign(edges) * np.log1p(np.abs(edges) / shape["constant"])
    assert np.diff(placed) == pytest.approx(np.diff(placed)[0])
    assert sum(shape["counts"]) == pytest.approx(len(values), abs=0.01)
    assert max(shape["counts"]) < 0.3 * len(values), "even bins have 0.85 of them in one"


@pytest.mark.parametrize(
    ("values", "dtype"),
    [([*range(900, 1000), -999.0], "float"), (list(np.linspace(1, 1000, 500)), "float"),
     ([0.0] * 900 + [5.0] * 9, "float"), ([*range(1, 60), 900], "int"), ([-1, *range(60), 900], "int")],
    ids=["far from 0", "even", "zeros", "whole numbers that lie apart", "whole numbers around 0"],
)  # fmt: skip
def test_other_columns_have_even_bins(tmp_path: Path, values: list[float], dtype: str) -> None:
    write_split(tmp_path, "train", values, [("red", 1)])
    train = read_statistics(str(tmp_path), {"length": dtype})["columns"]["length"]["train"]
    assert "scale" not in train["histogram"] and "tenths" not in train
    assert np.diff(train["histogram"]["edges"]) == pytest.approx((max(values) - min(values)) / 4)
