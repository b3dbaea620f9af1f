"""Text tables (CSV, TSV, ...): described by one streaming pass, read again file by file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from kerasline.components.core import ConfigError, counted
from kerasline.components.datasets.description import (
    CsvOptions,
    Dataset,
    Found,
    LabelFacts,
    LabelNumbers,
    Roles,
    SplitColumn,
    assign_roles,
    label_value,
    multi_facts,
    row_name_notes,
    same_columns,
    thin,
)
from kerasline.components.datasets.files import (
    Places,
    check_partitions,
    check_unchanged,
    digest_file,
    drop_in_files,
    size_of,
)
from kerasline.components.datasets.tables.csv.columns import MixedColumns
from kerasline.components.datasets.tables.csv.encoding import find_total
from kerasline.components.datasets.tables.csv.files import ScannedFile, TableScan
from kerasline.components.datasets.tables.csv.scan import INFINITIES, NANS, ROWS_PER_BLOCK, ColumnScan, LostRows
from kerasline.components.datasets.tables.csv.text import body, detect_delimiter, dialect_of, header_of
from kerasline.components.datasets.values import (
    Named,
    NumberForm,
    check_lost,
    describe_lost,
    missing_words,
    own_words,
    plain_cell,
    plain_cells,
    read_boolean,
)

_READER_KEYS = ("header", "columns", "encoding", "missing_values", "ragged_rows", "class_names", "label_decimal",
                "quoting", "skip_lines")  # fmt: skip
_NO_NUMBERS = INFINITIES | NANS


def find(options: CsvOptions, places: Places, split: SplitColumn | None, named: Named) -> Found:
    """Describes a text table: types over all rows, labels, files to read.

    Text such as true/false or yes/no stays text, so that classes keep the words of the table; codes with
    leading zeros are text; numbers with a decimal comma, marks between thousands or a unit are text and noted. A label
    of such numbers is read as what they are.

    Args:
      options: the ``csv:`` block.
      places: where files are looked for.
      split: the column that ``split`` names.
      named: columns that the recipe names under features, with their own words for a missing value.

    Raises:
      ConfigError: see ``text``; also a table without rows.
    """
    tests = [] if options.test_path is None else places.find_all(options.test_path)
    files = [path for path in places.find_all(options.path) if path not in tests]
    if not files:
        raise ConfigError("Every file of csv.path is also in csv.test_path; name the files for training as 'path'.")
    reading = options.model_dump()
    check_partitions(files, lambda: header_of(files[0], reading, _delimiter(files[0], options)), options.drop, "csv")
    return describe([(path, None) for path in files] + [(path, "test") for path in tests], options, split, named)


def describe(
    files: Sequence[tuple[Path, str | None]], options: CsvOptions, split: SplitColumn | None, named: Named
) -> Found:
    """Describes a table whose files, with the split that the source gives each, are known."""
    found, lost = _describe(files, options, split, named, _NO_NUMBERS)
    label = found.label
    decided = named.get(label.name) is not None
    if decided and label.dtype == "string" and any(word in _NO_NUMBERS for word in lost):
        found, lost = _describe(files, options, split, named, frozenset())  # a class may be called nan or inf
    if label.dtype == "string" and not decided:
        check_lost(label.name, lost, label.rows, label.origin)
    return found


def _describe(
    files: Sequence[tuple[Path, str | None]],
    options: CsvOptions,
    split: SplitColumn | None,
    named: Named,
    no_label: frozenset[str],
) -> tuple[Found, Counter[str]]:
    """Describes a table; cells of ``no_label`` are no label, besides those that are missing."""
    by_rows: frozenset[str] = frozenset()
    while True:
        try:
            return _describe_once(files, options, split, named, no_label, by_rows)
        except MixedColumns as mixed:
            by_rows |= mixed.names


def _describe_once(
    files: Sequence[tuple[Path, str | None]],
    options: CsvOptions,
    split: SplitColumn | None,
    named: Named,
    no_label: frozenset[str],
    by_rows: frozenset[str],
) -> tuple[Found, Counter[str]]:
    """Describes a table whose columns of ``by_rows`` hold numbers and text; see :class:`MixedColumns`."""
    reading = {**options.model_dump(include=set(_READER_KEYS)), "missing_in": own_words(named)}
    reading["no_label"] = sorted(no_label)
    lost: Counter[str] = Counter()
    first_path = files[0][0]
    shards: list[dict[str, Any]] = []
    skipped: list[str] = []
    names: list[str] = []
    scan = TableScan({}, {}, by_rows)
    roles: Roles | None = None
    next_row: dict[str | None, int] = {}
    for path, part in files:
        delimiter = _delimiter(path, options)
        here = header_of(path, reading, delimiter)
        if roles is None:
            drop = drop_in_files([file for file, _ in files], here, options.drop)
            names, roles = here, assign_roles(here, options.label, drop, split, str(path))
            scan = _start_scan(roles, reading, options, no_label, by_rows)
        same_columns(here, names, path, first_path)
        scanned = scan.file(path, reading, delimiter, here)
        skipped += _skipped_lines(path, scanned, [scan.columns[name] for name in roles.labels])
        lost.update(scanned.lost.words)
        rows = sum(piece.rows for piece in scanned.pieces)
        if rows == 0 and not scanned.lost.count:
            raise ConfigError(f"{path} has a header but no rows; check that the right file was named.")
        for piece in scanned.pieces:
            shard: dict[str, Any] = {"path": str(path), "bytes": size_of(path), "delimiter": delimiter}
            shard |= {"first": next_row.get(part, 0), **piece.shard()}
            next_row[part] = shard["first"] + piece.rows
            shards.append(shard if part is None else {**shard, "split": part})
    assert roles is not None
    for column in scan.columns.values():
        column.finish()
    return _found(files, scan.columns, roles, reading, shards, skipped), lost


def _start_scan(
    roles: Roles, reading: Mapping[str, Any], options: CsvOptions, no_label: frozenset[str], by_rows: frozenset[str]
) -> TableScan:
    wanted = (*roles.inputs, *roles.labels, *roles.extra)
    columns = {name: ColumnScan(name, missing_words(reading, name)) for name in wanted}
    for name in roles.labels:
        columns[name].decimal, columns[name].label_numbers = options.label_decimal, LabelNumbers()
    return TableScan(columns, {name: columns[name].missing_values | no_label for name in roles.labels}, by_rows)


def _skipped_lines(path: Path, scanned: ScannedFile, labels: Sequence[ColumnScan]) -> list[str]:
    ragged, lost = scanned.ragged, scanned.lost
    told = []
    if ragged.count:
        told.append(f"{path.name}: {counted(ragged.count, 'line')} with too few or too many cells ({ragged})")
    return [*told, f"{path.name}: {_describe_lost(lost, labels)}"] if lost.count else told


def _describe_lost(lost: LostRows, labels: Sequence[ColumnScan]) -> str:
    """Names the words that stand where a label should; among numbers, nan and inf are as good as empty."""
    is_text = any(label.dtype == "string" for label in labels)
    words: Counter[str] = Counter()
    for word, count in lost.words.items():
        words["" if word in _NO_NUMBERS and not is_text else word] += count
    return describe_lost(words, str(lost))


def read(dataset: Dataset, shard: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yields the rows of a shard; cells without a value are None."""
    check_unchanged(shard["path"], shard["bytes"])
    yield from thin(_rows(dataset, shard), shard)


def _found(
    files: Sequence[tuple[Path, str | None]],
    scans: Mapping[str, ColumnScan],
    roles: Roles,
    options: dict[str, Any],
    shards: list[dict[str, Any]],
    skipped: list[str],
) -> Found:
    origin = str(files[0][0]) if len(files) == 1 else f"{files[0][0]} and {len(files) - 1} more"
    rows = sum(shard["rows"] for shard in shards)
    if len(roles.labels) > 1:
        counts = [scans[name].value_counts for name in roles.labels]
        label = multi_facts(roles.labels, counts, rows, roles.label_feature, origin)
    else:
        facts = replace(scans[roles.labels[0]].label(rows, origin), decimal_key="csv.label_decimal")
        label = _with_names(facts, options["class_names"])
    notes = [note for path, _ in files if (note := find_total(path, options["encoding"]))]
    columns = []
    for name in roles.inputs:
        column = scans[name]
        if column.dtype is None and rows:
            notes.append(f"column {name!r} has no value in any row and is left out")
            continue
        columns.append(column.column())
    if rows and not columns:
        raise ConfigError(f"No input column of {origin} has a value; check csv.delimiter and csv.missing_values.")
    for column in scans.values():
        if column.text_note:
            notes.append(column.text_note)
        if column.infinite and column.dtype == "float":
            notes.append(
                f"column {column.name!r} has {column.infinite} infinite values, first in line {column.infinite_line}"
            )
    notes += row_name_notes(columns, rows, options["header"])
    extra = {name: scans[name].dtype for name in roles.extra}
    label_form = asdict(label.written.form) if label.written else None
    return Found(
        kind="table",
        columns=tuple(columns),
        label=label,
        reader="csv",
        reader_options={
            **options,
            "labels": list(roles.labels),
            "extra": extra,
            "label_form": label_form,
            "whole_label": label.dtype == "int" and not _fits_a_float(label),
        },
        shards=[shard for shard in shards if shard["rows"]],
        digest=",".join(digest_file(path) for path, _ in files),
        title=files[0][0].stem,
        skipped=tuple(skipped),
        notes=tuple(notes),
    )


def _fits_a_float(label: LabelFacts) -> bool:
    return max(abs(label.minimum or 0), abs(label.maximum or 0)) <= 2**53


def _with_names(facts: LabelFacts, names: list[str] | None) -> LabelFacts:
    """Puts the names of classes in the place of their numbers."""
    if names is None:
        return facts
    strange = [value for value in facts.counts or {"many different values": 0} if value not in range(len(names))]
    if strange:
        raise ConfigError(
            f"csv.class_names names the classes 0 to {len(names) - 1}, but label {facts.name!r} of "
            f"{facts.origin} holds {strange[0]!r}; name every class."
        )
    counts: dict[str | int | float, int] = {names[int(value)]: count for value, count in (facts.counts or {}).items()}
    return LabelFacts(facts.name, "string", counts, facts.rows, classes=tuple(names), origin=facts.origin)


def _rows(dataset: Dataset, shard: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    options = dataset.reader_options
    words = partial(missing_words, options)
    names = header_of(shard["path"], options, shard["delimiter"])
    position = {name: index for index, name in enumerate(names)}
    labels = options["labels"]
    label_positions = [position[name] for name in labels]
    inputs = [
        (column.name, position[column.name], _converter(column.dtype, words(column.name) if column.missing else None))
        for column in dataset.columns
    ]
    inputs += [(name, position[name], _converter(dtype, words(name))) for name, dtype in options["extra"].items()]
    class_names = options["class_names"]
    label_dtype = (
        "float" if len(labels) > 1 else "int" if class_names or options["whole_label"] else dataset.label.dtype
    )
    convert_label = _converter(label_dtype, frozenset())
    is_written = options["label_form"] is not None and label_dtype == "float"
    label_form = NumberForm(**options["label_form"]) if is_written else None
    unusable = {position[name]: words(name).union(options["no_label"]) for name in labels}
    keys = [*(name for name, _, _ in inputs), dataset.label.name]
    lines = body(shard["path"], options, shard["delimiter"], len(names), part=shard.get("part"))
    while block := list(islice(lines, ROWS_PER_BLOCK)):
        rows = [cells for _, cells in block]
        for index, bad in unusable.items():
            rows = [cells for cells in rows if cells[index] not in bad]
        if not rows:
            continue
        columns: list[Any] = list(zip(*rows, strict=True))
        values = [convert(columns[index]) for _, index, convert in inputs]
        label_cells = [columns[index] for index in label_positions]
        if options["label_decimal"] is not None:
            label_cells = [plain_cells(cells, options["label_decimal"]) for cells in label_cells]
        if label_form is not None:
            label_cells = [[plain_cell(cell, label_form) for cell in cells] for cells in label_cells]
        if len(labels) > 1:
            label_cells = [
                [cell if (said := read_boolean(cell)) is None else str(said) for cell in cells] for cells in label_cells
            ]
        label_columns = [convert_label(cells) for cells in label_cells]
        joined: Any = label_columns[0]
        if len(labels) > 1:
            joined = map(label_value, zip(*label_columns, strict=True))
        elif class_names:
            joined = [class_names[number] for number in joined]
        for row in zip(*values, joined, strict=True):
            yield dict(zip(keys, row, strict=True))


def _converter(dtype: str | None, missing: frozenset[str] | None) -> Callable[[Sequence[str]], Sequence[Any]]:
    """Returns a function that turns a block of cells into values, None where there is none.

    ``missing`` None promises that every cell has a value, which is twice as fast.
    """
    if missing is None:
        convert = {"int": int, "float": float}.get(dtype or "")
        return lambda cells: cells if convert is None else list(map(convert, cells))
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


def _delimiter(path: Path, options: CsvOptions) -> str:
    if options.delimiter == "auto":
        return detect_delimiter(path, dialect_of(options.model_dump(), ","))
    return "\t" if options.delimiter == "tab" else options.delimiter
