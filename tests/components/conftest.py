"""What the tests of single rooms share: tables that are analysed as the Transform step analyses them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

# Before TensorFlow is imported anywhere: its start says nothing about a test.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

Row = Mapping[str, Any]
Analyse = Callable[[Sequence[Row], Any, Path], Path]
WriteSplit = Callable[..., list[str]]


@pytest.fixture(scope="session")
def write_split() -> WriteSplit:
    """Writes rows as ingest does, dealt out to files in their order; returns the pattern that names the files."""
    import tensorflow as tf

    from kerasline.components.example_gen.shards import encode_row

    def write(rows: Sequence[Row], uri: Path, split: str, files: int = 1) -> list[str]:
        folder = uri / f"Split-{split}"
        folder.mkdir(parents=True)
        size = -(-len(rows) // files)
        for number in range(files):
            path = folder / f"data_tfrecord-{number:05d}-of-{files:05d}.gz"
            with tf.io.TFRecordWriter(str(path), tf.io.TFRecordOptions(compression_type="GZIP")) as writer:
                for row in rows[number * size : (number + 1) * size]:
                    writer.write(encode_row(row))
        return [str(folder / "*")]

    return write


@pytest.fixture(scope="session")
def analyse() -> Analyse:
    """Analyses rows with the project's preprocessing_fn; returns the folder of the transform graph."""
    import apache_beam as beam
    import tensorflow as tf
    import tensorflow_transform as tft
    import tensorflow_transform.beam as tft_beam
    from tensorflow_transform.tf_metadata import dataset_metadata, metadata_io, schema_utils

    from kerasline.components.beam import hasten_construction
    from kerasline.components.transform.preprocessing import preprocessing_fn

    hasten_construction()
    types = {"float": tf.float32, "int": tf.int64, "string": tf.string, "image": tf.string}

    def spec_of(dtype: str, shape: tuple[int, ...]) -> Any:
        if dtype in ("array", "tokens"):
            return tf.io.FixedLenFeature([*shape], tf.float32 if dtype == "array" else tf.int64)
        return tf.io.VarLenFeature(types[dtype])

    def run(rows: Sequence[Row], plan: Any, folder: Path, **more: Any) -> Path:
        columns = {step.name: spec_of(step.dtype, step.shape) for step in plan.steps if step.kind != "cross"}
        label = plan.label_dtype
        several = tf.io.FixedLenFeature([len(plan.classes or ())], tf.float32)
        columns[plan.label] = several if label == "multi" else spec_of(label, ())
        instances = []
        for row in rows:
            values = {name: row.get(name) for name in columns}
            instances.append({
                name: value if isinstance(columns[name], tf.io.FixedLenFeature) else [] if value is None else [value]
                for name, value in values.items()
            })  # fmt: skip
        metadata = dataset_metadata.DatasetMetadata(schema_utils.schema_from_feature_spec(columns))
        config = {"plan": plan.model_dump_json(), **more}
        with beam.Pipeline() as pipeline, tft_beam.Context(temp_dir=str(folder / "temporary")):
            data = pipeline | beam.Create(instances)
            graph = (data, metadata) | tft_beam.AnalyzeDataset(lambda inputs: preprocessing_fn(inputs, config))
            graph | tft_beam.WriteTransformFn(str(folder / "graph"))
        metadata_io.write_metadata(metadata, str(folder / "graph" / tft.TFTransformOutput.RAW_METADATA_DIR))
        return folder / "graph"

    return run
