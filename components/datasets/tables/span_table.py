"""Tables whose files are found as spans."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

from pydantic import ValidationError

from kerasline.components.core import ConfigError, counted, describe, nearest
from kerasline.components.datasets.description import CsvOptions, Found, ParquetOptions, SpanOptions, SplitColumn
from kerasline.components.datasets.files import Places
from kerasline.components.datasets.tables.csv import table as csv_table
from kerasline.components.datasets.tables.spans import Span, find_spans
from kerasline.components.datasets.tables.typed import table as typed_table
from kerasline.components.datasets.values import Named

# What the readers of tables advise, and what a recipe of spans has instead.
_KEYS = {
    "name it under data.parquet": "set spans.format: parquet",
    "name a text table under data.csv": "set spans.format: csv for a text table",
}
_KEY = re.compile(
    rf"(?<![\w./])(?:csv|parquet)\.(?=(?:{'|'.join({**CsvOptions.model_fields, **ParquetOptions.model_fields})})\b)"
)
_Table = TypeVar("_Table", CsvOptions, ParquetOptions)


def find(options: SpanOptions, places: Places, split: SplitColumn | None, named: Named) -> Found:
    """Describes the table that the chosen spans make together.

    Raises:
      ConfigError: no complete span, or what the table's own reader refuses.
    """
    spans = find_spans(options, places)
    files = [(path, None) for span in spans.chosen for path in span.files]
    with own_keys_told():
        if options.format == "csv":
            found = csv_table.describe(files, csv_options(options), split, named)
        else:
            found = typed_table.describe(files, _table_options(options, ParquetOptions), split, named)
    key_of = {str(path): str(span.key) for span in spans.chosen for path in span.files}
    label = replace(found.label, decimal_key=_with_own_keys(found.label.decimal_key))  # told when the task is known
    return replace(
        found,
        label=label,
        shards=[{**shard, "span": key_of[shard["path"]]} for shard in found.shards],
        skipped=(*spans.skipped, *found.skipped),
        notes=(_note(spans.chosen, len(files)), *found.notes),
        spans=_digests(key_of.values(), found.digest.split(",")),
    )


@contextmanager
def own_keys_told() -> Iterator[None]:
    """Says in errors of a table's own reader where a recipe of spans has its keys.

    Raises:
      ConfigError: as it came up, but for these.
    """
    try:
        yield
    except ConfigError as error:
        raise type(error)(_with_own_keys(str(error)), details=error.details) from error.__cause__


def _with_own_keys(text: str) -> str:
    for words, own in _KEYS.items():
        text = text.replace(words, own)
    return _KEY.sub("spans.reader.", text)


def _note(chosen: Sequence[Span], files: int) -> str:
    """Says which spans are used."""
    first, last = chosen[0].key, chosen[-1].key
    shown = f"span {first}" if len(chosen) == 1 else f"spans {first} to {last}"
    return f"{shown}: {len(chosen)} in {counted(files, 'file')}"


def _digests(keys: Iterable[str], digests: Iterable[str]) -> dict[str, str]:
    """Returns a hash of the content of each span.

    Args:
      keys: Span of each file.
      digests: Hash of each file.
    """
    contents: dict[str, list[str]] = {}
    for key, digest in zip(keys, digests, strict=True):
        contents.setdefault(key, []).append(digest)
    return {key: hashlib.sha256(",".join(content).encode()).hexdigest()[:16] for key, content in contents.items()}


def csv_options(options: SpanOptions) -> CsvOptions:
    """Returns the ``csv:`` block that spans of text tables are read with.

    Raises:
      ConfigError: ``reader`` has a key or a value that the block does not take.
    """
    return _table_options(options, CsvOptions)


def _table_options(options: SpanOptions, kind: type[_Table]) -> _Table:
    block = {"path": options.pattern, "label": options.label, "drop": options.drop, **options.reader}
    try:
        return kind.model_validate(block)
    except ValidationError as error:
        findings = error.errors(include_url=False)[:1]
        where = ".".join(str(part) for part in findings[0]["loc"])
        is_unknown = findings[0]["type"] == "extra_forbidden"
        problem = f"unknown key.{nearest(where, kind.model_fields)}" if is_unknown else f"{describe(findings)}."
        raise ConfigError(f"spans.reader.{where}: {problem} It takes keys of the {options.format}: block.") from None
