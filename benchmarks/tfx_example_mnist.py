"""Part (b) of the overhead benchmark: MNIST the way of TFX's own example.

After tfx/examples/mnist/mnist_pipeline_native_keras.py of TFX 1.21.0: 784 floats a row in a TFRecord file,
ImportExampleGen, statistics, schema, validation, a Transform that materialises its output, Trainer,
Evaluator, Pusher, the user's functions in a module file. What differs is marked "Changed". Run by
overhead.py in a process of its own, ``convert`` first (outside the timing: the example starts from such a
file), then ``run``.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from benchmarks.plain_mnist import BATCH_SIZE, load

SPLITS = ("train", "eval", "test")
NAMES = {
    "ImportExampleGen": "ingest",
    "StatisticsGen": "statistics",
    "SchemaGen": "schema",
    "ExampleValidator": "anomalies",
    "Transform": "transform",
    "Trainer": "train",
    "Evaluator": "evaluate",
    "Pusher": "push",
}


def main() -> None:
    """Converts the data or runs the pipeline."""
    parser = argparse.ArgumentParser(description="MNIST the way of TFX's own example.")
    parser.add_argument("action", choices=["convert", "run"])
    parser.add_argument("--data", type=Path, help="folder with the four gzipped IDX files")
    parser.add_argument("--records", type=Path, required=True, help="folder of the TFRecord files")
    parser.add_argument("--folder", type=Path, help="folder for everything that the pipeline writes")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--json", type=Path, help="file to write")
    options = parser.parse_args()
    if options.action == "convert":
        convert(options.data, options.records)
    else:
        options.json.write_text(json.dumps(run(options.records, options.folder, options.epochs)))


def convert(data: Path, records: Path) -> None:
    """Writes MNIST as the example's data is: ``image_floats`` from -0.5 to 0.5, and ``image_class``."""
    import tensorflow as tf

    def as_example(image: Any, label: int) -> bytes:
        floats = tf.train.Feature(float_list=tf.train.FloatList(value=image))
        number = tf.train.Feature(int64_list=tf.train.Int64List(value=[label]))
        features = tf.train.Features(feature={"image_floats": floats, "image_class": number})
        example: bytes = tf.train.Example(features=features).SerializeToString()
        return example

    for split, (images, labels) in load(data).items():
        (records / split).mkdir(parents=True, exist_ok=True)
        with tf.io.TFRecordWriter(str(records / split / "mnist.tfrecord")) as writer:
            for image, label in zip(images.astype("float32") / 255 - 0.5, labels, strict=True):
                writer.write(as_example(image, int(label)))


def run(records: Path, folder: Path, epochs: int) -> dict[str, Any]:
    """Runs the pipeline.

    Returns:
        ``seconds`` of each step, without those for packaging the module file, which are in ``packaging``;
        ``fit``, the seconds of model.fit; and ``parameters``.
    """
    seconds: dict[str, float] = {}
    started = time.monotonic()
    import tensorflow_model_analysis  # noqa: F401 (so that the timing below starts with everything imported)
    from tfx import v1 as tfx
    from tfx.orchestration.portable import launcher

    seconds["import"] = time.monotonic() - started
    packaging = watch_packaging()
    fit_file = folder / "fit.json"
    pipeline = create_pipeline(records, folder, epochs, fit_file)

    launch = launcher.Launcher.launch

    def timed_launch(self: Any) -> Any:
        started = time.monotonic()
        packaging_before = sum(packaging)
        result = launch(self)
        spent = time.monotonic() - started - (sum(packaging) - packaging_before)
        seconds[NAMES[self._pipeline_node.node_info.id]] = spent
        return result

    launcher.Launcher.launch = timed_launch
    tfx.orchestration.LocalDagRunner().run(pipeline)
    if not list((folder / "serving").glob("*/saved_model.pb")):
        raise SystemExit("the Evaluator did not bless the model of TFX's example, so the comparison has no end")
    fit = json.loads(fit_file.read_text())
    return {
        "seconds": seconds,
        "fit": fit["fit"],
        "parameters": fit["parameters"],
        "packaging": sum(packaging),
    }


def watch_packaging() -> list[float]:
    """Notes the seconds that TFX spends on making wheels of the module file and on installing them with pip."""
    from tfx.components.util import udf_utils

    spent: list[float] = []

    def timed(function: Any) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            started = time.monotonic()
            try:
                return function(*arguments, **named)
            finally:
                spent.append(time.monotonic() - started)

        return call

    udf_utils.package_user_module_file = timed(udf_utils.package_user_module_file)
    udf_utils.install_to_temp_directory = timed(udf_utils.install_to_temp_directory)
    return spent


def create_pipeline(records: Path, folder: Path, epochs: int, fit_file: Path) -> Any:
    """Wires the example's components."""
    import tensorflow_model_analysis as tfma
    from tfx import v1 as tfx

    module_file = str(Path(__file__).with_name("tfx_example_module.py"))
    # Changed: the example splits one file two to one by a hash; three files keep the rows of the three
    # parts alike.
    splits = [tfx.proto.Input.Split(name=split, pattern=f"{split}/*") for split in SPLITS]
    example_gen = tfx.components.ImportExampleGen(input_base=str(records), input_config=tfx.proto.Input(splits=splits))
    examples = example_gen.outputs["examples"]
    statistics_gen = tfx.components.StatisticsGen(examples=examples)
    statistics = statistics_gen.outputs["statistics"]
    schema_gen = tfx.components.SchemaGen(statistics=statistics, infer_feature_shape=True)
    schema = schema_gen.outputs["schema"]
    validator = tfx.components.ExampleValidator(statistics=statistics, schema=schema)
    transform = tfx.components.Transform(examples=examples, schema=schema, module_file=module_file)
    # Changed: as many steps as the epochs of the other parts have, instead of 5,000 of 40 rows.
    train_rows = 54_000
    trainer = tfx.components.Trainer(
        module_file=module_file,
        examples=transform.outputs["transformed_examples"],
        transform_graph=transform.outputs["transform_graph"],
        schema=schema,
        train_args=tfx.proto.TrainArgs(num_steps=-(-train_rows // BATCH_SIZE) * epochs),
        eval_args=tfx.proto.EvalArgs(num_steps=100),
        custom_config={"epochs": epochs, "fit_file": str(fit_file)},
    )
    # Changed: TFMA reads a Keras 3 SavedModel by the name of its signature.
    evaluation = tfma.EvalConfig(
        model_specs=[tfma.ModelSpec(label_key="image_class", signature_name="serving_default")],
        slicing_specs=[tfma.SlicingSpec()],
        metrics_specs=[
            tfma.MetricsSpec(
                metrics=[
                    tfma.MetricConfig(
                        class_name="SparseCategoricalAccuracy",
                        threshold=tfma.MetricThreshold(
                            value_threshold=tfma.GenericValueThreshold(lower_bound={"value": 0.8})
                        ),
                    )
                ]
            )
        ],
    )
    evaluator = tfx.components.Evaluator(examples=examples, model=trainer.outputs["model"], eval_config=evaluation)
    destination = tfx.proto.PushDestination.Filesystem(base_directory=str(folder / "serving"))
    pusher = tfx.components.Pusher(
        model=trainer.outputs["model"],
        model_blessing=evaluator.outputs["blessing"],
        push_destination=tfx.proto.PushDestination(filesystem=destination),
    )
    # Changed: LocalDagRunner, which runs the nodes as the example's BeamDagRunner does, and Beam in one
    # process: on a few cores several workers take longer to start than they save. Both are to (b)'s
    # advantage.
    return tfx.dsl.Pipeline(
        pipeline_name="mnist_native_keras",
        pipeline_root=str(folder / "root"),
        components=[example_gen, statistics_gen, schema_gen, validator, transform, trainer, evaluator, pusher],
        enable_cache=True,
        metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config(
            str(folder / "metadata.sqlite")
        ),
    )


if __name__ == "__main__":
    main()
