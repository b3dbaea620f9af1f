"""``tools.kubeflow`` builds two programs from a checkout, parts that are modules of their own included."""

from __future__ import annotations

import pwd
import shutil
import subprocess
from pathlib import Path

import pytest

from tools import kubeflow
from tools.kubeflow import BuildFailed, are_there, build, own_parts, programs_folder

NAME = "github.com/kubeflow/pipelines"
PROGRAM = f'package main\n\nimport "{NAME}/third_party/words"\n\nfunc main() {{ print(words.Word) }}\n'


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Two programs that need a part which no proxy has."""
    folder = tmp_path / "checkout"
    files = {
        "go.mod": f"module {NAME}\n\ngo 1.21\n\nrequire {NAME}/third_party/words v0.0.0\n",
        "go.sum": "",
        "third_party/words/go.mod": f"module {NAME}/third_party/words // a part\n\ngo 1.21\n",
        "third_party/words/words.go": 'package words\n\nconst Word = "built"\n',
        "third_party/other/go.mod": "module example.com/other\n\ngo 1.21\n",
        **{f"backend/src/v2/cmd/{name}/main.go": PROGRAM for name in kubeflow.PROGRAMS},
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.mark.skipif(shutil.which("go") is None, reason="needs go")
def test_both_programs_are_built(checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(kubeflow.VARIABLE, str(tmp_path / "programs"))
    before = (checkout / "go.mod").read_text()
    assert own_parts(checkout) == [f"{NAME}/third_party/words=./third_party/words"]
    assert not are_there()
    build(checkout, programs_folder())
    assert are_there()
    said = subprocess.run([tmp_path / "programs" / "driver"], capture_output=True, text=True, check=True)
    assert said.stderr == "built"
    assert (checkout / "go.mod").read_text() == before


def test_a_user_without_a_home_has_no_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container that was given the number of a user whom it does not know."""
    monkeypatch.setattr(pwd, "getpwuid", {}.__getitem__)
    for name in (kubeflow.VARIABLE, "HOME"):
        monkeypatch.delenv(name, raising=False)
    assert not are_there()


@pytest.mark.skipif(shutil.which("go") is None, reason="needs go")
def test_what_cannot_be_built_is_said(checkout: Path, tmp_path: Path) -> None:
    with pytest.raises(BuildFailed, match="expected the sources of kubeflow/pipelines in .*, with go.mod and"):
        build(tmp_path, tmp_path / "programs")
    with pytest.raises(BuildFailed, match="--replace: expected MODULE=VERSION, got 'example.com/a'"):
        build(checkout, tmp_path / "programs", ["example.com/a"])
    (checkout / "third_party" / "words" / "words.go").write_text("package")
    with pytest.raises(BuildFailed, match="go build ended with 1:"):
        build(checkout, tmp_path / "programs")


def test_without_go(checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BuildFailed, match="expected go on the PATH"):
        build(checkout, tmp_path / "programs")
