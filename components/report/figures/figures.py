"""Reads what the steps of a run left behind into one dict of figures; what a run did not reach is None."""

from __future__ import annotations

import base64
import json
import mimetypes
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kerasline.components.datasets.description import Dataset
from kerasline.components.evaluation import (
    SHARES_OF_ROWS,
    EvaluationOptions,
    SliceFigures,
    measure,
    read_evaluation,
    wilson,
)
from kerasline.components.features import FeaturePlan
from kerasline.components.report.diagnosis import compare_with_references, diagnose, look_at, measure_references
from kerasline.components.report.figures.columns import read_statistics
from kerasline.components.report.figures.environment import describe_environment
from kerasline.components.report.figures.gate import read_verdict
from kerasline.components.report.figures.performance import describe_performance
from kerasline.components.report.figures.search import read_trials


@dataclass(frozen=True)
class RunFolders:
    """Where the artifacts of a run are; None for a step that the run did not reach."""

    examples: str | None = None
    statistics: str | None = None
    verdict: str | None = None
    tuner_results: str | None = None
    model_run: str | None = None
    baseline: str | None = None
    evaluation: str | None = None
    parity: str | None = None
    gate: str | None = None
    explanations: str | None = None


def collect_figures(
    folders: RunFolders,
    experiment: str,
    dataset: str,
    plan: str,
    evaluation_options: str,
    changes: str = "{}",
    failure: str = "",
) -> dict[str, Any]:
    """Gathers every figure that the report and the command's JSON show.

    Args:
      folders: the artifacts.
      experiment, dataset, plan, evaluation_options: the run's parameters as JSON.
      changes: the config keys that differ from the defaults, each with [value, default], as JSON.
      failure: the message of the error that ended the run, empty where none did.

    Returns:
      A dict of plain values with the keys ``recipe``, ``task``, ``data``, ``gate_verdict``, ``training``, ``history``,
      ``tuning``, ``metrics``, ``baseline`` (None where the comparison was with the trivial model), ``trivial``,
      ``references`` (scikit-learn's models on the same rows, each with ``metrics`` and ``text``), ``test_metrics``,
      ``gate`` (a row for each part), ``missing_baseline`` (why there was nothing to compare with),
      ``cost`` (latency in ms, bytes and parameters), ``formats`` (beside the SavedModel), ``performance`` (from the
      predictions on the eval split), ``slices``, ``parity``, ``explanations``, ``diagnosis``, ``attention``,
      ``experiment``, ``changes``, ``environment``, ``artifacts`` and ``failure``.
    """
    settled = FeaturePlan.model_validate_json(plan)
    fitted = FeaturePlan.model_validate(_read_json(folders.model_run, "plan.json") or settled)
    options = EvaluationOptions.model_validate_json(evaluation_options)
    data = Dataset.from_json(dataset)
    gate = _read_json(folders.gate, "gate.json") or {}
    statistics = read_statistics(folders.statistics, _dtypes(data))
    config = json.loads(experiment)
    figures: dict[str, Any] = {
        "recipe": config["name"],
        "description": config.get("description", ""),
        "task": settled.task,
        "main_metric": options.metrics[0],
        "label_scale": settled.label_scale,
        "data": _describe_data(data, statistics["rows"]),
        "statistics": statistics["columns"],
        "inputs": [{"name": spec.name, "kind": spec.kind, "shape": list(spec.shape)} for spec in fitted.inputs()],
        "gate_verdict": read_verdict(folders.verdict),
        "tuning": read_trials(folders.tuner_results, config.get("tuning")),
        "training": _read_json(folders.model_run, "summary.json"),
        "history": _read_json(folders.model_run, "history.json"),
        **_read_metrics(folders, settled, options),
        "gate": gate.get("rows") or [],
        "missing_baseline": gate.get("missing_baseline", ""),
        "cost": gate.get("cost"),
        "formats": gate.get("formats") or {"formats": {}},
        "performance": _performance(folders, settled, options),
        "label_counts": _label_counts(folders, settled, statistics["rows"]),
        "parity": _read_json(folders.parity, "parity.json"),
        "explanations": _explanations(folders.explanations),
        "experiment": config,
        "changes": json.loads(changes),
        "environment": describe_environment(),
        "artifacts": {name: uri for name, uri in vars(folders).items() if uri},
        "failure": failure,
    }
    # What the figures mean is read off the figures themselves.
    figures["references"] = compare_with_references(figures)
    figures["diagnosis"] = diagnose(figures)
    figures["attention"] = look_at(figures)
    return figures


def _describe_data(data: Dataset, splits: Mapping[str, int]) -> dict[str, Any]:
    """Tells of the data what a reader of the report may ask; ``splits`` has the rows of each split."""
    return {
        "name": data.name,
        "title": data.title,
        "kind": data.kind,
        "source": data.source,
        "licence": data.licence,
        "rows": data.rows,
        "splits": splits,
        "split_method": data.split.method,
        "columns": [column.model_dump(mode="json") for column in data.columns],
        "label": data.label.model_dump(mode="json"),
        "fingerprint": data.fingerprint,
        "skipped": list(data.skipped),
        "notes": list(data.notes),
    }


def _read_metrics(folders: RunFolders, plan: FeaturePlan, options: EvaluationOptions) -> dict[str, Any]:
    """Reads the metrics of the model, of what it is compared with, and of single slices."""
    is_evaluated = folders.evaluation is not None and os.path.isdir(folders.evaluation)
    whole, slices = read_evaluation(str(folders.evaluation)) if is_evaluated else (None, [])
    return {
        "metrics": _wanted(whole.candidate, options) if whole else None,
        "baseline": _wanted(whole.baseline, options) if whole and _is_real_baseline(folders) else None,
        "trivial": _trivial_metrics(folders, plan, options),
        "references": _references(folders, plan, options),
        "test_metrics": _split_metrics(folders, "test", plan, options),
        "slices": _slices(slices, options.metrics),
    }


def load_predictions(model_run: str | None, split: str) -> tuple[np.ndarray, np.ndarray] | None:
    """Returns (labels, predictions) of a split as the Trainer wrote them, or None."""
    path = Path(model_run or "", f"predictions-{split}.npz")
    if model_run is None or not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as stored:
        return stored["labels"], stored["predictions"]


def _dtypes(data: Dataset) -> dict[str, str]:
    dtypes: dict[str, str] = {column.name: column.dtype for column in data.columns}
    return dtypes | {data.label.name: "array" if data.label.dtype == "multi" else data.label.dtype}


def _slices(slices: list[SliceFigures], names: Iterable[str]) -> list[dict[str, Any]]:
    """Gives for each slice its rows, its figures, and an interval for each metric that is a share of the rows."""
    listed = []
    for entry in slices:
        found = ((name, entry.candidate.get(name)) for name in SHARES_OF_ROWS)
        shares = {name: share for name, share in found if share is not None}
        listed.append(
            {
                "slice": entry.slice,
                "rows": entry.rows,
                "metrics": {name: entry.candidate.get(name) for name in names},
                "baseline": {name: entry.baseline.get(name) for name in names},
                "intervals": {name: wilson(share * entry.rows, entry.rows) for name, share in shares.items()}
                if entry.rows
                else {},
            }
        )
    return listed


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


def _references(folders: RunFolders, plan: FeaturePlan, options: EvaluationOptions) -> list[dict[str, Any]]:
    loaded = load_predictions(folders.model_run, "eval")
    return measure_references(folders.baseline, loaded[0] if loaded else None, options.metrics, plan.task)


def _split_metrics(
    folders: RunFolders, split: str, plan: FeaturePlan, options: EvaluationOptions
) -> dict[str, float | None] | None:
    loaded = load_predictions(folders.model_run, split)
    return measure(options.metrics, *loaded, plan.task) if loaded and len(loaded[0]) else None


def _performance(folders: RunFolders, plan: FeaturePlan, options: EvaluationOptions) -> dict[str, Any] | None:
    loaded = load_predictions(folders.model_run, "eval")
    if loaded is None or not len(loaded[0]) or not np.isfinite(loaded[1]).all():
        return None
    return describe_performance(*loaded, plan.task, plan.classes, options.metrics)


def _label_counts(folders: RunFolders, plan: FeaturePlan, rows: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """Counts the rows of each class: of train from the trivial model's shares, of the others from the labels."""
    if plan.task not in ("binary", "multiclass") or plan.classes is None:
        return {}
    counts = {}
    shares = _read_json(folders.baseline, "trivial.json")
    if shares and "train" in rows:
        # A binary model answers with the share of its second class alone.
        every = [1 - shares[0], shares[0]] if plan.task == "binary" else shares
        counts["train"] = {name: round(share * rows["train"]) for name, share in zip(plan.classes, every, strict=False)}
    for split in ("eval", "test"):
        loaded = load_predictions(folders.model_run, split)
        if loaded and len(loaded[0]):
            counts[split] = _count_labels(loaded[0], plan.classes)
    return counts


def _count_labels(labels: np.ndarray, classes: Sequence[str]) -> dict[str, int]:
    """Counts the rows of each class.

    Args:
      labels: [rows] or [rows, 1], numbers of classes as floats or integers.
      classes: Names in the order of their numbers.
    """
    numbers = np.bincount(labels.astype(np.int64).reshape(-1), minlength=len(classes))
    return {name: int(number) for name, number in zip(classes, numbers, strict=False)}


def _explanations(folder: str | None) -> dict[str, Any] | None:
    """Reads the explanations with their images inside, so that the report stays one file."""
    stored = _read_json(folder, "explanations.json")
    return _inline(stored, Path(folder or "")) if stored else None


def _inline(value: Any, folder: Path) -> Any:
    if isinstance(value, dict):
        return {key: _inline(inner, folder) for key, inner in value.items()}
    if isinstance(value, list):
        return [_inline(inner, folder) for inner in value]
    if isinstance(value, str) and value.startswith("images/") and (folder / value).is_file():
        kind = mimetypes.guess_type(value)[0] or "image/png"
        return f"data:{kind};base64," + base64.b64encode((folder / value).read_bytes()).decode()
    return value


def _read_json(folder: str | None, name: str) -> Any:
    path = Path(folder or "", name)
    return json.loads(path.read_text(encoding="utf-8")) if folder is not None and path.is_file() else None
