"""A pipeline of a few rows through every step, in a workspace that is thrown away: does this installation work?"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

from kerasline.components.core import end_child, module_command, start_child

_LIMIT_SECONDS = 600
_CHANGES = ("data.limit=300", "training.epochs=2", "evaluation.thresholds={accuracy: {min: 0.0}}")


def run_smoke() -> tuple[str, str]:
    """Runs ``digits_mlp`` on 300 rows for two epochs in a child process.

    Returns:
      ``ok`` or ``fail``, and what was seen.
    """
    with tempfile.TemporaryDirectory(prefix="kerasline-smoke-") as folder:
        outcome = Path(folder) / "outcome.json"
        command = module_command("kerasline", "run", "digits_mlp", "--workspace", folder)
        command += ["--json", str(outcome)]
        for change in _CHANGES:
            command += ["--set", change]
        said = Path(folder) / "said.txt"
        with open(said, "wb") as file:
            child = start_child(command, stdout=subprocess.DEVNULL, stderr=file)
        try:
            child.wait(_LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            return "fail", f"did not end within {_LIMIT_SECONDS} s"
        finally:
            end_child(child)
        if child.returncode != 0 or not outcome.is_file():
            last = (said.read_text(encoding="utf-8", errors="replace").strip().splitlines() or ["no message"])[-1]
            return "fail", f"ended with exit code {child.returncode}: {last}"
        result = json.loads(outcome.read_text(encoding="utf-8"))
    seconds = sum(step["seconds"] for step in result["steps"])
    return "ok", f"{len(result['steps'])} steps in {seconds:.0f} s, and {result['seconds']['import']:.0f} s of imports"
