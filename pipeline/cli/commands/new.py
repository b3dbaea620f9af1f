"""The command ``kerasline new``: writes a module with a function of a kind, to be changed. Loads no TensorFlow."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kerasline.components.core import printable
from kerasline.pipeline.templates import KINDS, write_module


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""
    app.command()(new)


def new(
    kind: Annotated[
        str,
        typer.Argument(help=f"One of {', '.join(KINDS)}.", autocompletion=lambda: list(KINDS)),
    ],
    name: Annotated[str, typer.Argument(help="Of the function and its module, such as my_model.")],
) -> None:
    """Write NAME.py here, with a function of yours that works as it is, and print the recipe's lines that use it."""
    path, lines = write_module(kind, name, Path())
    print(f"wrote   {printable(str(path))}")
    print("then    put into the recipe beside it:\n")
    print(lines)
