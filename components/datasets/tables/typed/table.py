"""Parquet tables: described from batches, read again row group by row group."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from kerasline.components.core import ConfigError
from kerasline.components.datasets.description import (
    MISSING_VALUES,
    Found,
    LabelFacts,
    ParquetOptions,
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
from kerasline.components.datasets.tables.typed.columns import take_values, usable_rows
from kerasline.components.datasets.tables.typed.opening import TypedFile, open_file, read_batches
from kerasline.components.datasets.tables.typed.remarks import remark_of
from kerasline.components.datasets.tables.typed.rows import labelled_columns
from kerasline.components.datasets.tables.typed.scan import (
    INDEX_NAME,
    LARGEST_INTEGER,
    TypedScan,
    column_type,
    index_columns,
    zone_of,
)
from kerasline.components.datasets.values import Named, describe_lost, own_words

if TYPE_CHECKING:
    from pyarrow import RecordBatch

# Row groups are joined into one shard up to this many rows.
_ROWS_PER_SHARD = 200_000


def find(options: ParquetOptions, places: Places, split: SplitColumn | None, named: Named) -> Found:
    """Describes a Parquet table.

    Whole numbers, floats, decimals, booleans (as text true/false), text, dates (as ISO text) and fixed-size lists of
    numbers are read; other nested types are refused.

    Raises:
      ConfigError: not Parquet, no rows, or columns that are not there, differ between files or have a nested type.
    """
    listed = places.find_splits("parquet", options.path, options.test_path)
    roots = places.roots(options.path, options.test_path)
    partitions = partitions_of([path for path, _ in listed], roots, options.drop)
    found = describe(listed, options, split, named, partitions)
    return replace(found, digest=digest_with(found.digest, partitions.values()))


def describe(
    files: Sequence[tuple[Path, str | None]],
    options: ParquetOptions,
    split: SplitColumn | None,
    named: Named,
    partitions: Mapping[Path, Partition] = MappingProxyType({}),
) -> Found:
    """Describes a table whose files are known, with the split that the source gives each, and what folders hold."""
    own = own_words(named)
    first_path = files[0][0]
    asked = _asked(options, split, named)
    schema = open_file(first_path, partitions.get(first_path)).schema_arrow
    names = _names(schema, asked)
    index = [name for name in schema.names if name not in names]
    drop = _dropped([path for path, _ in files], names, index, options.drop)
    roles = assign_roles(names, options.label, drop, split, str(first_path))
    scans = {name: TypedScan(name) for name in (*roles.inputs, *roles.labels, *roles.extra)}
    shards: list[dict[str, Any]] = []
    skipped: list[str] = []
    next_row: dict[str | None, int] = {}
    remarks: list[str] = []
    trained, label = TrainedValues(), scans[roles.labels[0]]
    for path, part in files:
        trained.see(part, label.counts)
        partition = partitions.get(path)
        file = open_file(path, partition)
        remarks.append(remark_of(file.schema_arrow))
        same_columns(_names(file.schema_arrow, asked), names, path, first_path)
        _join_types(file, scans, (path, first_path))
        unlabelled: Counter[str] = Counter()
        shards += _scan_file(file, (path, part), partition, scans, roles.labels, own, unlabelled, next_row)
        if unlabelled:
            skipped.append(f"{path.name}: {describe_lost(unlabelled, '')}")
        elif file.metadata.num_rows == 0:
            raise ConfigError(f"{path} has no rows; check that the right file was named.")
    found = _found(files, scans, roles, shards, skipped, own)
    left_out = [name for name in index if name not in options.drop]
    told = map(_index_note, left_out)
    row_names = row_name_notes(found.columns, found.label.rows)
    facts = trained.add_to(found.label, label.counts)
    return replace(found, label=facts, notes=(*found.notes, *told, *row_names, *filter(None, remarks)))


def _asked(options: ParquetOptions, split: SplitColumn | None, named: Named) -> set[str]:
    """Returns the columns that the recipe names."""
    labels = [options.label] if isinstance(options.label, str) else options.label
    return {*labels, *named, *([split.name] if split else [])}


def _dropped(files: Sequence[Path], names: Sequence[str], index: Sequence[str], drop: Sequence[str]) -> list[str]:
    """Returns the columns to drop without those that are not read anyway: an index, and what only folders hold."""
    read = [name for name in drop if name not in index and not INDEX_NAME.fullmatch(name)]
    return drop_in_files(files, names, read)


def _index_note(name: str) -> str:
    return f"column {name!r} is the index of a data frame and no input; name it under features to make it one"


def _scan_file(
    file: TypedFile,
    place: tuple[Path, str | None],
    partition: Partition | None,
    scans: Mapping[str, TypedScan],
    labels: Sequence[str],
    own: Mapping[str, Sequence[str]],
    unlabelled: Counter[str],
    next_row: dict[str | None, int],
) -> list[dict[str, Any]]:
    """Feeds a file to the scans of its columns and lists what workers read of it.

    Args:
      file: As opened.
      place: Its path, and the split that the source gives its rows or None.
      partition: Columns that its folders hold.
      scans: By the name of the column.
      labels: Columns of the label.
      own: Words for a missing value, of the columns that have their own.
      unlabelled: Counts the rows without a label, by what they have in its place.
      next_row: Number of the next row of each split, which is moved on.
    """
    path, part = place
    shards = []
    for groups in _group_ranges(file):
        batches = read_batches(file, path, groups, list(scans))
        rows = sum(_take(batch, scans, labels, own, unlabelled) for batch in batches)
        shard: dict[str, Any] = {"path": str(path), "bytes": size_of(path), "groups": list(groups)}
        shard |= {"first": next_row.get(part, 0), "rows": rows}
        shard |= {"partition": partition} if partition else {}
        next_row[part] = shard["first"] + rows
        shards.append(shard if part is None else {**shard, "split": part})
    return shards


def _take(
    batch: RecordBatch,
    scans: Mapping[str, TypedScan],
    labels: Sequence[str],
    own: Mapping[str, Sequence[str]],
    unlabelled: Counter[str],
) -> int:
    """Feeds a batch to the scans of its columns and returns how many of its rows have a label."""
    import pyarrow.compute as pc

    types = {name: scan.dtype for name, scan in scans.items()}
    of_labels = [batch.column(name) for name in labels]
    keep = usable_rows([scans[name] for name in labels], of_labels, [own.get(name) for name in labels])
    if keep is None:
        values, lost = labelled_columns(batch, list(scans), types, labels, own)
        unlabelled.update(lost)
        for name, scan in scans.items():
            scan.add(values[name])
        return len(values[labels[0]])
    if keep.false_count:
        unlabelled.update(labelled_columns(batch.filter(pc.invert(keep)), labels, types, labels, own)[1])
        batch = batch.filter(keep)
    for name, scan in scans.items():
        if not take_values(scan, batch.column(name), own.get(name)):
            scan.add(labelled_columns(batch, [name], types, [], own)[0][name])
    return int(batch.num_rows)


def _names(schema: Any, asked: Collection[str]) -> list[str]:
    """Lists the columns of a file without the index of the data frame it was, unless the recipe asks for that."""
    index = index_columns(schema)
    return [name for name in schema.names if name not in index or name in asked]


def _join_types(file: TypedFile, scans: Mapping[str, TypedScan], paths: tuple[Path, Path]) -> None:
    """Adds the types of a file's columns to those of the files before: int and float make float."""
    schema = file.schema_arrow
    for name, scan in scans.items():
        found = column_type(schema.field(name), paths[0])
        known = scan.dtype or found
        if known != found and {known, found} != {"int", "float"}:
            raise ConfigError(
                f"Column {name!r} is {found} in {paths[0]} but {known} in {paths[1]}; write the files alike."
            )
        scan.dtype = known if known == found else "float"
        scan.zones.add(zone_of(schema.field(name).type))


def _found(
    files: Sequence[tuple[Path, str | None]],
    scans: Mapping[str, TypedScan],
    roles: Roles,
    shards: list[dict[str, Any]],
    skipped: list[str],
    own: Mapping[str, list[str]],
) -> Found:
    first_path = files[0][0]
    types = _settle_types(scans)
    rows = sum(shard["rows"] for shard in shards)
    label = _label_facts(scans, roles, rows, str(first_path))
    columns = tuple(scans[name].column() for name in roles.inputs if not _is_empty(scans[name], rows))
    has_arrays = any(types[name] == "array" for name in roles.inputs)
    return Found(
        kind="array" if has_arrays else "table",
        columns=columns,
        label=label,
        reader="parquet",
        reader_options={
            "labels": list(roles.labels),
            "extra": list(roles.extra),
            "types": types,
            "label_form": asdict(label.written.form) if label.written else None,
            "missing_in": {**_values_of(scans), **own},
        },
        shards=[shard for shard in shards if shard["rows"]],
        digest=",".join(digest_file(path) for path, _ in files),
        title=first_path.stem,
        skipped=tuple(skipped),
        notes=tuple(_notes(scans, roles, rows)),
    )


def _settle_types(scans: Mapping[str, TypedScan]) -> dict[str, str]:
    """Returns the type of each column, once all rows are seen: whole numbers that are too large are fractions."""
    for scan in scans.values():
        if scan.dtype == "int" and scan.maximum > LARGEST_INTEGER:
            scan.dtype = "float"
    return {name: scan.dtype for name, scan in scans.items()}


def _label_facts(scans: Mapping[str, TypedScan], roles: Roles, rows: int, origin: str) -> LabelFacts:
    if len(roles.labels) > 1:
        counts = [scans[name].counts for name in roles.labels]
        return multi_facts(roles.labels, counts, rows, roles.label_feature, origin)
    return scans[roles.labels[0]].label(rows, origin)


def _is_empty(scan: TypedScan, rows: int) -> bool:
    return bool(rows) and scan.missing == rows


def _notes(scans: Mapping[str, TypedScan], roles: Roles, rows: int) -> Iterator[str]:
    """Says what a user may not expect of columns: no values, and numbers that are infinite."""
    for name in roles.inputs:
        if _is_empty(scans[name], rows):
            yield f"column {name!r} has no value in any row and is left out"
    for scan in scans.values():
        if scan.infinite:
            yield scan.infinite_note


def _values_of(scans: Mapping[str, TypedScan]) -> dict[str, list[str]]:
    """Lists the words for columns of text in which one that usually means a missing value is a value.

    A text table with the same rows must be read alike when it comes to be predicted.
    """
    found = {}
    for name, scan in scans.items():
        if scan.dtype == "string" and scan.counts and any(word in scan.counts for word in MISSING_VALUES):
            found[name] = [word for word in MISSING_VALUES if word not in scan.counts]
    return found


def _group_ranges(file: TypedFile) -> list[range]:
    """Joins a file's row groups into shards of up to 200,000 rows."""
    ranges, begin, rows = [], 0, 0
    for group in range(file.num_row_groups):
        rows_here = file.metadata.row_group(group).num_rows
        if rows and rows + rows_here > _ROWS_PER_SHARD:
            ranges.append(range(begin, group))
            begin, rows = group, 0
        rows += rows_here
    return [*ranges, range(begin, file.num_row_groups)] if file.num_row_groups else []
