"""Tables whose files are found as spans."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TypeVar

from pydantic import ValidationError

from kerasline.components.core import ConfigError, counted, describe, nearest
from kerasline.components.datasets.description import CsvOptions, Found, ParquetOptions, SpanOptions, SplitColumn
from kerasline.components.datasets.files import Places
from kerasline.components.datasets.tables.csv import table as csv_table
from kerasline.components.datasets.tables.spans import find_spans
from kerasline.components.datasets.tables.typed import table as typed_table
from kerasline.components.datasets.values import Named

_Table = TypeVar("_Table", CsvOptions, ParquetOptions)


def find(options: SpanOptions, places: Places, split: SplitColumn | None, named: Named) -> Found:
    """Describes the table that the chosen spans make together.

    Raises:
      ConfigError: no complete span, or what the table's own reader refuses.
    """
    spans = find_spans(options, places)
    files = [(path, None) for span in spans.chosen for path in span.files]
    if options.format == "csv":
        found = csv_table.describe(files, csv_options(options), split, named)
    else:
        found = typed_table.describe(files, _table_options(options, ParquetOptions), split, named)
    keys = [str(span.key) for span in spans.chosen]
    key_of = {str(path): str(span.key) for span in spans.chosen for path in span.files}
    contents: dict[str, list[str]] = {}
    for path, digest in zip(key_of, found.digest.split(","), strict=True):
        contents.setdefault(key_of[path], []).append(digest)
    shown = keys[0] if len(keys) == 1 else f"{keys[0]} to {keys[-1]}"
    note = f"{'span' if len(keys) == 1 else 'spans'} {shown}: {len(keys)} in {counted(len(files), 'file')}"
    return replace(
        found,
        shards=[{**shard, "span": key_of[shard["path"]]} for shard in found.shards],
        skipped=(*spans.skipped, *found.skipped),
        notes=(note, *found.notes),
        spans={key: hashlib.sha256(",".join(content).encode()).hexdigest()[:16] for key, content in contents.items()},
    )


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
