"""The tutorial, typed as it stands there: every command of docs/tutorial.md behind the setup, section by section.

Its last section is typed behind the README's commands, which are nearly the same: see test_newcomer.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.test_newcomer import TABLE_SECTION, tutorial_sections

pytestmark = [pytest.mark.slow, pytest.mark.long]

ROOT = Path(__file__).resolve().parents[2]
REFUSED = ("kerasline run surface_underfit --data-dir ~/courses/regression_surface",)  # the tutorial says so
COURSES = ("iris", "boston_housing", "mnist", "photos10", "regression_surface")


def test_the_tutorial_has_commands_in_every_section() -> None:
    found = tutorial_sections()
    assert list(found) == ["1", "2", "3", "4", "5", TABLE_SECTION]
    assert all(lines and all(line.startswith("kerasline ") for line in lines) for lines in found.values())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder beside a home with the files of the courses."""
    data = Path(os.environ.get("KERASLINE_DATA") or ROOT.parent / "shared" / "data").resolve()
    if not all((data / name).is_dir() for name in COURSES):
        pytest.skip(f"needs the files of the courses in {data}; set KERASLINE_DATA")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "courses").symlink_to(data)
    return tmp_path


@pytest.mark.parametrize("number", [number for number in tutorial_sections() if number != TABLE_SECTION])
def test_a_section_does_what_it_says(number: str, folder: Path) -> None:
    home = folder / "home"
    activated = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "COLUMNS": "200"}
    for name in ("KERASLINE_WORKSPACE", "KERASLINE_DATA"):
        activated.pop(name, None)
    for line in tutorial_sections()[number]:
        words = [word.replace("~", str(home), 1) if word.startswith("~/") else word for word in shlex.split(line)]
        command = [sys.executable, "-m", *words]
        done = subprocess.run(command, cwd=folder, env=activated, capture_output=True, text=True, timeout=900)
        assert done.returncode == (4 if line in REFUSED else 0), f"{line}\n{done.stdout}\n{done.stderr}"
