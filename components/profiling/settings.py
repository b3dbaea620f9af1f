"""Model, training, split and thresholds that suit the size of the data and the task."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from kerasline.components.core import counted
from kerasline.components.profiling.guessing import LabelGuess

_SMALL = 1_000  # rows below which eval and test need a larger share
_EVAL_ROWS = 30  # that eval should have, up to 30 % of the data
_REFIT = 10_000  # rows up to which a table is fitted again, with the rows that early stopping held out


@dataclass(frozen=True)
class Settings:
    """Blocks of the recipe, and a line of reasons for each."""

    split: dict[str, Any]
    model: dict[str, Any]
    training: dict[str, Any]
    evaluation: dict[str, Any]
    reasons: dict[str, str]


def choose_settings(
    rows: int,
    label: LabelGuess,
    model: dict[str, Any] | None = None,
    why: str = "",
    *,
    columns: int = 1,
    different: int = 0,
) -> Settings:
    """Chooses what a first run should try.

    Args:
      rows: of the table or folder; those without a label are left out here, as they are in the run.
      label: what it predicts.
      model: of a family that the data calls for; default: the tabular family, by the size of the table.
      why: the reason for that model.
      columns: inputs of a table.
      different: of its rows, where these are too few to be divided by a hash; else 0.
    """
    split: dict[str, Any] = {}
    reasons = {"split": ""}
    rows = round(rows * (1 - label.missing))
    if different:
        split["method"] = "row"
        reasons["split"] = f"no more than {different} rows are different: equal ones must not all reach one split"
    elif label.stratified and label.task != "multilabel":
        split["method"] = "stratified"
        reasons["split"] = "small classes: each split gets its share of every class"
    if rows < _SMALL:
        # Fewer than some twenty rows to evaluate on can hardly prove that a model is better than none.
        split |= {"eval": round(min(0.3, max(0.15, _EVAL_ROWS / max(rows, 1))), 2), "test": 0.15}
        found = [reasons["split"], "few rows: larger shares make figures steadier"]
        reasons["split"] = "; ".join(filter(None, found))
    held_out = max(1.0, rows * split.get("eval", 0.1))
    if model is None:
        model, training = _for_table(rows, columns)
        labelled = " with a label" if label.missing else ""
        why = f"a table of {counted(rows, 'row')}{labelled}; several networks that share weights and answer together"
        reasons["training"] = "stops where more epochs no longer help, and keeps the best"
        if training.get("refit"):
            reasons["training"] = (
                "stops where more epochs no longer help, and fits all rows for as many (refit); the mean of the last "
                "steps' weights answers (use_ema)"
            )
    else:
        training, reasons["training"] = _training(rows)
    reasons["model"] = why
    evaluation, reasons["evaluation"] = _evaluation(held_out, label)
    return Settings(split, model, training, evaluation, reasons)


def _for_table(rows: int, columns: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Chooses the network and its training by the size of a table: wide ones and long ones get fewer members."""
    sizes = (
        (1_000, 96, 32, 200, 20),
        (4_000, 128, 64, 150, 16),
        (20_000, 160, 128, 120, 16),
        (60_000, 192, 256, 80, 16),
    )
    found = next((values for limit, *values in sizes if rows < limit), (192, 1024, 40, 6))
    width, batch_size, epochs, patience = found
    members = 8 if columns <= 500 and rows < 500_000 else 4
    model: dict[str, Any] = {"family": "tabular", "units": [width, width], "members": members}
    training: dict[str, Any] = {
        "optimizer": "adamw",
        "learning_rate": 0.002,
        "batch_size": batch_size,
        "epochs": epochs,
        "early_stopping": {"monitor": "val_loss", "patience": patience},
    }
    if rows < 4 * _SMALL:
        training["validation_fraction"] = 0.15
    if rows <= _REFIT:
        # Without a best epoch to go back to, the mean of the weights takes the chance of the last step from a refit.
        training |= {"refit": True, "optimizer_arguments": {"use_ema": True}}
    return model, training


def _training(rows: int) -> tuple[dict[str, Any], str]:
    steps = ((500, 16, 120, 15), (5_000, 32, 60, 8), (50_000, 64, 30, 4), (500_000, 256, 20, 3))
    batch_size, epochs, patience = next((values for limit, *values in steps if rows < limit), (1024, 10, 2))
    training: dict[str, Any] = {
        "batch_size": batch_size,
        "epochs": epochs,
        "early_stopping": {"monitor": "val_loss", "patience": patience},
    }
    if rows < _SMALL:
        training["validation_fraction"] = 0.15
    return training, "stops early where more epochs no longer help"


def _evaluation(held_out: float, label: LabelGuess) -> tuple[dict[str, Any], str]:
    """Chooses a floor that a model without skill misses, and room for chance, there and in later comparisons."""
    luck = 1 / math.sqrt(held_out)
    if label.task in ("regression", "bounded_regression"):
        room = _round_up(label.deviation * max(0.02, 0.5 * luck))
        thresholds: dict[str, Any] = {"mae": {"max_drop": room}, "r2": {"min": -_round_up(luck)}}
        if label.spans:
            del thresholds["r2"]
            return (
                {"metrics": ["mae", "rmse", "r2"], "thresholds": thresholds},
                "rmse and r2 are ruled by the few largest labels, so nothing is asked of them; max_drop is room for "
                "chance against the one in production",
            )
        return (
            {"metrics": ["mae", "rmse", "r2"], "thresholds": thresholds},
            "answering with the mean has r2 0, here less a margin for chance; max_drop is room for chance against the "
            "one in production",
        )
    if label.task == "multilabel":
        room = _round_up(max(0.02, 0.3 * luck))
        return {"thresholds": {"log_loss": {"max_drop": room}}}, "what it may lose against the one in production"
    if label.task == "binary" and label.balanced:
        return _rare_evaluation(held_out, label)
    error = 0.5 * luck  # of a share that is measured on so many rows, at most
    floor = max(0.0, math.floor(100 * (label.majority - 2 * error)) / 100)
    first = next(iter(label.counts), "")
    reason = f"always answering {first!r} is right in {label.majority:.0%} of the rows, less a margin for chance"
    metrics = ["accuracy", "auc", "f1", "log_loss"] if label.task == "binary" else ["accuracy", "log_loss"]
    room = _round_up(max(0.005, min(0.25, error)))
    return {"metrics": metrics, "thresholds": {"accuracy": {"min": floor, "max_drop": room}}}, reason


def _rare_evaluation(held_out: float, label: LabelGuess) -> tuple[dict[str, Any], str]:
    """Asks of a rare class whether the scores put it in order, which the share of right answers hardly shows."""
    rare = max(1.0, held_out * (1 - label.majority))
    floor = max(0.5, round(0.6 - 0.5 / math.sqrt(rare), 2))
    room = _round_up(max(0.005, min(0.25, 0.3 / math.sqrt(rare))))
    metrics = ["auc", "auc_pr", "log_loss", "f1", "precision", "recall", "accuracy"]
    reason = f"one class has {label.majority:.0%} of the rows, so accuracy says little; auc 0.5 is a guess"
    return {"metrics": metrics, "thresholds": {"auc": {"min": floor, "max_drop": room}}}, reason


def _round_up(value: float) -> float:
    """Keeps two figures, rounded up."""
    if value <= 0 or not math.isfinite(value):
        return 0.0
    digits = 1 - math.floor(math.log10(value))
    return float(f"{math.ceil(value * 10**digits - 1e-9) / 10**digits:.12g}")
