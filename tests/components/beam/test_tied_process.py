"""A process of somebody else's ends with the one that asked for it, and with whatever it started itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kerasline.components.beam.tied_process import tie

# Writes its number and that of a child of its own; SIGTERM it does not hear.
STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen(["sleep", "600"])
open(sys.argv[1] + ".new", "w").write(f"{os.getpid()} {child.pid}")
os.rename(sys.argv[1] + ".new", sys.argv[1])
time.sleep(600)
"""
OWNER = """
import json, subprocess, sys
from kerasline.components.beam.tied_process import tie
subprocess.Popen(tie(json.loads(sys.argv[1]))).wait()
"""


@pytest.fixture
def started(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], list[int]]]:
    """A process that asked for a stubborn one, and the numbers of that and of its child."""
    file = tmp_path / "numbers"
    command = json.dumps([sys.executable, "-c", STUBBORN, str(file)])
    owner = subprocess.Popen([sys.executable, "-P", "-c", OWNER, command], env=os.environ, start_new_session=True)
    try:
        numbers = wait_for_numbers(file, owner)
        yield owner, numbers
    finally:
        owner.kill()
        owner.wait()


def wait_for_numbers(file: Path, owner: subprocess.Popen[bytes]) -> list[int]:
    """Reads what the stubborn process wrote."""
    deadline = time.monotonic() + 60
    while not file.is_file():
        assert owner.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    return [int(number) for number in file.read_text().split()]


def await_end(numbers: list[int]) -> bool:
    """Says whether processes are gone, or go within a minute."""
    deadline = time.monotonic() + 60
    while any(is_running(number) for number in numbers):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def is_running(number: int) -> bool:
    """Says whether a process is there and no zombie, which nobody may be here to bury."""
    said = subprocess.run(["ps", "-o", "stat=", "-p", str(number)], capture_output=True, text=True).stdout.strip()
    return bool(said) and not said.startswith("Z")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_what_was_started_ends_with_who_asked(
    started: tuple[subprocess.Popen[bytes], list[int]], number: signal.Signals
) -> None:
    owner, numbers = started
    assert all(map(is_running, numbers))
    owner.send_signal(number)
    assert await_end(numbers)


def test_it_ends_when_it_is_told(tmp_path: Path) -> None:
    """As Beam tells a job server: SIGINT, and five seconds later it kills."""
    file = tmp_path / "numbers"
    tied = subprocess.Popen(tie([sys.executable, "-c", STUBBORN, str(file)]))
    numbers = wait_for_numbers(file, tied)
    tied.send_signal(signal.SIGINT)
    tied.wait(5)
    assert await_end(numbers)


def test_it_hands_the_exit_code_on() -> None:
    assert subprocess.run(tie([sys.executable, "-c", "raise SystemExit(7)"]), timeout=60).returncode == 7
