"""Writes the report as the last step of the graph."""

# No "from __future__ import annotations": TFX reads the annotations of function components as objects.

import json
from pathlib import Path

from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types.standard_artifacts import (
    Examples,
    ExampleStatistics,
    InfraBlessing,
    Model,
    ModelBlessing,
    ModelEvaluation,
    ModelRun,
    PushedModel,
    TunerResults,
)

from kerasline.components.core import Explanations, RunReport, Verdict
from kerasline.components.report.figures import RunFolders, collect_figures
from kerasline.components.report.own_pages import own_pages
from kerasline.components.report.page import write_report


@component
def Report(  # noqa: N802 (a component is named like a class)
    examples: InputArtifact[Examples],
    statistics: InputArtifact[ExampleStatistics],
    verdict: InputArtifact[Verdict],
    model_run: InputArtifact[ModelRun],
    baseline: InputArtifact[Model],
    evaluation: InputArtifact[ModelEvaluation],
    model_blessing: InputArtifact[ModelBlessing],
    parity: InputArtifact[InfraBlessing],
    pushed_model: InputArtifact[PushedModel],
    report: OutputArtifact[RunReport],
    experiment: Parameter[str],
    dataset: Parameter[str],
    plan: Parameter[str],
    evaluation_options: Parameter[str],
    changes: Parameter[str],
    code_version: Parameter[str],
    tuner_results: InputArtifact[TunerResults] = None,
    explanations: InputArtifact[Explanations] = None,
) -> None:
    """Collects the figures of the run and writes ``figures.json`` and ``index.html``.

    Args:
      examples, statistics, verdict, model_run, baseline, evaluation, model_blessing, parity, pushed_model: what the
        steps left.
      report: output.
      experiment: the resolved config as JSON, to be shown.
      dataset: the resolved dataset as JSON.
      plan: the feature plan as JSON.
      evaluation_options: settled metrics, slices and thresholds as JSON.
      changes: config key to [value, default] where the two differ, as JSON.
      code_version: part of the cache key.
      tuner_results: the trials, where there was a search.
      explanations: of the model, where they are wanted.
    """
    folders = RunFolders(
        examples=examples.uri,
        statistics=statistics.uri,
        verdict=verdict.uri,
        tuner_results=tuner_results.uri if tuner_results else None,
        model_run=model_run.uri,
        baseline=baseline.uri,
        evaluation=evaluation.uri,
        parity=parity.uri,
        gate=model_blessing.uri,
        explanations=explanations.uri if explanations else None,
    )
    figures = collect_figures(folders, experiment, dataset, plan, evaluation_options, changes)
    figures["blessed"] = model_blessing.get_int_custom_property("blessed") == 1
    figures["baseline_version"] = baseline.get_int_custom_property("version") or None
    pushed = pushed_model.get_int_custom_property("pushed") == 1
    figures["model"] = {
        "version": int(pushed_model.get_string_custom_property("pushed_version")) if pushed else None,
        "path": pushed_model.get_string_custom_property("pushed_destination") if pushed else None,
        "parameters": figures["training"]["parameters"],
    }
    figures["pages"] = own_pages(json.loads(experiment).get("report", {}).get("pages", []), figures)
    write_report(Path(report.uri), figures)
