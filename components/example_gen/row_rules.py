"""What ingest does with single rows: types that follow the curated schema, and rows that are put aside.

The rules are made when the run is planned and travel as JSON in the properties of ExampleGen, so whichever worker reads
a row judges it alike, and the steps after it see only the rows that may go on: nothing is copied for that.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

QUARANTINE_FOLDER = "quarantine"
# Columns of the quarantine files besides those of the data.
WHERE, ROW, COLUMN, REASON = "_source", "_row", "_column", "_reason"


_KINDS = {"float": "a number", "int": "a whole number", "string": "text"}


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ColumnRule(_Frozen):
    """What the values of one column must be.

    Attributes:
      name: Name of the column.
      cast: Type that numbers become before they are written, None for their own.
      required: Whether every row must have a value.
      values: All that may occur, None for anything.
      minimum: Smallest number that may occur.
      maximum: Largest number that may occur.
    """

    name: str
    cast: Literal["float", "int", "string"] | None = None
    required: bool = False
    values: tuple[str, ...] | None = None
    minimum: float | None = None
    maximum: float | None = None


class RowRules(_Frozen):
    """What is done with single rows; without any rule, every row is written as it is.

    Attributes:
      columns: What the values of each column must be.
      finite: Whether rows with NaN or infinite values are put aside.
      duplicates: Whether rows of eval and test are put aside that stand in an earlier split.
    """

    columns: tuple[ColumnRule, ...] = ()
    finite: bool = False
    duplicates: bool = False

    def to_json(self) -> str:
        """Returns the rules as text, empty where there are none."""
        return "" if self == RowRules() else self.model_dump_json()

    @classmethod
    def from_json(cls, text: str) -> RowRules:
        """Reads what :meth:`to_json` wrote."""
        return cls.model_validate_json(text) if text else cls()

    def casts(self) -> dict[str, str]:
        """Returns the columns that change their type."""
        return {rule.name: rule.cast for rule in self.columns if rule.cast is not None}


Fault = tuple[str, str]  # column and reason
Judge = Callable[[dict[str, Any]], Fault | None]


def make_judge(rules: RowRules) -> Judge | None:
    """Returns a function that casts a row's values in place and says what is wrong with it, or None without rules."""
    if not rules.columns and not rules.finite:
        return None
    checks = [(rule.name, _checker(rule)) for rule in rules.columns]

    def judge(row: dict[str, Any]) -> Fault | None:
        for name, check in checks:
            problem = check(row)
            if problem:
                return name, problem
        if rules.finite:
            for name, value in row.items():
                if not _is_finite(value):
                    shown = value if isinstance(value, float) else "NaN or infinity"
                    return name, f"expected finite numbers, got {shown}"
        return None

    return judge


def _is_finite(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return not isinstance(value, np.ndarray) or value.dtype.kind != "f" or bool(np.isfinite(value).all())


def _checker(rule: ColumnRule) -> Callable[[dict[str, Any]], str | None]:
    """Returns a function that casts a column's value in place, and says what is wrong with it; None where nothing is.

    It runs once a row, so what follows from the rule alone is settled here.
    """
    name, cast, required = rule.name, rule.cast, rule.required
    allowed = None if rule.values is None else frozenset(rule.values)
    is_limited = allowed is not None or rule.minimum is not None or rule.maximum is not None

    def check(row: dict[str, Any]) -> str | None:
        value = row.get(name)
        if value is None:
            return "expected a value, got none" if required else None
        if cast is not None:
            converted = _convert(value, cast)
            if converted is None:
                return f"expected {_KINDS[cast]}, got {_shown(value)}"
            value = row[name] = converted
        return _outside(value, allowed, rule) if is_limited else None

    return check


def _outside(value: Any, allowed: frozenset[str] | None, rule: ColumnRule) -> str | None:
    """Says which limit of the rule a value breaks; None where it keeps all."""
    if allowed is not None and value not in allowed:
        return f"expected one of the {len(allowed)} values of the schema, got {_shown(value)}"
    if rule.minimum is not None and value < rule.minimum:
        return f"expected at least {rule.minimum:g}, got {_shown(value)}"
    if rule.maximum is not None and value > rule.maximum:
        return f"expected at most {rule.maximum:g}, got {_shown(value)}"
    return None


def _convert(value: Any, kind: str) -> Any:
    """Returns the value as another type, or None where it cannot be that."""
    if kind == "string":
        return str(value)
    try:
        number = float(value)
    except ValueError:
        return None
    if kind == "float":
        return number if not math.isnan(number) else None
    return int(number) if number.is_integer() else None


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def as_text(row: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a row for people to read: text for everything but bytes."""
    return {name: _as_text(value) for name, value in row.items()}


def _as_text(value: Any) -> str | bytes | None:
    if value is None or isinstance(value, bytes):
        return value
    return str(value.tolist() if isinstance(value, np.ndarray) else value)
