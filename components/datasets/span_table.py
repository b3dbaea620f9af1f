"""Tables whose files are found as spans."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from pydantic import ValidationError

from kerasline.components.datasets import csv_table, parquet_table
from kerasline.components.datasets.files import Places
from kerasline.components.datasets.found import Found
from kerasline.components.datasets.missing import Named
from kerasline.components.datasets.options import CsvOptions, ParquetOptions, SpanOptions
from kerasline.components.datasets.spans import find_spans
from kerasline.components.datasets.tables import SplitColumn
from kerasline.components.errors import ConfigError
from kerasline.components.wording import counted


def find(options: SpanOptions, places: Places, split: SplitColumn | None, named: Named) -> Found:
    """Describes the table that the chosen spans make together.

    Raises:
      ConfigError: no complete span, or what the table's own reader refuses.
    """
    spans = find_spans(options, places)
    files = [(path, None) for span in spans.chosen for path in span.files]
    block = {"path": options.pattern, "label": options.label, "drop": options.drop, **options.reader}
    try:
        if options.format == "csv":
            found = csv_table.describe(files, CsvOptions.model_validate(block), split, named)
        else:
            found = parquet_table.describe(files, ParquetOptions.model_validate(block), split, named)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(
            f"spans.reader.{where}: {first['msg']}; it takes keys of the {options.format}: block."
        ) from None
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
