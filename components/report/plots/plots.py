"""Chooses what a report plots, and says in each title what the plot shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kerasline.components.core import counted
from kerasline.components.evaluation import METRICS
from kerasline.components.models import direction
from kerasline.components.report.diagnosis import show_figure
from kerasline.components.report.drawing import (
    Bar,
    Series,
    bar_chart,
    describe_thinning,
    finite,
    histogram_chart,
    line_chart,
    scatter_chart,
    shade_table,
    shorten,
    show,
    show_all,
)
from kerasline.components.report.plots.plot import Plot, make_plot, make_table
from kerasline.components.report.plots.score_plots import plot_scores

_MOST_CURVES = 3
MOST_BESIDE = 12  # classes of a confusion matrix beside another plot; more take the whole width
_LONGEST_NAME = 40  # characters of a name in a title


def metric_label(name: str, figures: Mapping[str, Any]) -> str:
    """Names a metric with its unit, for an axis or a table."""
    metric = METRICS[name]
    unit = metric.unit
    if unit.startswith("label"):
        own = figures["data"]["label"].get("unit")
        unit = (own or "") + ("²" if own and unit.endswith("²") else "")
    return f"{metric.title} ({unit})" if unit and unit != "share" else metric.title


def plot_comparison(figures: Mapping[str, Any]) -> Plot | None:
    """Draws the main figure of the new model beside production and the trivial model."""
    name = figures["main_metric"]
    value = (figures["metrics"] or {}).get(name)
    if value is None:
        return None
    interval = _interval(name, figures)
    bars = [Bar("this model", value, (interval[0], interval[1]) if interval else None, is_main=True)]
    others = [
        (f"production, version {figures.get('baseline_version')}", figures["baseline"]),
        ("trivial model", figures["trivial"]),
        *((one["title"].removeprefix("a "), one["metrics"]) for one in figures.get("references") or []),
        ("this model, test split", figures["test_metrics"]),
    ]
    known = [(title, values[name]) for title, values in others if values and values.get(name) is not None]
    bars += [Bar(title, reached) for title, reached in known]
    title = _comparison_title(name, value, figures)
    return make_plot(title, bar_chart(title, bars, metric_label(name, figures), limit=_limit(name, figures)))


def _interval(name: str, figures: Mapping[str, Any]) -> Sequence[float] | None:
    """Returns the interval of a metric on the eval split, where there is one."""
    return ((figures.get("performance") or {}).get("intervals") or {}).get(name)


def _limit(name: str, figures: Mapping[str, Any]) -> tuple[float, str] | None:
    """Returns the gate's threshold of a metric with the word beside it, where there is one."""
    for row in figures["gate"]:
        if row["part"] == "threshold" and row["metric"] == name and row["limit"] is not None:
            return row["limit"], "limit"
    return None


def _comparison_title(name: str, value: float, figures: Mapping[str, Any]) -> str:
    text = f"{METRICS[name].title} {show_figure(value)}"
    reference, against = (figures["baseline"] or {}).get(name), "the model in production"
    if reference is None:
        reference, against = (figures["trivial"] or {}).get(name), "the trivial model"
    if reference is None:
        return text
    if abs(value - reference) < 5e-5 * max(abs(reference), 1):
        return f"{text}: the same as {against}"
    interval = _interval(name, figures)
    if interval and interval[0] <= reference <= interval[1]:
        return f"{text}: no clear difference from {against} ({show_figure(reference)})"
    is_better = (value > reference) == METRICS[name].higher_is_better
    return f"{text}: {'better' if is_better else 'worse'} than {against} ({show_figure(reference)})"


def plot_curves(figures: Mapping[str, Any]) -> list[Plot]:
    """Draws the loss and the training metrics over the epochs.

    Args:
      figures: ``history``, and ``first_epoch`` where it does not begin with the first.
    """
    history = figures["history"] or {}
    names = [n for n in ("loss", *history) if n in history and not n.startswith("val_") and n != "learning_rate"]
    plots = [_plot_curve(name, history, figures) for name in list(dict.fromkeys(names))[:_MOST_CURVES]]
    if "learning_rate" in history:
        plots.append(_plot_rates(history["learning_rate"], figures.get("first_epoch", 1)))
    return plots


def _plot_curve(name: str, history: Mapping[str, Sequence[float]], figures: Mapping[str, Any]) -> Plot:
    """Draws the loss or a metric, on the training rows and, where it was measured, on the validation rows."""
    values, others = history[name], history.get(f"val_{name}")
    first = figures.get("first_epoch", 1)
    epochs = list(range(first, first + len(values)))
    series = [Series("training", epochs, values)]
    series += [Series("validation", epochs[: len(others)], others)] if others else []
    title, epoch = _describe_curve(name, values, others, first)
    title += describe_thinning(series[0], "epochs")
    at = (epoch, "best") if epoch else None
    chart = line_chart(title, series, "epoch", _history_label(name, figures), marks=True, whole_x=True, at=at)
    return make_plot(title, chart)


def _plot_rates(rates: Sequence[float], first_epoch: int) -> Plot:
    if min(rates) == max(rates):
        title = f"The learning rate stayed at {show(rates[0])}"
    else:
        title = f"The learning rate went from {' to '.join(show_all([rates[0], rates[-1]]))}"
    series = [Series("learning rate", list(range(first_epoch, first_epoch + len(rates))), rates)]
    title += describe_thinning(series[0], "epochs")
    return make_plot(title, line_chart(title, series, "epoch", "learning rate", whole_x=True))


def _describe_curve(
    name: str, training: Sequence[float], validation: Sequence[float] | None, first_epoch: int
) -> tuple[str, int | None]:
    """Says when a curve was best, and in which epoch that was first; no epoch where it has no best one."""
    judged, part = (validation, "validation") if validation else (training, "training")
    words = METRICS[name].title if name in METRICS else name.replace("_", " ")
    known = finite(judged)
    if not known:
        return f"The {part} {words} was no number in any epoch", None
    best = (max if _way(name) == "max" else min)(known)
    epoch, figure = judged.index(best) + first_epoch, show_figure(best)
    if len(known) == len(judged) > 1 and min(known) == max(known):
        return f"The {part} {words} stayed at {figure} in all {len(judged)} epochs", None
    first = "first " if known.count(best) > 1 else ""
    lost = "" if len(known) == len(judged) else f"; it was no number in {counted(len(judged) - len(known), 'epoch')}"
    last = first_epoch + len(judged) - 1
    return f"The {part} {words} was {first}best in epoch {epoch} of {last}: {figure}{lost}", epoch


def _way(name: str) -> str:
    return "max" if name not in ("loss",) and name in METRICS and direction(name) == "max" else "min"


def _history_label(name: str, figures: Mapping[str, Any]) -> str:
    words = METRICS[name].title if name in METRICS else name.replace("_", " ")
    if name in ("mae", "mse", "rmse") and figures.get("label_scale") in ("z_score", "log"):
        of = " of the logarithm" if figures["label_scale"] == "log" else ""
        return f"{words} (standard deviations{of}{'²' if name == 'mse' else ''})"
    return words


def plot_evaluation(figures: Mapping[str, Any]) -> list[Plot]:
    """Draws what the predictions on the eval split show, by task."""
    performance = figures.get("performance")
    if not performance:
        return []
    plots = []
    confusion = performance.get("confusion")
    if confusion and confusion["counts"]:
        title = _confusion_title(confusion, performance["rows"])
        names = [row["name"] for row in performance["classes"]]
        table = shade_table(confusion["counts"], names, title, "true", "predicted")
        scrolled = f'<div class="scroll" tabindex="0">{table}</div>'
        plots.append(make_table(title, scrolled, is_wide=len(names) > MOST_BESIDE))
    plots += plot_scores(performance)
    if performance.get("calibration"):
        plots.append(_calibration_plot(performance["calibration"], figures["task"]))
    if performance.get("residuals"):
        plots += _residual_plots(performance["residuals"], figures)
    return plots


def _confusion_title(confusion: Mapping[str, Any], rows: int) -> str:
    if not confusion["pairs"]:
        return f"All {rows} rows of the eval split are right" if rows > 1 else "The one row of the eval split is right"
    wrong = f"Of {counted(rows, 'row')}, {counted(confusion['wrong'], 'is', 'are')} wrong"
    return f"{wrong}; {describe_mistakes(confusion['pairs'])}"


def describe_mistakes(pairs: Sequence[Mapping[str, Any]]) -> str:
    """Says which mistake is the most frequent; of several that are equally frequent none is singled out."""
    most = pairs[0]["rows"]
    first = [f"{_name(pair['true'])} is taken for {_name(pair['predicted'])}" for pair in pairs if pair["rows"] == most]
    if most == 1 and len(first) > 1:
        return "no mistake is made twice"
    if len(first) > 3:
        return f"no mistake stands out, none is made more than {most}×"
    return f"most often {' and '.join(first)} ({most}×{' each' if len(first) > 1 else ''})"


def _name(text: str) -> str:
    """Shortens the name of a class for a sentence."""
    return shorten(text, _LONGEST_NAME)


_FEWEST_IN_TENTH, _FEWEST_TENTHS = 10, 3  # rows in a tenth of the scores, and such tenths, for a word on probabilities


def _calibration_plot(calibration: Mapping[str, Any], task: str) -> Plot:
    error, chance = calibration["error"], calibration["chance"]
    told = [rows for rows in calibration["rows"] if rows >= _FEWEST_IN_TENTH]
    if len(told) < _FEWEST_TENTHS:
        title = (
            f"Too few rows to tell whether scores are probabilities: {len(told)} of ten tenths of the scores "
            f"{'has' if len(told) == 1 else 'have'} {_FEWEST_IN_TENTH} rows or more"
        )
    elif error < 0.05:
        title = f"Scores can be read as probabilities: they are off by {error:.1%} on average"
    elif error < 1.5 * chance:
        title = f"Scores are off by {error:.1%} on average, which chance explains with so few rows"
    else:
        title = f"Scores are no probabilities: they are off by {error:.1%} on average (chance: {chance:.1%})"
    what = "positive rows (share)" if task == "binary" else "right rows (share)"
    series = [Series("this model", calibration["score"], calibration["share"])]
    label = "score of the positive class" if task == "binary" else "score of the chosen class"
    chart = line_chart(
        title, series, label, what, marks=True, diagonal="score = share", x_range=(0.0, 1.0), y_range=(0.0, 1.0)
    )
    counts = ", ".join(str(rows) for rows in calibration["rows"])
    return make_plot(title, chart, f"Calibration; rows behind the points: {counts}")


def _residual_plots(residuals: Mapping[str, Any], figures: Mapping[str, Any]) -> list[Plot]:
    unit = figures["data"]["label"].get("unit")
    suffix = f" ({unit})" if unit else ""
    spoken = f" {unit}" if unit else ""
    title = f"Half of the predictions are within {show(residuals['median_absolute'])}{spoken} of the label"
    points = [Series("rows of the eval split", residuals["label"], residuals["prediction"])]
    title += _describe_sample(len(residuals["label"]), figures["performance"]["rows"])
    name = figures["data"]["label"]["name"]
    chart = scatter_chart(title, points, f"{name}{suffix}", f"prediction{suffix}", diagonal="prediction = label")
    plots = [make_plot(title, chart)]
    bias, typical = residuals["bias"], residuals["median_absolute"]
    way = "high" if bias > 0 else "low"
    title = (
        f"Nine of ten errors are at most {show(residuals['ninety_percent'])}{spoken}; "
        + (f"predictions are {show(abs(bias))}{spoken} too {way} on average" if abs(bias) > typical / 4 else "no bias")
    )  # fmt: skip
    histogram = residuals["histogram"]
    groups = [Series("eval", [], histogram["counts"])]
    plots.append(
        make_plot(
            title, histogram_chart(title, histogram["edges"], groups, f"prediction - {name}{suffix}"), "Residuals"
        )
    )
    tenths = residuals["tenths"]
    if len(tenths["label"]) >= 5:
        worst = max(abs(p - t) for p, t in zip(tenths["prediction"], tenths["label"], strict=True))
        title = f"By tenths of the predictions, the mean label is at most {show(worst)}{spoken} away"
        series = [Series("tenths of the rows", tenths["prediction"], tenths["label"])]
        chart = line_chart(
            title, series, f"mean prediction{suffix}", f"mean {name}{suffix}", marks=True, diagonal="equal"
        )
        plots.append(make_plot(title, chart, "Calibration"))
    return plots


def _describe_sample(drawn: int, rows: int) -> str:
    """Says, for the end of a title, that not all rows are drawn; empty where they are."""
    return f" (drawn: {drawn:,} of {rows:,} rows)" if drawn < rows else ""


def plot_steps(steps: Sequence[Mapping[str, Any]]) -> list[Plot]:
    """Draws how long each step took."""
    ran = [step for step in steps if not step["cached"]]
    total = sum(step["seconds"] for step in steps)
    if not ran:
        return []
    longest = max(ran, key=lambda step: step["seconds"])
    title = f"{longest['id']} took longest: {longest['seconds']:.1f} of {total:.1f} s"
    bars = [Bar(step["id"], round(step["seconds"], 2)) for step in ran]
    reused = len(steps) - len(ran)
    note = f"{counted(reused, 'step was', 'steps were')} reused from the cache" if reused else ""
    return [make_plot(title, bar_chart(title, bars, "seconds"), note)]
