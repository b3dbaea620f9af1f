"""``kerasline.load_model``: data frames and files are answered in this process, as ``kerasline predict`` does."""

from __future__ import annotations

import warnings
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pytest

import kerasline as kl
from kerasline.components.core import ConfigError
from kerasline.components.prediction import explain_at_once, plan_prediction, write_frame
from kerasline.components.registry import push_version
from kerasline.pipeline.models import commands
from tests.pipeline.small_models import RECORD

FLATS = pd.DataFrame({"area (m²)": [10.0, 20.5, None], "district": ["north", None, "east"]})


@pytest.fixture(scope="module")
def doubler(tmp_path_factory: pytest.TempPathFactory, doublers: list[Path]) -> kl.LoadedModel:
    """A small model, pushed twice, of which the first version is loaded."""
    root = tmp_path_factory.mktemp("loaded")
    for model in doublers[:2]:
        push_version(root / "models" / "doubler", model, RECORD, keep=5)
    return kl.load_model("doubler@1", workspace=root)


@pytest.fixture
def described(tmp_path: Path) -> kl.LoadedModel:
    """A version with its record, whose graph is never asked."""
    saved = tmp_path / "saved"
    (saved / "variables").mkdir(parents=True)
    for name in ("saved_model.pb", "variables/variables.index"):
        (saved / name).write_text("none")
    push_version(tmp_path / "models" / "doubler", saved, RECORD, keep=5)
    return kl.load_model("doubler", tmp_path)


@pytest.mark.slow
def test_a_frame_is_answered_in_its_order_and_by_its_index(doubler: kl.LoadedModel) -> None:
    frame = FLATS.iloc[:2].set_index(pd.Index(["a", "b"], name="flat"))
    answers = doubler.predict(frame)
    assert answers.columns.tolist() == ["area (m²)", "district", "predicted_value", "model_version"]
    assert answers.index.tolist() == ["a", "b"]
    assert answers["predicted_value"].tolist() == [15.0, 20.5]
    assert answers["model_version"].tolist() == ["doubler@1", "doubler@1"]
    assert doubler.rejected == []


@pytest.mark.slow
def test_a_frame_and_its_files_get_the_same_answers(doubler: kl.LoadedModel, tmp_path: Path) -> None:
    frame = FLATS.iloc[:2].assign(district=pd.Categorical(["north", "east"]))
    frame.to_csv(tmp_path / "flats.csv", index=False)
    frame.to_parquet(tmp_path / "flats.parquet")
    expected = doubler.predict(frame)["predicted_value"].tolist()
    assert expected == [15.0, 24.5]
    for name in ("flats.csv", "flats.parquet"):
        assert doubler.predict(tmp_path / name)["predicted_value"].tolist() == expected


@pytest.mark.slow
def test_rows_that_cannot_be_answered_are_named_and_shift_no_others(doubler: kl.LoadedModel) -> None:
    frame = pd.DataFrame({"area (m²)": [1.0, 2.0, 3.0, "wide"], "district": ["x", "bad", "y", "z"]})
    with pytest.warns(UserWarning, match=r"2 rows of 4 could not be predicted and are in \.rejected; the first, row 2"):
        answers = doubler.predict(frame, keys=["district"])
    assert frame.assign(value=answers["predicted_value"])["value"].fillna(-1).tolist() == [2.0, -1, 4.0, -1]
    assert [(row["place"], row["file"]) for row in doubler.rejected] == [(2, "the data frame"), (4, "the data frame")]
    assert "a bad district" in doubler.rejected[0]["reason"]
    assert doubler.rejected[1]["reason"] == "'wide' in column 'area (m²)' is no number"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        doubler.predict(frame.iloc[:1])
    assert doubler.rejected == []


@pytest.mark.slow
def test_rows_none_of_which_can_be_answered_are_refused(doubler: kl.LoadedModel) -> None:
    frame = pd.DataFrame({"area (m²)": [1.0], "district": ["bad"]})
    with pytest.raises(kl.DataRejected, match="doubler@1 can predict no row of 1: .*a bad district"):
        doubler.predict(frame)


@pytest.mark.slow
def test_effects_lead_from_the_usual_answer_to_that_of_each_row(
    doubler: kl.LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = pd.DataFrame({"area (m²)": [10.0, 20.0], "district": ["a", "abc"]})
    frame = pd.DataFrame({"area (m²)": [40.0, 5.0, 1.0], "district": ["north", "x", "bad"]}, index=["p", "q", "r"])
    with pytest.warns(UserWarning, match="1 row of 3 could not be predicted"):
        told = doubler.explain(frame, others, keys="district")
    assert told.columns.tolist() == [
        "district", "predicted_value", "model_version", "usual", "effect_area (m²)", "effect_district",
    ]  # fmt: skip
    assert told.index.tolist() == ["p", "q"]
    assert told["usual"].tolist() == [17.0, 17.0]
    assert told["effect_area (m²)"].tolist() == [25.0, -10.0]
    assert told["effect_district"].tolist() == [3.0, -1.0]

    among_themselves = doubler.explain(frame.iloc[:2])
    assert among_themselves["usual"].tolist() == [25.5, 25.5]
    assert among_themselves["effect_area (m²)"].tolist() == [17.5, -17.5]
    monkeypatch.setattr("kerasline.components.prediction.explaining._ROWS_AT_ONCE", 1)
    pd.testing.assert_frame_equal(doubler.explain(frame.iloc[:2]), among_themselves)


@pytest.mark.slow
def test_the_columns_of_effects_take_names_that_are_free(doubler: kl.LoadedModel) -> None:
    told = doubler.explain(FLATS.iloc[:2].assign(usual="yes", effect_district=1))
    assert told.columns.tolist()[-3:] == ["usual_", "effect_area (m²)", "effect_district_"]
    assert told["usual"].tolist() == ["yes", "yes"]


@pytest.mark.slow
def test_a_row_alone_is_compared_with_none(doubler: kl.LoadedModel) -> None:
    with pytest.raises(ConfigError, match="^one row alone can be compared with none"):
        doubler.explain(FLATS.iloc[:1])
    assert doubler.explain(FLATS.iloc[:1], FLATS.iloc[1:2])["usual"].tolist() == [20.5]
    with pytest.raises(ConfigError, match="^the data frame has no column 'district'"):
        doubler.explain(FLATS.iloc[:2], FLATS[["area (m²)"]])
    with pytest.raises(kl.DataRejected, match="doubler@1 can predict no row of 2: .*a bad district"):
        doubler.explain(FLATS.iloc[:2], FLATS.iloc[:2].assign(district="bad"))


@pytest.mark.parametrize(("record", "said"), [
    ({"task": "multilabel", "classes": ["a", "b"]}, "the answers of doubler@1 are several labels each"),
    ({"columns": RECORD["columns"][:1]}, r"doubler@1 reads 'area \(m²\)' alone"),
])  # fmt: skip
def test_answers_that_have_no_effects_are_refused_before_any(record: dict[str, Any], said: str, tmp_path: Path) -> None:
    FLATS.to_csv(tmp_path / "flats.csv", index=False)
    plan = plan_prediction(str(tmp_path / "flats.csv"), tmp_path, "doubler@1", {**RECORD, **record}, None)
    with pytest.raises(ConfigError, match=f"^{said}"):
        explain_at_once(plan, None)  # type: ignore[arg-type]


@pytest.mark.parametrize(("reference", "said"), [
    ("tripler", "got 'tripler'; there are doubler"), ("doubler@7", "doubler has no version 7; it has 1"),
    ("doubler@x", "expected NAME or NAME@VERSION"),
])  # fmt: skip
def test_a_model_that_is_not_there_is_refused(reference: str, said: str, described: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=said):
        kl.load_model(reference, workspace=tmp_path)


def test_a_missing_workspace_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing was pushed yet"):
        kl.load_model("doubler", workspace=tmp_path / "none")
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(("data", "said"), [
    (FLATS.rename(columns={"district": "distrct"}), "^the data frame has no column 'district', .* 'distrct'"),
    (FLATS.iloc[:0], r"expected a data frame with rows, got one without any; its columns are area \(m²\), district"),
    (pd.DataFrame(), "got one without any; its columns are none"),
    (pd.concat([FLATS, FLATS["district"]], axis=1), "^the data frame names column 'district' more than once"),
    (FLATS.set_axis([0, 1], axis=1), "named by text, got the name 0"),
    (FLATS.assign(**{"area (m²)": date(2020, 1, 2)}), "column 'area .m².' of the data frame is date32"),
    (FLATS.assign(district=[{"a": 1}, object(), "x"]), "cells of the type dict"),
    (FLATS.assign(predicted_value=1.0), r"has the name of a predicted one; name those to repeat: keys=\[NAME\]"),
    ([[1.0, "north"]], "expected a data frame of pandas or Polars, an Arrow table or the path of a file, got list"),
    ("none.csv", "none.csv"),
])  # fmt: skip
def test_data_that_does_not_fit_is_refused_before_the_model_loads(
    data: Any, said: str, described: kl.LoadedModel
) -> None:
    with pytest.raises(ConfigError, match=said) as raised:
        described.predict(data)
    assert "parquet" not in str(raised.value)


def test_arguments_are_checked(described: kl.LoadedModel) -> None:
    with pytest.raises(ConfigError, match=r"^keys: the data frame has no column 'distric'.*'district'"):
        described.predict(FLATS, keys=["distric"])
    with pytest.raises(ConfigError, match=r"^keys: the data frame has no column 'distric'.*'district'"):
        described.predict(FLATS, keys="distric")
    with pytest.raises(ConfigError, match=r"^slices: expected the name of a column, or several, got 3"):
        described.evaluate(FLATS, slices=3)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="on_unseen: expected warn or reject, got 'rejects'"):
        described.predict(FLATS, on_unseen="rejects")
    with pytest.raises(ConfigError, match="kind: expected csv, parquet, images, tfrecord or npz, got 'xls'"):
        described.predict("flats", kind="xls")


def test_cells_of_a_frame_keep_their_kind_and_mixed_ones_become_text(tmp_path: Path) -> None:
    mixed = pd.Series([1, "two", None, True], dtype=object)
    arrays = [np.zeros((2, 2), np.float32)] * 4
    days = pd.to_datetime(["2020-01-02"] * 3 + [None])
    frame = pd.DataFrame({"mixed": mixed, "arrays": arrays, "days": days, "flags": [True, False, None, True]})
    frame["months"] = pd.PeriodIndex(["2020-01", "2020-02", None, "2020-04"], freq="M")
    write_frame(frame, tmp_path / "frame.parquet")
    read = pd.read_parquet(tmp_path / "frame.parquet")
    assert read["mixed"].tolist() == ["1", "two", None, "True"]
    assert [cell.tolist() for cell in read["arrays"]] == [[0.0] * 4] * 4
    assert read["months"].tolist() == ["2020-01", "2020-02", None, "2020-04"]
    assert read["days"].equals(frame["days"])
    assert read["flags"].tolist() == [True, False, None, True]


@pytest.mark.parametrize(
    ("cells", "read"),
    [
        (
            [date(2024, 1, 31), pd.Timestamp("2024-01-31 12:00")],
            [pd.Timestamp("2024-01-31"), pd.Timestamp("2024-01-31 12:00")],
        ),
        ([np.datetime64("2024-01-31T12", "ns"), pd.NaT], [pd.Timestamp("2024-01-31 12:00"), pd.NaT]),
        ([date(2024, 1, 31), pd.NaT], [date(2024, 1, 31), None]),
        ([Decimal("1.5"), 2.0], ["1.5", "2.0"]),
        ([pd.Timestamp("2024-01-31"), "soon"], ["2024-01-31 00:00:00", "soon"]),
        ([UUID(int=1), "x"], [str(UUID(int=1)), "x"]),
        ([np.array(1.5), np.array(2.5)], [1.5, 2.5]),
        (pd.arrays.SparseArray([0, 0, 3]), [0, 0, 3]),
    ],
    ids=["days and hours", "NumPy", "days with a gap", "decimals", "dates", "UUID", "arrays of one", "sparse"],
)
def test_cells_of_several_kinds_lose_nothing(tmp_path: Path, cells: Any, read: list[Any]) -> None:
    column = cells if isinstance(cells, pd.arrays.SparseArray) else pd.Series(cells, dtype=object)
    write_frame(pd.DataFrame({"x": column}), tmp_path / "frame.parquet")
    pd.testing.assert_series_equal(
        pd.read_parquet(tmp_path / "frame.parquet")["x"], pd.Series(read, name="x"), check_dtype=False
    )


def test_categories_of_a_data_frame_are_read_as_their_values(tmp_path: Path) -> None:
    """Those of intervals and months as text, those of dates and durations as such, whole numbers as categories."""
    sizes, days = [1, 5, 9, 2], pd.to_datetime(["2020-01-02", "2020-01-03"] * 2)
    frame = pd.DataFrame(
        {
            "cut": pd.cut(pd.Series(sizes), [0, 4, 10]),
            "months": pd.Categorical(pd.PeriodIndex(["2020-01", "2020-02"] * 2, freq="M")),
            "days": pd.Categorical(days),
            "waits": pd.Categorical(pd.to_timedelta([1, 2, 2, None], unit="h")),
            "rooms": pd.Categorical(sizes),
        }
    )
    write_frame(frame, tmp_path / "frame.parquet")
    read = pd.read_parquet(tmp_path / "frame.parquet")
    assert read["cut"].tolist() == ["(0, 4]", "(4, 10]", "(4, 10]", "(0, 4]"]
    assert read["months"].tolist() == ["2020-01", "2020-02"] * 2
    assert read["days"].tolist() == days.tolist()
    assert read["waits"].tolist()[:3] == pd.to_timedelta([1, 2, 2], unit="h").tolist() and read["waits"].isna()[3]
    assert read["rooms"].tolist() == sizes
    with pytest.raises(ConfigError, match="column 'pairs' of the data frame holds cells of the type tuple"):
        write_frame(pd.DataFrame({"pairs": pd.Categorical([(1, "a"), (2, "b")])}), tmp_path / "frame.parquet")


@pytest.mark.slow
def test_production_moves_and_a_loaded_version_stays(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "try_version", lambda folder, version: commands.Trial(0.1, 2, 4))
    loaded = kl.load_model("doubler", workspace)
    assert kl.promote("doubler", 1, "the slower one", workspace)["replaced"] == 3
    assert kl.rollback("doubler", workspace=workspace)["version"] == 3
    (model,) = kl.models(workspace=workspace)
    assert (model["production"]["version"], [v["version"] for v in kl.models("doubler", workspace)]) == (3, [1, 2, 3])
    assert repr(loaded) == "<doubler@3, regression>"


@pytest.mark.slow
def test_a_version_is_measured_on_labelled_rows(doubler: kl.LoadedModel, tmp_path: Path) -> None:
    # The model answers twice the area plus the letters of the district, so the rent is off by 0, 1, 2 and 3.
    frame = pd.DataFrame(
        {
            "area (m²)": [10.0, 20.0, 30.0, 40.0, 50.0, 60.0],
            "district": ["ab", "cd", "ef", "gh", "ij", "bad"],
            "rent": [12.0, 23.0, 34.0, 45.0, None, 1.0],
            "side": ["east", "east", "west", "west", "west", "east"],
        }
    )
    found = doubler.evaluate(frame, slices=["side"])
    assert found.rows == 4
    mae = found.metrics["mae"]
    assert mae["value"] == pytest.approx(np.mean(np.abs(_answers(frame) - frame["rent"][:4])))
    assert mae["low"] < mae["value"] < mae["high"]
    assert [(part["slice"], part["rows"]) for part in found.measures.slices] == [
        ({"side": "east"}, 2),
        ({"side": "west"}, 2),
    ]
    assert (
        found.summary() == "doubler@1 on 4 rows; left out: 1 without a label, 1 that could not be answered or measured"
    )
    assert [(row["file"], row["place"]) for row in doubler.rejected] == [("the data frame", 6)]
    assert found.frame()["slice"].unique().tolist() == ["", "side=east", "side=west"]
    frame.to_csv(tmp_path / "flats.csv", index=False)
    assert doubler.evaluate(tmp_path / "flats.csv").metrics == found.metrics


def _answers(frame: pd.DataFrame) -> Any:
    return (frame["area (m²)"] + frame["district"].str.len())[:4]


def test_what_lacks_its_label_is_refused_before_anything_loads(described: kl.LoadedModel) -> None:
    with pytest.raises(ConfigError, match="the label: the data frame has no column 'rent'; it has area"):
        described.evaluate(FLATS)
    with pytest.raises(ConfigError, match="the label or a slice: the data frame has no column 'sides'"):
        described.evaluate(FLATS.assign(rent=1.0, side="x"), slices=["sides"])
