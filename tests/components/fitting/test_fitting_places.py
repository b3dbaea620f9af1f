"""Every backend and strategy ends with the same weights, and what is missing is named."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kerasline.components.core.errors import ConfigError, TrainingFailed
from kerasline.components.fitting.one_fit import fit
from kerasline.components.fitting.places import places, processes
from kerasline.components.fitting.places.places import Place, choose_place
from kerasline.components.fitting.rows.rows import FitData
from kerasline.components.fitting.settings.options import TrainingOptions
from kerasline.components.fitting.settings.settings import FitSettings
from kerasline.components.fitting.watching.checkpoints import CheckpointFile

Make = Callable[..., FitSettings]
needs_jax = pytest.mark.skipif(
    importlib.util.find_spec("jax") is None, reason="JAX is not installed; make setup JAX=1 does"
)
needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="PyTorch is not installed; pip install torch does"
)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ("cpu", "none", 1, "float32", False)),
        ({"strategy": "mirrored"}, ("cpu", "mirrored", 2, "float32", True)),
        ({"strategy": "mirrored", "replicas": 4}, ("cpu", "mirrored", 4, "float32", True)),
        ({"precision": "mixed_float16"}, ("cpu", "none", 1, "mixed_float16", False)),
        ({"strategy": "none", "device": "cpu"}, ("cpu", "none", 1, "float32", False)),
    ],
)
def test_places_on_a_cpu(monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], expected: tuple[Any, ...]) -> None:
    monkeypatch.setattr(places, "has_gpu", lambda: False)
    place = choose_place(TrainingOptions(**options))
    assert (place.device, place.strategy, place.replicas, place.precision, place.own_process) == expected


@pytest.mark.parametrize(
    ("gpus", "options", "expected"),
    [
        (1, {}, ("gpu", "none", 1, True)),
        (3, {}, ("gpu", "mirrored", 3, True)),
        (3, {"strategy": "none"}, ("gpu", "none", 1, True)),
        (3, {"device": "cpu"}, ("cpu", "none", 1, True)),
    ],
)
def test_places_with_gpus(
    monkeypatch: pytest.MonkeyPatch, gpus: int, options: dict[str, Any], expected: tuple[Any, ...]
) -> None:
    monkeypatch.setattr(places, "has_gpu", lambda: True)
    monkeypatch.setattr(places, "count_gpus", lambda backend: gpus)
    place = choose_place(TrainingOptions(batch_size=48, **options))
    assert (place.device, place.strategy, place.replicas, place.own_process) == expected


def test_a_tpu_computes_in_bfloat16_in_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TPU_NAME", "training-tpu")
    place = choose_place(TrainingOptions(device="tpu"))
    assert place == Place("tensorflow", "tpu", "tpu", 1, "mixed_bfloat16", False, True)


def test_a_tpu_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TPU_NAME", raising=False)
    place = Place("tensorflow", "tpu", "tpu", 1, "mixed_bfloat16", False, True)
    with (
        pytest.raises(TrainingFailed, match="expected a TPU, but none answered .* set TPU_NAME"),
        places.settled(place) as scope,
        scope,
    ):
        pass


def test_replicas_must_divide_the_batch() -> None:
    with pytest.raises(TrainingFailed, match="expected a multiple of the 3 replicas .* got 64; try 63"):
        choose_place(TrainingOptions(strategy="mirrored", replicas=3))


def test_more_replicas_than_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "has_gpu", lambda: True)
    monkeypatch.setattr(places, "count_gpus", lambda backend: 2)
    with pytest.raises(TrainingFailed, match="expected at most 2, the GPUs of this machine, got 4"):
        choose_place(TrainingOptions(strategy="mirrored", replicas=4))


def test_a_gpu_that_tensorflow_cannot_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "check_machine", lambda options: None)
    monkeypatch.setattr(places, "count_gpus", lambda backend: 0)
    with pytest.raises(TrainingFailed, match="make setup GPU=1"):
        choose_place(TrainingOptions(device="gpu"))


def test_the_environment_settles_the_devices_of_a_worker() -> None:
    jax = processes.worker_environment(Place("jax", "cpu", "mirrored", 2, "float32", False, True))
    assert jax["KERAS_BACKEND"] == "jax" and jax["JAX_PLATFORMS"] == "cpu"
    assert "--xla_force_host_platform_device_count=2" in jax["XLA_FLAGS"]
    gpu = processes.worker_environment(Place("jax", "gpu", "none", 1, "float32", True, True))
    assert "--xla_gpu_deterministic_ops=true" in gpu["XLA_FLAGS"] and "CUDA_VISIBLE_DEVICES" not in gpu
    cpu = processes.worker_environment(Place("tensorflow", "cpu", "none", 1, "float32", False, True))
    assert cpu["CUDA_VISIBLE_DEVICES"] == "-1"


def test_a_stream_stays_with_tensorflow(settings: Make) -> None:
    streaming = FitData(None, None, lambda *_: None, True)
    with pytest.raises(TrainingFailed, match="strategy mirrored reads from memory.* raise that limit"):
        fit(settings(strategy="mirrored"), streaming)


def assert_same_fit(chosen: FitSettings, here: FitSettings, rows: FitData, tolerance: float) -> None:
    """Compares a fit elsewhere with the same fit in this process."""
    model, history = fit(chosen, rows)
    expected, expected_history = fit(here, rows)
    for name, values in expected_history.items():
        assert history[name] == pytest.approx(values, abs=tolerance), name
    for mine, theirs in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=tolerance)


@pytest.mark.slow
@pytest.mark.long
def test_two_devices_of_tensorflow_train_as_one(settings: Make, rows: FitData) -> None:
    assert_same_fit(settings(strategy="mirrored", mixup=0.2), settings(mixup=0.2), rows, 1e-5)


@needs_jax
@pytest.mark.slow
def test_two_devices_of_jax_train_as_tensorflow(settings: Make, rows: FitData) -> None:
    options = {"mixup": 0.2, "class_weights": {"setosa": 2.0}, "reduce_on_plateau": {"patience": 1}}
    assert_same_fit(settings(backend="jax", strategy="mirrored", **options), settings(**options), rows, 1e-4)


@needs_jax
@pytest.mark.slow
def test_two_workers_of_jax_train_as_tensorflow(settings: Make, rows: FitData) -> None:
    assert_same_fit(settings(backend="jax", strategy="multi_worker"), settings(), rows, 1e-4)


@needs_torch
@pytest.mark.slow
def test_torch_trains_as_tensorflow(settings: Make, rows: FitData) -> None:
    assert_same_fit(settings(backend="torch", mixup=0.2), settings(mixup=0.2), rows, 1e-4)


@pytest.mark.slow
def test_what_a_worker_says_reaches_the_user(
    settings: Make, rows: FitData, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = places.choose_place(TrainingOptions(strategy="mirrored"))
    broken = settings(model={"family": "custom", "build": "no_such_module:build"}, strategy="mirrored")
    job = tmp_path / "job"
    job.mkdir()
    processes.write_job(job, settings(strategy="mirrored"), rows, own, None, None)
    told = json.loads((job / processes.JOB).read_text())
    told["settings"] = broken.model_dump(mode="json")
    (job / processes.JOB).write_text(json.dumps(told))
    with pytest.raises(ConfigError, match="no_such_module, which Python cannot find"):
        processes._run_workers(job, own, 1, ())


@pytest.mark.slow
@pytest.mark.long
def test_a_worker_continues_and_ends_with_the_one_that_started_it(
    settings: Make, rows: FitData, tmp_path: Path
) -> None:
    # The rate is so low that the fit would run for minutes; killing its parent must end the worker too.
    chosen = settings(strategy="mirrored", epochs=500, learning_rate=1e-6)
    script = tmp_path / "parent.py"
    script.write_text(
        "import pickle, sys\n"
        "from kerasline.components.fitting.watching.checkpoints import CheckpointFile\n"
        "from kerasline.components.fitting.one_fit import fit\n"
        "settings, rows = pickle.load(open(sys.argv[1], 'rb'))\n"
        "fit(settings, rows, checkpoint=CheckpointFile(sys.argv[2], 'key'))\n"
    )
    import pickle

    (tmp_path / "task").write_bytes(pickle.dumps((chosen, rows)))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in ["", *sys.path] if path)}
    arguments = [sys.executable, str(script), str(tmp_path / "task"), str(tmp_path)]
    parent = subprocess.Popen(arguments, env=environment, cwd=Path(__file__).parents[3])
    file = CheckpointFile(str(tmp_path), "key")
    deadline = time.monotonic() + 240
    while (state := file.load()) is None or state.epoch < 3:
        assert parent.poll() is None and time.monotonic() < deadline
        time.sleep(0.1)
    workers = children_of(parent.pid)
    assert len(workers) == 1
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    while any(Path(f"/proc/{pid}").exists() for pid in workers):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    left = file.load()
    assert left is not None and left.epoch < 500
    finished = left.epoch + 2
    short = settings(strategy="mirrored", epochs=finished, learning_rate=1e-6)
    history = fit(short, rows, checkpoint=file)[1]
    assert len(history["loss"]) == finished and history["loss"][: left.epoch] == left.history["loss"]


def children_of(pid: int) -> list[int]:
    """Lists the processes that a process has started and that run Python."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [child for child in map(int, text.split()) if b"worker" in Path(f"/proc/{child}/cmdline").read_bytes()]
