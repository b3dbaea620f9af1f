"""What ARCHITECTURE.md and CONTRIBUTING.md say of the tree is so: its rooms in order, its files, the names in them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kerasline.pipeline.workspace import STEPS
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


def artifact_rows() -> list[tuple[str, str]]:
    """Each row of the table of artifacts: its step, and what that leaves."""
    table = (ROOT / "ARCHITECTURE.md").read_text().partition("## Who writes what")[2].partition("\n## ")[0]
    return re.findall(r"(?m)^\| (\w+)(?:: [\w ]+)? \| (.*?) \|", table)[1:]


def test_every_step_stands_in_the_table_of_artifacts() -> None:
    assert list(dict.fromkeys(step for step, _ in artifact_rows())) == list(STEPS)


def test_the_artifact_files_have_the_names_of_the_code() -> None:
    code = "\n".join(
        path.read_text() for folder in ("components", "pipeline") for path in (ROOT / folder).rglob("*.py")
    )
    files = {name for _, cell in artifact_rows() for name in re.findall(r"`(\w[\w.]*\.\w+)`", cell)}
    assert {"verdict.json", "trials.json", "model.keras", "figures.json"} <= files
    assert [name for name in sorted(files) if f'"{name}"' not in code] == []


@pytest.mark.parametrize(("guide", "path"), named_files())
def test_a_file_that_is_named_is_there(guide: str, path: str) -> None:
    assert (ROOT / path).exists(), f"{guide} names {path}"


@pytest.mark.parametrize(("name", "path"), named_definitions())
def test_a_name_stands_where_it_is_said_to(name: str, path: str) -> None:
    assert re.search(rf"(?m)^(?:def |class )?{name}\b", (ROOT / path).read_text()), f"{name} is not in {path}"
