"""Where a pipeline runs. A runner only chooses paths and runs; its module loads TFX, so it is named here as text."""

from __future__ import annotations

RUNNERS: dict[str, str] = {"local": "kerasline.pipeline.runners.local"}
