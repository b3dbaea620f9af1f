"""The commands as functions: they return what the commands show, and refuse what the commands refuse."""

from __future__ import annotations

import gc
import warnings
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import yaml

import kerasline as kl
from kerasline.pipeline.api import recipe_file
from kerasline.pipeline.config.plain_values import plain_values

ROWS = 120
FLATS = pd.DataFrame({
    "size": [30.0 + row % 40 for row in range(ROWS)], "kind": [("sea", "lake")[row % 2] for row in range(ROWS)],
    "sold": [("yes", "no")[row % 3 > 0] for row in range(ROWS)],
})  # fmt: skip


def test_every_public_name_is_found() -> None:
    assert all(getattr(kl, name) is not None for name in kl.__all__)


def test_a_recipe_is_checked_and_returned_with_its_defaults() -> None:
    config = kl.validate("iris_mlp", {"training.epochs": 5, "model.units": [32]})
    assert (config["training"]["epochs"], config["model"]["units"], config["task"]) == (5, [32], "auto")
    with pytest.raises(kl.ConfigError, match="training.epoch"):
        kl.validate("iris_mlp", {"training.epoch": 5})
    with pytest.raises(kl.ConfigError, match="iris_mpl"):
        kl.validate("iris_mpl")


@pytest.mark.parametrize("source", ["frame", "file"])
def test_a_first_recipe_is_written_for_a_frame_and_for_a_file(source: str, tmp_path: Path) -> None:
    FLATS.to_csv(tmp_path / "flats.csv", index=False)
    text = kl.init(FLATS if source == "frame" else tmp_path / "flats.csv", "sold", folder=tmp_path)
    (tmp_path / "recipe.yaml").write_text(text)
    config = kl.validate(tmp_path / "recipe.yaml")
    assert config["data"]["parquet" if source == "frame" else "csv"]["label"] == "sold"
    before = sorted(tmp_path.iterdir())
    assert kl.init(FLATS if source == "frame" else tmp_path / "flats.csv", "sold", folder=tmp_path) == text
    assert sorted(tmp_path.iterdir()) == before


def test_a_table_of_another_library_is_as_good_as_a_frame_of_pandas(tmp_path: Path) -> None:
    table = pa.Table.from_pandas(FLATS, preserve_index=False)
    assert kl.init(table, "sold", folder=tmp_path) == kl.init(FLATS, "sold", folder=tmp_path)  # type: ignore[arg-type]
    kind = pa.array(FLATS["kind"]).dictionary_encode()
    places = pa.DictionaryArray.from_arrays(kind.indices.cast(pa.uint32()), kind.dictionary)
    table = table.set_column(table.column_names.index("kind"), "kind", places)
    written = yaml.safe_load(kl.init(table, "sold", folder=tmp_path))["data"]["parquet"]["path"]
    assert pd.read_parquet(written).astype({"kind": object}).equals(FLATS.astype({"kind": object}))


def test_numbers_that_are_categories_by_their_type_are_drafted_as_such(tmp_path: Path) -> None:
    frame = FLATS.assign(zone=pd.Categorical([11 + row % 3 for row in range(len(FLATS))]))
    config = yaml.safe_load(kl.init(frame, "sold", folder=tmp_path))
    assert config["features"]["zone"]["kind"] == "categorical"
    plain = yaml.safe_load(kl.init(frame.astype({"zone": int}), "sold", folder=tmp_path))
    assert "zone" not in (plain["features"] or {})


def test_the_text_of_a_first_recipe_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = kl.init(FLATS, "sold", name="homes")
    assert kl.validate(text, {"seed": 5})["seed"] == 5
    assert recipe_file(text) == recipe_file(text) == "homes.yaml"
    assert (tmp_path / "homes.yaml").read_text().endswith(text)
    with pytest.raises(kl.ConfigError, match="the recipe, line 2: unknown key 'dato'"):
        kl.validate("name: homes\ndato: {}\n")
    assert kl.validate("{name: homes, data: {dataset: iris}}")["name"] == "homes"
    with pytest.raises(kl.ConfigError, match="data"):
        kl.validate("name: homes")


def test_what_no_recipe_can_be_written_for_is_refused(tmp_path: Path) -> None:
    (tmp_path / "flats.csv").touch()
    for data, label, said in (
        (FLATS, "slod", "^label: the data frame has no column 'slod'"),
        (FLATS, [], "^expected a label, .* which the data frame cannot tell; .* label=sold$"),
        (FLATS.set_index("sold"), "sold", "'sold' is the index of the data frame"),
        (FLATS.iloc[:0], "sold", "with rows"),
        (FLATS.rename(columns={"sold": 3}), "zone", r"got the name 3; name each, such as with frame.columns"),
        ([1, 2], "sold", "got list"),
        (FLATS, 5, "^label: expected the name of a column, or several, got 5"),
        (FLATS, ["sold", None], "^label: expected the name of a column, or several"),
        (tmp_path / "none.csv", "sold", "none.csv does not exist$"),
        (tmp_path / "flat.csv", "sold", "flat.csv does not exist. Did you mean 'flats.csv'"),
    ):
        with pytest.raises(kl.ConfigError, match=said):
            kl.init(data, label, folder=tmp_path)  # type: ignore[arg-type]
    with pytest.raises(kl.ConfigError, match="expected a folder that exists"):
        kl.init(FLATS, "sold", folder=tmp_path / "none")


def test_values_of_libraries_are_as_good_as_plain_ones() -> None:
    model = {"family": "mlp", "units": np.array([8, 4]), "dropout": np.float32(0.25)}
    config = {"name": "flowers", "data": {"csv": {"path": Path("a.csv"), "label": "b"}}, "model": model}
    checked = kl.validate(config, {"training.epochs": np.int64(3), "evaluation.metrics": ("accuracy",)}, data=False)
    assert (checked["model"]["units"], checked["model"]["dropout"]) == ([8, 4], 0.25)
    assert (checked["data"]["csv"]["path"], checked["training"]["epochs"]) == ("a.csv", 3)
    assert checked["evaluation"]["metrics"] == ["accuracy"]
    for recipe, changes, said in (
        (config, ["training.epochs=3"], "^changes: expected a dict such as .* got list"),
        (config, np.array([1, 2]), "^changes: expected a dict such as .* got ndarray"),
        (config, {"data.csv.path": FLATS}, r"^data.csv.path: .* kerasline.init\(frame, label\)"),
        (FLATS, None, "the name of a recipe, the path of a YAML file, or a config, got DataFrame"),
    ):
        with pytest.raises(kl.ConfigError, match=said):
            kl.validate(recipe, changes, data=False)  # type: ignore[arg-type]


def test_values_of_libraries_become_those_of_yaml() -> None:
    class Colour(StrEnum):
        RED = "red"

    moment, itself = pd.Timestamp("2024-01-31 12:00"), dict[str, object]()
    itself["a"] = [itself]
    for value, plain in (
        (np.datetime64("2024-01-31T12:00", "ns"), "2024-01-31T12:00:00"),
        (np.datetime64("2024-01-31"), "2024-01-31"),
        (np.array(["2024-01-31T12:00", "NaT"], "datetime64[ns]"), ["2024-01-31T12:00:00", None]),
        (pd.Series([moment, pd.NaT]), ["2024-01-31T12:00:00", None]),
        (
            (moment, pd.NaT, pd.NA, Colour.RED, Decimal("1.5"), Decimal(3)),
            ["2024-01-31T12:00:00", None, None, "red", 1.5, 3],
        ),
        (range(2), [0, 1]),
        ({np.int64(3): 1}.keys(), [3]),
    ):
        assert plain_values(value, "k") == plain
    assert type(plain_values(type("Text", (str,), {})("x"), "k")) is str
    for value, said in (
        (np.timedelta64(3, "ns"), "got timedelta64"),
        ([pd.Timedelta("3h")], "got Timedelta"),
        (itself, "one that contains itself"),
    ):
        with pytest.raises(kl.ConfigError, match=f"^k: .*{said}"):
            plain_values(value, "k")


def test_the_workspace_of_the_environment_holds_in_python_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERASLINE_WORKSPACE", str(tmp_path / "there"))
    for ask in (
        lambda: kl.load_model("doubler"),
        lambda: kl.promote("doubler", 1, "better"),
        lambda: kl.load_run(),
        lambda: kl.compare({"run_id": "20260101-000000"}),
        lambda: kl.monitor("doubler"),
        lambda: kl.verdict("doubler"),
    ):
        with pytest.raises(kl.ConfigError, match=str(tmp_path / "there")):
            ask()


def test_a_recipe_that_cannot_be_planned_is_refused_by_its_key(tmp_path: Path) -> None:
    gc.collect()  # what other tests have left is theirs
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(kl.ConfigError, match="training.epoch"):
            kl.plan("iris_mlp", {"training.epoch": 5}, workspace=tmp_path)
        gc.collect()
    left = [str(warning.message) for warning in caught if warning.category is ResourceWarning]
    # A server's socket of another test may still be let go of by a thread.
    assert [text for text in left if "socket" not in text] == []


def test_names_that_are_not_there_are_refused(tmp_path: Path) -> None:
    assert kl.models(workspace=tmp_path) == []
    for ask in (
        lambda: kl.models("doubler", tmp_path),
        lambda: kl.promote("doubler", "1", "better", tmp_path),
        lambda: kl.rollback("doubler", workspace=tmp_path),
    ):
        with pytest.raises(kl.ConfigError, match="got 'doubler'; nothing was pushed yet"):
            ask()
    with pytest.raises(kl.ConfigError, match="version: expected the number of a version, such as 3, got 'doubler@1'"):
        kl.promote("doubler", "doubler@1", "better", tmp_path)
    with pytest.raises(kl.ConfigError):
        kl.compare("first", "second", tmp_path)


def test_a_config_is_a_recipe_and_is_kept_as_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = {"name": "flowers", "data": {"dataset": "iris"}, "model": {"family": "mlp", "units": [8]}}
    assert kl.validate(config, {"training.epochs": 3})["training"]["epochs"] == 3
    assert list(tmp_path.iterdir()) == []
    assert recipe_file(config) == "flowers.yaml"
    assert kl.validate("flowers.yaml") == kl.validate(config)
    recipe_file({**config, "seed": 5})
    assert kl.validate("flowers.yaml")["seed"] == 5


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"name": "mine"}, "mine.yaml is there already and was not written from Python; give the recipe another name"),
        ({"training": {"epohcs": 3}}, "Did you mean 'epochs'"),
        ({"name": None}, "name"),
        (
            {"data": {"csv": {"path": FLATS}}},
            r"the recipe.data.csv.path: .* got DataFrame; kerasline.init\(frame, label\)",
        ),
        (
            {"training": {"loss": max}},
            "the recipe.training.loss: .*a file beside the recipe, and name it as module:max",
        ),
    ],
)
def test_a_config_that_is_no_recipe_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: dict[str, Any], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text("name: mine\n")
    config = {"name": "flowers", "data": {"dataset": "iris"}, "model": {"family": "mlp", "units": [8]}}
    with pytest.raises(kl.ConfigError, match=message):
        recipe_file({**config, **changed})
    assert [path.name for path in tmp_path.iterdir()] == ["mine.yaml"]
    assert (tmp_path / "mine.yaml").read_text() == "name: mine\n"
