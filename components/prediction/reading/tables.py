"""Reads text and Parquet tables block by block, as training read them; rows that do not fit are set aside."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import dropwhile, islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kerasline.components.core import ConfigError
from kerasline.components.datasets.images import plain_or_same
from kerasline.components.datasets.tables.csv import (
    Block as CellBlock,
    Line,
    OddFile,
    count_named,
    dialect_of,
    fitted,
    header_cells,
    lines,
    partition_cells,
    read_blocks,
    what_is_no_row,
)
from kerasline.components.datasets.tables.typed import open_file, plain_values
from kerasline.components.datasets.values import missing_words, null_where, numbers_of, plain_booleans, without
from kerasline.components.prediction.reading.blocks import Block
from kerasline.components.prediction.reading.cells import Problems, as_said, as_trained, parse_cells, whole_numbers
from kerasline.components.prediction.reading.pictures import image_problems
from kerasline.components.prediction.reading.planning import PredictionPlan
from kerasline.components.prediction.reading.texts import keys_untold

ROWS_PER_BLOCK, _ROWS_OF_ARRAYS = 16384, 2048
_ARROW = {"float": "double", "int": "int64"}

Part = tuple[int, int, int]  # of a file: the bytes where it begins and ends, and the line before it


def read_csv(plan: PredictionPlan, shard: Mapping[str, Any]) -> Iterator[Block]:
    """Yields the rows of a text table.

    Args:
      plan: what is to be predicted.
      shard: ``path``, ``delimiter`` and ``names``.

    Raises:
      ConfigError: the file has no rows, or cannot be read to its end.
    """
    seen = 0
    with keys_untold(plan.reading):
        for block in _read_text(plan, shard):
            seen += len(block) + len(block.rejected)
            yield block
    if seen == 0:
        raise ConfigError(f"{shard['path']} has a header but no rows; check that the right file was named")


def _read_text(plan: PredictionPlan, shard: Mapping[str, Any]) -> Iterator[Block]:
    """Reads by the column, and line by line what only the line reader reads: a block, or the rest of the file."""
    part: Part | None = None
    path, delimiter, partition = shard["path"], shard["delimiter"], shard.get("partition")
    while True:
        try:
            for cells in read_blocks(path, plan.reading, delimiter, shard["names"], part, partition):
                part = (cells.end, sys.maxsize, cells.line + cells.cells.num_rows)
                yield from _blocks_of_cells(plan, shard, cells)
            return
        except OddFile as odd:
            if odd.part is None:
                yield from _read_lines(plan, shard, _lines_after(plan, shard, part))
                return
            odd_lines = lines(path, dialect_of(plan.reading, delimiter), odd.part)
            yield from _read_lines(plan, shard, odd_lines)
            part = (odd.part[1], sys.maxsize, odd.part[2] + odd.lines)


def _blocks_of_cells(plan: PredictionPlan, shard: Mapping[str, Any], block: CellBlock) -> Iterator[Block]:
    cells = block.cells
    for begin in range(0, cells.num_rows, ROWS_PER_BLOCK):
        rows = cells.slice(begin, ROWS_PER_BLOCK)
        first = block.line + begin + 1
        # As arrays of their own: Arrow's if_else returns broken text for a slice (18.1).
        texts = {name: pa.concat_arrays([column]) for name, column in zip(rows.schema.names, rows.columns, strict=True)}
        yield _block_of_texts(plan, shard["path"], texts, range(first, first + rows.num_rows), [])


def _lines_after(plan: PredictionPlan, shard: Mapping[str, Any], part: Part | None) -> Iterator[Line]:
    """Gives the rows below the header, or those behind the line before a part."""
    stream = lines(shard["path"], dialect_of(plan.reading, shard["delimiter"]))
    if part is not None:
        return dropwhile(lambda row: row[0] <= part[2], stream)
    if plan.reading["header"]:
        next(stream, None)
    return stream


def _read_lines(plan: PredictionPlan, shard: Mapping[str, Any], stream: Iterator[Line]) -> Iterator[Block]:
    """Reads line by line, whatever a CSV file may be."""
    header = header_cells(shard["path"], dialect_of(plan.reading, shard["delimiter"]))
    while rows := list(islice(stream, ROWS_PER_BLOCK)):
        yield _block_of_lines(plan, shard, rows, header)


def _block_of_lines(
    plan: PredictionPlan, shard: Mapping[str, Any], rows: Sequence[Line], header: Sequence[str]
) -> Block:
    path, added = shard["path"], partition_cells(shard.get("partition"))
    width = len(shard["names"]) - len(added)
    names = shard["names"][:width]
    named = count_named(header) if header else width
    rows = [(number, fitted(cells, width, named)) for number, cells in rows]
    fitting = [(number, cells) for number, cells in rows if not what_is_no_row(cells, width, header)]
    ragged = list(_no_rows(path, names, rows, header))
    texts = _columns_of_cells(shard["names"], [[*cells, *added] for _, cells in fitting])
    return _block_of_texts(plan, path, texts, [number for number, _ in fitting], ragged)


def _columns_of_cells(names: Sequence[str], rows: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Turns rows of cells, each as long as the names, into Arrow arrays of text by column."""
    columns = list(zip(*rows, strict=True)) or [()] * len(names)
    return {name: pa.array(column, pa.string()) for name, column in zip(names, columns, strict=True)}


def _no_rows(path: str, names: Sequence[str], rows: Sequence[Line], header: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Says of lines why they are rejected: too many cells, too few, or the names of the columns."""
    for number, cells in rows:
        problem = what_is_no_row(cells, len(names), header)
        if problem:
            keys = dict(zip(names, cells, strict=False))
            yield {"file": path, "place": number, "reason": problem, "keys": keys}


def _block_of_texts(
    plan: PredictionPlan, path: str, texts: Mapping[str, Any], places: Sequence[int], ragged: list[dict[str, Any]]
) -> Block:
    """Turns columns of cells, which are Arrow strings without spaces around them, into values and keys."""
    dtypes = {column["name"]: column["dtype"] for column in plan.record["columns"]}
    columns: dict[str, Any] = {}
    problems = Problems()
    for column in plan.record["columns"]:
        name = column["name"]
        columns[name] = _parse_texts(column, texts[name], missing_words(plan.reading, name), problems)
    keys: dict[str, Any] = {}
    for name in plan.keys:
        # In a CSV file values keep their spelling; the other formats have types.
        if plan.suffix != ".csv" and dtypes.get(name) in _ARROW:
            keys[name] = pa.array(columns[name], pa.type_for_alias(_ARROW[dtypes[name]]), from_pandas=True)
        else:
            keys[name] = texts[name]
    return Block(pa.table(keys), columns, None, places, ragged).reject(problems, path)


def _parse_texts(column: Mapping[str, Any], texts: Any, missing: frozenset[str], problems: Problems) -> Any:
    """Turns cells into values, all at once where they are what they should be."""
    name, dtype, is_boolean = column["name"], column["dtype"], column.get("boolean", False)
    known = null_where(pc.is_in(texts, pa.array(sorted(missing), pa.string())), texts)
    if dtype == "string":
        return _listed(plain_booleans(known) if is_boolean else known)
    try:
        numbers = pc.cast(known, pa.float64() if dtype == "float" else pa.int64())
    except pa.ArrowInvalid:
        return parse_cells(name, as_said(texts.to_pylist(), is_boolean), dtype, missing, problems)
    if dtype == "float":
        return pc.fill_null(numbers, math.nan).to_numpy(zero_copy_only=False)
    return numbers.to_pylist() if numbers.null_count else numbers.to_numpy()


def read_parquet(plan: PredictionPlan, shard: Mapping[str, Any]) -> Iterator[Block]:
    """Yields the rows of row groups of a Parquet table, or of a table of another format as it was copied into one."""
    path = shard["path"]
    file = open_file(Path(path), shard.get("partition"))
    wanted = list(dict.fromkeys([*(column["name"] for column in plan.record["columns"]), *plan.keys]))
    first = sum(file.metadata.row_group(group).num_rows for group in range(shard["groups"][0]))
    for batch in file.iter_batches(_rows_of_parquet(plan.record), row_groups=shard["groups"], columns=wanted):
        yield block_of_arrow(plan, batch, path, range(first + 1, first + len(batch) + 1))
        first += len(batch)


def block_of_arrow(plan: PredictionPlan, rows: Any, path: str, places: Sequence[int]) -> Block:
    """Turns rows of Arrow columns into values and keys.

    Args:
      plan: what is predicted, and which columns are repeated.
      rows: a table or a batch.
      path: of the file.
      places: of the rows in it; they are the keys that no column is.
    """
    columns, problems, listed = {}, Problems(), list(places)
    for column in plan.record["columns"]:
        name = column["name"]
        columns[name] = _arrow_values(_whole(rows.column(name)), column, missing_words(plan.reading, name), problems)
    there = rows.schema.names
    keys = {name: rows.column(name) if name in there else pa.array(listed) for name in plan.keys}
    return Block(pa.table(keys), columns, None, listed).reject(problems, path)


def _whole(values: Any) -> Any:
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values


def _rows_of_parquet(record: Mapping[str, Any]) -> int:
    """Chooses the rows of a block: fewer where a row is an array or an image."""
    has_arrays = any(column["shape"] or column["dtype"] == "image" for column in record["columns"])
    return _ROWS_OF_ARRAYS if has_arrays else ROWS_PER_BLOCK


def _arrow_values(values: Any, column: Mapping[str, Any], missing: frozenset[str], problems: Problems) -> Any:
    """Turns a column of Arrow values into what the model reads; what it cannot read is a problem of its row."""
    dtype = column["dtype"]
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if dtype == "string":
        return _texts(values, column, missing)
    if dtype == "image":
        return _images(values, column["name"], problems)
    if dtype in ("array", "tokens"):
        return _lists(values.to_pylist(), column, problems)
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        cells = as_said(["" if v is None else v.strip() for v in values.to_pylist()], column.get("boolean", False))
        return parse_cells(column["name"], cells, dtype, missing, problems)
    return _numbers(values, column, missing, problems)


def _texts(values: Any, column: Mapping[str, Any], missing: frozenset[str]) -> list[str | None]:
    """Turns a column of any type into the text that training had, None for no value; text itself by the column."""
    is_text = pa.types.is_string(values.type) or pa.types.is_large_string(values.type)
    zone = column.get("zone")
    if zone and pa.types.is_timestamp(values.type) and values.type.tz not in (None, zone):
        values = values.cast(pa.timestamp(values.type.unit, zone))  # the hours that training saw of these moments
    if not is_text or column.get("boolean") or column.get("decimal") == ",":
        return [as_trained(value, column) for value in map(without(missing), plain_values(values, "string"))]
    words = pa.array(sorted(missing), values.type)
    return _listed(null_where(pc.is_in(pc.utf8_trim_whitespace(values), words), values))


def _listed(texts: Any) -> list[str | None]:
    """Lists text, by way of NumPy, which takes a seventh of the time."""
    listed: list[str | None] = texts.to_numpy(zero_copy_only=False).tolist()
    return listed


def _images(values: Any, name: str, problems: Problems) -> list[bytes | None]:
    images = [bytes(value) if value else None for value in values.to_pylist()]
    for row, problem in image_problems(images).items():
        problems.setdefault(row, f"the image in column {name!r}: {problem}")
    return [image if image is None else plain_or_same(image) for image in images]


def _numbers(values: Any, column: Mapping[str, Any], missing: frozenset[str], problems: Problems) -> Any:
    """Turns Arrow numbers into whole ones or float64, without those that mean a missing value."""
    if numbers_of(missing):
        values = pa.array(map(without(missing), values.to_pylist()), values.type)
    is_whole = column["dtype"] == "int"
    if is_whole and pa.types.is_integer(values.type):
        return values.to_pylist() if values.null_count else values.to_numpy(zero_copy_only=False)
    numbers = np.array(pc.cast(values, pa.float64(), safe=False).to_numpy(zero_copy_only=False), np.float64)
    return whole_numbers(column["name"], numbers.tolist(), problems) if is_whole else numbers


def _lists(values: Sequence[Any], column: Mapping[str, Any], problems: Problems) -> list[Any]:
    shape = tuple(column["shape"])
    size, kind = int(np.prod(shape)), np.float32 if column["dtype"] == "array" else np.int64
    result: list[Any] = []
    for row, value in enumerate(values):
        try:
            flat = np.asarray(value, kind).ravel() if value is not None else None
        except (ValueError, TypeError):
            flat = None
        if flat is not None and len(flat) == size:
            result.append(flat.reshape(shape))
            continue
        result.append(None)
        if value is not None:
            problems.setdefault(row, f"column {column['name']!r} does not hold {size} numbers")
    return result
