"""Looks at what is to be predicted before anything is loaded: which files, of what kind, with which columns."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NoReturn

from kerasline.components.core import ConfigError, check_output, counted, file_facts, nearest, new_name
from kerasline.components.datasets.description import MISSING_VALUES, same_columns
from kerasline.components.datasets.files import (
    Partition,
    check_names,
    partitions_of,
)
from kerasline.components.datasets.images import SUFFIXES, is_left_behind
from kerasline.components.datasets.tables.csv import (
    detect_delimiter,
    dialect_of,
)
from kerasline.components.datasets.tables.typed import column_type, index_columns, may_be_numbers, open_file
from kerasline.components.prediction.reading.blocks import ROW
from kerasline.components.prediction.reading.finding import Source, find_files, roots_of
from kerasline.components.prediction.reading.texts import check_text, csv_names, keys_untold

ON_UNSEEN = ("warn", "reject")
_TYPED = ".parquet"  # the output in which keys keep their types
OUTPUTS = (_TYPED, ".csv", ".jsonl")
PREDICTED = ("predicted_class", "predicted_labels", "predicted_value")  # the first of the columns that are added
IMAGES_PER_SHARD = 512
_ROWS_PER_SHARD = 200_000
_READING: dict[str, Any] = {
    "header": True, "columns": None, "encoding": "utf-8", "missing_values": list(MISSING_VALUES), "quoting": "auto",
    "skip_lines": 0,
}  # fmt: skip


@dataclass(frozen=True)
class PredictionPlan:
    """Everything that a worker needs to predict its share.

    Attributes:
      model: the SavedModel's folder.
      version: ``NAME@VERSION``, written with every row.
      record: what was recorded when the version was pushed.
      kind: of the input, one of KINDS.
      shards: what one worker reads: a file, row groups of a file, or a part of a folder.
      keys: columns of the input that the output repeats.
      suffix: of the output, one of OUTPUTS.
      reading: how text tables are read.
      notes: what a user should know, such as columns that are not used.
      on_unseen: what becomes of rows with values that training has never shown: ``warn`` marks them, ``reject`` does
        not predict them.
      ids: the column of the keys that has the id of each row, where rows are captured; else empty.
      made_ids: how the ids begin that rows are given; empty where they bring theirs, or have none.
    """

    model: str
    version: str
    record: Mapping[str, Any]
    kind: str
    shards: tuple[Mapping[str, Any], ...]
    keys: tuple[str, ...]
    suffix: str
    reading: Mapping[str, Any]
    notes: tuple[str, ...] = ()
    on_unseen: str = "warn"
    ids: str = ""
    made_ids: str = ""

    def fingerprint(self) -> str:
        """Returns a hash of all that decides the output; files count by size, times and inode."""
        known = {key: value for key, value in asdict(self).items() if key != "notes"}
        paths = {str(shard["path"]) for shard in self.shards}
        if self.kind == "images":
            paths = {os.path.join(shard["path"], name) for shard in self.shards for name in shard["names"]}
        known["files"] = [(path, *file_facts(path)) for path in sorted(paths)]
        return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()


def plan_prediction(
    source: Source,
    model: Path,
    version: str,
    record: Mapping[str, Any],
    output: Path | None,
    keys: Sequence[str] = (),
    kind: str | None = None,
    on_unseen: str = "warn",
) -> PredictionPlan:
    """Checks input, output and keys.

    Args:
      source: a file, a folder or a glob; or files that were found.
      model: the version's folder.
      version: ``NAME@VERSION``.
      record: what was recorded with it.
      output: the file to write, whose suffix is one of OUTPUTS; None where nothing is written, and keys keep their
        types.
      keys: columns to repeat in the output; none for all of a table, and the place of images and records.
      kind: of the input, or None to go by its name.
      on_unseen: one of ON_UNSEEN.

    Raises:
      ConfigError: the input is not there, is empty, or lacks what the model reads; or the output cannot be written.
    """
    if "columns" not in record:
        raise ConfigError(
            f"{version} was pushed without a description of its columns; push the model again with: kerasline run "
            f"{record.get('recipe', 'RECIPE')} --no-cache"
        )
    suffix = _TYPED if output is None else _suffix_of(output)
    files, found = find_files(source, record, kind)
    if output is not None and any(path.resolve() == output.resolve() for path in files):
        raise ConfigError(f"--output: {output} is the input; name another file")
    reading = reading_of_record(record)
    describe = {
        "csv": _plan_csv, "parquet": _plan_parquet, "images": _plan_images, "tfrecord": _plan_records,
        "npz": _plan_archives,
    }[found]  # fmt: skip
    shards, settled, notes = describe(_partitions(files, source, record, keys), record, list(keys), suffix, reading)
    taken = [name for name in output_columns(record) if name in settled]
    if taken:
        raise ConfigError(
            f"column {taken[0]!r} of the input has the name of a predicted one; name those to repeat: --key NAME"
        )
    return PredictionPlan(
        model=str(model.resolve()), version=version, record=dict(record), kind=found, shards=tuple(shards),
        keys=tuple(settled), suffix=suffix, reading=reading, notes=tuple(notes),
        on_unseen=on_unseen,
    )  # fmt: skip


def _suffix_of(output: Path) -> str:
    """Returns the suffix of a file that can be written."""
    suffix = output.suffix.lower()
    if suffix not in OUTPUTS:
        raise ConfigError(f"--output: expected a name that ends in {', '.join(OUTPUTS)}, got {output.name!r}")
    check_output(output, "--output")
    return suffix


def reading_of_record(record: Mapping[str, Any]) -> dict[str, Any]:
    """Returns how text and words for a missing value are read for a version: as training did, or as is usual."""
    return {**_READING, **(record.get("reading") or {})}


def output_columns(record: Mapping[str, Any]) -> list[str]:
    """Names the columns that a prediction adds.

    For classes ``predicted_class`` and a ``score_CLASS`` for each; for several labels ``predicted_labels`` (those that
    score above one half) and the scores; for numbers ``predicted_value``; and always ``model_version``.
    """
    scores = [f"score_{name}" for name in record["classes"] or ()]
    first = {"multilabel": "predicted_labels", "regression": "predicted_value", "bounded_regression": "predicted_value"}
    return [first.get(record["task"], "predicted_class"), *scores, "model_version"]


_Files = Mapping[Path, Partition]  # with the columns that their folders hold
_Plan = tuple[list[dict[str, Any]], list[str], list[str]]


def _partitions(files: Sequence[Path], source: Source, record: Mapping[str, Any], keys: Sequence[str]) -> _Files:
    """Reads what the folders of files hold of a table; a folder that was named is read for a column that is wanted."""
    asked = {*(column["name"] for column in record["columns"]), *record["label"]["columns"], *keys}
    return partitions_of(files, roots_of(source), (), asked)


def _plan_csv(
    files: _Files, record: Mapping[str, Any], keys: list[str], suffix: str, reading: Mapping[str, Any]
) -> _Plan:
    shards: list[dict[str, Any]] = []
    first: list[str] = []
    origin = next(iter(files))
    for column in record["columns"]:
        if column["dtype"] not in ("float", "int", "string"):
            raise ConfigError(
                f"the model reads {column['name']!r}, of type {column['dtype']}, which a text table cannot hold; give "
                "images as a folder, others as Parquet or TFRecords"
            )
    for path, partition in files.items():
        if path.stat().st_size == 0:
            raise ConfigError(f"{path} is empty; check that the right file was named")
        with keys_untold(reading):
            delimiter = detect_delimiter(path, dialect_of(reading, ","))
            own = csv_names(path, reading, delimiter, record)
            check_text(path, reading, delimiter, own)
        check_names(partition, own, path)
        names = [*own, *partition]
        first = first or names
        same_columns(names, first, path, origin)
        shard = {"path": str(path), "delimiter": delimiter, "names": names}
        shards.append({**shard, "partition": partition} if partition else shard)
    notes = _check_columns(first, record, str(origin))
    return shards, _check_keys(keys, first, str(origin)) or first, notes


def _plan_parquet(
    files: _Files, record: Mapping[str, Any], keys: list[str], suffix: str, reading: Mapping[str, Any]
) -> _Plan:
    shards: list[dict[str, Any]] = []
    schema: Any = None
    common: list[Any] = []
    needed = {column["name"] for column in record["columns"]}
    origin = next(iter(files))
    for path, partition in files.items():
        file = open_file(path, partition)
        if file.metadata.num_rows == 0:
            raise ConfigError(f"{path} has no rows; check that the right file was named")
        schema = file.schema_arrow if schema is None else schema
        same_columns(_without_index(file.schema_arrow, needed), _without_index(schema, needed), path, origin)
        common = _fields_in(common, file.schema_arrow) if shards else list(schema)
        _check_types(common, file.schema_arrow, path, origin)
        shards += _shards_of_groups(path, file.metadata, partition)
    notes = _check_columns(schema.names, record, str(origin))
    _check_numbers(schema, record, origin)
    plain = _columns_that_fit(common, schema, suffix)
    chosen = _check_keys(keys, schema.names, str(origin))
    for name in chosen:
        if name not in plain:
            raise ConfigError(f"--key: column {name!r} is {schema.field(name).type}, which {suffix} cannot hold")
    return shards, chosen or plain or [new_name(ROW, schema.names)], notes


def _fields_in(fields: Sequence[Any], schema: Any) -> list[Any]:
    return [field for field in fields if field.name in schema.names]


def _check_types(fields: Sequence[Any], schema: Any, path: Path, first: Path) -> None:
    """Refuses a file in which a column has another type than in the first one."""
    for field in fields:
        other = schema.field(field.name).type
        if other != field.type:
            raise ConfigError(
                f"column {field.name!r} is {other} in {path} and {field.type} in {first}; write the files alike, or "
                "predict them one by one"
            )


def _shards_of_groups(path: Path, metadata: Any, partition: Partition) -> list[dict[str, Any]]:
    """Cuts a Parquet file into shards of whole row groups, with enough rows in each to be worth a worker's start."""
    shards: list[dict[str, Any]] = []
    begin = rows = 0
    for group in range(metadata.num_row_groups):
        rows += metadata.row_group(group).num_rows
        if rows >= _ROWS_PER_SHARD or group == metadata.num_row_groups - 1:
            shard: dict[str, Any] = {"path": str(path), "groups": list(range(begin, group + 1)), "rows": rows}
            shards.append({**shard, "partition": partition} if partition else shard)
            begin, rows = group + 1, 0
    return shards


def _check_numbers(schema: Any, record: Mapping[str, Any], path: Path) -> None:
    """Refuses a table whose columns have types that training did not have."""
    for column in record["columns"]:
        if column["dtype"] not in ("float", "int", "string"):
            continue
        field = schema.field(column["name"])
        column_type(field, path)
        if column["dtype"] != "string" and not may_be_numbers(field.type):
            raise ConfigError(
                f"column {field.name!r} of {path} is {field.type}, but the model was trained on numbers; write it as "
                "training had it"
            )


def _columns_that_fit(fields: Sequence[Any], schema: Any, suffix: str) -> list[str]:
    """Names the columns that can be repeated in the output: only Parquet holds lists, and none of them images."""
    import pyarrow as pa

    plain = [field.name for field in fields if suffix == ".parquet" or not pa.types.is_nested(field.type)]
    return [name for name in plain if not _is_binary(schema.field(name).type)]


def _without_index(schema: Any, needed: Collection[str]) -> list[str]:
    """Lists the columns without the index of a data frame, which one file may have and another not."""
    index = index_columns(schema)
    return [name for name in schema.names if name not in index or name in needed]


def _is_binary(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind))


def _plan_images(
    files: _Files, record: Mapping[str, Any], keys: list[str], suffix: str, reading: Mapping[str, Any]
) -> _Plan:
    _check_reads_images(record)
    if keys not in ([], ["path"]):
        raise ConfigError(f"--key: images have their path only, got {', '.join(keys)}")
    listed = list(files)
    root = listed[0] if listed[0].is_dir() else listed[0].parent
    names = _names_below(root, listed)
    images = [name for name in names if name.lower().endswith(SUFFIXES)]
    if not images:
        raise ConfigError(
            f"{root} has no file that ends in {', '.join(SUFFIXES)}; check that the right folder was named"
        )
    others = len(names) - len(images)
    notes = [counted(others, "file is no image by its name", "files are no images by their names")] if others else []
    shards = [
        {"path": str(root), "names": images[start : start + IMAGES_PER_SHARD]}
        for start in range(0, len(images), IMAGES_PER_SHARD)
    ]
    return shards, ["path"], notes


def _check_reads_images(record: Mapping[str, Any]) -> None:
    """Refuses a model that needs more than an image for its answer."""
    if [column["dtype"] for column in record["columns"]] != ["image"]:
        needed = ", ".join(f"{column['name']} ({column['dtype']})" for column in record["columns"])
        raise ConfigError(f"the model does not read images alone but {needed}; give a table or TFRecords with these")


def _names_below(root: Path, files: Sequence[Path]) -> list[str]:
    """Lists a folder's files, however deep, or those that were named, by their paths in it.

    What is hidden, and what systems leave there, is left out.
    """
    listed = sorted(p for p in root.rglob("*") if p.is_file()) if files[0].is_dir() else files
    names = [p.relative_to(root).as_posix() for p in listed]
    return [name for name in names if not any(map(is_left_behind, name.split("/")))]


def _plan_archives(
    files: _Files, record: Mapping[str, Any], keys: list[str], suffix: str, reading: Mapping[str, Any]
) -> _Plan:
    from kerasline.components.prediction.reading.archives import plan_archives

    return plan_archives(files, record, keys, suffix)


def _plan_records(
    files: _Files, record: Mapping[str, Any], keys: list[str], suffix: str, reading: Mapping[str, Any]
) -> _Plan:
    from kerasline.components.prediction.reading.encoded import plan_records

    return plan_records(files, record, keys)


def _check_columns(names: Sequence[str], record: Mapping[str, Any], origin: str) -> list[str]:
    """Refuses a table that lacks a column; says which of its columns the model does not read."""
    needed = [column["name"] for column in record["columns"]]
    missing = [name for name in needed if name not in names]
    if missing:
        _refuse_missing(missing, [name for name in names if name not in needed], names, origin)
    known = {*needed, *record["label"]["columns"]}
    extra = [name for name in names if name not in known]
    return [f"columns that the model does not read: {', '.join(extra)}"] if extra else []


def _refuse_missing(missing: Sequence[str], others: Sequence[str], names: Sequence[str], origin: str) -> NoReturn:
    """Says which column a table lacks.

    Args:
      missing: Columns that the model reads and the table does not have.
      others: Columns of the table that the model does not read, one of which may be meant.
      names: All columns of the table.
      origin: Where the table came from.

    Raises:
      ConfigError: always.
    """
    more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
    raise ConfigError(
        f"{origin} has no column {missing[0]!r}{more}, which the model reads; its columns are "
        f"{', '.join(names[:20])}.{nearest(missing[0], others)}"
    )


def _check_keys(keys: Sequence[str], names: Sequence[str], origin: str) -> list[str]:
    for key in keys:
        if key not in names:
            raise ConfigError(f"--key: {origin} has no column {key!r}; it has {', '.join(names)}.{nearest(key, names)}")
    return list(dict.fromkeys(keys))
