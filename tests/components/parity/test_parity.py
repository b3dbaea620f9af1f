"""The serving check: passes a model that serves what was trained, and no other."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kerasline.components.core.errors import ParityFailed
from kerasline.components.features.column_options import ColumnOptions
from kerasline.components.features.label_units import LabelUnits
from kerasline.components.features.plan import FeaturePlan, FeatureStep
from kerasline.components.models import MlpOptions, OutputSpec, build_model

pytestmark = pytest.mark.slow

CLASSES = ("Zürich", "a b", "東京")
ROWS = [
    {"x": None if i == 7 else i / 10, "ward": None if i == 4 else i % 5, "kind": CLASSES[i % 3]} for i in range(300)
]
PLAN = FeaturePlan(
    steps=(
        FeatureStep(name="x", kind="numeric", dtype="float", options=ColumnOptions(scale="none", impute=9.0)),
        FeatureStep(
            name="ward", kind="categorical", dtype="int", options=ColumnOptions(encode="hash", hash_buckets=8)
        ),
    ),
    label="kind", label_dtype="string", classes=CLASSES, label_scale="none", task="multiclass",
)  # fmt: skip


@dataclass(frozen=True)
class Run:
    """What a Trainer leaves, and how to check it.

    Attributes:
      model: the SavedModel's folder.
      predictions: what the Trainer predicted on the eval split.
      check: runs the component; returns the blessing.
    """

    model: Path
    predictions: Path
    check: Callable[..., Any]


@pytest.fixture(scope="module")
def trained(analyse: Any, write_split: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with examples, a model of random weights and its predictions, as ingest and Trainer leave them."""
    from kerasline.components.fitting.rows.examples import ExamplesReader
    from kerasline.components.training.signatures import export

    folder = tmp_path_factory.mktemp("trained")
    files = write_split(ROWS, folder / "examples", "eval", files=2)
    reader = ExamplesReader(str(analyse(ROWS, PLAN, folder)), PLAN)
    model = build_model(MlpOptions(units=(8,)), PLAN.inputs(), OutputSpec("multiclass", 3), seed=5)
    arrays = reader.load(files)
    assert arrays is not None
    export(str(folder / "model" / "Format-Serving"), model, reader.graph, PLAN, LabelUnits())
    (folder / "model_run").mkdir()
    predictions = model.predict(arrays.inputs, verbose=0)
    np.savez_compressed(folder / "model_run" / "predictions-eval.npz", predictions=predictions, labels=arrays.labels)
    return folder


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replays in this process, which has loaded TensorFlow already; a fresh one takes seconds to."""
    from kerasline.components.parity import component, replay

    monkeypatch.setattr(component, "_replay", replay.main)


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Run:
    """A copy of it, to be tampered with."""
    from tfx.types import standard_artifacts

    from kerasline.components.parity import ParityCheck

    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)

    def artifact(kind: Any, name: str) -> Any:
        made = kind()
        made.uri = str(tmp_path / name)
        return made

    def check(plan: FeaturePlan = PLAN, tolerance: float = 1e-5, rows: int = 1000) -> Any:
        blessing = artifact(standard_artifacts.InfraBlessing, "blessing")
        ParityCheck.test_call(
            model=artifact(standard_artifacts.Model, "model"),
            model_run=artifact(standard_artifacts.ModelRun, "model_run"),
            examples=artifact(standard_artifacts.Examples, "examples"),
            blessing=blessing,
            plan=plan.model_dump_json(),
            tolerance=tolerance,
            rows=rows,
            code_version="1",
        )
        return blessing

    return Run(tmp_path / "model" / "Format-Serving", tmp_path / "model_run" / "predictions-eval.npz", check)


def refused(run: Run, *arguments: Any, **named: Any) -> dict[str, Any]:
    """The outcome of a check that does not bless, and does not end the run."""
    blessing = run.check(*arguments, **named)
    assert blessing.get_int_custom_property("blessed") == 0
    assert (Path(blessing.uri) / "INFRA_NOT_BLESSED").is_file()
    assert not (Path(blessing.uri) / "INFRA_BLESSED").exists()
    outcome: dict[str, Any] = json.loads((Path(blessing.uri) / "parity.json").read_text())
    assert outcome["passed"] is False
    return outcome


def change_predictions(run: Run, change: Callable[[np.ndarray], None]) -> None:
    """Makes the Trainer's predictions others than the exported model's."""
    with np.load(run.predictions) as stored:
        predictions, labels = stored["predictions"].copy(), stored["labels"]
    change(predictions)
    np.savez_compressed(run.predictions, predictions=predictions, labels=labels)


def tamper(run: Run, change: Callable[[Any], Any]) -> None:
    """Changes the bias of the exported model's last layer."""
    import tensorflow as tf

    loaded = tf.saved_model.load(str(run.model))
    change(next(variable for variable in loaded.variables_of_model if variable.shape == (3,)))
    shutil.rmtree(run.model)
    tf.saved_model.save(loaded, str(run.model), signatures=dict(loaded.signatures))


def test_the_model_that_was_trained_passes_with_class_names_of_any_script(run: Run) -> None:
    blessing = run.check()
    assert blessing.get_int_custom_property("blessed") == 1
    folder = Path(blessing.uri)
    assert (folder / "INFRA_BLESSED").is_file()
    outcome = json.loads((folder / "parity.json").read_text())
    assert (outcome["passed"], outcome["rows"], outcome["problems"], outcome["first_beyond"]) == (True, 300, [], [])
    assert 0 <= outcome["largest_difference"] < 1e-6


@pytest.mark.usefixtures("here")
def test_rows_beyond_the_limit_and_differences_within_the_tolerance_pass(run: Run) -> None:
    def change(predictions: np.ndarray) -> None:
        predictions[:100] += 3e-5
        predictions[100:] = 0.5

    change_predictions(run, change)
    blessing = run.check(rows=100, tolerance=1e-4)
    assert json.loads((Path(blessing.uri) / "parity.json").read_text())["rows"] == 100


@pytest.mark.usefixtures("here")
def test_other_weights_are_found(run: Run) -> None:
    tamper(run, lambda bias: bias.assign_add([0.001, 0.0, 0.0]))
    outcome = refused(run)
    # Where the model is sure of its answer, the scores hardly change.
    assert outcome["rows"] == 300 and 3 < outcome["rows_beyond"] <= 300
    assert len(outcome["first_beyond"]) == 3 and outcome["first_beyond"] == sorted(outcome["first_beyond"])
    assert 1e-4 < outcome["largest_difference"] < 1e-3
    assert outcome["latency"]["latency_p50_ms"] > 0


@pytest.mark.usefixtures("here")
def test_wrong_predictions_are_found_in_their_rows(run: Run) -> None:
    def change(predictions: np.ndarray) -> None:
        predictions[4, 0] -= 2e-5
        predictions[299, 1] += 3e-5

    change_predictions(run, change)
    outcome = refused(run)
    assert (outcome["rows_beyond"], outcome["first_beyond"], outcome["worst_row"]) == (2, [5, 300], 300)
    assert outcome["largest_difference"] == pytest.approx(3e-5, rel=0.05)
    assert outcome["problems"] == []


@pytest.mark.usefixtures("here")
def test_a_model_that_answers_nan_is_found(run: Run) -> None:
    tamper(run, lambda bias: bias.assign([float("nan")] * 3))
    outcome = refused(run)
    assert "serving_default answers 768 times with something that is no number" in outcome["problems"]
    assert outcome["largest_difference"] is None


@pytest.mark.usefixtures("here")
def test_classes_in_another_order_are_found(run: Run) -> None:
    outcome = refused(run, PLAN.model_copy(update={"classes": (CLASSES[1], CLASSES[0], CLASSES[2])}))
    assert (
        "serving_default names the classes ['Zürich', 'a b', '東京'] where training had ['a b', 'Zürich', '東京']"
        in outcome["problems"]
    )


@pytest.mark.usefixtures("here")
def test_a_row_that_is_not_in_the_examples_is_found(run: Run) -> None:
    with np.load(run.predictions) as stored:
        predictions, labels = stored["predictions"], stored["labels"]
    np.savez_compressed(run.predictions, predictions=np.concatenate([predictions, predictions[:1]]), labels=labels)
    assert refused(run)["problems"] == ["there are 300 rows where the Trainer saw 301"]


@pytest.mark.usefixtures("here")
def test_a_model_that_does_not_load_is_found(run: Run) -> None:
    shutil.rmtree(run.model / "variables")
    outcome = refused(run)
    (problem,) = outcome["problems"]
    assert problem.startswith("it does not load and answer in a fresh process: ")
    assert (outcome["rows"], outcome["largest_difference"], outcome["latency"]["latency_p99_ms"]) == (0, None, None)


def test_a_process_that_is_killed_judges_no_model(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from kerasline.components.parity import component

    script = tmp_path / "killed.py"
    script.write_text("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
    monkeypatch.setattr(component, "_SCRIPT", script)
    with pytest.raises(ParityFailed, match="but it was killed by signal 9; it may have run out of memory"):
        run.check()
    assert not (run.model.parents[1] / "blessing" / "INFRA_BLESSED").exists()


SCALES = pytest.mark.parametrize(
    ("mean", "spread"), [(0, 1e6), (3e6, 1e6), (0, 1e-6), (2e-6, 1e-6), (22, 9), (1e9, 1), (1e4, 3), (0, 1)]
)


def regression_differences(mean: float, spread: float, change: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """What the check finds where a model of labels of this scale answers otherwise than it was trained."""
    import tensorflow as tf

    from kerasline.components.core.measures.tolerance import ROUNDING, spread_of
    from kerasline.components.parity.replay import _compare

    random = np.random.default_rng(0)
    labels = (mean + spread * random.normal(size=500)).astype(np.float32)
    expected = (mean + spread * random.normal(size=(500, 1))).astype(np.float32)
    answer = {"value": tf.constant(change(expected[:, 0]).astype(np.float32))}
    task = {"classes": None, "unit": spread_of(labels, expected), "rounding": ROUNDING}
    problems: list[str] = []
    differences = _compare(answer, expected, task, problems, "serving_default")
    assert problems == []
    return differences


@SCALES
def test_float32_noise_of_a_regression_passes_whatever_its_scale(mean: float, spread: float) -> None:
    from kerasline.pipeline.graph import PARITY_DEVIATIONS

    random = np.random.default_rng(1)

    def change(values: np.ndarray) -> np.ndarray:
        noise = 2e-5 * spread * random.uniform(-1, 1, len(values))
        return np.nextafter(values, np.inf, dtype=np.float32) + noise.astype(np.float32)

    assert regression_differences(mean, spread, change).max() < PARITY_DEVIATIONS


@SCALES
@pytest.mark.parametrize("fault", ["shifted", "scaled", "one row"])
def test_a_wrong_regression_is_found_whatever_its_scale(mean: float, spread: float, fault: str) -> None:
    from kerasline.pipeline.graph import PARITY_DEVIATIONS

    step = max(0.01 * spread, 1e-6 * abs(mean))

    def change(values: np.ndarray) -> np.ndarray:
        if fault == "one row":
            return values + step * (np.arange(len(values)) == 17)
        return values + step if fault == "shifted" else values * np.float32(1.01)

    found = regression_differences(mean, spread, change) > PARITY_DEVIATIONS
    assert found[17]
    assert found.sum() == 1 if fault == "one row" else found.sum() > 450
