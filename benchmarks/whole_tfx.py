"""TFX's own way of ``whole_table``: its standard components as its guides wire them, with a module file of the user.

Run by whole_table.py in a process of its own. Beam runs in one process, which on a few cores costs less than several.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

SHARES = {"train": 8, "eval": 1, "test": 1}
METRICS = ("BinaryAccuracy", "AUC", "Precision", "Recall", "F1Score", "BinaryCrossEntropy")


def main(folder: Path) -> None:
    """Runs the pipeline over the table, whose label is a number for it, as its Evaluator wants it."""
    from tfx import v1 as tfx

    (folder / "csv").mkdir()
    with open(folder / "table.csv", encoding="utf-8") as source, open(folder / "csv" / "table.csv", "w") as target:
        for line in source:
            target.write(line.replace(",class", ","))
    tfx.orchestration.LocalDagRunner().run(create_pipeline(folder))
    if not list((folder / "serving").glob("*/saved_model.pb")):
        raise SystemExit("the Evaluator did not bless TFX's model, so the comparison has no end")
    shutil.rmtree(folder / "root")


def create_pipeline(folder: Path) -> Any:
    """Wires the components."""
    import tensorflow_model_analysis as tfma
    from tfx import v1 as tfx

    module_file = str(Path(__file__).with_name("whole_tfx_module.py"))
    parts = [
        tfx.proto.SplitConfig.Split(name=name, hash_buckets=n) for name, n in (("train", 8), ("eval", 1), ("test", 1))
    ]
    output = tfx.proto.Output(split_config=tfx.proto.SplitConfig(splits=parts))
    example_gen = tfx.components.CsvExampleGen(input_base=str(folder / "csv"), output_config=output)
    examples = example_gen.outputs["examples"]
    statistics_gen = tfx.components.StatisticsGen(examples=examples)
    schema_gen = tfx.components.SchemaGen(statistics=statistics_gen.outputs["statistics"], infer_feature_shape=True)
    schema = schema_gen.outputs["schema"]
    validator = tfx.components.ExampleValidator(statistics=statistics_gen.outputs["statistics"], schema=schema)
    transform = tfx.components.Transform(examples=examples, schema=schema, module_file=module_file)
    trainer = tfx.components.Trainer(
        module_file=module_file,
        examples=transform.outputs["transformed_examples"],
        transform_graph=transform.outputs["transform_graph"],
        schema=schema,
        train_args=tfx.proto.TrainArgs(splits=["train"]),
        eval_args=tfx.proto.EvalArgs(splits=["eval"]),
    )
    bound = tfma.MetricThreshold(value_threshold=tfma.GenericValueThreshold(lower_bound={"value": 0.3}))
    measured = [tfma.MetricConfig(class_name=name) for name in METRICS]
    measured[0].threshold.CopyFrom(bound)
    evaluation = tfma.EvalConfig(
        model_specs=[tfma.ModelSpec(label_key="label", signature_name="serving_default")],
        slicing_specs=[tfma.SlicingSpec()],
        metrics_specs=[tfma.MetricsSpec(metrics=measured)],
    )
    evaluator = tfx.components.Evaluator(examples=examples, model=trainer.outputs["model"], eval_config=evaluation)
    destination = tfx.proto.PushDestination.Filesystem(base_directory=str(folder / "serving"))
    pusher = tfx.components.Pusher(
        model=trainer.outputs["model"],
        model_blessing=evaluator.outputs["blessing"],
        push_destination=tfx.proto.PushDestination(filesystem=destination),
    )
    return tfx.dsl.Pipeline(
        pipeline_name="whole_table",
        pipeline_root=str(folder / "root"),
        components=[example_gen, statistics_gen, schema_gen, validator, transform, trainer, evaluator, pusher],
        metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config(
            str(folder / "metadata.sqlite")
        ),
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
