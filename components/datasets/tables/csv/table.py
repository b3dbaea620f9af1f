"""Text tables (CSV, TSV, ...): described by one streaming pass, read again file by file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from kerasline.components.core import ConfigError, counted
from kerasline.components.datasets.description import (
    Column,
    CsvOptions,
    Found,
    LabelFacts,
    LabelNumbers,
    Roles,
    SplitColumn,
    TrainedValues,
    assign_roles,
    multi_facts,
    row_name_notes,
    same_columns,
)
from kerasline.components.datasets.files import (
    Partition,
    Places,
    digest_file,
    digest_with,
    drop_in_files,
    partitions_of,
    size_of,
)
from kerasline.components.datasets.tables.csv.columns import MixedColumns
from kerasline.components.datasets.tables.csv.encoding import find_total
from kerasline.components.datasets.tables.csv.files import ScannedFile, TableScan
from kerasline.components.datasets.tables.csv.scan import INFINITIES, NANS, ColumnScan, LostRows
from kerasline.components.datasets.tables.csv.text import detect_delimiter, dialect_of, header_of
from kerasline.components.datasets.values import (
    Named,
    check_lost,
    describe_lost,
    missing_words,
    own_words,
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
    listed = places.find_splits("csv", options.path, options.test_path)
    roots = places.roots(options.path, options.test_path)
    partitions = partitions_of([path for path, _ in listed], roots, options.drop)
    found = describe(listed, options, split, named, partitions)
    return replace(found, digest=digest_with(found.digest, partitions.values()))


def describe(
    files: Sequence[tuple[Path, str | None]],
    options: CsvOptions,
    split: SplitColumn | None,
    named: Named,
    partitions: Mapping[Path, Partition] = MappingProxyType({}),
) -> Found:
    """Describes a table whose files are known, with the split that the source gives each, and what folders hold."""
    found, lost = _describe(files, options, split, named, _NO_NUMBERS, partitions)
    label = found.label
    decided = named.get(label.name) is not None
    if decided and label.dtype == "string" and any(word in _NO_NUMBERS for word in lost):
        found, lost = _describe(
            files, options, split, named, frozenset(), partitions
        )  # a class may be called nan or inf
    if label.dtype == "string" and not decided:
        check_lost(label.name, lost, label.rows, label.origin)
    return found


def _describe(
    files: Sequence[tuple[Path, str | None]],
    options: CsvOptions,
    split: SplitColumn | None,
    named: Named,
    no_label: frozenset[str],
    partitions: Mapping[Path, Partition],
) -> tuple[Found, Counter[str]]:
    """Describes a table; cells of ``no_label`` are no label, besides those that are missing."""
    by_rows: frozenset[str] = frozenset()
    while True:
        try:
            return _describe_once(files, options, split, named, no_label, partitions, by_rows)
        except MixedColumns as mixed:
            by_rows |= mixed.names


def _describe_once(
    files: Sequence[tuple[Path, str | None]],
    options: CsvOptions,
    split: SplitColumn | None,
    named: Named,
    no_label: frozenset[str],
    partitions: Mapping[Path, Partition],
    by_rows: frozenset[str],
) -> tuple[Found, Counter[str]]:
    """Describes a table whose columns of ``by_rows`` hold numbers and text; see :class:`MixedColumns`."""
    reading = {**options.model_dump(include=set(_READER_KEYS)), "missing_in": own_words(named)}
    reading["no_label"] = sorted(no_label)
    first_path = files[0][0]
    names = header_of(first_path, reading, _delimiter(first_path, options), partitions.get(first_path))
    drop = drop_in_files([path for path, _ in files], names, options.drop)
    roles = assign_roles(names, options.label, drop, split, str(first_path))
    scan = _start_scan(roles, reading, options, no_label, by_rows)
    lost: Counter[str] = Counter()
    shards: list[dict[str, Any]] = []
    skipped, totals = list[str](), list[str]()
    next_row: dict[str | None, int] = {}
    trained, label = TrainedValues(), scan.columns[roles.labels[0]]
    for path, part in files:
        trained.see(part, label.counts)
        delimiter, partition = _delimiter(path, options), partitions.get(path)
        here = header_of(path, reading, delimiter, partition)
        same_columns(here, names, path, first_path)
        scanned = scan.file(path, reading, delimiter, here, partition)
        left_out = {here.index(name): scan.columns[name].missing_values for name in roles.labels}
        totals.append(find_total(path, options.encoding, delimiter, left_out))
        skipped += _skipped_lines(path, scanned, [scan.columns[name] for name in roles.labels])
        lost.update(scanned.lost.words)
        if not scanned.rows and not scanned.lost.count:
            raise ConfigError(f"{path} has a header but no rows; check that the right file was named.")
        shards += _shards(path, part, delimiter, partition, scanned, next_row)
    for column in scan.columns.values():
        column.finish()
    found = _found(files, scan.columns, roles, reading, shards, skipped)
    notes = (*filter(None, totals), *found.notes)
    return replace(found, label=trained.add_to(found.label, label.counts), notes=notes), lost


def _shards(
    path: Path,
    part: str | None,
    delimiter: str,
    partition: Partition | None,
    scanned: ScannedFile,
    next_row: dict[str | None, int],
) -> list[dict[str, Any]]:
    """Lists what workers read of a file.

    Args:
      path: Of the file.
      part: Split that the source gives its rows, or None.
      delimiter: Character between cells.
      partition: Columns that its folders hold.
      scanned: What is known of the file.
      next_row: Number of the next row of each split, which is moved on.
    """
    shards = []
    for piece in scanned.pieces:
        shard: dict[str, Any] = {"path": str(path), "bytes": size_of(path), "delimiter": delimiter}
        shard |= {"first": next_row.get(part, 0), **piece.shard()}
        shard |= {"partition": partition} if partition else {}
        next_row[part] = shard["first"] + piece.rows
        shards.append(shard if part is None else {**shard, "split": part})
    return shards


def _start_scan(
    roles: Roles, reading: Mapping[str, Any], options: CsvOptions, no_label: frozenset[str], by_rows: frozenset[str]
) -> TableScan:
    wanted = (*roles.inputs, *roles.labels, *roles.extra)
    columns = {name: ColumnScan(name, missing_words(reading, name)) for name in wanted}
    for name in roles.labels:
        columns[name].decimal, columns[name].label_numbers = options.label_decimal, LabelNumbers()
    return TableScan(columns, {name: columns[name].missing_values | no_label for name in roles.labels}, by_rows)


def _skipped_lines(path: Path, scanned: ScannedFile, labels: Sequence[ColumnScan]) -> list[str]:
    lost = scanned.lost
    told = [
        f"{path.name}: {counted(tally.count, 'line')} with {what} ({tally})" for what, tally in scanned.skipped.items()
    ]
    return [*told, f"{path.name}: {_describe_lost(lost, labels)}"] if lost.count else told


def _describe_lost(lost: LostRows, labels: Sequence[ColumnScan]) -> str:
    """Names the words that stand where a label should; among numbers, nan and inf are as good as empty."""
    is_text = any(label.dtype == "string" for label in labels)
    words: Counter[str] = Counter()
    for word, count in lost.words.items():
        words["" if word in _NO_NUMBERS and not is_text else word] += count
    return describe_lost(words, str(lost))


def _found(
    files: Sequence[tuple[Path, str | None]],
    scans: Mapping[str, ColumnScan],
    roles: Roles,
    options: dict[str, Any],
    shards: list[dict[str, Any]],
    skipped: list[str],
) -> Found:
    origin = f"{files[0][0]} and {len(files) - 1} more" if len(files) > 1 else str(files[0][0])
    rows = sum(shard["rows"] for shard in shards)
    label = _label_facts(scans, roles, rows, origin, options["class_names"])
    columns = _inputs(scans, roles, rows, origin)
    return Found(
        kind="table",
        columns=tuple(columns),
        label=label,
        reader="csv",
        reader_options={
            **options,
            "extra": {name: scans[name].dtype for name in roles.extra},
            **_label_options(roles.labels, label),
        },
        shards=[shard for shard in shards if shard["rows"]],
        digest=",".join(digest_file(path) for path, _ in files),
        title=files[0][0].stem,
        skipped=tuple(skipped),
        notes=(*_notes(scans, roles, rows), *row_name_notes(columns, rows, options["header"])),
    )


def _inputs(scans: Mapping[str, ColumnScan], roles: Roles, rows: int, origin: str) -> list[Column]:
    """Describes the inputs, those left out that have no value in any row."""
    columns = [scans[name].column() for name in roles.inputs if not rows or scans[name].dtype is not None]
    if rows and not columns:
        raise ConfigError(f"No input column of {origin} has a value; check csv.delimiter and csv.missing_values.")
    return columns


def _label_options(names: Sequence[str], label: LabelFacts) -> dict[str, Any]:
    """Returns what the reader of rows has to know of the label."""
    form = asdict(label.written.form) if label.written else None
    is_long = label.dtype == "int" and not _fits_a_float(label)
    return {"labels": list(names), "label_form": form, "whole_label": is_long}


def _label_facts(
    scans: Mapping[str, ColumnScan], roles: Roles, rows: int, origin: str, class_names: list[str] | None
) -> LabelFacts:
    if len(roles.labels) > 1:
        counts = [scans[name].value_counts for name in roles.labels]
        return multi_facts(roles.labels, counts, rows, roles.label_feature, origin)
    facts = scans[roles.labels[0]].label(rows, origin)
    return _with_names(replace(facts, decimal_key="csv.label_decimal"), class_names)


def _notes(scans: Mapping[str, ColumnScan], roles: Roles, rows: int) -> Iterator[str]:
    """Says what a user may not expect of columns: no values, text that looks like numbers, and infinite numbers."""
    for name in roles.inputs:
        if rows and scans[name].dtype is None:
            yield f"column {name!r} has no value in any row and is left out"
    for column in scans.values():
        if column.text_note:
            yield column.text_note
        if column.infinite and column.dtype == "float":
            found = counted(column.infinite, "infinite value")
            yield f"column {column.name!r} has {found}, first in line {column.infinite_line}"


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


def _delimiter(path: Path, options: CsvOptions) -> str:
    if options.delimiter == "auto":
        return detect_delimiter(path, dialect_of(options.model_dump(), ","))
    return "\t" if options.delimiter == "tab" else options.delimiter
