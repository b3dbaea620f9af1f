"""Chooses what a report plots, and says in each title what the plot shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from kerasline.components.metrics import METRICS
from kerasline.components.models.heads import direction
from kerasline.components.report.attention import show_figure
from kerasline.components.report.charts import (
    Bar,
    Series,
    bar_chart,
    histogram_chart,
    line_chart,
    scatter_chart,
    shade_table,
)
from kerasline.components.report.labels import show
from kerasline.components.wording import counted

MOST_COLUMNS = 40  # of the data that get a plot; a table lists them all
_MOST_CURVES = 3
_COUNTED_VALUES = 16_384  # the statistics estimate the number of different values beyond


@dataclass(frozen=True)
class Plot:
    """A plot: its title states the finding; ``body`` is HTML, ``note`` a line below it."""

    title: str
    body: Markup
    note: str = ""
    is_wide: bool = False


def make_plot(title: str, body: str, note: str = "", is_wide: bool = False) -> Plot:
    """Joins a title and HTML that the drawing functions have escaped, piece by piece."""
    return Plot(title, Markup(body), note, is_wide)


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
    interval = ((figures.get("performance") or {}).get("intervals") or {}).get(name)
    bars = [Bar("this model", value, tuple(interval) if interval else None, is_main=True)]
    others = (
        (f"production, version {figures.get('baseline_version')}", figures["baseline"]),
        ("trivial model", figures["trivial"]),
        ("this model, test split", figures["test_metrics"]),
    )
    for title, values in others:
        if values and values.get(name) is not None:
            bars.append(Bar(title, values[name]))
    limits = [
        row
        for row in figures["gate"]
        if row["part"] == "threshold" and row["metric"] == name and row["limit"] is not None
    ]
    limit = (limits[0]["limit"], "limit") if limits else None
    title = _comparison_title(name, value, figures)
    return make_plot(title, bar_chart(title, bars, metric_label(name, figures), limit=limit))


def _comparison_title(name: str, value: float, figures: Mapping[str, Any]) -> str:
    metric = METRICS[name]
    reference = (figures["baseline"] or {}).get(name)
    against = "the model in production" if reference is not None else "the trivial model"
    if reference is None:
        reference = (figures["trivial"] or {}).get(name)
    text = f"{metric.title} {show_figure(value)}"
    if reference is None:
        return text
    if abs(value - reference) < 5e-5 * max(abs(reference), 1):
        return f"{text}: the same as {against}"
    interval = ((figures.get("performance") or {}).get("intervals") or {}).get(name)
    if interval and interval[0] <= reference <= interval[1]:
        return f"{text}: no clear difference from {against} ({show_figure(reference)})"
    is_better = (value > reference) == metric.higher_is_better
    return f"{text}: {'better' if is_better else 'worse'} than {against} ({show_figure(reference)})"


def plot_curves(figures: Mapping[str, Any]) -> list[Plot]:
    """Draws the loss and the training metrics over the epochs."""
    history = figures["history"] or {}
    names = [n for n in ("loss", *history) if n in history and not n.startswith("val_") and n != "learning_rate"]
    plots = []
    for name in list(dict.fromkeys(names))[:_MOST_CURVES]:
        values, others = history[name], history.get(f"val_{name}")
        epochs = list(range(1, len(values) + 1))
        series = [Series("training", epochs, values)]
        series += [Series("validation", epochs[: len(others)], others)] if others else []
        judged = others or values
        best = (max if _way(name) == "max" else min)(judged)
        epoch = judged.index(best) + 1
        part = "validation" if others else "training"
        words = METRICS[name].title if name in METRICS else name.replace("_", " ")
        title = f"The {part} {words} was best in epoch {epoch} of {len(values)}: {show_figure(best)}"
        chart = line_chart(
            title, series, "epoch", _history_label(name, figures), marks=True, whole_x=True, at=(epoch, "best")
        )
        plots.append(make_plot(title, chart))
    if "learning_rate" in history:
        rates = history["learning_rate"]
        title = f"The learning rate went from {show(rates[0])} to {show(rates[-1])}"
        epochs = list(range(1, len(rates) + 1))
        series = [Series("learning rate", epochs, rates)]
        plots.append(make_plot(title, line_chart(title, series, "epoch", "learning rate", whole_x=True)))
    return plots


def _way(name: str) -> str:
    return "max" if name not in ("loss",) and name in METRICS and direction(name) == "max" else "min"


def _history_label(name: str, figures: Mapping[str, Any]) -> str:
    words = METRICS[name].title if name in METRICS else name.replace("_", " ")
    if name in ("mae", "mse", "rmse") and figures.get("label_scale") == "z_score":
        return f"{words} (standard deviations{'²' if name == 'mse' else ''})"
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
        plots.append(make_plot(title, f'<div class="scroll" tabindex="0">{table}</div>', is_wide=len(names) > 12))
    plots += _curve_plots(performance)
    if performance.get("calibration"):
        plots.append(_calibration_plot(performance["calibration"], figures["task"]))
    if performance.get("residuals"):
        plots += _residual_plots(performance["residuals"], figures)
    return plots


def _confusion_title(confusion: Mapping[str, Any], rows: int) -> str:
    if not confusion["pairs"]:
        return f"All {rows} rows of the eval split are right"
    pair = confusion["pairs"][0]
    return (
        f"Of {rows} rows, {counted(confusion['wrong'], 'is', 'are')} wrong; most often {pair['true']} is taken for "
        f"{pair['predicted']} ({pair['rows']}×)"
    )


def _curve_plots(performance: Mapping[str, Any]) -> list[Plot]:
    plots, both = [], (0.0, 1.0)
    roc, curve = performance.get("roc"), performance.get("precision_recall")
    if roc:
        title = f"A random positive row scores above a random negative one in {roc['auc']:.1%} of pairs"
        series = [Series("this model", roc["false_positive_share"], roc["true_positive_share"])]
        chart = line_chart(
            title, series, "negative rows taken for positive (share)", "positive rows found (share)",
            diagonal="chance", x_range=both, y_range=both,
        )  # fmt: skip
        plots.append(make_plot(title, chart, "ROC curve"))
    if curve:
        half = max((p for r, p in zip(curve["recall"], curve["precision"], strict=True) if r >= 0.5), default=0.0)
        title = f"To find half of the positive rows, {half:.0%} of those flagged are right"
        share = Series("all rows flagged", [0.0, 1.0], [curve["share"], curve["share"]])
        series = [Series("this model", curve["recall"], curve["precision"]), share]
        chart = line_chart(
            title, series, "recall (share of positive rows found)", "precision (share)", x_range=both, y_range=both
        )
        plots.append(make_plot(title, chart, "Precision-recall curve"))
    return plots


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
    name = figures["data"]["label"]["name"]
    chart = scatter_chart(title, points, f"{name}{suffix}", f"prediction{suffix}", diagonal="prediction = label")
    plots = [make_plot(title, chart)]
    bias, typical = residuals["bias"], residuals["median_absolute"]
    way = "high" if bias > 0 else "low"
    title = (
        f"Nine of ten errors are below {show(residuals['ninety_percent'])}{spoken}; "
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


def plot_columns(figures: Mapping[str, Any]) -> list[Plot]:
    """Draws the distribution of every column that has one, the label first."""
    statistics = figures.get("statistics") or {}
    label = figures["data"]["label"]
    units = {column["name"]: column["unit"] for column in figures["data"]["columns"]} | {label["name"]: label["unit"]}
    counts = figures.get("label_counts") or {}
    plots = [_class_plot(label["name"], counts)] if counts.get("train") else []
    names = [label["name"], *(name for name in statistics if name != label["name"])]
    for name in names:
        splits = statistics.get(name)
        if not splits or (name == label["name"] and plots) or len(plots) >= MOST_COLUMNS:
            continue
        plot = _column_plot(name, splits, units.get(name))
        plots += [plot] if plot else []
    return plots


def _class_plot(name: str, counts: Mapping[str, Mapping[str, int]]) -> Plot:
    train = counts["train"]
    total = max(sum(train.values()), 1)
    largest = max(train, key=lambda key: train[key])
    ordered = sorted(train, key=lambda key: -train[key])
    shown = ordered if len(ordered) <= 20 else ordered[:10] + ordered[-10:]
    title = f"{name}: {largest} is the most frequent class, {train[largest] / total:.0%} of the training rows"
    bars = [Bar(key, train[key]) for key in shown]
    note = f"The ten most and the ten least frequent of {len(ordered)} classes" if len(ordered) > 20 else ""
    return make_plot(title, bar_chart(title, bars, "training rows"), note)


def _column_plot(name: str, splits: Mapping[str, Mapping[str, Any]], unit: str | None) -> Plot | None:
    first = next(iter(splits.values()))
    missing = first["missing"] / max(first["missing"] + first["rows"], 1)
    lacking = f", {missing:.0%} missing" if missing else ""
    axis = f"{name} ({unit})" if unit else name
    histograms = {split: described["histogram"] for split, described in splits.items() if described.get("histogram")}
    if histograms:
        edges = next(iter(histograms.values()))["edges"]
        groups = [Series(split, [], histogram["counts"]) for split, histogram in list(histograms.items())[:3]]
        if edges[-1] <= edges[0]:
            return None
        spoken = f" {unit}" if unit else ""
        title = f"{name}: half of the values are below {show(first.get('median') or 0.0)}{spoken}{lacking}"
        return make_plot(title, histogram_chart(title, edges, groups, axis))
    values = first.get("values")
    if not values or first.get("distinct", 0) > 0.5 * max(first["rows"], 1):
        return None
    total = max(first["rows"], 1)
    title = f"{name}: {values[0]['value']!r} is the most frequent value ({values[0]['rows'] / total:.0%}){lacking}"
    bars = [Bar(entry["value"], entry["rows"]) for entry in values]
    rest = first["distinct"] - len(values)
    about = "about " if rest > _COUNTED_VALUES else ""
    note = f"and {about}{rest} other values" if rest > 0 else ""
    return make_plot(title, bar_chart(title, bars, "training rows"), note)


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
