"""The index of a data frame in a Parquet file is no input, unless the recipe asks for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from kerasline.components.prediction.reading.planning import plan_prediction
from kerasline.components.profiling.drafting import draft_recipe

pytestmark = pytest.mark.usefixtures("no_split_check")
BLOCK = {"path": "t.parquet", "label": "y"}
NOTE = "column {!r} is the index of a data frame and no input; name it under features to make it one"


def frame(rows: int = 60) -> pd.DataFrame:
    return pd.DataFrame({"a": range(rows), "b": [n % 5 / 2 for n in range(rows)], "y": [n % 2 for n in range(rows)]})


def filtered(rows: int = 60) -> pd.DataFrame:
    return frame(2 * rows).query("a % 3 > 0")


@pytest.mark.parametrize(
    ("table", "index"),
    [
        (filtered(), "__index_level_0__"),
        (frame().set_index(pd.Index(list(range(100, 160)), name="person")), "person"),
        (frame().set_index(pd.date_range("2024-01-01", periods=60, name="day")), "day"),
    ],
)
def test_an_index_is_no_input(resolve: Any, rows: Any, tmp_path: Path, table: pd.DataFrame, index: str) -> None:
    table.to_parquet(tmp_path / "t.parquet")
    dataset = resolve(parquet=BLOCK)
    assert [column.name for column in dataset.columns] == ["a", "b"]
    assert dataset.notes == (NOTE.format(index),)
    assert rows(dataset)[1] == table.reset_index(drop=True).loc[1].to_dict()
    asked = resolve(parquet=BLOCK, named={index: None})
    assert [column.name for column in asked.columns] == ["a", "b", index] and asked.notes == ()


def test_a_clean_index_is_no_column(resolve: Any, tmp_path: Path) -> None:
    frame().to_parquet(tmp_path / "t.parquet")
    dataset = resolve(parquet=BLOCK)
    assert ([column.name for column in dataset.columns], dataset.notes) == (["a", "b"], ())


def test_files_with_and_without_an_index_are_one_table(resolve: Any, tmp_path: Path) -> None:
    frame().to_parquet(tmp_path / "a.parquet")
    filtered().to_parquet(tmp_path / "b.parquet")
    for paths in (["a.parquet", "b.parquet"], ["b.parquet", "a.parquet"]):
        dataset = resolve(parquet={"path": paths, "label": "y", "drop": ["__index_level_0__"]})
        assert [column.name for column in dataset.columns] == ["a", "b"] and dataset.rows == 140


def test_an_index_may_be_the_label_or_order_the_rows(resolve: Any, tmp_path: Path) -> None:
    table = frame()
    table.index = pd.Index([n % 3 for n in range(60)], name="kind")
    table.to_parquet(tmp_path / "t.parquet")
    assert resolve(parquet={"path": "t.parquet", "label": "kind"}).label.classes == ("0", "1", "2")
    frame().set_index(pd.Index(list(range(60)), name="when")).to_parquet(tmp_path / "t.parquet")
    dataset = resolve(parquet={**BLOCK, "drop": ["when"]}, split={"method": "time", "column": "when"})
    assert dataset.split.boundaries == (48, 54)


def test_init_leaves_an_index_to_the_reader(tmp_path: Path) -> None:
    filtered().to_parquet(tmp_path / "t.parquet")
    draft = draft_recipe(tmp_path / "t.parquet", ["y"], None, "t.parquet")
    assert "the index of a data frame is no input: __index_level_0__" in draft.text
    assert "__index_level_0__" not in yaml.safe_load(draft.text)["data"]["parquet"].get("drop", [])


def test_frames_with_another_index_can_be_predicted_together(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    frame().to_parquet(tmp_path / "in" / "a.parquet")
    filtered().to_parquet(tmp_path / "in" / "b.parquet")
    columns = [{"name": name, "dtype": "float", "shape": [], "missing": 0} for name in ("a", "b")]
    record = {"task": "regression", "classes": None, "columns": columns, "label": {"name": "y", "columns": ["y"]}}
    plan = plan_prediction(str(tmp_path / "in"), tmp_path, "m@1", record, tmp_path / "out.csv")
    assert plan.keys == ("a", "b", "y")
