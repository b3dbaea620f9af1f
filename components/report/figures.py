"""Reads what the steps of a run left behind into one dict of figures; what a run did not reach is None."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from components.datasets.spec import Dataset
from components.features import FeaturePlan
from components.metrics import METRICS, measure
from components.options import EvaluationOptions


@dataclass(frozen=True)
class RunFolders:
    """Where the artifacts of a run are; None for a step that the run did not reach."""

    statistics: str | None = None
    verdict: str | None = None
    model_run: str | None = None
    baseline: str | None = None
    evaluation: str | None = None
    parity: str | None = None


def collect_figures(
    folders: RunFolders, experiment: str, dataset: str, plan: str, evaluation_options: str
) -> dict[str, Any]:
    """Gathers every figure that the report and the command's JSON show.

    Args:
      folders: the artifacts.
      experiment, dataset, plan, evaluation_options: the run's parameters as JSON.

    Returns:
      A dict of plain values with the keys ``recipe``, ``task``, ``data``, ``findings``, ``training``, ``history``,
      ``metrics``, ``baseline`` (None where the comparison was with the trivial model), ``trivial``, ``test_metrics``,
      ``gate`` (a row for each limit), ``parity``, ``experiment`` and ``slices``.
    """
    settled = FeaturePlan.model_validate_json(plan)
    options = EvaluationOptions.model_validate_json(evaluation_options)
    data = Dataset.from_json(dataset)
    evaluated = _evaluation(folders.evaluation)
    version = _is_real_baseline(folders)
    compared = evaluated["baseline"] if evaluated else None
    metrics = _wanted(evaluated["candidate"], options) if evaluated else None
    baseline = _wanted(compared, options) if compared and version else None
    trivial = _trivial_metrics(folders, settled, options)
    return {
        "recipe": json.loads(experiment)["name"],
        "task": settled.task,
        "main_metric": options.metrics[0],
        "data": {
            "name": data.name,
            "title": data.title,
            "source": data.source,
            "licence": data.licence,
            "rows": data.rows,
            "splits": _split_rows(folders.statistics),
            "columns": [column.model_dump(mode="json") for column in data.columns],
            "label": data.label.model_dump(mode="json"),
            "fingerprint": data.fingerprint,
            "skipped": list(data.skipped),
        },
        "inputs": [{"name": spec.name, "kind": spec.kind, "shape": list(spec.shape)} for spec in settled.inputs()],
        "findings": _read_json(folders.verdict, "verdict.json") or {"policy": "", "findings": []},
        "training": _read_json(folders.model_run, "summary.json"),
        "history": _read_json(folders.model_run, "history.json"),
        "metrics": metrics,
        "baseline": baseline,
        "trivial": trivial,
        "test_metrics": _split_metrics(folders, "test", settled, options),
        "gate": _gate_rows(options, metrics, baseline, trivial),
        "slices": evaluated["slices"] if evaluated else [],
        "parity": _read_json(folders.parity, "parity.json"),
        "experiment": json.loads(experiment),
    }


def load_predictions(model_run: str | None, split: str) -> tuple[np.ndarray, np.ndarray] | None:
    """Returns (labels, predictions) of a split as the Trainer wrote them, or None."""
    path = Path(model_run or "", f"predictions-{split}.npz")
    if model_run is None or not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as stored:
        return stored["labels"], stored["predictions"]


def _evaluation(folder: str | None) -> dict[str, Any] | None:
    """Reads TFMA's results: metric name to value for both models, and the slices of the candidate."""
    if folder is None or not os.path.isdir(folder):
        return None
    import tensorflow_model_analysis as tfma

    results: dict[str, Any] = {"slices": []}
    for model in ("candidate", "baseline"):
        loaded = tfma.load_eval_result(folder, model_name=model)
        results[model] = {}
        for slice_key, values in loaded.slicing_metrics:
            figures = {name: _plain(value) for name, value in values[""][""].items() if "_diff" not in name}
            if not slice_key:
                results[model] = figures
            elif model == "candidate":
                results["slices"].append({"slice": {str(k): str(v) for k, v in slice_key}, "metrics": figures})
    return results


def _plain(value: Mapping[str, Any]) -> float | None:
    # TFMA writes numbers that JSON has not, such as NaN, as text.
    number = float(value.get("doubleValue", "nan"))
    return number if np.isfinite(number) else None


def _wanted(figures: Mapping[str, float | None], options: EvaluationOptions) -> dict[str, float | None]:
    return {name: figures.get(name) for name in options.metrics}


def _is_real_baseline(folders: RunFolders) -> bool:
    """Says whether the baseline is a pushed version: the trivial model has no record."""
    return folders.baseline is not None and Path(folders.baseline, "Format-Serving", "version.json").is_file()


def _trivial_metrics(
    folders: RunFolders, plan: FeaturePlan, options: EvaluationOptions
) -> dict[str, float | None] | None:
    prediction = _read_json(folders.baseline, "trivial.json")
    loaded = load_predictions(folders.model_run, "eval")
    if prediction is None or loaded is None:
        return None
    labels, predictions = loaded
    constant = np.tile(np.asarray(prediction, np.float32), (len(predictions), 1))
    return measure(options.metrics, labels, constant, plan.task)


def _split_metrics(
    folders: RunFolders, split: str, plan: FeaturePlan, options: EvaluationOptions
) -> dict[str, float | None] | None:
    loaded = load_predictions(folders.model_run, split)
    return measure(options.metrics, *loaded, plan.task) if loaded else None


def _gate_rows(
    options: EvaluationOptions,
    metrics: Mapping[str, float | None] | None,
    baseline: Mapping[str, float | None] | None,
    trivial: Mapping[str, float | None] | None,
) -> list[dict[str, Any]]:
    """Lists every limit with its figure, in words and numbers; TFMA decides, this explains."""
    rows: list[dict[str, Any]] = []
    if metrics is None:
        return rows
    reference, against = (baseline, "the model in production") if baseline else (trivial, "the trivial model")
    for name, limits in options.thresholds.items():
        value = metrics.get(name)
        sign = 1 if METRICS[name].higher_is_better else -1

        def add(limit: float, text: str, passed: bool, name: str = name, value: float | None = value) -> None:
            rows.append({"metric": name, "value": value, "limit": limit, "text": text, "passed": passed})

        if limits.min is not None:
            add(limits.min, f"at least {limits.min:g}", value is not None and value >= limits.min)
        if limits.max is not None:
            add(limits.max, f"at most {limits.max:g}", value is not None and value <= limits.max)
        if limits.max_drop is not None and reference is not None:
            before = reference.get(name)
            if before is not None:
                worst = before - sign * limits.max_drop
                passed = value is not None and sign * value >= sign * worst - 1e-6
                add(worst, f"not worse than {worst:.4g} ({against} has {before:.4g})", passed)
    return rows


def _split_rows(statistics: str | None) -> dict[str, int]:
    """Reads the number of rows of every split from its statistics."""
    if statistics is None:
        return {}
    from tensorflow_metadata.proto.v0 import statistics_pb2

    rows = {}
    for folder in sorted(Path(statistics).glob("Split-*")):
        proto = statistics_pb2.DatasetFeatureStatisticsList()
        proto.ParseFromString((folder / "FeatureStats.pb").read_bytes())
        rows[folder.name.removeprefix("Split-")] = int(proto.datasets[0].num_examples)
    return {split: rows[split] for split in ("train", "eval", "test") if split in rows}


def _read_json(folder: str | None, name: str) -> Any:
    path = Path(folder or "", name)
    return json.loads(path.read_text(encoding="utf-8")) if folder is not None and path.is_file() else None
