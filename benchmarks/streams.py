"""How fast a fit's rows stream from disk, over the batches that the same reader gives without any shuffle.

    python -m benchmarks.streams --rows 400000 --json streams.json

A table of six numbers and two categories is written as ingest writes it, sorted by its label. In one process, after a
pass that warms both up, an epoch is read three times each way, in turn: the reader's batches in the order of the files,
and the stream's, shuffled, in batches of 512. The pass that deals the rows to piles, once in a fit, is told apart. The
target is 0.8; peak memory, at a fourth of the rows and at all of them, is to grow by no more than a tenth.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.stages import peak_mebibytes, run_child

TARGET, MEMORY_TARGET = 0.8, 1.1
BATCH_SIZE, REPEATS, SEED = 512, 3, 7
NUMBERS = [f"x{index}" for index in range(6)]
WORDS = ("town", "trade")


def main() -> int:
    """Measures, prints the ratios and returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=400_000, help="of the table (%(default)s)")
    parser.add_argument("--json", type=Path, help="file to write everything to")
    parser.add_argument("--check", action="store_true", help="return 1 when a target is missed")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(measure(options.rows)))
        return 0
    small, large = (
        run_child("benchmarks.streams", "--child", "--rows", str(rows)) for rows in (options.rows // 4, options.rows)
    )
    growth = large["peak_mib"] / small["peak_mib"]
    console = Console(highlight=False)
    console.print(f"reader's batches {large['reader']:,.0f} rows/s, stream {large['stream']:,.0f} rows/s")
    console.print(
        f"ratio {large['ratio']:.2f}, target {TARGET}; dealing the rows once took {large['deal_seconds']:.1f} s"
    )
    console.print(f"peak {small['peak_mib']:.0f} and {large['peak_mib']:.0f} MiB: {growth:.2f}, target {MEMORY_TARGET}")
    if options.json:
        options.json.write_text(json.dumps({"small": small, "large": large, "growth": growth}, indent=1))
    return int(options.check and (large["ratio"] < TARGET or growth > MEMORY_TARGET))


def measure(rows: int) -> dict[str, float]:
    """Returns the rows per second of both sides, their ratio, the seconds of dealing and the peak memory."""
    import tfx.v1  # noqa: F401 (before TensorFlow Transform, as in a run)

    from kerasline.components.features import FeaturePlan
    from kerasline.components.fitting import ExamplesReader, deal_rows, stream_rows

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plan = FeaturePlan.model_validate(plan_of_table())
        files = write_examples(folder / "examples", rows)
        reader = ExamplesReader(str(analyse(folder, plan)), plan)
        started = time.monotonic()
        piles = deal_rows(reader, files, 0.0, SEED)
        deal_seconds = time.monotonic() - started

        def stream() -> Any:
            return stream_rows(reader, piles, "train", BATCH_SIZE, SEED)

        def batches() -> Any:
            return reader.batches(files).prefetch(2)

        speeds: dict[str, list[float]] = {"reader": [], "stream": []}
        for repeat in range(REPEATS + 1):
            for side, read in (("reader", batches), ("stream", stream)):
                speed = rows / seconds_of(read)
                if repeat:
                    speeds[side].append(speed)
    found = {side: statistics.median(values) for side, values in speeds.items()}
    ratio = found["stream"] / found["reader"]
    return {**found, "ratio": ratio, "deal_seconds": deal_seconds, "peak_mib": peak_mebibytes()}


def seconds_of(read: Callable[[], Iterable[Any]]) -> float:
    """Returns how long an epoch takes."""
    started = time.monotonic()
    for _ in read():
        pass
    return time.monotonic() - started


def plan_of_table() -> dict[str, Any]:
    """Returns the features of the table, as a plan's fields."""
    numbers = [{"name": name, "kind": "numeric", "dtype": "float", "options": {"scale": "z_score"}} for name in NUMBERS]
    words = [
        {"name": name, "kind": "categorical", "dtype": "string", "options": {"encode": "one_hot"}, "size": 40}
        for name in WORDS
    ]
    label = {"label": "label", "label_dtype": "string", "classes": ("class0", "class1"), "label_scale": "none"}
    return {"steps": [*numbers, *words], **label, "task": "binary"}


def make_row(random: Any, label: int) -> dict[str, Any]:
    """Draws a row."""
    numbers = dict(zip(NUMBERS, random.normal(size=len(NUMBERS)).tolist(), strict=True))
    words = {name: f"{name}{random.integers(40)}" for name in WORDS}
    return {**numbers, **words, "label": f"class{label}"}


def write_examples(folder: Path, rows: int) -> list[str]:
    """Writes the split, of one file, and returns its pattern."""
    import numpy as np
    import tensorflow as tf

    random = np.random.default_rng(SEED)
    folder.mkdir()
    options = tf.io.TFRecordOptions(compression_type="GZIP", compression_level=1)
    with tf.io.TFRecordWriter(str(folder / "data.gz"), options) as writer:
        for row in range(rows):
            example = tf.train.Example()
            for name, value in make_row(random, int(row >= rows // 2)).items():
                if isinstance(value, str):
                    example.features.feature[name].bytes_list.value.append(value.encode())
                else:
                    example.features.feature[name].float_list.value.append(value)
            writer.write(example.SerializeToString())
    return [str(folder / "*")]


def analyse(folder: Path, plan: Any) -> Path:
    """Analyses a thousand rows with the project's preprocessing_fn, and returns the folder of the transform graph."""
    import apache_beam as beam
    import numpy as np
    import tensorflow as tf
    import tensorflow_transform as tft
    import tensorflow_transform.beam as tft_beam
    from tensorflow_transform.tf_metadata import dataset_metadata, metadata_io, schema_utils

    # By its dotted path, as the Transform step finds it.
    preprocessing_fn = import_module("kerasline.components.transform.preprocessing").preprocessing_fn
    kinds = {name: tf.float32 for name in NUMBERS} | {name: tf.string for name in (*WORDS, "label")}
    spec = {name: tf.io.VarLenFeature(kind) for name, kind in kinds.items()}
    metadata = dataset_metadata.DatasetMetadata(schema_utils.schema_from_feature_spec(spec))
    random = np.random.default_rng(SEED)
    rows = [{name: [value] for name, value in make_row(random, row % 2).items()} for row in range(1000)]
    config = {"plan": plan.model_dump_json()}
    with beam.Pipeline() as pipeline, tft_beam.Context(temp_dir=str(folder / "temporary")):
        data = pipeline | beam.Create(rows)
        graph = (data, metadata) | tft_beam.AnalyzeDataset(lambda inputs: preprocessing_fn(inputs, config))
        graph | tft_beam.WriteTransformFn(str(folder / "graph"))
    metadata_io.write_metadata(metadata, str(folder / "graph" / tft.TFTransformOutput.RAW_METADATA_DIR))
    return folder / "graph"


if __name__ == "__main__":
    raise SystemExit(main())
