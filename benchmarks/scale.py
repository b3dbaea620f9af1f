"""Whether ingest and statistics stream: 1, 4 and 16 times the rows, each stage in a process of its own.

    python -m benchmarks.scale --rows 20000 --json scale.json
    python -m benchmarks.scale --rows 20000 --source parquet

Ingest is the reading of a table twice (once to describe it, once to write tf.Examples); statistics is StatisticsGen
on what ingest wrote. Two ratios come out for each stage and size:
  1. time for each row, over the time for each row of the size before it; it may be 1.3;
  2. peak memory of the process, over that of the smallest size; it may be 1.2.
The imports, some 20 s and 1 GB, are in the memory and not in the time.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.stages import own_ingest, peak_mebibytes, run_child, run_components, write_parquet, write_table

FACTORS = (1, 4, 16)
STAGES = ("ingest", "statistics")
TIME_LIMIT, MEMORY_LIMIT = 1.3, 1.2


def main() -> int:
    """Runs every stage at every size, prints the ratios and returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000, help="rows of the smallest table (%(default)s)")
    parser.add_argument("--source", choices=("csv", "parquet"), default="csv", help="form of the table (%(default)s)")
    parser.add_argument("--json", type=Path, help="file to write everything to")
    parser.add_argument("--check", action="store_true", help="return 1 when a ratio misses its target")
    parser.add_argument("--stage", nargs=2, help=argparse.SUPPRESS)  # what a child does: stage and folder
    options = parser.parse_args()
    if options.stage:
        print(json.dumps(measure(options.stage[0], options.source, Path(options.stage[1]))))
        return 0
    results: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for factor in FACTORS:
            root = Path(folder, str(factor))
            table = write_table(root / "table.csv", options.rows * factor)
            if options.source == "parquet":
                write_parquet(root / "table.parquet", table)
            for stage in STAGES:
                figures = run_child("benchmarks.scale", "--source", options.source, "--stage", stage, str(root))
                results.append({"stage": stage, "rows": options.rows * factor, **figures})
    add_ratios(results)
    show(results)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1), encoding="utf-8")
    missed = [r for r in results if r["time_ratio"] > TIME_LIMIT or r["memory_ratio"] > MEMORY_LIMIT]
    return 1 if options.check and missed else 0


def measure(stage: str, source: str, root: Path) -> dict[str, float]:
    """Runs one stage and returns ``seconds`` and ``peak_mib``; the stage before it is reused."""
    from tfx import v1 as tfx

    import kerasline.components.example_gen  # noqa: F401 (not part of the time)

    started = time.monotonic()
    ingest = own_ingest({source: {"path": str(root / f"table.{source}"), "label": "label"}}, root)
    described = time.monotonic() - started
    steps = [ingest]
    if stage == "statistics":
        steps.append(tfx.components.StatisticsGen(examples=ingest.outputs["examples"]).with_id("statistics"))
    seconds = run_components(steps, root / "workspace")[stage]
    return {"seconds": seconds + (described if stage == "ingest" else 0), "peak_mib": peak_mebibytes()}


def add_ratios(results: list[dict[str, Any]]) -> None:
    """Adds to each result its time for each row over the size before, and its memory over the smallest size."""
    for stage in STAGES:
        sizes = [result for result in results if result["stage"] == stage]
        for before, result in zip([sizes[0], *sizes], sizes, strict=False):
            each = result["seconds"] / result["rows"]
            result["time_ratio"] = each / (before["seconds"] / before["rows"])
            result["memory_ratio"] = result["peak_mib"] / sizes[0]["peak_mib"]


def show(results: list[dict[str, Any]]) -> None:
    """Prints a line for each stage and size."""
    table = Table(box=None, header_style="bold")
    for title in ("stage", "rows", "seconds", "time ratio", "peak MiB", "memory ratio"):
        table.add_column(title, justify="left" if title == "stage" else "right")
    for r in results:
        table.add_row(
            r["stage"], f"{r['rows']:,}", f"{r['seconds']:.1f}", f"{r['time_ratio']:.2f}", f"{r['peak_mib']:.0f}",
            f"{r['memory_ratio']:.2f}",
        )  # fmt: skip
    console = Console()
    console.print(table)
    console.print(f"targets: time ratio at most {TIME_LIMIT}, memory ratio at most {MEMORY_LIMIT}")


if __name__ == "__main__":
    raise SystemExit(main())
