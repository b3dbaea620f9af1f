"""What ARCHITECTURE.md and CONTRIBUTING.md say of the tree is so: its rooms in order, its files, the names in them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.test_architecture import ROOMS

ROOT = Path(__file__).resolve().parents[1]
GUIDES = ("ARCHITECTURE.md", "CONTRIBUTING.md")
FOLDERS = "components|pipeline|tests|notebooks|benchmarks|tools|requirements|docs"


def named_files() -> list[tuple[str, str]]:
    """Each guide with a file or folder that it names; NAME stands for a file that a reader will write."""
    paths = rf"`((?:{FOLDERS})/[^` ]*)`"
    found = {(guide, path) for guide in GUIDES for path in re.findall(paths, (ROOT / guide).read_text())}
    return sorted(pair for pair in found if "NAME" not in pair[1] and "*" not in pair[1])


def named_definitions() -> list[tuple[str, str]]:
    """Each pair of ``NAME`` in ``file``."""
    places = rf"`(\w+)`\s+in\s+`((?:{FOLDERS})/[^`]*\.py)`"
    return sorted({pair for guide in GUIDES for pair in re.findall(places, (ROOT / guide).read_text())})


def test_the_rooms_are_those_of_the_tree_and_in_order() -> None:
    rows = re.findall(r"(?m)^\| `((?:components|pipeline)[\w.]*)` \|", (ROOT / "ARCHITECTURE.md").read_text())
    assert rows == list(ROOMS)


@pytest.mark.parametrize(("guide", "path"), named_files())
def test_a_file_that_is_named_is_there(guide: str, path: str) -> None:
    assert (ROOT / path).exists(), f"{guide} names {path}"


@pytest.mark.parametrize(("name", "path"), named_definitions())
def test_a_name_stands_where_it_is_said_to(name: str, path: str) -> None:
    assert re.search(rf"(?m)^(?:def |class )?{name}\b", (ROOT / path).read_text()), f"{name} is not in {path}"
