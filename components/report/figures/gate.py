"""What the data gate found, in a form that the page can count on whatever the verdict's file holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

VERDICT_FILE = "verdict.json"
_TEXTS = ("check", "status", "text", "split", "column", "measure", "accept")
_NUMBERS = ("figure", "limit", "allowance")


def read_verdict(folder: str | None) -> dict[str, Any] | None:
    """Reads a verdict.

    Args:
      folder: holds ``verdict.json``; may be None, and the file may be absent.

    Returns:
      ``stopped``, ``message``, ``findings`` (what did not pass, worst first) and ``checks`` (all of them), both with
      the keys ``check``, ``status``, ``text``, ``split``, ``column``, ``measure``, ``accept`` (texts), ``figure``,
      ``limit`` and ``allowance`` (numbers or None); ``reference`` (what was compared with) and ``quarantine``.
    """
    path = Path(folder or "", VERDICT_FILE)
    if folder is None or not path.is_file():
        return None
    stored = json.loads(path.read_text(encoding="utf-8"))
    return {
        "stopped": bool(stored.get("stopped")),
        "message": str(stored.get("message") or ""),
        "findings": [_finding(entry) for entry in stored.get("findings") or []],
        "checks": [_finding(entry) for entry in stored.get("checks") or []],
        "reference": stored.get("reference"),
        "quarantine": stored.get("quarantine"),
    }


def _finding(entry: dict[str, Any]) -> dict[str, Any]:
    return {key: str(entry.get(key) or "") for key in _TEXTS} | {key: entry.get(key) for key in _NUMBERS}
