"""Spans: which there are, which are complete, which a run uses."""

from __future__ import annotations

import os
from datetime import date

import pytest

from kerasline.components.core.errors import ConfigError
from kerasline.components.datasets import DataOptions, peek
from kerasline.components.datasets.description.options import SpanOptions
from kerasline.components.datasets.files.files import Places
from kerasline.components.datasets.tables.spans import find_spans

NUMBERED = "data/span-{SPAN}/*.csv"


@pytest.fixture
def spans(tmp_path):
    """Finds spans below the test's own folder."""

    def call(pattern=NUMBERED, now=None, **options):
        block = SpanOptions.model_validate({"pattern": pattern, "label": "y", **options})
        return find_spans(block, Places(tmp_path, None), now)

    return call


def keys(found):
    return [span.key for span in found.chosen]


def test_numbers_sort_as_numbers_and_keep_all_their_files(spans, write, tmp_path):
    for span in (1, 2, 10, 9):
        for part in "ba":
            write(f"data/span-{span:02d}/{part}.csv", "y\n1\n")
    found = spans()
    assert keys(found) == [1, 2, 9, 10]
    assert found.chosen[3].files == (tmp_path / "data/span-10/a.csv", tmp_path / "data/span-10/b.csv")
    assert found.skipped == ("spans 3 to 8: missing",)


def test_window_and_bounds(spans, write):
    for span in range(1, 8):
        write(f"data/span-{span}/a.csv", "y\n1\n")
    assert keys(spans(window=3)) == [5, 6, 7]
    assert keys(spans(window=3, last=4)) == [2, 3, 4]
    assert keys(spans(first=6)) == [6, 7]
    with pytest.raises(ConfigError, match="No span of .* can be used yet"):
        spans(first=20)
    with pytest.raises(ConfigError, match="spans.first must be a span's number, got '2024-01-01'"):
        spans(first="2024-01-01")


def test_dates_and_gaps(spans, write):
    for day in ("2024-02-27", "2024-02-28", "2024-03-01", "2024-03-02", "2023-02-30"):
        write(f"in/{day}/x.csv", "y\n1\n")
    found = spans("in/{YYYY}-{MM}-{DD}/*.csv")
    assert keys(found) == [date(2024, 2, 27), date(2024, 2, 28), date(2024, 3, 1), date(2024, 3, 2)]
    assert found.skipped[0].endswith("2023-02-30/x.csv: not a date") and found.skipped[1] == "span 2024-02-29: missing"
    assert keys(spans("in/{YYYY}-{MM}-{DD}/*.csv", last=date(2024, 2, 28))) == [date(2024, 2, 27), date(2024, 2, 28)]


def test_weekly_spans_have_no_gaps(spans, write):
    for day in ("01", "08", "15", "29"):
        write(f"in/2024{'01'}{day}.csv", "y\n1\n")
    assert spans("in/{YYYY}{MM}{DD}.csv").skipped == ("span 2024-01-22: missing",)


def test_the_newest_complete_version_counts(spans, write):
    for version in (1, 2, 10):
        write(f"v/span-1/v{version}/a.csv", "y\n1\n")
    write("v/span-2/v1/a.csv", "y\n1\n")
    write("v/span-2/v2/a.csv", "")
    found = spans("v/span-{SPAN}/v{VERSION}/*.csv")
    assert [(span.key, span.version) for span in found.chosen] == [(1, 10), (2, 1)]
    assert found.skipped == ("span 2 version 2: a.csv is empty, perhaps still being copied",)


def test_a_span_that_is_still_being_copied_waits(spans, write):
    for span in (1, 2):
        path = write(f"data/span-{span}/a.csv", "y\n1\n")
        os.utime(path, (1000 * span, 1000 * span))
    assert keys(spans(now=2030, settle_seconds=60)) == [1]
    assert spans(now=2030, settle_seconds=60).skipped == ("span 2: a.csv changed 30 s ago, perhaps still being copied",)
    assert keys(spans(now=2061, settle_seconds=60)) == [1, 2]
    with pytest.raises(ConfigError, match=r"The newest: span 2: a.csv changed 30 s ago"):
        spans(now=2030, settle_seconds=5000)


def test_a_marker_says_that_a_span_is_complete(spans, write):
    write("data/span-1/a.csv", "y\n1\n")
    write("data/span-1/_SUCCESS", "x")
    write("data/span-2/a.csv", "y\n1\n")
    found = spans("data/span-{SPAN}/*", marker="_SUCCESS")
    assert keys(found) == [1] and [path.name for path in found.chosen[0].files] == ["a.csv"]
    assert found.skipped[0].endswith("span-2 has no _SUCCESS yet")


def test_a_token_may_repeat(spans, write):
    write("data/7/rows-7.csv", "y\n1\n")
    write("data/8/rows-7.csv", "y\n1\n")
    assert keys(spans("data/{SPAN}/rows-{SPAN}.csv")) == [7]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("data/*.csv", "needs either {SPAN} or all of {YYYY}, {MM} and {DD}"),
        ("data/{YYYY}-{MM}/*.csv", "needs either {SPAN} or all"),
        ("data/{SPAN}/{YYYY}{MM}{DD}.csv", "needs either {SPAN} or all"),
        ("data/{SPNA}/*.csv", "spans.pattern has {SPNA}, but knows {SPAN}"),
        ("none/{SPAN}/*.csv", "No file matches the spans .*none/{SPAN}"),
    ],
)
def test_bad_patterns(spans, pattern, message):
    with pytest.raises(ConfigError, match=message):
        spans(pattern)


def rows_of(span, count=20):
    return "x,y\n" + "".join(f"{span * 100 + n},{n % 2}\n" for n in range(count))


def test_a_rolling_window_of_rows(resolve, rows, write):
    for span in (1, 2, 4):
        write(f"data/span-{span}/a.csv", rows_of(span))
    block = {"pattern": NUMBERED, "label": "y", "window": 2}
    dataset = resolve(spans=block)
    assert {row["x"] // 100 for row in rows(dataset)} == {2, 4}
    assert dataset.notes[0] == "spans 2 to 4: 2 in 2 files" and dataset.skipped == ("span 3: missing",)
    write("data/span-5/a.csv", rows_of(5))
    assert {row["x"] // 100 for row in rows(dataset)} == {2, 4}, "a span that appears later is not read"
    later = resolve(spans=block)
    assert {row["x"] // 100 for row in rows(later)} == {4, 5} and later.fingerprint != dataset.fingerprint


def test_spans_pass_options_to_their_reader(resolve, rows, write):
    write("data/span-1/a.csv", rows_of(1).replace(",", "|"))
    block = {"pattern": NUMBERED, "label": "y", "reader": {"delimiter": "|"}}
    assert len(rows(resolve(spans=block))) == 20
    with pytest.raises(
        ConfigError, match="spans.reader.delimeter: unknown key. Did you mean 'delimiter'. It takes keys of the csv"
    ):
        resolve(spans={**block, "reader": {"delimeter": "|"}})


@pytest.mark.parametrize(
    ("content", "kind", "advice"),
    [
        (b'[{"x": 1, "y": 0}]', "csv", r"a JSON document of rows, no text table; set spans.format: parquet\."),
        (b"x,y\n1,0\n", "parquet", "set spans.format: csv for a text table"),
        ("ä,y\n1,0\n".encode("latin-1"), "csv", "set spans.reader.encoding, for instance to cp1252"),
    ],
)
def test_what_readers_advise_names_the_keys_of_spans(resolve, write, tmp_path, content, kind, advice):
    block = {"spans": {"pattern": "s-{SPAN}.json", "label": "y", "format": kind}}
    write("s-1.json", content)
    with pytest.raises(ConfigError, match=advice):
        resolve(**block)
    with pytest.raises(ConfigError, match=advice):
        peek(DataOptions.model_validate(block), Places(tmp_path, None))


@pytest.mark.parametrize(
    ("row", "reader", "advice"),
    [
        ('{},1\n"4,1', {}, "set spans.reader.quoting: none, .*, or spans.reader.quoting: standard"),
        ("NA,{}", {}, "has a value; check spans.reader.delimiter and spans.reader.missing_values"),
        ("{},2", {"class_names": ["a", "b"]}, "^spans.reader.class_names names the classes 0 to 1"),
        ('{},"1,{:03}"', {}, "may be read in two ways: .* Set spans.reader.label_decimal: '.'"),
    ],
)
def test_what_is_wrong_with_columns_names_the_keys_of_spans(resolve, write, row, reader, advice):
    write("s-1.csv", "x,y\n" + "".join(row.format(n, n) + "\n" for n in range(100, 140)))
    with pytest.raises(ConfigError, match=advice):
        resolve(spans={"pattern": "s-{SPAN}.csv", "label": "y", "reader": reader})


def test_parquet_spans(resolve, rows, tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    for span in (1, 2):
        (tmp_path / f"p/{span}").mkdir(parents=True)
        pq.write_table(pa.table({"x": list(range(30)), "y": [0, 1] * 15}), tmp_path / f"p/{span}/a.parquet")
    assert len(rows(resolve(spans={"pattern": "p/{SPAN}/*.parquet", "format": "parquet", "label": "y"}))) == 60
