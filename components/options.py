"""The config blocks of the rooms that are a single file: training, tuning, evaluation, push, report.

Rooms with several files keep their options beside them (``datasets/options.py``, ``models/options.py``,
``validation/options.py``, ``features.py``). Everything here is plain pydantic, so that a recipe can be checked without
importing TensorFlow.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator


class Options(BaseModel):
    """Base of every config block: unknown keys are refused, values cannot change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class EarlyStopping(Options):
    """Stop when the monitored value no longer improves, and keep the best weights."""

    monitor: str = Field("val_loss", description="A training metric; its direction is inferred from the name.")
    patience: int = Field(3, ge=0, description="Epochs without improvement before training stops.")
    min_delta: float = Field(0.0, ge=0, description="Smaller changes do not count as improvement.")


class ReduceOnPlateau(Options):
    """Lower the learning rate when the monitored value no longer improves."""

    monitor: str = "val_loss"
    factor: float = Field(0.5, gt=0, lt=1)
    patience: int = Field(2, ge=0)
    min_learning_rate: float = Field(1e-6, ge=0)


class TrainingOptions(Options):
    """How the model is fitted."""

    optimizer: str = Field("adam", description="Any Keras optimizer by name: adam, sgd, rmsprop, adagrad, ...")
    optimizer_arguments: dict[str, Any] = Field(default={}, description="More arguments of the optimizer, by name.")
    learning_rate: float = Field(0.001, gt=0)
    learning_rate_schedule: dict[str, Any] | None = Field(
        None,
        description="A keras.optimizers.schedules class: {name: CosineDecay, decay_steps: 1000}; it starts from "
        "learning_rate.",
    )
    loss: str | None = Field(None, description="Any Keras loss that suits the task; default: the task's own.")
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="Multiclass and binary tasks only.")
    batch_size: int = Field(64, ge=1)
    epochs: int = Field(10, ge=1)
    validation_fraction: float = Field(
        0.1, ge=0, lt=0.9, description="Part of the train split kept for early stopping and tuning."
    )
    early_stopping: EarlyStopping | None = Field(default=None)
    reduce_on_plateau: ReduceOnPlateau | None = None
    clip_norm: float | None = Field(None, gt=0, description="Gradients are clipped to this norm.")
    class_weights: Literal["balanced"] | dict[str, float] | None = Field(
        None, description="'balanced', or a weight for each class by name."
    )
    memory_limit_mb: int = Field(
        2048, ge=1, description="Transformed data up to this size trains from memory; larger data streams."
    )

    @field_validator("optimizer", "loss")
    @classmethod
    def _is_name(cls, value: str | None) -> str | None:
        if value is not None and not value.replace("_", "").isalnum():
            raise ValueError(f"expected the name of a Keras class or function, got {value!r}")
        return value


class TuningOptions(Options):
    """The hyperparameter search; its space names config keys."""

    algorithm: Literal["random", "grid", "bayesian"] = "random"
    max_trials: int = Field(8, ge=1, description="Trials in all; trial 0 is the untuned config.")
    max_epochs: int | None = Field(None, ge=1, description="Epochs of a trial; default: training.epochs.")
    objective: str = Field("val_loss", description="Any validation metric; its direction is inferred.")
    seed: int | None = Field(None, description="Default: the recipe's seed.")
    space: dict[str, dict[str, Any]] = Field(
        min_length=1,
        description="Config keys and their values: {choice: [...]}, {float: [low, high], log: true}, "
        "{int: [low, high], step: 1}, {boolean: true}.",
    )


class Threshold(Options):
    """Limits for one metric; a model outside them is not blessed."""

    min: float | None = Field(None, description="The metric must be at least this.")
    max: float | None = Field(None, description="The metric must be at most this.")
    max_drop: float | None = Field(
        None, ge=0, description="How much worse than the model in production it may be, in the metric's own units."
    )

    @model_validator(mode="after")
    def _has_a_limit(self) -> Threshold:
        if self.min is None and self.max is None and self.max_drop is None:
            raise ValueError("expected at least one of min, max and max_drop")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min} is above max {self.max}: no model can pass")
        return self


class EvaluationOptions(Options):
    """What is measured on the eval split and what a model must reach to be blessed."""

    metrics: list[str] = Field(default=[], description="Default: the usual metrics of the task.")
    slices: list[str | list[str]] = Field(
        default=[], description="Columns, or lists of columns for crossings, whose values are measured apart."
    )
    thresholds: dict[str, Threshold] = Field(
        default={}, description="Metric name to limits; default: the task's main metric must not drop."
    )


class PushOptions(Options):
    """Where a blessed model goes."""

    keep: int = Field(5, ge=2, description="Versions to keep; the current one and its predecessor always stay.")
    formats: list[Literal["saved_model"]] = Field(default=["saved_model"])


class ReportOptions(Options):
    """What the report shows."""

    examples: int = Field(12, ge=0, le=200, description="Mistakes to show.")


class RunOptions(Options):
    """Where and how the steps run."""

    beam: list[str] = Field(
        default=[], description="Beam pipeline options, as on its command line: ['--direct_num_workers=2', ...]."
    )
    cache: bool = Field(True, description="Reuse the outputs of steps whose inputs have not changed.")


class ScheduleOptions(Options):
    """When to train again."""

    cron: str = Field("0 3 * * *", description="Minute, hour, day of month, month, day of week.")
    timezone: str = "UTC"
    trigger: Literal["always", "new_data"] = "new_data"
