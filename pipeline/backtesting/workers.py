"""The processes that do a backtest's tasks: as many as ``--jobs`` says, and each task once."""

from __future__ import annotations

import json
import queue
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kerasline.components.core import ConfigError, KeraslineError, end_child, module_command, start_child, write_at_once


class _Worker:
    """A process that does one task after the other."""

    def __init__(self, log: Path) -> None:
        ours, theirs = socket.socketpair()
        command = module_command("kerasline.pipeline.backtesting.worker", str(theirs.fileno()))
        with log.open("ab") as file, theirs:
            self._child: subprocess.Popen[Any] = start_child(
                command,
                pass_fds=(theirs.fileno(),),
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        self._socket, self._lines, self._log = ours, ours.makefile("rw", encoding="utf-8"), log

    def do(self, task: Mapping[str, Any]) -> dict[str, Any]:
        """Does a task.

        Raises:
          KeraslineError: the process ended.
        """
        try:
            self._lines.write(json.dumps(task) + "\n")
            self._lines.flush()
            line = self._lines.readline()
        except OSError:
            line = ""
        if not line:
            raise KeraslineError(
                f"a process of the backtest ended early, perhaps for want of memory; see {self._log}, and give the "
                "command again to go on where it was"
            )
        return dict(json.loads(line))

    def end(self) -> None:
        """Ends the process, whatever it is doing."""
        self._socket.close()
        end_child(self._child, patience=2)


class Tasks:
    """Does tasks in some processes and keeps what came of each in a file, so that none is done twice.

    Attributes:
      done, kept: how many were done now, and how many earlier.
    """

    def __init__(self, folder: Path, jobs: int) -> None:
        self._folder = folder
        self._pool = ThreadPoolExecutor(jobs)
        self._free: queue.SimpleQueue[int] = queue.SimpleQueue()
        for number in range(jobs):
            self._free.put(number)
        self._workers: dict[int, _Worker] = {}
        self._futures: dict[str, Future[dict[str, Any]]] = {}
        self._lock = threading.Lock()
        self._ended = False
        self.done = self.kept = 0

    def result(self, key: str, task: Mapping[str, Any]) -> dict[str, Any]:
        """Returns what came of a task, which is done if it was not.

        Args:
          key: names it, the same for the same task.
          task: for :func:`~kerasline.pipeline.backtesting.trial.carry_out`.

        Raises:
          ConfigError: what the task is to do cannot be done, as it would not in a run.
          KeraslineError: it failed.
        """
        with self._lock:
            if key not in self._futures:
                self._futures[key] = self._pool.submit(self._do, key, task)
        return self._futures[key].result()

    def _do(self, key: str, task: Mapping[str, Any]) -> dict[str, Any]:
        file = self._folder / f"{key}.json"
        if file.is_file():
            self.kept += 1
            return dict(json.loads(file.read_text(encoding="utf-8")))
        number = self._free.get()
        try:
            told = self._worker(number).do(task)
        finally:
            self._free.put(number)
        if "error" in told:
            kind = ConfigError if told["exit_code"] == ConfigError.exit_code else KeraslineError
            raise kind(told["error"])
        self.done += 1
        if told.get("status") != "failed":  # which may go well another time
            file.parent.mkdir(parents=True, exist_ok=True)
            write_at_once(file, json.dumps(told, indent=1))
        return told

    def _worker(self, number: int) -> _Worker:
        with self._lock:
            if self._ended:
                raise KeraslineError("the backtest was ended")
            if number not in self._workers:
                self._workers[number] = _Worker(self._folder / f"worker-{number}.log")
            return self._workers[number]

    def end(self) -> None:
        """Ends the processes, and with them what they are doing."""
        with self._lock:
            self._ended = True
            workers = list(self._workers.values())
        for worker in workers:
            worker.end()
        self._pool.shutdown(wait=False, cancel_futures=True)


@contextmanager
def open_tasks(folder: Path, jobs: int) -> Iterator[Tasks]:
    """Gives what does tasks; its processes end with it.

    Args:
      folder: for what came of them, and the logs.
      jobs: how many processes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tasks = Tasks(folder, jobs)
    try:
        yield tasks
    finally:
        tasks.end()
