"""``make measure`` counts rightly, and the source stays within the limits of what one reads at once."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tools.measure import Source, complexity, measure, read_source, read_sources

ROOT = Path(__file__).resolve().parents[1]
MOST_LINES = 400
MOST_LINES_OF_A_FUNCTION = 60
MOST_COMPLEX = 10


@cache
def sources() -> list[Source]:
    """The package's files."""
    return read_sources()


@pytest.mark.parametrize(
    ("text", "ways"),
    [
        ("return 1", 1),
        ("return 1 if a else 2", 2),
        ("return a and b or c", 3),
        ("return [x for x in a if x if b]", 4),
        ("for x in a:\n  if x:\n    pass\n  elif b:\n    pass", 4),
        ("try:\n  pass\nexcept KeyError:\n  pass\nexcept ValueError:\n  pass", 3),
        ("match a:\n  case 1:\n    pass\n  case _:\n    pass", 3),
        ("def inner():\n  if a:\n    pass\nreturn inner", 1),
    ],
)
def test_complexity_counts_the_ways_through_a_function(text: str, ways: int) -> None:
    lines = "".join(f"    {line}\n" for line in text.splitlines())
    (function,) = ast.parse(f"def f(a, b, c):\n{lines}").body
    assert isinstance(function, ast.FunctionDef)
    assert complexity(function) == ways


def test_a_file_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "one.py"
    path.write_text(
        '"""A module."""\n'
        "# Why.\n"
        "class Open:\n"
        '    """A class."""\n'
        "    def told(self):\n"
        '        """Three lines\n'
        '        of docstring."""\n'
        "        return '# no comment'  # but this\n"
        "    def untold(self): ...\n"
        "    def _own(self): ...\n"
        "def _own(): ...\n"
    )
    found = read_source(path, tmp_path)
    assert (found.path, found.lines, found.comments) == (Path("one.py"), 11, 2)
    assert found.nodes == sum(1 for _ in ast.walk(ast.parse(path.read_text())))
    assert sorted((each.name, each.lines) for each in found.functions) == [
        ("one.py:_own", 1), ("one.py:_own", 1), ("one.py:told", 2), ("one.py:untold", 1)
    ]  # fmt: skip
    assert found.public == (True, True, True, False)
    figures = measure([found])
    assert (figures["lines"], figures["comments in 100 lines"], figures["public docstrings, %"]) == (
        *("11", "18.2", "75.0"),
    )


def test_no_file_is_counted_twice() -> None:
    paths = [source.path for source in sources()]
    assert len(paths) == len(set(paths)), "kerasline/ links to the other two folders"
    assert {path.parts[0] for path in paths} == {"kerasline", "components", "pipeline"}


def test_files_stay_short() -> None:
    assert [f"{each.path}: {each.lines}" for each in sources() if each.lines > MOST_LINES] == []


def test_functions_stay_short() -> None:
    functions = [each for source in sources() for each in source.functions]
    assert [each for each in functions if each.lines > MOST_LINES_OF_A_FUNCTION] == []


def test_functions_stay_simple() -> None:
    functions = [each for source in sources() for each in source.functions]
    assert [each for each in functions if each.complexity > MOST_COMPLEX] == []


def test_the_measures_of_the_whole_hold() -> None:
    figures = measure(sources())
    assert float(figures["functions above 40 lines, %"]) <= 2
    assert float(figures["complexity, mean"]) <= 4.8
    assert float(figures["public docstrings, %"]) >= 99


def test_the_command_prints_every_measure() -> None:
    words = [sys.executable, "-m", "tools.measure", "kerasline", "--most", "1"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    told = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout
    assert all(title in told for title in measure(read_sources(["kerasline"])))
    assert "files in each folder\nkerasline  " in told
    wrong = subprocess.run([*words[:3], "nowhere"], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert wrong.returncode == 2
    assert "nowhere is none" in wrong.stderr
