"""Adds the column of unseen values to a part of the output, which is done only where there are any."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from kerasline.components.core import new_name, written_at_once
from kerasline.components.prediction.writing import PartWriter, csv_rows

UNSEEN_COLUMN = "unseen"
_LINES = 10_000
_LONGEST_CELL = (1 << 31) - 1  # no limit: the part was written here


def column_name(names: Sequence[str]) -> str:
    """Chooses a name for the column of unseen values that no other column of the output has."""
    return new_name(UNSEEN_COLUMN, names)


def write_marks(file: Any, first_row: int, named: Iterable[str | None]) -> None:
    """Notes the marked rows of a block: a line of JSON for each, with its number in the part."""
    for row, names in enumerate(named, start=first_row):
        if names is not None:
            file.write(json.dumps([row, names]).encode() + b"\n")


def add_marks(part: Path, marks: Path, marked_part: Path, suffix: str, name: str, *, header: bool) -> None:
    """Writes a part with one more column: the names of the columns whose values training has never shown.

    Args:
      part: a file of an output format.
      marks: from :func:`write_marks`.
      marked_part: the file to write.
      suffix: which format both have.
      name: of the new column.
      header: whether a text table begins with the names of its columns.
    """
    marked = dict(json.loads(line) for line in marks.read_text(encoding="utf-8").splitlines())
    add = {".parquet": _add_to_parquet, ".csv": _add_to_csv, ".jsonl": _add_to_lines}[suffix]
    with written_at_once(marked_part) as target:
        add(part, target, marked, name, header)


def _add_to_parquet(part: Path, target: Any, marked: dict[int, str], name: str, header: bool) -> None:
    file, writer, row = pq.ParquetFile(part), PartWriter(target, ".parquet"), 0
    for group in range(file.num_row_groups):
        table = file.read_row_group(group)
        named = [marked.get(number) for number in range(row, row + len(table))]
        row += len(table)
        writer.write(table.append_column(name, pa.array(named, pa.string())))
    writer.close()


def _add_to_csv(part: Path, target: Any, marked: dict[int, str], name: str, header: bool) -> None:
    csv.field_size_limit(_LONGEST_CELL)
    with open(part, encoding="utf-8", newline="") as source:
        rows = csv.reader(source)
        first = -1 if header else 0
        for block in _blocks(enumerate(rows, start=first)):
            target.write(csv_rows([[*cells, name if row < 0 else marked.get(row, "")] for row, cells in block]))


def _add_to_lines(part: Path, target: Any, marked: dict[int, str], name: str, header: bool) -> None:
    with open(part, encoding="utf-8") as source:
        for row, line in enumerate(source):
            record = {**json.loads(line), name: marked.get(row)}
            target.write(json.dumps(record, ensure_ascii=False).encode() + b"\n")


def _blocks(rows: Iterator[Any]) -> Iterator[list[Any]]:
    while block := list(islice(rows, _LINES)):
        yield block
