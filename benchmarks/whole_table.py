"""What a whole run over a large table costs, from the file to a pushed model, in CPU seconds.

    python -m benchmarks.whole_table --rows 1000000 --json whole.json

The table is that of ``scale``; the network is an MLP of 16 units, fitted for one epoch in batches of 64. CPU seconds of
whole commands, all that they load included, since machines are shared. The ratios are:
  1. ``kerasline run``, all of its checks, explanations and report included, over a plain script that reads with pandas,
     encodes with NumPy, fits with Keras, evaluates with scikit-learn and exports; it may be 6;
  2. the same over TFX's own way: CsvExampleGen, statistics, schema, validation, a Transform that materialises its
     output, Trainer, Evaluator, Pusher; it may be 0.2.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.overhead import run_child
from benchmarks.stages import write_table

LIMITS = {"over the plain script": 6.0, "over TFX's own way": 0.2}
RECIPE = {
    "name": "whole",
    "data": {"csv": {"path": "table.csv", "label": "label"}},
    "model": {"family": "mlp", "units": [16]},
    "training": {"epochs": 1, "batch_size": 64},
    # The labels are drawn, so there is nothing to learn.
    "evaluation": {"beat_trivial": False, "thresholds": {"accuracy": {"min": 0.3}}},
}


def main() -> int:
    """Runs the three, prints the ratios and returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the table (%(default)s)")
    parser.add_argument("--without-tfx", action="store_true", help="leave TFX's own way out, which takes longest")
    parser.add_argument("--json", type=Path, help="file to write everything to")
    parser.add_argument("--check", action="store_true", help="return 1 when a ratio misses its target")
    options = parser.parse_args()
    console = Console(highlight=False)
    with tempfile.TemporaryDirectory(prefix="kerasline-whole-") as folder:
        place = Path(folder)
        write_table(place / "table.csv", options.rows)
        seconds = {"plain": run_child([*_module("whole_plain"), str(place)], place / "plain.log")["cpu"]}
        seconds["kerasline"], steps = run_kerasline(place)
        if not options.without_tfx:
            seconds["tfx"] = run_child([*_module("whole_tfx"), str(place)], place / "tfx.log")["cpu"]
    ratios = {"over the plain script": seconds["kerasline"] / seconds["plain"]}
    if "tfx" in seconds:
        ratios["over TFX's own way"] = seconds["kerasline"] / seconds["tfx"]
    show(console, options.rows, seconds, steps, ratios)
    if options.json:
        found = {"rows": options.rows, "cpu_seconds": seconds, "step_wall_seconds": steps, "ratios": ratios}
        options.json.write_text(json.dumps(found, indent=1), encoding="utf-8")
    return int(options.check and any(ratio > LIMITS[name] for name, ratio in ratios.items()))


def run_kerasline(place: Path) -> tuple[float, dict[str, float]]:
    """Runs the pipeline; returns its CPU seconds, and the wall seconds of each step."""
    recipe, answer = place / "recipe.yaml", place / "kerasline.json"
    recipe.write_text(json.dumps(RECIPE), encoding="utf-8")
    command = [sys.executable, "-m", "kerasline", "run", str(recipe), "--workspace", str(place / "workspace")]
    cpu = run_child([*command, "--json", str(answer)], place / "kerasline.log")["cpu"]
    return cpu, {step["id"]: step["seconds"] for step in json.loads(answer.read_text())["steps"]}


def _module(name: str) -> list[str]:
    return [sys.executable, "-m", f"benchmarks.{name}"]


def show(
    console: Console, rows: int, seconds: dict[str, float], steps: dict[str, float], ratios: dict[str, float]
) -> None:
    """Prints the seconds, and a line for each ratio."""
    console.print(f"{rows:,} rows, CPU seconds: " + ", ".join(f"{name} {spent:.0f}" for name, spent in seconds.items()))
    console.print(
        "kerasline's steps, wall seconds: " + ", ".join(f"{name} {spent:.1f}" for name, spent in steps.items())
    )
    table = Table(box=None, header_style="bold")
    for title in ("kerasline run", "measured", "target"):
        table.add_column(title, justify="left" if title == "kerasline run" else "right")
    for name, ratio in ratios.items():
        table.add_row(name, f"{ratio:.2f}", f"{LIMITS[name]:.1f}")
    console.print(table)


if __name__ == "__main__":
    raise SystemExit(main())
