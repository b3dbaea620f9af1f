"""The runs of a workspace, from what each left beside its report. Reads no ML Metadata, so it answers at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def list_runs(workspace: Path) -> list[dict[str, Any]]:
    """Returns the outcome (the fields of ``--json``) of every run, oldest first."""
    found = []
    for path in workspace.glob("reports/*/*/run.json"):
        found.append(json.loads(path.read_text(encoding="utf-8")))
    return sorted(found, key=lambda result: result["run_id"])
