"""What the benchmarks of single stages share: a table to read, and steps run one by one in a process of their own."""

from __future__ import annotations

import csv
import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
# As a run plan sets them, for both sides: TFX then packs nothing for workers elsewhere, which takes it seconds.
BEAM = [
    "--runner=DirectRunner",
    "--direct_running_mode=in_memory",
    "--direct_num_workers=1",
    "--sdk_container_image=none-on-this-machine",
]


def write_table(path: Path, rows: int) -> Path:
    """Writes a CSV table of six numbers, two categories, an id and a label."""
    import numpy as np

    random = np.random.default_rng(11)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*(f"x{i}" for i in range(6)), "town", "trade", "id", "label"])
        for begin in range(0, rows, 10_000):
            count = min(10_000, rows - begin)
            numbers = random.normal(size=(count, 6)).round(4).tolist()
            towns, trades = random.integers(0, 12, count), random.integers(0, 40, count)
            labels = random.integers(0, 2, count)
            for i in range(count):
                name = f"r{begin + i}"
                writer.writerow([*numbers[i], f"town{towns[i]}", f"trade{trades[i]}", name, f"class{labels[i]}"])
    return path


def write_parquet(path: Path, table: Path) -> Path:
    """Writes a CSV table as Parquet with pandas' row groups, of up to a million rows."""
    import pyarrow.csv
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.csv.read_csv(table), path, row_group_size=1 << 20)
    return path


def run_components(components: list[Any], root: Path) -> dict[str, float]:
    """Runs TFX components in this process with the project's own runner.

    Args:
      components: in order, with ids.
      root: of metadata and artifacts; a step that ran there before is reused.

    Returns:
      Step id to seconds, of the steps that were not reused.
    """
    from tfx import v1 as tfx
    from tfx.dsl.compiler import compiler

    from kerasline.pipeline.runners import local
    from kerasline.pipeline.workspace import open_workspace

    workspace = open_workspace(root)
    pipeline = tfx.dsl.Pipeline(
        pipeline_name="benchmark",
        pipeline_root=str(root / "artifacts"),
        components=components,
        enable_cache=True,
        beam_pipeline_args=BEAM,
        metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config(
            str(workspace.metadata)
        ),
    )
    run_id = f"run-{len(list(root.glob('artifacts/*/*/*')))}"
    results = local.run(
        compiler.Compiler().compile(pipeline), workspace, run_id, on_start=lambda _: None, on_end=lambda _: None
    )
    return {result.id: result.seconds for result in results if not result.cached}


def own_ingest(block: dict[str, Any], base_dir: Path) -> Any:
    """Makes the project's ingest step for a ``data:`` block."""
    from kerasline.components.datasets import DataOptions, resolve
    from kerasline.components.example_gen import DatasetExampleGen

    dataset = resolve(DataOptions.model_validate(block), name="benchmark", base_dir=base_dir, data_dir=None)
    return DatasetExampleGen(dataset=dataset.to_json(), rules="", code_version="").with_id("ingest")


def peak_mebibytes() -> float:
    """Returns the largest resident size that this process had so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run_child(module: str, *arguments: str) -> dict[str, Any]:
    """Runs a part of a benchmark in a fresh process; its last line of output is JSON."""
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[-3000:]}")
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result
