"""Beam's steps in one process and as ``run.beam: auto`` chooses, at small and at large data.

Usage: ``python -m benchmarks.processes [--rows 20000 1000000] [--processes 2]``. Each run reads a Parquet table of ten
columns, in parts of 200,000 rows, until the model is measured on a fifth of them, in a workspace of its own. Auto is to
be no more than a tenth slower than one process; where it chooses one process, the two differ by chance alone. With
``--processes`` every step runs in that many, too.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.stages import ROOT, write_table

STEPS = ("ingest", "statistics", "transform", "evaluate")
ROWS_OF_A_PART = 200_000
RECIPE = """
name: processes
data: {parquet: {path: table.parquet, label: label}, split: {eval: 0.2}}
features: {id: drop}
model: {family: mlp, units: [16]}
training: {epochs: 1, batch_size: 4096}
evaluation: {thresholds: {accuracy: {min: 0.1}}}
validation: {duplicates: "off"}
"""


def write_data(folder: Path, rows: int) -> Path:
    """Writes the table and its recipe; returns the recipe."""
    import pyarrow.csv
    import pyarrow.parquet

    table = pyarrow.csv.read_csv(write_table(folder / "table.csv", rows))
    pyarrow.parquet.write_table(table, folder / "table.parquet", row_group_size=ROWS_OF_A_PART)
    (folder / "recipe.yaml").write_text(RECIPE)
    return folder / "recipe.yaml"


def run(recipe: Path, beam: str, folder: Path) -> tuple[dict[str, float], dict[str, int]]:
    """Runs the recipe; returns the seconds of Beam's steps, and those that auto moved into several processes."""
    outcome = folder / "outcome.json"
    command = [sys.executable, "-m", "kerasline", "run", str(recipe), "--until", "evaluate"]
    command += ["--set", f"run.beam={beam}", "--workspace", str(folder / "workspace"), "--json", str(outcome)]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    result = json.loads(outcome.read_text())
    return {step["id"]: step["seconds"] for step in result["steps"] if step["id"] in STEPS}, result["processes"]


def main() -> None:
    """Prints a line for each size and step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[20_000, 1_000_000])
    parser.add_argument("--processes", type=int, default=0)
    options = parser.parse_args()
    several = json.dumps(["--direct_running_mode=multi_processing", f"--direct_num_workers={options.processes}"])
    ways = {"one": "[]", "auto": "auto"} | ({"several": several} if options.processes else {})
    print(f"| rows | step | {' | '.join(f'{way}, s' for way in ways)} | auto chose | auto / one |")
    print("|---:|---|" + "---:|" * (len(ways) + 2), flush=True)
    for rows in options.rows:
        with tempfile.TemporaryDirectory() as place:
            recipe = write_data(Path(place), rows)
            (Path(place) / "runs").mkdir()
            times: dict[str, dict[str, float]] = {}
            chosen: dict[str, int] = {}
            for way, beam in ways.items():
                folder = Path(place, "runs", way)
                folder.mkdir()
                seconds, counts = run(recipe, beam, folder)
                times[way] = {**seconds, "all": sum(seconds.values())}
                chosen |= counts
        for step in (*STEPS, "all"):
            words = " | ".join(f"{times[way][step]:.1f}" for way in ways)
            count = "" if step == "all" else chosen.get(step, 1)
            ratio = times["auto"][step] / times["one"][step]
            print(f"| {rows:,} | {step} | {words} | {count} | {ratio:.2f} |", flush=True)


if __name__ == "__main__":
    main()
