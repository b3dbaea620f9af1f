"""Batch inference with real models: equal to the Trainer's own predictions, and whole whatever interrupts it."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import kerasline as kl
from kerasline.components.core.errors import ConfigError, DataRejected
from kerasline.components.prediction.reading.planning import PredictionPlan, plan_prediction
from kerasline.components.registry import read_record
from tests.pipeline.serving.serving_process import Running

Command = Any


def plan(workspace: Path, source: Path, output: Path, **more: Any) -> PredictionPlan:
    """Plans a prediction by version 2 of the doubler."""
    folder = workspace / "models" / "doubler"
    return plan_prediction(str(source), folder / "2", "doubler@2", read_record(folder, 2), output, **more)


def test_rows_are_predicted_and_bad_ones_listed(workspace: Path, tmp_path: Path) -> None:
    from kerasline.components.prediction.job import predict

    (tmp_path / "in.csv").write_text("id,area (m²),district\na,10,xy\nb,1,bad\nc,,\nd,x,\ne,20,\n")
    done = predict(plan(workspace, tmp_path / "in.csv", tmp_path / "out.jsonl", keys=["id"]), tmp_path / "out.jsonl")
    assert (done.rows, done.rejected, done.reused_shards) == (2, 3, 0)
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert rows == [
        {"id": "a", "predicted_value": 22.0, "model_version": "doubler@2"},
        {"id": "e", "predicted_value": 40.0, "model_version": "doubler@2"},
    ]
    rejected = [json.loads(line) for line in (tmp_path / "out.jsonl.rejected.jsonl").read_text().splitlines()]
    assert [(row["keys"]["id"], row["place"]) for row in rejected] == [("b", 3), ("c", 4), ("d", 5)]
    assert "a bad district" in rejected[0]["reason"]
    assert rejected[1]["reason"] == "the model answers with a number that is not finite"
    assert rejected[2]["reason"] == "'x' in column 'area (m²)' is no number"
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "in.csv",
        "out.jsonl",
        "out.jsonl.rejected.jsonl",
        "workspace",
    ]


def test_an_interrupted_command_goes_on_without_a_row_twice(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kerasline.components.prediction import job
    from kerasline.components.prediction.reading.readers import READERS

    (tmp_path / "in").mkdir()
    for number in range(3):
        (tmp_path / "in" / f"{number}.csv").write_text(f"area (m²),district\n{number},\n{number + 10},\n")
    output = tmp_path / "out.csv"
    planned = plan(workspace, tmp_path / "in", output)
    read = READERS["csv"]

    def fail_at_the_last(plan: PredictionPlan, shard: Any) -> Any:
        if shard["path"].endswith("2.csv"):
            raise OSError("the cable was pulled")
        return read(plan, shard)

    monkeypatch.setitem(READERS, "csv", fail_at_the_last)
    with pytest.raises(OSError, match="the cable was pulled"):
        job.predict(planned, output)
    assert not output.exists()
    monkeypatch.setitem(READERS, "csv", read)
    done = job.predict(planned, output)
    assert (done.rows, done.reused_shards) == (6, 2)
    assert [line.split(",")[2] for line in output.read_text().splitlines()[1:]] == ["0", "20", "2", "22", "4", "24"]
    (tmp_path / "in" / "0.csv").write_text("area (m²),district\n100,\n")
    again = job.predict(plan(workspace, tmp_path / "in", output), output)
    assert (again.rows, again.reused_shards) == (5, 0)


def test_a_file_that_grows_meanwhile_is_named(workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from kerasline.components.prediction.job import predict
    from kerasline.components.prediction.reading.readers import READERS

    source, output = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("area (m²),district\n1,\n2,\n")
    read = READERS["csv"]

    def grow(plan: PredictionPlan, shard: Any) -> Any:
        yield from read(plan, shard)
        source.write_text(source.read_text() + "3")

    monkeypatch.setitem(READERS, "csv", grow)
    with pytest.raises(ConfigError, match=r"in.csv changed while the run was reading it \(26 bytes before, 27 now\)"):
        predict(plan(workspace, source, output), output)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith((".", "out"))] == []


def test_beams_workers_write_the_same(workspace: Path, tmp_path: Path) -> None:
    from kerasline.components.prediction.job import predict
    from kerasline.components.prediction.workers import predict_in_workers

    (tmp_path / "in").mkdir()
    for number in range(2):
        (tmp_path / "in" / f"{number}.csv").write_text(f"area (m²),district\n{number},\nx,\n{number + 10},\n")
    output = tmp_path / "out.csv"
    planned = plan(workspace, tmp_path / "in", output)
    predict(planned, output)
    (tmp_path / "parts").mkdir()
    predict_in_workers(planned, tmp_path / "parts", [0, 1], ["--direct_running_mode=in_memory"])
    parts = sorted((tmp_path / "parts").glob("part-*.csv"))
    assert b"".join(path.read_bytes() for path in parts) == output.read_bytes()
    assert [json.loads(path.read_text())["rejected"] for path in (tmp_path / "parts").glob("summary-*")] == [1, 1]


def test_parts_of_another_job_are_not_used(workspace: Path, tmp_path: Path) -> None:
    from kerasline.components.prediction.job import predict

    (tmp_path / "in.csv").write_text("area (m²),district\n1,\n")
    parts = tmp_path / ".out.csv.parts"
    parts.mkdir()
    (parts / "job.txt").write_text("another")
    (parts / "summary-00000.json").write_text('{"rows": 7, "rejected": 0, "reasons": []}')
    output = tmp_path / "out.csv"
    assert predict(plan(workspace, tmp_path / "in.csv", output), output).rows == 1


def test_two_commands_do_not_write_one_output(workspace: Path, tmp_path: Path) -> None:
    import filelock

    from kerasline.components.prediction.job import predict

    (tmp_path / "in.csv").write_text("area (m²),district\n1,\n")
    (tmp_path / ".out.csv.parts").mkdir()
    with (
        filelock.FileLock(tmp_path / ".out.csv.parts" / ".lock"),
        pytest.raises(ConfigError, match="another command is writing .*out.csv"),
    ):
        predict(plan(workspace, tmp_path / "in.csv", tmp_path / "out.csv"), tmp_path / "out.csv")


def test_without_a_good_row_there_is_no_output(workspace: Path, tmp_path: Path) -> None:
    from kerasline.components.prediction.job import predict

    (tmp_path / "in.csv").write_text("area (m²),district\nx,\ny,\n")
    output = tmp_path / "out.csv"
    with pytest.raises(DataRejected, match="doubler@2 can predict no row of 2: 'x' in column"):
        predict(plan(workspace, tmp_path / "in.csv", output), output)
    assert not output.exists()


def test_without_an_output_the_first_answers_are_shown(
    workspace: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from kerasline.pipeline.cli.commands.predict import predict

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    (tmp_path / "in.csv").write_text("area (m²),district\n" + "10,[red]x\x1b[31m\n" * 12 + "3,bad\n")
    predict(str(tmp_path / "in.csv"), "doubler@2", workspace=workspace, json_file=tmp_path / "out.json")
    lines = [line.split() for line in capfd.readouterr().out.splitlines()]
    assert lines[-12] == ["area", "(m²)", "district", "predicted_value"]
    assert lines[-11:-1] == 10 * [["10", "[red]x\\x1b[31m", "31"]]
    assert " ".join(lines[-1]).startswith("the first 10 of 12 rows; -o answers.csv writes all rows")
    assert not any(str(tmp_path / "temporary") in word for line in lines for word in line)
    told = json.loads((tmp_path / "out.json").read_text())
    assert (told["rows"], told["rejected"], told["output"], told["rejected_file"]) == (12, 1, None, None)
    assert list((tmp_path / "temporary").iterdir()) == []


def test_what_moved_each_answer_is_written_beside_it(workspace: Path, tmp_path: Path) -> None:
    from kerasline.pipeline.cli.commands.predict import predict

    (tmp_path / "in.csv").write_text("id,area (m²),district\na,10,xy\nb,1,bad\nc,20,abcd\n")
    output, told = tmp_path / "out.csv", tmp_path / "told.json"
    predict(str(tmp_path / "in.csv"), "doubler@2", output, ["id"], explain=True, workspace=workspace, json_file=told)
    assert output.read_text().splitlines() == [
        "id,predicted_value,model_version,usual,effect_area (m²),effect_district",
        "a,22,doubler@2,33,-10,-1",
        "c,44,doubler@2,33,10,1",
    ]
    (rejected,) = map(json.loads, (tmp_path / "out.csv.rejected.jsonl").read_text().splitlines())
    assert (rejected["place"], "a bad district" in rejected["reason"]) == (3, True)
    said = json.loads(told.read_text())
    assert (said["rows"], said["rejected"], said["captured"]) == (2, 1, 0)
    with pytest.raises(ConfigError, match="^--explain: expected neither --capture nor --beam"):
        predict(str(tmp_path / "in.csv"), "doubler@2", output, explain=True, capture=1.0, workspace=workspace)


def test_tf_examples_of_which_some_are_none(workspace: Path, tmp_path: Path) -> None:
    import tensorflow as tf

    from kerasline.components.prediction.job import predict

    def example(**features: Any) -> bytes:
        made = tf.train.Example()
        for name, value in features.items():
            if isinstance(value, bytes):
                made.features.feature[name].bytes_list.value.append(value)
            else:
                made.features.feature[name].float_list.value.append(value)
        return made.SerializeToString()

    source, output = tmp_path / "in.tfrecord", tmp_path / "out.csv"
    with tf.io.TFRecordWriter(str(source)) as writer:
        writer.write(example(**{"area (m²)": 5.0, "district": b"abc", "id": b"first"}))
        writer.write(b"\xff\xff no example")
        writer.write(example(**{"area (m²)": 6.0}))
    done = predict(plan(workspace, source, output), output)
    assert (done.rows, done.rejected) == (2, 1)
    assert output.read_text().splitlines()[1:] == [
        "in.tfrecord,1,13,doubler@2",
        "in.tfrecord,3,12,doubler@2",
    ]
    with tf.io.TFRecordWriter(str(source)) as writer:
        writer.write(example(size=5.0))
    with pytest.raises(ConfigError, match="has no feature 'area .m².', which the model reads; its features are size"):
        predict(plan(workspace, source, output), output)
    source.write_bytes(source.read_bytes()[:-3])
    with pytest.raises(ConfigError, match="in.tfrecord is damaged after record 0"):
        predict(plan(workspace, source, output), output)


@pytest.mark.slow
@pytest.mark.long
def test_predictions_are_the_trainers_own(trained_workspace: Path, tmp_path: Path, kerasline: Command) -> None:
    import tensorflow as tf

    (examples,) = (trained_workspace / "pipelines").glob("*/ingest/examples/*/Split-eval")
    (stored,) = (trained_workspace / "pipelines").glob("*/train/model_run/*/predictions-eval.npz")
    (tmp_path / "records").mkdir()
    rows = []
    for path in sorted(examples.glob("*.gz")):
        shutil.copy(path, tmp_path / "records" / f"{path.name}")
        for record in tf.data.TFRecordDataset(str(path), compression_type="GZIP").as_numpy_iterator():
            feature = tf.train.Example.FromString(record).features.feature
            rows.append({name: repr(f.float_list.value[0]) for name, f in feature.items() if f.float_list.value})
    names = list(rows[0])
    lines = [",".join(names), *(",".join(row[name] for name in names) for row in rows)]
    (tmp_path / "rows.csv").write_text("\n".join(lines) + "\n")
    columns = {name: pa.array([float(row[name]) for row in rows], pa.float32()) for name in names}
    pq.write_table(pa.table(columns), tmp_path / "rows.parquet")
    expected = np.load(stored)["predictions"]
    for source, output in (("records", "r.jsonl"), ("rows.csv", "c.jsonl"), ("rows.parquet", "p.jsonl")):
        result = kerasline(
            *("predict", tmp_path / source, "--model", "iris_mlp", "-o", tmp_path / output),
            *("--workspace", trained_workspace, "--json", tmp_path / "figures.json"),
        )
        assert result.returncode == 0, result.stderr
        predicted = [json.loads(line) for line in (tmp_path / output).read_text().splitlines()]
        scores = [[row[f"score_{name}"] for name in ("setosa", "versicolor", "virginica")] for row in predicted]
        np.testing.assert_allclose(np.array(scores), expected, atol=1e-6)
        assert [row["predicted_class"] for row in predicted] == [
            ("setosa", "versicolor", "virginica")[index] for index in expected.argmax(axis=1)
        ]
    assert json.loads((tmp_path / "figures.json").read_text())["rows"] == len(expected)
    assert "rows/s" in result.stdout
    explained = kl.load_model("iris_mlp", trained_workspace).explain(tmp_path / "rows.csv")
    moved = explained["usual"] + explained.filter(like="effect_").sum(axis=1)
    np.testing.assert_allclose(moved, expected.max(axis=1), atol=1e-5)
    missing = kerasline(
        *("predict", tmp_path / "rows.csv", "--model", "iris_mlp@4", "-o", tmp_path / "x.csv"),
        *("--workspace", trained_workspace),
    )
    assert (missing.returncode, "iris_mlp has no version 4; it has 1" in missing.stderr) == (2, True)


@pytest.mark.slow
@pytest.mark.long
def test_the_page_on_serving_gets_one_answer_from_the_file_and_from_a_server(trained_workspace: Path) -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "serving.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"(?ms)^```python\n(import tensorflow.*?)^```", page)
    loaded: dict[str, Any] = {}
    exec(block.replace("workspace/", f"{trained_workspace}/").replace("\nmodel.", "\nanswer = model."), loaded)
    answer = {name: values.numpy() for name, values in loaded["answer"].items()}
    assert {*answer} == {*re.findall(r"'(\w+)': ", block.rpartition("#")[2])}

    ((body, path),) = re.findall(r"(?s)curl -d '(.*?)' localhost:8501(\S+)", page)
    server = Running(trained_workspace)
    try:
        status, served = server.ask(path, json.loads(body))
    finally:
        server.stop()
    assert status == 200
    np.testing.assert_allclose(served["outputs"]["scores"], answer["scores"], atol=1e-6)
    assert served["outputs"]["class"] == [name.decode() for name in answer["class"]]


@pytest.mark.slow
@pytest.mark.long
def test_evaluating_the_eval_split_gives_the_gates_figures(
    trained_workspace: Path, tmp_path: Path, kerasline: Command
) -> None:
    (examples,) = (trained_workspace / "pipelines").glob("*/ingest/examples/*/Split-eval")
    shutil.copytree(examples, tmp_path / "records")
    result = kerasline(
        *("evaluate", "iris_mlp", tmp_path / "records", "--workspace", trained_workspace),
        *("--json", tmp_path / "figures.json"),
    )
    assert result.returncode == 0, result.stderr
    found = json.loads((tmp_path / "figures.json").read_text())
    (run,) = (trained_workspace / "reports" / "iris_mlp").glob("*/run.json")
    gate = json.loads(run.read_text())["metrics"]
    assert found["rows"] == int(result.stdout.split(" rows")[0].split()[-1])
    assert {name: figure["value"] for name, figure in found["metrics"].items()} == pytest.approx(gate, abs=1e-5)
    assert all(figure["low"] <= figure["value"] <= figure["high"] for figure in found["metrics"].values())
    missing = kerasline("evaluate", "iris_mlp", tmp_path / "gone.csv", "--workspace", trained_workspace)
    assert (missing.returncode, "File not found" in missing.stderr) == (2, True)


@pytest.mark.slow
@pytest.mark.long
def test_a_version_is_made_again_to_the_same_weights(
    trained_workspace: Path, tmp_path: Path, kerasline: Command
) -> None:
    before = sorted(trained_workspace.rglob("*"))
    outcome = tmp_path / "outcome.json"
    result = kerasline("reproduce", "iris_mlp@1", "--workspace", trained_workspace, "--json", outcome)
    assert result.returncode == 0, result.stderr
    assert "iris_mlp@1: the same weights, bit by bit" in result.stdout
    found = json.loads(outcome.read_text())
    assert (found["same_weights"], found["same_metrics"], found["differences"]) == (True, True, [])
    assert sorted(trained_workspace.rglob("*")) == before, "nothing in the workspace changes"
