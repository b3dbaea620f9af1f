"""What all commands share: completion by Tab, the workspace from the environment, JSON on standard output."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from kerasline.pipeline.cli.shared import completion
from kerasline.pipeline.workspace import STEPS


def kerasline(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs the command in a process of its own, since it may move its standard output."""
    return subprocess.run(
        [Path(sys.executable).with_name("kerasline"), *words],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A workspace with two models and a run of one, as completion sees it: by its folders."""
    for folder in ("models/flats/1", "models/flats/12", "models/iris/3", "reports/flats/20260101-000000"):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


def typed(workspace: Path) -> typer.Context:
    """A command line on which the workspace has been named."""
    context = typer.Context(typer.main.get_command(typer.Typer(callback=lambda: None, invoke_without_command=True)))
    context.params = {"workspace": workspace}
    return context


def test_models_and_their_versions_are_offered(workspace: Path) -> None:
    context = typed(workspace)
    assert completion.models(context, "") == ["flats", "iris"]
    assert completion.models(context, "fl") == ["flats"]
    assert completion.models(context, "flats@1") == ["flats@1", "flats@12"]
    assert completion.models(context, "nobody@") == []
    assert completion.runs(context, "") == ["flats", "20260101-000000"]
    assert completion.models(typed(workspace / "nowhere"), "") == []


def test_the_workspace_of_the_environment_is_looked_at(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERASLINE_WORKSPACE", str(workspace))
    context = typed(workspace)
    context.params = {}
    assert completion.models(context, "i") == ["iris"]


def test_recipes_keys_and_steps_are_offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "iris_own.yaml").touch()
    (tmp_path / "iris.csv").touch()
    (tmp_path / "iris_more").mkdir()
    monkeypatch.chdir(tmp_path)
    assert completion.recipes("iris_") == ["iris_csv", "iris_mlp", "iris_workshop", "iris_more/", "iris_own.yaml"]
    assert completion.recipes(f"{tmp_path}/iris_o") == [f"{tmp_path}/iris_own.yaml"]
    assert "training.early_stopping.patience=" in completion.keys("training.early")
    assert completion.keys("training.epochs=") == []
    assert completion.steps("tra") == ["transform", "train"]
    assert completion.steps("") == list(STEPS)


def test_the_shell_is_answered(workspace: Path) -> None:
    words = f"kerasline evaluate --workspace {workspace} fl"
    answer = kerasline(_KERASLINE_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD="4")
    assert answer.stdout.split() == ["flats"]
    for shell in ("bash", "zsh", "fish"):
        assert f"complete_{shell}" in kerasline(_KERASLINE_COMPLETE=f"source_{shell}").stdout


def test_json_alone_is_on_standard_output(tmp_path: Path) -> None:
    answer = kerasline("runs", "--json", "-", KERASLINE_WORKSPACE=str(tmp_path))
    assert answer.returncode == 0
    assert json.loads(answer.stdout) == []
    assert f"no runs in {tmp_path} yet" in answer.stderr


def test_json_in_a_file_leaves_standard_output_to_people(tmp_path: Path) -> None:
    answer = kerasline("models", "--json", str(tmp_path / "models.json"), "--workspace", str(tmp_path))
    assert json.loads((tmp_path / "models.json").read_text()) == []
    assert f"no models in {tmp_path} yet" in answer.stdout
