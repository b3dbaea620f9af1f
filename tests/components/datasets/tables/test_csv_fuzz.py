"""Dirty text tables against Python's own reading of them: no row is lost, and none is made up.

``make fuzz`` generates more of them, anew each time.
"""

from __future__ import annotations

import csv
import io
import os
import re
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings, strategies as st

from kerasline.components.core.errors import LONGEST_MESSAGE, ConfigError
from kerasline.components.datasets import DataOptions, read_shard, resolve
from kerasline.components.datasets.description.options import MISSING_VALUES

FUZZED = int(os.environ.get("KERASLINE_FUZZ", "0"))

WORDS = st.sampled_from(["a", "b b", "größe", "x,y", "x;y", "line\nbreak", 'a "quoted" word', "O'Neil", "007", "true"])
NUMBERS = st.one_of(st.integers(-999, 10**6).map(str), st.floats(-1e6, 1e6).map(repr))
MISSING = st.sampled_from(["", " ", "NA", "?", "null"])
LABELS = st.sampled_from(["yes", "no", "no", "yes", "perhaps", ""])


def rows(width: int) -> st.SearchStrategy[list[str]]:
    """A row of a table: the label, numbers, words; now and then with a cell too few or too many."""
    cells = [LABELS, st.one_of(NUMBERS, NUMBERS, MISSING), *[st.one_of(WORDS, MISSING)] * (width - 2)]
    fair = st.tuples(*cells).map(list)
    ragged = fair.flatmap(lambda row: st.sampled_from([row[:-1], [*row, "more"]]))
    return st.integers(0, 9).flatmap(lambda dice: ragged if dice == 0 else fair)


@st.composite
def tables(draw: st.DrawFn) -> tuple[str, str]:
    """The text of a table, and its delimiter."""
    width = draw(st.integers(3, 5))
    delimiter = draw(st.sampled_from([",", ";", "\t", "|"]))
    end = draw(st.sampled_from(["\n", "\r\n"]))
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=quoting)
    writer.writerow(["label", *(f"c{number}" for number in range(1, width))])
    for row in draw(st.lists(rows(width), min_size=30, max_size=60)):
        writer.writerow(row)
        if draw(st.integers(0, 19)) == 0:
            text.write(end)
    written = text.getvalue()
    return (written if draw(st.booleans()) else written.removesuffix(end)), delimiter


def reference(text: str, delimiter: str) -> tuple[list[dict[str, str]], int, int]:
    """Rows as Python reads them, the lines of those that are ragged, and how many have no label."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    header, ragged, fair = next(reader), 0, []
    for row in reader:
        if row and len(row) != len(header):
            ragged += 1 + sum(cell.count("\n") for cell in row)
        elif row:
            fair.append(dict(zip(header, map(str.strip, row), strict=True)))
    kept = [row for row in fair if row["label"] not in MISSING_VALUES]
    return kept, ragged, len(fair) - len(kept)


def told(skipped: tuple[str, ...], words: str) -> int:
    """How many rows or lines were told to be skipped for a reason."""
    found = [re.search(rf"([\d,]+) (?:lines?|rows?) {words}", line) for line in skipped]
    return sum(int(match[1].replace(",", "")) for match in found if match)


def plain(value: Any, cell: str) -> bool:
    """Whether a value is what a cell says."""
    if cell in MISSING_VALUES:
        return value is None
    return value == cell if isinstance(value, str) else value == pytest.approx(float(cell))


@pytest.mark.slow
@pytest.mark.timeout(0 if FUZZED else 300)
@settings(
    max_examples=FUZZED or 150, derandomize=not FUZZED, deadline=None, database=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
@given(tables())
def test_every_row_is_read_or_counted(table: tuple[str, str]) -> None:
    text, delimiter = table
    kept, ragged, unlabelled = reference(text, delimiter)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "t.csv").write_text(text, encoding="utf-8", newline="")
        block = {"path": "t.csv", "label": "label", "ragged_rows": "skip", "delimiter": delimiter}
        options = DataOptions.model_validate({"csv": block, "split": {"test": 0}})
        try:
            dataset = resolve(options, name="t", base_dir=Path(folder), data_dir=None)
        except ConfigError as error:
            event("refused")
            assert "\n" not in str(error) and len(str(error)) <= LONGEST_MESSAGE
            return
        read = [row for shard in dataset.shards for _, row in read_shard(dataset, shard)]
    assert dataset.rows == len(read) == len(kept)
    assert told(dataset.skipped, "with too few or too many cells") == ragged
    assert told(dataset.skipped, "without a label") == unlabelled
    for row, expected in zip(read, kept, strict=True):
        wrong = {name: (row[name], expected[name]) for name in row if not plain(row[name], expected[name])}
        assert not wrong
