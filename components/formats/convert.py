"""Run in a process of its own: converts a ``.keras`` file and asks every format for the same eval rows.

Usage: ``python -m kerasline.components.formats.convert TASK.json``; the keys are those that the component
writes. It leaves the files and ``formats.json`` in ``folder``; exit code 0 means that everything was made, however far
it is off.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from kerasline.components.core import distances, spread_of
from kerasline.components.features import FeaturePlan
from kerasline.components.fitting import ExamplesReader
from kerasline.components.formats.kinds import KINDS, MEAN

Inputs = dict[str, np.ndarray]
Asked = Callable[[Inputs], np.ndarray]

_CALIBRATION_ROWS = 256
_BATCH = 256
_SINGLE_REQUESTS, _FIRST_REQUESTS = 100, 5


def main() -> None:
    """Converts, asks, compares and writes."""
    task = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    for module in task["modules"]:
        importlib.import_module(module)
    folder, source = Path(task["folder"]), Path(task["keras"])
    plan = FeaturePlan.model_validate_json(Path(task["plan"]).read_text(encoding="utf-8"))
    reader = ExamplesReader(task["transform_graph"], plan)
    with np.load(task["predictions"], allow_pickle=False) as stored:
        expected = stored["predictions"][: task["rows"]]
        unit = None if plan.classes is not None else spread_of(stored["labels"], stored["predictions"])
    rows = _rows(reader, task["eval"], len(expected))
    sample = _rows(reader, task["train"], _CALIBRATION_ROWS)
    outcomes = {}
    for name in task["formats"]:
        path = folder / KINDS[name].file
        _WRITERS[name](source, path, sample)
        ask = _READERS[path.suffix](path)
        answers = np.concatenate([ask(batch) for batch in _batches(rows, len(expected))])
        outcomes[name] = {
            "title": KINDS[name].title,
            "file": path.name,
            "bytes": path.stat().st_size,
            "rows": len(expected),
            "difference": _difference(answers.reshape(expected.shape), expected, unit, KINDS[name].measure, plan),
            "measure": KINDS[name].measure if unit is None else f"{KINDS[name].measure}, in deviations of the label",
            "tolerance": KINDS[name].tolerance,
            **_latency(ask, rows, len(expected)),
        }
    described = {"formats": outcomes, **_describe(source, plan)}
    (folder / "formats.json").write_text(json.dumps(described, indent=1), encoding="utf-8")


def _rows(reader: ExamplesReader, files: str, count: int) -> Inputs:
    """Reads transformed inputs of the first rows of a split."""
    names = reader.names
    parts: dict[str, list[np.ndarray]] = {name: [] for name in names}
    found = 0
    for batch in reader.batches([files]).as_numpy_iterator():
        for name in names:
            parts[name].append(batch[name])
        found += len(batch[names[0]])
        if found >= count:
            break
    return {name: np.concatenate(values)[:count] for name, values in parts.items()}


def _batches(rows: Inputs, count: int) -> Iterator[Inputs]:
    for start in range(0, count, _BATCH):
        yield {name: values[start : start + _BATCH] for name, values in rows.items()}


def _copy(source: Path, target: Path, sample: Inputs) -> None:
    shutil.copyfile(source, target)


def _write_tflite(source: Path, target: Path, sample: Inputs) -> None:
    with _converter(source) as converter:
        target.write_bytes(converter.convert())


def _write_int8(source: Path, target: Path, sample: Inputs) -> None:
    count = len(next(iter(sample.values())))
    with _converter(source) as converter:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: (
            {name: values[row : row + 1] for name, values in sample.items()} for row in range(count)
        )
        target.write_bytes(converter.convert())


@contextmanager
def _converter(source: Path) -> Iterator[Any]:
    """Gives a converter of the network, whose signature has the inputs by their names.

    The weights are made constants first: TensorFlow 2.21's converter keeps those of Keras 3 as variables that nobody
    sets, and the file then answers nonsense.
    """
    model = keras.saving.load_model(source, compile=False)
    specs = {
        name: tf.TensorSpec([None, *tensor.shape[1:]], tensor.dtype, name=name) for name, tensor in model.input.items()
    }

    @tf.function(input_signature=[specs])
    def network(inputs: dict[str, tf.Tensor]) -> tf.Tensor:
        return model(inputs, training=False)

    constant = convert_variables_to_constants_v2(network.get_concrete_function())

    @tf.function(input_signature=[specs])
    def serve(inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        # tf.function flattens a dict in the order of its keys.
        return {"output": tf.nest.flatten(constant(*(inputs[name] for name in sorted(specs))))[0]}

    module = tf.Module()
    module.serve = serve
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures={"serving_default": serve.get_concrete_function()})
        yield tf.lite.TFLiteConverter.from_saved_model(folder)


def _write_onnx(source: Path, target: Path, sample: Inputs) -> None:
    model = keras.saving.load_model(source, compile=False)
    model({name: values[:1] for name, values in sample.items()})  # Keras exports no model that was never called
    model.export(str(target), format="onnx", verbose=False)


def _ask_keras(path: Path) -> Asked:
    model = keras.saving.load_model(path, compile=False)
    return lambda inputs: np.asarray(model.predict_on_batch(inputs), np.float32)


def _ask_tflite(path: Path) -> Asked:
    runner = tf.lite.Interpreter(model_path=str(path)).get_signature_runner("serving_default")
    return lambda inputs: np.asarray(runner(**inputs)["output"], np.float32)


def _ask_onnx(path: Path) -> Asked:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [entry.name for entry in session.get_inputs()]

    def ask(inputs: Inputs) -> np.ndarray:
        # tf2onnx may add ":0" to a name.
        return np.asarray(session.run(None, {name: inputs[name.removesuffix(":0")] for name in names})[0], np.float32)

    return ask


_WRITERS: dict[str, Callable[[Path, Path, Inputs], None]] = {
    "keras": _copy,
    "tflite": _write_tflite,
    "tflite_int8": _write_int8,
    "onnx": _write_onnx,
}
_READERS: dict[str, Callable[[Path], Asked]] = {".keras": _ask_keras, ".tflite": _ask_tflite, ".onnx": _ask_onnx}


def _difference(
    answers: np.ndarray, expected: np.ndarray, unit: float | None, measure: str, plan: FeaturePlan
) -> float:
    """Returns how far answers are off; ``unit`` is that of a regression, None for scores."""
    distance = distances(answers, expected, 1.0 if unit is None else unit, plan.rounding())
    # A difference that is no number is beyond any tolerance, and JSON has no infinity.
    figure = float(distance.mean() if measure == MEAN else distance.max(initial=0))
    return figure if np.isfinite(figure) else 1e30


def _latency(ask: Asked, rows: Inputs, count: int) -> dict[str, float]:
    seconds = []
    for number in range(_FIRST_REQUESTS + _SINGLE_REQUESTS):
        request = {name: values[number % count : number % count + 1] for name, values in rows.items()}
        started = time.perf_counter()
        ask(request)
        seconds.append(time.perf_counter() - started)
    p50, p99 = np.percentile(seconds[_FIRST_REQUESTS:], [50, 99]) * 1000
    return {"latency_p50_ms": float(p50), "latency_p99_ms": float(p99)}


def _describe(source: Path, plan: FeaturePlan) -> dict[str, Any]:
    """Says what goes in and what comes out; the preprocessing is not in these formats."""
    model = keras.saving.load_model(source, compile=False)
    inputs = [
        {"name": name, "dtype": str(tensor.dtype), "shape": [None, *tensor.shape[1:]]}
        for name, tensor in model.input.items()
    ]
    meaning = {
        "binary": "the score of the second class",
        "multiclass": "a score for each class",
        "multilabel": "a score for each label",
    }.get(plan.task, "the value, in the label's units")
    return {"inputs": inputs, "output": meaning, "classes": plan.classes}


if __name__ == "__main__":
    main()
