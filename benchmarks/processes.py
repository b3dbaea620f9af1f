"""Beam's steps in one process and as ``run.beam: auto`` chooses, at small and at large data.

Usage: ``python -m benchmarks.processes [--rows 20000 1000000] [--processes 2] [--source csv] [--until ingest]``. Each
run reads a table of ten columns, CSV or Parquet in parts of 200,000 rows, until the model is measured on a fifth of
them, in a workspace of its own. Auto is to be no more than a tenth slower than one process; where it chooses one
process, the two differ by chance alone. With ``--processes`` every step runs in that many, too. The ways take turns;
of several ``--repeats`` the least time of each step counts, the one that other work on the machine lengthened least.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.stages import ROOT, write_table

STEPS = ("ingest", "statistics", "transform", "evaluate")
ROWS_OF_A_PART = 200_000
RECIPE = """
name: processes
data: {SOURCE: {path: table.SOURCE, label: label}, split: {eval: 0.2}}
features: {id: drop}
model: {family: mlp, units: [16]}
training: {epochs: 1, batch_size: 4096}
evaluation: {thresholds: {accuracy: {min: 0.1}}}
validation: {duplicates: "off"}
"""


def write_data(folder: Path, rows: int, source: str) -> Path:
    """Writes the table and its recipe; returns the recipe."""
    import pyarrow.csv
    import pyarrow.parquet

    text = write_table(folder / "table.csv", rows)
    if source == "parquet":
        table = pyarrow.csv.read_csv(text)
        pyarrow.parquet.write_table(table, folder / "table.parquet", row_group_size=ROWS_OF_A_PART)
    (folder / "recipe.yaml").write_text(RECIPE.replace("SOURCE", source))
    return folder / "recipe.yaml"


def run(recipe: Path, beam: str, folder: Path, until: str) -> tuple[dict[str, float], dict[str, int]]:
    """Runs the recipe in a new workspace.

    Returns:
      The seconds of Beam's steps (``all``: of them together; ``cpu``: the CPU seconds of the whole command), and the
      number of processes of those steps that have several.
    """
    with tempfile.TemporaryDirectory(dir=folder) as place:
        outcome = Path(place) / "outcome.json"
        command = [sys.executable, "-m", "kerasline", "run", str(recipe), "--until", until]
        command += ["--set", f"run.beam={beam}", "--workspace", f"{place}/workspace", "--json", str(outcome)]
        before = os.times()
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        after = os.times()
        result = json.loads(outcome.read_text())
    seconds = {step["id"]: step["seconds"] for step in result["steps"] if step["id"] in STEPS}
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return {**seconds, "all": sum(seconds.values()), "cpu": cpu}, result["processes"]


def main() -> None:
    """Prints a line for each size and step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[20_000, 1_000_000])
    parser.add_argument("--processes", type=int, default=0)
    parser.add_argument("--source", choices=["parquet", "csv"], default="parquet")
    parser.add_argument("--until", choices=STEPS, default=STEPS[-1])
    parser.add_argument("--repeats", type=int, default=1)
    options = parser.parse_args()
    several = json.dumps(["--direct_running_mode=multi_processing", f"--direct_num_workers={options.processes}"])
    ways = {"one": "[]", "auto": "auto"} | ({"several": several} if options.processes else {})
    print(f"| rows | step | {' | '.join(f'{way}, s' for way in ways)} | auto chose | auto / one |")
    print("|---:|---|" + "---:|" * (len(ways) + 2), flush=True)
    for rows in options.rows:
        times: dict[str, dict[str, float]] = {way: {} for way in ways}
        chosen: dict[str, int] = {}
        with tempfile.TemporaryDirectory() as place:
            recipe = write_data(Path(place), rows, options.source)
            for way, beam in [*ways.items()] * options.repeats:
                seconds, counts = run(recipe, beam, Path(place), options.until)
                times[way] = {step: min(time, times[way].get(step, time)) for step, time in seconds.items()}
                chosen |= counts
        for step in times["one"]:
            words = " | ".join(f"{times[way][step]:.1f}" for way in ways)
            count = chosen.get(step, 1) if step in STEPS else ""
            print(
                f"| {rows:,} | {step} | {words} | {count} | {times['auto'][step] / times['one'][step]:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
