"""Labels that come after training, in files to evaluate or for answers that were given: read as training read them."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from kerasline.components.core import ConfigError
from kerasline.components.datasets.values import (
    NumberForm,
    are_booleans,
    missing_words,
    numbers_of,
    plain_boolean,
    plain_cell,
    read_boolean,
)
from kerasline.components.prediction.reading import reading_of_record

_SHOWN_CLASSES = 8
# Reads what a cell says; None where it is no label of this model.
_Read = Callable[[Any], float | None]


@dataclass(frozen=True)
class Truths:
    """The labels of some rows.

    Attributes:
      labels: Of the rows that have one: int64 [rows], the numbers of classes; float64 [rows], values; or float32
        [rows, labels] of 0 and 1.
      rows: Their places among the rows that were asked for, int64 [rows].
      missing: How many rows have no value there.
      problems: What is wrong with the others, by row.
    """

    labels: np.ndarray
    rows: np.ndarray
    missing: int
    problems: dict[int, str]


def read_truths(columns: Sequence[Sequence[Any]], record: Mapping[str, Any]) -> Truths:
    """Reads labels as training read them: the same words for none, the same names of classes, the same numbers.

    Args:
      columns: Of each label column its values: text as it stands in a file, or a typed file's values.
      record: What was recorded when the version was pushed.

    Returns:
      The labels, and which rows have none.
    """
    names = record["label"]["columns"]
    absent = [_words_for_none(record, name) for name in names]
    rows = _rows_of(columns)
    present = [row for row, cells in enumerate(rows) if not _is_missing(cells, absent)]
    found = dict(zip(present, _labels_of([rows[row] for row in present], record), strict=True))
    problems = {row: _problem(names, rows[row], found[row], record) for row in present if None in found[row]}
    kept = [row for row in present if row not in problems]
    labels = _as_array([found[row] for row in kept], record)
    return Truths(labels, np.array(kept, np.int64), len(rows) - len(present), problems)


def _rows_of(columns: Sequence[Sequence[Any]]) -> list[list[str | float | None]]:
    """Turns columns into rows of text and floats, None for no value."""
    return [[_plain(cell) for cell in cells] for cells in zip(*columns, strict=True)]


def _labels_of(rows: Sequence[Sequence[Any]], record: Mapping[str, Any]) -> list[list[float | None]]:
    """Reads each cell of rows; None is what no label of this version is."""
    readers = [_memoised(_reader(record)) for _ in record["label"]["columns"]]
    return [[read(cell) for read, cell in zip(readers, cells, strict=True)] for cells in rows]


def _words_for_none(record: Mapping[str, Any], name: str) -> frozenset[Any]:
    """Returns what stands for no label in a column, the numbers that typed files hold among them, such as -999."""
    words = missing_words(reading_of_record(record), name) | frozenset(record["label"].get("no_label", ()))
    return words | numbers_of(words)


def _is_missing(cells: Sequence[Any], absent: Sequence[frozenset[Any]]) -> bool:
    return any(cell is None or cell in words for cell, words in zip(cells, absent, strict=True))


def _problem(names: Sequence[str], cells: Sequence[Any], labels: Sequence[Any], record: Mapping[str, Any]) -> str:
    """Says which cell of a row is no label."""
    place = list(labels).index(None)
    return f"{cells[place]!r} in column {names[place]!r} is {_what_is_expected(record)}"


def read_truths_of_paths(paths: Sequence[str], root: str, record: Mapping[str, Any]) -> Truths:
    """Reads the labels of images from the folders that they lie in, the nearest that is named as a class.

    Args:
      paths: Of the images, below the root.
      root: Name of the folder that holds them, which counts where they lie in it directly.
      record: What was recorded when the version was pushed.

    Raises:
      ConfigError: The model knows no classes, or no folder is named as one.
    """
    classes = record["classes"]
    if classes is None or record["task"] == "multilabel":
        raise ConfigError(
            f"expected a table with the label {record['label']['name']!r} beside each image, got a folder: only "
            "classes can be read from the names of folders"
        )
    found = [_class_of_path(path, root, classes) for path in paths]
    known = [row for row, label in enumerate(found) if label is not None]
    if not known:
        raise ConfigError(
            f"expected images in folders named as the classes ({_some(classes)}), got none in {root}, such as "
            f"{paths[0]}; name the folders as in training"
        )
    problems = {
        row: f"it lies in no folder that is named as one of the classes ({_some(classes)})"
        for row, label in enumerate(found)
        if label is None
    }
    return Truths(np.array([found[row] for row in known], np.int64), np.array(known, np.int64), 0, problems)


def _class_of_path(path: str, root: str, classes: Sequence[str]) -> int | None:
    folders = [unicodedata.normalize("NFC", part) for part in (root, *PurePosixPath(path).parts[:-1])]
    return next((classes.index(folder) for folder in reversed(folders) if folder in classes), None)


def _plain(cell: Any) -> str | float | None:
    """Makes text or a float of a value of any file: None for no value."""
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return None
    if isinstance(cell, bool | np.bool_):
        return str(bool(cell)).lower()
    if isinstance(cell, float | np.floating):
        return float(cell)
    if hasattr(cell, "isoformat"):
        return str(cell.isoformat())
    return str(cell).strip()


def _memoised(read: _Read) -> _Read:
    """Remembers the answers: labels are few values in many rows."""
    known: dict[Any, float | None] = {}

    def remember(cell: Any) -> float | None:
        if cell not in known:
            known[cell] = read(cell)
        return known[cell]

    return remember


def _reader(record: Mapping[str, Any]) -> _Read:
    if record["task"] == "multilabel":
        return _read_bit
    if record["classes"] is None:
        return _number_reader(record["label"])
    return _class_reader(record)


def _read_bit(cell: Any) -> float | None:
    said = read_boolean(str(cell))
    if said is not None:
        return float(said)
    number = _number(cell)
    return number if number in (0.0, 1.0) else None


def _number_reader(label: Mapping[str, Any]) -> _Read:
    """Reads numbers as the label's are written: ``$4,893``, or ``12,5`` where the comma is the decimal sign."""
    form = NumberForm(**label["form"]) if label.get("form") else None
    if form is None and label.get("decimal"):
        form = NumberForm(label["decimal"], "")

    def read(cell: Any) -> float | None:
        return _number(plain_cell(cell, form) if form is not None and isinstance(cell, str) else cell)

    return read


def _class_reader(record: Mapping[str, Any]) -> _Read:
    """Finds the number of a class by its name, by the number that stood for it, or by another way to write it."""
    classes = record["classes"]
    number_of = {name: number for number, name in enumerate(classes)}
    names = record["label"].get("class_names")
    by_number = {str(place): number_of.get(name) for place, name in enumerate(names or ())}
    said = {plain_boolean(name): number for name, number in number_of.items()} if are_booleans(classes) else {}

    def read(cell: Any) -> float | None:
        text = str(cell)
        whole = _whole(cell)
        if whole in by_number:
            return by_number[whole]
        if text in number_of:
            return number_of[text]
        return said.get(plain_boolean(text), number_of.get(whole))

    return read


def _whole(cell: Any) -> str:
    """Writes 1.0 as the class 1; other text stays."""
    number = _number(cell)
    return str(int(number)) if number is not None and number.is_integer() else str(cell)


def _number(cell: Any) -> float | None:
    if isinstance(cell, str) and "_" in cell:  # which Python reads, and no table means
        return None
    try:
        number = float(cell)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _as_array(labels: list[list[Any]], record: Mapping[str, Any]) -> np.ndarray:
    """Joins the labels of rows, each a list of one or of several."""
    if record["task"] == "multilabel":
        return np.array(labels, np.float32).reshape(len(labels), len(record["classes"]))
    return np.array([label for (label,) in labels], np.float64 if record["classes"] is None else np.int64)


def _what_is_expected(record: Mapping[str, Any]) -> str:
    if record["task"] == "multilabel":
        return "neither 0 nor 1"
    return "no number" if record["classes"] is None else f"none of the classes ({_some(record['classes'])})"


def _some(classes: Sequence[str]) -> str:
    more = len(classes) - _SHOWN_CLASSES
    return ", ".join(classes[:_SHOWN_CLASSES]) + (f" and {more} more" if more > 0 else "")
