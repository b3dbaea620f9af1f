"""The plots of a report as SVG text: every title states what the plot shows, every axis its unit."""

from __future__ import annotations

import io
from collections.abc import Sequence

import matplotlib
import numpy as np

matplotlib.use("svg")
from matplotlib import pyplot as plt  # noqa: E402 (the backend must be chosen before pyplot is imported)
from matplotlib.figure import Figure  # noqa: E402

# Okabe and Ito's palette, which the colour-blind can tell apart: https://jfly.uni-koeln.de/color/
BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"


def curve_plot(history: dict[str, list[float]], metric: str, title: str) -> str:
    """Draws a metric over the epochs, for the training and the validation part."""
    figure, axes = plt.subplots(figsize=(5.2, 3.2))
    epochs = range(1, len(history[metric]) + 1)
    axes.plot(epochs, history[metric], color=BLUE, marker="o", markersize=3, label="training")
    if f"val_{metric}" in history:
        axes.plot(epochs, history[f"val_{metric}"], color=ORANGE, marker="s", markersize=3, label="validation")
    axes.set(title=title, xlabel="epoch", ylabel=metric.replace("_", " "))
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.3)
    axes.legend()
    return _svg(figure)


def confusion_counts(labels: np.ndarray, predictions: np.ndarray, classes: int) -> np.ndarray:
    """Counts rows by true (first axis) and predicted class: int64 [classes, classes]."""
    guessed = predictions.argmax(axis=1) if predictions.shape[1] > 1 else (predictions[:, 0] > 0.5)
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (labels.astype(np.int64).reshape(-1), guessed.astype(np.int64)), 1)
    return counts


def confusion_plot(counts: np.ndarray, classes: Sequence[str], title: str) -> str:
    """Draws a confusion matrix whose shades are shares of the true class and whose numbers are rows."""
    size = 2.4 + 0.34 * len(classes)
    figure, axes = plt.subplots(figsize=(size, size))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row in range(len(classes)):
        for column in range(len(classes)):
            if counts[row, column]:
                shade = "white" if shares[row, column] > 0.5 else "black"
                axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=shade, fontsize=8)
    ticks = range(len(classes))
    axes.set_xticks(ticks, [_shorten(name) for name in classes], rotation=45, ha="right", fontsize=8)
    axes.set_yticks(ticks, [_shorten(name) for name in classes], fontsize=8)
    axes.set(title=title, xlabel="predicted class", ylabel="true class")
    return _svg(figure)


def residual_plot(labels: np.ndarray, predictions: np.ndarray, unit: str, title: str) -> str:
    """Draws predictions against labels with the line on which they are equal."""
    figure, axes = plt.subplots(figsize=(5.2, 4.2))
    truth, guess = labels.reshape(-1), predictions.reshape(-1)
    axes.scatter(truth, guess, s=10, alpha=0.5, color=BLUE)
    ends = [min(truth.min(), guess.min()), max(truth.max(), guess.max())]
    axes.plot(ends, ends, color=ORANGE, linewidth=1, label="prediction = label")
    suffix = f" ({unit})" if unit else ""
    axes.set(title=title, xlabel=f"label{suffix}", ylabel=f"prediction{suffix}")
    axes.grid(alpha=0.3)
    axes.legend()
    return _svg(figure)


def _shorten(name: str, length: int = 14) -> str:
    return name if len(name) <= length else name[: length - 1] + "…"


def _svg(figure: Figure) -> str:
    figure.tight_layout()
    buffer = io.StringIO()
    # Without a date and with fixed ids, equal figures give equal files.
    with matplotlib.rc_context({"svg.hashsalt": "kerasline", "svg.fonttype": "none"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None}, facecolor="white")
    plt.close(figure)
    text = buffer.getvalue()
    return text[text.index("<svg") :]
