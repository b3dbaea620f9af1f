"""Fits in one or several processes of their own, which read the rows from files and give weights and history back.

A folder holds the job: ``job.json``, the rows as ``.npy`` files that the workers map into memory, and the initial
weights, so that every backend starts from the same. A worker says on its standard output how far it is; it ends when
its standard input does, so none outlives the command that started it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

import keras
import numpy as np

from kerasline.components.core import ConfigError, KeraslineError, TrainingFailed, module_command, progress
from kerasline.components.fitting.places.places import Place
from kerasline.components.fitting.rows import Arrays, FitData
from kerasline.components.fitting.settings import FitSettings
from kerasline.components.fitting.watching import CheckpointFile
from kerasline.components.models import build_model

JOB, RESULT, HISTORY, ERROR, START = "job.json", "weights.npz", "history.json", "error.json", "start.npz"
MARK = "@kerasline "  # what a worker says to us; all else on its standard output is for the log
_WORKER = "kerasline.components.fitting.worker"
_ERRORS: dict[str, type[KeraslineError]] = {"ConfigError": ConfigError, "TrainingFailed": TrainingFailed}


def fit_in_process(
    settings: FitSettings,
    data: FitData,
    place: Place,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    checkpoint: CheckpointFile | None = None,
    log_folder: str | None = None,
) -> tuple[list[np.ndarray], dict[str, list[float]]]:
    """Fits elsewhere.

    Args:
      settings: Model and training options.
      data: Rows in memory.
      place: Where the fit runs.
      callbacks: Keras callbacks, which are told the ends of epochs alone.
      checkpoint: Where the workers keep the state of every epoch, None for nowhere.
      log_folder: Folder for TensorBoard logs, None for none.

    Returns:
      The weights in the order of ``model.get_weights()``, and the history.

    Raises:
      TrainingFailed: what the worker raised, or how it ended.
    """
    with tempfile.TemporaryDirectory(prefix="kerasline-fit-") as name:
        folder = Path(name)
        write_job(folder, settings, data, place, checkpoint, log_folder)
        processes = place.replicas if place.strategy == "multi_worker" else 1
        _run_workers(folder, place, processes, callbacks)
        return read_weights(folder / RESULT), json.loads((folder / HISTORY).read_text(encoding="utf-8"))


def write_job(
    folder: Path,
    settings: FitSettings,
    data: FitData,
    place: Place,
    checkpoint: CheckpointFile | None,
    log_folder: str | None,
) -> None:
    """Writes all that a worker needs to know.

    Args:
      folder: Empty folder that receives the job.
      settings: Model and training options.
      data: Rows in memory.
      place: Where the fit runs.
      checkpoint: Where the workers keep the state of every epoch, None for nowhere.
      log_folder: Folder for TensorBoard logs, None for none.
    """
    assert data.train is not None
    model = build_model(settings.model, settings.plan.inputs(), settings.output(), seed=settings.seed)
    save_weights(folder / START, model.get_weights())
    job = {
        "settings": settings.model_dump(mode="json"),
        "place": asdict(place),
        "checkpoint": {"folder": checkpoint.folder, "key": checkpoint.key} if checkpoint else None,
        "log_folder": log_folder,
        "train": write_rows(folder / "train", data.train),
        "validation": None if data.validation is None else write_rows(folder / "validation", data.validation),
        # A custom family's module may lie in the recipe's folder.
        "python_path": [path for path in sys.path if path],
    }
    (folder / JOB).write_text(json.dumps(job), encoding="utf-8")


def save_weights(path: Path, weights: Sequence[np.ndarray]) -> None:
    """Writes arrays in their order."""
    arrays: dict[str, Any] = {str(number): np.asarray(value) for number, value in enumerate(weights)}
    np.savez(path, **arrays)


def read_weights(path: Path) -> list[np.ndarray]:
    """Reads what :func:`save_weights` wrote."""
    with np.load(path, allow_pickle=False) as stored:
        return [stored[str(number)] for number in range(len(stored.files))]


def write_rows(folder: Path, rows: Arrays) -> dict[str, Any]:
    """Writes rows into a folder that it makes; returns what :func:`read_rows` wants to know."""
    folder.mkdir()
    files = {}
    for number, (name, values) in enumerate(rows.inputs.items()):
        files[name] = f"{folder}/input-{number}.npy"
        np.save(files[name], values)
    np.save(folder / "labels.npy", rows.labels)
    if rows.weights is not None:
        np.save(folder / "weights.npy", rows.weights)
    return {
        "inputs": files,
        "labels": f"{folder}/labels.npy",
        "weights": None if rows.weights is None else f"{folder}/weights.npy",
    }


def read_rows(files: dict[str, Any]) -> Arrays:
    """Maps written rows into memory."""
    inputs = {name: np.load(path, mmap_mode="r") for name, path in files["inputs"].items()}
    weights = None if files["weights"] is None else np.load(files["weights"])
    return Arrays(inputs, np.load(files["labels"]), weights)


def _run_workers(folder: Path, place: Place, processes: int, callbacks: Sequence[keras.callbacks.Callback]) -> None:
    """Lets workers fit a job, and passes on what they say.

    Raises:
      KeraslineError: what a worker raised, or how it ended.
    """
    import portpicker

    port = portpicker.pick_unused_port() if processes > 1 else 0
    workers = [_start_worker(folder, place, number, processes, port) for number in range(processes)]
    try:
        listeners = [_start_listener(worker, callbacks) for worker in workers]
        _wait_for(workers)
    finally:
        for worker in workers:
            worker.kill()  # does nothing to one that has ended
            worker.wait()
    for listener in listeners:
        listener.join(timeout=10)
    failed = [(number, worker.returncode) for number, worker in enumerate(workers) if worker.returncode]
    if failed:
        raise _explain(folder, place, *failed[0])


def _start_listener(worker: subprocess.Popen[str], callbacks: Sequence[keras.callbacks.Callback]) -> threading.Thread:
    listener = threading.Thread(target=_listen, args=(worker.stdout, callbacks), daemon=True)
    listener.start()
    return listener


def _wait_for(workers: Sequence[subprocess.Popen[str]]) -> None:
    """Waits until all workers have ended, or one has failed, without whom the others would wait for ever."""
    while any(worker.poll() is None for worker in workers):
        if any(worker.poll() for worker in workers):
            time.sleep(2 if len(workers) > 1 else 0)  # the others may be about to say why
            return
        time.sleep(0.05)


def _start_worker(folder: Path, place: Place, number: int, processes: int, port: int) -> subprocess.Popen[str]:
    environment = os.environ | worker_environment(place)
    if processes > 1:
        environment |= {
            "KERAS_DISTRIBUTION_JOB_ADDRESSES": ",".join([f"127.0.0.1:{port}"] * processes),
            "KERAS_DISTRIBUTION_NUM_PROCESSES": str(processes),
            "KERAS_DISTRIBUTION_PROCESS_ID": str(number),
        }
    return subprocess.Popen(
        module_command(_WORKER, str(folder)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
    )


def worker_environment(place: Place) -> dict[str, str]:
    """Returns the environment variables that settle backend and devices before anything is imported."""
    variables = {"KERAS_BACKEND": place.backend, "TF_FORCE_GPU_ALLOW_GROWTH": "true"}
    flags = [os.environ.get("XLA_FLAGS", "")]
    if place.device == "cpu":
        variables |= {"CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu"}
        if place.backend == "jax" and place.strategy == "mirrored":
            flags.append(f"--xla_force_host_platform_device_count={place.replicas}")
    elif place.backend == "jax" and place.deterministic:
        flags.append("--xla_gpu_deterministic_ops=true")
    return variables | {"XLA_FLAGS": " ".join(filter(None, flags))}


def _listen(stream: IO[str], callbacks: Sequence[keras.callbacks.Callback]) -> None:
    """Passes on what a worker says."""
    for line in stream:
        if not line.startswith(MARK):
            print(line, end="")
            continue
        said = json.loads(line.removeprefix(MARK))
        if "logs" in said:
            for callback in callbacks:
                callback.on_epoch_end(said["epoch"], said["logs"])
        else:
            progress.report(**said)


def _explain(folder: Path, place: Place, number: int, code: int) -> KeraslineError:
    """Makes the error of a worker that failed: what any of them left word of, or how this one ended."""
    for path in sorted(folder.glob(f"*{ERROR}")):
        told = json.loads(path.read_text(encoding="utf-8"))
        if told["kind"] in _ERRORS:
            return _ERRORS[told["kind"]](told["message"])
        return TrainingFailed(
            f"training under {place.backend} failed with {told['kind']}: {told['message']}; the log has the rest"
        )
    killed = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
    advice = "it may have run out of memory, so try a smaller training.batch_size" if code == -9 else "see the log"
    return TrainingFailed(f"expected process {number} of the training to end well, but it {killed}; {advice}")
