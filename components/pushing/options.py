"""The config's ``push:`` block, typed."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from kerasline.components.core import Options


class PushOptions(Options):
    """Where a blessed model goes."""

    keep: int = Field(5, ge=2, description="Versions to keep; the current one and its predecessor always stay.")
    formats: list[Literal["saved_model", "keras", "onnx", "tflite", "tflite_int8"]] = Field(
        default=["saved_model"],
        description="The SavedModel always; the others take transformed inputs and lie in the version's formats/.",
    )

    @field_validator("formats")
    @classmethod
    def _savedmodel_first(cls, value: list[str]) -> list[str]:
        return ["saved_model", *(name for name in dict.fromkeys(value) if name != "saved_model")]

    def further_formats(self) -> list[str]:
        """Lists the formats beside the SavedModel."""
        return [name for name in self.formats if name != "saved_model"]
