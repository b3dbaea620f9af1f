"""Run as a script in a process of its own: loads a pushed SavedModel with TensorFlow alone and lets it answer.

Usage: probe.py VERSION_FOLDER. The requests are those of ``assets.extra``; a version without any answers an empty
batch. Exit code 0 means that the model loaded and answered with finite numbers; the last line on stdout is a JSON
object with ``load_seconds``, ``requests`` and ``rows``.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

from kerasline.components.core import load_saved_model

WARMUP_FILE = "assets.extra/tf_serving_warmup_requests"


def main() -> None:
    """Loads, asks, and tells; whatever fails ends the process with its own message."""
    folder = sys.argv[1]
    started = time.monotonic()
    model = load_saved_model(folder)
    load_seconds = time.monotonic() - started
    requests = read_requests(os.path.join(folder, WARMUP_FILE))
    if not requests:
        requests = [("serving_default", {"examples": tf.constant([], tf.string)})]
    rows = 0
    for signature, inputs in requests:
        answer = model.signatures[signature](**inputs)
        for name, values in answer.items():
            array = values.numpy()
            rows = max(rows, len(array))
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                raise ValueError(f"{signature} answers {name} with numbers that are not finite")
    print(json.dumps({"load_seconds": round(load_seconds, 3), "requests": len(requests), "rows": rows}))


def read_requests(path: str) -> list[tuple[str, dict[str, Any]]]:
    """Reads warm-up requests: for each the signature and its tensors by name; none where there is no file."""
    if not os.path.isfile(path):
        return []
    from tensorflow_serving.apis import prediction_log_pb2

    found = []
    for record in tf.data.TFRecordDataset(path).as_numpy_iterator():
        request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
        inputs = {name: tf.constant(tf.make_ndarray(tensor)) for name, tensor in request.inputs.items()}
        found.append((request.model_spec.signature_name, inputs))
    return found


if __name__ == "__main__":
    main()
