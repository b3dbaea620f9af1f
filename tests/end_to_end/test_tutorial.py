"""The tutorial, typed as it stands there: every command of docs/tutorial.md behind the setup, section by section."""

from __future__ import annotations

import os
import random
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.test_newcomer import NAMES, flat, write_table

pytestmark = [pytest.mark.slow, pytest.mark.long]

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "tutorial.md"
REFUSED = ("kerasline run surface_underfit --data-dir ~/courses/regression_surface",)  # the tutorial says so
COURSES = ("iris", "boston_housing", "mnist", "photos10", "regression_surface")


def sections() -> dict[str, list[str]]:
    """The commands of each numbered section."""
    parts = re.split(r"(?m)^## (\d+)\. .*$", PAGE.read_text())[1:]
    texts = dict(zip(parts[::2], parts[1::2], strict=True))
    return {
        number: [line for block in re.findall(r"(?ms)^```\n(.*?)^```", text) for line in block.splitlines()]
        for number, text in texts.items()
    }


def test_the_tutorial_has_commands_in_every_section() -> None:
    found = sections()
    assert list(found) == ["1", "2", "3", "4", "5", "6"]
    assert all(lines and all(line.startswith("kerasline ") for line in lines) for lines in found.values())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the tables of the last section, and a home with the files of the courses."""
    data = Path(os.environ.get("KERASLINE_DATA") or ROOT.parent / "shared" / "data").resolve()
    if not all((data / name).is_dir() for name in COURSES):
        pytest.skip(f"needs the files of the courses in {data}; set KERASLINE_DATA")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "courses").symlink_to(data)
    chooser = random.Random(3)
    write_table(tmp_path / "flats.csv", [flat(chooser) for _ in range(400)], len(NAMES))
    write_table(tmp_path / "new.csv", [flat(chooser) for _ in range(50)], len(NAMES) - 1)
    return tmp_path


@pytest.mark.parametrize("number", sections())
def test_a_section_does_what_it_says(number: str, folder: Path) -> None:
    home = folder / "home"
    activated = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "COLUMNS": "200"}
    for name in ("KERASLINE_WORKSPACE", "KERASLINE_DATA"):
        activated.pop(name, None)
    for line in sections()[number]:
        words = [word.replace("~", str(home), 1) if word.startswith("~/") else word for word in shlex.split(line)]
        command = [sys.executable, "-m", *words]
        done = subprocess.run(command, cwd=folder, env=activated, capture_output=True, text=True, timeout=900)
        assert done.returncode == (4 if line in REFUSED else 0), f"{line}\n{done.stdout}\n{done.stderr}"
