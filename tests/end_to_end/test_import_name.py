"""kerasline works wherever it is started, and from a wheel: no package hides it, and it hides none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# A run through the extra formats, each of which is made in a process of its own.
RECIPE = """
name: blossoms
data: {dataset: iris}
model: {units: [8]}
training: {epochs: 3}
evaluation: {beat_trivial: false, thresholds: {accuracy: {min: 0.0}}}
push: {formats: [saved_model, keras]}
schedule: {trigger: always, cooldown_minutes: 0}
"""


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A folder as every TFX project has one, with packages of our folders' names that must not be imported."""
    folder = tmp_path / "project"
    for name in ("components", "pipeline", "kerasline"):
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text("raise ImportError('the package of another project')\n")
    (folder / "blossoms.yaml").write_text(RECIPE)
    return folder


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the contents of the wheel, and nothing of the checkout."""
    folder = tmp_path_factory.mktemp("site")
    zipfile.ZipFile(wheel).extractall(folder)
    return folder


def kerasline(*arguments: str, folder: Path, site: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Runs the command in a folder, with the package of the checkout or with another one."""
    script = "import sys, kerasline; from kerasline.__main__ import main; print(kerasline.__file__); main()"
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(site or ROOT)}
    command = [sys.executable, "-P", "-c", script, *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)


def assert_pushed_with_formats(folder: Path, version: int) -> None:
    """A version was pushed, and the child process that makes formats did its work."""
    pointer = json.loads((folder / "workspace" / "models" / "blossoms" / "current.json").read_text())
    assert pointer["version"] == version
    assert (folder / "workspace" / "models" / "blossoms" / str(version) / "formats" / "model.keras").is_file()


@pytest.mark.slow
@pytest.mark.long
def test_a_folder_with_packages_of_those_names_changes_nothing(foreign: Path) -> None:
    done = kerasline("run", "blossoms.yaml", folder=foreign)
    assert done.returncode == 0, done.stderr
    assert_pushed_with_formats(foreign, 1)
    again = kerasline("retrain", "blossoms.yaml", "--set", "training.epochs=4", folder=foreign)
    assert again.returncode == 0, again.stderr
    assert_pushed_with_formats(foreign, 2)


@pytest.mark.slow
@pytest.mark.long
def test_a_wheel_needs_no_checkout(foreign: Path, installed: Path) -> None:
    done = kerasline("run", "blossoms.yaml", folder=foreign, site=installed)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == str(installed / "kerasline" / "__init__.py")
    assert_pushed_with_formats(foreign, 1)


@pytest.mark.parametrize("name", ["components", "pipeline"])
def test_nothing_is_importable_by_the_names_of_our_folders(name: str, tmp_path: Path, installed: Path) -> None:
    for site in (None, installed):
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        environment |= {"PYTHONPATH": str(site)} if site else {}
        command = [sys.executable, "-c", f"import {name}"]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert f"No module named '{name}'" in done.stderr


def test_importing_the_door_loads_nothing_else() -> None:
    script = "import sys; before = set(sys.modules); import kerasline; print(sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.strip("[]\n").replace("'", "").split(", ")}
    assert not loaded & {"tensorflow", "tfx", "keras", "pydantic", "numpy", "pandas", "yaml"}
