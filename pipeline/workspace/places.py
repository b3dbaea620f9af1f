"""Where the outputs of steps lie now: a workspace may have been moved or copied since they were noted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kerasline.pipeline.workspace.history import section
from kerasline.pipeline.workspace.workspace import Workspace


def place_here(folder: Path, place: str) -> str:
    """Returns where an output lies, also in a workspace that was moved since: there may be another one by now.

    Args:
      folder: Of the pipeline, in the workspace as it is now.
      place: Where it was when it was noted.
    """
    _, sign, within = place.rpartition(f"/{folder.parent.name}/{folder.name}/")
    return place if not sign or Path(place).is_relative_to(folder) else str(folder / within)


def figures_here(report: Path) -> dict[str, Any]:
    """Reads the figures of a run, with the places where its outputs lie now.

    Args:
      report: The folder of its report, ``reports/NAME/RUN`` in the workspace as it is now.
    """
    figures: dict[str, Any] = json.loads((report / "figures.json").read_text(encoding="utf-8"))
    if "artifacts" in figures:
        workspace = Workspace(report.resolve().parents[2])
        figures["artifacts"] = places_here(workspace.pipeline(report.parent.name), figures)
    return figures


def places_here(folder: Path, figures: Mapping[str, Any]) -> dict[str, str]:
    """Returns where what figures tell of lies now.

    Args:
      folder: Of the pipeline, in the workspace as it is now.
      figures: Of a run, which are written once and say where its outputs lay then.
    """
    return {name: place_here(folder, place) for name, place in section(figures, "artifacts").items()}
