"""Writes predictions part by part, and joins the parts; nothing is visible under its name before it is complete."""

from __future__ import annotations

import json
import math
import os
import shutil
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from kerasline.components.core import remove_left, written_at_once

_ABOVE_HALF = 0.5
_ROWS_PER_GROUP = 1 << 16


def prediction_table(keys: Any, answer: Mapping[str, np.ndarray], plan: Any) -> Any:
    """Joins keys and predictions.

    Args:
      keys: an Arrow table.
      answer: ``scores`` or ``value`` for as many rows.
      plan: the :class:`~kerasline.components.prediction.reading.planning.PredictionPlan`.

    Returns:
      An Arrow table with the columns of :func:`~kerasline.components.prediction.reading.planning.output_columns` added.
    """
    classes = plan.record["classes"]
    added: dict[str, Any] = {}
    if classes is None:
        added["predicted_value"] = pa.array(answer["value"], pa.float32())
    else:
        scores = answer["scores"]
        if plan.record["task"] == "multilabel":
            labels = [[name for name, high in zip(classes, row, strict=True) if high] for row in scores > _ABOVE_HALF]
            joined = ["|".join(row) for row in labels]
            added["predicted_labels"] = (
                pa.array(joined, pa.string()) if plan.suffix == ".csv" else pa.array(labels, pa.list_(pa.string()))
            )
        else:
            best = pa.array(scores.argmax(axis=1), pa.int32())
            added["predicted_class"] = pa.array(classes, pa.string()).take(best)
        for index, name in enumerate(classes):
            added[f"score_{name}"] = pa.array(np.ascontiguousarray(scores[:, index]), pa.float32())
    added["model_version"] = pa.repeat(pa.scalar(plan.version, pa.string()), len(keys))
    for name, values in added.items():
        keys = keys.append_column(name, values)
    return keys.replace_schema_metadata(None)


class PartWriter:
    """Appends tables to a file of one of the output formats.

    Args:
      file: open for writing.
      suffix: ``.parquet``, ``.csv`` or ``.jsonl``.
      header: whether the names of the columns come first; text tables only.
    """

    def __init__(self, file: IO[bytes], suffix: str, *, header: bool = True) -> None:
        self._file, self._suffix = file, suffix
        self._parquet: Any = None
        self._waiting: list[Any] = []
        self._header = header

    def write(self, table: Any) -> None:
        """Appends rows."""
        if self._suffix == ".parquet":
            self._waiting.append(table)
            if sum(map(len, self._waiting)) >= _ROWS_PER_GROUP:
                self._write_group()
            return
        if self._suffix == ".csv":
            if self._header:
                self._file.write(csv_rows([table.column_names]))
                self._header = False
            self._file.write(_csv_lines(table))
            return
        names = table.column_names
        for row in zip(*map(_json_values, table.columns), strict=True):
            line = json.dumps(dict(zip(names, row, strict=True)), default=str, ensure_ascii=False)
            self._file.write(line.encode() + b"\n")

    def _write_group(self) -> None:
        """Writes the tables that wait as one row group, since a file of many small ones is slow to read."""
        table = pa.concat_tables(self._waiting)
        self._waiting = []
        self._parquet = self._parquet or pq.ParquetWriter(self._file, table.schema)
        self._parquet.write_table(table)

    def close(self) -> None:
        """Completes the file."""
        if self._waiting:
            self._write_group()
        if self._parquet is not None:
            self._parquet.close()


def csv_rows(rows: Sequence[Sequence[str]]) -> bytes:
    """Writes rows of text as lines of CSV; one row at least, of two and more cells."""
    columns = [pa.array(cells, pa.string()) for cells in zip(*rows, strict=True)]
    return _csv_lines(pa.table(columns, names=list(map(str, range(len(columns))))))


def _csv_lines(table: Any) -> bytes:
    """Writes rows of two and more columns as Python's csv module does, by the column."""
    cells = [_quoted(pc.cast(column, pa.string())) for column in table.columns]
    lines = pc.binary_join_element_wise(*cells, ",", null_handling="replace", null_replacement="")
    return "".join(f"{line}\n" for line in lines.to_pylist()).encode()


def _quoted(texts: Any) -> Any:
    """Puts texts that would not stand in a line of CSV as they are in quotes."""
    special = pc.match_substring_regex(texts, '[,"\r\n]')
    if not pc.any(special).as_py():
        return texts
    doubled = pc.replace_substring(texts, '"', '""')
    return pc.if_else(special, pc.binary_join_element_wise('"', doubled, '"', ""), texts)


def _json_values(column: Any) -> list[Any]:
    """Gives an Arrow column as Python values, with no more digits than a float32 has, and no infinity."""
    if pa.types.is_float32(column.type) or pa.types.is_float16(column.type):
        return [None if text is None else float(text) for text in pc.cast(column, pa.string()).to_pylist()]
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_finite(column), column, pa.scalar(None, column.type))
    values: list[Any] = column.to_pylist()
    return values


def rejected_line(row: Mapping[str, Any]) -> bytes:
    """Writes a row that was set aside as a line of JSON, which has no infinity.

    Args:
      row: ``file``, ``place``, ``reason`` and ``keys``.
    """
    keys = {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in row["keys"].items()
    }
    return json.dumps({**row, "keys": keys}, default=str, ensure_ascii=False).encode() + b"\n"


def join_parts(parts: Sequence[Path], output: Path, suffix: str) -> None:
    """Writes the rows of all parts, in order, as one file; of text tables the first part has the header."""
    remove_left(output)
    if len(parts) == 1:
        _link(parts[0], output)
        return
    with written_at_once(output) as target:
        if suffix != ".parquet":
            for part in parts:
                with open(part, "rb") as source:
                    shutil.copyfileobj(source, target)
            return

        writer = PartWriter(target, suffix)
        for part in parts:
            file = pq.ParquetFile(part)
            for group in range(file.num_row_groups):
                writer.write(file.read_row_group(group))
        writer.close()


def _link(part: Path, output: Path) -> None:
    """Gives a part, which is on the disk already, the output's name too; it stays for a command that ends now."""
    temporary = output.with_name(f".{output.name}.{uuid.uuid4().hex[:8]}")
    try:
        os.link(part, temporary)
    except OSError:  # not every file system has links
        shutil.copyfile(part, temporary)
    os.replace(temporary, output)
