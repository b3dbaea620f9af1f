"""The config's ``evaluation:`` block, typed."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import Field, field_validator, model_validator

from kerasline.components.core import Options
from kerasline.components.evaluation.slices import parse_slice
from kerasline.components.own_code import OwnName, check_own_name, is_own


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


class Budgets(Options):
    """What the exported model may cost; measured whether there is a limit or not."""

    latency_p50_ms: float | None = Field(None, gt=0, description="Milliseconds of the median single request.")
    latency_p99_ms: float | None = Field(None, gt=0, description="Milliseconds that 99 of 100 single requests take.")
    size_bytes: int | None = Field(None, ge=1, description="Bytes of the SavedModel.")
    parameters: int | None = Field(None, ge=1, description="Parameters of the network.")


class EvaluationOptions(Options):
    """What is measured on the eval split and what a model must reach to be blessed."""

    metrics: list[str] = Field(
        default=[],
        description="By name, or your own as module:function of (y_true, y_pred); default: the usual of the task.",
    )
    slices: list[str | list[str]] = Field(
        default=[], description="Columns, or lists of columns for crossings, whose values are measured apart."
    )
    thresholds: dict[str, Threshold] = Field(
        default={}, description="Metric name to limits; default: the task's main metric must not drop."
    )
    slice_thresholds: dict[str, dict[str, Threshold]] = Field(
        default={},
        description="Limits by slice: 'sex' (each value of it), 'sex=female', 'sex, city=Kyoto' or '*' (every slice).",
    )
    min_slice_rows: int = Field(50, ge=1, description="Slices of fewer eval rows are reported and not gated.")
    beat_trivial: bool = Field(
        True,
        description="Must be better than the trivial model (majority class, mean) beyond luck: in the main metric, or "
        "row by row in log loss or squared error, or in the ROC AUC.",
    )
    references: bool = Field(
        True,
        description="Tables: fit scikit-learn's gradient boosting and a linear model on the same rows (at most 20,000, "
        "in seconds), to compare with in the report; they are never exported.",
    )
    max_behind_reference: float | None = Field(
        None,
        ge=0,
        description="How much worse than the better of these two the main metric may be, in its own units; default: "
        "no limit.",
    )
    budgets: Budgets = Field(default=Budgets())
    gates: list[OwnName] = Field(
        default=[],
        description="Parts of the model gate of your own, as module:function: called with the metrics of the candidate "
        "and of the model in production, each returns None or why the model is not good enough.",
    )

    @model_validator(mode="after")
    def _limit_has_references(self) -> EvaluationOptions:
        if self.max_behind_reference is not None and not self.references:
            raise ValueError("expected references: true with max_behind_reference, got false; leave one of them out")
        return self

    @field_validator("metrics", "thresholds")
    @classmethod
    def _names_functions(cls, value: Iterable[str]) -> Iterable[str]:
        for name in filter(is_own, value):
            check_own_name(name)
        return value

    @field_validator("slice_thresholds")
    @classmethod
    def _names_slices(cls, value: dict[str, dict[str, Threshold]]) -> dict[str, dict[str, Threshold]]:
        for key, limits in value.items():
            parse_slice(key)
            if not limits:
                raise ValueError(f"expected metrics with limits for {key!r}, such as {{accuracy: {{min: 0.9}}}}")
        return value
