"""Looks into a large text table behind its beginning."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kerasline.components.datasets.files import is_packed
from kerasline.components.datasets.tables.csv import Dialect

_PLACES, _PLACE_BYTES = 40, 1 << 16


def rows_further_on(path: Path, dialect: Dialect, width: int) -> Iterator[list[str]]:
    """Reads whole lines at places spread over a large file, so that a sorted one shows more than its beginning."""
    if is_packed(path) or dialect.encoding.startswith("utf-16"):
        return
    size = path.stat().st_size
    quoting: Any = csv.QUOTE_NONE if dialect.quoting == "none" else csv.QUOTE_MINIMAL
    with open(path, "rb") as stream:
        for place in range(1, _PLACES + 1):
            stream.seek(size * place // (_PLACES + 1))
            stream.readline()
            text = stream.read(_PLACE_BYTES).decode(dialect.encoding, errors="replace")
            complete = text[: text.rfind("\n") + 1]
            try:
                for cells in csv.reader(
                    io.StringIO(complete), delimiter=dialect.delimiter, quoting=quoting, skipinitialspace=True
                ):
                    if len(cells) == width:
                        yield [cell.strip() for cell in cells]
            except csv.Error:
                continue
