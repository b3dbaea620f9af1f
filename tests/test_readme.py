"""What the README shows is what the command takes: its commands and options, and the keys and values of its YAML."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest
import typer.main
import yaml

from pipeline.cli import app
from pipeline.config import parse_experiment

README = (Path(__file__).resolve().parents[1] / "README.md").read_text()
CODE = re.findall(r"(?ms)^```(\w*)\n(.*?)^```", README)
BLOCKS = (
    "data",
    "features",
    "validation",
    "model",
    "training",
    "tuning",
    "evaluation",
    "push",
    "report",
    "schedule",
    "run",
)


def commands() -> list[str]:
    """The commands in blocks of code and in running text, without their remarks."""
    lines = [line for language, text in CODE if not language for line in text.replace("\\\n", " ").splitlines()]
    spans = re.findall(r"`(kerasline [^`]*)`", re.sub(r"(?ms)^```.*?^```", "", README))
    found = [line.split("  #")[0].strip() for line in [*lines, *spans] if line.startswith("kerasline ")]
    return sorted({line for line in found if "[" not in line})


@pytest.mark.parametrize("line", commands())
def test_every_command_is_one(line: str) -> None:
    """Parsed as the command line is, and not run."""
    words = [word for word in shlex.split(line)[1:] if word != "..."]
    command: Any = typer.main.get_command(app)
    context = click.Context(command)
    while isinstance(command, click.Group):
        name, command, words = command.resolve_command(context, words)
        assert command is not None, name
    missing = [parameter.name for parameter in command.params if parameter.required] if "..." in line else []
    try:
        command.make_context(name, words)
    except click.MissingParameter as error:
        assert error.param is not None and error.param.name in missing


def examples() -> list[dict[str, Any]]:
    """The blocks of YAML that are a recipe or a part of one; a whole block of code may show several ways of one key."""
    found = []
    for language, text in CODE:
        if language != "yaml":
            continue
        parts = re.split(r"(?m)^(?=[a-z]+:)", text)
        found += [yaml.safe_load(part) for part in parts if part.strip() and part.partition(":")[0] in BLOCKS]
    return found


@pytest.mark.parametrize("example", examples(), ids=lambda example: next(iter(example)))
def test_every_block_of_a_recipe_is_valid(example: dict[str, Any]) -> None:
    recipe = {"name": "flats", "data": {"csv": {"path": "flats.csv", "label": "rent"}}, **example}
    parse_experiment(recipe, [], "README.md")
