"""What a table of millions of rows costs before training: to describe it, to plan a run on it, and to ingest it.

    python -m benchmarks.big_table --rows 2000000 --json big.json

CPU seconds, since machines are shared, each of a process of its own, imports left out. The ratios are:
  1. describe, over pyarrow.csv.read_csv of the same file on one core; it may be 3;
  2. a second plan, of which nothing has changed, over the same on a table of 1,000 rows, the whole command; it may be
     1.1;
  3. ingest, over a bare script that reads with pyarrow, encodes with tfx_bsl and writes TFRecords; it may be 1.3.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.stages import ROOT, peak_mebibytes, run_child, write_table

LIMITS = {"describe": 3.0, "plan again": 1.1, "ingest": 1.3}
FEW_ROWS = 1000
BLOCK = {"csv": {"path": "table.csv", "label": "label"}}
# In its cache, the file system may have a time of change that is younger than it trusts.
SETTLE_SECONDS = 5
RECIPE = {"name": "big", "data": BLOCK, "model": {"family": "mlp", "units": [16]}}


def main() -> int:
    """Measures both sides of every ratio, prints them and returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2_000_000, help="rows of the table (%(default)s)")
    parser.add_argument("--json", type=Path, help="file to write everything to")
    parser.add_argument("--check", action="store_true", help="return 1 when a ratio misses its target")
    parser.add_argument("--stage", nargs=2, help=argparse.SUPPRESS)  # what a child does: stage and folder
    options = parser.parse_args()
    if options.stage:
        print(json.dumps(measure(STAGES[options.stage[0]], Path(options.stage[1]))))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        many, few = Path(folder, "many"), Path(folder, "few")
        for root, rows in ((many, options.rows), (few, FEW_ROWS)):
            write_table(root / "table.csv", rows)
            (root / "recipe.yaml").write_text(json.dumps(RECIPE), encoding="utf-8")
        time.sleep(SETTLE_SECONDS)
        seconds: dict[str, Any] = {}
        for stage in STAGES:
            seconds[stage] = run_child("benchmarks.big_table", "--stage", stage, str(many))
        seconds |= {"plan": plan(many), "plan again": plan(many)}
        seconds |= {"plan of few": plan(few), "plan of few again": plan(few)}
    ratios = {
        "describe": seconds["describe"]["seconds"] / seconds["read"]["seconds"],
        "plan again": seconds["plan again"] / seconds["plan of few again"],
        "ingest": seconds["ingest"]["seconds"] / seconds["bare"]["seconds"],
    }
    show(options.rows, seconds, ratios)
    if options.json:
        found = {"rows": options.rows, "seconds": seconds, "ratios": ratios}
        options.json.write_text(json.dumps(found, indent=1), encoding="utf-8")
    return 1 if options.check and any(ratios[name] > limit for name, limit in LIMITS.items()) else 0


def measure(stage: Callable[[Path], Callable[[], object]], root: Path) -> dict[str, float]:
    """Runs one stage and returns its CPU ``seconds`` and ``peak_mib``."""
    work = stage(root)
    started = time.process_time()
    work()
    return {"seconds": time.process_time() - started, "peak_mib": peak_mebibytes()}


def plan(root: Path) -> float:
    """Returns the CPU seconds of the command plan, with all that it loads."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "kerasline", "plan", str(root / "recipe.yaml"), "--workspace", str(root / "ws")]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _read(root: Path) -> Callable[[], object]:
    from pyarrow import csv

    return lambda: csv.read_csv(root / "table.csv", csv.ReadOptions(use_threads=False))


def _describe(root: Path) -> Callable[[], object]:
    import numpy as np  # noqa: F401 (not part of the time)
    import pyarrow.compute
    import pyarrow.csv  # noqa: F401

    from kerasline.components.datasets import DataOptions, resolve

    options = DataOptions.model_validate(BLOCK)
    return lambda: resolve(options, name="big", base_dir=root, data_dir=None)


def _ingest(root: Path) -> Callable[[], object]:
    from kerasline.components.datasets import DataOptions, resolve
    from kerasline.components.example_gen import write_shard

    dataset = resolve(DataOptions.model_validate(BLOCK), name="big", base_dir=root, data_dir=None)
    text = dataset.to_json()
    return lambda: [write_shard(place, text, str(root / "examples")) for place in range(len(dataset.shards))]


def _bare(root: Path) -> Callable[[], object]:
    import pyarrow as pa
    import tensorflow as tf
    from pyarrow import csv
    from tfx_bsl.coders.example_coder import RecordBatchToExamplesEncoder

    def values(column: Any) -> Any:
        if pa.types.is_string(column.type):
            column = column.cast(pa.large_binary())
        column = column.cast(pa.float32()) if pa.types.is_floating(column.type) else column
        return pa.LargeListArray.from_arrays(pa.array(range(len(column) + 1), pa.int64()), column)

    def work() -> None:
        encoder, packed = RecordBatchToExamplesEncoder(), tf.io.TFRecordOptions("GZIP", compression_level=1)
        with tf.io.TFRecordWriter(str(root / "bare.gz"), packed) as writer:
            for batch in csv.read_csv(root / "table.csv", csv.ReadOptions(use_threads=False)).to_batches():
                columns = [values(column) for column in batch.columns]
                for record in encoder.encode(pa.RecordBatch.from_arrays(columns, batch.schema.names)):
                    writer.write(record)

    return work


STAGES: dict[str, Callable[[Path], Callable[[], object]]] = {
    "read": _read,
    "describe": _describe,
    "bare": _bare,
    "ingest": _ingest,
}


def show(rows: int, seconds: dict[str, Any], ratios: dict[str, float]) -> None:
    """Prints the seconds, and a line for each ratio."""
    console = Console()
    console.print(f"{rows:,} rows, CPU seconds")
    for name, found in seconds.items():
        console.print(f"  {name:<18} {found['seconds'] if isinstance(found, dict) else found:6.1f}")
    table = Table(box=None, header_style="bold")
    for title in ("ratio", "measured", "target"):
        table.add_column(title, justify="left" if title == "ratio" else "right")
    for name, ratio in ratios.items():
        table.add_row(name, f"{ratio:.2f}", f"{LIMITS[name]:.1f}")
    console.print(table)


if __name__ == "__main__":
    raise SystemExit(main())
