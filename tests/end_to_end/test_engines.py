"""``run.beam`` alone moves every Beam step, predictions too, and what comes out is the same.

The engines are Beam's own job service in a process of its own, the DirectRunner with worker processes, Flink and Spark.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from sklearn.datasets import load_iris

from kerasline.pipeline.plan.partial import WHOLE, Part
from tools.engines.clusters import KINDS, local_service
from tools.engines.jars import CACHE_VARIABLE, cache_folder, find

pytestmark = [pytest.mark.slow, pytest.mark.long]

NAME = "flowers"
PROCESSES = ["--direct_running_mode=multi_processing", "--direct_num_workers=2"]


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


@pytest.fixture(scope="module", params=["service", "processes", "flink", "spark"])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """The options of each engine, which runs meanwhile; Flink and Spark where that is asked for."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "processes":
        yield PROCESSES
    elif request.param == "service":
        with local_service(folder) as (options, _):
            yield options
    else:
        with engine_of(request.param, folder) as options:
            yield options


@contextmanager
def engine_of(kind: str, folder: Path) -> Iterator[list[str]]:
    """Starts Flink or Spark, and skips the test where that is not asked for."""
    name, begin = KINDS[kind]
    if CACHE_VARIABLE not in os.environ:
        pytest.skip(f"{name} is tried where {CACHE_VARIABLE} names the folder that it was fetched into")
    found = find(name, cache_folder())
    if found is None or shutil.which("java") is None:
        pytest.skip(f"{name} is not in {cache_folder()}, or Java is not here: python -m tools.engines fetch {name}")
    with begin(found, folder) as options:
        yield options


def run(recipe: Path, workspace: Path, options: list[str], part: Part) -> str:
    """Runs the recipe, or a part of it; returns how it ended."""
    from kerasline.pipeline.run.running import run_recipe

    changes = [f"run.beam={json.dumps(options)}"]
    outcome = run_recipe(str(recipe), changes, data_dir=None, workspace=workspace, cache=True, debug=True, part=part)
    return outcome.result["status"] + outcome.message


@pytest.fixture(scope="module")
def here(recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workspace of a run in one process, until a model is pushed."""
    workspace = tmp_path_factory.mktemp("here")
    assert run(recipe, workspace, [], WHOLE) == "pushed"
    return workspace


@pytest.fixture(scope="module")
def there(recipe: Path, engine: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workspace of a run on an engine, until the model is measured."""
    workspace = tmp_path_factory.mktemp("there")
    assert run(recipe, workspace, engine, Part(last="evaluate")) == "partial"
    return workspace


def only(workspace: Path, pattern: str) -> Path:
    """Finds the only file of a pattern below the pipeline."""
    (path,) = (workspace / "pipelines" / NAME).glob(pattern)
    return path


def compare(here: Path, there: Path, read: Callable[[Path], Any], within: float | None = None) -> Any:
    """Reads the same of both workspaces, asserts that it is equal (its numbers, to a share), and returns it."""
    found = read(here)
    assert read(there) == (found if within is None else pytest.approx(found, rel=within))
    return found


def rows_of(workspace: Path) -> dict[str, list[bytes]]:
    """The tf.Examples in each file of each split."""
    import tensorflow as tf

    files = sorted((workspace / "pipelines" / NAME / "ingest" / "examples").glob("*/Split-*/*.gz"))
    names = [f"{path.parent.name}/{path.name}" for path in files]
    records = [list(tf.data.TFRecordDataset(str(p), compression_type="GZIP").as_numpy_iterator()) for p in files]
    return dict(zip(names, records, strict=True))


def statistics_of(workspace: Path) -> dict[str, dict[str, str]]:
    """The statistics of each column of each split, as text."""
    from tensorflow_metadata.proto.v0 import statistics_pb2

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


def metrics_of(workspace: Path) -> dict[str, float]:
    """What the Evaluator measured."""
    (run,) = (workspace / "reports" / NAME).glob("*/run.json")
    return dict(json.loads(run.read_text())["metrics"])


def test_every_split_has_the_same_rows_in_the_same_order(here: Path, there: Path) -> None:
    rows = compare(here, there, rows_of)
    assert sum(map(len, rows.values())) == 150
    assert len([name for name in rows if name.startswith("Split-train")]) == 3


def test_the_statistics_are_the_same(here: Path, there: Path) -> None:
    found = compare(here, there, statistics_of)
    assert sorted(found["Split-train"]) == ["a", "b", "c", "d", "meadow", "species"]


def test_the_transform_graph_answers_the_same(here: Path, there: Path) -> None:
    import tensorflow as tf
    import tensorflow_transform as tft

    def read(workspace: Path) -> dict[tuple[Any, ...], float]:
        graph = tft.TFTransformOutput(str(only(workspace, "transform/transform_graph/*")))
        examples = only(here, "ingest/examples/*/Split-eval")
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
    outputs = compare(here, there, read, within=1e-6)
    assert {name for name, *_ in outputs} == {"features", "label", "unseen"}


def test_the_evaluator_measures_the_same(here: Path, there: Path) -> None:
    assert compare(here, there, metrics_of, within=1e-6)["accuracy"] >= 0.1


def test_another_engine_runs_nothing_again(here: Path, recipe: Path) -> None:
    from kerasline.pipeline.run.running import run_recipe

    changes = [f"run.beam={json.dumps(PROCESSES)}"]
    outcome = run_recipe(str(recipe), changes, data_dir=None, workspace=here, cache=True, debug=True, part=WHOLE)
    assert outcome.result["status"] == "up_to_date"
    cached = {step["id"]: step["cached"] for step in outcome.result["steps"]}
    assert [cached[step] for step in ("ingest", "statistics", "transform", "evaluate")] == [True] * 4


def test_predictions_are_the_same_wherever_they_are_made(
    here: Path, engine: list[str], recipe: Path, tmp_path: Path
) -> None:
    from kerasline.pipeline.models.prediction import predict_file

    written = []
    for number, options in enumerate(([], engine)):
        output = tmp_path / f"{number}.jsonl"
        done = predict_file(str(recipe.parent / "part-*.csv"), NAME, output, workspace=here, beam_arguments=options)
        assert done["rows"] == 150
        written.append(output.read_bytes())
    assert written[0] == written[1]


def test_a_job_service_that_dies_in_a_step_ends_the_run_in_one_sentence(
    recipe: Path, tmp_path: Path, start: Callable[..., Any], finish_run: Callable[..., Any]
) -> None:
    workspace = tmp_path / "workspace"
    with local_service(tmp_path) as (options, service):
        begun = start(workspace, str(recipe), "--set", f"run.beam={json.dumps(options)}")
        deadline = time.monotonic() + 300
        while not list((workspace / "pipelines" / NAME / "statistics").glob("statistics/*")):
            assert begun[0].poll() is None and time.monotonic() < deadline
            time.sleep(0.1)
        os.killpg(service.pid, signal.SIGKILL)
        done = finish_run(*begun)
    assert done.code == 1 and done.result["failed_step"] == "statistics", done.err
    assert (
        "the step statistics could not go on: Beam's job service, which run.beam or --beam leads to, is gone"
        in done.err
    )
    assert "Traceback" not in done.err and not (workspace / "models").exists()
    again = finish_run(*start(workspace, str(recipe), "--set", f"run.beam={json.dumps(options)}"))
    assert again.code == 2 and "expected Beam's job service at" in again.err, again.err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("kind", ["flink", "spark"])
def test_a_run_that_is_ended_leaves_no_job_server(
    kind: str, number: signal.Signals, recipe: Path, tmp_path: Path, start: Callable[..., Any]
) -> None:
    with engine_of(kind, tmp_path) as options:
        process, _ = start(tmp_path / "workspace", str(recipe), "--set", f"run.beam={json.dumps(options)}")
        jar = options[-1].partition("=")[2]
        deadline = time.monotonic() + 300
        while not (servers := processes_with(f"-jar {jar}")):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.2)
        process.send_signal(number)
        process.communicate(timeout=60)
        while servers & processes_with(f"-jar {jar}"):
            assert time.monotonic() < deadline
            time.sleep(0.2)


def processes_with(words: str) -> set[int]:
    """The numbers of the processes whose command has words in it."""
    listed = subprocess.run(["ps", "-ww", "-eo", "pid=,args="], capture_output=True, text=True, check=True).stdout
    return {int(line.split()[0]) for line in listed.splitlines() if words in line}
