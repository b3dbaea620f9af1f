"""How long commands take that have little to do, as ratios to a bare ``import tensorflow`` in the same run.

    python -m benchmarks.start_up --repeat 3 --check

Every command is started in a fresh process; the ways take turns, and of several rounds the least time of each counts,
the one that other work on the machine lengthened least. Wall time is what is waited for, and CPU time says what is left
of it on a machine with nothing else to do. The run that everything starts from (iris_mlp) is not in any time.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from sklearn.datasets import load_iris

ROOT = Path(__file__).resolve().parents[1]
RECIPE = "iris_mlp"
BARE = "import tensorflow"
TARGETS = {"plan": 0.6, "cached run": 1.2, "predict of 200 rows": 1.2, "serve, ready": 2.0, "import kerasline": 0.05}
KERASLINE = [sys.executable, "-m", "kerasline"]
MOST_SECONDS = 300


def write_rows(file: Path, workspace: Path) -> None:
    """Writes 200 rows of iris under the names of the columns that the recipe's model reads."""
    record = json.loads((workspace / "models" / RECIPE / "1" / "version.json").read_text())
    columns, data = [column["name"] for column in record["columns"]], load_iris().data
    with file.open("w", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(columns)
        writer.writerows(data[row % len(data)] for row in range(200))


def take_time(command: Sequence[str]) -> tuple[float, float]:
    """Returns the wall and the CPU seconds of a command."""
    before, started = os.times(), time.monotonic()
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return time.monotonic() - started, cpu


def until_ready(workspace: Path) -> tuple[float, float]:
    """Returns the wall and the CPU seconds until a server says that it is ready, and ends it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    before, started = os.times(), time.monotonic()
    command = [*KERASLINE, "serve", "--port", str(port), "--workspace", str(workspace)]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not is_ready(port):
            if server.poll() is not None or time.monotonic() - started > MOST_SECONDS:
                raise SystemExit("kerasline serve did not get ready")
            time.sleep(0.02)
        seconds = time.monotonic() - started
    finally:
        server.terminate()
        server.wait()
    after = os.times()
    return seconds, after.children_user + after.children_system - before.children_user - before.children_system


def is_ready(port: int) -> bool:
    """Says whether a server answers that all is well."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def measure(folder: Path, rounds: int) -> dict[str, tuple[float, float]]:
    """Returns the least wall and CPU seconds of each way."""
    workspace, rows = folder / "workspace", folder / "rows.csv"
    at = ["--workspace", str(workspace)]
    take_time([*KERASLINE, "run", RECIPE, *at])
    write_rows(rows, workspace)
    predict = [*KERASLINE, "predict", str(rows), "--model", RECIPE, "-o", str(folder / "out.csv"), *at]
    ways = {
        BARE: [sys.executable, "-c", BARE],
        "plan": [*KERASLINE, "plan", RECIPE, *at],
        "cached run": [*KERASLINE, "run", RECIPE, *at],
        "predict of 200 rows": predict,
        "import kerasline": [sys.executable, "-c", "import kerasline"],
    }
    found: dict[str, list[tuple[float, float]]] = {}
    for number in range(rounds + 1):
        taken = {name: take_time(command) for name, command in ways.items()}
        taken["serve, ready"] = until_ready(workspace)
        for name, seconds in taken.items() if number else ():  # the first round fills the caches of files
            found.setdefault(name, []).append(seconds)
    return {name: (min(wall for wall, _ in each), min(cpu for _, cpu in each)) for name, each in found.items()}


def main() -> int:
    """Prints a table and returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=3, help="rounds; the least of each counts")
    parser.add_argument("--check", action="store_true", help="return 1 when a ratio misses its target")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as place:
        found = measure(Path(place), options.repeat)
    bare_wall, bare_cpu = found[BARE]
    missed = []
    print(f"load {load:.1f} before and {os.getloadavg()[0]:.1f} after, on {os.cpu_count()} cores\n")
    print("| what | wall, s | ratio | target | CPU, s | CPU ratio |\n|---|---:|---:|---:|---:|---:|")
    for name, (wall, cpu) in found.items():
        target = TARGETS.get(name)
        missed += [name] if target is not None and wall / bare_wall > target else []
        shown = "" if target is None else f"{target:.2f}"
        print(f"| {name} | {wall:.2f} | {wall / bare_wall:.2f} | {shown} | {cpu:.2f} | {cpu / bare_cpu:.2f} |")
    return int(bool(missed) and options.check)


if __name__ == "__main__":
    sys.exit(main())
