"""The pipeline of an experiment: the only place where channels meet. Read it from top to bottom, as the data flows."""

from __future__ import annotations

import json
from typing import Any

# Not from tfx.v1, which loads Vertex AI's clients for three seconds more. Before TFDV: TFX stubs what that imports.
from tfx.components import Evaluator, ExampleValidator, SchemaGen, StatisticsGen, Trainer, Transform  # isort: skip
import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.dsl.components.base.base_component import BaseComponent as Step
from tfx.orchestration.pipeline import Pipeline
from tfx.proto.trainer_pb2 import EvalArgs, TrainArgs
from tfx.types.channel import BaseChannel

from kerasline.components.baseline import Baseline
from kerasline.components.core import code_version
from kerasline.components.datasets.description import Dataset
from kerasline.components.datasets.splits import split_record
from kerasline.components.evaluation import EXTRACTORS, eval_config
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
) -> Pipeline:
    """Builds the graph of a run.

    Args:
      plan: The experiment with its data, features and baseline resolved.
      pipeline_root: Folder that receives the artifacts.
      models: ``MODELS/NAME``, the folder of pushed versions.
      name: Name of the pipeline where the experiment's is not allowed.
      **arguments: More of ``tfx.orchestration.pipeline.Pipeline``, such as ``metadata_connection_config``.

    Returns:
      The pipeline, with a component for each step in the order of ``STEPS``.
    """
    ingest = _ingest(plan)
    statistics = _statistics(plan, ingest)
    curated = _curated(plan, statistics)
    schema = _schema(plan, statistics)
    anomalies = _anomalies(statistics, curated)
    validate = _validate(plan, ingest, statistics, curated, anomalies)
    transform = _transform(plan, ingest, schema, validate)
    tune = _tune(plan, ingest, transform, pipeline_root)
    train = _train(plan, ingest, transform, tune, pipeline_root)
    baseline = _baseline(plan, ingest, transform, train, models)
    evaluate = _evaluate(plan, ingest, train, baseline)
    parity = _parity(plan, ingest, train, evaluate)
    formats = _formats(plan, ingest, transform, train, parity)
    gate = _gate(plan, train, baseline, evaluate, parity, formats)
    push = _push(plan, validate, train, parity, formats, gate, models)
    explain = _explain(plan, ingest, transform, train, push)
    report = _report(plan, ingest, statistics, validate, tune, train, baseline, evaluate, parity, gate, push, explain)
    steps = {
        "ingest": ingest,
        "statistics": statistics,
        "curated": curated,
        "schema": schema,
        "anomalies": anomalies,
        "validate": validate,
        "transform": transform,
        "tune": tune,
        "train": train,
        "baseline": baseline,
        "evaluate": evaluate,
        "parity": parity,
        "formats": formats,
        "gate": gate,
        "push": push,
        "explain": explain,
        "report": report,
    }
    return Pipeline(
        pipeline_name=name or plan.experiment.name,
        pipeline_root=pipeline_root,
        components=[step.with_id(step_id) for step_id, step in steps.items() if step is not None],
        beam_pipeline_args=plan.beam_arguments(),
        **arguments,
    )


def _ingest(plan: RunPlan) -> Step:
    """Reads the source and writes tf.Examples into splits, and rows that may not go on into quarantine."""
    return DatasetExampleGen(
        dataset=plan.dataset.to_json(),
        rules=plan.rules.to_json(),
        code_version=code_version("kerasline.components.example_gen"),
    )


def _statistics(plan: RunPlan, ingest: Step) -> Step:
    """Describes every column of every split."""
    return StatisticsGen(examples=ingest.outputs["examples"], stats_options=_statistics_options(plan.dataset))


def _statistics_options(dataset: Dataset) -> tfdv.StatsOptions:
    """Spares TFDV what nobody reads.

    Its sketches count values exactly up to a thousand different ones, which is more than any check goes by, and their
    number up to 16,384. It is told which columns are images, since it would count files as if they were words.
    """
    schema = schema_pb2.Schema()
    for name in (column.name for column in dataset.columns if column.dtype == "image"):
        schema.feature.add(name=name, type=schema_pb2.BYTES).image_domain.SetInParent()
    return tfdv.StatsOptions(schema=schema if schema.feature else None, use_sketch_based_topk_uniques=True)


def _curated(plan: RunPlan, statistics: Step) -> Step:
    """Says what the data must look like: the curated schema, or one that is inferred, to be curated from now on."""
    return CuratedSchema(
        statistics=statistics.outputs["statistics"],
        curated=plan.schema,
        label=plan.features.label,
        classes=json.dumps(plan.features.classes),
        open_columns=json.dumps(plan.features.open_columns()),
        code_version=code_version("kerasline.components.validation.curated"),
    )


def _schema(plan: RunPlan, statistics: Step) -> Step:
    """Infers the types that the data has, for parsing it. Shapes are left open where a value may be missing."""
    return SchemaGen(
        statistics=statistics.outputs["statistics"], infer_feature_shape=plan.dataset.kind in ("array", "tokens")
    )


def _anomalies(statistics: Step, curated: Step) -> Step:
    """Compares every split with the curated schema."""
    return ExampleValidator(statistics=statistics.outputs["statistics"], schema=curated.outputs["schema"])


def _validate(plan: RunPlan, ingest: Step, statistics: Step, curated: Step, anomalies: Step) -> Step:
    """Is the data gate: stops the run for anomalies, and for drift, skew, leakage and duplicates."""
    return DataGate(
        examples=ingest.outputs["examples"],
        statistics=statistics.outputs["statistics"],
        schema=curated.outputs["schema"],
        anomalies=anomalies.outputs["anomalies"],
        name=plan.experiment.name,
        options=plan.experiment.validation.suited_to(plan.dataset.split.method).model_dump_json(),
        plan=plan.features.model_dump_json(),
        reference=plan.reference.path,
        reference_name=plan.reference.name,
        reference_digest=plan.reference.digest,
        models=plan.reference.models,
        code_version=code_version("kerasline.components.validation", *plan.own_modules("validate")),
    )


def _transform(plan: RunPlan, ingest: Step, schema: Step, validate: Step) -> Step:
    """Analyses the train split and writes the preprocessing graph; copies no data."""
    transform = Transform(
        examples=ingest.outputs["examples"],
        schema=schema.outputs["schema"],
        preprocessing_fn="kerasline.components.transform.preprocessing.preprocessing_fn",
        custom_config={
            "plan": plan.features.model_dump_json(),
            "alternatives": [other.plan.model_dump_json() for other in plan.alternatives[1:]],
            "marks": True,
            "code_version": code_version("kerasline.components.transform", *plan.own_modules("transform")),
        },
        materialize=False,
        disable_statistics=True,
        disable_analyzer_cache=True,
    )
    # It takes nothing of the data gate's, and must wait for it all the same.
    transform.add_upstream_node(validate)
    return transform


def _tune(plan: RunPlan, ingest: Step, transform: Step, pipeline_root: str) -> Step | None:
    """Searches for better config values, on a validation part of the train split; None where no search is asked for."""
    if not plan.experiment.tuning:
        return None
    return ConfigSearch(
        examples=ingest.outputs["examples"],
        transform_graph=transform.outputs["transform_graph"],
        tuner_fn="kerasline.components.tuning.tuner.tuner_fn",
        train_args=TrainArgs(splits=["train"]),
        eval_args=EvalArgs(splits=["eval"]),
        custom_config={
            "settings": plan.fit_settings().model_dump_json(),
            "tuning": plan.experiment.tuning.model_dump_json(),
            "start": json.dumps(plan.search_start.values),
            # A search that was killed goes on with the trials that it left there.
            "searches": f"{pipeline_root}/searches",
            "code_version": code_version("kerasline.components.tuning", *plan.own_modules("network", "fit")),
        },
    )


def _train(plan: RunPlan, ingest: Step, transform: Step, tune: Step | None, pipeline_root: str) -> Step:
    """Fits the model, exports it, and writes its own predictions on the splits that it was not fitted on."""
    own_networks = plan.own_modules("network")
    return Trainer(
        examples=ingest.outputs["examples"],
        transform_graph=transform.outputs["transform_graph"],
        hyperparameters=_output(tune, "best_hyperparameters"),
        run_fn="kerasline.components.training.trainer.run_fn",
        train_args=TrainArgs(splits=["train"]),
        eval_args=EvalArgs(splits=plan.held_out_splits()),
        custom_config={
            "settings": plan.fit_settings().model_dump_json(),
            # One folder for all runs: a fit that was killed continues from the epoch that it left there.
            "checkpoints": f"{pipeline_root}/checkpoints",
            # Only a user's own network may not suit them; for any other a new format does not fit it anew.
            "formats": plan.experiment.push.further_formats() if own_networks else [],
            "missing_words": json.dumps(plan.missing_words()),
            "code_version": code_version("kerasline.components.training.trainer", *plan.own_modules("network", "fit")),
        },
    )


def _baseline(plan: RunPlan, ingest: Step, transform: Step, train: Step, models: str) -> Step:
    """Takes the model in production, or a trivial one, to compare with, and fits references on tables."""
    baseline = Baseline(
        examples=ingest.outputs["examples"],
        transform_graph=transform.outputs["transform_graph"],
        models=models,
        version=plan.baseline_version,
        plan=plan.features.model_dump_json(),
        split=json.dumps(split_record(plan.dataset)),
        references=int(plan.evaluation.references),
        weights=plan.experiment.training.model_dump_json(include={"sample_weight", "class_weights"}),
        code_version=code_version("kerasline.components.baseline.component"),
    )
    # The model first, then what it is compared with.
    baseline.add_upstream_node(train)
    return baseline


def _evaluate(plan: RunPlan, ingest: Step, train: Step, baseline: Step) -> Step:
    """Measures both models on the eval split, and compares them with each other and with the limits for metrics."""
    return Evaluator(
        examples=ingest.outputs["examples"],
        model=train.outputs["model"],
        baseline_model=baseline.outputs["baseline"],
        eval_config=eval_config(plan.evaluation, plan.features),
        module_path=EXTRACTORS,
        example_splits=["eval"],
    )


def _parity(plan: RunPlan, ingest: Step, train: Step, evaluate: Step) -> Step:
    """Replays eval rows through the exported model in a fresh process."""
    parity = ParityCheck(
        model=train.outputs["model"],
        model_run=train.outputs["model_run"],
        examples=ingest.outputs["examples"],
        plan=plan.features.model_dump_json(),
        tolerance=PARITY_TOLERANCE if plan.features.classes is not None else PARITY_DEVIATIONS,
        rows=PARITY_ROWS,
        code_version=code_version("kerasline.components.parity"),
    )
    parity.add_upstream_node(evaluate)
    return parity


def _formats(plan: RunPlan, ingest: Step, transform: Step, train: Step, parity: Step) -> Step | None:
    """Makes the formats beside the SavedModel, and compares each with the trained model; None where none is wanted."""
    if not plan.experiment.push.further_formats():
        return None
    return FormatExport(
        model_run=train.outputs["model_run"],
        examples=ingest.outputs["examples"],
        transform_graph=transform.outputs["transform_graph"],
        parity=parity.outputs["blessing"],
        formats=json.dumps(plan.experiment.push.further_formats()),
        modules=json.dumps(plan.own_modules("network")),
        rows=FORMAT_ROWS,
        code_version=code_version("kerasline.components.formats.component", *plan.own_modules("network")),
    )


def _gate(plan: RunPlan, train: Step, baseline: Step, evaluate: Step, parity: Step, formats: Step | None) -> Step:
    """Holds all that was measured against the limits: metrics, slices, the trivial model, latency, size, formats."""
    return ModelGate(
        model=train.outputs["model"],
        model_run=train.outputs["model_run"],
        baseline=baseline.outputs["baseline"],
        evaluation=evaluate.outputs["evaluation"],
        evaluated=evaluate.outputs["blessing"],
        parity=parity.outputs["blessing"],
        formats=_output(formats, "exported"),
        options=plan.evaluation.model_dump_json(),
        plan=plan.features.model_dump_json(),
        flattered=plan.flattered(),
        code_version=code_version("kerasline.components.gating", *plan.own_modules("evaluate", "gate")),
    )


def _push(
    plan: RunPlan, validate: Step, train: Step, parity: Step, formats: Step | None, gate: Step, models: str
) -> Step:
    """Copies a blessed model, with the profile of its data and its eval answers, to the next version in production."""
    return RegistryPush(
        model=train.outputs["model"],
        model_blessing=gate.outputs["blessing"],
        infra_blessing=parity.outputs["blessing"],
        verdict=validate.outputs["verdict"],
        model_run=train.outputs["model_run"],
        formats=_output(formats, "exported"),
        models=models,
        custom_config={
            "record": plan.record(),
            "keep": plan.experiment.push.keep,
            "challenge": plan.experiment.push.challenge(),
            "sign": plan.experiment.push.sign.key if plan.experiment.push.sign else None,
            "code_version": code_version("kerasline.components.pushing"),
        },
    )


def _explain(plan: RunPlan, ingest: Step, transform: Step, train: Step, push: Step) -> Step | None:
    """Says what the model leans on and looks at, and where it goes wrong; None where nobody wants to know."""
    if plan.experiment.report.explanations == "off":
        return None
    explain = Explain(
        examples=ingest.outputs["examples"],
        transform_graph=transform.outputs["transform_graph"],
        model=train.outputs["model"],
        model_run=train.outputs["model_run"],
        dataset=plan.dataset.to_json(),
        metric=plan.evaluation.metrics[0],
        count=plan.experiment.report.examples,
        code_version=code_version(
            "kerasline.components.explanations.component", *plan.own_modules("network", "evaluate")
        ),
    )
    # Production does not wait for it.
    explain.add_upstream_node(push)
    return explain


def _report(
    plan: RunPlan,
    ingest: Step,
    statistics: Step,
    validate: Step,
    tune: Step | None,
    train: Step,
    baseline: Step,
    evaluate: Step,
    parity: Step,
    gate: Step,
    push: Step,
    explain: Step | None,
) -> Step:
    """Tells the whole story on one page."""
    return Report(
        examples=ingest.outputs["examples"],
        statistics=statistics.outputs["statistics"],
        verdict=validate.outputs["verdict"],
        model_run=train.outputs["model_run"],
        baseline=baseline.outputs["baseline"],
        evaluation=evaluate.outputs["evaluation"],
        model_blessing=gate.outputs["blessing"],
        parity=parity.outputs["blessing"],
        pushed_model=push.outputs["pushed_model"],
        tuner_results=_output(tune, "tuner_results"),
        explanations=_output(explain, "explanations"),
        code_version=code_version("kerasline.components.report.component", *plan.own_modules("evaluate", "report")),
        **report_parameters(plan),
    )


def _output(step: Step | None, name: str) -> BaseChannel | None:
    """Returns an output of a step, or None of a step that this run does not have."""
    return None if step is None else step.outputs[name]
