"""The config's ``report:`` block, typed."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from kerasline.components.core import Options
from kerasline.components.own_code import OwnName


class ReportOptions(Options):
    """What the report shows."""

    examples: int = Field(12, ge=0, le=200, description="Mistakes to show.")
    explanations: Literal["auto", "off"] = Field(
        "auto", description="What the model leans on and looks at, as far as it can be said in seconds; off: nothing."
    )
    tensorboard: bool = Field(
        False, description="TensorBoard logs of the fit, beside the report; of runs on this machine."
    )
    pages: list[OwnName] = Field(
        default=[],
        description="Parts of the report of your own, as module:function: called with the figures of the run, each "
        "returns a title and a text in Markdown.",
    )
    mlflow: str | None = Field(
        None,
        description="Log runs on this machine to MLflow there: sqlite:///mlflow.db, http://HOST:5000, databricks. "
        "Needs make setup MLFLOW=1; a password goes into MLFLOW_TRACKING_PASSWORD.",
    )

    @field_validator("mlflow")
    @classmethod
    def _tells_no_password(cls, value: str | None) -> str | None:
        if value is not None and (not value.strip() or urlsplit(value).password is not None):
            # The value itself would be in the message, and so on the screen and in logs.
            raise ValueError(
                "expected the address of an MLflow store without a password, such as http://HOST:5000, got one that is "
                "empty or has a password; put it into MLFLOW_TRACKING_PASSWORD"
            )
        return value
