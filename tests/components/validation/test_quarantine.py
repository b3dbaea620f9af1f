"""Rows that are put aside: which, why, what is left in place, and when it is too much."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kerasline.components.example_gen.row_rules import ColumnRule, RowRules, make_judge

People = Callable[..., list[dict[str, Any]]]
Judge = Callable[..., Any]
QUARANTINE = {"anomalies": "quarantine", "nonfinite": "quarantine"}


def total(judged: Any) -> int:
    return sum(len(judged.rows(split)) for split in ("train", "eval", "test"))


def test_bad_rows_go_aside_with_column_and_reason_and_the_rest_goes_on(judge: Judge, people: People) -> None:
    schema = judge(people()).schema
    rows = people(seed=1)
    rows[5]["town"] = "Atlantis"
    rows[9]["age"] = None
    rows[11]["age"] = "forty"
    rows[13]["income"] = math.inf
    judged = judge(rows, schema=schema, validation=QUARANTINE)
    assert judged.verdict["stopped"] is False
    aside = {row["_row"]: (row["_column"], row["_reason"]) for row in judged.aside()}
    assert aside == {
        5: ("town", "expected one of the 3 values of the schema, got 'Atlantis'"),
        9: ("age", "expected a value, got none"),
        11: ("age", "expected a number, got 'forty'"),
        13: ("income", "expected finite numbers, got inf"),
    }
    (atlantis,) = [row for row in judged.aside() if row["_row"] == 5]
    assert atlantis["_source"].endswith("rows.csv")
    assert (atlantis["town"], atlantis["label"], atlantis["id"]) == ("Atlantis", rows[5]["label"], "p1-5")
    assert total(judged) == 596
    # The column is numbers again, although a cell of the table is text.
    assert {type(value) for split in ("train", "eval") for row in judged.rows(split) for value in row["age"]} == {float}
    assert next(step.kind for step in judged.plan.steps if step.name == "age") == "numeric"
    assert {line["check"] for line in judged.verdict["findings"]} == {"quarantine"}


def test_text_among_numbers_goes_aside_before_there_is_a_schema(judge: Judge, people: People) -> None:
    rows = people()
    rows[0]["age"], rows[300]["age"] = "n/k", "forty"
    judged = judge(rows, validation=QUARANTINE)
    assert {row["_row"]: (row["_column"], row["_reason"]) for row in judged.aside()} == {
        0: ("age", "expected a number, got 'n/k'"),
        300: ("age", "expected a number, got 'forty'"),
    }
    assert total(judged) == 598
    assert 'name: "age"\n  type: FLOAT' in judged.schema
    assert next(step.kind for step in judged.plan.steps if step.name == "age") == "numeric"
    assert {line["check"] for line in judged.verdict["findings"]} == {"quarantine"}
    many = judge([{**row, "age": "n/k"} if i % 10 == 0 else row for i, row in enumerate(rows)], validation=QUARANTINE)
    assert many.aside() == [], "more than may go aside: text is what this column holds"
    said = judge(rows, validation=QUARANTINE, features={"age": {"kind": "numeric"}})
    assert said.aside() == [], "the recipe wants the numbers in this text; the rest counts as missing"
    assert total(said) == 600


def test_the_verdict_counts_rows_by_reason(judge: Judge, people: People) -> None:
    schema = judge(people()).schema
    rows = people(seed=1)
    for index in (5, 6, 7):
        rows[index]["town"] = f"Atlantis {index}"
    rows[9]["age"] = None
    quarantine = judge(rows, schema=schema, validation=QUARANTINE).verdict["quarantine"]
    assert (quarantine["rows"], quarantine["share"], quarantine["limit"]) == (4, 0.006667, 0.05)
    assert quarantine["reasons"] == [
        {"column": "town", "reason": "expected one of the 3 values of the schema", "rows": 3},
        {"column": "age", "reason": "expected a value", "rows": 1},
    ]


def test_too_many_bad_rows_stop_the_run_and_can_be_looked_at(judge: Judge, people: People) -> None:
    schema = judge(people()).schema
    rows = people(seed=1)
    for row in rows[:60]:
        row["town"] = "Atlantis"
    judged = judge(rows, schema=schema, validation=QUARANTINE)
    assert judged.verdict["stopped"] is True
    message = judged.verdict["message"]
    assert "60 rows (10.00%) in quarantine, most often column 'town': expected one of the 3 values" in message
    assert "above the limit 0.05" in message
    assert "--set validation.quarantine.max_share=0.1" in message
    assert str(judged.examples / "quarantine") in message
    assert len(judged.aside()) == 60
    assert (
        judge(rows, schema=schema, validation={**QUARANTINE, "quarantine": {"max_share": 0.2}}).verdict["stopped"]
        is False
    )


def test_a_row_stays_in_its_split_whatever_goes_aside(judge: Judge, people: People) -> None:
    clean = judge(people())
    rows = people()
    rows[0]["town"] = "Atlantis"
    judged = judge(rows, schema=clean.schema, validation=QUARANTINE)
    for split in ("train", "eval", "test"):
        ids = {row["id"][0] for row in clean.rows(split)} - {b"p0-0"}
        assert {row["id"][0] for row in judged.rows(split)} == ids


def test_what_no_row_is_to_blame_for_fails_under_quarantine(judge: Judge, people: People) -> None:
    schema = judge(people()).schema
    rows = [{key: value for key, value in row.items() if key != "income"} for row in people()]
    judged = judge(rows, schema=schema, validation=QUARANTINE)
    assert judged.verdict["stopped"] is True
    assert "column 'income'" in judged.verdict["message"]


def test_limits_that_the_user_wrote_into_the_schema(judge: Judge, people: People) -> None:
    schema = judge(people()).schema.replace(
        'name: "age"\n  type: FLOAT', 'name: "age"\n  type: FLOAT\n  float_domain {\n    min: 15\n    max: 120\n  }'
    )
    rows = people(seed=2)
    rows = [{**row, "age": max(row["age"], 15.0)} for row in rows]
    rows[3]["age"] = -1.0
    judged = judge(rows, schema=schema, validation=QUARANTINE)
    assert [(row["_row"], row["_reason"]) for row in judged.aside()] == [(3, "expected at least 15, got -1.0")]
    judged = judge(rows, schema=schema)
    assert "column 'age'" in judged.verdict["message"] and judged.verdict["stopped"] is True


def test_copies_of_train_rows_are_taken_out_of_the_test_split(judge: Judge, people: People) -> None:
    rows = people()
    judged = judge(
        rows, test=[*people(195, seed=1), *rows[:5]], validation={"duplicates": "quarantine"}
    )  # fmt: skip
    assert [row["id"] for row in judged.aside()] == [f"p0-{i}" for i in range(5)]
    assert {row["_source"] for row in judged.aside()} == {"test"}
    assert judged.aside()[0]["_reason"] == "duplicate of a row in train or eval"
    assert judged.aside()[0]["town"] == rows[0]["town"]
    assert len(judged.rows("test")) == 195
    assert judged.check("duplicates", split="test")["figure"] == 0
    assert total(judged) == 795


def test_without_quarantine_there_are_no_rules_and_no_folder(judge: Judge, people: People) -> None:
    judged = judge(people(), schema=judge(people()).schema)
    assert judged.rules == RowRules()
    assert judged.rules.to_json() == ""
    assert not (judged.examples / "quarantine").exists()
    assert judged.verdict["quarantine"] is None


def test_rules_survive_their_journey_as_json() -> None:
    rules = RowRules(columns=(ColumnRule(name="a", cast="int", values=("x",), minimum=-1.5),), finite=True)
    assert RowRules.from_json(rules.to_json()) == rules
    assert RowRules.from_json("") == RowRules()


@pytest.mark.parametrize(
    ("cast", "given", "kept"),
    [("float", 3, 3.0), ("float", "2.5", 2.5), ("int", "4", 4), ("int", 7.0, 7), ("string", 12, "12")],
)
def test_casts(cast: Any, given: Any, kept: Any) -> None:
    check = make_judge(RowRules(columns=(ColumnRule(name="a", cast=cast),)))
    row = {"a": given}
    assert check is not None and check(row) is None
    assert (row["a"], type(row["a"])) == (kept, type(kept))


@pytest.mark.parametrize(("cast", "given"), [("float", "nan"), ("float", "x"), ("int", "1.5"), ("int", "many")])
def test_what_cannot_be_cast_is_a_fault(cast: Any, given: str) -> None:
    check = make_judge(RowRules(columns=(ColumnRule(name="a", cast=cast),)))
    fault = check({"a": given}) if check else None
    assert fault is not None and fault[0] == "a" and fault[1].endswith(f"number, got {given!r}")


def test_images_in_quarantine_keep_their_bytes(tmp_path: Path) -> None:
    import numpy as np
    import pyarrow.parquet as pq

    from kerasline.components.datasets import DataOptions, resolve
    from kerasline.components.datasets.images.png import encode_png
    from kerasline.components.example_gen.duplicates import put_duplicates_aside
    from kerasline.components.example_gen.shards import write_shard

    random = np.random.default_rng(0)
    train = random.integers(0, 256, (40, 6, 6), np.uint8)
    test = np.concatenate([train[:2], random.integers(0, 256, (8, 6, 6), np.uint8)])
    labels = np.arange(40) % 2
    np.savez(tmp_path / "images.npz", x_train=train, y_train=labels, x_test=test, y_test=np.arange(10) % 2)
    options = DataOptions.model_validate({"npz": {"path": "images.npz"}})
    dataset = resolve(options, name="trial", base_dir=tmp_path, data_dir=None)
    for index in range(len(dataset.shards)):
        write_shard(index, dataset.to_json(), str(tmp_path / "examples"))
    assert put_duplicates_aside(str(tmp_path / "examples"), dataset) == 2
    rows = pq.read_table(tmp_path / "examples" / "quarantine").to_pylist()
    column = dataset.columns[0].name
    assert {row[column] for row in rows} == {encode_png(image) for image in train[:2]}
