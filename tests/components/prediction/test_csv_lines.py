"""Lines of CSV that are made by the column are those of Python's csv module, byte for byte."""

from __future__ import annotations

import csv
import datetime
import decimal
import io
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from kerasline.components.prediction.writing import PartWriter

NAN, INFINITY = float("nan"), float("inf")
TEXTS = ["x", None, "", 'he said "hi"', "two\nlines", "c,d", "ü", "  sp ", '"']


def row_by_row(tables: list[Any]) -> bytes:
    """Writes tables with Python's csv module."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(tables[0].column_names)
    for table in tables:
        writer.writerows(zip(*(pc.cast(column, pa.string()).to_pylist() for column in table.columns), strict=True))
    return text.getvalue().encode()


def by_the_column(tables: list[Any]) -> bytes:
    """Writes tables as a prediction is written."""
    file = io.BytesIO()
    writer = PartWriter(file, ".csv")
    for table in tables:
        writer.write(table)
    writer.close()
    return file.getvalue()


@pytest.mark.parametrize(
    "values",
    [
        pa.array(TEXTS),
        pa.array(TEXTS, pa.large_string()),
        pa.array(TEXTS).dictionary_encode(),
        pa.nulls(9),
        pa.array([1.5, NAN, None, INFINITY, 1e-7, 3.14, 1e20, -0.0, 0.1], pa.float32()),
        pa.array([1.5, NAN, None, -INFINITY, 1e-7, 3.14, 1e20, -0.0, 0.1]),
        pa.array([2**62, None, -1, 0, 1, 2, 3, 4, 5]),
        pa.array([True, None, False] * 3),
        pa.array([datetime.datetime(2020, 1, 1, 3)] * 9),
        pa.array([decimal.Decimal("1.20"), None, decimal.Decimal("-3.00")] * 3),
    ],
    ids=lambda values: str(values.type),
)
def test_every_kind_of_value(values: Any) -> None:
    table = pa.table({'na"me, of it': values, "model_version": ["m@1"] * 9})
    tables = [table, table.slice(2, 4), table.slice(0, 0), pa.concat_tables([table, table])]
    assert by_the_column(tables) == row_by_row(tables)


def test_a_cell_that_ends_as_old_lines_do_is_read_as_it_was() -> None:
    table = pa.table({"a": ["ü\r", "x\ry"], "b": ["1", "2"]})
    rows = csv.reader(io.StringIO(by_the_column([table]).decode(), newline=""))
    assert list(rows) == [["a", "b"], ["ü\r", "1"], ["x\ry", "2"]]


def test_a_row_without_any_value_is_a_line() -> None:
    table = pa.table({"a": pa.nulls(2, pa.string()), "b": pa.nulls(2, pa.float32())})
    assert by_the_column([table]) == row_by_row([table]) == b"a,b\n,\n,\n"
