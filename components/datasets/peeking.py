"""A look at the source of a recipe that takes no time: whether its files are there, and the names of its columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

from kerasline.components.datasets.databases import column_names, parse_url
from kerasline.components.datasets.description import (
    CsvOptions,
    DataOptions,
    ImageOptions,
    NpzOptions,
    ParquetOptions,
    SplitColumn,
    TfRecordOptions,
    assign_roles,
    same_columns,
)
from kerasline.components.datasets.files import Places
from kerasline.components.datasets.named import DATASETS, check_named
from kerasline.components.datasets.tables import csv_options, find_spans, own_keys_told
from kerasline.components.datasets.tables.csv import detect_delimiter, dialect_of, header_of
from kerasline.components.models import Task

_MOST_FILES = 2_000  # whose sizes are asked for


@dataclass(frozen=True)
class Peek:
    """What a look at the source tells.

    Attributes:
      columns: Names of a table's columns, its label among them; None where they cannot be read so fast.
      bytes: Size of the files; None for more than can be counted at once, and for data sets by name.
      where: The source, for messages.
    """

    columns: tuple[str, ...] | None
    bytes: int | None
    where: str


def peek(options: DataOptions, places: Places) -> Peek:
    """Looks at the source.

    Args:
      options: The config's ``data:`` block.
      places: Where relative paths are looked for.

    Raises:
      ConfigError: a file or a column that the block names is not there.
    """
    if options.dataset is not None:
        check_named(options)
        return Peek(None, None, options.dataset)
    if options.python is not None:
        return Peek(None, None, options.python.function)  # only running it would tell
    if options.sql is not None:
        return _peek_database(options, places)
    files = source_files(options, places)
    with own_keys_told() if options.spans else nullcontext():
        columns = _columns(options, files)
    return Peek(columns, _size(files), str(files[0]))


def _peek_database(options: DataOptions, places: Places) -> Peek:
    """Asks a database for the columns of a query, and not for its rows."""
    table = options.sql
    assert table is not None
    url = parse_url(table.url, places.base_dir)
    names = column_names(url, table.question, table.partition_column)
    assign_roles(names, table.label, table.drop, split_column(options), url.text)
    return Peek(tuple(names), None, url.text)


def split_column(options: DataOptions) -> SplitColumn | None:
    """Returns the column that a block splits by, or None."""
    if options.split.column is None:
        return None
    return SplitColumn(options.split.column, may_be_input=options.split.method != "source")


def source_files(options: DataOptions, places: Places) -> list[Path]:
    """Lists the files and folders that a block names, of any source but a database and a data set by name.

    Raises:
      ConfigError: one is not there.
    """
    if options.spans is not None:
        spans = find_spans(options.spans, places)
        return [path for span in spans.chosen for path in span.files]
    if options.images is not None:
        return _image_places(options.images, places)
    if options.idx is not None:
        return [places.find(options.idx.path, folder=True)]
    block: CsvOptions | ParquetOptions | NpzOptions | TfRecordOptions = getattr(options, options.source)
    test = getattr(block, "test_path", None)
    return [*places.find_all(block.path), *(places.find_all(test) if test else [])]


def _image_places(options: ImageOptions, places: Places) -> list[Path]:
    found = [places.find(options.path, folder=True)]
    if options.test_path:
        found.append(places.find(options.test_path, folder=True))
    if options.labels_csv:
        found.append(places.find(options.labels_csv))
    return found


def _columns(options: DataOptions, files: Sequence[Path]) -> tuple[str, ...] | None:
    table = options.csv or options.parquet or options.spans
    if table is None:
        return None
    read_names = partial(_header, options=options) if _is_text(options) else _parquet_names
    names = [read_names(path) for path in files[:_MOST_FILES]]
    for path, here in zip(files, names, strict=False):
        same_columns(here, names[0], path, files[0])
    # Folders such as year=2023 may be columns, too.
    columns = [*names[0], *(part.partition("=")[0] for part in files[0].parent.parts if "=" in part)]
    assign_roles(columns, table.label, table.drop, split_column(options), str(files[0]))
    return tuple(dict.fromkeys(columns))


def _is_text(options: DataOptions) -> bool:
    return options.csv is not None or (options.spans is not None and options.spans.format == "csv")


def _header(path: Path, options: DataOptions) -> list[str]:
    reading = options.csv
    if reading is None:
        reading = csv_options(options.spans) if options.spans else CsvOptions(path="-", label="-")
    delimiter = reading.delimiter
    if delimiter == "auto":
        delimiter = detect_delimiter(path, dialect_of(reading.model_dump(), ","))
    return header_of(path, reading.model_dump(), "\t" if delimiter == "tab" else delimiter)


def _parquet_names(path: Path) -> list[str]:
    from kerasline.components.datasets.tables.typed import open_file

    return list(open_file(path).schema_arrow.names)


def _size(files: Sequence[Path]) -> int | None:
    every = list(islice(_flat(files), _MOST_FILES + 1))
    return None if len(every) > _MOST_FILES else sum(path.stat().st_size for path in every if path.is_file())


def _flat(files: Sequence[Path]) -> Iterator[Path]:
    for path in files:
        yield from path.rglob("*") if path.is_dir() else (path,)


def task_of_named(name: str | None) -> Task | None:
    """Returns the task of a data set by name, or None where it has none or is unknown."""
    entry = DATASETS.get(name or "")
    return entry.task if entry else None
