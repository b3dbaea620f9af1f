"""What the shell offers when Tab is pressed: recipes, keys, steps, models and their versions. It never fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import typer


def recipes(incomplete: str) -> list[str]:
    """Offers the shipped recipes, and the YAML files and folders that a path may lead to."""
    from kerasline.pipeline.config import recipe_names

    folder, _, begin = incomplete.rpartition("/")
    files = []
    for path in sorted(Path(folder or ("/" if incomplete.startswith("/") else ".")).glob(f"{begin}*")):
        shown = f"{folder}/{path.name}" if "/" in incomplete else path.name
        if path.is_dir():
            files.append(f"{shown}/")
        elif path.suffix in (".yaml", ".yml"):
            files.append(shown)
    return [*(name for name in recipe_names() if name.startswith(incomplete)), *files]


def keys(incomplete: str) -> list[str]:
    """Offers the keys of a recipe that go on from what is typed, as ``KEY=``."""
    if "=" in incomplete:
        return []
    from kerasline.pipeline.config import Experiment, key_names

    return [f"{key}=" for key in key_names(Experiment) if key.startswith(incomplete)]


def steps(incomplete: str) -> list[str]:
    """Offers the steps of a pipeline."""
    from kerasline.pipeline.workspace import STEPS

    return [step for step in STEPS if step.startswith(incomplete)]


def models(context: typer.Context, incomplete: str) -> list[str]:
    """Offers the models of the workspace, and behind an ``@`` the versions of one."""
    folder = _workspace(context) / "models"
    name, at, _ = incomplete.partition("@")
    if not at:
        return [path.name for path in _folders(folder) if path.name.startswith(incomplete)]
    numbers = sorted(int(path.name) for path in _folders(folder / name) if path.name.isdecimal())
    return [f"{name}@{number}" for number in numbers if f"{name}@{number}".startswith(incomplete)]


def runs(context: typer.Context, incomplete: str) -> list[str]:
    """Offers the runs of the workspace, the newest first, and the recipes that have run."""
    reports = _folders(_workspace(context) / "reports")
    ids = sorted((run.name for recipe in reports for run in _folders(recipe)), reverse=True)
    return [name for name in [*(path.name for path in reports), *ids] if name.startswith(incomplete)]


def _workspace(context: typer.Context) -> Path:
    from kerasline.pipeline.workspace import workspace_folder

    return workspace_folder(context.params.get("workspace"))


def _folders(folder: Path) -> list[Path]:
    return sorted(_seen(folder))


def _seen(folder: Path) -> Iterator[Path]:
    """Gives the folders in a folder; none where it cannot be read."""
    try:
        yield from (path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError:
        return
