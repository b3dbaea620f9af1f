"""Rows that ``predict`` answers are kept as a server's are: by id, without redacted columns, and once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import kerasline as kl
from kerasline.components.monitoring import CaptureOptions, writing
from kerasline.components.monitoring.records import parts_of
from kerasline.components.registry import push_version
from kerasline.pipeline.models import label_answers, predict_file
from tests.pipeline.small_models import RECORD

ROWS = "flat,area (m²),district\na,10,xy\nb,1,bad\nc,,xyz\nd,20,\n"


@pytest.fixture
def home(workspace: Path, doublers: list[Path]) -> Path:
    """The doubler with a fourth version, whose recipe says to keep all but the district."""
    said = {"capture": CaptureOptions(redact=["district"]).model_dump()}
    push_version(workspace / "models" / "doubler", doublers[1], {**RECORD, "serve": said}, keep=5)
    return workspace


def predict(home: Path, source: Path, **more: Any) -> dict[str, Any]:
    """Predicts with version 4 into a file beside the input."""
    given: dict[str, Any] = {"output": source.with_name("out.jsonl"), **more}
    return predict_file(str(source), "doubler@4", workspace=home, **given)


def rows_on_disk(home: Path) -> list[dict[str, Any]]:
    """All captured rows."""
    days = sorted((home / "captured").glob("doubler/answers/version=4/day=*"))
    files = [part for day in days for part in parts_of(day)]
    return [row for file in files for row in pq.read_table(file, partitioning=None).to_pylist()]


def test_rows_are_kept_by_their_key_and_found_by_monitor_and_label(home: Path, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(ROWS)
    result = predict(home, tmp_path / "in.csv", keys=["flat"])
    assert (result["captured"], result["not_captured"], result["ids"], result["rows"]) == (4, None, "flat", 2)
    first, *others = rows_on_disk(home)
    assert {key: value for key, value in first.items() if key != "time"} == {
        "request_id": "a", "version": 4, "code": 200, "latency_ms": None, "role": "batch", "input.area (m²)": 10.0,
        "value": 22.0,
    }  # fmt: skip
    assert [(row["request_id"], row["code"], row["value"]) for row in others] == [
        ("d", 200, 40.0), ("b", 400, None), ("c", 400, None),
    ]  # fmt: skip
    assert all(b"xyz" not in path.read_bytes() for path in (home / "captured").rglob("*.parquet"))
    (tmp_path / "rents.csv").write_text("flat,rent\na,20\nd,41\nz,1\n")
    assert label_answers(home, "doubler", str(tmp_path / "rents.csv"), "flat")["joined"] == 2
    found = kl.monitor("doubler@4", home)
    assert (found["answered"], found["failed"], found["labelled"], found["latency_ms"]) == (2, 2, 2, None)
    assert found["quality"]["mae"]["value"] == 1.5
    assert "2 of these rows were answered by kerasline predict, and have no latency" in found["notes"]


def test_rows_without_a_key_are_given_ids_that_the_output_has(home: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in range(3):
        (tmp_path / "in" / f"{number}.csv").write_text(f"area (m²),district\n{number},\n{number + 10},\n")
    for _ in range(2):  # the same rows again are no others
        assert predict(home, tmp_path / "in")["ids"] == "request_id"
        output = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
        kept = {row["request_id"]: row["value"] for row in rows_on_disk(home)}
        assert len(rows_on_disk(home)) == len(kept) == 6
        assert kept == {row["request_id"]: row["predicted_value"] for row in output}
    assert not any(path.name.startswith(".") for path in (home / "captured").rglob("*"))


@pytest.mark.parametrize(
    ("keys", "name"), [(["district"], "request_id"), ([], "request_id_"), (["flat", "district"], "request_id")]
)
def test_a_redacted_column_gives_no_ids(home: Path, tmp_path: Path, keys: list[str], name: str) -> None:
    record = {**RECORD, "serve": {"capture": CaptureOptions(redact=["district", "request_id"]).model_dump()}}
    (home / "models" / "doubler" / "4" / "version.json").write_text(json.dumps(record))
    pq.write_table(
        pa.table({"flat": ["a"], "request_id": ["r"], "area (m²)": [1.0], "district": ["secret"]}),
        tmp_path / "in.parquet",
    )
    result = predict(home, tmp_path / "in.parquet", keys=keys)
    assert (result["captured"], result["ids"]) == (1, name)
    assert "secret" not in str(rows_on_disk(home)) and rows_on_disk(home)[0]["request_id"] != "r"


def test_the_share_is_that_of_a_server(home: Path, tmp_path: Path) -> None:
    lines = "".join(f"f{number},{number},\n" for number in range(2000))
    (tmp_path / "in.csv").write_text(f"flat,area (m²),district\n{lines}")
    assert predict(home, tmp_path / "in.csv", keys=["flat"], capture=0.0)["ids"] is None
    assert not (home / "captured").exists()
    result = predict(home, tmp_path / "in.csv", keys=["flat"], capture=0.25)
    assert result["captured"] == len(rows_on_disk(home))
    assert {row["request_id"] for row in rows_on_disk(home)} == {
        f"f{number}" for number in range(2000) if writing.is_chosen(f"f{number}", 0.25)
    }


def test_what_cannot_be_kept_fails_no_prediction(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in.csv").write_text(ROWS)
    (home / "captured").write_text("a file where a folder should be")
    result = predict(home, tmp_path / "in.csv")
    assert (result["rows"], result["captured"], result["not_captured"]) == (2, 0, "Not a directory")
    assert "others could not be kept: Not a directory" in capfd.readouterr().out
    (home / "captured").unlink()
    monkeypatch.setattr(writing, "_FREE_BYTES", 1 << 62)
    monkeypatch.setattr(writing, "_FREE_SHARE", 1.0)
    result = predict(home, tmp_path / "in.csv")
    assert (result["rows"], result["captured"]) == (2, 0)
    assert "MB are free" in result["not_captured"]
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 2
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_tf_examples_are_taken_apart(home: Path, tmp_path: Path) -> None:
    import tensorflow as tf

    example = tf.train.Example()
    example.features.feature["area (m²)"].float_list.value.append(5.0)
    example.features.feature["district"].bytes_list.value.append(b"secret")
    with tf.io.TFRecordWriter(str(tmp_path / "in.tfrecord")) as writer:
        writer.write(example.SerializeToString())
        writer.write(b"\xff\xff no example")
    assert predict(home, tmp_path / "in.tfrecord")["captured"] == 2
    kept = rows_on_disk(home)
    assert [(row["input.area (m²)"], row["value"], row["code"]) for row in kept] == [
        (5.0, 16.0, 200),
        (None, None, 400),
    ]
    assert "secret" not in str(kept)
