"""What differs between two runs: their configs, their figures, and the rows that they answer differently."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from math import comb, erfc, sqrt
from pathlib import Path
from typing import Any

import numpy as np

from kerasline.components.core import ConfigError
from kerasline.components.evaluation import METRICS
from kerasline.components.explanations import data_uri, read_rows, show_row
from kerasline.components.report import load_predictions
from kerasline.pipeline.config import config_changes

MOST_EXAMPLES = 24


def compare_runs(first: Path, second: Path) -> dict[str, Any]:
    """Puts two runs side by side.

    Args:
      first, second: folders of reports.

    Returns:
      ``a`` and ``b`` (``run_id``, ``recipe``, ``blessed``, ``figures``), ``changes`` of the config, ``same_data``,
      ``metrics`` (a row for each that both have, on the eval split), ``predictions`` (see
      :func:`compare_predictions`) or None, and ``why_not``: why the predictions cannot be compared.

    Raises:
      ConfigError: the runs have different tasks or classes.
    """
    a, b = (_read(folder) for folder in (first, second))
    left, right = a["figures"], b["figures"]
    if (left["task"], left["data"]["label"]["classes"]) != (right["task"], right["data"]["label"]["classes"]):
        raise ConfigError(
            f"expected two runs with the same task and classes, but {a['run_id']} is {_describe(left)} and "
            f"{b['run_id']} is {_describe(right)}; compare runs of one recipe"
        )
    same_data = left["data"]["fingerprint"] == right["data"]["fingerprint"]
    predictions, why_not = _predictions(left, right, same_data)
    return {
        "a": a,
        "b": b,
        "changes": config_changes(left["experiment"], right["experiment"]),
        "same_data": same_data,
        "metrics": _metric_rows(left, right),
        "predictions": predictions,
        "why_not": why_not,
    }


def _read(folder: Path) -> dict[str, Any]:
    figures = json.loads((folder / "figures.json").read_text(encoding="utf-8"))
    return {
        "run_id": folder.name,
        "recipe": figures["recipe"],
        "blessed": bool(figures.get("blessed")),
        "figures": figures,
    }


def _describe(figures: Mapping[str, Any]) -> str:
    classes = figures["data"]["label"]["classes"]
    return f"{figures['task']} with {len(classes)} classes" if classes else figures["task"]


def _metric_rows(left: Mapping[str, Any], right: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Lists the metrics on the eval split that either run has; ``is_better`` says whether b is, None where equal."""
    rows = []
    names = [name for name in METRICS if name in (left["metrics"] or {}) or name in (right["metrics"] or {})]
    for name in sorted(names, key=lambda name: name != right["main_metric"]):
        a, b = ((figures["metrics"] or {}).get(name) for figures in (left, right))
        change = None if a is None or b is None else b - a
        rows.append(
            {
                "name": name,
                "a": a,
                "b": b,
                "change": change,
                "is_better": None if not change else (change > 0) == METRICS[name].higher_is_better,
                "interval_a": _interval(left, name),
                "interval_b": _interval(right, name),
                "test_a": (left["test_metrics"] or {}).get(name),
                "test_b": (right["test_metrics"] or {}).get(name),
            }
        )
    return rows


def _interval(figures: Mapping[str, Any], name: str) -> list[float] | None:
    return ((figures.get("performance") or {}).get("intervals") or {}).get(name)


def _predictions(
    left: Mapping[str, Any], right: Mapping[str, Any], same_data: bool
) -> tuple[dict[str, Any] | None, str]:
    a, b = (load_predictions((figures.get("artifacts") or {}).get("model_run"), "eval") for figures in (left, right))
    if a is None or b is None:
        return None, "the predictions of at least one of the runs are not there any more"
    (labels, first), (other_labels, second) = a, b
    if not same_data or not np.array_equal(labels, other_labels) or first.shape != second.shape:
        return None, "the runs were not evaluated on the same rows"
    task, classes = right["task"], right["data"]["label"]["classes"]
    return compare_predictions(labels, first, second, task, classes), ""


def compare_predictions(
    labels: np.ndarray, first: np.ndarray, second: np.ndarray, task: str, classes: Sequence[str] | None
) -> dict[str, Any]:
    """Counts what two models answer differently on the same rows.

    Args:
      labels: [rows] or [rows, labels].
      first, second: float32 [rows, units].
      task: of both.
      classes: names in the order of the outputs, None for regression.

    Returns:
      ``rows``; ``changed``: rows that got another class (regression: another value, by more than a thousandth of the
      labels' spread); ``better`` and ``worse``: those of them that the second model has right, or nearer, where the
      first has not, and the other way round; ``chance``: how probable so uneven a split is where the models are
      equally good (two-sided sign test), None where there are none; ``examples``: the most changed rows, each with
      ``row``, ``label``, ``a``, ``b`` and ``is_better``.
    """
    if task == "multilabel":
        wrong = [np.abs((scores > 0.5) - labels).sum(axis=1) for scores in (first, second)]
        shown = [_name_labels(scores > 0.5, classes or ()) for scores in (first, second)]
        truth: list[Any] = _name_labels(labels > 0.5, classes or ())
        changed = ((first > 0.5) != (second > 0.5)).any(axis=1)
    elif classes is None:
        truth_values = labels.reshape(-1)
        wrong = [np.abs(scores.reshape(-1) - truth_values) for scores in (first, second)]
        shown = [[f"{value:.4g}" for value in scores.reshape(-1)] for scores in (first, second)]
        truth = [f"{value:.4g}" for value in truth_values]
        changed = np.abs(first - second).reshape(-1) > 1e-3 * max(float(truth_values.std()), 1e-12)
    else:
        picked = [_classes_of(scores, task) for scores in (first, second)]
        wrong = [(guess != labels.reshape(-1)).astype(float) for guess in picked]
        shown = [[classes[i] for i in guess] for guess in picked]
        truth = [classes[int(i)] for i in labels.reshape(-1)]
        changed = picked[0] != picked[1]
    better = int((changed & (wrong[1] < wrong[0])).sum())
    worse = int((changed & (wrong[1] > wrong[0])).sum())
    order = np.argsort(-np.abs(first - second).max(axis=1), kind="stable")
    chosen = [int(row) for row in order if changed[row]][:MOST_EXAMPLES]
    return {
        "rows": len(labels),
        "changed": int(changed.sum()),
        "better": better,
        "worse": worse,
        "chance": sign_test(better, worse),
        "examples": [
            {
                "row": row,
                "label": truth[row],
                "a": shown[0][row],
                "b": shown[1][row],
                "is_better": None if wrong[0][row] == wrong[1][row] else bool(wrong[1][row] < wrong[0][row]),
            }
            for row in chosen
        ],
    }


def _classes_of(scores: np.ndarray, task: str) -> np.ndarray:
    return (scores[:, 0] > 0.5).astype(int) if task == "binary" else scores.argmax(axis=1)


def _name_labels(chosen: np.ndarray, classes: Sequence[str]) -> list[str]:
    return [", ".join(name for name, there in zip(classes, row, strict=True) if there) or "none" for row in chosen]


def sign_test(better: int, worse: int) -> float | None:
    """Returns how probable a split at least as uneven is where both sides are equally likely; None for no rows."""
    rows = better + worse
    if not rows:
        return None
    if rows > 1000:
        return erfc(max(abs(better - worse) - 1, 0) / sqrt(2 * rows))
    tail = sum(comb(rows, k) for k in range(min(better, worse) + 1))
    return min(1.0, 2 * tail / 2**rows)


def without_figures(comparison: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a comparison without all the figures of either run, which their reports have."""
    told = {run: {key: value for key, value in comparison[run].items() if key != "figures"} for run in ("a", "b")}
    return {**comparison, **told}


def add_rows(comparison: dict[str, Any]) -> None:
    """Adds to each example of a comparison what the row holds: ``image`` (a data URI or None) and ``values``."""
    figures = comparison["b"]["figures"]
    examples = (comparison["predictions"] or {}).get("examples") or []
    folder = (figures.get("artifacts") or {}).get("examples")
    rows = read_rows(folder, "eval", [entry["row"] for entry in examples]) if folder and examples else {}
    for entry in examples:
        shown = show_row(rows.get(entry["row"], {}), figures["data"]["columns"] if rows else [])
        entry |= {"image": data_uri(shown["image"]), "values": shown["values"]}
