"""The command ``kerasline init``: looks at data and writes a first recipe that runs as it is. Loads no TensorFlow."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Annotated

import typer
import yaml
from rich.console import Console
from rich.table import Table

from components.errors import ConfigError
from pipeline.config import parse_experiment

_MOST_COLUMNS = 40  # of a wide table, on the screen


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""
    app.command()(init)


def init(
    data: Annotated[Path, typer.Argument(help="A CSV or Parquet file, or a folder of images by class.")],
    labels: Annotated[
        list[str],
        typer.Option("--label", metavar="COLUMN", help="What to predict; repeat it for columns of 0/1."),
    ] = [],  # noqa: B006 (typer's way)
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="The recipe; default: NAME.yaml, here.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
) -> None:
    """Look at data and write a first recipe that runs as it is."""
    from components.profiling import draft_recipe, safe_name

    target = output or Path(f"{safe_name(data)}.yaml")
    if target.suffix not in (".yaml", ".yml"):
        raise ConfigError(f"-o: expected a file that ends in .yaml, got {target}")
    if not target.resolve().parent.is_dir():
        raise ConfigError(f"-o: expected a file in a folder that exists, but {target.resolve().parent} does not")
    if target.exists() and not force:
        raise ConfigError(f"{target} exists already; write elsewhere with -o FILE, or over it with --force")
    draft = draft_recipe(data, labels, None, path_from(target, data))
    parse_experiment(yaml.safe_load(draft.text), source=str(target))  # what is written can be read
    target.write_text(draft.text, encoding="utf-8")
    console = Console(highlight=False, soft_wrap=True)
    for line in draft.summary:
        console.print(line, markup=False)
    table = Table(box=None, header_style="bold")
    for title in ("column", "kind", "missing", "what was seen"):
        table.add_column(title, justify="right" if title == "missing" else "left", overflow="ellipsis", no_wrap=True)
    for name, kind, missing, why in draft.columns[:_MOST_COLUMNS]:
        table.add_row(_plain(name), kind, missing, _plain(why))
    Console(highlight=False).print(table)
    if len(draft.columns) > _MOST_COLUMNS:
        console.print(f"... and {len(draft.columns) - _MOST_COLUMNS} more columns", markup=False)
    console.print(f"wrote   {target}", markup=False)
    console.print(f"next    kerasline run {shlex.quote(str(target))}", markup=False)


def path_from(recipe: Path, data: Path) -> str:
    """Writes the path of the data as the recipe should: relative to its folder, absolute where they share none."""
    folder, absolute = recipe.resolve().parent, Path(os.path.abspath(data))
    shared = Path(os.path.commonpath([folder, absolute]))
    if shared == Path(shared.anchor):
        return str(absolute)
    return os.path.relpath(absolute, folder)


def _plain(text: str) -> str:
    return " ".join(text.split()).replace("[", r"\[")
