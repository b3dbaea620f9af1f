"""Reads text and Parquet tables block by block, as training read them; rows that do not fit are set aside."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np

from components.datasets.csv_text import lines
from components.datasets.parquet_scan import plain_values
from components.errors import ConfigError
from components.prediction.blocks import Block
from components.prediction.planning import PredictionPlan

ROWS_PER_BLOCK = 8192
Problems = dict[int, str]
_ARROW = {"float": "double", "int": "int64"}


def read_csv(plan: PredictionPlan, shard: Mapping[str, Any]) -> Iterator[Block]:
    """Yields the rows of a text table.

    Args:
      plan: what is to be predicted.
      shard: ``path``, ``delimiter`` and ``names``.

    Raises:
      ConfigError: the file has no rows, or cannot be read to its end.
    """
    import pyarrow as pa

    names, path = shard["names"], shard["path"]
    missing = frozenset(plan.reading["missing_values"]) | {""}
    dtypes = {column["name"]: column["dtype"] for column in plan.record["columns"]}
    stream = lines(path, shard["delimiter"], plan.reading["encoding"])
    if plan.reading["header"]:
        next(stream, None)
    seen = 0
    while rows := list(islice(stream, ROWS_PER_BLOCK)):
        seen += len(rows)
        fitting = [(number, cells) for number, cells in rows if len(cells) == len(names)]
        ragged = [
            {
                "file": path,
                "place": number,
                "reason": f"{len(cells)} cells where {len(names)} are expected",
                "keys": dict(zip(names, cells, strict=False)),
            }
            for number, cells in rows
            if len(cells) != len(names)
        ]
        cells = list(zip(*(cells for _, cells in fitting), strict=True)) or [()] * len(names)
        by_name = dict(zip(names, cells, strict=True))
        columns: dict[str, Any] = {}
        problems = Problems()
        for name, dtype in dtypes.items():
            columns[name] = _parse_cells(name, by_name[name], dtype, missing, problems)
        keys: dict[str, Any] = {}
        for name in plan.keys:
            # In a CSV file values keep their spelling; the other formats have types.
            if plan.suffix != ".csv" and dtypes.get(name) in _ARROW:
                keys[name] = pa.array(columns[name], pa.type_for_alias(_ARROW[dtypes[name]]), from_pandas=True)
            else:
                keys[name] = pa.array(by_name[name], pa.string())
        yield Block(pa.table(keys), columns, None, [number for number, _ in fitting], ragged).reject(problems, path)
    if seen == 0:
        raise ConfigError(f"{path} has a header but no rows; check that the right file was named")


def _parse_cells(name: str, cells: Sequence[str], dtype: str, missing: frozenset[str], problems: Problems) -> Any:
    """Turns cells into values; a cell that is no number is a problem of its row."""
    if dtype == "string":
        return [None if cell in missing else cell for cell in cells]
    try:
        if dtype == "int":
            return [None if cell in missing else int(cell) for cell in cells]
        return np.array([math.nan if cell in missing else float(cell) for cell in cells], np.float64)
    except ValueError:
        numbers = [math.nan if cell in missing else _number(cell) for cell in cells]
    for row, number in enumerate(numbers):
        if number is None:
            problems.setdefault(row, f"{cells[row]!r} in column {name!r} is no number")
    known = np.array([math.nan if number is None else number for number in numbers], np.float64)
    return _whole_numbers(name, known, problems) if dtype == "int" else known


def _whole_numbers(name: str, numbers: np.ndarray, problems: Problems) -> list[int | None]:
    """Turns floats such as 3.0 into whole numbers; 3.5 is a problem of its row."""
    values: list[int | None] = []
    for row, number in enumerate(numbers.tolist()):
        if math.isinf(number) or number % 1 > 0:
            problems.setdefault(row, f"{number:g} in column {name!r} is no whole number")
        values.append(int(number) if math.isfinite(number) else None)
    return values


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def read_parquet(plan: PredictionPlan, shard: Mapping[str, Any]) -> Iterator[Block]:
    """Yields the rows of row groups of a Parquet table."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = shard["path"]
    file = pq.ParquetFile(path)
    wanted = list(dict.fromkeys([*(column["name"] for column in plan.record["columns"]), *plan.keys]))
    first = sum(file.metadata.row_group(group).num_rows for group in range(shard["groups"][0]))
    for batch in file.iter_batches(ROWS_PER_BLOCK, row_groups=shard["groups"], columns=wanted):
        columns, problems = {}, Problems()
        for column in plan.record["columns"]:
            name = column["name"]
            columns[name] = _arrow_values(batch.column(name), column, problems)
        places = list(range(first + 1, first + len(batch) + 1))
        keys = pa.table({name: batch.column(name) for name in plan.keys} or {"row": places})
        first += len(batch)
        yield Block(keys, columns, None, places).reject(problems, path)


def _arrow_values(values: Any, column: Mapping[str, Any], problems: Problems) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    name, dtype = column["name"], column["dtype"]
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if dtype == "string":
        return plain_values(values, "string")
    if dtype == "image":
        return [bytes(value) if value else None for value in values.to_pylist()]
    if dtype in ("array", "tokens"):
        return _lists(values.to_pylist(), column, problems)
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        cells = ["" if value is None else value.strip() for value in values.to_pylist()]
        return _parse_cells(name, cells, dtype, frozenset({""}), problems)
    if dtype == "int" and pa.types.is_integer(values.type):
        return values.to_pylist()
    numbers = np.array(pc.cast(values, pa.float64(), safe=False).to_numpy(zero_copy_only=False), np.float64)
    return _whole_numbers(name, numbers, problems) if dtype == "int" else numbers


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
