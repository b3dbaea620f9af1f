"""``run.beam`` alone moves every Beam step, predictions too, and what comes out is the same.

The engines are Beam's portable job API, which Flink and Spark are reached by, too, with a job service in a process of
its own, and the DirectRunner with worker processes.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from sklearn.datasets import load_iris

pytestmark = [pytest.mark.slow, pytest.mark.long]

NAME = "flowers"
HERE = "here"
PROCESSES = ["--direct_running_mode=multi_processing", "--direct_num_workers=2"]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """Beam's local job service; gives the options that lead to it."""
    folder = tmp_path_factory.mktemp("service")
    command = [sys.executable, "-m", "apache_beam.runners.portability.local_job_service_main"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([*command, "--port_file", str(folder / "port")], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 120
        while not (folder / "port").exists() or not (folder / "port").read_text():
            assert process.poll() is None and time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.1)
        endpoint = f"localhost:{(folder / 'port').read_text()}"
        worker = f"{sys.executable} -m apache_beam.runners.worker.sdk_worker_main"
        yield [
            *("--runner=PortableRunner", f"--job_endpoint={endpoint}"),
            *("--environment_type=beam:env:harness_subprocess_python:v1", f"--environment_config={worker}"),
        ]
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe on irises in three files, with a column of text and cells without a value."""
    folder = tmp_path_factory.mktemp("recipe")
    flowers = load_iris()
    rows = [
        [*(f"{value:.1f}" for value in values), f"meadow {number % 7}", flowers.target_names[kind]]
        for number, (values, kind) in enumerate(zip(flowers.data, flowers.target, strict=True))
    ]
    for number, row in enumerate(rows):
        row[number % 4] = "" if number % 11 == 0 else row[number % 4]
    for part in range(3):
        lines = ["a,b,c,d,meadow,species", *(",".join(row) for row in rows[part::3])]
        (folder / f"part-{part}.csv").write_text("\n".join(lines) + "\n")
    written = {
        "name": NAME,
        "data": {"csv": {"path": "part-*.csv", "label": "species"}},
        "training": {"epochs": 12, "batch_size": 8},
        "evaluation": {"thresholds": {"accuracy": {"min": 0.1}}, "slices": ["meadow"]},
        "report": {"explanations": "off"},
    }
    (folder / "flowers.yaml").write_text(yaml.safe_dump(written))
    return folder / "flowers.yaml"


@pytest.fixture(scope="module")
def engines(service: list[str]) -> dict[str, list[str]]:
    """The options of each engine."""
    return {HERE: [], "service": service, "processes": PROCESSES}


@pytest.fixture(scope="module")
def workspaces(
    recipe: Path, engines: dict[str, list[str]], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """The workspace of a run on each engine: until a model is pushed on this one, until it is measured elsewhere."""
    from kerasline.pipeline.plan.partial import WHOLE, Part
    from kerasline.pipeline.run.running import run_recipe

    found = {}
    for name, options in engines.items():
        found[name] = tmp_path_factory.mktemp("runs") / name
        changes = [f"run.beam={json.dumps(options)}"]
        part = WHOLE if name == HERE else Part(last="evaluate")
        outcome = run_recipe(
            str(recipe), changes, data_dir=None, workspace=found[name], cache=True, debug=True, part=part
        )
        assert outcome.result["status"] == ("pushed" if name == HERE else "partial"), outcome.message
    return found


def only(workspace: Path, pattern: str) -> Path:
    """Finds the only file of a pattern below the pipeline."""
    (path,) = (workspace / "pipelines" / NAME).glob(pattern)
    return path


def compare(workspaces: dict[str, Path], read: Callable[[Path], Any], within: float | None = None) -> Any:
    """Reads the same of every workspace, asserts that it is equal (its numbers, to a share), and returns it."""
    found = {name: read(workspace) for name, workspace in workspaces.items()}
    wanted = found[HERE] if within is None else pytest.approx(found[HERE], rel=within)
    for name, value in found.items():
        assert value == wanted, name
    return found[HERE]


def test_every_split_has_the_same_rows_in_the_same_order(workspaces: dict[str, Path]) -> None:
    import tensorflow as tf

    def read(workspace: Path) -> dict[str, list[bytes]]:
        files = sorted((workspace / "pipelines" / NAME / "ingest" / "examples").glob("*/Split-*/*.gz"))
        names = [f"{path.parent.name}/{path.name}" for path in files]
        records = [list(tf.data.TFRecordDataset(str(p), compression_type="GZIP").as_numpy_iterator()) for p in files]
        return dict(zip(names, records, strict=True))

    rows = compare(workspaces, read)
    assert sum(map(len, rows.values())) == 150
    assert len([name for name in rows if name.startswith("Split-train")]) == 3


def test_the_statistics_are_the_same(workspaces: dict[str, Path]) -> None:
    from tensorflow_metadata.proto.v0 import statistics_pb2

    def read(workspace: Path) -> dict[str, dict[str, str]]:
        files = (workspace / "pipelines" / NAME / "statistics" / "statistics").glob("*/Split-*/FeatureStats.pb")
        parsed = {p.parent.name: statistics_pb2.DatasetFeatureStatisticsList.FromString(p.read_bytes()) for p in files}
        # Which column comes first, and in which order the parts of a sum are added, is left to the workers.
        return {
            split: {
                column.path.step[0]: re.sub(r"\d+\.\d+", lambda number: f"{float(number[0]):.12g}", str(column))
                for column in statistics.datasets[0].features
            }
            for split, statistics in parsed.items()
        }

    found = compare(workspaces, read)
    assert sorted(found["Split-train"]) == ["a", "b", "c", "d", "meadow", "species"]


def test_the_transform_graph_answers_the_same(workspaces: dict[str, Path]) -> None:
    import tensorflow as tf
    import tensorflow_transform as tft

    def read(workspace: Path) -> dict[tuple[Any, ...], float]:
        graph = tft.TFTransformOutput(str(only(workspace, "transform/transform_graph/*")))
        examples = only(workspaces[HERE], "ingest/examples/*/Split-eval")
        files = sorted(map(str, examples.glob("*.gz")))
        records = list(tf.data.TFRecordDataset(files, compression_type="GZIP").as_numpy_iterator())
        parsed = tf.io.parse_example(records, graph.raw_feature_spec())
        outputs = dict(graph.transform_features_layer()(parsed))
        return {
            (name, *place): value.item()
            for name, values in outputs.items()
            for place, value in np.ndenumerate(np.asarray(values))
        }

    # Sums of the workers' parts are added in the order in which they come.
    outputs = compare(workspaces, read, within=1e-6)
    assert {name for name, *_ in outputs} == {"features", "label"}


def test_the_evaluator_measures_the_same(workspaces: dict[str, Path]) -> None:
    def read(workspace: Path) -> dict[str, float]:
        (run,) = (workspace / "reports" / NAME).glob("*/run.json")
        return json.loads(run.read_text())["metrics"]

    assert compare(workspaces, read, within=1e-6)["accuracy"] >= 0.1


def test_predictions_are_the_same_wherever_they_are_made(
    workspaces: dict[str, Path], engines: dict[str, list[str]], recipe: Path, tmp_path: Path
) -> None:
    from kerasline.pipeline.models.prediction import predict_file

    written = {}
    for name, options in engines.items():
        output = tmp_path / f"{name}.jsonl"
        source = str(recipe.parent / "part-*.csv")
        done = predict_file(source, NAME, output, workspace=workspaces[HERE], beam_arguments=options)
        assert done["rows"] == 150
        written[name] = output.read_bytes()
    assert written["service"] == written[HERE] and written["processes"] == written[HERE]
