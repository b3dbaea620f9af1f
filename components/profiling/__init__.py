"""Looks at data that nobody has prepared and writes a first recipe for it. The door is :func:`draft_recipe`."""

from __future__ import annotations

from kerasline.components.profiling.drafting import Draft, draft_recipe, safe_name

__all__ = ["Draft", "draft_recipe", "safe_name"]
