"""Labels that come late, drift, estimates and alarms, of answers that lie on the disk as a server wrote them."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from kerasline.components.core import ConfigError
from kerasline.components.leaks import Column
from kerasline.components.monitoring import Capture, Exchange, describe_joined, join_labels, watch_version
from kerasline.components.monitoring.drift import Counts, chance_limit, jensen_shannon, largest_difference
from kerasline.components.monitoring.labels import labels_of
from kerasline.components.validation.samples import profile_columns

CITIES = np.array(["rome", "oslo", "bern"], object)
RECORD: dict[str, Any] = {
    "recipe": "shop",
    "task": "binary",
    "classes": ["no", "yes"],
    "arguments": {"age": "age", "city": "city"},
    "columns": [{"name": "age", "dtype": "float"}, {"name": "city", "dtype": "string"}],
    "label": {"name": "bought", "columns": ["bought"]},
    "main_metric": "accuracy",
    "measured": ["accuracy", "auc", "log_loss"],
}


def draw(random: np.random.Generator, rows: int, shift: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ages, cities, and how likely each buys, which is what the model answers."""
    ages = random.normal(shift, 1, rows).astype(np.float32)
    return ages, CITIES[random.integers(0, 3, rows)], 1 / (1 + np.exp(-2 * ages))


@pytest.fixture
def version(tmp_path: Path) -> Path:
    """The folder of a version: the profile of its data, and its answers to eval rows."""
    folder, random = tmp_path / "models" / "shop" / "1", np.random.default_rng(0)
    folder.mkdir(parents=True)
    ages, cities, _ = draw(random, 5000)
    columns = {"age": Column("numeric", ages.astype(np.float64)), "city": Column("categorical", cities)}
    (folder / "profile.json").write_text(json.dumps({"columns": profile_columns(columns, None)}))
    _, _, scores = draw(random, 8000)
    labels = (random.random(8000) < scores).astype(np.float32)
    np.savez(folder / "answers-eval.npz", predictions=scores[:, None].astype(np.float32), labels=labels)
    return folder


def serve(
    captured: Path, rows: int, shift: float = 0.0, size: int = 100, seed: int = 5, ahead_seconds: float = 0.0
) -> pd.DataFrame:
    """Captures requests of some rows each, and returns the ids and what really became of them."""
    random = np.random.default_rng(seed)
    ages, cities, scores = draw(random, rows, shift)
    capture, ids = Capture(captured, 1.0), list[str]()
    for start in range(0, rows, size):
        part = slice(start, start + size)
        both = np.stack([1 - scores[part], scores[part]], axis=1).astype(np.float32)
        inputs = {"age": ages[part], "city": np.array([city.encode() for city in cities[part]], object)}
        answer = {"scores": both, "class": np.array([b"no", b"yes"], object)[both.argmax(axis=1)]}
        at = time.time() + ahead_seconds
        one = Exchange("shop", 1, RECORD, f"q{seed}-{start}", at, 0.01, inputs=inputs, answer=answer)
        capture.take(one)
        ids += one.row_ids()
    capture.close()
    assert capture.dropped == 0
    return pd.DataFrame({"id": ids, "bought": np.where(random.random(rows) < scores, "yes", "no"), "score": scores})


def label(tmp_path: Path, rows: pd.DataFrame) -> dict[str, Any]:
    """Joins the labels of a data frame, by way of a CSV file."""
    file = tmp_path / "labels.csv"
    rows.to_csv(file, index=False)
    return join_labels(tmp_path / "captured", "shop", str(file), "id", {1: RECORD}, 1)


def watch(version: Path, record: dict[str, Any] = RECORD) -> dict[str, Any]:
    """Looks at all that was captured."""
    return watch_version(version.parents[2] / "captured" / "shop", version, 1, record)


def test_nothing_has_changed_and_no_alarm_is_given(tmp_path: Path, version: Path) -> None:
    rows = serve(tmp_path / "captured", 1000)
    found = watch(version)
    assert (found["answered"], found["labelled"], found["failed"], found["quality"]) == (1000, 0, 0, {})
    assert found["alarms"] == []
    assert sorted(found["drift"]) == ["(prediction)", "(score)", "age", "city"]
    assert all(one["distance"] <= one["limit"] and not one["alarm"] for one in found["drift"].values())
    assert found["false_alarms"] == {"at_most": 1, "in_looks": 30, "tests": 6, "chance_of_each": pytest.approx(1 / 180)}
    accuracy = found["estimated"]["accuracy"]
    right = np.where(rows["score"] > 0.5, "yes", "no") == rows["bought"]
    assert accuracy["low"] < right.mean() < accuracy["high"]
    assert found["at_push"]["accuracy"]["low"] < accuracy["value"] < found["at_push"]["accuracy"]["high"]


def test_a_shift_alarms_and_the_estimate_follows_it(tmp_path: Path, version: Path) -> None:
    rows = serve(tmp_path / "captured", 2000, shift=-0.8)
    found = watch(version)
    assert {alarm["name"] for alarm in found["alarms"] if alarm["kind"] == "drift"} >= {"age", "(score)"}
    assert not found["drift"]["city"]["alarm"]
    assert "age has drifted from the version's data" in found["alarms"][0]["text"] + found["alarms"][-1]["text"]
    certain = np.maximum(rows["score"], 1 - rows["score"]).mean()  # the accuracy, without the luck of these labels
    assert abs(certain - found["at_push"]["accuracy"]["value"]) > 0.02
    assert found["estimated"]["accuracy"]["value"] == pytest.approx(certain, abs=0.02)
    assert found["estimated"]["accuracy"]["low"] < certain < found["estimated"]["accuracy"]["high"]


def test_labels_give_the_quality_and_its_fall_alarms(tmp_path: Path, version: Path) -> None:
    rows = serve(tmp_path / "captured", 600)
    outcome = label(tmp_path, rows.iloc[:500])
    assert (outcome["joined"], outcome["new"], outcome["unknown"]) == (500, 500, 0)
    found = watch(version)
    right = (np.where(rows["score"] > 0.5, "yes", "no") == rows["bought"])[:500].mean()
    assert (found["answered"], found["labelled"]) == (600, 500)
    accuracy = found["quality"]["accuracy"]
    assert accuracy["value"] == pytest.approx(right) and accuracy["low"] < right < accuracy["high"]
    assert found["alarms"] == [] and found["label_delay_s"]["p50"] > 0
    worse = rows.assign(bought=np.where(np.arange(len(rows)) % 3 == 0, "no", rows["bought"]))
    worse["bought"] = np.where(np.arange(len(rows)) % 3 == 1, "yes", worse["bought"])
    changed = label(tmp_path, worse)
    assert changed["new"] == 100 and changed["changed"] > 50
    assert [alarm["kind"] for alarm in watch(version)["alarms"]] == ["quality"]


def test_labels_do_not_come_before_the_answers_of_a_server_whose_clock_is_ahead(tmp_path: Path, version: Path) -> None:
    label(tmp_path, serve(tmp_path / "captured", 300, ahead_seconds=7200))
    found = watch(version)
    assert found["labelled"] == 300
    assert found["label_delay_s"] == {"p50": 0.0, "p95": 0.0}


def test_labels_that_repeat_contradict_or_belong_to_nobody(tmp_path: Path, version: Path) -> None:
    rows = serve(tmp_path / "captured", 4, size=1)
    rows["bought"] = ["yes", "no", "yes", "no"]
    more = pd.DataFrame(
        {"id": ["nobody", "q5-0", "q5-1", "", "q5-3-0"], "bought": ["yes", "yes", "yes", "yes", "maybe"]}
    )
    outcome = label(tmp_path, pd.concat([rows.iloc[:3], more]))
    assert {key: outcome[key] for key in ("rows", "joined", "unknown", "repeated", "contradicting", "unreadable")} == {
        "rows": 8, "joined": 3, "unknown": 1, "repeated": 2, "contradicting": 1, "unreadable": 1,
    }  # fmt: skip
    assert "X-Request-Id" not in " ".join(describe_joined("shop", outcome)), "some ids are known"
    strange = label(tmp_path, pd.DataFrame({"id": ["10001", "10002"], "bought": ["yes", "no"]}))
    assert (
        "the X-Request-Id of a request, or a cell of the column that predict --key names"
        in describe_joined("shop", strange)[-1]
    )
    assert "'maybe'" in outcome["problem"] and "none of the classes (no, yes)" in outcome["problem"]
    again = label(tmp_path, pd.concat([rows.iloc[:3], more]))
    assert (again["new"], again["changed"], again["unchanged"]) == (0, 0, 3)
    last = label(tmp_path, pd.DataFrame({"id": ["q5-3-0", "q5-1"], "bought": ["yes", ""]}))
    assert (last["new"], last["without_label"]) == (1, 1)
    assert watch(version)["labelled"] == 4
    files = list((tmp_path / "captured" / "shop" / "labels").rglob("*.parquet"))
    kept = dict(zip(*(pd.read_parquet(files[0])[name] for name in ("request_id", "label")), strict=True))
    assert kept == {"q5-0": "yes", "q5-1": "yes", "q5-2": "yes", "q5-3": "yes"}, "of q5-1 the last row counts"


def test_a_label_that_was_killed_leaves_nothing_that_the_next_one_does_not_mend(tmp_path: Path, version: Path) -> None:
    rows = serve(tmp_path / "captured", 4)
    label(tmp_path, rows.iloc[:2])
    (day,) = (tmp_path / "captured" / "shop" / "labels").glob("version=1/day=*")
    (day / ".labels.parquet.0123abcd").write_bytes(b"PAR1")
    outcome = label(tmp_path, rows)
    assert (outcome["new"], outcome["unchanged"]) == (2, 2)
    assert [path.name for path in day.iterdir()] == ["labels.parquet"]


def test_labels_of_a_day_that_a_server_deletes_meanwhile_are_none(
    tmp_path: Path, version: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    label(tmp_path, serve(tmp_path / "captured", 2))
    (day,) = (tmp_path / "captured" / "shop" / "labels").glob("version=1/day=*")
    read = pq.read_table

    def read_late(path: Path, **options: Any) -> Any:
        shutil.rmtree(day)
        return read(path, **options)

    assert len(labels_of(day)) == 2
    monkeypatch.setattr(pq, "read_table", read_late)
    assert labels_of(day) == {}


def test_files_of_labels_that_cannot_be_joined(tmp_path: Path, version: Path) -> None:
    rows = pd.DataFrame({"id": ["a"], "bought": ["yes"]})
    with pytest.raises(ConfigError, match="expected captured answers of shop in .* kerasline serve --model shop"):
        label(tmp_path, rows)
    serve(tmp_path / "captured", 1)
    with pytest.raises(ConfigError, match="--key: .* has no column 'id'"):
        label(tmp_path, rows.rename(columns={"id": "key"}))
    with pytest.raises(ConfigError, match="the label: .* has no column 'bought'"):
        label(tmp_path, rows.rename(columns={"bought": "sold"}))


def test_few_rows_are_said_and_raise_no_alarm(tmp_path: Path, version: Path) -> None:
    serve(tmp_path / "captured", 20, shift=5.0, size=1)
    found = watch(version)
    assert found["alarms"] == [] and found["drift"]["age"]["distance"] > found["drift"]["age"]["limit"]
    assert found["drift"]["age"]["note"] == "too few rows for an alarm: 20, and 30 are needed"
    assert "20 rows were answered; alarms need 30" in found["notes"]


def test_a_version_without_figures_and_a_regression_say_what_is_not_known(tmp_path: Path, version: Path) -> None:
    serve(tmp_path / "captured", 50)
    for path in version.iterdir():
        path.unlink()
    found = watch(version)
    assert (found["answered"], found["drift"], found["estimated"]) == (50, {}, {})
    assert found["not_watched"] == dict.fromkeys(["age", "city"], "the version has no profile of it")
    assert any("pushed without its answers to eval rows" in note for note in found["notes"])
    record = {**RECORD, "task": "regression", "classes": None, "main_metric": "mae", "measured": ["mae"]}
    assert any("metrics of numbers are not estimated" in note for note in watch(version, record)["notes"])


def alarms_of(measure: Any, shares: Sequence[float], rows: int, chance: float, windows: int, before: int) -> int:
    """Counts the windows without change that exceed the limit, each with a profile of its own."""
    random = np.random.default_rng(7)
    profiles = random.multinomial(before, shares, windows).astype(float)
    now = random.multinomial(rows, shares, windows).astype(float)
    limits = [chance_limit(measure, a, b, chance, random) for a, b in zip(profiles[:8], now[:8], strict=True)]
    return int((measure(profiles, now) > np.mean(limits)).sum())


@pytest.mark.parametrize(
    ("measure", "shares"),
    [(jensen_shannon, [0.05] * 20), (largest_difference, [0.6, 0.2, 0.1, 0.05, 0.03, 0.01, 0.005, 0.005])],
)
@pytest.mark.parametrize(("rows", "before"), [(60, 5000), (3000, 1000)])
def test_limits_hold_their_rate_over_windows_without_change(
    measure: Any, shares: list[float], rows: int, before: int
) -> None:
    # 3,000 windows at 1 in 100: 30 +- 5.4; and 200 windows at one in 420, as of 14 columns in 30 looks.
    assert 12 <= alarms_of(measure, shares, rows, 0.01, 3000, before) <= 50
    assert alarms_of(measure, shares, rows, 1 / 420, 200, before) <= 4


def test_counts_add_up_over_batches_and_know_missing_and_unseen() -> None:
    import pyarrow as pa

    columns = {
        "rooms": Column("numeric", np.array([1.0, 2, 3, np.nan] * 20)),
        "city": Column("categorical", np.array(["rome", "oslo", None, "oslo"] * 20, object)),
    }
    profiles = profile_columns(columns, None)
    rooms, city = Counts(profiles["rooms"]), Counts(profiles["city"])
    for batch in ([1, 2, None], [3, 3]):
        rooms.add(pa.array(batch, pa.int64()))
    for names in (["rome", "bern", None], ["NA", "oslo"]):
        city.add(pa.array(names), frozenset({"NA"}))
    assert (rooms.now[0].tolist(), rooms.missing, rooms.missing_before()) == ([1, 1, 2, 1], 1, 0.25)
    assert (city.missing, city.unseen, city.missing_before(), city.now[0].sum()) == (2, 1, 0.25, 5)
    whole = Counts(profiles["rooms"])
    whole.add(pa.array([2, 2, 1, 3, None] * 20, pa.int64()))
    assert whole.compare(0.01, np.random.default_rng(0))["alarm"] is False
