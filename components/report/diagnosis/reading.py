"""The curves and figures of a run as skills, which the diagnosis compares.

0 is what the trivial model (majority class, mean) reaches, 1 is perfect. For accuracy the skill is
(accuracy - trivial) / (1 - trivial), for the ROC AUC 2 AUC - 1, for regression R².
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import sqrt
from typing import Any

from kerasline.components.core import rounded
from kerasline.components.evaluation import METRICS
from kerasline.components.models import direction


@dataclass(frozen=True)
class Reading:
    """What the rules look at.

    Attributes:
      loss, val_loss: for each epoch; empty where not known.
      kept: index of the epoch whose weights were kept.
      train_skill, val_skill, eval_skill: None where not known; the first two at the kept epoch.
      val_rows, eval_rows: rows behind the skills, 0 where not known.
      is_regression: whether skill is R².
      metric: what skill is computed from, in words.
      most_epochs: after which training ends whatever happens, 0 where not known.
    """

    loss: list[float] = field(default_factory=list)
    val_loss: list[float] = field(default_factory=list)
    kept: int = 0
    train_skill: float | None = None
    val_skill: float | None = None
    eval_skill: float | None = None
    val_rows: int = 0
    eval_rows: int = 0
    is_regression: bool = False
    metric: str = ""
    most_epochs: int = 0

    @property
    def other_skill(self) -> float | None:
        """Skill on rows that the model was not fitted on: validation rows and eval split, each by its rows."""
        known = [
            (skill, max(rows, 1))
            for skill, rows in ((self.val_skill, self.val_rows), (self.eval_skill, self.eval_rows))
            if skill is not None
        ]
        total = sum(rows for _, rows in known)
        return sum(skill * rows for skill, rows in known) / total if known else None

    @property
    def gap(self) -> float | None:
        """Skill lost from the training rows to others."""
        other = self.other_skill
        return None if self.train_skill is None or other is None else self.train_skill - other

    @property
    def epochs(self) -> str:
        """How many epochs there were, in words."""
        return f"{len(self.loss)} epoch{'s' if len(self.loss) != 1 else ''}"

    @property
    def doubt(self) -> float:
        """Two standard errors of the skill on other rows."""
        rows = sum(
            count
            for skill, count in ((self.val_skill, self.val_rows), (self.eval_skill, self.eval_rows))
            if skill is not None
        )
        if not rows or self.other_skill is None:
            return 0.0
        share = min(max(self.other_skill, 0.0), 1.0)
        if self.is_regression:
            return 2 * (1 - share) * sqrt(2 / rows)
        # With Laplace's rule, so that a handful of rows without a mistake prove little.
        share = (share * rows + 1) / (rows + 2)
        return 2 * sqrt(share * (1 - share) / rows)


def read(figures: Mapping[str, Any]) -> Reading:
    """Computes the skills of a run."""
    history: Mapping[str, list[float]] = figures.get("history") or {}
    if not history.get("loss"):
        return Reading()
    training = _training_settings(figures)
    kept = _kept_epoch(training, history)
    metric = next((name for name in ("auc", "accuracy", "rmse", "mae") if name in history), "")
    is_regression = figures["task"] in ("regression", "bounded_regression")
    train_skill, val_skill = _skills_of_fit(figures, history, metric, kept)
    return Reading(
        loss=list(history["loss"]),
        val_loss=list(history.get("val_loss") or []),
        kept=kept,
        train_skill=train_skill,
        val_skill=val_skill,
        eval_skill=_skill_on_eval(figures, metric, is_regression),
        val_rows=_validation_rows(figures),
        eval_rows=(figures.get("performance") or {}).get("rows", 0),
        is_regression=is_regression,
        metric=_in_words(metric, is_regression),
        most_epochs=_most_epochs(training),
    )


def _skills_of_fit(
    figures: Mapping[str, Any], history: Mapping[str, list[float]], metric: str, kept: int
) -> tuple[float | None, float | None]:
    """Computes the skills on the training and the validation rows; None for what was not measured.

    Args:
      figures: Figures of the run.
      history: Metric to its values by epoch.
      metric: What skill is computed from, empty where the history has none of it.
      kept: Epoch whose weights the model has.
    """
    if not metric:
        return None, None
    scale = _scale(figures)
    train = _on_training_rows(figures, history, metric, kept)
    validation = history.get(f"val_{metric}")
    at_kept = validation[kept] if validation else None
    return _skill(figures, train, metric, scale), _skill(figures, at_kept, metric, scale)


def _validation_rows(figures: Mapping[str, Any]) -> int:
    rows = (figures.get("training") or {}).get("rows") or {}
    return rows.get("validation") or 0


def _training_settings(figures: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns the ``training:`` block that the model was fitted with, which a search may have changed."""
    experiment = figures.get("experiment") or {}
    return (figures.get("training") or {}).get("settings", experiment).get("training") or {}


def _most_epochs(training: Mapping[str, Any]) -> int:
    """Returns after how many epochs a fit ends whatever happens; 0 where that is not known."""
    return int(training.get("epochs") or 0) + int((training.get("fine_tune") or {}).get("epochs") or 0)


def _in_words(metric: str, is_regression: bool) -> str:
    """Names what skill is computed from; empty where the history has none of it."""
    if is_regression:
        return "R²"
    return METRICS[metric].title if metric else ""


def _skill(figures: Mapping[str, Any], value: float | None, metric: str, units: float) -> float | None:
    """Turns a figure into a skill: 0 for the trivial model, 1 for a perfect one.

    Args:
      figures: Figures of the run.
      value: What the model reached; None where it is not known.
      metric: ``auc``, ``accuracy``, ``rmse`` or ``mae``.
      units: Deviation of the label in the units of ``value``, for errors.
    """
    if value is None:
        return None
    if metric == "auc":
        return 2 * value - 1
    if metric in ("rmse", "mae"):
        # The mean absolute deviation of a normal distribution is 0.8 of its standard deviation.
        reference = units if metric == "rmse" else units * 0.8
        return 1 - (value / reference) ** 2 if reference else None
    trivial = figures.get("trivial") or {}
    base = min(trivial.get("accuracy") or _even_share(figures), 0.999)
    return (value - base) / (1 - base)


def _skill_on_eval(figures: Mapping[str, Any], metric: str, is_regression: bool) -> float | None:
    """Computes the skill on the eval split; None where it was not measured."""
    metrics = figures.get("metrics") or {}
    if figures.get("label_scale") == "log":
        return None  # in the label's own units, and so not to be compared with the fit's
    if is_regression and metrics.get("r2") is not None:
        return float(metrics["r2"])
    if metrics.get(metric) is None:
        return None
    # The trivial model's own error, in the units of the data.
    own_units = (figures.get("trivial") or {}).get(metric) or 0.0
    return _skill(figures, metrics[metric], metric, own_units / (0.8 if metric == "mae" else 1))


def _on_training_rows(figures: Mapping[str, Any], history: Mapping[str, list[float]], metric: str, kept: int) -> float:
    """Returns the fitted model's own figure; that of an epoch has dropout on and averages over changing weights."""
    measured = (figures.get("training") or {}).get("train_metrics") or {}
    return float(measured.get(metric, history[metric][kept]))


def _kept_epoch(training: Mapping[str, Any], history: Mapping[str, list[float]]) -> int:
    has_budget = training.get("budget") and training.get("validation_fraction")
    stopping = training.get("early_stopping") or {}
    monitor = stopping.get("monitor", "val_loss" if has_budget else "")
    series = history.get(monitor)
    if not series:
        return len(history["loss"]) - 1
    way = direction(monitor, stopping.get("mode", "auto"))
    return series.index(min(series) if way == "min" else max(series))


def _scale(figures: Mapping[str, Any]) -> float:
    """Returns the deviation of the label in the units that the model was trained in."""
    if figures.get("label_scale") in ("z_score", "log"):
        return 1.0
    return float((figures.get("trivial") or {}).get("rmse") or 0.0)


def _even_share(figures: Mapping[str, Any]) -> float:
    classes = figures["data"]["label"].get("classes") or ()
    return 1 / len(classes) if classes else 0.0


def still_improving(reading: Reading) -> bool:
    """Says whether training was cut off: the last epoch improved the loss by another 5 % and was the best."""
    series = reading.val_loss or reading.loss
    if len(series) < 2:
        return bool(series)
    before = series[-3] if len(series) > 2 else series[-2]
    epochs = 2 if len(series) > 2 else 1
    return min(series) == series[-1] and before > 0 and 1 - series[-1] / before > 0.05 * epochs


def is_unfinished(reading: Reading) -> bool:
    """Says whether training ended at its last epoch while the loss was still getting better."""
    series = reading.val_loss or reading.loss
    if not reading.most_epochs or len(series) < reading.most_epochs:
        return False
    if len(series) < 8:
        return len(series) > 1 and still_improving(reading) and series[-1] < 0.95 * series[-2]
    last = max(2, len(series) // 4)
    before, best = min(series[:-last]), min(series[-last:])
    is_recent = series.index(best) >= len(series) - max(2, len(series) // 10)
    gain = before - best
    return is_recent and gain > 0.02 * (series[0] - best) and gain > 0.005 * abs(before)


def doubt_of_test(figures: Mapping[str, Any]) -> str:
    """Says by how much the test split is worse than the eval split's interval; empty where it is not."""
    metric, performance = figures.get("main_metric", ""), figures.get("performance") or {}
    interval = (performance.get("intervals") or {}).get(metric)
    test = (figures.get("test_metrics") or {}).get(metric)
    if not interval or test is None:
        return ""
    is_worse = test < interval[0] if METRICS[metric].higher_is_better else test > interval[1]
    if not is_worse:
        return ""
    return (
        f"On the test split the {METRICS[metric].title} is {rounded(test)}, worse than chance explains: the eval split "
        f"says {rounded(interval[0])} to {rounded(interval[1])}."
    )
