"""Columns that the names of folders hold are refused by name and never lost; so are columns of one name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kerasline.components.core.errors import ConfigError


@pytest.fixture(params=["csv", "parquet"])
def partitioned(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Writes a table in folders of years; returns its format."""
    for year in (2022, 2023):
        folder = tmp_path / f"sales/year={year}"
        folder.mkdir(parents=True)
        rows = [(i * 7 % 97 + year, "ab"[i % 2]) for i in range(60)]
        if request.param == "csv":
            (folder / "part.csv").write_text("x,y\n" + "".join(f"{x},{y}\n" for x, y in rows))
        else:
            pq.write_table(pa.table({"x": [x for x, _ in rows], "y": [y for _, y in rows]}), folder / "part.parquet")
    return str(request.param)


def test_a_column_of_folders_is_refused_or_dropped(resolve: Any, partitioned: str) -> None:
    block = {"path": f"sales/*/part.{partitioned}", "label": "y"}
    wanted = rf"Column 'year' is in the names of folders such as year=2022 .* or set {partitioned}.drop: \[year\]"
    with pytest.raises(ConfigError, match=wanted):
        resolve(**{partitioned: block})
    dataset = resolve(**{partitioned: {**block, "drop": ["year"]}})
    assert (dataset.rows, [column.name for column in dataset.columns]) == (120, ["x"])
    one = resolve(**{partitioned: {**block, "path": f"sales/year=2022/part.{partitioned}"}})
    assert one.rows == 60, "a folder that is the same for all files tells nothing apart"


def test_spans_may_be_such_folders(resolve: Any, partitioned: str) -> None:
    spans = {
        "pattern": f"sales/year={{SPAN}}/part.{partitioned}",
        "format": partitioned,
        "label": "y",
        "settle_seconds": 0,
    }
    assert resolve(spans=spans).rows == 120


def test_doubled_names_of_parquet(resolve: Any, tmp_path: Path) -> None:
    table = pa.table([[1, 2] * 20, [3, 4] * 20, ["a", "b"] * 20], names=["x", "x", "y"])
    pq.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(ConfigError, match="t.parquet names column 'x' more than once; rename one of them"):
        resolve(parquet={"path": "t.parquet", "label": "y"})
