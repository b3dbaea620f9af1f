"""The rows that were put aside: Parquet files beside the splits, for people to look at."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from kerasline.components.datasets.description import Dataset
from kerasline.components.example_gen.row_rules import COLUMN, QUARANTINE_FOLDER, REASON, ROW, WHERE, Fault, as_text

_ROWS_PER_GROUP = 1000


class QuarantineFile:
    """Collects the rows that one worker puts aside; without any, there is no file.

    Args:
      examples_uri: Folder of the Examples artifact; the file is ``quarantine/NAME.parquet`` in it.
      name: Name of the file.
      dataset: The resolved data, for its columns. Numbers and text are written as text, images as bytes.
      where: The source of the rows, in words.
    """

    def __init__(self, examples_uri: str, name: str, dataset: Dataset, where: str) -> None:
        self._target = os.path.join(examples_uri, QUARANTINE_FOLDER, f"{name}.parquet")
        self._dtypes = {column.name: column.dtype for column in dataset.columns}
        self._dtypes[dataset.label.name] = "string"
        self._where = where
        self._rows: list[dict[str, Any]] = []
        self._local: str | None = None
        self._writer: Any = None

    def add(self, number: int, row: Mapping[str, Any], fault: Fault) -> None:
        """Puts a row aside.

        Args:
          number: Number of the row in its source, from 0.
          row: Values of the row by column.
          fault: The column to blame and the reason.
        """
        shown = as_text(row)
        for name, value in shown.items():
            if isinstance(value, bytes) and self._dtypes.get(name) != "image":
                shown[name] = value.decode(errors="replace")
        self._rows.append({WHERE: self._where, ROW: number, COLUMN: fault[0], REASON: fault[1], **shown})
        if len(self._rows) >= _ROWS_PER_GROUP:
            self._flush()

    def close(self) -> None:
        """Moves the file to its place, complete."""
        self._flush()
        if self._writer is None or self._local is None:
            return
        self._writer.close()
        tf.io.gfile.makedirs(os.path.dirname(self._target))
        tf.io.gfile.copy(self._local, self._target, overwrite=True)
        os.remove(self._local)

    def _flush(self) -> None:
        if not self._rows:
            return
        import pyarrow as pa
        import pyarrow.parquet as pq

        fields = [pa.field(WHERE, pa.string()), pa.field(ROW, pa.int64())]
        fields += [pa.field(name, pa.string()) for name in (COLUMN, REASON)]
        for name, dtype in self._dtypes.items():
            fields.append(pa.field(name, pa.binary() if dtype == "image" else pa.string()))
        table = pa.Table.from_pylist(self._rows, schema=pa.schema(fields))
        if self._writer is None:
            handle, self._local = tempfile.mkstemp(suffix=".parquet")
            os.close(handle)
            self._writer = pq.ParquetWriter(self._local, table.schema)
        self._writer.write_table(table)
        self._rows = []
