"""Writes a user's module with a function that works, to be changed."""

from __future__ import annotations

import importlib.util
import keyword
from pathlib import Path

from kerasline.components.core import ConfigError, check_output, nearest, write_at_once

_FOLDER = Path(__file__).parent
_NAME = "NAME"  # stands for the function in templates and in the recipe's lines
# Each kind with the lines of a recipe that use it.
KINDS = {
    "source": 'data: {python: {function: "NAME:NAME", label: pass}}',
    "preprocessing": 'features: {COLUMN: {function: "NAME:NAME"}}',
    "model": 'model: {family: custom, build: "NAME:NAME", config: {units: [64, 32]}}',
    "training": 'model: {family: custom, build: "NAME:NAME", config: {width: 64}}',
    "loss": 'training: {loss: "NAME:NAME"}',
    "optimizer": 'training: {optimizer: "NAME:NAME"}',
    "check": 'validation: {checks: ["NAME:NAME"]}',
    "gate": 'evaluation: {gates: ["NAME:NAME"]}',
    "page": 'report: {pages: ["NAME:NAME"]}',
    "metric": 'evaluation: {metrics: [accuracy, "NAME:NAME"]}',
    "callbacks": 'training: {callbacks: ["NAME:NAME"]}',
}


def write_module(kind: str, name: str, folder: Path) -> tuple[Path, str]:
    """Writes ``NAME.py`` from the template of a kind.

    Args:
      kind: Key of ``KINDS``.
      name: Name of the function and of its module.
      folder: Folder of the recipe.

    Returns:
      The file, and the recipe's lines that use it.

    Raises:
      ConfigError: there is no such kind, the name is none of Python's or taken, or the file is there already.
    """
    if kind not in KINDS:
        raise ConfigError(f"KIND: expected one of {', '.join(KINDS)}, got {kind!r}.{nearest(kind, KINDS)}")
    if not name.isidentifier() or keyword.iskeyword(name) or not name.isascii():
        raise ConfigError(f"NAME: expected a name of Python, such as my_{kind}, got {name!r}")
    path = folder / f"{name}.py"
    if path.exists():
        raise ConfigError(f"{path} exists already; take another name, or move it away")
    if _hides(name):
        raise ConfigError(f"NAME: {name} is a module that Python has already; take another name, such as my_{name}")
    check_output(path, "NAME")
    write_at_once(path, (_FOLDER / f"{kind}.txt").read_text(encoding="utf-8").replace(_NAME, name))
    return path, KINDS[kind].replace(_NAME, name)


def _hides(name: str) -> bool:
    """Says whether a module of this name is there already."""
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return True
