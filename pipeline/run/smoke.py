"""A pipeline of a few rows through every step, in a workspace that is thrown away: does this installation work?"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from kerasline.components.core import KeraslineError
from kerasline.pipeline.run.apart import run_apart

_LIMIT_SECONDS = 600
_CHANGES = ("data.limit=300", "training.epochs=2", "evaluation.thresholds={accuracy: {min: 0.0}}")


def run_smoke() -> tuple[str, str]:
    """Runs ``digits_mlp`` on 300 rows for two epochs in a child process.

    Returns:
      ``ok`` or ``fail``, and what was seen.
    """
    with tempfile.TemporaryDirectory(prefix="kerasline-smoke-") as folder:
        words = ["digits_mlp", "--workspace", folder, *(word for change in _CHANGES for word in ("--set", change))]
        try:
            result = run_apart(words, Path(folder), limit_seconds=_LIMIT_SECONDS, stdout=subprocess.DEVNULL)
        except subprocess.TimeoutExpired:
            return "fail", f"did not end within {_LIMIT_SECONDS} s"
        except KeraslineError as error:
            return "fail", str(error)
    seconds = sum(step["seconds"] for step in result["steps"])
    return "ok", f"{len(result['steps'])} steps in {seconds:.0f} s, and {result['seconds']['import']:.0f} s of imports"
