"""What differs between two runs: their configs, their figures, and the rows that they answer differently."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import comb, erfc, sqrt
from pathlib import Path
from typing import Any

import numpy as np

from kerasline.components.core import ConfigError, rounded
from kerasline.components.evaluation import METRICS
from kerasline.components.explanations import data_uri, read_rows, show_row
from kerasline.components.report import load_predictions
from kerasline.pipeline.config import config_changes
from kerasline.pipeline.workspace import figures_here, section

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
    figures = figures_here(folder)
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
    a, b = (section(figures, "metrics") for figures in (left, right))
    test_a, test_b = (section(figures, "test_metrics") for figures in (left, right))
    intervals_a, intervals_b = (section(section(figures, "performance"), "intervals") for figures in (left, right))
    names = [name for name in METRICS if name in a or name in b]
    rows = []
    for name in sorted(names, key=lambda name: name != right["main_metric"]):
        change = _difference(a.get(name), b.get(name))
        rows.append(
            {
                "name": name,
                "a": a.get(name),
                "b": b.get(name),
                "change": change,
                "is_better": (change > 0) == METRICS[name].higher_is_better if change else None,
                "interval_a": intervals_a.get(name),
                "interval_b": intervals_b.get(name),
                "test_a": test_a.get(name),
                "test_b": test_b.get(name),
            }
        )
    return rows


def _difference(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else b - a


def _predictions(
    left: Mapping[str, Any], right: Mapping[str, Any], same_data: bool
) -> tuple[dict[str, Any] | None, str]:
    a, b = (load_predictions(section(figures, "artifacts").get("model_run"), "eval") for figures in (left, right))
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
        answers = _compare_labels(labels, first, second, classes or ())
    elif classes is None:
        answers = _compare_values(labels, first, second)
    else:
        answers = _compare_classes(labels, _classes_of(first, task), _classes_of(second, task), classes)
    better = answers.changed & (answers.wrong_b < answers.wrong_a)
    worse = answers.changed & (answers.wrong_b > answers.wrong_a)
    most_changed_first = np.argsort(-np.abs(first - second).max(axis=1), kind="stable")
    chosen = [int(row) for row in most_changed_first if answers.changed[row]]
    return {
        "rows": len(labels),
        "changed": int(answers.changed.sum()),
        "better": int(better.sum()),
        "worse": int(worse.sum()),
        "chance": sign_test(int(better.sum()), int(worse.sum())),
        "examples": [answers.example(row) for row in chosen[:MOST_EXAMPLES]],
    }


@dataclass(frozen=True)
class _Answers:
    """What two models answer on the same rows.

    Attributes:
      truth: Label of each row, in words.
      shown_a, shown_b: Answers of each model, in words.
      wrong_a, wrong_b: [rows], how far each model's answer is from the label.
      changed: bool [rows], whether the answers differ.
    """

    truth: list[str]
    shown_a: list[str]
    shown_b: list[str]
    wrong_a: np.ndarray
    wrong_b: np.ndarray
    changed: np.ndarray

    def example(self, row: int) -> dict[str, Any]:
        """Tells of one row what it is and what each model says; ``is_better`` is None where both are as wrong."""
        a, b = self.wrong_a[row], self.wrong_b[row]
        return {
            "row": row,
            "label": self.truth[row],
            "a": self.shown_a[row],
            "b": self.shown_b[row],
            "is_better": None if a == b else bool(b < a),
        }


def _compare_labels(labels: np.ndarray, first: np.ndarray, second: np.ndarray, classes: Sequence[str]) -> _Answers:
    """Compares answers of several labels to a row: wrong is the number of those that are not right."""
    chosen_a, chosen_b = first > 0.5, second > 0.5
    return _Answers(
        truth=_name_labels(labels > 0.5, classes),
        shown_a=_name_labels(chosen_a, classes),
        shown_b=_name_labels(chosen_b, classes),
        wrong_a=np.abs(chosen_a - labels).sum(axis=1),
        wrong_b=np.abs(chosen_b - labels).sum(axis=1),
        changed=(chosen_a != chosen_b).any(axis=1),
    )


def _compare_values(labels: np.ndarray, first: np.ndarray, second: np.ndarray) -> _Answers:
    """Compares numbers: wrong is the distance to the label."""
    truth, a, b = labels.reshape(-1), first.reshape(-1), second.reshape(-1)
    spread = max(float(truth.std()), 1e-12)
    return _Answers(
        truth=[rounded(value) for value in truth],
        shown_a=[rounded(value) for value in a],
        shown_b=[rounded(value) for value in b],
        wrong_a=np.abs(a - truth),
        wrong_b=np.abs(b - truth),
        changed=np.abs(first - second).reshape(-1) > 1e-3 * spread,
    )


def _compare_classes(
    labels: np.ndarray, picked_a: np.ndarray, picked_b: np.ndarray, classes: Sequence[str]
) -> _Answers:
    """Compares classes: wrong is 0 or 1."""
    truth = labels.reshape(-1)
    return _Answers(
        truth=[classes[int(index)] for index in truth],
        shown_a=[classes[index] for index in picked_a],
        shown_b=[classes[index] for index in picked_b],
        wrong_a=(picked_a != truth).astype(float),
        wrong_b=(picked_b != truth).astype(float),
        changed=picked_a != picked_b,
    )


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
    return min(1.0, float(2 * tail / 2**rows))


def without_figures(comparison: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a comparison without all the figures of either run, which their reports have."""
    told = {run: {key: value for key, value in comparison[run].items() if key != "figures"} for run in ("a", "b")}
    return {**comparison, **told}


def add_rows(comparison: dict[str, Any]) -> None:
    """Adds to each example of a comparison what the row holds: ``image`` (a data URI or None) and ``values``."""
    figures = comparison["b"]["figures"]
    examples = section(comparison, "predictions").get("examples", [])
    folder = section(figures, "artifacts").get("examples")
    rows = read_rows(folder, "eval", [entry["row"] for entry in examples]) if folder and examples else {}
    for entry in examples:
        shown = show_row(rows.get(entry["row"], {}), figures["data"]["columns"] if rows else [])
        entry |= {"image": data_uri(shown["image"]), "values": shown["values"]}
