"""The reference of the documentation has everything that there is, with words for it, and loads nothing heavy."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

import kerasline
from kerasline.pipeline.cli.entry import app
from kerasline.pipeline.config import recipe_schema
from kerasline.pipeline.run.outcome import EXIT_CODES
from kerasline.pipeline.serving import GAUGES
from tools.reference import METERS, pages, type_words

ROOT = Path(__file__).resolve().parents[1]


@cache
def page(name: str) -> str:
    """A page's text."""
    return pages()[name]


def rows(text: str) -> list[list[str]]:
    """The cells of a page's tables, without heads."""
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    return [re.split(r"(?<!\\) \| ", line.strip("| ") + " ") for line in lines]


def test_every_key_has_words_and_stands_once() -> None:
    found = rows(page("keys.md"))
    assert [row[0] for row in found if not row[-1].strip() or len(row) != 5] == []
    schema = recipe_schema()
    keys = {key for block in [schema, *schema["$defs"].values()] for key in block.get("properties", {})}
    shown = {row[0].strip("`").rpartition(".")[2] for row in found}
    assert keys - shown == set()
    assert {"`training.learning_rate`", "`features.COLUMN.scale`", "`evaluation.thresholds.NAME.max_drop`"} <= {
        row[0] for row in found
    }


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"type": ["number", "string"], "pattern": "x", "minimum": 0, "maximum": 1}, "number ≥ 0 ≤ 1"),
        ({"type": ["boolean", "string", "integer"], "minimum": 0, "maximum": 1}, "boolean"),
        ({"anyOf": [{"const": "auto"}, {"type": "array", "items": {"type": "string"}}, {"type": "null"}]},
         '`"auto"` or list of string or nothing'),
    ],
)  # fmt: skip
def test_a_type_is_told_in_words(part: dict[str, Any], words: str) -> None:
    assert type_words(part) == words


def commands(command: Any, words: str) -> list[tuple[str, Any]]:
    """The commands, those in groups too."""
    inner = getattr(command, "commands", {})
    found = [each for name in inner for each in commands(inner[name], f"{words} {name}".strip())]
    return ([(words, command)] if words else []) + found


@pytest.mark.parametrize(("words", "command"), commands(typer.main.get_command(app), ""))
def test_every_command_stands_with_its_options(words: str, command: Any) -> None:
    text = page("commands.md").partition(f"\n## {words}\n")[2].partition("\n## ")[0]
    assert command.help in text
    names = [name for each in command.params if each.param_type_name == "option" for name in each.opts]
    assert [name for name in names if name not in text] == []
    assert [row[0] for row in rows(text) if not row[-1].strip()] == []


def test_every_public_name_exit_code_and_metric_stands() -> None:
    names = set(kerasline.__all__) - {"__version__"}
    assert names <= set(re.findall(r"(?m)^## (\w+)$", page("python.md")))
    assert {str(code) for code in (*EXIT_CODES.values(), 2, 130)} == set(
        re.findall(r"(?m)^\| (\d+) ", page("exit-codes.md"))
    )
    assert all(f"`{status}`" in page("exit-codes.md") for status in EXIT_CODES)
    assert len(rows(page("metrics.md"))) == METERS.read_text().count("# TYPE ") + len(GAUGES) >= 22
    assert "| `action` |" in page("json.md") or "| `reason` |" in page("json.md")


def test_the_site_has_every_page() -> None:
    text = (ROOT / "mkdocs.yml").read_text()
    named = set(re.findall(r"([\w/-]+\.md)\b", str(yaml.safe_load(text)["nav"])))
    assert named == {path.name for path in (ROOT / "docs").glob("*.md")} | {f"reference/{name}" for name in pages()}


def test_the_reference_loads_nothing_heavy() -> None:
    code = "import sys, tools.reference as r; r.pages(); print(sorted({n.split('.')[0] for n in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "'typer'" in done.stdout
    assert [name for name in ("tensorflow", "tfx", "pandas", "pyarrow", "numpy") if f"'{name}'" in done.stdout] == []
