"""Each kind of dirt, planted in a clean table: what the gate says of it, and that it says nothing of clean data."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kerasline.components.validation.policy.options import ValidationOptions

People = Callable[..., list[dict[str, Any]]]
Judge = Callable[..., Any]


@pytest.fixture
def schema(judge: Judge, people: People) -> str:
    """The curated schema of a clean first run."""
    return judge(people()).schema


def test_clean_data_passes_every_check_with_figures(judge: Judge, people: People) -> None:
    judged = judge(people())
    assert judged.verdict["stopped"] is False
    assert judged.verdict["findings"] == []
    assert {line["check"] for line in judged.verdict["checks"]} == {
        "anomalies", "nonfinite", "leakage", "duplicates", "skew", "drift",
    }  # fmt: skip
    leakage = judged.check("leakage", "age")
    assert (leakage["status"], leakage["limit"]) == ("passed", 0.99)
    assert 0.2 < leakage["figure"] < 0.7
    skew = judged.check("skew", "town", "eval")
    assert skew["measure"] == "L-infinity distance"
    assert 0 <= skew["figure"] <= skew["limit"] + skew["allowance"]
    assert judged.check("drift")["status"] == "skipped"


def test_unseen_value_stops_the_run_with_the_way_to_accept_it(judge: Judge, people: People, schema: str) -> None:
    rows = people(seed=1)
    rows[5]["town"] = rows[17]["town"] = "Atlantis"
    judged = judge(rows, schema=schema)
    assert judged.verdict["stopped"] is True
    message = judged.verdict["message"]
    assert message.startswith("the data gate stopped the run: column 'town' of the train split: anomalies: ")
    assert "values that the schema has not: Atlantis" in message
    assert "'kerasline schema accept RECIPE'" in message
    assert judged.verdict["accept"]["columns"] == ["town"]
    assert 'value: "Atlantis"' in judged.verdict["accept"]["schema"]


def test_warn_lets_the_same_row_pass(judge: Judge, people: People, schema: str) -> None:
    rows = people(seed=1)
    rows[5]["town"] = "Atlantis"
    judged = judge(rows, schema=schema, validation={"anomalies": "warn"})
    assert judged.verdict["stopped"] is False
    assert [(line["check"], line["column"], line["status"]) for line in judged.verdict["findings"]] == [
        ("anomalies", "town", "warned")
    ]
    assert len(judged.rows("train") + judged.rows("eval") + judged.rows("test")) == 600


def test_a_missing_value_where_there_never_was_one(judge: Judge, people: People, schema: str) -> None:
    rows = people(seed=2)
    for row in rows[:60]:
        row["income"] = None
    judged = judge(rows, schema=schema)
    assert "column 'income'" in judged.verdict["message"]
    assert "and the schema wants 1" in judged.verdict["message"]


def test_a_column_that_changes_its_type_half_way(judge: Judge, people: People, schema: str) -> None:
    rows = people(seed=3)
    for row in rows[300:]:
        row["age"] = f"{row['age']} years"
    judged = judge(rows, schema=schema)
    assert "column 'age'" in judged.verdict["message"]
    assert "expected data of type: FLOAT but got STRING" in judged.verdict["message"]


def test_dropped_and_new_columns_are_both_named(judge: Judge, people: People, schema: str) -> None:
    rows = [
        {**{k: v for k, v in row.items() if k != "income"}, "height": 170.5 + i % 7} for i, row in enumerate(people())
    ]
    judged = judge(rows, schema=schema)
    texts = {line["column"]: line["text"] for line in judged.verdict["findings"] if line["split"] == "train"}
    assert texts == {"income": "is in the schema but not in the data", "height": "is not in the schema"}


def test_whole_numbers_stand_for_the_floats_that_the_schema_wants(judge: Judge, people: People, schema: str) -> None:
    rows = [{**row, "age": round(row["age"])} for row in people(seed=4)]
    judged = judge(rows, schema=schema)
    assert judged.rules.casts() == {"age": "float"}
    assert judged.verdict["findings"] == []
    assert all(isinstance(row["age"][0], float) for row in judged.rows("eval"))


def test_leaked_label_under_another_name(judge: Judge, people: People) -> None:
    rows = [{**row, "answer": "1" if row["label"] == "yes" else "0"} for row in people()]
    judged = judge(rows)
    line = judged.check("leakage", "answer")
    assert (line["status"], line["figure"]) == ("failed", 1.0)
    assert "column 'answer' of the train split: leakage: it gives the label away" in judged.verdict["message"]
    assert "--set features.answer=drop" in judged.verdict["message"]


def test_near_copy_of_a_regression_label(judge: Judge, people: People) -> None:
    rows = [{**row, "cents": row["income"] * 100 + i % 3} for i, row in enumerate(people())]
    judged = judge(rows, label="income")
    assert judged.check("leakage", "cents")["figure"] > 0.999
    assert judged.check("leakage", "age")["status"] == "passed"
    assert judged.verdict["stopped"] is True


def test_category_that_tells_the_class_almost_alone(judge: Judge, people: People) -> None:
    rows = [{**row, "ward": f"{row['label'][0]}{i % 9}"} for i, row in enumerate(people())]
    line = judge(rows).check("leakage", "ward")
    assert (line["measure"], line["status"]) == ("skill of predicting the label", "failed")
    assert line["figure"] > 0.99


def test_a_date_that_only_one_class_has(judge: Judge, people: People) -> None:
    rows = [
        {**row, "left_on": f"2023-{1 + i % 12:02d}-{1 + i % 28:02d}" if row["label"] == "yes" else None}
        for i, row in enumerate(people())
    ]
    judged = judge(rows, features={"left_on": {"kind": "date"}})
    assert judged.check("leakage", "left_on")["figure"] == 1.0
    assert "of whether it has a value" in judged.verdict["message"]


def test_leakage_of_one_column_can_be_accepted(judge: Judge, people: People) -> None:
    rows = [{**row, "answer": "1" if row["label"] == "yes" else "0"} for row in people()]
    assert judge(rows, validation={"leakage": {"columns": {"answer": "off"}}}).verdict["stopped"] is False
    assert judge(rows, validation={"leakage": "warn"}).verdict["findings"][0]["status"] == "warned"
    assert judge(rows, features={"answer": {"kind": "drop"}}).verdict["findings"] == []


def test_drift_of_a_number_and_of_a_category(judge: Judge, people: People) -> None:
    before = judge(people(2000)).profile["columns"]
    rows = people(2000, seed=5, age=12)
    for row in rows[:900]:
        row["town"] = "Ulm"
    judged = judge(rows, reference=before, validation={"drift": "fail"})
    age, town = judged.check("drift", "age"), judged.check("drift", "town")
    assert (age["measure"], age["status"], town["measure"]) == (
        "Jensen-Shannon divergence",
        "failed",
        "L-infinity distance",
    )
    assert 0.1 < age["figure"] < 0.4
    assert "(mean 39.74 before, 5" in age["text"] and "now)" in age["text"]
    assert town["figure"] == pytest.approx(0.36, abs=0.05)
    assert "of the share of 'Ulm'" in town["text"]
    assert judged.check("drift", "income")["status"] == "passed"
    assert "version 1" in judged.verdict["message"]
    assert "--set validation.drift.columns.age=0." in judged.verdict["message"]


def test_numbers_and_dates_that_are_text_are_no_categories(judge: Judge, people: People) -> None:
    def as_text(rows: list[dict[str, Any]], month: int) -> list[dict[str, Any]]:
        return [
            {**row, "fee": f"{row['age'] // 1:.0f},50 €", "day": f"{1 + i % 9:02d}.{month:02d}.2023"}
            for i, row in enumerate(rows)
        ]

    features = {"fee": {"kind": "numeric", "decimal": ","}, "day": {"kind": "date", "date_format": "dmy"}}
    first = judge(as_text(people(2000), 1), features=features)
    for name in ("fee", "day"):
        (block,) = [part for part in first.schema.split("feature {") if f'name: "{name}"' in part]
        assert "domain" not in block, "few different values, and yet any other is as good"
    assert first.profile["columns"]["fee"]["kind"] == "numeric"
    assert first.profile["columns"]["fee"]["mean"] == pytest.approx(40, abs=0.5)
    reference = {"schema": first.schema, "reference": first.profile["columns"], "features": features}
    same = judge(as_text(people(2000, seed=4), 2), **reference)
    assert same.verdict["findings"] == []
    assert same.check("drift", "fee")["status"] == "passed"
    older = judge(as_text(people(2000, seed=4, age=12), 1), **reference).check("drift", "fee")
    assert (older["measure"], older["status"]) == ("Jensen-Shannon divergence", "warned")
    assert "now)" in older["text"]


def test_drift_limits_by_column(judge: Judge, people: People) -> None:
    before = judge(people(2000)).profile["columns"]
    drifted = people(2000, seed=5, age=12)
    judged = judge(drifted, reference=before, validation={"drift": {"policy": "fail", "columns": {"age": 0.5}}})
    assert judged.check("drift", "age")["status"] == "passed"
    judged = judge(drifted, reference=before, validation={"drift": {"policy": "fail", "columns": {"age": False}}})
    assert not [line for line in judged.verdict["checks"] if line["check"] == "drift" and line["column"] == "age"]


def test_the_same_source_does_not_drift_however_small(judge: Judge, people: People) -> None:
    for rows in (60, 200):
        before = judge(people(rows, seed=6)).profile["columns"]
        for seed in range(7, 12):
            judged = judge(people(rows, seed=seed), reference=before)
            assert [line for line in judged.verdict["findings"] if line["check"] in ("drift", "skew")] == []


def test_more_missing_values_are_drift(judge: Judge, people: People) -> None:
    before = judge([{**row, "age": None if i % 20 == 0 else row["age"]} for i, row in enumerate(people())])
    rows = [{**row, "age": None if i % 2 else row["age"]} for i, row in enumerate(people(seed=9))]
    judged = judge(rows, schema=before.schema, reference=before.profile["columns"])
    assert judged.check("drift", "age")["status"] == "warned"


def test_skew_between_the_splits(judge: Judge, people: People) -> None:
    judged = judge(people(), test=people(300, seed=1, age=25), validation={"skew": "fail"})
    line = judged.check("skew", "age", "test")
    assert line["status"] == "failed"
    assert "from the train split" in line["text"]
    assert judged.check("skew", "age", "eval")["status"] == "passed"


def test_duplicates_across_splits(judge: Judge, people: People) -> None:
    rows = people()
    judged = judge(rows, test=[*people(90, seed=1), *rows[:10]])
    line = judged.check("duplicates", split="test")
    assert (line["status"], line["figure"]) == ("warned", 0.1)
    assert line["text"] == "10 of 100 rows (10.00%) also in train or eval, above the limit 0.01"
    assert judged.check("duplicates", split="eval")["figure"] == 0
    judged = judge(rows, test=[*people(90, seed=1), *rows[:10]], validation={"duplicates": "fail"})
    assert "the test split: duplicates: 10 of 100 rows" in judged.verdict["message"]


def test_no_copies_are_told_of_where_equal_rows_are_divided_on_purpose() -> None:
    asked = ValidationOptions.model_validate({"duplicates": "fail"})
    assert ValidationOptions().suited_to("row").duplicates.policy == "off"
    assert ValidationOptions().suited_to("hash") == ValidationOptions()
    assert asked.suited_to("row") == asked, "somebody wants to know"


def test_infinities_warn_in_a_column_and_stop_on_request(judge: Judge, people: People) -> None:
    rows = people()
    rows[3]["income"] = rows[4]["income"] = math.inf
    judged = judge(rows)
    line = [line for line in judged.verdict["findings"] if line["check"] == "nonfinite"]
    assert {(found["column"], found["status"]) for found in line} == {("income", "warned")}
    assert sum(found["figure"] for found in line) == 2
    assert "they count as missing" in line[0]["text"]
    assert judge(rows, validation={"nonfinite": "fail"}).verdict["stopped"] is True


def test_nan_in_an_array_stops_the_run(judge_dataset: Judge, tmp_path: Path) -> None:
    import numpy as np

    from kerasline.components.datasets import DataOptions, resolve

    random = np.random.default_rng(0)
    signals = random.normal(size=(200, 6)).astype(np.float32)
    signals[7, 2] = np.nan
    np.savez(tmp_path / "signals.npz", x_train=signals, y_train=np.arange(200) % 2)
    options = DataOptions.model_validate({"npz": {"path": "signals.npz"}})
    judged = judge_dataset(resolve(options, name="trial", base_dir=tmp_path, data_dir=None))
    assert judged.verdict["stopped"] is True
    assert "1 NaN; they would spoil the fit" in judged.verdict["message"]


def test_ids_and_free_text_are_neither_kept_nor_compared(judge: Judge, people: People) -> None:
    judged = judge(people())
    assert judged.profile["columns"]["id"]["kind"] == "open"
    assert "p0-1" not in str(judged.profile)
    assert not [line for line in judged.verdict["checks"] if line["check"] == "skew" and line["column"] == "id"]


def test_off_leaves_a_check_out(judge: Judge, people: People) -> None:
    every = dict.fromkeys(("anomalies", "nonfinite", "leakage", "duplicates", "skew", "drift"), False)
    assert judge(people(), validation=every).verdict["checks"] == []
