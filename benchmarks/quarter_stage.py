"""What the simulated quarter is played on: its clock, its rows, its processes, and the traffic."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
NAME = "tumours"
FIRST = datetime(2026, 3, 2, 9, tzinfo=UTC)
SECRET = "secret-"
NEW_SCANNER = 38  # the day from which lengths are two fifths larger
SLOW_FROM, SLOW_DAYS = 21, 14  # in which larger tumours become more frequent
_LENGTHS = ["mean_radius", "mean_perimeter", "worst_radius"]
COLUMNS = [*_LENGTHS, "mean_area", "mean_texture", "mean_smoothness", "worst_texture", "worst_concavity"]
_SINGLE, _BATCHES, _BATCH = 40, 4, 15  # requests of a day
_TICKS = os.sysconf("SC_CLK_TCK")
RECIPE = """
name: tumours
data: {spans: {pattern: "spans/week-{SPAN}.csv", label: diagnosis, window: 2}}
validation: {anomalies: warn, drift: warn}
model: {family: mlp, units: [16]}
training: {epochs: 60, batch_size: 16, learning_rate: 0.01}
evaluation: {thresholds: {accuracy: {min: 0.8}}}
push: {promotion: shadow, rollback_on: {accuracy_drop: 0.1}, watch_days: 14}
report: {explanations: "off"}
serve: {capture: {share: 1.0, keep_days: 120, redact: [insurance]}}
schedule: {cron: "0 3 * * *", trigger: served_metric, served_days: 14}
"""


class Clock:
    """The wall clock that all processes of the play see."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.set(0)

    def set(self, day: int) -> None:
        """Lets it be nine o'clock of a day; processes that run see it at once."""
        moved = (FIRST + timedelta(days=day)).timestamp() - time.time()
        with open(self._file, "r+b" if self._file.is_file() else "wb") as file:
            file.write(struct.pack("d", moved))


def date_of(day: int) -> date:
    """Returns the date of a day of the play."""
    return (FIRST + timedelta(days=day)).date()


class World:
    """Draws patients from scikit-learn's table of breast cancer, as they are on a day."""

    def __init__(self) -> None:
        from sklearn.datasets import load_breast_cancer

        table = load_breast_cancer(as_frame=True)
        self._frame = table.data.rename(columns=lambda name: name.replace(" ", "_"))[COLUMNS]
        self._diagnoses = np.where(table.target == 1, "benign", "malignant")
        radius = self._frame["mean_radius"]
        self._size = ((radius - radius.mean()) / radius.std()).to_numpy()
        self._random = np.random.default_rng(19)

    def rows(self, day: int, count: int) -> pd.DataFrame:
        """Draws rows with their diagnosis; a fifth of the served ones have an insurance that is nobody's business."""
        strength = 1.2 * np.clip((day - SLOW_FROM) / SLOW_DAYS, 0, 1)
        weights = np.exp(strength * np.minimum(self._size, 2))
        chosen = self._random.choice(len(weights), count, p=weights / weights.sum())
        frame = self._frame.iloc[chosen].reset_index(drop=True)
        frame *= 1 + self._random.normal(0, 0.02, frame.shape)
        if day >= NEW_SCANNER:
            frame[_LENGTHS] *= 1.4
            frame["mean_area"] *= 1.4**2
        frame["insurance"] = self._random.choice(["public", "private"], count)
        return frame.round(4).assign(diagnosis=self._diagnoses[chosen])

    def with_secrets(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Returns the rows as a client sends them."""
        sent = frame.drop(columns="diagnosis")
        hidden = self._random.random(len(sent)) < 0.2
        words = [f"{SECRET}{number:08x}" for number in self._random.integers(0, 2**32, len(sent))]
        return sent.assign(insurance=np.where(hidden, words, sent["insurance"]))


@dataclass
class Sent:
    """What a client knows of an answered row: its id, day, true diagnosis, and when it had its answer (monotonic)."""

    row_id: str
    day: int
    truth: str
    at: float


@dataclass
class Stage:
    """The folder of the play and what runs on it.

    Attributes:
      folder: of recipe, spans and logs.
      workspace: of kerasline, on a disk of its own where one can be mounted.
      clock: of all processes.
      sent: rows that were answered.
      unanswered: requests that were not, since the server was killed.
      killed_at: when the server was killed (monotonic).
      said: what happened, line by line.
    """

    folder: Path
    workspace: Path
    clock: Clock
    sent: list[Sent] = field(default_factory=list)
    unanswered: int = 0
    killed_at: float = 0.0
    said: list[str] = field(default_factory=list)

    def tell(self, day: int, text: str) -> None:
        """Says what happened on a day."""
        self.said.append(f"day {day:>2}  {text}")
        print(self.said[-1], flush=True)

    def start(self, *words: str, log: str = "commands.log", **options: Any) -> subprocess.Popen[str]:
        """Starts the real command."""
        path = os.pathsep.join([str(ROOT / "benchmarks" / "moved_clock"), str(ROOT)])
        environment = {**os.environ, "PYTHONPATH": path, "MOVED_CLOCK": str(self.folder / "clock")}
        command = [sys.executable, "-m", "kerasline", *words, "--workspace", str(self.workspace)]
        with open(self.folder / log, "a") as file:
            file.write(f"$ kerasline {' '.join(words)}\n")
            file.flush()
            options = {"stdout": file, "stderr": file, **options}
            return subprocess.Popen(command, cwd=self.folder, env=environment, text=True, **options)

    def run(self, *words: str, codes: tuple[int, ...] = (0,)) -> dict[str, Any]:
        """Runs the real command to its end, and returns what it wrote with ``--json``."""
        told = self.folder / "told.json"
        told.unlink(missing_ok=True)
        process = self.start(*words, "--json", str(told))
        code = process.wait(1200)
        assert code in codes, f"kerasline {' '.join(words)} ended with {code}; see {self.folder / 'commands.log'}"
        return dict(json.loads(told.read_text())) if told.is_file() else {"code": code}

    def run_and_kill(self, *words: str, when: Callable[[int], bool], child: bool = False) -> None:
        """Starts the real command and kills it, or its child, in the middle of its work.

        Args:
          *words: of the command line.
          when: says of a process whether it is in the middle.
          child: kill the run that the command starts, and let the command end.
        """
        process = self.start(*words)
        victim = wait_for_child(process) if child else process.pid
        while not when(victim):
            assert process.poll() is None, f"{words[0]} ended before it could be killed"
            time.sleep(0.002)
        os.kill(victim, signal.SIGKILL)
        code = process.wait(600)
        assert child or code == -signal.SIGKILL, code


def has_worked(seconds: float) -> Callable[[int], bool]:
    """Returns what says whether a process has used the processor for some seconds."""

    def is_so(pid: int) -> bool:
        with contextlib.suppress(FileNotFoundError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / _TICKS >= seconds
        return False

    return is_so


def reads(folder: Path) -> Callable[[int], bool]:
    """Returns what says whether a process has a file of a folder open."""

    def is_so(pid: int) -> bool:
        with contextlib.suppress(OSError):
            for link in Path(f"/proc/{pid}/fd").iterdir():
                with contextlib.suppress(OSError):
                    if os.readlink(link).startswith(str(folder)):
                        return True
        return False

    return is_so


def wait_for_child(process: subprocess.Popen[str]) -> int:
    """Returns the run that a retrain has started."""
    while process.poll() is None:
        for place in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                parent = int((place / "stat").read_text().rpartition(")")[2].split()[1])
                if parent == process.pid and b"kerasline\0run" in (place / "cmdline").read_bytes():
                    return int(place.name)
        time.sleep(0.02)
    raise AssertionError("the retrain ended before it had started a run")


class Server:
    """A server in a process of its own, and the client that asks it."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.process = stage.start("serve", "--port", "0", stdout=subprocess.PIPE, log="serve.log")
        assert self.process.stdout is not None
        found = (re.search(r"127\.0\.0\.1:(\d+)", line) for line in self.process.stdout)
        self._port = next(int(match[1]) for match in found if match)
        self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)

    def ask(self, rows: pd.DataFrame, request_id: str) -> int | None:
        """Sends rows; returns the code, None where there was no answer."""
        body = {"signature_name": "serving_raw", "instances": rows.to_dict("records")}
        try:
            headers = {"X-Request-Id": request_id}
            self._connection.request("POST", f"/v1/models/{NAME}:predict", json.dumps(body), headers)
            response = self._connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            return None
        assert response.getheader("X-Request-Id") == request_id
        return response.status

    def metric(self, name: str) -> float:
        """Returns a figure of ``/metrics`` that has no labels."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        found = re.search(rf"^{name} ([0-9.]+)$", text, re.MULTILINE)
        assert found, f"{name} is not in /metrics"
        return float(found[1])

    def live_through(self, day: int, world: World, prefix: str = "d", kill_at: int | None = None) -> None:
        """Sends the requests of a day: single ones, batches, and one that is not understood."""
        stage = self._stage
        for number in range(_SINGLE + _BATCHES):
            if number == kill_at:
                self.process.kill()
                stage.killed_at = time.monotonic()
            count = 1 if number < _SINGLE else _BATCH
            rows, request_id = world.rows(day, count), f"{prefix}{day}q{number}"
            code = self.ask(world.with_secrets(rows), request_id)
            if code is None:
                stage.unanswered += 1
                continue
            assert code == 200, f"{request_id} was answered with {code}"
            ids = [request_id] if count == 1 else [f"{request_id}-{row}" for row in range(count)]
            now = time.monotonic()
            stage.sent += [Sent(*pair, now) for pair in zip(ids, [day] * count, rows["diagnosis"], strict=True)]
        broken = world.with_secrets(world.rows(day, 1)).assign(mean_area=f"{SECRET}ffffffff")
        assert self.ask(broken, f"{prefix}{day}broken") in (400, None)

    def stop(self) -> None:
        """Ends the server as an operator would."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(120) == 0


@contextlib.contextmanager
def mounted(folder: Path, megabytes: int) -> Iterator[bool]:
    """Mounts a small disk in memory; tells whether it could."""
    folder.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", str(folder)]
    is_there = False
    with contextlib.suppress(FileNotFoundError):
        is_there = subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        yield is_there
    finally:
        if is_there:
            subprocess.run(["umount", "-l", str(folder)], check=False)
