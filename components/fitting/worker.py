"""Run as ``python -m kerasline.components.fitting.worker FOLDER``: fits a job under the KERAS_BACKEND that is set.

Writes ``weights.npz`` and ``history.json`` into the folder, or ``error.json``; says on standard output how far it is.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

from kerasline.components.core import loading_libraries, progress
from kerasline.components.fitting.places import end_with_parent


def main() -> int:
    """Fits; returns the exit code."""
    end_with_parent()
    folder = Path(sys.argv[1])
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    number = int(os.environ.get("KERAS_DISTRIBUTION_PROCESS_ID", "0"))
    try:
        _fit(folder, job, number)
    except Exception as error:
        traceback.print_exc()
        message = " ".join(str(error).split())
        if type(error).__name__ not in ("ConfigError", "TrainingFailed"):
            message = message[:500]
        told = {"kind": type(error).__name__, "message": message}
        (folder / f"{number}-error.json").write_text(json.dumps(told), encoding="utf-8")
        return 1
    return 0


def _fit(folder: Path, job: dict[str, Any], number: int) -> None:
    """Fits a job; the first of several processes alone writes and tells.

    Args:
      folder: Folder of the job, which receives the result.
      job: What ``job.json`` says.
      number: Number of this process, from 0.
    """
    sys.path += [path for path in job["python_path"] if path not in sys.path]
    place = job["place"]
    with loading_libraries():
        _prepare_backend(place)
        import keras

        from kerasline.components.fitting.one_fit import fit_here
    from kerasline.components.fitting.places import HISTORY, RESULT, START, Place, read_rows, read_weights, save_weights
    from kerasline.components.fitting.rows import FitData, Share
    from kerasline.components.fitting.settings import FitSettings
    from kerasline.components.fitting.watching import CheckpointFile

    is_chief = number == 0
    aside: dict[str, Any] = {}
    if is_chief:
        progress.listen(lambda said: _say(vars(said)))
        aside["callbacks"] = [keras.callbacks.LambdaCallback(on_epoch_end=_say_epoch)]
        aside["log_folder"] = job["log_folder"]
    if job["checkpoint"]:
        aside["checkpoint"] = CheckpointFile(**job["checkpoint"], is_writer=is_chief)
    validation = None if job["validation"] is None else read_rows(job["validation"])
    model, history = fit_here(
        FitSettings.model_validate(job["settings"]),
        FitData(read_rows(job["train"]), validation, None, validation is not None),
        Place(**place),
        share=Share(number, *_count_shares(place)),
        start=read_weights(folder / START),
        **aside,
    )
    if is_chief:
        save_weights(folder / RESULT, model.get_weights())
        (folder / HISTORY).write_text(json.dumps(history), encoding="utf-8")


def _count_shares(place: dict[str, Any]) -> tuple[int, int]:
    """Returns how many processes and how many devices in all share a batch."""
    replicas = int(place["replicas"])
    return {"multi_worker": (replicas, replicas), "mirrored": (1, replicas)}.get(place["strategy"], (1, 1))


def _prepare_backend(place: dict[str, Any]) -> None:
    """Sets up what cannot be changed once the backend has started."""
    if place["backend"] == "tensorflow":
        import tensorflow as tf

        if place["device"] == "cpu" and place["strategy"] == "mirrored":
            (cpu,) = tf.config.list_physical_devices("CPU")
            logical = [tf.config.LogicalDeviceConfiguration()] * place["replicas"]
            tf.config.set_logical_device_configuration(cpu, logical)
    elif place["backend"] == "jax" and place["strategy"] == "multi_worker":
        import jax

        if place["device"] == "cpu":
            jax.config.update("jax_cpu_collectives_implementation", "gloo")
        import keras

        keras.distribution.initialize()
    elif place["backend"] == "torch":
        import torch

        torch.use_deterministic_algorithms(bool(place["deterministic"]))


def _say(said: dict[str, Any]) -> None:
    from kerasline.components.fitting.places import MARK

    print(MARK + json.dumps(said), flush=True)


def _say_epoch(epoch: int, logs: dict[str, float] | None) -> None:
    _say({"epoch": epoch, "logs": {name: float(value) for name, value in (logs or {}).items()}})


if __name__ == "__main__":
    sys.exit(main())
