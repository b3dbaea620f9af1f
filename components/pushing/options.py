"""The config's ``push:`` block, typed."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from kerasline.components.core import ConfigError, Options

DROPS = ("metric_drop", "accuracy_drop")  # two names of one limit


class RollbackOptions(Options):
    """Limits that end a challenge, or take a version out of production within its watch, when surely crossed."""

    p99_ms: float | None = Field(None, gt=0, description="Milliseconds that 99 of 100 served requests take.")
    error_rate: float | None = Field(None, ge=0, lt=1, description="Share of the served requests that fail.")
    metric_drop: float | None = Field(
        None, ge=0, description="How much worse the main metric may be by labels, in its own units."
    )
    accuracy_drop: float | None = Field(None, ge=0, description="Another name of metric_drop.")

    @model_validator(mode="after")
    def _has_a_limit(self) -> RollbackOptions:
        if not self.limits():
            raise ValueError("expected at least one of p99_ms, error_rate and metric_drop")
        if self.metric_drop is not None and self.accuracy_drop is not None:
            raise ValueError("expected metric_drop or accuracy_drop, which mean the same, got both")
        return self

    def limits(self) -> dict[str, float]:
        """Returns the limits that there are, by name."""
        return {name: value for name, value in self.model_dump().items() if value is not None}


def check_limits(options: PushOptions, main_metric: str) -> None:
    """Refuses a limit that nothing can cross.

    Args:
      options: the recipe's block.
      main_metric: of the recipe.

    Raises:
      ConfigError: a metric between 0 and 1 is to fall by more than that.
    """
    from kerasline.components.evaluation import METRICS  # which loads NumPy

    for name, limit in (options.rollback_on.limits() if options.rollback_on else {}).items():
        if name in DROPS and limit >= 1 and METRICS[main_metric].unit == "share":
            raise ConfigError(
                f"push.rollback_on.{name}: expected less than 1, since {main_metric} lies between 0 and 1 and never "
                f"falls by {limit:g}; two points are 0.02"
            )


class SignOptions(Options):
    """Who signs each version that is pushed."""

    key: str = Field(
        min_length=1,
        description="A private key of an elliptic curve, PEM, without a password. Needs make setup SIGNING=1.",
    )


class PushOptions(Options):
    """Where a blessed model goes."""

    promotion: Literal["at_once", "manual", "shadow", "canary"] = Field(
        "at_once",
        description="at_once: into production; the others leave production as it is until kerasline verdict --apply or "
        "promote: shadow sees its requests, canary answers a share of them, manual waits.",
    )
    share: float = Field(0.05, gt=0, lt=1, description="Part of the requests that a canary answers.")
    rollback_on: RollbackOptions | None = Field(
        None, description="Limits that end a challenge, or take a version out of production within watch_days."
    )
    watch_days: float = Field(7.0, gt=0, description="Days in production for which rollback_on is watched.")
    keep: int = Field(5, ge=2, description="Versions to keep; the current one and its predecessor always stay.")
    sign: SignOptions | None = Field(None, description="Sign each version, for serve and promote to ask for.")
    formats: list[Literal["saved_model", "keras", "onnx", "tflite", "tflite_int8"]] = Field(
        default=["saved_model"],
        description="The SavedModel always; the others take transformed inputs and lie in the version's formats/.",
    )

    @field_validator("formats")
    @classmethod
    def _savedmodel_first(cls, value: list[str]) -> list[str]:
        return ["saved_model", *(name for name in dict.fromkeys(value) if name != "saved_model")]

    @model_validator(mode="after")
    def _nothing_is_said_in_vain(self) -> PushOptions:
        usual = type(self).model_fields  # which kerasline show writes, too
        if self.share != usual["share"].default and self.promotion != "canary":
            raise ValueError(f"expected promotion: canary with share, got {self.promotion}")
        if self.watch_days != usual["watch_days"].default and self.rollback_on is None:
            raise ValueError("expected rollback_on with watch_days, got none")
        return self

    def challenge(self) -> dict[str, Any] | None:
        """Returns ``kind``, ``share`` and ``rollback_on`` of a challenge; None of a version that takes the place."""
        if self.promotion == "at_once":
            return None
        share = self.share if self.promotion == "canary" else 0.0
        return {"kind": self.promotion, "share": share, "rollback_on": self._limits()}

    def watch(self) -> dict[str, Any] | None:
        """Returns the ``days`` and the limits (``rollback_on``) of the watch in production; None without limits."""
        return {"days": self.watch_days, "rollback_on": self._limits()} if self.rollback_on else None

    def _limits(self) -> dict[str, float]:
        return self.rollback_on.limits() if self.rollback_on else {}

    def further_formats(self) -> list[str]:
        """Lists the formats beside the SavedModel."""
        return [name for name in self.formats if name != "saved_model"]
