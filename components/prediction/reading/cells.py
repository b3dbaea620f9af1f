"""Single values as training had them, whichever way they came: cells of text, values of typed files, JSON."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from kerasline.components.datasets.values import (
    FALSE,
    TRUE,
    missing_words,
    numbers_of,
    plain_boolean,
    read_boolean,
    without,
)
from kerasline.components.prediction.reading.planning import reading_of_record

Problems = dict[int, str]  # by row
Reader = Callable[[Sequence[Any]], tuple[Sequence[Any], Problems]]
_PROGRAM = re.compile(r"-?\d+\.\d+(?:e[-+]?\d+)?")
_PLAIN: dict[str, set[type]] = {"string": {str}, "int": {int}, "float": {int, float}}


def json_readers(record: Mapping[str, Any]) -> dict[str, Reader]:
    """Makes what reads a request's values as ``predict`` reads those of files.

    Args:
      record: what was recorded when the version was pushed.

    Returns:
      By argument of ``serving_raw``, for columns of numbers and text: a function of JSON values, None among them, that
      gives the values with None or NaN for a missing one, and what is wrong with others.
    """
    reading, arguments = reading_of_record(record), record.get("arguments", {})
    return {
        arguments[column["name"]]: _json_reader(column, missing_words(reading, column["name"]))
        for column in record.get("columns", ())
        if column["dtype"] in _PLAIN and column["name"] in arguments
    }


def _json_reader(column: Mapping[str, Any], missing: frozenset[str]) -> Reader:
    known, dtype = without(missing), column["dtype"]
    # Values of these types are what training had; the graph itself knows words for a missing text.
    plain = _PLAIN[dtype]
    if column.get("boolean") or (dtype != "string" and numbers_of(missing)):
        plain = set()

    def read(values: Sequence[Any]) -> tuple[Sequence[Any], Problems]:
        problems, kinds = Problems(), set(map(type, values))
        if kinds <= plain or kinds & {dict, list}:
            return values, problems
        if dtype == "string":
            return [as_trained(_text(known(value)), column) for value in values], problems
        cells = as_said([_cell(known(value)) for value in values], column.get("boolean", False))
        return _plain(parse_cells(column["name"], cells, dtype, missing, problems)), problems

    return read


def _plain(values: Any) -> Any:
    return values.tolist() if isinstance(values, np.ndarray) else values


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return TRUE if value else FALSE
    return None if value is None or not str(value).strip() else str(value)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return f"{value:d}"
    return "" if value is None else str(value).strip()


def parse_cells(name: str, cells: Sequence[str], dtype: str, missing: frozenset[str], problems: Problems) -> Any:
    """Turns cells into numbers one by one; a cell that is no number is a problem of its row."""
    try:
        return _parse_all(cells, dtype, missing)
    except ValueError:
        numbers = [math.nan if cell in missing else _number(cell) for cell in cells]
    for row, number in enumerate(numbers):
        if number is None:
            problems.setdefault(row, f"{cells[row]!r} in column {name!r} is no number")
            numbers[row] = math.nan
    return whole_numbers(name, numbers, problems) if dtype == "int" else np.array(numbers, np.float64)


def _parse_all(cells: Sequence[str], dtype: str, missing: frozenset[str]) -> Any:
    """Turns cells into numbers where all of them are.

    Returns:
      A list of whole numbers, None for a missing one, or float64 [rows], NaN for a missing one.

    Raises:
      ValueError: one of them is no number.
    """
    if any("_" in cell for cell in cells):  # which Python reads, and no table means
        raise ValueError
    if dtype == "int":
        return [None if cell in missing else int(cell) for cell in cells]
    return np.array([math.nan if cell in missing else float(cell) for cell in cells], np.float64)


def as_said(cells: Sequence[str], is_boolean: bool) -> Sequence[str]:
    """Writes true and false as 1 and 0 where training had these."""
    if not is_boolean:
        return cells
    return [cell if (said := read_boolean(cell)) is None else f"{said:.0f}" for cell in cells]


def whole_numbers(name: str, numbers: Sequence[Any], problems: Problems) -> list[int | None]:
    """Turns floats such as 3.0 into whole numbers; 3.5 is a problem of its row. Whole numbers keep every digit."""
    values: list[int | None] = []
    for row, number in enumerate(numbers):
        if math.isinf(number) or number % 1 > 0:
            problems.setdefault(row, f"{number:g} in column {name!r} is no whole number")
        values.append(int(number) if math.isfinite(number) else None)
    return values


def _number(cell: str) -> int | float | None:
    if "_" in cell:
        return None
    try:
        return int(cell)
    except ValueError:
        pass
    try:
        return float(cell)
    except ValueError:
        return None


def as_trained(text: str | None, column: Mapping[str, Any]) -> str | None:
    """Writes a value of a typed file as the text that training had: true, and 12,5 where commas are decimal."""
    if text is None or column.get("boolean"):
        return plain_boolean(text)
    is_plain = column.get("decimal") == "," and _PROGRAM.fullmatch(text)
    return text.replace(".", ",") if is_plain else text
