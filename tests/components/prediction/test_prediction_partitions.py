"""Columns that the names of folders hold are read where a model reads them, and repeated in the output."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from kerasline.components.core.errors import ConfigError
from kerasline.components.prediction.reading.blocks import Block
from kerasline.components.prediction.reading.planning import PredictionPlan, plan_prediction
from kerasline.components.prediction.reading.readers import READERS

COLUMNS = [
    {"name": "x", "dtype": "float", "shape": [], "missing": 0},
    {"name": "month", "dtype": "int", "shape": [], "missing": 1},
    {"name": "town", "dtype": "string", "shape": [], "missing": 0},
]
RECORD: dict[str, Any] = {
    "task": "regression", "classes": None, "columns": COLUMNS, "label": {"name": "y", "columns": ["y"]}, "reading": {},
}  # fmt: skip
TABLE = pa.table({"x": [0.5, 1.5, 2.5, 3.5], "month": [1, None, 1, None], "town": ["Ulm", "São/Paulo"] * 2})


@pytest.fixture(params=["csv", "parquet"])
def kind(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Writes the table in folders of towns and months; returns its format."""
    parts = ds.partitioning(pa.schema([("town", pa.string()), ("month", pa.int64())]), flavor="hive")
    ds.write_dataset(TABLE, tmp_path / "in", format=request.param, partitioning=parts)
    (tmp_path / "in" / "_SUCCESS").touch()
    return str(request.param)


def plan(source: Path | str, tmp_path: Path, *keys: str) -> PredictionPlan:
    """Plans a prediction into Parquet."""
    return plan_prediction(str(source), tmp_path / "1", "m@1", RECORD, tmp_path / "out.parquet", keys)


def read(planned: PredictionPlan) -> list[Block]:
    """Reads all blocks."""
    return [block for shard in planned.shards for block in READERS[planned.kind](planned, shard)]


def test_folders_are_read_as_pyarrow_wrote_them(kind: str, tmp_path: Path) -> None:
    for source in (tmp_path / "in", tmp_path / f"in/**/*.{kind}"):
        planned = plan(source, tmp_path)
        assert planned.keys == ("x", "month", "town") or planned.keys == ("x", "town", "month")
        blocks = read(planned)
        rows = sorted((row for block in blocks for row in block.keys.to_pylist()), key=lambda row: row["x"])
        assert rows == TABLE.to_pylist()
        columns = {name: [value for block in blocks for value in block.columns[name]] for name in ("month", "town")}
        assert sorted(map(str, columns["month"])) == ["1", "1", "None", "None"]
        assert sorted(columns["town"]) == ["São/Paulo", "São/Paulo", "Ulm", "Ulm"]


def test_a_file_alone_is_read_with_what_the_model_reads_of_its_folders(kind: str, tmp_path: Path) -> None:
    (tmp_path / "in").rename(tmp_path / "run=3")
    path = next((tmp_path / "run=3/town=Ulm/month=1").iterdir())
    planned = plan(path, tmp_path, "town")
    (block,) = read(planned)
    assert block.keys.to_pylist() == [{"town": "Ulm"}] * 2
    assert list(block.columns["month"]) == [1, 1]


def test_rows_of_another_width_keep_their_place(tmp_path: Path) -> None:
    (tmp_path / "town=Ulm").mkdir()
    (tmp_path / "town=Ulm" / "t.csv").write_text("x,month\n1,1\n2\n3,2\n")
    (block,) = read(plan(tmp_path / "town=*/t.csv", tmp_path))
    assert (block.columns["town"], list(block.places)) == (["Ulm", "Ulm"], [2, 4])
    assert [row["reason"] for row in block.rejected] == ["1 cell where 2 are expected"]


def test_folders_that_lack_a_column_are_refused(kind: str, tmp_path: Path) -> None:
    path = next((tmp_path / "in/town=Ulm/month=1").iterdir())
    path.rename(tmp_path / "in" / path.name)
    with pytest.raises(ConfigError, match=r"is in a folder town=\S+, and \S+ is in no folder town=...; keep the files"):
        plan(tmp_path / "in", tmp_path)
