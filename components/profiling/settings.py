"""Model, training, split and thresholds that suit the size of the data and the task."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from kerasline.components.profiling.labels import LabelGuess
from kerasline.components.wording import counted

_SMALL = 1_000  # rows below which eval and test need a larger share


@dataclass(frozen=True)
class Settings:
    """Blocks of the recipe, and a line of reasons for each."""

    split: dict[str, Any]
    model: dict[str, Any]
    training: dict[str, Any]
    evaluation: dict[str, Any]
    reasons: dict[str, str]


def choose_settings(rows: int, label: LabelGuess, model: dict[str, Any] | None = None, why: str = "") -> Settings:
    """Chooses what a first run should try.

    Args:
      rows: of the table or folder.
      label: what it predicts.
      model: of a family that the data calls for; default: an MLP by the number of rows.
      why: the reason for that model.
    """
    split: dict[str, Any] = {}
    reasons = {"split": ""}
    if label.stratified and label.task != "multilabel":
        split["method"] = "stratified"
        reasons["split"] = "small classes: each split gets its share of every class"
    if rows < _SMALL:
        split |= {"eval": 0.15, "test": 0.15}
        found = [reasons["split"], "few rows: larger shares make figures steadier"]
        reasons["split"] = "; ".join(filter(None, found))
    held_out = max(1.0, rows * split.get("eval", 0.1))
    if model is None:
        units = [32, 16] if rows < _SMALL else [64, 32] if rows < 20_000 else [128, 64]
        model = {"family": "mlp", "units": units, "dropout": 0.1 if rows < 20_000 else 0.2}
        why = f"a table of {counted(rows, 'row')}"
    reasons["model"] = why
    training, reasons["training"] = _training(rows, label)
    evaluation, reasons["evaluation"] = _evaluation(held_out, label)
    return Settings(split, model, training, evaluation, reasons)


def _training(rows: int, label: LabelGuess) -> tuple[dict[str, Any], str]:
    steps = ((500, 16, 120, 15), (5_000, 32, 60, 8), (50_000, 64, 30, 4), (500_000, 256, 20, 3))
    batch_size, epochs, patience = next((values for limit, *values in steps if rows < limit), (1024, 10, 2))
    training: dict[str, Any] = {
        "batch_size": batch_size,
        "epochs": epochs,
        "early_stopping": {"monitor": "val_loss", "patience": patience},
    }
    if rows < _SMALL:
        training["validation_fraction"] = 0.15
    if label.balanced:
        training["class_weights"] = "balanced"
    return training, "stops early where more epochs no longer help"


def _evaluation(held_out: float, label: LabelGuess) -> tuple[dict[str, Any], str]:
    """Chooses a floor that a model without skill misses, and room for chance in later comparisons."""
    if label.task in ("regression", "bounded_regression"):
        room = _round_up(label.deviation * max(0.02, 0.5 / math.sqrt(held_out)))
        thresholds: dict[str, Any] = {"mae": {"max_drop": room}, "r2": {"min": 0.0}}
        return (
            {"metrics": ["mae", "rmse", "r2"], "thresholds": thresholds},
            "r2 0 is what answering with the mean reaches; max_drop is room for chance against the one in production",
        )
    error = math.sqrt(0.25 / held_out)  # of a share that is measured on so many rows, at most
    room = _round_up(max(0.005, min(0.1, error)))
    if label.task == "binary" and label.balanced:
        rare = max(1.0, held_out * (1 - label.majority))
        floor = max(0.5, round(0.6 - 0.5 / math.sqrt(rare), 2))
        return (
            {
                "metrics": ["auc", "auc_pr", "f1", "precision", "recall", "accuracy"],
                "thresholds": {"auc": {"min": floor, "max_drop": room}},
            },
            f"one class has {label.majority:.0%} of the rows, so accuracy says little; auc 0.5 is a guess",
        )
    if label.task == "multilabel":
        return {"thresholds": {"log_loss": {"max_drop": 0.02}}}, "what it may lose against the one in production"
    if label.balanced:  # weighed classes trade accuracy for the rare ones
        floor = max(0.0, round(1 / max(2, len(label.counts)) - error, 2))
        reason = "better than a guess among all classes"
    else:
        floor = max(0.0, math.floor(100 * (label.majority - min(0.1, 2 * error))) / 100)
        first = next(iter(label.counts), "")
        reason = f"always answering {first!r} is right in {label.majority:.0%} of the rows, less a margin for chance"
    metrics = ["accuracy", "auc", "f1", "log_loss"] if label.task == "binary" else ["accuracy", "log_loss"]
    return {"metrics": metrics, "thresholds": {"accuracy": {"min": floor, "max_drop": room}}}, reason


def _round_up(value: float) -> float:
    """Keeps two figures, rounded up."""
    if value <= 0 or not math.isfinite(value):
        return 0.0
    digits = 1 - math.floor(math.log10(value))
    return float(f"{math.ceil(value * 10**digits - 1e-9) / 10**digits:.12g}")
