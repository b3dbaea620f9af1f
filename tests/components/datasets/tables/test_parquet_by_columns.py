"""Parquet tables that are taken in by the column are described as value by value."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kerasline.components.core.errors import ConfigError
from kerasline.components.datasets import DataOptions, resolve
from kerasline.components.datasets.tables.typed import (
    opening as typed_opening,
    scan as typed_scan,
    table as typed_table,
)

N = 1500
CHOOSER = np.random.default_rng(5)


def chosen(*values: Any) -> list[Any]:
    """Values in an order without a pattern."""
    return [values[place] for place in CHOOSER.integers(0, len(values), N)]


COLUMNS = {
    "int": pa.array(chosen(None, 1, 2, 3, -4), pa.int16()),
    "unsigned": pa.array(chosen(1, 2**63 + 5), pa.uint64()),
    "large": pa.array([2**60 + n for n in range(N)]),
    "float": pa.array(chosen(None, float("nan"), float("inf"), -1.5, 0.0, 2.0)),
    "single": pa.array(np.arange(N) / 7, pa.float32()),
    "half": pa.array(np.arange(N) / 8, pa.float64()).cast(pa.float32()).cast(pa.float16()),
    "text": pa.array(chosen(None, "", " ", "red", " blue ", "NA", "-9"), pa.large_string()),
    "names": pa.array([f"name {chr(97 + n % 26)}{'x' * (n % 40)} {n % 13 * 'y'}" for n in range(N)]),
    "late": pa.array(["word"] * 900 + ["3 kg", "17"] * 300),
    "amounts": pa.array([f"${n},500" for n in range(N)]),
    "true": pa.array(chosen("TRUE", "false", None)),
    "truth": pa.array(chosen(True, False, None)),
    "word": pa.array(chosen("a", "b", "-9")).dictionary_encode(),
    "day": pa.array(range(N), pa.date32()),
    "money": pa.array(np.arange(N) / 4).cast(pa.decimal128(9, 2)),
    "empty": pa.array([None] * N, pa.float64()),
}


@pytest.mark.parametrize("label", ["int", "float", "text", "amounts", "large", ["truth", "int"]], ids=str)
@pytest.mark.parametrize("named", [{}, {"int": ["2"], "text": ["-9"], "word": ["-9"], "float": ["2"]}], ids=["", "own"])
def test_the_form_of_columns_agrees_with_the_form_of_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, label: Any, named: Any
) -> None:
    pq.write_table(pa.table(COLUMNS), tmp_path / "t.parquet", row_group_size=700)
    monkeypatch.setattr(typed_opening, "_ROWS_PER_BATCH", 256)
    monkeypatch.setattr(typed_scan, "_MAX_DISTINCT", 500)
    options = DataOptions.model_validate({"parquet": {"path": "t.parquet", "label": label}})

    def answer() -> Any:
        try:
            return resolve(options, name="t", base_dir=tmp_path, data_dir=None, named=named)
        except ConfigError as error:
            return str(error)

    by_columns = answer()
    monkeypatch.setattr(typed_table, "usable_rows", lambda labels, columns, words: None)
    assert by_columns == answer()
