"""Looks into a table: how it is written, its columns, and as many of its rows as can be read in a second."""

from __future__ import annotations

import os
import random
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from kerasline.components.core import ConfigError, counted
from kerasline.components.datasets.description import MISSING_VALUES
from kerasline.components.datasets.files import (
    PACKING_ERRORS,
    check_names,
    damaged_packing,
    is_packed,
    name_kind,
    open_bytes,
    partitions_of,
)
from kerasline.components.datasets.tables.csv import (
    NAMES_AGAIN,
    ColumnScan,
    Dialect,
    count_named,
    detect_encoding,
    encoding_reason,
    fitted,
    lines,
    parse,
)
from kerasline.components.datasets.tables.typed import (
    category_columns,
    column_type,
    index_columns,
    open_file,
    plain_values,
    read_batches,
    remark_of,
)
from kerasline.components.profiling.sampling.dialects import find_dialect, lines_below
from kerasline.components.profiling.sampling.missing import Words, decide_typed_words, decide_words, shared_words
from kerasline.components.profiling.sampling.places import bytes_up_to, rows_further_on, with_other_files
from kerasline.components.profiling.sampling.totals import leave_out_sum, leave_out_typed_sum, remark_on_sum, sum_below

_CELLS = 1_500_000  # cells to look at
_FEWEST_ROWS, _MOST_ROWS = 2_000, 60_000
_MOST_RAGGED = 0.2


@dataclass
class SampledColumn:
    """The values of one column in the rows that were looked at.

    Attributes:
      name: of the column.
      dtype: as the reader will see it: int, float, string or array.
      values: of the type, None where there is none.
      words: what means no value in it.
      is_category: whether the file says that its values are those of a category.
    """

    name: str
    dtype: str
    values: list[Any]
    words: Words = Words()
    is_category: bool = False

    @property
    def present(self) -> list[Any]:
        """The values without those that are missing or NaN."""
        return [value for value in self.values if value is not None and value == value]


@dataclass
class TableSample:
    """What was seen of a table.

    Attributes:
      path: of the (first) file.
      source: ``csv`` or ``parquet``.
      columns: in the table's order.
      rows: of all files; estimated where ``complete`` is false.
      complete: whether every row was looked at.
      reading: keys of the ``csv:`` block that are not the default, each with the reason.
      delimiter: text tables only.
      unusable: columns that no reader takes, each with the reason.
      index: columns that hold the index of a data frame, which the reader leaves out.
      remark: what else a user should look at.
      files: how many the table has.
    """

    path: Path
    source: str
    columns: list[SampledColumn]
    rows: int
    complete: bool
    reading: dict[str, tuple[Any, str]] = field(default_factory=dict)
    delimiter: str = ","
    unusable: dict[str, str] = field(default_factory=dict)
    index: list[str] = field(default_factory=list)
    remark: str = ""
    files: int = 1

    @property
    def origin(self) -> str:
        """The table in words."""
        return f"{self.path} and {counted(self.files - 1, 'other file')}" if self.files > 1 else str(self.path)

    @property
    def names(self) -> list[str]:
        """Names of the columns."""
        return [column.name for column in self.columns]


def sample_table(files: Sequence[Path], labels: Collection[str] = ()) -> TableSample:
    """Looks into a table of text, or of typed columns.

    Args:
      files: of one table; rows are taken from the first, and from others where it lacks values; sizes from all.
      labels: columns without a value in which a row is left out.

    Raises:
      ConfigError: the file cannot be read as a table, or has no rows.
    """
    first = files[0]
    try:
        with open_bytes(first) as stream:
            kind = name_kind(stream.read(4096))
        is_typed = kind is not None and kind.source == "parquet"
        found = _sample_typed(first, labels) if is_typed else _sample_csv(files, labels)
    except PACKING_ERRORS as error:
        raise damaged_packing(first, error) from None
    if len(files) > 1:
        share = sum(path.stat().st_size for path in files) / max(1, first.stat().st_size)
        found.rows, found.complete, found.files = round(found.rows * share), False, len(files)
        found.columns += _columns_of_folders(files, found)
    return found


def _columns_of_folders(files: Sequence[Path], sample: TableSample) -> Iterator[SampledColumn]:
    """Gives the columns that folders such as year=2023 hold, with the values of files that are drawn for the rows.

    Rows were read of one file only, so nothing is known of which values go with which.
    """
    partitions = partitions_of(files, [os.path.commonpath([path.parent for path in files])], ())
    first = partitions[files[0]]
    check_names(first, sample.names, files[0])
    rows = max((len(column.values) for column in sample.columns), default=0)
    drawn = random.Random(0).choices(files, k=rows)
    for name, (kind, _) in first.items():
        values = [partitions[path][name][1] for path in drawn]
        yield SampledColumn(name, "int" if kind == "int64" else "string", values)


def _sample_csv(files: Sequence[Path], labels: Collection[str]) -> TableSample:
    path = files[0]
    reading: dict[str, tuple[Any, str]] = {}
    encoding = detect_encoding(path)
    if encoding != "utf-8":
        reading["encoding"] = (encoding, f"the file is not UTF-8{encoding_reason(path, encoding)}")
    dialect = find_dialect(path, encoding, reading, labels)
    first, rows, read = _first_lines(path, dialect)
    complete = read is None
    width = len(first)
    names = _names(first, rows, reading, labels)
    if "header" in reading:
        rows.insert(0, first)
    else:
        del rows[: lines_below(path, dialect, names, rows, reading)]
    header = [] if "header" in reading else first
    rows = _without_names(rows, header, reading)
    kept = _without_ragged(path, rows, width, dialect.delimiter, reading)
    total = len(kept)
    if read is not None:
        size = path.stat().st_size * (5 if is_packed(path) else 1)  # tables shrink to about a fifth
        total = max(total, round(total * size / read))
        kept += (cells for cells in rows_further_on(path, dialect, width, read) if cells != header)
    kept = with_other_files(kept, files, dialect, header)
    below = sum_below(kept, names, labels) if complete else None
    columns = _columns(names, list(zip(*(kept[: below[0]] if below else kept), strict=True)), labels, reading)
    leave_out_sum(columns, labels, below, reading.get("missing_values", ([], ""))[0])
    remark = remark_on_sum(path, dialect, columns, labels, reading.get("missing_values", (MISSING_VALUES, ""))[0])
    return TableSample(path, "csv", columns, total, complete, reading, dialect.delimiter, remark=remark)


def _first_lines(path: Path, dialect: Dialect) -> tuple[list[str], list[list[str]], int | None]:
    """Reads the first line, and as many after it as there is time for.

    Returns:
      The cells of the first line, those of the others, and the bytes up to their end, or None where these are all.

    Raises:
      ConfigError: there is no line, or the first is not the header of the others.
    """
    stream = lines(path, dialect)
    head = list(islice(stream, 21))
    if not head:
        raise ConfigError(f"{path} is empty; check that the right file was named")
    first = head[0][1]
    width, named = len(first), count_named(first)
    usual = Counter(len(fitted(cells, width, named)) for _, cells in head[1:]).most_common(1)
    if usual and usual[0][0] != width and usual[0][1] > len(head) // 2:
        raise ConfigError(
            f"The first line of {path} has {counted(width, 'cell')} but the others have {usual[0][0]}; leave only the "
            "line with the names of the columns above the rows"
        )
    head += islice(stream, _rows_to_read(width))
    rows = [fitted(cells, width, named) for _, cells in head[1:]]
    complete = next(stream, None) is None
    stream.close()  # type: ignore[attr-defined]
    return first, rows, None if complete else bytes_up_to(path, dialect, head[-1][0])


def _rows_to_read(columns: int) -> int:
    """Returns how many rows can be looked at in about a second."""
    return max(_FEWEST_ROWS, min(_MOST_ROWS, _CELLS // max(1, columns)))


def _without_names(
    rows: list[list[str]], header: Sequence[str], reading: dict[str, tuple[Any, str]]
) -> list[list[str]]:
    """Leaves out lines that have the names of the columns again, as files that were joined do, and writes so."""
    kept = [cells for cells in rows if len(cells) == 1 or cells != header]
    again = len(rows) - len(kept)
    if again:
        told = counted(again, "line has", "lines have")
        reading["ragged_rows"] = ("skip", f"{told} {NAMES_AGAIN}; the report lists them")
    return kept


def _without_ragged(
    path: Path, rows: Sequence[list[str]], width: int, delimiter: str, reading: dict[str, tuple[Any, str]]
) -> list[list[str]]:
    """Leaves out lines with another number of cells, and writes so into the recipe.

    Raises:
      ConfigError: that are too many of them, or all.
    """
    kept = [cells for cells in rows if len(cells) == width]
    ragged = sum(1 for cells in rows if len(cells) != width and cells != [""])
    if ragged > _MOST_RAGGED * len(rows):
        raise ConfigError(
            f"Of {counted(len(rows), 'line')} of {path}, {counted(ragged, 'has', 'have')} another number of cells than "
            f"the first ({width}, divided by {delimiter!r}); check that it is one table"
        )
    if ragged:
        told = counted(ragged, "line has", "lines have")
        reading["ragged_rows"] = ("skip", f"{told} too few or too many cells; the report lists them")
    if not kept:
        raise ConfigError(f"{path} has a header but no rows; check that the right file was named")
    return kept


def _columns(
    names: Sequence[str],
    by_column: Sequence[Sequence[str]],
    labels: Collection[str],
    reading: dict[str, tuple[Any, str]],
) -> list[SampledColumn]:
    """Types the cells of each column, after it was settled what means no value in all of them and in each."""
    counts = [Counter(cells) for cells in by_column]
    shared = shared_words(counts)
    if shared:
        told = f"{' and '.join(map(repr, shared))} {'stands' if len(shared) == 1 else 'stand'} for a missing value"
        reading["missing_values"] = ([*MISSING_VALUES, *shared], told)
    columns = []
    for name, cells, count in zip(names, by_column, counts, strict=True):
        words = decide_words(count, shared, name in labels)
        columns.append(_typed(name, cells, words.missing(name, [*MISSING_VALUES, *shared]), words))
    return columns


def _names(
    first: Sequence[str], rows: Sequence[Sequence[str]], reading: dict[str, tuple[Any, str]], labels: Collection[str]
) -> list[str]:
    """Returns the columns' names as the reader will; a first line of data, and doubled names, become options."""
    if "columns" in reading:
        return list(reading["columns"][0])
    names_label = bool(labels) and set(labels).issubset(first)  # columns may be called 2019 and 2020
    if not names_label and _is_data(first, rows):
        reading["header"] = (False, "the first line holds values and no names")
        return [f"column_{number}" for number in range(1, len(first) + 1)]
    names = [name or f"column_{number}" for number, name in enumerate(first, start=1)]
    if len(set(names)) < len(names):
        names = _told_apart(names)
        reading["columns"] = (names, "the header names a column twice")
    return names


def _told_apart(names: Sequence[str]) -> list[str]:
    """Numbers names that come again."""
    taken: dict[str, None] = {}
    for name in names:
        number, free = 1, name
        while free in taken:
            number += 1
            free = f"{name}_{number}"
        taken[free] = None
    return list(taken)


def _is_data(first: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Says whether the first line looks like those below: numbers where they have numbers."""
    numeric = 0
    for index, cell in enumerate(first):
        below = [cells[index] for cells in rows[:200] if len(cells) == len(first) and cells[index]]
        if below and parse(below)[0] != "string":
            numeric += 1
            if not cell or parse([cell])[0] == "string":
                return False
    return numeric > 0


def _typed(name: str, cells: Sequence[str], missing: frozenset[str], words: Words) -> SampledColumn:
    scan = ColumnScan(name, missing)
    scan.add(cells, range(len(cells)))
    scan.finish()
    dtype = scan.dtype or "string"
    convert: Any = {"int": int, "float": float}.get(dtype, str)
    return SampledColumn(name, dtype, [None if cell in missing else convert(cell) for cell in cells], words)


def _sample_typed(path: Path, labels: Collection[str]) -> TableSample:
    file = open_file(path)
    rows = file.metadata.num_rows
    if rows == 0:
        raise ConfigError(f"{path} has no rows; check that the right file was named")
    types, unusable = dict[str, str](), dict[str, str]()
    schema = file.schema_arrow  # which is made anew, of all columns, whenever it is asked for
    index = [name for name in index_columns(schema) if name not in labels]
    for place, name in enumerate(schema.names):
        item = schema.field(place)
        if name in index:
            continue
        try:
            types[name] = column_type(item, path)
        except ConfigError:
            unusable[name] = f"{item.type} cannot be an input"
    values, taken = _typed_values(file, path, types)
    categories = category_columns(schema)
    columns = [SampledColumn(name, types[name], values[name], is_category=name in categories) for name in types]
    for column in columns:
        _leave_out_words(column, column.name in labels)
    remark = remark_of(schema)
    if taken == rows:
        leave_out_typed_sum(columns, labels)
    return TableSample(path, "parquet", columns, rows, taken == rows, unusable=unusable, index=index, remark=remark)


def _leave_out_words(column: SampledColumn, is_label: bool) -> None:
    """Takes the words that stand for no value among numbers in writing from a column of text."""
    if column.dtype == "string" and not column.is_category:
        column.words = decide_typed_words(Counter(column.present), is_label)
        words = column.words.own or ()
        column.values = [None if value in words else value for value in column.values]


def _typed_values(file: Any, path: Path, types: Mapping[str, str]) -> tuple[dict[str, list[Any]], int]:
    """Reads rows from several row groups, so that a sorted file shows more than its beginning.

    Args:
      file: The open Parquet file.
      path: Of the file.
      types: Type of each column that is read.

    Returns:
      The values of each column, and the number of rows.
    """
    groups = file.num_row_groups
    chosen = sorted({groups * place // 8 for place in range(8)} if groups > 1 else {0})
    wanted = _rows_to_read(len(types)) // min(8, groups)
    values: dict[str, list[Any]] = {name: [] for name in types}
    taken = 0
    for group in chosen:
        here = 0
        for batch in read_batches(file, path, [group], list(types)):
            for name, dtype in types.items():
                values[name] += plain_values(batch.column(name), dtype)
            here += batch.num_rows
            if here >= wanted:
                break
        taken += here
    return values, taken


def words_of(text: str) -> list[str]:
    """Splits a text into words as the transform graph does."""
    return re.findall(r"[^\W_]+(?:'[^\W_]+)*", text.lower())
