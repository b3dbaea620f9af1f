"""The script behind ``make setup``, with a stand-in for the installer."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """The script, for a small project in a temporary folder, with no uv and no real installer."""
    specification = importlib.util.spec_from_file_location("set_up", ROOT / "requirements" / "set_up.py")
    assert specification and specification.loader
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    root = tmp_path / "project"
    (root / "requirements").mkdir(parents=True)
    (root / "setup.py").write_text("setup()")
    (root / "requirements" / "lock.txt").write_text(
        "keras==3.15.1 \\\n    --hash=sha256:11\n    # via tfx\nsetuptools==80.0.0 \\\n    --hash=sha256:22\n"
    )
    (root / "requirements" / "jax.txt").write_text("jax==0.10.2 \\\n    --hash=sha256:33\n")
    monkeypatch.setattr(module, "ROOT", root)
    monkeypatch.setattr(module.shutil, "which", lambda _: None)
    monkeypatch.setattr(module, "is_python_3_11", lambda python: python.exists())
    return module


@pytest.fixture
def titles(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The titles of the steps that were run; each leaves behind what the real one would."""
    seen: list[str] = []

    def run(title: str, command: list[str], log: Path, *_: Any, **__: Any) -> None:
        seen.append(title)
        venv = log.parent
        site = script.site_packages(venv)
        if title == "environment":
            (venv / "bin").mkdir()
            (venv / "bin" / "python").touch()
            (site / "pip").mkdir(parents=True)
        elif title == "packages":
            lists = [Path(command[number + 1]) for number, word in enumerate(command) if word == "-r"]
            for name in (name for path in lists for name in script.pins(path)):
                (site / f"{name}-1.dist-info").mkdir(exist_ok=True)
        elif title == "kerasline itself":
            (venv / "bin" / "kerasline").touch()

    monkeypatch.setattr(script, "run", run)
    return seen


FULL = ["environment", "build tools", "packages", "kerasline itself", "bytecode"]


def test_a_second_set_up_does_nothing(script: ModuleType, titles: list[str], tmp_path: Path) -> None:
    venv = tmp_path / ".venv"
    script.set_up(venv, [])
    assert titles == FULL
    assert json.loads((venv / "kerasline-setup.json").read_text())["packages"] == ["keras", "setuptools"]
    titles.clear()
    script.set_up(venv, [])
    assert titles == []
    (venv / "bin" / "kerasline").unlink()
    script.set_up(venv, [])
    assert titles == FULL[1:]


def test_a_new_lock_updates_and_removes_what_left(script: ModuleType, titles: list[str], tmp_path: Path) -> None:
    venv = tmp_path / ".venv"
    script.set_up(venv, [])
    titles.clear()
    (script.ROOT / "requirements" / "lock.txt").write_text("setuptools==80.0.1 \\\n    --hash=sha256:44\n")
    script.set_up(venv, [])
    assert titles == ["build tools", "packages", "removing 1 that left the lock", "kerasline itself", "bytecode"]


def test_an_extra_list_stays_when_it_is_not_named_again(script: ModuleType, titles: list[str], tmp_path: Path) -> None:
    venv = tmp_path / ".venv"
    script.set_up(venv, ["jax"])
    titles.clear()
    script.set_up(venv, [])
    assert titles == []
    assert "jax" in json.loads((venv / "kerasline-setup.json").read_text())["packages"]


@pytest.mark.parametrize("broken_at", ["build tools", "packages", "kerasline itself", "bytecode"])
def test_an_interrupted_set_up_starts_afresh(
    script: ModuleType, titles: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, broken_at: str
) -> None:
    venv = tmp_path / ".venv"
    whole: Callable[..., None] = script.run

    def cut_short(title: str, *arguments: Any, **named: Any) -> None:
        if title == broken_at:
            raise KeyboardInterrupt
        whole(title, *arguments, **named)

    monkeypatch.setattr(script, "run", cut_short)
    with pytest.raises(KeyboardInterrupt):
        script.set_up(venv, ["jax"])
    (venv / "half-written").touch()
    monkeypatch.setattr(script, "run", whole)
    titles.clear()
    script.set_up(venv, [])
    assert titles == FULL
    assert not (venv / "half-written").exists()
    assert not (venv / "kerasline-setup.unfinished").exists()
    assert "jax" in json.loads((venv / "kerasline-setup.json").read_text())["packages"]


def test_a_package_that_did_not_arrive_is_named(
    script: ModuleType, titles: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(script, "installed", lambda _: {"setuptools"})
    with pytest.raises(script.SetupFailed, match="keras did not arrive, though the installer reported success"):
        script.set_up(tmp_path / ".venv", [])
    assert not (tmp_path / ".venv" / "kerasline-setup.json").exists()


def test_a_moved_checkout_gets_a_new_environment(
    script: ModuleType, titles: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script.set_up(tmp_path / ".venv", [])
    titles.clear()
    monkeypatch.setattr(script, "ROOT", script.ROOT.rename(tmp_path / "elsewhere"))
    script.set_up(tmp_path / ".venv", [])
    assert titles == FULL


def test_only_environments_are_removed(script: ModuleType, titles: list[str], tmp_path: Path) -> None:
    folder = tmp_path / ".venv"
    folder.mkdir()
    (folder / "thesis.txt").touch()
    with pytest.raises(script.SetupFailed, match="exists and is no virtual environment; move it away"):
        script.set_up(folder, [])
    assert (folder / "thesis.txt").exists()


@pytest.mark.parametrize(
    ("system", "machine", "libc", "message"),
    [
        ("Darwin", "arm64", ("", ""), "need Linux on x86_64, this is Darwin on arm64; use the Dockerfile"),
        ("Linux", "x86_64", ("glibc", "2.17"), r"glibc 2.28 or newer is needed .*, this is glibc 2.17; use the"),
        ("Linux", "x86_64", ("", ""), "this is another C library; use the Dockerfile"),
    ],
)
def test_machines_that_the_wheels_do_not_run_on(
    script: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    system: str,
    machine: str,
    libc: tuple[str, str],
    message: str,
) -> None:
    monkeypatch.setattr(script.platform, "system", lambda: system)
    monkeypatch.setattr(script.platform, "machine", lambda: machine)
    monkeypatch.setattr(script.platform, "libc_ver", lambda: libc)
    with pytest.raises(script.SetupFailed, match=message):
        script.check_machine(tmp_path / ".venv", ["lock"])


def test_a_full_disk_is_noticed_before_anything_is_fetched(script: ModuleType, tmp_path: Path) -> None:
    script.NEEDED_DISK_GIB["lock"] = 10**6
    with pytest.raises(script.SetupFailed, match=r"about 1000000 GiB are needed in .*, [\d.]+ are free; make room"):
        script.check_machine(tmp_path / ".venv", ["lock"])


def test_a_failed_step_shows_the_end_of_its_log(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "log"
    command = [sys.executable, "-c", "import sys; print('no such wheel'); sys.exit(3)"]
    with pytest.raises(script.SetupFailed, match=r"the step 'packages' failed; .*log\. Try a mirror\.$"):
        script.run("packages", command, log, hint="Try a mirror.")
    assert "    no such wheel" in capsys.readouterr().err
    script.run("packages", command, log, may_fail=True)


def test_progress_counts_what_is_fetched_then_what_is_in_place(script: ModuleType, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("\nCollecting a\n  Downloading a\nCollecting b\n")
    assert script.progress(tmp_path, log, 9) == "2 of 9 fetched"
    for number in range(12):
        (script.site_packages(tmp_path) / f"Some_package{number}-1.0.dist-info").mkdir(parents=True)
    assert script.progress(tmp_path, log, 9) == "9 of 9 in place"
    assert "some-package3" in script.installed(tmp_path)
