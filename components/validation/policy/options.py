"""The config's ``validation:`` block: what the data gate does about what it finds, check by check.

Each check takes a policy, alone (``drift: warn``) or in a block with its limits
(``drift: {policy: fail, limit: 0.2, columns: {age: 0.4, city: off}}``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, Literal

from pydantic import Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from kerasline.components.core import ConfigError, Options, nearest
from kerasline.components.own_code import OwnName

Policy = Literal["fail", "warn", "off"]
# Only where single rows are to blame can they be put aside.
RowPolicy = Literal["fail", "warn", "quarantine", "off"]
Limit = float | Literal["off"]


class Check(Options):
    """Base of every check: a bare word is the policy."""

    @model_validator(mode="before")
    @classmethod
    def _word_is_policy(cls, value: Any) -> Any:
        # YAML reads off as false.
        if value is False or isinstance(value, str):
            return {"policy": "off" if value is False else value}
        if isinstance(value, dict) and value.get("policy") is False:
            return {**value, "policy": "off"}
        return value

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Tells editors that the bare word is as good as the block, and false as good as off."""
        block = handler.resolve_ref_schema(handler(core))
        policy = block["properties"]["policy"]
        if False not in policy["enum"]:
            policy["enum"] = [*policy["enum"], False]
            policy.pop("type", None)
            limits = block["properties"].get("columns", {}).get("additionalProperties")
            if limits is not None:
                limits["anyOf"] = [*limits["anyOf"], {"const": False}]
        return {"anyOf": [{"enum": policy["enum"]}, dict(block)]}


class AnomalyCheck(Check):
    """Values that contradict the schema."""

    policy: RowPolicy = Field(
        "fail",
        description="Quarantine puts aside rows with a wrong type or value, or none; as long as there is no schema, "
        "those with text in a column of numbers.",
    )


class NonfiniteCheck(Check):
    """NaN and infinite values."""

    policy: Literal["auto", "fail", "warn", "quarantine", "off"] = Field(
        "auto",
        description="auto: warn in columns, where they count as missing; fail in arrays, which they would spoil.",
    )


class ColumnLimits(Check):
    """Base of checks with a limit that single columns may override."""

    columns: dict[str, Limit] = Field(default={}, description="Limits of single columns; off leaves one out.")

    @model_validator(mode="before")
    @classmethod
    def _false_is_off(cls, value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("columns"), dict):
            columns = {name: "off" if limit is False else limit for name, limit in value["columns"].items()}
            return {**value, "columns": columns}
        return value


class DriftCheck(ColumnLimits):
    """How far the train split is from the one that the model in production was fitted on."""

    policy: Policy = Field("warn", description="What to do about a distance beyond the limit.")
    limit: float = Field(
        0.1,
        gt=0,
        le=1,
        description="Numbers and images: Jensen-Shannon divergence, 0 to 1. Categories: largest difference of a share. "
        "What chance explains for the number of rows is allowed on top.",
    )
    baseline: str | int = Field(
        "production",
        description="Compare with: production, the number of a version, or the path or URI of a profile.json.",
    )


class SkewCheck(ColumnLimits):
    """How far the eval and test splits are from the train split."""

    policy: Policy = Field("warn", description="What to do about a distance beyond the limit.")
    limit: float = Field(0.1, gt=0, le=1, description="As of drift.")


class LeakageCheck(ColumnLimits):
    """Inputs that are the label, or tell it almost alone."""

    policy: Policy = Field("fail", description="What to do about an input beyond the limit.")
    limit: float = Field(
        0.99, gt=0, le=1, description="Correlation with the label, or skill of predicting it from this input alone."
    )


class DuplicatesCheck(Check):
    """Rows of one split that stand in another as well."""

    policy: RowPolicy = Field("warn", description="Quarantine puts the copies in eval and test aside.")
    limit: float = Field(0.01, ge=0, le=1, description="Share of the eval or test rows that may be copies.")


class OwnCheck(Options):
    """A check of your own; the bare name of a function is as good as the block."""

    function: OwnName = Field(
        description="module:function, called with a data frame of sampled rows for each split; returns messages."
    )
    policy: Literal["fail", "warn"] = Field("fail", description="What to do about a message.")

    @model_validator(mode="before")
    @classmethod
    def _word_is_function(cls, value: Any) -> Any:
        return {"function": value} if isinstance(value, str) else value

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Tells editors that the bare name is as good as the block."""
        return {"anyOf": [{"type": "string"}, dict(handler.resolve_ref_schema(handler(core)))]}


class QuarantineOptions(Options):
    """What may be put aside."""

    max_share: float = Field(0.05, ge=0, le=1, description="With a larger share of rows in quarantine the run stops.")


class ValidationOptions(Options):
    """What the data gate checks, what it does about it, and its limits."""

    anomalies: AnomalyCheck = Field(default=AnomalyCheck())
    nonfinite: NonfiniteCheck = Field(default=NonfiniteCheck())
    drift: DriftCheck = Field(default=DriftCheck())
    skew: SkewCheck = Field(default=SkewCheck())
    leakage: LeakageCheck = Field(default=LeakageCheck())
    duplicates: DuplicatesCheck = Field(default=DuplicatesCheck())
    checks: list[OwnCheck] = Field(default=[], description="Checks of your own, each a function named module:function.")
    quarantine: QuarantineOptions = Field(default=QuarantineOptions())

    def suited_to(self, split_method: str) -> ValidationOptions:
        """Returns the options without the warning of equal rows on two sides, where the recipe divides them."""
        if split_method != "row" or self.duplicates.policy != "warn":
            return self
        return self.model_copy(update={"duplicates": self.duplicates.model_copy(update={"policy": "off"})})

    def limited(self) -> Iterator[tuple[str, ColumnLimits]]:
        """Gives the checks whose limits go by column, with their names."""
        yield from (("drift", self.drift), ("skew", self.skew), ("leakage", self.leakage))


def check_column_names(options: ValidationOptions, columns: Collection[str]) -> None:
    """Refuses limits for columns that the data has not.

    Raises:
      ConfigError: names the key and the nearest column.
    """
    for check, block in options.limited():
        for name in block.columns:
            if name not in columns:
                raise ConfigError(
                    f"validation.{check}.columns: expected columns of the data, got {name!r}.{nearest(name, columns)}"
                )
