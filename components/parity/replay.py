"""Run as a script in a process of its own: loads a SavedModel with TensorFlow alone and replays rows through it.

Usage: replay.py TASK.json, whose keys are ``model``, ``libraries`` (modules that register its operations),
``examples``, ``predictions``, ``classes``, ``columns`` (argument of ``serving_raw`` to raw column), ``label`` (its
column), ``task``, ``rows``, ``tolerance``, ``measure`` (of what, in words), ``unit`` and ``rounding`` (of a regression:
the unit of differences, and the share of a number that is none),
``outcome`` (the file to write) and ``requests`` (another: the first rows as warm-up requests for TensorFlow Serving).
Exit code 0 means that the outcome was written, whatever was found: a model that does not load or does not answer is a
finding, too.

The outcome has ``passed``, ``rows`` (that were compared), ``largest_difference`` and ``worst_row`` (None where nothing
could be compared), ``rows_beyond`` (how many differ by more than the tolerance), ``first_beyond`` (a few of them),
``problems`` (sentences), ``latency``, ``tolerance`` and ``measure``. Rows are counted from 1 in the order of the eval
split.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Iterator
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
gc.disable()  # of the million objects that TensorFlow makes while it is loaded, most stay

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

gc.enable()

_BATCH = 256
_MISSING = {tf.string: b"", tf.float32: float("nan"), tf.int64: tf.int64.min}
_WARMUP_ROWS, _ROWS_NAMED = 4, 3
_SINGLE_REQUESTS, _SINGLE_SECONDS, _FIRST_REQUESTS = 300, 3.0, 10


def main(path: str) -> None:
    """Compares as the file at ``path`` says, and writes the outcome."""
    with open(path, encoding="utf-8") as file:
        task = json.load(file)
    with np.load(task["predictions"], allow_pickle=False) as stored:
        expected = stored["predictions"][: task["rows"]]
    problems: list[str] = []
    differences: list[np.ndarray] = []
    latency: dict[str, float | None] = {"latency_p50_ms": None, "latency_p99_ms": None}
    try:
        model = _load(task)
        for index, batch in enumerate(_batches(task, len(expected))):
            start = index * _BATCH
            wanted = expected[start : start + len(batch)]
            answer = model.signatures["serving_default"](examples=batch)
            differences.append(_compare(answer, wanted, task, problems, "serving_default"))
            if index == 0:
                columns = _raw_columns(model, batch.numpy(), task["columns"])
                raw = model.signatures["serving_raw"](**columns)
                differences[0] = np.fmax(differences[0], _compare(raw, wanted, task, problems, "serving_raw"))
                _write_requests(task["requests"], batch.numpy()[:_WARMUP_ROWS], columns, task["label"])
                latency = _measure_latency(model, batch)
    except tf.errors.ResourceExhaustedError:
        raise  # says more about the machine than about the model
    except (tf.errors.OpError, OSError, ValueError, TypeError, KeyError) as error:
        traceback.print_exc()
        problems.append(f"it does not load and answer in a fresh process: {_first_line(error)}")
    found = np.concatenate([np.zeros(0, np.float32), *differences])
    if not problems and len(found) != len(expected):
        problems.append(f"there are {len(found)} rows where the Trainer saw {len(expected)}")
    if not problems and not np.isfinite(found).all():
        problems.append(f"the Trainer's own answers are no numbers for {(~np.isfinite(found)).sum()} rows")
    outcome = {**_sum_up(found, task["tolerance"]), "problems": problems, "latency": latency}
    passed = not problems and not outcome["rows_beyond"]
    with open(task["outcome"], "w", encoding="utf-8") as file:
        json.dump({"passed": passed, "tolerance": task["tolerance"], "measure": task["measure"], **outcome}, file)


def _load(task: dict[str, Any]) -> Any:
    for library in task["libraries"]:
        importlib.import_module(library)
    return tf.saved_model.load(task["model"])


def _batches(task: dict[str, Any], rows: int) -> Iterator[tf.Tensor]:
    """Gives the first rows of the eval split, serialized."""
    files = sorted(tf.io.gfile.glob(task["examples"]))
    yield from tf.data.TFRecordDataset(files, compression_type="GZIP").take(rows).batch(_BATCH)


def _sum_up(differences: np.ndarray, tolerance: float) -> dict[str, Any]:
    """Says how large the differences are, and in which rows; NaN, which is a problem of its own, is no difference."""
    known = np.isfinite(differences)
    beyond = np.flatnonzero(known & (differences > tolerance))
    return {
        "rows": len(differences),
        "largest_difference": float(differences[known].max()) if known.any() else None,
        "worst_row": int(np.argmax(np.where(known, differences, -1))) + 1 if known.any() else None,
        "rows_beyond": len(beyond),
        "first_beyond": (beyond[:_ROWS_NAMED] + 1).tolist(),
    }


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def _measure_latency(model: Any, records: tf.Tensor) -> dict[str, float | None]:
    """Asks for one row after the other, and returns percentiles of the time that an answer takes, in milliseconds."""
    answer = model.signatures["serving_default"]
    seconds: list[float] = []
    started = time.monotonic()
    for number in range(_FIRST_REQUESTS + _SINGLE_REQUESTS):
        row = number % len(records)
        request = records[row : row + 1]
        begun = time.perf_counter()
        for values in answer(examples=request).values():
            values.numpy()
        seconds.append(time.perf_counter() - begun)
        if number > 2 * _FIRST_REQUESTS and time.monotonic() - started > _SINGLE_SECONDS:
            break
    p50, p99 = np.percentile(seconds[_FIRST_REQUESTS:], [50, 99]) * 1000
    return {"latency_p50_ms": float(p50), "latency_p99_ms": float(p99)}


def _write_requests(path: str, records: np.ndarray, columns: dict[str, tf.Tensor], label: str) -> None:
    """Writes one request for each serving signature, without the label, as TensorFlow Serving reads them."""
    from tensorflow_serving.apis import model_pb2, predict_pb2, prediction_log_pb2

    examples = []
    for record in records:
        example = tf.train.Example.FromString(record)
        example.features.feature.pop(label, None)
        examples.append(example.SerializeToString(deterministic=True))
    first = {name: values[:_WARMUP_ROWS] for name, values in columns.items()}
    requests = {"serving_default": {"examples": tf.constant(examples, tf.string)}, "serving_raw": first}
    with tf.io.TFRecordWriter(path) as writer:
        for signature, inputs in requests.items():
            tensors = {name: tf.make_tensor_proto(values.numpy()) for name, values in inputs.items()}
            specification = model_pb2.ModelSpec(signature_name=signature)
            request = predict_pb2.PredictRequest(model_spec=specification, inputs=tensors)
            log = prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))
            writer.write(log.SerializeToString())


def _compare(answer: Any, wanted: np.ndarray, task: dict[str, Any], problems: list[str], signature: str) -> np.ndarray:
    """Returns each row's difference; notes class names that are in another order than the training's, and NaN."""
    numbers = answer["value" if task["classes"] is None else "scores"].numpy()
    if not np.isfinite(numbers).all():
        problems.append(f"{signature} answers {(~np.isfinite(numbers)).sum()} times with something that is no number")
    if task["classes"] is None:
        wanted = wanted.reshape(-1).astype(np.float64)
        return np.asarray(np.maximum(np.abs(numbers - wanted) - task["rounding"] * np.abs(wanted), 0.0) / task["unit"])
    scores = np.concatenate([1 - wanted, wanted], axis=1) if task["task"] == "binary" else wanted
    classes = np.array(task["classes"])
    served = _decode(answer["classes"])
    if not (served == classes[np.newaxis, :]).all():
        problems.append(f"{signature} names the classes {served[0].tolist()} where training had {classes.tolist()}")
    if "class" in answer:
        # Where two scores are equal within float noise either class is right.
        margin = np.sort(scores, axis=1)[:, -1] - np.sort(scores, axis=1)[:, -2]
        wrong = (_decode(answer["class"]) != classes[scores.argmax(axis=1)]) & (margin > 1e-5)
        if wrong.any():
            problems.append(f"{signature} gives another class for {wrong.sum()} rows")
    return np.asarray(np.abs(numbers - scores).max(axis=1))


def _decode(names: tf.Tensor) -> np.ndarray:
    """Reads a tensor of names; NumPy's own way takes ASCII only."""
    return np.char.decode(names.numpy().astype(bytes), "utf-8")


def _raw_columns(model: Any, records: np.ndarray, columns: dict[str, str]) -> dict[str, tf.Tensor]:
    """Takes the columns out of serialized tf.Examples, as a client would send them."""
    _, specs = model.signatures["serving_raw"].structured_input_signature
    examples = [tf.train.Example.FromString(record) for record in records]
    return {key: _column(examples, columns[key], spec) for key, spec in specs.items()}


def _column(examples: list[tf.train.Example], name: str, spec: tf.TensorSpec) -> tf.Tensor:
    values: list[Any] = []
    for example in examples:
        feature = example.features.feature[name]
        found = list(getattr(feature, feature.WhichOneof("kind")).value) if feature.WhichOneof("kind") else []
        if len(spec.shape) > 1:
            values.append(np.array(found).reshape(spec.shape[1:]))
        else:
            values.append(found[0] if found else _MISSING[spec.dtype])
    return tf.constant(values, spec.dtype)


if __name__ == "__main__":
    main(sys.argv[1])
