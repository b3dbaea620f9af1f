"""From the config's ``data:`` block to a :class:`Dataset`, and from a Dataset's shards back to rows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from kerasline.components.core import ConfigError, counted, name_addresses
from kerasline.components.datasets.arrays import idx, npz, tfrecord
from kerasline.components.datasets.description import (
    DataOptions,
    Dataset,
    Found,
    Label,
    apply_limit,
    settle_label,
)
from kerasline.components.datasets.files import Places, check_data_dir
from kerasline.components.datasets.images import image_folder, image_table
from kerasline.components.datasets.keeping import recall
from kerasline.components.datasets.named import READERS, check_named
from kerasline.components.datasets.peeking import split_column
from kerasline.components.datasets.planning import finish_plan, plan_split
from kerasline.components.datasets.remote import as_addresses, as_paths
from kerasline.components.datasets.splits import assign_split, split_of_number
from kerasline.components.datasets.tables import own_table, span_table, sql_table
from kerasline.components.datasets.tables.csv import table as csv_table
from kerasline.components.datasets.tables.typed import table as typed_table
from kerasline.components.datasets.values import (
    Named,
    NumberForm,
    are_true_and_false,
    own_words,
    plain_boolean,
    read_number,
)

# Reader options that say where the data lies and not what it is.
_PLACES = ("files", "path", "root", "unusable")
# How sources are described whose rows have columns by name, and those whose rows have none.
_WITH_COLUMNS: dict[str, Callable[..., Found]] = {
    "csv": csv_table.find, "parquet": typed_table.find, "sql": sql_table.find, "spans": span_table.find,
    "python": own_table.find,
}  # fmt: skip
_WITHOUT_COLUMNS: dict[str, Callable[..., Found]] = {
    "images": image_folder.find, "idx": idx.find, "tfrecord": tfrecord.find,
}  # fmt: skip
_MOST_NAMED = 3
_TABLES = ("csv", "parquet", "image_table")  # readers of columns that may have words for a missing value


def resolve(
    options: DataOptions,
    *,
    name: str,
    base_dir: Path,
    data_dir: Path | None,
    task: str = "auto",
    seed: int = 0,
    named: Named | None = None,
    kept: Path | None = None,
) -> Dataset:
    """Finds out everything about the data that the graph is built from.

    Args:
      options: The config's ``data:`` block.
      name: Name of the dataset, normally the recipe's.
      base_dir: The recipe's folder; relative paths are looked for in ``data_dir`` and then here.
      data_dir: ``--data-dir``, or None.
      task: The config's task; ``auto`` follows the label, see
        :func:`kerasline.components.datasets.description.labels.settle_label`.
      seed: Of splits and generated data, where the block itself gives none.
      named: Columns that the recipe names under ``features``, each with its own words for a missing value or None.
      kept: Folder in which descriptions are kept, so that files which have not changed are not read again.

    Raises:
      ConfigError: the data is not there, cannot be read, or cannot be what the config says.
    """
    check_data_dir(None if data_dir is None else Path(data_dir))
    places = Places(Path(base_dir), None if data_dir is None else Path(data_dir))

    def describe() -> Dataset:
        return _describe(options, places, name, task, seed, named or {})

    if kept is None:
        return describe()
    request = {"data": options.model_dump(mode="json"), "name": name, "task": task, "seed": seed, "named": named}
    return recall(kept, request, options, places, describe)


def _describe(options: DataOptions, places: Places, name: str, task: str, seed: int, named: Named) -> Dataset:
    found = _find(options, places, seed, named)
    _check_words(found, own_words(named))
    try:
        return _settle(found, options, name, task, seed)
    except ConfigError as error:
        raise ConfigError(name_addresses(f"{error}{_left_out(found)}")) from None


def _left_out(found: Found) -> str:
    """Says what was left out, which may be why the rest is no data to learn from."""
    if not found.skipped:
        return ""
    more = f" (and {len(found.skipped) - 1} more)" if len(found.skipped) > 1 else ""
    return f" Left out before: {found.skipped[0]}{more}."


def _settle(found: Found, options: DataOptions, name: str, task: str, seed: int) -> Dataset:
    """Settles label and split of what was found."""
    label = settle_label(found.label, task)
    shards = apply_limit(found.shards, options.limit)
    plan = plan_split(options.split, label, shards, seed)
    rows = sum(shard["rows"] for shard in found.shards)
    draft = Dataset(
        name=name,
        kind=found.kind,
        columns=found.columns,
        label=label,
        rows=rows if options.limit is None else min(rows, options.limit),
        reader=found.reader,
        reader_options=as_addresses(found.reader_options),
        shards=tuple(map(as_addresses, shards)),
        split=plan,
        fingerprint=_fingerprint(found, label, options),
        title=found.title,
        source=found.source,
        licence=found.licence,
        skipped=found.skipped,
        notes=(*found.notes, *_untrained(found, label)),
        spans=found.spans,
    )
    plan, notes = finish_plan(draft, _read_rows, may_change=options.split.method is None)
    told = tuple(map(name_addresses, (*draft.notes, *notes)))
    skipped = tuple(map(name_addresses, draft.skipped))
    return draft.model_copy(update={"split": plan, "notes": told, "skipped": skipped})


def settle_splits_anew(
    dataset: Dataset, options: DataOptions, *, base_dir: Path, data_dir: Path | None, kept: Path | None = None
) -> Dataset:
    """Counts anew where the splits begin after the types of columns have changed: a hash tells 3 from 3.0.

    Args:
      dataset: the resolved data with its new types.
      options: the ``data:`` block that it was resolved from.
      base_dir: as for :func:`resolve`.
      data_dir: as for :func:`resolve`.
      kept: as for :func:`resolve`.

    Raises:
      ConfigError: a split would be empty.
    """
    if dataset.split.method not in ("hash", "stratified"):
        return dataset

    def count() -> Dataset:
        plan, notes = finish_plan(dataset, _read_rows, may_change=options.split.method is None)
        return dataset.model_copy(update={"split": plan, "notes": (*dataset.notes, *map(name_addresses, notes))})

    if kept is None:
        return count()
    places = Places(Path(base_dir), None if data_dir is None else Path(data_dir))
    return recall(kept, {"dataset": dataset.to_json()}, options, places, count)


def _untrained(found: Found, label: Label) -> list[str]:
    """Notes classes that only rows have which the source itself keeps for eval or test."""
    names = sorted(found.label.untrained) if label.classes and label.dtype != "multi" else []
    if not names:
        return []
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    classes = ", ".join(map(repr, names[:_MOST_NAMED]))
    count = counted(len(names), "class", "classes")
    return [f"eval or test rows alone are of {count} that no model can learn: {classes}{more}"]


def read_shard(dataset: Dataset, shard: Mapping[str, Any]) -> Iterator[tuple[str | None, dict[str, Any]]]:
    """Reads the rows of one shard.

    Args:
      dataset: As resolved.
      shard: One of ``dataset.shards``.

    Yields:
      The split of the row where its source gives one, or its number or a column that is no input decides it, else None
      (ask ``assign_split``); and its values by column name and label name: numbers as int or float, text as str,
      images as encoded bytes, arrays as float32, tokens as int64, a missing value as None.

    Raises:
      ConfigError: the data changed since it was resolved.
    """
    column = dataset.split.column
    known = {dataset.label.name, *(column.name for column in dataset.columns)}
    for split, row in _read_rows(dataset, shard):
        if column is not None and column not in known:
            split = split or assign_split(dataset.split, row)
            del row[column]
        yield split, row


def _read_rows(dataset: Dataset, shard: Mapping[str, Any]) -> Iterator[tuple[str | None, dict[str, Any]]]:
    """Reads the rows of one shard with every column, those included that only the splits need."""
    split, label = shard.get("split"), dataset.label.name
    convert = _label_reader(dataset)
    booleans = [column.name for column in dataset.columns if column.boolean and column.dtype == "string"]
    here = dataset.model_copy(update={"reader_options": as_paths(dataset.reader_options)})
    rows = READERS[dataset.reader](here, as_paths(shard))
    for number, row in enumerate(rows, start=int(shard.get("first", 0))):
        if convert is not None:
            row[label] = convert(row[label])
        for name in booleans:
            row[name] = plain_boolean(row[name])
        if split is None and dataset.split.method == "row":
            yield split_of_number(dataset.split, number), row
        else:
            yield split, row


def _label_reader(dataset: Dataset) -> Callable[[Any], Any] | None:
    """Returns what makes the label's type of what a reader gives, or None for several labels a row."""
    label, form = dataset.label, dataset.reader_options.get("label_form")
    if form is not None and label.dtype == "float":
        return partial(_number, NumberForm(**form))
    if label.dtype == "string" and are_true_and_false(label.classes):
        return plain_boolean
    return {"float": float, "int": int, "string": str}.get(label.dtype)


def _number(form: NumberForm, value: str | float) -> float:
    """Reads a label that is text in a typed file; a text table has read it already."""
    number = read_number(value, form) if isinstance(value, str) else float(value)
    return float("nan") if number is None else number


def _find(options: DataOptions, places: Places, seed: int, named: Named) -> Found:
    """Describes the source that a block names."""
    split, source = split_column(options), options.source
    block: Any = getattr(options, source)
    lists_images = options.images is not None and options.images.labels_csv is not None
    find = image_table.find if lists_images else _WITH_COLUMNS.get(source)
    if find is not None:
        return find(block, places, split, named)
    if split is not None:
        raise ConfigError(f"split.column {split.name!r} needs a table, but the source is {source}; remove it.")
    if source == "dataset":
        return _find_named(options, places, seed)
    if source == "npz":
        return npz.find(block, places, takes_eval=options.split.eval is None)
    return _WITHOUT_COLUMNS[source](block, places)


def _check_words(found: Found, own: Mapping[str, Sequence[str]]) -> None:
    """Refuses words for a missing value where no text or number is read from a table."""
    arrays = [column.name for column in found.columns if column.dtype in ("image", "array", "tokens")]
    for name in own:
        if found.reader not in _TABLES or name in arrays:
            raise ConfigError(
                f"features.{name}.missing_values: expected a column of a text or Parquet table, got one of "
                f"{'an array' if name in arrays else found.title or 'other data'}; remove it."
            )


def _find_named(options: DataOptions, places: Places, seed: int) -> Found:
    entry = check_named(options)
    known = dict(entry.options or {})
    arguments = {**known, **options.options}
    if "seed" in known and arguments["seed"] is None:
        arguments["seed"] = seed
    found = entry.find(places, arguments)
    return Found(**{**vars(found), "title": entry.title, "source": entry.source, "licence": entry.licence})


def _fingerprint(found: Found, label: Label, options: DataOptions) -> str:
    """Hashes the content of the data and all that changes its reading, but not where the files lie."""
    reading = {
        "digest": found.digest,
        "reader": found.reader,
        "options": {key: value for key, value in found.reader_options.items() if key not in _PLACES},
        "columns": [column.model_dump(mode="json") for column in found.columns],
        "label": label.model_dump(mode="json"),
        "limit": options.limit,
    }
    text = json.dumps(reading, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
