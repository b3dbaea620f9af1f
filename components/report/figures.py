"""Reads what the steps of a run left behind into one dict of figures; what a run did not reach is None."""

from __future__ import annotations

import base64
import json
import mimetypes
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from components.datasets.spec import Dataset
from components.features import FeaturePlan
from components.intervals import wilson
from components.metrics import METRICS, measure
from components.options import EvaluationOptions
from components.report.attention import look_at
from components.report.columns import read_statistics
from components.report.diagnosis import diagnose
from components.report.environment import describe_environment
from components.report.gate import read_verdict
from components.report.performance import describe_performance
from components.report.search import read_trials

_SHARES_OF_ROWS = ("accuracy", "top_3_accuracy")  # metrics of a slice whose interval follows from its rows


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
      ``test_metrics``, ``gate`` (a row for each limit), ``performance`` (from the predictions on the eval split),
      ``slices``, ``parity``, ``explanations``, ``diagnosis``, ``attention``, ``experiment``, ``changes``,
      ``environment``, ``artifacts`` and ``failure``.
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
    statistics = read_statistics(folders.statistics, _dtypes(data))
    config = json.loads(experiment)
    figures: dict[str, Any] = {
        "recipe": config["name"],
        "description": config.get("description", ""),
        "task": settled.task,
        "main_metric": options.metrics[0],
        "label_scale": settled.label_scale,
        "data": {
            "name": data.name,
            "title": data.title,
            "kind": data.kind,
            "source": data.source,
            "licence": data.licence,
            "rows": data.rows,
            "splits": statistics["rows"],
            "split_method": data.split.method,
            "columns": [column.model_dump(mode="json") for column in data.columns],
            "label": data.label.model_dump(mode="json"),
            "fingerprint": data.fingerprint,
            "skipped": list(data.skipped),
            "notes": list(data.notes),
        },
        "statistics": statistics["columns"],
        "inputs": [{"name": spec.name, "kind": spec.kind, "shape": list(spec.shape)} for spec in settled.inputs()],
        "gate_verdict": read_verdict(folders.verdict),
        "tuning": read_trials(folders.tuner_results, config.get("tuning")),
        "training": _read_json(folders.model_run, "summary.json"),
        "history": _read_json(folders.model_run, "history.json"),
        "metrics": metrics,
        "baseline": baseline,
        "trivial": trivial,
        "test_metrics": _split_metrics(folders, "test", settled, options),
        "gate": _gate_rows(options, metrics, baseline, trivial),
        "performance": _performance(folders, settled, options),
        "label_counts": _label_counts(folders, settled, statistics["rows"]),
        "slices": _slices(evaluated["slices"], metrics or {}) if evaluated else [],
        "parity": _read_json(folders.parity, "parity.json"),
        "explanations": _explanations(folders.explanations),
        "experiment": config,
        "changes": json.loads(changes),
        "environment": describe_environment(),
        "artifacts": {name: uri for name, uri in vars(folders).items() if uri},
        "failure": failure,
    }
    figures["diagnosis"] = diagnose(figures)
    figures["attention"] = look_at(figures)
    return figures


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


def _slices(slices: list[dict[str, Any]], overall: Mapping[str, float | None]) -> list[dict[str, Any]]:
    """Adds to each slice its rows, and an interval to each metric that is a share of them."""
    for entry in slices:
        figures = entry["metrics"]
        rows = entry["rows"] = int(figures.pop("example_count", None) or 0)
        shares = {name: figures[name] for name in _SHARES_OF_ROWS if figures.get(name) is not None}
        entry["intervals"] = {name: wilson(share * rows, rows) for name, share in shares.items() if rows}
        entry["metrics"] = {name: figures.get(name) for name in overall}
    return slices


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
        every = [1 - shares[0], shares[0]] if plan.task == "binary" else shares
        counts["train"] = {name: round(share * rows["train"]) for name, share in zip(plan.classes, every, strict=False)}
    for split in ("eval", "test"):
        loaded = load_predictions(folders.model_run, split)
        if loaded and len(loaded[0]):
            numbers = np.bincount(loaded[0].astype(np.int64).reshape(-1), minlength=len(plan.classes))
            counts[split] = {name: int(number) for name, number in zip(plan.classes, numbers, strict=False)}
    return counts


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
