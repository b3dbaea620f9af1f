"""The plots of yes-or-no scores: how well they divide the rows, and what a threshold between them costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kerasline.components.report.drawing import Series, histogram_chart, line_chart, shorten, show, show_all
from kerasline.components.report.plots.plot import Plot, make_plot

_WHOLE = (0.0, 1.0)
_LONGEST_NAME = 40  # characters of the name of a class in a title
_IN_USE = 0.5  # the threshold by which classes are told in the metrics


def plot_scores(performance: Mapping[str, Any]) -> list[Plot]:
    """Draws what the scores of a binary task show; nothing for other tasks.

    Args:
      performance: from :func:`~kerasline.components.report.figures.performance.describe_performance`; ``scores`` and
        ``thresholds`` may be missing, as in the figures of runs before these were measured.
    """
    plots = []
    if performance.get("roc"):
        plots.append(_plot_roc(performance["roc"]))
    if performance.get("precision_recall"):
        plots.append(_plot_precision_recall(performance["precision_recall"]))
    if performance.get("scores"):
        negative, positive = (row["name"] for row in performance["classes"])
        plots.append(_plot_distributions(performance["scores"], negative, positive))
    if performance.get("thresholds"):
        plots.append(_plot_thresholds(performance["thresholds"]))
    return plots


def _plot_roc(roc: Mapping[str, Any]) -> Plot:
    title = f"A random positive row scores above a random negative one in {roc['auc']:.1%} of pairs"
    series = [Series("this model", roc["false_positive_share"], roc["true_positive_share"])]
    chart = line_chart(
        title, series, "negative rows taken for positive (share)", "positive rows found (share)",
        diagonal="chance", x_range=_WHOLE, y_range=_WHOLE,
    )  # fmt: skip
    return make_plot(title, chart, "ROC curve")


def _plot_precision_recall(curve: Mapping[str, Any]) -> Plot:
    half = max((p for r, p in zip(curve["recall"], curve["precision"], strict=True) if r >= 0.5), default=0.0)
    title = f"To find half of the positive rows, {half:.0%} of those flagged are right"
    share = Series("all rows flagged", [0.0, 1.0], [curve["share"], curve["share"]])
    series = [Series("this model", curve["recall"], curve["precision"]), share]
    chart = line_chart(
        title, series, "recall (share of positive rows found)", "precision (share)", x_range=_WHOLE, y_range=_WHOLE
    )
    note = "Precision-recall curve"
    if curve.get("average_precision") is not None:
        reached, chance = show_all([curve["average_precision"], curve["share"]])
        note += f"; average precision {reached} (scores without meaning: {chance})"
    return make_plot(title, chart, note)


def _plot_distributions(scores: Mapping[str, Any], negative: str, positive: str) -> Plot:
    """Draws how the scores of the rows of each class are distributed."""
    low, high = show_all([scores["negative_median"], scores["positive_median"]])
    first, second = shorten(positive, _LONGEST_NAME), shorten(negative, _LONGEST_NAME)
    title = f"The median score is {high} for rows that are {first}, and {low} for rows that are {second}"
    groups = [Series(positive, [], scores["positive"]), Series(negative, [], scores["negative"])]
    chart = histogram_chart(title, scores["edges"], groups, f"score of {positive}")
    rows = f"{sum(scores['positive'])} rows that are {first}, {sum(scores['negative'])} that are {second}"
    return make_plot(title, chart, f"Distribution of the scores; {rows}")


def _plot_thresholds(found: Mapping[str, Any]) -> Plot:
    """Draws precision, recall and F1 over the threshold above which a row is taken for positive."""
    title = _title_of_thresholds(found)
    places = found["threshold"]
    # Above the highest score no row is flagged, and there is no precision.
    flagged = [(place, share) for place, share in zip(places, found["precision"], strict=True) if share is not None]
    series = [Series("F1", places, found["f1"]), Series("recall", places, found["recall"])]
    series += [Series("precision", *map(list, zip(*flagged, strict=True)))] if flagged else []
    at = (_IN_USE, "in use") if _is_as_good(found) else (found["best"], "best F1")
    chart = line_chart(
        title, series, "threshold: rows that score higher are flagged", "share", x_range=_WHOLE, y_range=_WHOLE, at=at
    )
    cheapest = ", ".join(f"{entry['ratio']:g}× {show(entry['threshold'])}" for entry in found["cheapest"])
    note = f"Cheapest threshold on these rows, by what a missed positive row costs beside a false alarm: {cheapest}"
    return make_plot(title, chart, note)


def _is_as_good(found: Mapping[str, Any]) -> bool:
    """Says whether the threshold in use may be the best one, as far as so few rows can tell."""
    low, high = found["best_interval"]
    return bool(low <= _IN_USE <= high or found["best_f1"] <= found["used_f1"])


def _title_of_thresholds(found: Mapping[str, Any]) -> str:
    used, best = show_all([found["used_f1"], found["best_f1"]])
    if found["best_f1"] <= found["used_f1"]:
        return f"No threshold has a higher F1 than {_IN_USE}, which is in use: {used}"
    if _is_as_good(found):
        return f"The threshold in use, {_IN_USE}, may be the best: F1 {used}, and no more than {best} with any other"
    reached = f"{best} instead of {used} with {_IN_USE}"
    return f"A threshold of {show(found['best'])} has the highest F1 on these rows, {reached}"
