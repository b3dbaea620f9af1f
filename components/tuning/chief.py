"""Trials at a time: this process keeps KerasTuner's oracle and serves it over gRPC on loopback to workers of its own.

KerasTuner's own chief neither notices a worker that dies nor ends before 20 s have passed, so its servicer runs in a
server of ours, whose port the operating system chooses.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from concurrent import futures
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import grpc
from keras_tuner.engine import trial as trial_module
from keras_tuner.src import protos
from keras_tuner.src.distribute import oracle_chief

from kerasline.components.core import TrainingFailed, module_command, progress
from kerasline.components.fitting import MARK, decode_hyperparameters, write_rows
from kerasline.components.tuning.trials import remove_lost

if TYPE_CHECKING:
    from kerasline.components.tuning.tuner import ConfigTuner

JOB = "job.json"
ERROR = "error-{name}.txt"
_WORKER = "kerasline.components.tuning.worker"
_LOOPBACK = "127.0.0.1"
_STARTS = 2  # of a worker that dies before it has a trial


class _Crew:
    """The workers of a search, by name, and what each said last."""

    def __init__(self, tuner: ConfigTuner, folder: Path, port: int) -> None:
        self.tuner, self.folder, self.port = tuner, folder, port
        self.processes: dict[str, subprocess.Popen[str]] = {}
        self.failures: dict[str, int] = {}
        self._said: dict[str, str] = {}
        self._lock = threading.Lock()
        self.count = min(tuner.options.parallel, tuner.options.max_trials)

    def start(self, number: int) -> None:
        """Starts a worker, or starts it again."""
        name = f"worker{number}"
        process = subprocess.Popen(
            module_command(_WORKER, str(self.folder)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | _environment(number, self.count) | {
                "KERASTUNER_TUNER_ID": name,
                "KERASTUNER_ORACLE_IP": _LOOPBACK,
                "KERASTUNER_ORACLE_PORT": str(self.port),
            },
            text=True,
        )  # fmt: skip
        self.processes[name] = process
        threading.Thread(target=self._listen, args=(name, process.stdout), daemon=True).start()

    def _listen(self, name: str, stream: IO[str]) -> None:
        """Passes on what a worker says; the live line shows all of them."""
        for line in stream:
            if not line.startswith(MARK):
                print(line, end="")
                continue
            said = json.loads(line.removeprefix(MARK))
            with self._lock:
                if said["permanent"]:
                    self._said.pop(name, None)
                    progress.report(**said)
                    continue
                self._said[name] = f"{said['done']}: {said['text']}"
                told = " | ".join(self._said[key] for key in sorted(self._said))
                progress.report("trial", said["done"], said["total"], told)

    def look(self) -> bool:
        """Deals with workers that have ended; says whether any still runs."""
        for number in range(self.count):
            name = f"worker{number}"
            code = self.processes[name].poll()
            if code:
                self._bury(number, name, code)
        return any(process.poll() is None for process in self.processes.values())

    def _bury(self, number: int, name: str, code: int) -> None:
        """Records the trial of a worker that died as failed, and starts the worker again."""
        reason = self._reason(name, code)
        trial = self.tuner.oracle.ongoing_trials.get(name)
        if trial is None:
            self.failures[name] = self.failures.get(name, 0) + 1
            if self.failures[name] >= _STARTS:
                raise TrainingFailed(
                    f"tuning.parallel: expected {self.count} processes that take trials, but {reason}; the log has the "
                    "rest, and tuning.parallel: 1 needs no more processes than this one"
                )
        else:
            values = decode_hyperparameters(trial.hyperparameters.values)
            entry = {"trial_id": trial.trial_id, "values": values, "history": {}}
            entry |= {"status": "FAILED", "score": None, "reason": reason}
            # The oracle writes this file when it gives a trial away.
            age = time.time() - os.path.getmtime(os.path.join(self.tuner.get_trial_dir(trial.trial_id), "trial.json"))
            self.tuner.keep(entry, time.monotonic() - age)
            trial.status, trial.message = trial_module.TrialStatus.FAILED, reason
            self.tuner.oracle.end_trial(trial)
        self.start(number)

    def _reason(self, name: str, code: int) -> str:
        told = self.folder / ERROR.format(name=name)
        if told.is_file():
            text = told.read_text(encoding="utf-8")
            told.unlink()
            return text
        if code < 0:
            advice = "; it may have run out of memory, so try fewer trials at a time" if code == -9 else ""
            return f"its process was killed by signal {-code}{advice}"
        return f"its process ended with exit code {code}"

    def end(self) -> None:
        """Ends every worker that still runs."""
        for process in self.processes.values():
            if process.poll() is None:
                process.kill()
            process.wait()


def search_in_parallel(tuner: ConfigTuner) -> None:
    """Runs the trials that are left, ``tuning.parallel`` at a time.

    Args:
      tuner: Tuner that keeps the oracle; its folder takes the rows that the workers map into memory.

    Raises:
      TrainingFailed: the workers do not start.
    """
    folder = Path(tuner.directory, "job")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    _write_job(tuner, folder)
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=1))
    servicer = oracle_chief.OracleServicer(tuner.oracle)
    protos.get_service_grpc().add_OracleServicer_to_server(servicer, server)
    crew = _Crew(tuner, folder, server.add_insecure_port(f"{_LOOPBACK}:0"))
    server.start()
    try:
        for number in range(crew.count):
            crew.start(number)
        while crew.look():
            time.sleep(0.1)
            remove_lost(tuner.oracle, tuner.states)
    finally:
        crew.end()
        server.stop(None)
        shutil.rmtree(folder, ignore_errors=True)


def _write_job(tuner: ConfigTuner, folder: Path) -> None:
    data = tuner.data
    assert data.train is not None
    assert data.validation is not None
    job: dict[str, Any] = {
        "settings": tuner.settings.model_dump(mode="json"),
        "tuning": tuner.options.model_dump(mode="json"),
        "start": tuner.start,
        "folder": str(tuner.directory),
        "train": write_rows(folder / "train", data.train),
        "validation": write_rows(folder / "validation", data.validation),
        # A custom family's module may lie in the recipe's folder.
        "python_path": [path for path in sys.path if path],
    }
    (folder / JOB).write_text(json.dumps(job), encoding="utf-8")


def _environment(number: int, count: int) -> dict[str, str]:
    """Shares cores and GPUs among the workers."""
    threads = str(max(1, (os.cpu_count() or 1) // count))
    shared = {
        "TF_NUM_INTRAOP_THREADS": threads,
        "OMP_NUM_THREADS": threads,
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        "no_grpc_proxy": _LOOPBACK,
    }
    gpus = _gpus()
    return shared | ({"CUDA_VISIBLE_DEVICES": gpus[number % len(gpus)]} if len(gpus) > 1 else {})


def _gpus() -> list[str]:
    """Lists what CUDA_VISIBLE_DEVICES may name, each once."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [part for part in named.split(",") if part not in ("", "-1", "none")]
    return [path.name.removeprefix("nvidia") for path in sorted(Path("/dev").glob("nvidia[0-9]*"))]
