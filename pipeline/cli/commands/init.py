"""The command ``kerasline init``: looks at data and writes a first recipe that runs as it is. Loads no TensorFlow."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
import yaml
from rich.console import Console
from rich.table import Table
from rich.text import Text

from kerasline.components.core import ConfigError, address_of, check_output, printable, write_at_once, write_output
from kerasline.pipeline.config import parse_experiment, recipe_schema
from kerasline.pipeline.workspace import free_name

_MOST_COLUMNS = 40  # of a wide table, on the screen
_SCHEMA = ".kerasline.schema.json"  # hidden, so that no reader of the folder takes it for data


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""
    app.command()(init)


def init(
    data: Annotated[str, typer.Argument(help="A CSV or Parquet file, a folder of images by class, or its address.")],
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
    from kerasline.components.datasets.remote import fetch_input
    from kerasline.components.profiling import draft_recipe, safe_name

    path = Path(fetch_input(data))
    name = free_name(safe_name(path))
    target = output or Path(f"{name}.yaml")
    if target.suffix not in (".yaml", ".yml"):
        raise ConfigError(f"-o: expected a file that ends in .yaml, got {target}")
    check_output(target, "-o")
    if target.exists() and not force:
        raise ConfigError(f"{target} exists already; write elsewhere with -o FILE, or over it with --force")
    draft = draft_recipe(path, labels, name, address_of(path) or path_from(target, path))
    parse_experiment(yaml.safe_load(draft.text), source=str(target))  # what is written can be read
    write_output(target, f"{_help_editors(target)}\n{draft.text}")
    console = Console(highlight=False, soft_wrap=True)
    for line in draft.summary:
        console.print(printable(line), markup=False)
    console.print(_table(draft.columns[:_MOST_COLUMNS], Console().width))
    if len(draft.columns) > _MOST_COLUMNS:
        console.print(f"... and {len(draft.columns) - _MOST_COLUMNS} more columns", markup=False)
    console.print(f"wrote   {printable(str(target))}", markup=False)
    console.print(f"next    kerasline run {printable(shlex.quote(str(target)))}", markup=False)


def _help_editors(recipe: Path) -> str:
    """Writes the JSON Schema beside a recipe and returns the line by which the recipe names it.

    A path relative to the recipe is found without a network, and wherever the folder is taken.
    """
    write_at_once(recipe.resolve().with_name(_SCHEMA), json.dumps(recipe_schema(), indent=1) + "\n")
    return f"# yaml-language-server: $schema={_SCHEMA}"


def path_from(recipe: Path, data: Path) -> str:
    """Writes the path of the data as the recipe should: relative to its folder, absolute where they share none."""
    folder, absolute = recipe.resolve().parent, Path(os.path.abspath(data))
    shared = Path(os.path.commonpath([folder, absolute]))
    if shared == Path(shared.anchor):
        return str(absolute)
    return os.path.relpath(absolute, folder)


def _table(columns: Sequence[tuple[str, str, str, str]], width: int) -> Table:
    """Lists columns, cut to the width of the screen so that each keeps to its line."""
    names = [_cut(name, 30) for name, *_ in columns]
    left = max(20, width - max(map(len, names)) - len("categorical") - len("missing") - 10)
    table = Table(box=None, header_style="bold")
    for title in ("column", "kind", "missing", "what was seen"):
        table.add_column(title, justify="right" if title == "missing" else "left", no_wrap=True)
    for name, (_, kind, missing, why) in zip(names, columns, strict=True):
        table.add_row(*map(Text, (name, kind, missing, _cut(why, left))))
    return table


def _cut(text: str, length: int) -> str:
    plain = " ".join(printable(text).split())
    return plain if len(plain) <= length else plain[: length - 1] + "…"
