"""TensorFlow Serving's request logs, written by its own protos, become captured rows: each once."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2
from typer.testing import CliRunner

import kerasline as kl
from kerasline.components.core import ConfigError
from kerasline.components.monitoring import CaptureOptions, Taken, describe_taken, log_files
from kerasline.components.monitoring.records import parts_of
from kerasline.components.registry import push_version
from kerasline.pipeline.cli.entry import app
from kerasline.pipeline.models import capture_logs, label_answers

ROOT = Path(__file__).resolve().parents[3]
NOW = int(time.time())
RECORD: dict[str, Any] = {
    "recipe": "flats",
    "task": "multiclass",
    "classes": ["cheap", "dear", "usual"],
    "arguments": {"area (m²)": "area__m__", "rooms": "rooms", "mail": "mail", "flat": "flat"},
    "columns": [
        {"name": "area (m²)", "dtype": "float"},
        {"name": "rooms", "dtype": "int"},
        {"name": "mail", "dtype": "string"},
        {"name": "flat", "dtype": "string"},
    ],
    "label": {"name": "price", "columns": ["price"]},
    "main_metric": "accuracy",
    "measured": ["accuracy"],
    "serve": {"capture": CaptureOptions(redact=["mail"]).model_dump()},
}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A workspace with two versions of the model ``flats``."""
    root = tmp_path / "workspace"
    for number in (1, 2):
        model = root / f"exported-{number}"
        (model / "variables").mkdir(parents=True)
        (model / "saved_model.pb").write_text(str(number))
        (model / "variables" / "variables.index").write_text("")
        push_version(root / "models" / "flats", model, RECORD, 5)
    return root


def predict_log(
    flats: list[str], version: int | None = 2, name: str = "flats", at: int = NOW, **changed: Any
) -> prediction_log_pb2.PredictionLog:
    """A request with a tensor for each column, and its answer."""
    log = prediction_log_pb2.PredictionLog()
    log.log_metadata.timestamp_secs = at
    rows = len(flats)
    inputs = {
        "area__m__": [50.0] * rows, "rooms": [3.0] * rows, "mail": ["me@secret.org"] * rows, "flat": flats,
        **changed,
    }  # fmt: skip
    entry = log.predict_log
    entry.request.model_spec.name = name
    entry.request.model_spec.signature_name = "serving_raw"
    if version is not None:
        entry.response.model_spec.version.value = version
    for key, values in inputs.items():
        entry.request.inputs[key].CopyFrom(tf.make_tensor_proto(values))
    outputs = {"scores": [[0.1, 0.7, 0.2]] * rows, "class": ["dear"] * rows, "classes": [RECORD["classes"]] * rows}
    for key, values in outputs.items():
        entry.response.outputs[key].CopyFrom(tf.make_tensor_proto(values))
    return log


def example(flat: str) -> tf.train.Example:
    """A row as a tf.Example."""
    made = tf.train.Example()
    made.features.feature["area (m²)"].float_list.value.append(60.0)
    made.features.feature["mail"].bytes_list.value.append(b"me@secret.org")
    made.features.feature["flat"].bytes_list.value.append(flat.encode())
    return made


def write(path: Path, *logs: Any, compression: str = "") -> Path:
    """Writes a TFRecord file as TensorFlow does."""
    with tf.io.TFRecordWriter(str(path), options=compression or None) as writer:
        for log in logs:
            writer.write(log if isinstance(log, bytes) else log.SerializeToString())
    return path


def rows_on_disk(home: Path) -> list[dict[str, Any]]:
    """All captured rows."""
    days = sorted((home / "captured" / "flats" / "answers").glob("version=*/day=*"))
    files = [part for day in days for part in parts_of(day)]
    return [row for file in files for row in pq.read_table(file, partitioning=None).to_pylist()]


def counts(taken: Taken) -> dict[str, int]:
    """What became of the records, without what did not happen."""
    return {name: number for name, number in taken.counts.items() if number}


@pytest.mark.parametrize("compression", ["", "GZIP"])
def test_logs_become_rows_that_monitor_and_label_find(home: Path, tmp_path: Path, compression: str) -> None:
    of_examples = predict_log(["x"], area__m__=[1.0])
    of_examples.predict_log.request.inputs.clear()
    examples = [example("c").SerializeToString(), example("d").SerializeToString()]
    of_examples.predict_log.request.inputs["examples"].CopyFrom(tf.make_tensor_proto(examples))
    for name in ("scores", "class"):
        value = {"scores": [[0.8, 0.1, 0.1], [0.2, 0.2, 0.6]], "class": ["cheap", "usual"]}[name]
        of_examples.predict_log.response.outputs[name].CopyFrom(tf.make_tensor_proto(value))
    classify = prediction_log_pb2.PredictionLog()
    classify.log_metadata.model_spec.name = "flats"
    classify.log_metadata.model_spec.version.value = 2
    listed = classify.classify_log.request.input.example_list_with_context
    listed.context.CopyFrom(example("e"))
    listed.examples.add().features.feature["rooms"].int64_list.value.append(7)
    found = classify.classify_log.response.result.classifications.add()
    for label, score in (("usual", 0.5), ("cheap", 0.25), ("dear", 0.25)):
        found.classes.add(label=label, score=score)
    del of_examples.predict_log.response.outputs["classes"]
    path = write(tmp_path / "log", predict_log(["a", "b"]), of_examples, classify, compression=compression)
    taken = capture_logs(home, "flats", [str(path)], "flat")
    assert counts(taken) == {"files": 1, "records": 3, "captured": 5}
    rows = {row["request_id"]: row for row in rows_on_disk(home)}
    assert {key: value for key, value in rows["a"].items() if key != "latency_ms"} == {
        "request_id": "a", "time": datetime.fromtimestamp(NOW, UTC), "version": 2, "code": 200, "role": "logged",
        "input.area (m²)": 50.0, "input.rooms": 3, "input.flat": "a", "class": "dear",
        "scores": pytest.approx([0.1, 0.7, 0.2]),
    }  # fmt: skip
    assert (rows["d"]["input.area (m²)"], rows["d"]["input.rooms"], rows["d"]["class"]) == (60.0, None, "usual")
    assert (rows["e"]["input.rooms"], rows["e"]["class"], rows["e"]["scores"]) == (7, "usual", [0.25, 0.25, 0.5])
    assert all(b"secret" not in p.read_bytes() for p in (home / "captured").rglob("*") if p.is_file())
    (tmp_path / "prices.csv").write_text("flat,price\na,dear\nb,cheap\nc,cheap\n")
    assert label_answers(home, "flats", str(tmp_path / "prices.csv"), "flat")["joined"] == 3
    seen = kl.monitor("flats", home)
    assert (seen["answered"], seen["labelled"], seen["latency_ms"]) == (5, 3, None)
    assert seen["quality"]["accuracy"]["value"] == pytest.approx(2 / 3)
    assert any("5 of these rows were answered by TensorFlow Serving" in note for note in seen["notes"])


def test_a_file_is_read_once_however_it_is_given_and_goes_on_where_it_grew(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_files, "_FLUSH_RECORDS", 2)
    logs = [predict_log([f"f{number}"], at=NOW - number) for number in range(7)]
    whole = write(tmp_path / "whole", *logs).read_bytes()
    first = write(tmp_path / "first", *logs[:3]).read_bytes()
    path = tmp_path / "logs" / "log"
    path.parent.mkdir()
    path.write_bytes(whole[: len(first) + 9])  # TensorFlow Serving is writing the fourth
    taken = capture_logs(home, "flats", [str(path)])
    assert (taken.counts["captured"], taken.cut, taken.lost) == (3, [str(path)], [])
    assert "ends within a record" in "".join(describe_taken("flats", taken))
    again = capture_logs(home, "flats", [str(path.parent), str(path)])
    assert counts(again) == {"files": 1, "read_before": 1}
    path.write_bytes(whole)
    assert counts(capture_logs(home, "flats", [f"{tmp_path}/logs/*"])) == {"files": 1, "records": 4, "captured": 4}
    path.rename(tmp_path / "logs" / "renamed")
    (tmp_path / "logs" / "copy").write_bytes(whole)
    (tmp_path / "logs" / "empty").touch()
    assert counts(capture_logs(home, "flats", [f"{tmp_path}/logs/*"])) == {"files": 3, "read_before": 2}
    ids = [row["request_id"] for row in rows_on_disk(home)]
    assert len(ids) == len(set(ids)) == 7


KILLED = """
import os, sys
from pathlib import Path
from kerasline.components.monitoring import log_files
from kerasline.pipeline.models import capture_logs
log_files._FLUSH_RECORDS = 2
write = log_files.write_table
def write_and_die(table, path):
    write(table, path)
    if "-00000002-" in path.name:
        os._exit(9)
log_files.write_table = write_and_die
capture_logs(Path(sys.argv[1]), "flats", [sys.argv[2]])
"""


@pytest.mark.slow
def test_a_command_that_was_killed_goes_on_without_a_row_twice(home: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "log", *(predict_log([f"f{number}"]) for number in range(6)))
    command = [sys.executable, "-c", KILLED, str(home), str(path)]
    assert subprocess.run(command, cwd=ROOT, check=False, capture_output=True).returncode == 9
    assert len(rows_on_disk(home)) == 4
    assert capture_logs(home, "flats", [str(path)]).counts["captured"] == 4
    assert sorted(row["input.flat"] for row in rows_on_disk(home)) == [f"f{number}" for number in range(6)]


def test_records_that_are_no_answers_of_the_model_are_counted_by_what_they_are(home: Path, tmp_path: Path) -> None:
    filtered = predict_log(["a"])
    filtered.predict_log.response.outputs.clear()
    logs = [
        predict_log(["a"]),
        predict_log(["a"], name="other"),
        predict_log(["a"], version=7),
        predict_log(["a"], version=None),
        predict_log(["a"], at=NOW - 40 * 86_400),
        predict_log(["a"], rooms=[1.0, 2.0]),
        predict_log(["a"], rooms=["three"]),
        filtered,
        b"\xff no log",
        prediction_log_pb2.PredictionLog(session_run_log=prediction_log_pb2.SessionRunLog()),
    ]
    taken = capture_logs(home, "flats", [str(write(tmp_path / "log", *logs))])
    assert counts(taken) == {
        "files": 1, "records": 10, "captured": 1, "other_models": 1, "unknown_versions": 1, "without_version": 1,
        "too_old": 1, "unreadable": 3, "without_answer": 1, "other_kinds": 1,
    }  # fmt: skip
    assert (dict(taken.other_models), dict(taken.unknown_versions)) == ({"other": 1}, {"7": 1})
    told = "\n".join(describe_taken("flats", taken))
    assert "flats: 1 row captured from 10 new records of 1 file" in told
    assert "what to redact is not known: 1 (7 1)" in told
    assert len(rows_on_disk(home)) == 1
    unnamed = write(tmp_path / "unnamed", predict_log(["a", "b"], version=None, name=""))
    assert capture_logs(home, "flats@1", [str(unnamed)]).counts["captured"] == 2
    assert [row["version"] for row in rows_on_disk(home)] == [1, 1, 2]
    nameless = write(tmp_path / "nameless", predict_log(["", "b"]))
    assert counts(capture_logs(home, "flats", [str(nameless)], "flat")) == {"files": 1, "records": 1, "without_id": 1}


def test_damage_is_passed_over_where_that_can_be_done(home: Path, tmp_path: Path) -> None:
    logs = [predict_log([f"f{number}"]) for number in range(3)]
    size = len(write(tmp_path / "one", logs[0]).read_bytes())
    content = bytearray(write(tmp_path / "log", *logs).read_bytes())
    content[size + 40] ^= 1  # within the second record
    (tmp_path / "log").write_bytes(content)
    assert counts(capture_logs(home, "flats", [str(tmp_path / "log")])) == {
        "files": 1, "records": 3, "captured": 2, "damaged": 1,
    }  # fmt: skip
    content = bytearray(write(tmp_path / "log", *logs).read_bytes())
    content[size + 1] ^= 1  # its length
    (tmp_path / "broken").write_bytes(content)
    (tmp_path / "packed.gz").write_bytes(gzip.compress(bytes(write(tmp_path / "log", *logs).read_bytes()))[:-20])
    taken = capture_logs(home, "flats", [str(tmp_path / "broken"), str(tmp_path / "packed.gz")])
    assert (taken.lost, taken.cut) == ([str(tmp_path / "broken")], [str(tmp_path / "packed.gz")])
    (tmp_path / "words.txt").write_text("no TFRecords at all")
    assert capture_logs(home, "flats", [str(tmp_path / "words.txt")]).lost == [str(tmp_path / "words.txt")]
    with pytest.raises(ConfigError, match="no file matches .*/none"):
        capture_logs(home, "flats", [str(tmp_path / "none")])
    with pytest.raises(ConfigError, match="got 'mail', which serve.capture.redact names"):
        capture_logs(home, "flats", [str(tmp_path / "log")], "mail")


def test_the_command_says_what_it_took(home: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "log", predict_log(["a"]), predict_log(["a"], name="other"))
    words = ["capture", "flats", str(path), "--key", "flat", "--workspace", str(home), "--json", str(tmp_path / "j")]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert "flats: 1 row captured from 2 new records of 1 file" in done.output
    assert "records of other models: 1 (other 1)" in done.output
    told = json.loads((tmp_path / "j").read_text())
    assert (told["captured"], told["other_models"], told["lost"]) == (1, {"other": 1}, [])
