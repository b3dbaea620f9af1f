"""The config's ``serve:`` block, typed: what is kept of what a served model is asked and answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from kerasline.components.core import ConfigError, Options, nearest


class CaptureOptions(Options):
    """What is kept of requests and answers, in the workspace's ``captured/NAME``."""

    share: float = Field(1.0, ge=0, le=1, description="Part of the requests that is kept; which, their ids decide.")
    keep_days: int = Field(30, ge=1, le=3650, description="Days, by UTC, after which captured rows are deleted.")
    redact: list[str] = Field(default=[], description="Columns that are never written.")
    images: Literal["digest", "keep"] = Field(
        "digest", description="digest: the sha256 of each image; keep: the image, so that drift of images is measured."
    )


class ServeOptions(Options):
    """What kerasline serve does with the versions of this recipe."""

    capture: CaptureOptions | None = Field(None, description="Keep requests and answers; default: none.")


def check_redacted(options: ServeOptions, columns: Sequence[str]) -> None:
    """Refuses to redact a column that is not there: the one that was meant would be written.

    Args:
      options: the recipe's block.
      columns: of the data, the label among them.

    Raises:
      ConfigError: names the first such column.
    """
    for name in options.capture.redact if options.capture else ():
        if name not in columns:
            raise ConfigError(
                f"serve.capture.redact: expected columns of the data ({', '.join(columns)}), got {name!r}."
                f"{nearest(name, columns)}"
            )
