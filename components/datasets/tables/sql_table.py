"""Tables of databases: the rows of a query, kept in a Parquet file and read as one."""

from __future__ import annotations

from dataclasses import replace

from kerasline.components.core import ConfigError
from kerasline.components.datasets.databases import parse_url, take_snapshot
from kerasline.components.datasets.description import Found, ParquetOptions, SplitColumn, SqlOptions
from kerasline.components.datasets.files import Places
from kerasline.components.datasets.tables.typed import table as typed_table
from kerasline.components.datasets.values import Named


def find(options: SqlOptions, places: Places, split: SplitColumn | None, named: Named) -> Found:
    """Describes a table of a database, of whose rows it takes a snapshot.

    Raises:
      ConfigError: what the database refuses, or what a Parquet table is refused for.
    """
    url = parse_url(options.url, places.base_dir)
    path = take_snapshot(url, options.question, options.partition_column)
    table = ParquetOptions(path=str(path), label=options.label, drop=options.drop)
    try:
        found = typed_table.describe([(path, None)], table, split, named)
    except ConfigError as error:  # nobody knows the file
        raise ConfigError(str(error).replace(str(path), url.text)) from None
    return replace(found, title=options.table or "a query", source=url.text)
