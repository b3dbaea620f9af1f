"""Fixtures that every test may use."""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

os.environ.pop("KERASLINE_WORKSPACE", None)  # of the shell; a test that needs one sets its own


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data (MNIST, iris, ...): KERASLINE_DATA, or ``../shared/data`` beside the checkout."""
    root = Path(os.environ.get("KERASLINE_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
    if not root.is_dir():
        pytest.skip(f"needs the real data sets; {root} does not exist (set KERASLINE_DATA)")
    return root


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the project, built from a copy so that nothing is left in the checkout."""
    root = Path(__file__).resolve().parents[1]
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    for name in ("kerasline", "components", "pipeline"):
        shutil.copytree(root / name, source / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(root / "setup.py", source)
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--use-pep517"]
    subprocess.run([*command, "-w", str(folder), str(source)], check=True, capture_output=True)
    (built,) = folder.glob("kerasline-*.whl")
    return built


@pytest.fixture
def own(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a user's module, whose text is the ``CODE`` of the test's file."""
    monkeypatch.syspath_prepend(str(tmp_path))
    name = f"own_{request.module.__name__.rpartition('.')[2]}_{abs(hash(tmp_path))}"
    (tmp_path / f"{name}.py").write_text(request.module.CODE)
    yield name
    sys.modules.pop(name, None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts whole runs of the command first, then other files with slow tests: none of two processes waits for long."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (not {"end_to_end", "notebooks"} & {*item.path.parts}, item.path not in slow))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Looks for garbage once, after all is loaded: some million objects, which stay, and are not looked at again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()
