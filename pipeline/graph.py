"""The pipeline of an experiment: the only place where channels meet. Read it from top to bottom, as the data flows."""

from __future__ import annotations

import json
from typing import Any

from tfx import v1 as tfx  # isort: skip (TFX stubs a module that TFDV imports)
import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.dsl.components.base.base_component import BaseComponent

from kerasline.components.baseline import Baseline
from kerasline.components.core import code_version
from kerasline.components.datasets.description import Dataset
from kerasline.components.evaluation import eval_config
from kerasline.components.example_gen import DatasetExampleGen
from kerasline.components.explanations import Explain
from kerasline.components.formats import FormatExport
from kerasline.components.gating import ModelGate
from kerasline.components.parity import ParityCheck
from kerasline.components.pushing import RegistryPush
from kerasline.components.report import Report
from kerasline.components.tuning import ConfigSearch
from kerasline.components.validation import CuratedSchema, DataGate
from kerasline.pipeline.plan import RunPlan
from kerasline.pipeline.reports import report_parameters

PARITY_TOLERANCE = 1e-5  # of scores
PARITY_DEVIATIONS = 1e-4  # of a regression, in deviations of the label
PARITY_ROWS = 10_000
FORMAT_ROWS = 1_000


def create_pipeline(
    plan: RunPlan, *, pipeline_root: str, models: str, name: str | None = None, **arguments: Any
) -> tfx.dsl.Pipeline:
    """Builds the graph of a run.

    Args:
      plan: the experiment with its data, features and baseline resolved.
      pipeline_root: where the artifacts go.
      models: ``MODELS/NAME``, the folder of pushed versions.
      name: of the pipeline where the experiment's is not allowed.
      **arguments: more of ``tfx.dsl.Pipeline``, such as ``metadata_connection_config``.

    Returns:
      The pipeline, with a component for each step in the order of ``STEPS``.
    """
    dataset, features = plan.dataset.to_json(), plan.features.model_dump_json()
    steps: dict[str, BaseComponent] = {}

    # Reads the source and writes tf.Examples into train, eval and test, and rows that may not go on into quarantine.
    steps["ingest"] = ingest = DatasetExampleGen(
        dataset=dataset, rules=plan.rules.to_json(), code_version=code_version("kerasline.components.example_gen")
    )
    examples = ingest.outputs["examples"]

    # Describes every column of every split.
    steps["statistics"] = statistics = tfx.components.StatisticsGen(
        examples=examples, stats_options=_statistics_options(plan.dataset)
    )

    # Infers the types that the data has, for parsing it. Shapes are left open where a value may be missing.
    steps["schema"] = schema = tfx.components.SchemaGen(
        statistics=statistics.outputs["statistics"], infer_feature_shape=plan.dataset.kind in ("array", "tokens")
    )

    # Says what the data must look like: the curated schema, or one that is inferred and will be curated from now on.
    steps["curated"] = curated = CuratedSchema(
        statistics=statistics.outputs["statistics"],
        curated=plan.schema,
        label=plan.features.label,
        classes=json.dumps(plan.features.classes),
        open_columns=json.dumps(plan.features.open_columns()),
        code_version=code_version("kerasline.components.validation.curated"),
    )

    # Compares every split with it.
    steps["anomalies"] = anomalies = tfx.components.ExampleValidator(
        statistics=statistics.outputs["statistics"], schema=curated.outputs["schema"]
    )

    # Stops the run where the comparison found something, and for drift, skew, leakage and duplicates.
    steps["validate"] = gate = DataGate(
        examples=examples,
        statistics=statistics.outputs["statistics"],
        schema=curated.outputs["schema"],
        anomalies=anomalies.outputs["anomalies"],
        name=plan.experiment.name,
        options=plan.experiment.validation.model_dump_json(),
        plan=features,
        reference=plan.reference.path,
        reference_name=plan.reference.name,
        reference_digest=plan.reference.digest,
        models=plan.reference.models,
        code_version=code_version("kerasline.components.validation"),
    )

    # Analyses the train split and writes the preprocessing graph; copies no data.
    steps["transform"] = transform = tfx.components.Transform(
        examples=examples,
        schema=schema.outputs["schema"],
        preprocessing_fn="kerasline.components.transform.preprocessing.preprocessing_fn",
        custom_config={
            "plan": features,
            "alternatives": [other.plan.model_dump_json() for other in plan.alternatives[1:]],
            "marks": True,
            "code_version": code_version("kerasline.components.transform"),
        },
        materialize=False,
        disable_statistics=True,
        disable_analyzer_cache=True,
    )
    transform.add_upstream_node(gate)
    transform_graph = transform.outputs["transform_graph"]

    # Searches for better config values, on a validation part of the train split.
    fit_config = {"settings": plan.fit_settings().model_dump_json()}
    hyperparameters = tuner_results = None
    if plan.experiment.tuning:
        steps["tune"] = tune = ConfigSearch(
            examples=examples,
            transform_graph=transform_graph,
            tuner_fn="kerasline.components.tuning.tuner.tuner_fn",
            train_args=tfx.proto.TrainArgs(splits=["train"]),
            eval_args=tfx.proto.EvalArgs(splits=["eval"]),
            custom_config={
                **fit_config,
                "tuning": plan.experiment.tuning.model_dump_json(),
                "start": json.dumps(plan.search_start.values),
                # A search that was killed goes on with the trials that it left there.
                "searches": f"{pipeline_root}/searches",
                "code_version": code_version("kerasline.components.tuning", *plan.own_modules()),
            },
        )
        hyperparameters, tuner_results = tune.outputs["best_hyperparameters"], tune.outputs["tuner_results"]

    # Fits the model, exports it, and writes its own predictions on the splits that it was not fitted on.
    steps["train"] = train = tfx.components.Trainer(
        examples=examples,
        transform_graph=transform_graph,
        hyperparameters=hyperparameters,
        run_fn="kerasline.components.training.trainer.run_fn",
        train_args=tfx.proto.TrainArgs(splits=["train"]),
        eval_args=tfx.proto.EvalArgs(splits=plan.held_out_splits()),
        custom_config={
            **fit_config,
            # One folder for all runs: a fit that was killed continues from the epoch that it left there.
            "checkpoints": f"{pipeline_root}/checkpoints",
            # Only a user's own network may not suit them; for any other a new format does not fit it anew.
            "formats": plan.experiment.push.further_formats() if plan.own_modules() else [],
            "code_version": code_version("kerasline.components.training.trainer", *plan.own_modules()),
        },
    )
    model = train.outputs["model"]

    # Takes the model in production, or a trivial one, to compare with, and fits references on tables.
    steps["baseline"] = baseline = Baseline(
        examples=examples,
        transform_graph=transform_graph,
        models=models,
        version=plan.baseline_version,
        plan=features,
        references=int(plan.evaluation.references),
        code_version=code_version("kerasline.components.baseline.component"),
    )
    baseline.add_upstream_node(train)

    # Measures both models on the eval split, and compares them with each other and with the limits for metrics.
    steps["evaluate"] = evaluate = tfx.components.Evaluator(
        examples=examples,
        model=model,
        baseline_model=baseline.outputs["baseline"],
        eval_config=eval_config(plan.evaluation, plan.features),
        example_splits=["eval"],
    )

    # Replays eval rows through the exported model in a fresh process.
    steps["parity"] = parity = ParityCheck(
        model=model,
        model_run=train.outputs["model_run"],
        examples=examples,
        plan=features,
        tolerance=PARITY_TOLERANCE if plan.features.classes is not None else PARITY_DEVIATIONS,
        rows=PARITY_ROWS,
        code_version=code_version("kerasline.components.parity"),
    )
    parity.add_upstream_node(evaluate)

    # Makes the formats that are wanted beside the SavedModel, and compares each with the trained model.
    formats = None
    if plan.experiment.push.further_formats():
        steps["formats"] = export = FormatExport(
            model_run=train.outputs["model_run"],
            examples=examples,
            transform_graph=transform_graph,
            parity=parity.outputs["blessing"],
            formats=json.dumps(plan.experiment.push.further_formats()),
            modules=json.dumps(plan.own_modules()),
            rows=FORMAT_ROWS,
            code_version=code_version("kerasline.components.formats.component", *plan.own_modules()),
        )
        formats = export.outputs["exported"]

    # Holds all that was measured against the limits: metrics, slices, the trivial model, latency, size, formats.
    steps["gate"] = model_gate = ModelGate(
        model=model,
        model_run=train.outputs["model_run"],
        baseline=baseline.outputs["baseline"],
        evaluation=evaluate.outputs["evaluation"],
        evaluated=evaluate.outputs["blessing"],
        parity=parity.outputs["blessing"],
        formats=formats,
        options=plan.evaluation.model_dump_json(),
        plan=features,
        code_version=code_version("kerasline.components.gating"),
    )

    # Copies a blessed model, with the profile of its data, to the next version and points production at it.
    steps["push"] = push = RegistryPush(
        model=model,
        model_blessing=model_gate.outputs["blessing"],
        infra_blessing=parity.outputs["blessing"],
        verdict=gate.outputs["verdict"],
        formats=formats,
        models=models,
        custom_config={
            "record": plan.record(),
            "keep": plan.experiment.push.keep,
            "code_version": code_version("kerasline.components.pushing"),
        },
    )

    # Says what the model leans on and looks at, and where it goes wrong.
    explanations = None
    if plan.experiment.report.explanations != "off":
        steps["explain"] = explain = Explain(
            examples=examples,
            transform_graph=transform_graph,
            model=model,
            model_run=train.outputs["model_run"],
            dataset=dataset,
            metric=plan.evaluation.metrics[0],
            count=plan.experiment.report.examples,
            code_version=code_version("kerasline.components.explanations.component", *plan.own_modules()),
        )
        # Production does not wait for it.
        explain.add_upstream_node(push)
        explanations = explain.outputs["explanations"]

    # Tells the whole story on one page.
    steps["report"] = Report(
        examples=examples,
        statistics=statistics.outputs["statistics"],
        verdict=gate.outputs["verdict"],
        model_run=train.outputs["model_run"],
        baseline=baseline.outputs["baseline"],
        evaluation=evaluate.outputs["evaluation"],
        model_blessing=model_gate.outputs["blessing"],
        parity=parity.outputs["blessing"],
        pushed_model=push.outputs["pushed_model"],
        tuner_results=tuner_results,
        explanations=explanations,
        code_version=code_version("kerasline.components.report.component"),
        **report_parameters(plan),
    )

    for step_id, component in steps.items():
        component.with_id(step_id)
    return tfx.dsl.Pipeline(
        pipeline_name=name or plan.experiment.name,
        pipeline_root=pipeline_root,
        components=list(steps.values()),
        beam_pipeline_args=plan.beam_arguments(),
        **arguments,
    )


def _statistics_options(dataset: Dataset) -> tfdv.StatsOptions:
    """Spares TFDV what nobody reads.

    Its sketches count values exactly up to a thousand different ones, which is more than any check goes by, and their
    number up to 16,384. It is told which columns are images, since it would count files as if they were words.
    """
    schema = schema_pb2.Schema()
    for name in (column.name for column in dataset.columns if column.dtype == "image"):
        schema.feature.add(name=name, type=schema_pb2.BYTES).image_domain.SetInParent()
    return tfdv.StatsOptions(schema=schema if schema.feature else None, use_sketch_based_topk_uniques=True)
