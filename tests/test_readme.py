"""What the README and docs/ show is what the command takes: commands and options, and the keys and values of YAML."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
import typer.main
import yaml

import kerasline
from kerasline.pipeline.cli.entry import app
from kerasline.pipeline.config import recipe_names
from kerasline.pipeline.config.experiment import parse_experiment
from tools.reference import pages

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXT = "\n".join(page.read_text() for page in PAGES)
CODE = re.findall(r"(?ms)^```(\w*)\n(.*?)^```", TEXT)
MADE = {f"reference/{name}" for name in pages()}  # while the site is built
MOST_LINES = 100
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
    "serve",
    "run",
)


def commands() -> list[str]:
    """The commands in blocks of code and in running text, without their remarks and where their output goes."""
    typed = [text for language, text in CODE if not language and not text.startswith("$ ")]  # else with its output
    lines = [line for text in typed for line in text.replace("\\\n", " ").splitlines()]
    spans = re.findall(r"`(kerasline [^`]*)`", re.sub(r"(?ms)^```.*?^```", "", TEXT))
    found = [re.split(r"  #| > ", line)[0].strip() for line in [*lines, *spans] if line.startswith("kerasline ")]
    return sorted({line.replace("VERSION", "3") for line in found if "[" not in line})


@pytest.mark.parametrize("line", commands())
def test_every_command_is_one(line: str) -> None:
    """Parsed as the command line is, and not run. A command alone, or with dots, is not all that one types."""
    words = [word for word in shlex.split(line)[1:] if word != "..."]
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands") and words:
        name, *words = words
        assert name in command.commands, line
        command = command.commands[name]
    is_short = not words or "..." in line
    required = [parameter.name for parameter in getattr(command, "params", ()) if parameter.required]
    try:
        command.make_context(name, words)
    except typer.BadParameter as error:
        assert is_short and error.param is not None and error.param.name in required


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


def links() -> list[tuple[Path, str]]:
    """Each page with a place in the project that it links to."""
    guides = [ROOT / name for name in ("ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")]
    found = [
        (page, target) for page in (*PAGES, *guides) for target in re.findall(r"\]\(([^)#\s]+)\)", page.read_text())
    ]
    return [(page, target) for page, target in found if "://" not in target]


@pytest.mark.parametrize(("page", "target"), links(), ids=lambda value: getattr(value, "name", value))
def test_every_link_leads_somewhere(page: Path, target: str) -> None:
    assert (page.parent / target).exists() or target in MADE


def anchors() -> list[tuple[Path, str, str]]:
    """Each page with a heading that it links to: the page of the heading, empty for the same, and the anchor."""
    found = [(page, *pair) for page in PAGES for pair in re.findall(r"\]\(([^)#\s]*)#([^)\s]+)\)", page.read_text())]
    return [(page, target, anchor) for page, target, anchor in found if "://" not in target]


@pytest.mark.parametrize(("page", "target", "anchor"), anchors(), ids=lambda value: getattr(value, "name", value))
def test_every_anchor_is_a_heading(page: Path, target: str, anchor: str) -> None:
    headings = re.findall(r"(?m)^#+ (.*)$", (page.parent / target if target else page).read_text())
    assert anchor in [re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings]


@pytest.mark.parametrize("block", [text for language, text in CODE if language == "python"])
def test_every_block_of_python_compiles_and_its_names_are_there(block: str) -> None:
    compile(block, "docs", "exec")
    names = set(re.findall(r"\bkl\.(\w+)", block))
    assert names <= set(kerasline.__all__)


def test_every_name_of_python_in_the_text_is_there() -> None:
    names = set(re.findall(r"\bkl\.(\w+)", TEXT))
    assert {"run", "load_model", "monitor"} <= names <= set(kerasline.__all__)


def test_every_recipe_that_a_page_runs_is_shipped() -> None:
    run = set(re.findall(r"(?m)^kerasline (?:run|show|plan) (\w+)(?![\w.])", TEXT))
    assert {"iris_mlp", "mnist_cnn", "photos10", "regression_surface", "boston_tutorial"} <= run <= set(recipe_names())


def test_the_readme_is_short_and_leads_to_every_page() -> None:
    readme = PAGES[0].read_text()
    assert len(readme.splitlines()) <= MOST_LINES
    assert [page.name for page in PAGES[1:] if f"](docs/{page.name})" not in readme] == []


def test_the_pages_are_read_whole() -> None:
    """Each fence that opens is closed on its page, or what comes after would be taken for the other kind of text."""
    assert [page.name for page in PAGES if len(re.findall(r"(?m)^```", page.read_text())) % 2] == []
    assert {"data", "model", "training", "tuning", "evaluation", "validation", "schedule", "run"} <= {
        key for example in examples() for key in example
    }
