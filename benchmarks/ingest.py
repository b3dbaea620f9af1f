"""How fast ingest is beside TFX's own: CsvExampleGen on a table, ImportExampleGen on images, on the same rows.

    python -m benchmarks.ingest --rows 100000 --images 20000 --json ingest.json

All sides run on the same Beam runner (DirectRunner, one process), each in a fresh process, without the imports.
 - Table: a CSV file; ours describes it (types, missing values, classes) before it reads it, and that is in its time.
   Target: as fast or faster.
 - Images: ours encodes arrays of 28×28 pixels as PNG and writes them; ImportExampleGen is given a TFRecord file with
   the very same encoded examples. Target: twice as fast.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.stages import own_ingest, run_child, run_components, write_table

SIDES = {"table": ("ours", "CsvExampleGen"), "images": ("ours", "ImportExampleGen")}
TARGETS = {"table": 1.0, "images": 0.5}


def main() -> int:
    """Runs both sides on tables and images, prints the ratios and returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000, help="of the table (%(default)s)")
    parser.add_argument("--images", type=int, default=20_000, help="(%(default)s)")
    parser.add_argument("--json", type=Path, help="file to write everything to")
    parser.add_argument("--check", action="store_true", help="return 1 when a ratio misses its target")
    parser.add_argument("--side", nargs=3, help=argparse.SUPPRESS)  # what a child does: data, side, folder
    options = parser.parse_args()
    if options.side:
        data, side, folder = options.side
        print(json.dumps({"seconds": measure(data, side, Path(folder))}))
        return 0
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_table(root / "csv" / "table.csv", options.rows)
        write_images(root, options.images)
        for data, sides in SIDES.items():
            seconds = [run_child("benchmarks.ingest", "--side", data, side, folder)["seconds"] for side in sides]
            results[data] = {"ours": seconds[0], "tfx": seconds[1], "ratio": seconds[0] / seconds[1]}
    table = Table(box=None, header_style="bold")
    for title in ("data", "rows", "ours s", "TFX s", "ratio", "target"):
        table.add_column(title, justify="left" if title == "data" else "right")
    for data, r in results.items():
        rows = options.rows if data == "table" else options.images
        table.add_row(
            data, f"{rows:,}", f"{r['ours']:.1f}", f"{r['tfx']:.1f}", f"{r['ratio']:.2f}", f"{TARGETS[data]:.2f}"
        )
    Console().print(table)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1), encoding="utf-8")
    missed = [data for data, result in results.items() if result["ratio"] > TARGETS[data]]
    return 1 if options.check and missed else 0


def measure(data: str, side: str, root: Path) -> float:
    """Runs one side and returns its seconds."""
    from tfx import v1 as tfx

    import kerasline.components.example_gen  # noqa: F401 (not part of the time)

    started = time.monotonic()
    if side == "ours":
        block = {"csv": {"path": str(root / "csv/table.csv"), "label": "label"}}
        step = own_ingest(block if data == "table" else {"npz": {"path": str(root / "images.npz")}}, root)
        described = time.monotonic() - started
        return described + run_components([step], root / f"{data}-ours")["ingest"]
    generators = {"CsvExampleGen": tfx.components.CsvExampleGen, "ImportExampleGen": tfx.components.ImportExampleGen}
    step = generators[side](input_base=str(root / ("csv" if data == "table" else "records"))).with_id("ingest")
    return run_components([step], root / f"{data}-tfx")["ingest"]


def write_images(root: Path, count: int) -> None:
    """Writes blurred noise as an NPZ archive, and the same rows as a TFRecord file of encoded examples."""
    import numpy as np
    import tensorflow as tf

    from kerasline.components.datasets.images import encode_png

    random = np.random.default_rng(5)
    coarse = random.integers(0, 256, (count, 7, 7), np.uint8)
    images, labels = coarse.repeat(4, axis=1).repeat(4, axis=2), random.integers(0, 10, count)
    np.savez(root / "images.npz", x_train=images, y_train=labels)
    (root / "records").mkdir()
    options = tf.io.TFRecordOptions(compression_type="GZIP")
    with tf.io.TFRecordWriter(str(root / "records" / "images.gz"), options) as writer:
        for image, label in zip(images, labels.tolist(), strict=True):
            example = tf.train.Example()
            example.features.feature["image"].bytes_list.value.append(encode_png(image))
            example.features.feature["label"].int64_list.value.append(label)
            writer.write(example.SerializeToString(deterministic=True))


if __name__ == "__main__":
    raise SystemExit(main())
