"""A model that is worse for one group only is refused; the formats of the one that was not are as good as it."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.long]

NAME = "groups"
RECIPE = f"""
name: {NAME}
data: {{csv: {{path: rows.csv, label: y}}}}
model: {{units: [32]}}
training: {{epochs: 30, batch_size: 32, learning_rate: 0.01}}
evaluation:
  metrics: [accuracy, calibration_error]
  thresholds: {{accuracy: {{min: 0.7, max_drop: 0.2}}}}
  slice_thresholds: {{group: {{accuracy: {{max_drop: 0.2}}}}}}
  min_slice_rows: 15
  budgets: {{latency_p99_ms: 1000, size_bytes: 10000000, parameters: 100000}}
push: {{formats: [saved_model, keras, tflite, tflite_int8]}}
"""
# Plain Keras and TensorFlow, with nothing of ours: asks a .keras and a .tflite file for the same row.
ASK = """
import json, sys
import keras, numpy as np, tensorflow as tf
folder = sys.argv[1]
described = json.load(open(folder + "/formats.json"))
rows = {i["name"]: np.full([3, *i["shape"][1:]], 0.5, i["dtype"]) for i in described["inputs"]}
answers = [keras.saving.load_model(folder + "/model.keras").predict(rows, verbose=0)]
answers.append(tf.lite.Interpreter(folder + "/model.tflite").get_signature_runner("serving_default")(**rows)["output"])
assert not any(name.startswith("kerasline") for name in sys.modules)
print(json.dumps([np.asarray(answer).tolist() for answer in answers]))
"""
# Noise that is for training only, in a layer that forgot to ask whether this is training.
RESTLESS = """
import keras


class Noise(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.draws = keras.random.SeedGenerator(5)

    def call(self, value):
        return value + keras.random.normal(keras.ops.shape(value), stddev=0.1, seed=self.draws)


def build_model(config, inputs, output):
    tensors = [keras.Input(spec.shape, name=spec.name) for spec in inputs]
    hidden = keras.layers.Dense(32, activation="relu")(keras.layers.Concatenate()(tensors))
    return keras.Model(tensors, keras.layers.Dense(1, activation="sigmoid")(Noise()(hidden)))
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table in which xa decides for group A, xb for group B, and chance for the few rows of group C."""
    folder, draw = tmp_path_factory.mktemp("gates"), random.Random(3)
    lines = ["group,xa,xb,y"]
    for number in range(1500):
        group = "C" if number % 50 == 0 else "B" if number % 4 == 1 else "A"
        xa, xb, chance = (draw.gauss(0, 1) for _ in range(3))
        decisive = {"A": xa, "B": xb, "C": chance}[group]
        lines.append(f"{group},{xa:.4f},{xb:.4f},{'yes' if decisive > 0 else 'no'}")
    (folder / "rows.csv").write_text("\n".join(lines) + "\n")
    (folder / f"{NAME}.yaml").write_text(RECIPE)
    return folder


@pytest.fixture(scope="module")
def good(kerasline: Callable[..., Any], home: Path) -> Any:
    """The first run, which is pushed."""
    return kerasline(home / "w", str(home / f"{NAME}.yaml"))


@pytest.fixture(scope="module")
def blind(kerasline: Callable[..., Any], home: Path, good: Any) -> Any:
    """A model that does not see what decides for group B."""
    return kerasline(home / "w", str(home / f"{NAME}.yaml"), "--set", "features={xb: drop}")


def parts(done: Any) -> dict[tuple[str, str, str], str]:
    """Part, metric and slice of each row of the gate to its status."""
    return {(row["part"], row["metric"], row["slice"]): row["status"] for row in done.result["gate"]}


def test_the_first_one_is_gated_by_limits_only_and_says_so(good: Any) -> None:
    assert good.code == 0, good.err
    assert parts(good) == {
        ("threshold", "accuracy", ""): "passed",
        ("baseline", "accuracy", ""): "not gated",
        ("slice", "accuracy", "group"): "not gated",
        ("trivial", "accuracy", ""): "passed",
        ("parity", "saved_model", ""): "passed",
        ("budget", "latency_p99_ms", ""): "passed",
        ("budget", "size_bytes", ""): "passed",
        ("budget", "parameters", ""): "passed",
        ("format", "keras", ""): "passed",
        ("format", "tflite", ""): "passed",
        ("format", "tflite_int8", ""): "passed",
    }
    assert good.result["missing_baseline"] == "nothing is in production yet"
    assert "gate    compared with limits only, since nothing is in production yet" in good.out
    page = Path(good.result["report"]).read_text()
    assert "compared with limits only, since nothing is in production yet" in page
    assert 0 < good.result["cost"]["latency_p50_ms"] <= good.result["cost"]["latency_p99_ms"]
    assert good.result["cost"]["parameters"] == good.result["model"]["parameters"]


def test_a_model_that_is_worse_on_one_slice_only_is_refused(good: Any, blind: Any, home: Path) -> None:
    assert blind.code == 4, blind.err
    assert blind.result["status"] == "not_blessed"
    failed = [row for row in blind.result["gate"] if not row["passed"]]
    assert [(row["part"], row["metric"], row["slice"]) for row in failed] == [("slice", "accuracy", "group=B")]
    (row,) = failed
    assert row["value"] < 0.75 < row["limit"]
    # On the whole it is worse by less than is allowed, and so it is on group A; group C is too small to count.
    assert parts(blind)["baseline", "accuracy", ""] == "passed"
    assert blind.result["metrics"]["accuracy"] > 0.75
    (sentence,) = blind.err.splitlines()
    assert f"accuracy on group=B {row['value']:.4g}, not worse than {row['limit']:.4g} (the model in" in sentence
    assert json.loads((home / "w" / "models" / NAME / "current.json").read_text())["version"] == 1
    assert "group=B" in Path(blind.result["report"]).read_text()


def test_a_model_that_is_served_otherwise_is_refused(kerasline: Callable[..., Any], good: Any, home: Path) -> None:
    """Its noise is on outside of training, too: no two answers are the same."""
    (home / "restless.py").write_text(RESTLESS)
    changes = ("push.formats=[saved_model]", 'report.explanations="off"', "training.epochs=4")
    changes += ("model={family: custom, build: 'restless:build_model'}", "evaluation.thresholds={accuracy: {min: 0.4}}")
    changes += ("evaluation.slice_thresholds={}", "evaluation.beat_trivial=false")
    settings = [word for change in changes for word in ("--set", change)]
    restless = kerasline(home / "w", str(home / f"{NAME}.yaml"), *settings)
    assert restless.code == 4, restless.err
    assert restless.result["status"] == "not_blessed"
    (row,) = [row for row in restless.result["gate"] if not row["passed"]]
    assert (row["part"], row["metric"], row["limit"]) == ("parity", "saved_model", 1e-5)
    assert row["value"] > 0.01
    (sentence,) = restless.err.splitlines()
    figure = re.escape(f"the trained one {row['value']:.4g}, {row['text']} was asked; ")
    assert re.match(
        f"kerasline: Not blessed, nothing was pushed: difference of the exported model from {figure}.*"
        r"it is larger in \d+ of them \(rows 1, 2, 3, \.\.\. of the eval split, most of all in row \d+\)\. What",
        sentence,
    )
    assert json.loads((home / "w" / "models" / NAME / "current.json").read_text())["version"] == 1
    assert "most of all in row" in Path(restless.result["report"]).read_text()


def test_every_format_is_measured_and_pushed(good: Any) -> None:
    folder = Path(good.result["model"]["path"]) / "formats"
    assert sorted(path.name for path in folder.iterdir()) == [
        *("formats.json", "model.keras", "model.tflite", "model_int8.tflite"),
    ]
    formats = good.result["formats"]
    assert list(formats) == ["keras", "tflite", "tflite_int8"]
    assert formats["keras"]["difference"] < 1e-5
    assert formats["tflite"]["difference"] < 1e-5
    assert 0 < formats["tflite_int8"]["difference"] < 0.05
    for outcome in formats.values():
        assert outcome["bytes"] == (folder / outcome["file"]).stat().st_size
        assert outcome["rows"] > 100
        assert 0 < outcome["latency_p50_ms"] <= outcome["latency_p99_ms"]
    card = (folder.parent / "assets.extra" / "model_card.md").read_text()
    assert "model\\_int8.tflite" in card
    assert "they take what the preprocessing gives and not raw values" in card


def test_formats_load_with_nothing_of_ours(good: Any, tmp_path: Path) -> None:
    folder = Path(good.result["model"]["path"]) / "formats"
    done = subprocess.run(
        [sys.executable, "-c", ASK, str(folder)], capture_output=True, text=True, timeout=120, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr
    of_keras, of_tflite = json.loads(done.stdout.splitlines()[-1])
    assert [len(of_keras), len(of_keras[0])] == [3, 1]
    assert sum(of_keras, []) == pytest.approx(sum(of_tflite, []), abs=1e-5)
