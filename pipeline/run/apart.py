"""Runs a recipe in a process of its own, for those who look at what came of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kerasline.components.core import KeraslineError, end_child, last_line, module_command, start_child


def run_apart(
    words: Sequence[str], folder: Path, *, limit_seconds: float | None = None, **options: Any
) -> dict[str, Any]:
    """Runs ``kerasline run`` and returns its outcome.

    Args:
      words: Of the command line, behind ``run``.
      folder: Folder that is thrown away later, for the outcome and for what the process says on stderr.
      limit_seconds: After which it is ended; None for none.
      **options: Of ``subprocess.Popen``.

    Returns:
      The fields of ``--json``.

    Raises:
      KeraslineError: It ended with another code than 0; its last line says why.
      subprocess.TimeoutExpired: It did not end in time.
    """
    outcome, said = folder / "outcome.json", folder / "said.txt"
    with said.open("wb") as file:
        command = module_command("kerasline", "run", *words, "--json", str(outcome))
        child = start_child(command, stderr=file, **options)
    try:
        child.wait(limit_seconds)
    finally:
        end_child(child)
    if child.returncode != 0 or not outcome.is_file():
        last = last_line(said.read_text(encoding="utf-8", errors="replace"))
        raise KeraslineError(f"ended with exit code {child.returncode}: {last}")
    return dict(json.loads(outcome.read_text(encoding="utf-8")))
