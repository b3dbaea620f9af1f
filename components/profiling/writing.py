"""Writes a recipe as YAML with comments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from kerasline.components.core import printable

_WIDTH = 110


def scalar(value: Any) -> str:
    """Writes a value on one line as YAML reads it back: quoted where it must be."""
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**9, sort_keys=False).strip()
    return text.removesuffix("\n...").strip()


def pair(key: str, value: Any, indent: int = 0, why: str = "") -> list[str]:
    """Writes ``key: value`` on one line, with the reason as a comment behind it, or above where it is long."""
    line, why = f"{' ' * indent}{scalar(key)}: {scalar(value)}", " ".join(printable(why).split())
    if not why:
        return [line]
    if len(line) + len(why) + 4 <= _WIDTH:
        return [f"{line}  # {why}"]
    return [*comment(why, indent), line]


def block(key: str, values: Mapping[str, Any], indent: int = 0, why: str = "") -> list[str]:
    """Writes a block, each of its keys on a line of its own, with the reason above it."""
    written = [*comment(why, indent), f"{' ' * indent}{scalar(key)}:"]
    for name, value in values.items():
        written += pair(name, value, indent + 2)
    return written


def comment(text: str, indent: int = 0) -> list[str]:
    """Wraps a comment."""
    lines: list[str] = []
    line = ""
    for word in printable(text).split():
        if line and len(line) + len(word) + 1 > _WIDTH - indent - 2:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return [f"{' ' * indent}# {part}" for part in [*lines, *([line] if line else [])]]


def listed(names: Sequence[str], most: int = 8) -> str:
    """Names a few of many."""
    more = f", ... ({len(names)} in all)" if len(names) > most else ""
    return ", ".join(names[:most]) + more
