"""What the curated schema infers from data, and how it takes new data over."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kerasline.components.core.errors import ConfigError
from kerasline.components.validation.schema.schema import amend_schema, parse_schema, print_schema

Judge = Callable[..., Any]


def features(text: str) -> dict[str, Any]:
    return {feature.name: feature for feature in parse_schema(text, "test").feature}


def test_types_presence_and_domains(judge: Judge, people: Callable[..., Any]) -> None:
    rows = [{**row, "income": None if i % 3 == 0 else row["income"]} for i, row in enumerate(people())]
    text = judge(rows).schema
    assert text.startswith('feature {\n  name: "')
    found = features(text)
    assert {name: feature.type for name, feature in found.items()} == {
        "age": 3, "income": 3, "children": 2, "town": 1, "id": 1, "label": 1,
    }  # fmt: skip
    assert list(found["town"].string_domain.value) == ["Bonn", "Kiel", "Ulm"]
    assert not found["town"].HasField("distribution_constraints")
    assert list(found["label"].string_domain.value) == ["no", "yes"]
    assert found["id"].WhichOneof("domain_info") is None
    assert found["age"].WhichOneof("domain_info") is None
    assert found["age"].presence.min_fraction == 1
    assert (found["income"].presence.min_fraction, found["income"].presence.min_count) == (0, 1)


def test_values_seen_once_tell_how_many_unseen_ones_to_tolerate(judge: Judge, people: Callable[..., Any]) -> None:
    rows = people()
    for index in range(6):
        rows[index]["town"] = f"Hamlet {index}"  # 6 of 600 rows: one in a hundred will be new
    judged = judge(rows)
    town = features(judged.schema)["town"]
    assert "Hamlet 3" in town.string_domain.value
    assert town.distribution_constraints.min_domain_mass == pytest.approx(0.97)
    later = people(seed=1)
    for index in range(3):
        later[index]["town"] = f"Village {index}"
    assert judge(later, schema=judged.schema).verdict["stopped"] is False
    for index in range(40):
        later[index]["town"] = f"Village {index}"
    assert "Village" in judge(later, schema=judged.schema).verdict["message"]


def test_one_unseen_row_in_a_small_split_is_within_a_tolerance(judge: Judge, people: Callable[..., Any]) -> None:
    rows = people()
    for index in range(6):
        rows[index]["town"] = f"Hamlet {index}"
    schema = judge(rows).schema
    test = people(12, seed=3)
    test[0]["town"] = "Village"  # 8 % of 12 rows
    assert judge(people(seed=1), test=test, schema=schema).verdict["stopped"] is False


def test_open_columns_have_no_domain(judge: Judge, people: Callable[..., Any]) -> None:
    rows = [{**row, "street": f"street {i % 150}", "note": f"note {i * 7 % 80}"} for i, row in enumerate(people())]
    found = features(judge(rows).schema)
    assert found["street"].WhichOneof("domain_info") is None  # above 100 values
    assert len(found["note"].string_domain.value) == 80


def test_an_inferred_schema_agrees_with_its_own_data(judge: Judge, people: Callable[..., Any]) -> None:
    for count, seed in ((40, 0), (90, 1)):
        rows = people(count, seed=seed)
        rows[0]["town"] = "Hamlet"
        rows[1]["income"] = None
        verdict = judge(rows).verdict
        assert [line for line in verdict["checks"] if line["check"] == "anomalies" and line["status"] != "passed"] == []


def test_classes_are_whole_numbers_of_a_range(judge: Judge, people: Callable[..., Any]) -> None:
    rows = [{**row, "label": 1 if row["label"] == "yes" else 0} for row in people()]
    domain = features(judge(rows).schema)["label"].int_domain
    assert (domain.min, domain.max) == (0, 1)


def test_accepted_findings_leave_nothing_to_find(judge: Judge, people: Callable[..., Any]) -> None:
    schema = judge(people()).schema.replace('value: "Ulm"', 'value: "Ulm"\n    value: "Rom"')
    rows = [
        {**row, "town": "Oslo" if i < 50 else row["town"], "height": 1.5 + i % 9}
        for i, row in enumerate(people(seed=1))
    ]
    rows = [{k: v for k, v in row.items() if k != "children"} for row in rows]
    for row in rows[:40]:
        row["age"] = None
    judged = judge(rows, schema=schema)
    accept = judged.verdict["accept"]
    assert accept["columns"] == ["age", "children", "height", "town"]
    again = judge(rows, schema=accept["schema"])
    assert again.verdict["stopped"] is False
    found = features(accept["schema"])
    assert list(found["town"].string_domain.value) == ["Bonn", "Kiel", "Ulm", "Rom", "Oslo"]
    assert "children" not in found
    assert found["age"].presence.min_fraction < 1
    assert found["income"].presence.min_fraction == 1


def test_amending_keeps_columns_without_a_finding_as_they_are() -> None:
    schema = parse_schema('feature { name: "a" type: INT } feature { name: "b" type: BYTES }', "test")
    observed = parse_schema('feature { name: "a" type: FLOAT } feature { name: "b" type: FLOAT }', "test")
    amended = amend_schema(schema, observed, {"b": {70}})
    assert print_schema(amended) == 'feature {\n  name: "a"\n  type: INT\n}\nfeature {\n  name: "b"\n  type: FLOAT\n}\n'


def test_what_is_no_schema_says_where() -> None:
    with pytest.raises(
        ConfigError, match=r"data.schema.pbtxt: expected a schema .* at 2:3 .*no field named \"tipe\"; mend"
    ):
        parse_schema("feature {\n  tipe: INT\n}", "data.schema.pbtxt")


def test_arrays_have_a_fixed_length(judge_dataset: Judge, tmp_path: Path) -> None:
    import numpy as np

    from kerasline.components.datasets import DataOptions, resolve

    values = np.random.default_rng(0).normal(size=(80, 5, 2)).astype(np.float32)
    np.savez(tmp_path / "signals.npz", x_train=values, y_train=np.arange(80) % 2)
    dataset = resolve(
        DataOptions.model_validate({"npz": {"path": "signals.npz"}}), name="trial", base_dir=tmp_path, data_dir=None
    )
    (array,) = (f for f in features(judge_dataset(dataset).schema).values() if f.HasField("value_count"))
    assert (array.value_count.min, array.value_count.max) == (10, 10)
