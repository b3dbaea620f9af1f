"""Columns that the names of folders hold are columns of the table; so are columns of one name refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from kerasline.components.core.errors import ConfigError
from kerasline.components.datasets import read_columns, read_shard


def write(path: Path, shift: int, **more: Any) -> None:
    """Writes a part of a table as CSV or Parquet, by its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.table({"x": [i * 7 % 97 + shift for i in range(60)], "y": ["ab"[i % 2] for i in range(60)], **more})
    if path.suffix == ".parquet":
        pq.write_table(table, path)
    else:
        lines = [",".join(map(str, row.values())) for row in table.to_pylist()]
        path.write_text("\n".join([",".join(table.column_names), *lines, ""]))


@pytest.fixture(params=["csv", "parquet"])
def partitioned(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Writes a table in folders of years; returns its format."""
    for year in (2022, 2023):
        write(tmp_path / f"sales/year={year}/part.{request.param}", year)
    return str(request.param)


def rows_of(dataset: Any) -> list[dict[str, Any]]:
    """Returns all rows of a table, as ingest reads them."""
    return [row for shard in dataset.shards for _, row in read_shard(dataset, shard)]


@pytest.mark.parametrize("path", ["sales", "sales/*/part.*", "sales/year=*/*"])
def test_a_column_of_folders_is_one_of_the_table(resolve: Any, partitioned: str, path: str) -> None:
    dataset = resolve(**{partitioned: {"path": path, "label": "y"}})
    assert [(column.name, column.dtype, column.distinct) for column in dataset.columns][1] == ("year", "int", 2)
    rows = rows_of(dataset)
    assert len(rows) == 120
    assert {(row["year"], row["x"] - row["year"] < 97) for row in rows} == {(2022, True), (2023, True)}


def test_a_folder_that_is_named_is_no_column(resolve: Any, partitioned: str) -> None:
    block = {"path": f"sales/*/part.{partitioned}", "label": "y"}
    dropped = resolve(**{partitioned: {**block, "drop": ["year"]}})
    assert (dropped.rows, [column.name for column in dropped.columns]) == (120, ["x"])
    one = resolve(**{partitioned: {**block, "path": f"sales/year=2022/part.{partitioned}"}})
    assert (one.rows, [column.name for column in one.columns]) == (60, ["x"])
    both = [f"sales/year={year}/part.{partitioned}" for year in (2022, 2023)]
    assert [column.name for column in resolve(**{partitioned: {**block, "path": both}}).columns] == ["x", "year"]


def test_what_pyarrow_writes_is_read_as_pyarrow_reads_it(resolve: Any, tmp_path: Path) -> None:
    table = pa.table({
        "x": list(range(90)), "y": ["a", "b"] * 45, "month": [1, 12, None] * 30,
        "town": ["Ulm", "São Paulo/SP", "a=b%"] * 30,
    })  # fmt: skip
    parts = ds.partitioning(pa.schema([("town", pa.string()), ("month", pa.int64())]), flavor="hive")
    for kind in ("parquet", "csv"):
        ds.write_dataset(table, tmp_path / kind, format=kind, partitioning=parts)
        dataset = resolve(**{kind: {"path": kind, "label": "y"}})
        assert [(c.name, c.dtype, c.missing) for c in dataset.columns[1:]] == [
            ("town", "string", 0),
            ("month", "int", 30),
        ]
        read = {row["x"]: (row["town"], row["month"]) for row in rows_of(dataset)}
        assert read == {row["x"]: (row["town"], row["month"]) for row in table.to_pylist()}


def test_a_large_text_table_is_read_by_the_column(resolve: Any, tmp_path: Path) -> None:
    for month in ("01", "02"):
        (tmp_path / f"m={month}").mkdir()
        lines = (f"{i},{i % 3},{'ab'[i % 2]}\n" for i in range(20_000))
        (tmp_path / f"m={month}/t.csv").write_text("i,x,y\n" + "".join(lines))
    dataset = resolve(csv={"path": "m=*/t.csv", "label": "y"})
    assert all(shard["by_columns"] for shard in dataset.shards)
    assert [(c.name, c.dtype, c.distinct) for c in dataset.columns][-1] == ("m", "int", 2)
    assert {row["m"] for row in rows_of(dataset)} == {1, 2}
    months = [set(rows["m"].to_pylist()) for shard in dataset.shards for _, rows in read_columns(dataset, shard) or ()]
    assert months == [{1}, {2}]


def test_the_label_may_be_such_a_column(resolve: Any, partitioned: str) -> None:
    dataset = resolve(**{partitioned: {"path": "sales", "label": "year", "drop": ["y"]}})
    assert [row["year"] for row in rows_of(dataset)] == [2022] * 60 + [2023] * 60


def test_a_folder_of_another_name_is_other_data(resolve: Any, partitioned: str, tmp_path: Path) -> None:
    before = resolve(**{partitioned: {"path": "sales", "label": "y"}}).fingerprint
    (tmp_path / "sales/year=2023").rename(tmp_path / "sales/year=2024")
    assert resolve(**{partitioned: {"path": "sales", "label": "y"}}).fingerprint != before


def test_folders_of_different_levels_are_refused(resolve: Any, partitioned: str, tmp_path: Path) -> None:
    write(tmp_path / f"sales/more.{partitioned}", 0)
    wanted = r"year=2022/part\.\w+ is in a folder year=2022, and \S+/more\.\w+ is in no folder year=\.\.\.; keep the"
    with pytest.raises(ConfigError, match=wanted):
        resolve(**{partitioned: {"path": "sales", "label": "y"}})


def test_a_column_that_is_in_the_files_too_is_refused(resolve: Any, partitioned: str, tmp_path: Path) -> None:
    for year in (2022, 2023):
        write(tmp_path / f"sales/year={year}/part.{partitioned}", year, year=[year] * 60)
    with pytest.raises(
        ConfigError, match=r"Column 'year' is in \S+part\.\w+ and in the name of a folder that it is in"
    ):
        resolve(**{partitioned: {"path": "sales", "label": "y"}})


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
