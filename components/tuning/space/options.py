"""The config block ``tuning``; light: a recipe is checked without TensorFlow."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from kerasline.components.core import DURATION, Options, seconds_of
from kerasline.components.fitting.settings import names
from kerasline.components.models import direction


class TuningOptions(Options):
    """The hyperparameter search; its space names config keys."""

    algorithm: Literal["random", "grid", "hyperband", "bayesian"] = Field(
        "random", description="hyperband gives most trials few epochs and goes on with the best of them."
    )
    max_trials: int = Field(8, ge=1, description="Trials in all, also of a grid; trial 0 is the untuned config.")
    max_epochs: int | None = Field(None, ge=1, description="Epochs of a trial; default: training.epochs.")
    objective: str = Field(
        "val_loss",
        description="A metric of the validation rows; accuracy is val_accuracy. Or the name of a function of "
        "training.metrics.",
    )
    mode: Literal["auto", "min", "max"] = Field(
        "auto", description="Which way is better: known of the task's own metrics, to be said of metrics of yours."
    )
    executions_per_trial: int = Field(1, ge=1, description="Fits of each trial with different seeds, averaged.")
    folds: Literal["auto"] | Annotated[int, Field(ge=1, le=20)] = Field(
        "auto",
        description="1: the validation part of the train split scores a trial. More: the train split is cut into so "
        "many parts, each is held out from one fit, and the mean of these fits is the score; it takes as many times "
        "as long. auto: 5 where the train split has fewer than 1,000 rows, else 1.",
    )
    budget: str | None = Field(None, pattern=DURATION, description="No trial starts after this time: 90s, 20m, 2h.")
    parallel: int = Field(1, ge=1, le=64, description="Trials that run at a time, each in a process of its own.")
    reuse: Literal["latest"] | None = Field(
        None,
        description="latest: trial 1 takes the values of the best trial of the last run of this recipe, as far as the "
        "space still has their keys; trial 0 stays the untuned config.",
    )
    seed: int | None = Field(None, ge=0, lt=2**31, description="Default: the recipe's seed.")
    space: dict[str, dict[str, Any]] = Field(
        default={},
        description="Config keys below model., training. and features. and their values: {choice: [...]}, "
        "{float: [low, high], log: true}, {int: [low, high], step: 1}, {boolean: true}; with when: {model.family: cnn} "
        "only beside these values of other keys of the space. Default: the model family's own space.",
    )

    @field_validator("objective")
    @classmethod
    def _is_of_validation_rows(cls, value: str) -> str:
        return names.find_metric(value if value.startswith("val_") else f"val_{value}")

    @field_validator("budget")
    @classmethod
    def _is_time(cls, value: str | None) -> str | None:
        if value is not None and seconds_of(value) <= 0:
            raise ValueError(f"expected time for at least one trial, such as 20m, got {value}")
        return value

    def way(self) -> Literal["min", "max"]:
        """Returns which way the objective is better."""
        return direction(self.objective, self.mode)

    def budget_seconds(self) -> float | None:
        """Returns the budget in seconds, None without one."""
        return None if self.budget is None else seconds_of(self.budget)
