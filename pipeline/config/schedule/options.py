"""The config's ``schedule:`` block: when to train again, and whom to tell."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator, model_validator

from kerasline.components.core import Options, shown
from kerasline.components.evaluation import Threshold
from kerasline.pipeline.config.schedule.cron_line import tidy_cron

Trigger = Literal["always", "new_data", "drift", "metric", "served_drift", "served_metric", "estimated_metric"]
# Those that go by what a model in production was asked and answered, and those that may have thresholds.
SERVED = ("served_drift", "served_metric", "estimated_metric")
_HELD = ("metric", "served_metric", "estimated_metric")


class FailureOptions(Options):
    """What to do when a scheduled run fails for another reason than its data or its model."""

    retries: int = Field(0, ge=0, le=10, description="How often the run is tried again.")
    backoff_seconds: float = Field(60, ge=0, description="Before the first retry; doubled before each further one.")


class EmailOptions(Options):
    """A mail server and who gets the mail; a password comes from the environment, never from the recipe."""

    to: list[str] = Field(min_length=1, description="Addresses.")
    sender: str = Field("kerasline@localhost", description="The address that it comes from.")
    host: str = Field("localhost", description="The mail server.")
    port: int = Field(25, ge=1, le=65535, description="25 without encryption, 587 with starttls, 465 with tls.")
    security: Literal["none", "starttls", "tls"] = Field("none", description="Of the connection.")
    user: str | None = Field(None, description="Who logs in; its password is in password_variable.")
    password_variable: str = Field("KERASLINE_SMTP_PASSWORD", description="The environment variable with the password.")

    @field_validator("to")
    @classmethod
    def _are_addresses(cls, value: list[str]) -> list[str]:
        for address in value:
            if not re.fullmatch(r"[^@\s]+@[^@\s]+", address):
                raise ValueError(f"expected addresses such as team@example.org, got {address!r}")
        return value

    @model_validator(mode="after")
    def _logs_in_encrypted(self) -> EmailOptions:
        if self.user is not None and self.security == "none" and self.host not in ("localhost", "127.0.0.1", "::1"):
            raise ValueError(
                f"expected security: starttls or tls with a user, since {self.host} would get the password in the open"
            )
        return self


class NotifyOptions(Options):
    """Whom to tell about decisions that led to a run. Command and webhook get the decision as JSON."""

    when: Literal["runs", "problems"] = Field(
        "runs", description="problems: only runs that did not end with a model in production."
    )
    command: list[str] | None = Field(None, min_length=1, description="A program and its arguments; JSON on its input.")
    webhook: str | None = Field(None, pattern=r"^https?://", description="A URL that takes a POST.")
    email: EmailOptions | None = Field(None, description="A mail for each decision.")


class ScheduleOptions(Options):
    """When to train again."""

    cron: str = Field("0 3 * * *", description="Minute, hour, day of month, month, day of week (mon, tue, ...).")
    timezone: str = Field("UTC", description="An IANA name such as Europe/Berlin; daylight saving follows it.")
    trigger: Trigger = Field(
        "new_data",
        description="new_data: when the data is not what it was at the last attempt. drift: when the new data is "
        "further from that of the model in production than validation.drift allows. metric: when that model answers "
        "new spans worse than schedule.thresholds allows. served_drift, served_metric, estimated_metric: when what it "
        "was asked has drifted, or its answers are worse by the labels that came, or as estimated without labels.",
    )
    thresholds: dict[str, Threshold] = Field(
        default={},
        description="With trigger metric, and perhaps served_metric and estimated_metric: metric name to limits; "
        "max_drop counts from the model's figure when it was pushed.",
    )
    served_days: float | None = Field(
        None, gt=0, description="With a trigger on what was served: look back so many days; default: all that is kept."
    )
    cooldown_minutes: float = Field(0, ge=0, description="Least time between the starts of two runs.")
    max_runtime_minutes: float | None = Field(None, gt=0, description="A run that takes longer is stopped.")
    jitter_seconds: int = Field(0, ge=0, description="Starts are spread at random over this time.")
    on_failure: FailureOptions = Field(default=FailureOptions())
    notify: NotifyOptions = Field(default=NotifyOptions())

    @model_validator(mode="after")
    def _has_what_the_trigger_needs(self) -> ScheduleOptions:
        if self.trigger == "metric" and not self.thresholds:
            raise ValueError(
                "expected thresholds with trigger: metric, such as thresholds: {accuracy: {min: 0.9, max_drop: 0.05}}, "
                "got none"
            )
        if self.trigger not in _HELD and self.thresholds:
            raise ValueError(
                f"expected trigger: metric with thresholds, got trigger: {self.trigger}; {_HELD[1]} and {_HELD[2]} "
                "take them, too"
            )
        if self.served_days is not None and self.trigger not in SERVED:
            raise ValueError(f"expected trigger: {', '.join(SERVED)} with served_days, got trigger: {self.trigger}")
        return self

    @field_validator("cron")
    @classmethod
    def _is_a_cron_line(cls, value: str) -> str:
        return tidy_cron(value)

    @field_validator("timezone")
    @classmethod
    def _is_a_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        # Beside the library's own: a folder of the database, a name too long for a file, one with a null character.
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"expected an IANA name such as Europe/Berlin, got {shown(value)}") from None
        return value

    @model_validator(mode="after")
    def _fires(self) -> ScheduleOptions:
        from kerasline.pipeline.config.schedule.cron import make_trigger

        if make_trigger(self).get_next_fire_time(None, datetime.now(UTC)) is None:
            raise ValueError(f"cron: expected a line that fires some day, but {self.cron!r} never does")
        return self
