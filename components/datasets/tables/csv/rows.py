"""Reads the rows of a shard of a text table, some thousand at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from kerasline.components.datasets.description import Dataset, label_value, thin
from kerasline.components.datasets.files import check_unchanged
from kerasline.components.datasets.tables.csv.scan import ROWS_PER_BLOCK
from kerasline.components.datasets.tables.csv.text import Line, body, header_of
from kerasline.components.datasets.values import NumberForm, missing_words, plain_cell, plain_cells, read_boolean

# Turns a block of a column's cells into values.
_Convert = Callable[[Sequence[str]], Sequence[Any]]


def read(dataset: Dataset, shard: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yields the rows of a shard; cells without a value are None."""
    check_unchanged(shard["path"], shard["bytes"])
    yield from thin(_rows(dataset, shard), shard)


def _rows(dataset: Dataset, shard: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    options, labels = dataset.reader_options, dataset.reader_options["labels"]
    partition = shard.get("partition")
    names = header_of(shard["path"], options, shard["delimiter"], partition)
    position = {name: index for index, name in enumerate(names)}
    inputs = _converters(dataset)
    read_label = _label_reader(dataset)
    unusable = {position[name]: missing_words(options, name).union(options["no_label"]) for name in labels}
    keys = [*inputs, dataset.label.name]
    part = shard.get("part")
    lines = body(shard["path"], options, shard["delimiter"], len(names), part=part, partition=partition)
    while block := list(islice(lines, ROWS_PER_BLOCK)):
        rows = _labelled(block, unusable)
        if not rows:
            continue
        columns: list[Any] = list(zip(*rows, strict=True))
        values = [convert(columns[position[name]]) for name, convert in inputs.items()]
        read = read_label([columns[position[name]] for name in labels])
        for row in zip(*values, read, strict=True):
            yield dict(zip(keys, row, strict=True))


def _labelled(block: Sequence[Line], unusable: Mapping[int, frozenset[str]]) -> list[list[str]]:
    """Returns the rows of a block that have a label, without the numbers of their lines."""
    rows = [cells for _, cells in block]
    for index, bad in unusable.items():
        rows = [cells for cells in rows if cells[index] not in bad]
    return rows


def _converters(dataset: Dataset) -> dict[str, _Convert]:
    """Returns what reads the cells of each column but the label, in the order of a row's values."""
    options = dataset.reader_options
    found = {}
    for column in dataset.columns:
        words = missing_words(options, column.name)
        found[column.name] = _converter(column.dtype, words) if column.missing else _sure_converter(column.dtype)
    for name, dtype in options["extra"].items():
        found[name] = _converter(dtype, missing_words(options, name))
    return found


def _label_reader(dataset: Dataset) -> Callable[[Sequence[Sequence[str]]], Iterable[Any]]:
    """Returns what makes the labels of rows from the cells of the columns that are the label."""
    options = dataset.reader_options
    dtype = _label_type(dataset)
    write, convert = _number_writer(options, dtype), _converter(dtype, frozenset())
    class_names = options["class_names"]

    def read_several(columns: Sequence[Sequence[str]]) -> Iterable[Any]:
        values = (convert(list(map(_said, write(cells)))) for cells in columns)
        return map(label_value, zip(*values, strict=True))

    def read_numbered(columns: Sequence[Sequence[str]]) -> Iterable[Any]:
        return [class_names[number] for number in convert(write(columns[0]))]

    if len(options["labels"]) > 1:
        return read_several
    if class_names:
        return read_numbered
    return lambda columns: convert(write(columns[0]))


def _label_type(dataset: Dataset) -> str:
    """Returns what the cells of the label are read as, before classes have their names."""
    options = dataset.reader_options
    if len(options["labels"]) > 1:
        return "float"
    return "int" if options["class_names"] or options["whole_label"] else dataset.label.dtype


def _number_writer(options: Mapping[str, Any], dtype: str) -> _Convert:
    """Returns what writes the label's numbers as Python reads them: without units, marks and a decimal comma."""
    decimal = options["label_decimal"]
    form = NumberForm(**options["label_form"]) if options["label_form"] is not None and dtype == "float" else None

    def write(cells: Sequence[str]) -> Sequence[str]:
        plain = cells if decimal is None else plain_cells(cells, decimal)
        return plain if form is None else [plain_cell(cell, form) for cell in plain]

    return write


def _sure_converter(dtype: str) -> _Convert:
    """Returns what reads the cells of a column in which every one has a value, which is twice as fast."""
    convert: Any = {"int": int, "float": float}.get(dtype)
    return (lambda cells: cells) if convert is None else (lambda cells: list(map(convert, cells)))


def _converter(dtype: str | None, missing: frozenset[str]) -> _Convert:
    """Returns what turns a block of cells into values, None where there is none."""
    if dtype == "int":
        return lambda cells: [None if cell in missing else _integer(cell) for cell in cells]
    if dtype == "float":
        return lambda cells: [None if cell in missing else _float_or_none(float(cell)) for cell in cells]
    return lambda cells: [None if cell in missing else cell for cell in cells]


def _said(cell: str) -> str:
    """Writes true and false as the numbers that several labels are."""
    said = read_boolean(cell)
    return cell if said is None else str(said)


def _integer(cell: str) -> int:
    """Reads a whole number, also one that is written as a float: classes 1.0, 2.0 are the classes 1 and 2."""
    try:
        return int(cell)
    except ValueError:
        return int(float(cell))


def _float_or_none(value: float) -> float | None:
    return value if value == value else None
