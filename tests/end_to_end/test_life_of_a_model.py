"""The life of one model in one workspace: pushed, repeated, killed while it trains, changed, measured anew, refused.

Each stage is a run of the real command that builds on the one before it.
"""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kerasline.components.registry import move_pointer, registry_lock

pytestmark = pytest.mark.slow

NAME = "digits_underfit"  # the recipe that is refused as it is shipped
# The gate is not among them: it compares with the data of the model in production, which changes with a push.
DATA_STEPS = ["ingest", "statistics", "schema", "curated", "anomalies"]
STEPS = {
    *(*DATA_STEPS, "validate", "transform", "tune", "train", "baseline"),
    *("evaluate", "parity", "gate", "push", "explain", "report"),
}
# What makes it a good model, found by a search of two trials.
GOOD = (
    *("--set", "model.units=[128]", "--set", "training.batch_size=32"),
    *("--set", "tuning={max_trials: 2, max_epochs: 2, objective: val_accuracy, space: {model.dropout: "
      "{float: [0.0, 0.2]}}}"),
)  # fmt: skip


def good(epochs: int, *more: str) -> tuple[str, ...]:
    """The arguments of a good run."""
    return NAME, *GOOD, "--set", f"training.epochs={epochs}", *more


@dataclass(frozen=True)
class Stage:
    """A run, and what was in production after it: file to content."""

    done: Any
    production: dict[str, bytes]

    @property
    def current(self) -> int:
        """The version in production."""
        return json.loads(self.production["current.json"])["version"]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workspace of the whole life."""
    return tmp_path_factory.mktemp("life") / "workspace"


@pytest.fixture(scope="module")
def live(kerasline: Callable[..., Any], production: Any, workspace: Path) -> Callable[..., Stage]:
    """Runs one stage."""

    def run(*arguments: str) -> Stage:
        done = kerasline(workspace, *arguments)
        return Stage(done, production(workspace, NAME))

    return run


@pytest.fixture(scope="module")
def first(live: Callable[..., Stage]) -> Stage:
    """The first run of a good model."""
    return live(*good(8))


@pytest.fixture(scope="module")
def repeated(live: Callable[..., Stage], first: Stage) -> Stage:
    """The same run again."""
    return live(*good(8))


@pytest.fixture(scope="module")
def killed(start: Any, workspace: Path, production: Any, repeated: Stage) -> dict[str, bytes]:
    """A run with more epochs that is killed while it trains; returns what is in production then."""
    runs = workspace / "pipelines" / NAME / "train" / "model_run"
    before = set(runs.iterdir())
    process, _ = start(workspace, *good(9))
    deadline = time.monotonic() + 300
    while set(runs.iterdir()) == before:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "the train step did not begin"
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    return production(workspace, NAME)


@pytest.fixture(scope="module")
def changed(live: Callable[..., Stage], killed: dict[str, bytes]) -> Stage:
    """The run that was killed, once more."""
    return live(*good(9))


@pytest.fixture(scope="module")
def regated(live: Callable[..., Stage], changed: Stage) -> Stage:
    """The same model under another threshold."""
    return live(*good(9, "--set", "evaluation.thresholds.accuracy.min=0.7"))


@pytest.fixture(scope="module")
def refused(live: Callable[..., Stage], regated: Stage) -> Stage:
    """The recipe as it is shipped."""
    return live(NAME)


@pytest.fixture(scope="module")
def taken_back(live: Callable[..., Stage], refused: Stage, workspace: Path) -> Stage:
    """The run of the version that somebody has rolled back."""
    folder = workspace / "models" / NAME
    with registry_lock(folder):
        move_pointer(folder, 1, "too slow", previous=1, action="rollback", replaced=2)
    return live(*good(9))


@pytest.fixture(scope="module")
def emptied(live: Callable[..., Stage], taken_back: Stage, workspace: Path) -> Stage:
    """The same run after somebody has deleted every version."""
    shutil.rmtree(workspace / "models" / NAME)
    return live(*good(9))


def test_every_field_of_the_result_stands_on_its_page(first: Stage) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "commands.md").read_text()
    table = page.partition("## The result of a run as JSON")[2].partition("\n## ")[0]
    names = [name for cell in re.findall(r"(?m)^\| (`.*?) \|", table) for name in re.findall(r"`(\w+)`", cell)]
    assert sorted(names) == sorted(first.done.result)


def test_the_first_run_is_pushed(first: Stage) -> None:
    done = first.done
    assert done.code == 0, done.err
    assert done.err == ""
    result = done.result
    assert result["status"] == "pushed"
    assert result["recipe"] == NAME
    assert result["baseline"] is None, "there was nothing in production"
    assert first.current == 1
    assert set(done.cached()) == STEPS
    assert not any(done.cached().values())
    order = list(done.cached())
    assert set(order[: len(DATA_STEPS)]) == set(DATA_STEPS)
    assert order.index("transform") < order.index("tune") < order.index("train") < order.index("evaluate")
    assert order.index("evaluate") < order.index("parity") < order.index("gate") < order.index("push")
    assert order.index("push") < order.index("report")


def test_its_figures(first: Stage) -> None:
    result = first.done.result
    assert 0.9 <= result["intervals"]["accuracy"]["low"] <= result["metrics"]["accuracy"] <= 1
    assert 0.85 <= result["test_metrics"]["accuracy"] <= 1
    assert 0 < result["metrics"]["log_loss"] < 0.5
    assert result["trivial"]["accuracy"] < 0.2
    # 8x8 pixels to 128 units to 10 digits, weights and biases.
    assert result["model"]["parameters"] == 64 * 128 + 128 + 128 * 10 + 10
    assert result["seconds"]["total"] >= sum(step["seconds"] for step in result["steps"])
    assert 0 < result["seconds"]["import"] < result["seconds"]["total"]


def test_tfma_and_measure_agree_on_its_predictions(first: Stage, workspace: Path) -> None:
    import numpy as np

    from kerasline.components.evaluation.metrics import measure

    runs = sorted((workspace / "pipelines" / NAME / "train" / "model_run").iterdir(), key=lambda path: int(path.name))
    with np.load(runs[0] / "predictions-eval.npz") as stored:
        labels, predictions = stored["labels"], stored["predictions"]
    ours = measure(["accuracy", "log_loss"], labels, predictions, "multiclass")
    assert ours == pytest.approx(first.done.result["metrics"], rel=1e-5)


def test_its_model_and_report_are_where_it_says(first: Stage, workspace: Path) -> None:
    model = first.done.result["model"]
    assert (model["version"], Path(model["path"])) == (1, workspace / "models" / NAME / "1")
    assert {"1/saved_model.pb", "1/version.json", "current.json", "history.jsonl"} <= set(first.production)
    record = json.loads(first.production["1/version.json"])
    assert (record["version"], record["recipe"], record["task"]) == (1, NAME, "multiclass")
    assert record["classes"] == [str(digit) for digit in range(10)]
    report = Path(first.done.result["report"])
    assert report == workspace / "reports" / NAME / first.done.result["run_id"] / "index.html"
    page = report.read_text()
    assert "<html" in page
    assert f"{first.done.result['metrics']['accuracy']:.4g}" in page
    assert json.loads(report.with_name("run.json").read_text()) == first.done.result


def test_its_steps_in_ml_metadata(
    first: Stage, workspace: Path, executions: Callable[[Path, str], dict[str, str]]
) -> None:
    assert executions(workspace, first.done.result["run_id"]) == dict.fromkeys(STEPS, "COMPLETE")


def test_its_screen_shows_every_step_and_the_noise_is_in_the_log(first: Stage) -> None:
    words = [line.split() for line in first.done.out.splitlines() if line.strip()]
    shown = [line[0] for line in words if line[0] in STEPS and line[2:] == ["s"]]
    assert shown == [step["id"] for step in first.done.result["steps"]]
    # On a slow machine a line tells of an epoch within a trial, too.
    assert sum(line[0] == "trial" and "epoch" not in line for line in words) == 2
    assert ["blessed", "and", "pushed,"] in [line[:3] for line in words]
    for noise in ("tensorflow", "WARNING", "INFO", "absl"):
        assert noise not in first.done.out
    assert "INFO" in Path(first.done.result["log"]).read_text()


def test_repeating_it_runs_nothing_and_pushes_nothing(
    first: Stage, repeated: Stage, workspace: Path, executions: Callable[[Path, str], dict[str, str]]
) -> None:
    assert repeated.done.code == 0, repeated.done.err
    result = repeated.done.result
    assert result["status"] == "up_to_date"
    assert repeated.done.cached() == dict.fromkeys(STEPS, True)
    assert repeated.production == first.production
    assert result["model"] == first.done.result["model"]
    assert result["metrics"] == first.done.result["metrics"]
    assert result["run_id"] != first.done.result["run_id"]
    assert Path(result["report"]).is_file()
    assert executions(workspace, result["run_id"]) == dict.fromkeys(STEPS, "CACHED")
    assert "everything was cached: already up to date" in repeated.done.out
    spent = sum(step["seconds"] for step in result["steps"])
    assert spent < 0.25 * sum(step["seconds"] for step in first.done.result["steps"])


@pytest.mark.long
def test_a_run_that_is_killed_leaves_production_as_it_was(first: Stage, killed: dict[str, bytes]) -> None:
    assert killed == first.production


@pytest.mark.long
def test_the_run_after_it_finishes_and_is_compared_with_production(first: Stage, changed: Stage) -> None:
    assert changed.done.code == 0, changed.done.err
    assert changed.done.result["status"] == "pushed"
    assert changed.done.result["baseline"] == pytest.approx(first.done.result["metrics"], rel=1e-5)
    assert changed.done.result["model"]["version"] == changed.current == 2
    untouched = {name: content for name, content in first.production.items() if name.startswith("1/")}
    assert untouched.items() <= changed.production.items()
    assert json.loads(changed.production["current.json"])["previous"] == 1


@pytest.mark.long
def test_changed_epochs_run_train_and_what_follows_and_nothing_before(changed: Stage) -> None:
    cached = changed.done.cached()
    assert [step for step in (*DATA_STEPS, "transform") if not cached[step]] == []
    assert [step for step in ("train", "evaluate", "parity", "gate", "push", "report") if cached[step]] == []


@pytest.mark.long
def test_a_changed_threshold_evaluates_again_but_does_not_train(changed: Stage, regated: Stage) -> None:
    assert regated.done.code == 0, regated.done.err
    cached = regated.done.cached()
    assert [step for step in (*DATA_STEPS, "transform", "tune", "train", "parity") if not cached[step]] == []
    assert [step for step in ("evaluate", "gate", "report") if cached[step]] == []
    assert regated.current == 2, "the same files are no new version"
    assert regated.done.result["metrics"] == pytest.approx(changed.done.result["metrics"], rel=1e-6)


@pytest.mark.long
def test_a_bad_model_is_refused_and_production_is_untouched(regated: Stage, refused: Stage) -> None:
    assert refused.done.code == 4
    result = refused.done.result
    assert result["status"] == "not_blessed"
    assert result["model"] is None
    assert result["metrics"]["accuracy"] < 0.9
    assert result["baseline"]["accuracy"] > 0.9
    assert refused.production == regated.production
    assert not refused.done.cached()["push"]
    (sentence,) = refused.done.err.splitlines()
    assert sentence.startswith(f"kerasline: {result['message']}")
    assert f"{result['metrics']['accuracy']:.4g}" in sentence
    assert result["report"] in sentence


@pytest.mark.long
def test_a_folder_of_images_is_predicted_as_the_trainer_did(
    regated: Stage, refused: Stage, workspace: Path, tmp_path: Path
) -> None:
    import numpy as np
    import tensorflow as tf

    (examples,) = (workspace / "pipelines" / NAME / "ingest" / "examples").glob("*/Split-eval")
    runs = sorted((workspace / "pipelines" / NAME / "train" / "model_run").iterdir(), key=lambda path: int(path.name))
    with np.load(runs[-2] / "predictions-eval.npz") as stored:  # the last one is that of the model that was refused
        expected = stored["predictions"]
    (tmp_path / "images").mkdir()
    files = sorted(str(path) for path in examples.glob("*.gz"))
    for number, record in enumerate(tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator()):
        feature = tf.train.Example.FromString(record).features.feature
        (tmp_path / "images" / f"{number:05d}.png").write_bytes(feature["image"].bytes_list.value[0])
    words = ["predict", "images", "--model", f"{NAME}@2", "-o", "out.jsonl", "--workspace", str(workspace)]
    command = [str(Path(sys.executable).with_name("kerasline")), *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "out.jsonl.rejected.jsonl").exists()
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["path"] for row in rows] == [f"{number:05d}.png" for number in range(len(expected))]
    scores = np.array([[row[f"score_{digit}"] for digit in range(10)] for row in rows])
    np.testing.assert_allclose(scores, expected, atol=1e-6)


@pytest.mark.long
def test_a_model_that_was_rolled_back_does_not_return_by_itself(regated: Stage, taken_back: Stage) -> None:
    assert taken_back.done.code == 4
    assert taken_back.done.result["status"] == "not_blessed"
    assert "this model is version 2 of digits_underfit again, which " in taken_back.done.err
    assert "rolled back (too slow)" in taken_back.done.err
    assert "kerasline promote digits_underfit 2 --reason TEXT" in taken_back.done.err
    assert taken_back.current == 1
    versions = {name: content for name, content in regated.production.items() if name[0].isdigit()}
    assert versions.items() <= taken_back.production.items()


@pytest.mark.long
def test_deleted_versions_are_pushed_again_though_everything_was_cached(emptied: Stage) -> None:
    assert emptied.done.code == 0, emptied.done.err
    assert emptied.done.result["status"] == "pushed"
    assert emptied.done.result["model"]["version"] == emptied.current == 1
    assert (Path(emptied.done.result["model"]["path"]) / "saved_model.pb").is_file()
    cached = emptied.done.cached()
    assert [step for step in ("train", "parity") if not cached[step]] == []


@pytest.mark.long
def test_the_workspace_knows_every_run(emptied: Stage, workspace: Path, is_intact: Callable[[Path], bool]) -> None:
    from kerasline.pipeline.workspace.history import list_runs

    statuses = [run["status"] for run in list_runs(workspace)]
    assert statuses == ["pushed", "up_to_date", "killed", "pushed", "pushed", "not_blessed", "not_blessed", "pushed"]
    assert is_intact(workspace)
    assert not [path for path in (workspace / "models" / NAME).iterdir() if path.name.startswith(".")]
