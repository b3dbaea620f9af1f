"""Reads the rows of a shard of a table whose columns have types, batch by batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from kerasline.components.datasets.description import Dataset, label_value, thin
from kerasline.components.datasets.files import check_unchanged
from kerasline.components.datasets.tables.typed.opening import open_file, read_batches
from kerasline.components.datasets.tables.typed.scan import plain_values
from kerasline.components.datasets.values import missing_words, without


def read(dataset: Dataset, shard: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yields the rows of a shard; missing values are None."""
    check_unchanged(shard["path"], shard["bytes"])
    yield from thin(_rows(dataset, shard), shard)


def _rows(dataset: Dataset, shard: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    options = dataset.reader_options
    labels, types = options["labels"], options["types"]
    names = [*(column.name for column in dataset.columns), *options["extra"]]
    keys = [*names, dataset.label.name]
    path = Path(shard["path"])
    for batch in read_batches(open_file(path, shard.get("partition")), path, shard["groups"], [*names, *labels]):
        values, _ = labelled_columns(batch, [*names, *labels], types, labels, options["missing_in"])
        joined: Any = values[labels[0]]
        if len(labels) > 1:
            joined = map(label_value, zip(*(values[name] for name in labels), strict=True))
        for row in zip(*(values[name] for name in names), joined, strict=True):
            yield dict(zip(keys, row, strict=True))


def labelled_columns(
    batch: Any,
    names: Sequence[str],
    types: Mapping[str, str],
    labels: Sequence[str],
    missing_in: Mapping[str, Sequence[str]],
) -> tuple[dict[str, list[Any]], Counter[str]]:
    """Returns a batch's values by column without the rows that lack a label, and what these have in its place.

    Args:
      batch: Of Arrow's arrays.
      names: Columns that are wanted, the labels among them.
      types: Type of each column: int, float, string or array.
      labels: Columns of the label, perhaps none.
      missing_in: Words for a missing value, of the columns that have their own.
    """
    written = {name: plain_values(batch.column(name), types[name]) for name in names}
    values = {name: _without_words(name, column, missing_in) for name, column in written.items()}
    usable = [all(map(_is_label, row)) for row in zip(*(values[name] for name in labels), strict=True)]
    if all(usable):
        return values, Counter()
    lost = _lost_words([written[name] for name in labels if name in missing_in], usable)
    return {name: _chosen(column, usable) for name, column in values.items()}, lost


def _lost_words(written: Sequence[Sequence[Any]], usable: Sequence[bool]) -> Counter[str]:
    """Counts what stands where a label should, in the columns of the label that have words for a missing value."""
    lost: Counter[str] = Counter()
    for keep, *row in zip(usable, *(written or [[None] * len(usable)]), strict=True):
        if not keep:
            lost[next((f"{value}".strip() for value in row if _is_label(value)), "")] += 1
    return lost


def _chosen(values: Sequence[Any], usable: Sequence[bool]) -> list[Any]:
    return [value for value, keep in zip(values, usable, strict=True) if keep]


def _without_words(name: str, values: list[Any], missing_in: Mapping[str, Sequence[str]]) -> list[Any]:
    """Makes None of a column's own words for a missing value; typed files have no others."""
    if not missing_in.get(name):
        return values
    words = missing_words({"missing_values": [], "missing_in": missing_in}, name)
    return list(map(without(words), values))


def _is_label(value: Any) -> bool:
    return value is not None and value not in (float("inf"), float("-inf"))
