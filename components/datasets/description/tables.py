"""What text and Parquet tables share: which columns are inputs, labels, or needed for the splits only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kerasline.components.core import ConfigError, nearest
from kerasline.components.datasets.description.labels import LabelFacts
from kerasline.components.datasets.values import read_boolean

MULTILABEL_FEATURE = "labels"


@dataclass(frozen=True)
class Roles:
    """What each column of a table is for.

    Attributes:
      inputs: columns that the model sees, in the table's order.
      labels: one column, or several 0/1 columns.
      extra: columns that only the splits need.
    """

    inputs: tuple[str, ...]
    labels: tuple[str, ...]
    extra: tuple[str, ...]

    @property
    def label_feature(self) -> str:
        """The feature that holds the label: its column, or one of its own for several columns."""
        if len(self.labels) == 1:
            return self.labels[0]
        taken = {*self.inputs, *self.extra}
        return next(name for name in (MULTILABEL_FEATURE, "__labels__") if name not in taken)


@dataclass(frozen=True)
class SplitColumn:
    """The column that ``split`` names, and whether it may be an input too (one of split names may not)."""

    name: str
    may_be_input: bool


def assign_roles(
    names: Sequence[str], label: str | list[str], drop: Sequence[str], split: SplitColumn | None, origin: str
) -> Roles:
    """Sorts a table's columns by what they are for.

    Raises:
      ConfigError: a column that the config names is not there, or nothing is left to learn from.
    """
    labels = (label,) if isinstance(label, str) else tuple(label)
    for column in labels:
        _require(column, names, "label column", origin)
    for column in drop:
        _require(column, names, "column of 'drop'", origin)
    extra = _for_the_split(split, names, labels, drop, origin)
    inputs = tuple(name for name in names if name not in {*labels, *drop, *extra})
    if not inputs:
        raise ConfigError(
            f"{origin} has no column left as input besides {', '.join(map(repr, labels))}; drop fewer columns."
        )
    return Roles(inputs, labels, extra)


def _for_the_split(
    split: SplitColumn | None, names: Sequence[str], labels: Sequence[str], drop: Sequence[str], origin: str
) -> tuple[str, ...]:
    """Returns the column that is read for the split alone, if there is one."""
    if split is None:
        return ()
    _require(split.name, names, "split.column", origin)
    if split.name in labels:
        raise ConfigError(f"split.column {split.name!r} is the label; use split.method: stratified to split by label.")
    is_input = split.may_be_input and split.name not in drop
    return () if is_input else (split.name,)


def same_columns(names: Sequence[str], first: Sequence[str], path: object, first_path: object) -> None:
    """Refuses a file whose columns are not those of the first file, in whatever order.

    Raises:
      ConfigError: a column is absent or unexpected.
    """
    for one, other, word in ((first, names, "lacks"), (names, first, "has")):
        different = [name for name in one if name not in other]
        if different:
            raise ConfigError(
                f"{path} {word} column {different[0]!r}, unlike {first_path}; files of one table need the same columns."
            )


def multi_facts(
    labels: Sequence[str],
    counts: Sequence[Mapping[str | int | float, int] | None],
    rows: int,
    name: str,
    origin: str,
) -> LabelFacts:
    """Collects the facts of several 0/1 label columns.

    Raises:
      ConfigError: a column holds anything but 0 and 1.
    """
    ones: dict[str | int | float, int] = {}
    for column, counted in zip(labels, counts, strict=True):
        strange = [value for value in counted or {} if _bit(value) not in (0, 1)]
        if counted is None or strange:
            shown = f", for instance {strange[0]!r}" if strange else ""
            raise ConfigError(
                f"Label column {column!r} must hold 0 and 1 only, but it holds other values{shown}; recode it."
            )
        ones[column] = sum(count for value, count in counted.items() if _bit(value) == 1)
    return LabelFacts(name, "multi", ones, rows, classes=tuple(labels), origin=origin)


def label_value(values: Sequence[Any]) -> Any:
    """Joins the values of several label columns into a float32 array."""
    import numpy as np

    return np.array([_bit(value) for value in values], np.float32)


def _bit(value: Any) -> Any:
    """Reads 0, 1, true and false where they are text; anything else stays, or is None."""
    if not isinstance(value, str):
        return value
    return float(value) if value in ("0", "1") else read_boolean(value)


def _require(column: str, names: Sequence[str], what: str, origin: str) -> None:
    if column in names:
        return
    listed = ", ".join(names[:20]) + (f", ... ({len(names)} in all)" if len(names) > 20 else "")
    hint = nearest(column, names)
    if not hint and all(_is_number(name) for name in names):
        hint = " The first line looks like data; set csv.header: false."
    raise ConfigError(f"{origin} has no {what} {column!r}; its columns are {listed}.{hint}")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
