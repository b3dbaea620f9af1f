"""Parquet tables: described from batches, read again row group by row group."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasline.components.core import ConfigError
from kerasline.components.datasets.description import (
    MISSING_VALUES,
    Dataset,
    Found,
    ParquetOptions,
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
from kerasline.components.datasets.tables.typed.columns import take_values, usable_rows
from kerasline.components.datasets.tables.typed.scan import (
    INDEX_NAME,
    LARGEST_INTEGER,
    TypedScan,
    column_type,
    index_columns,
    open_file,
    plain_values,
    read_batches,
)
from kerasline.components.datasets.values import Named, describe_lost, missing_words, own_words, without

if TYPE_CHECKING:
    from pyarrow import RecordBatch
    from pyarrow.parquet import ParquetFile

# Row groups are joined into one shard up to this many rows.
_ROWS_PER_SHARD = 200_000


def find(options: ParquetOptions, places: Places, split: SplitColumn | None, named: Named) -> Found:
    """Describes a Parquet table.

    Whole numbers, floats, decimals, booleans (as text true/false), text, dates (as ISO text) and fixed-size lists of
    numbers are read; other nested types are refused.

    Raises:
      ConfigError: not Parquet, no rows, or columns that are not there, differ between files or have a nested type.
    """
    tests = [] if options.test_path is None else places.find_all(options.test_path)
    files = [path for path in places.find_all(options.path) if path not in tests]
    if not files:
        raise ConfigError("Every file of parquet.path is also in parquet.test_path; name files for training as 'path'.")
    check_partitions(files, lambda: open_file(files[0]).schema_arrow.names, options.drop, "parquet")
    return describe([(path, None) for path in files] + [(path, "test") for path in tests], options, split, named)


def describe(
    files: Sequence[tuple[Path, str | None]], options: ParquetOptions, split: SplitColumn | None, named: Named
) -> Found:
    """Describes a table whose files, with the split that the source gives each, are known."""
    own = own_words(named)
    first_path = files[0][0]
    labels = [options.label] if isinstance(options.label, str) else options.label
    asked = {*labels, *named, *([split.name] if split else [])}
    schema = open_file(first_path).schema_arrow
    names = _names(schema, asked)
    index = [name for name in schema.names if name not in names]
    drop = [name for name in options.drop if name not in index and not INDEX_NAME.fullmatch(name)]
    drop = drop_in_files([path for path, _ in files], names, drop)
    roles = assign_roles(names, options.label, drop, split, str(first_path))
    wanted = [*roles.inputs, *roles.labels, *roles.extra]
    types: dict[str, str] = {}
    scans: dict[str, TypedScan] = {}
    shards: list[dict[str, Any]] = []
    skipped: list[str] = []
    next_row: dict[str | None, int] = {}
    for path, part in files:
        file = open_file(path)
        same_columns(_names(file.schema_arrow, asked), names, path, first_path)
        _join_types(file, wanted, types, (path, first_path))
        for name in wanted:
            scans.setdefault(name, TypedScan(name)).dtype = types[name]
        unlabelled: Counter[str] = Counter()
        for groups in _group_ranges(file):
            rows = 0
            for batch in read_batches(file, path, groups, wanted):
                rows += _take(batch, scans, roles.labels, own, unlabelled)
            shard: dict[str, Any] = {"path": str(path), "bytes": size_of(path), "groups": list(groups)}
            shard |= {"first": next_row.get(part, 0), "rows": rows}
            next_row[part] = shard["first"] + rows
            shards.append(shard if part is None else {**shard, "split": part})
        if unlabelled:
            skipped.append(f"{path.name}: {describe_lost(unlabelled, '')}")
        elif file.metadata.num_rows == 0:
            raise ConfigError(f"{path} has no rows; check that the right file was named.")
    found = _found(files, scans, roles, shards, skipped, own)
    told = [
        f"column {name!r} is the index of a data frame and no input; name it under features to make it one"
        for name in index
        if name not in options.drop
    ]
    return replace(found, notes=(*found.notes, *told, *row_name_notes(found.columns, found.label.rows)))


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
        values, lost = _columns(batch, list(scans), types, labels, own)
        unlabelled.update(lost)
        for name, scan in scans.items():
            scan.add(values[name])
        return len(values[labels[0]])
    if keep.false_count:
        unlabelled.update(_columns(batch.filter(pc.invert(keep)), labels, types, labels, own)[1])
        batch = batch.filter(keep)
    for name, scan in scans.items():
        if not take_values(scan, batch.column(name), own.get(name)):
            scan.add(_columns(batch, [name], types, [], own)[0][name])
    return int(batch.num_rows)


def _names(schema: Any, asked: Collection[str]) -> list[str]:
    """Lists the columns of a file without the index of the data frame it was, unless the recipe asks for that."""
    index = index_columns(schema)
    return [name for name in schema.names if name not in index or name in asked]


def _join_types(file: ParquetFile, names: Sequence[str], types: dict[str, str], paths: tuple[Path, Path]) -> None:
    """Adds the types of a file's columns to those of the files before: int and float make float."""
    for name in names:
        found = column_type(file.schema_arrow.field(name), paths[0])
        known = types.setdefault(name, found)
        if known != found and {known, found} != {"int", "float"}:
            raise ConfigError(
                f"Column {name!r} is {found} in {paths[0]} but {known} in {paths[1]}; write the files alike."
            )
        types[name] = known if known == found else "float"


def _found(
    files: Sequence[tuple[Path, str | None]],
    scans: Mapping[str, TypedScan],
    roles: Roles,
    shards: list[dict[str, Any]],
    skipped: list[str],
    own: Mapping[str, list[str]],
) -> Found:
    first_path = files[0][0]
    for scan in scans.values():
        if scan.dtype == "int" and scan.maximum > LARGEST_INTEGER:
            scan.dtype = "float"
    types = {name: scan.dtype for name, scan in scans.items()}
    rows = sum(shard["rows"] for shard in shards)
    if len(roles.labels) > 1:
        counts = [scans[name].counts for name in roles.labels]
        label = multi_facts(roles.labels, counts, rows, roles.label_feature, str(first_path))
    else:
        label = scans[roles.labels[0]].label(rows, str(first_path))
    empty = [name for name in roles.inputs if rows and scans[name].missing == rows]
    return Found(
        kind="array" if any(types[name] == "array" for name in roles.inputs) else "table",
        columns=tuple(scans[name].column() for name in roles.inputs if name not in empty),
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
        notes=tuple(
            [f"column {name!r} has no value in any row and is left out" for name in empty]
            + [scans[name].infinite_note for name in scans if scans[name].infinite]
        ),
    )


def read(dataset: Dataset, shard: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yields the rows of a shard; missing values are None."""
    check_unchanged(shard["path"], shard["bytes"])
    yield from thin(_rows(dataset, shard), shard)


def _rows(dataset: Dataset, shard: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    options = dataset.reader_options
    labels, types = options["labels"], options["types"]
    names = [*(column.name for column in dataset.columns), *options["extra"]]
    path = Path(shard["path"])
    batches = read_batches(open_file(path), path, shard["groups"], [*names, *labels])
    for batch in batches:
        values, _ = _columns(batch, [*names, *labels], types, labels, options["missing_in"])
        joined: Any = values[labels[0]]
        if len(labels) > 1:
            joined = map(label_value, zip(*(values[name] for name in labels), strict=True))
        keys = [*names, dataset.label.name]
        for row in zip(*(values[name] for name in names), joined, strict=True):
            yield dict(zip(keys, row, strict=True))


def _columns(
    batch: Any,
    names: Sequence[str],
    types: Mapping[str, str],
    labels: Sequence[str],
    missing_in: Mapping[str, Sequence[str]],
) -> tuple[dict[str, list[Any]], Counter[str]]:
    """Returns a batch's values by column without the rows that lack a label, and what these have in its place."""
    written = {name: plain_values(batch.column(name), types[name]) for name in names}
    values = {name: _without_words(name, column, missing_in) for name, column in written.items()}
    usable = [all(_is_label(value) for value in row) for row in zip(*(values[name] for name in labels), strict=True)]
    lost: Counter[str] = Counter()
    if not all(usable):
        stands = [written[name] for name in labels if name in missing_in] or [[None] * len(usable)]
        for keep, *row in zip(usable, *stands, strict=True):
            if not keep:
                lost[next((f"{value}".strip() for value in row if _is_label(value)), "")] += 1
        values = {
            name: [value for value, keep in zip(column, usable, strict=True) if keep] for name, column in values.items()
        }
    return values, lost


def _without_words(name: str, values: list[Any], missing_in: Mapping[str, Sequence[str]]) -> list[Any]:
    """Makes None of a column's own words for a missing value; Parquet has no others."""
    if not missing_in.get(name):
        return values
    words = missing_words({"missing_values": [], "missing_in": missing_in}, name)
    return list(map(without(words), values))


def _values_of(scans: Mapping[str, TypedScan]) -> dict[str, list[str]]:
    """Lists the words for columns of text in which one that usually means a missing value is a value.

    A text table with the same rows must be read alike when it comes to be predicted.
    """
    found = {}
    for name, scan in scans.items():
        if scan.dtype == "string" and scan.counts and any(word in scan.counts for word in MISSING_VALUES):
            found[name] = [word for word in MISSING_VALUES if word not in scan.counts]
    return found


def _is_label(value: Any) -> bool:
    return value is not None and value not in (float("inf"), float("-inf"))


def _group_ranges(file: ParquetFile) -> list[range]:
    """Joins a file's row groups into shards of up to 200,000 rows."""
    ranges, begin, rows = [], 0, 0
    for group in range(file.num_row_groups):
        rows_here = file.metadata.row_group(group).num_rows
        if rows and rows + rows_here > _ROWS_PER_SHARD:
            ranges.append(range(begin, group))
            begin, rows = group, 0
        rows += rows_here
    return [*ranges, range(begin, file.num_row_groups)] if file.num_row_groups else []
