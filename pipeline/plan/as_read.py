"""How training read its tables: what goes with a version, so that files and requests are read alike later."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kerasline.components.datasets.description import MISSING_VALUES, Column, Dataset
from kerasline.components.datasets.values import missing_words, numbers_of

# Of the csv: block, missing_in of typed files, too.
_READING = ("header", "columns", "encoding", "missing_values", "missing_in", "quoting", "skip_lines")
_TABLES = ("csv", "parquet")


def reading_record(data: Dataset) -> dict[str, Any]:
    """Returns what predicting needs to read a table as training did."""
    reading = data.reader_options if data.reader in _TABLES else {}
    return {key: reading[key] for key in _READING if key in reading}


def label_record(data: Dataset) -> dict[str, Any]:
    """Returns what reading later labels needs: their columns, and how training read what stands there.

    ``form`` is how the numbers of text are written, ``decimal`` the sign that the recipe names, ``class_names`` the
    names that the recipe gives to the classes 0, 1, ..., and ``no_label`` the words that are no label.
    """
    options = data.reader_options
    return {
        "name": data.label.name,
        "columns": list(options.get("labels", [data.label.name])),
        "form": options.get("label_form"),
        "decimal": options.get("label_decimal"),
        "class_names": options.get("class_names"),
        "no_label": list(options.get("no_label", ())),
    }


def words_of(columns: Sequence[Column], data: Dataset) -> dict[str, list[str]]:
    """Lists the words for a missing value that no value of training can be, by column.

    Args:
      columns: those that the model reads.
      data: as it was read.
    """
    if data.reader not in _TABLES:
        return {}
    found = {column.name: _words(column, data) for column in columns}
    return {name: words for name, words in found.items() if words}


def _words(column: Column, data: Dataset) -> list[str]:
    reading = {"missing_values": MISSING_VALUES, **reading_record(data)}
    is_open = "missing_values" not in data.reader_options and column.name not in reading["missing_in"]
    # A typed file means its words as they stand; those of more values than are counted may be any.
    if column.dtype not in ("string", "int", "float") or (is_open and column.distinct is None):
        return []
    words = missing_words(reading, column.name) - {""}
    if column.dtype != "string":
        words = frozenset(word for word in words if numbers_of(frozenset({word})))
    return sorted(words)
