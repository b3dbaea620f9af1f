"""The end of a run: its figures can be read, and each command parses and finds what it names when it is pasted."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main

from kerasline.pipeline.cli.entry import app
from kerasline.pipeline.config.experiment import load_experiment
from kerasline.pipeline.console.closing import Typed, next_commands, show_outcome

GOOD = {"level": "good", "treatments": [{"changes": ["training.epochs=60"]}]}
ADVICE = ([], ["model.nothing=1"], ["training.epochs=60"])
FALLING = {"level": "hint", "treatments": [{"changes": changes} for changes in ADVICE]}


@pytest.fixture
def typed(tmp_path: Path) -> Typed:
    """A run of a recipe whose path and values need quotes."""
    folder = tmp_path / "my flats"
    folder.mkdir()
    (folder / "it's.yaml").write_text("name: flats\ndata: {csv: {path: flats.csv, label: rent}}\n")
    (folder / "data").mkdir()
    changes = ("model.units=[16, 8]", "training.epochs=3")
    return Typed(str(folder / "it's.yaml"), changes, folder / "data", folder / "w")


def commands(typed: Typed, status: str, **more: Any) -> list[str]:
    """What is printed; every command is parsed as the command line parses it."""
    report = typed.workspace / "reports" / "flats" / "r1" / "index.html"
    result = {"status": status, "run_id": "r1", "recipe": "flats", "report": str(report), **more}
    found = next_commands(result, typed)
    for line in found:
        command: Any = typer.main.get_command(app)
        program, *words = shlex.split(line)
        assert program == "kerasline"
        while hasattr(command, "commands"):
            name, *words = words
            command = command.commands[name]
        context = command.make_context(name, list(words))
        assert context.params["workspace"] == typed.workspace
        if name in ("run", "accept"):
            load_experiment(context.params["recipe"], context.params["changes"])
        if name == "run":
            assert context.params["data_dir"] == typed.data_dir
    return [line.replace(str(typed.workspace.parent), "F") for line in found]


def quoted(typed: Typed, *words: str) -> str:
    """A command with the paths of the run, as the shell reads it."""
    return shlex.join(words).replace(str(typed.workspace.parent), "F")


def test_a_good_fit_is_left_alone(typed: Typed) -> None:
    found = commands(typed, "pushed", diagnosis=[GOOD])
    assert [line.split()[1] for line in found] == ["runs", "report", "models"]
    assert commands(typed, "pushed", diagnosis=[]) == commands(typed, "up_to_date") == found


def test_one_that_challenges_is_served_and_judged(typed: Typed) -> None:
    workspace = ("--workspace", str(typed.workspace))
    found = commands(typed, "pushed", challenges=1)
    assert found[-2:] == [quoted(typed, "kerasline", word, *of, *workspace) for word, of in
                          (("serve", ()), ("verdict", ("flats",)))]  # fmt: skip


def test_what_the_report_advises_is_a_run_with_all_that_was_typed(typed: Typed) -> None:
    *_, last = commands(typed, "pushed", diagnosis=[FALLING, GOOD])
    sets = ["--set", "model.units=[16, 8]", "--set", "training.epochs=60"]
    folder = typed.workspace.parent
    places = ["--data-dir", str(folder / "data"), "--workspace", str(folder / "w")]
    assert last == quoted(typed, "kerasline", "run", typed.recipe, *sets, *places)
    assert commands(typed, "not_blessed", diagnosis=[FALLING])[-1] == last


def test_after_other_ends_the_commands_fit_them(typed: Typed) -> None:
    assert commands(typed, "failed", diagnosis=[FALLING])[-1].endswith(" --debug")
    assert " --set training.epochs=3 " in commands(typed, "partial", diagnosis=[FALLING])[-1]
    assert [line.split()[1] for line in commands(typed, "not_blessed", diagnosis=[GOOD])] == ["runs", "report"]


@pytest.mark.parametrize("accept", [None, {"columns": ["a"], "schema": ""}])
def test_schema_accept_is_offered_where_there_is_something_to_accept(typed: Typed, accept: Any) -> None:
    assert [line.split()[1] for line in commands(typed, "data_rejected")] == ["runs", "report"]
    folder = typed.workspace / "reports" / "flats" / "r1"
    folder.mkdir(parents=True)
    (folder / "verdict.json").write_text(json.dumps({"accept": accept}))
    offered = [line.split()[1] for line in commands(typed, "data_rejected")]
    assert offered == ["runs", "report", *(["schema"] if accept else [])]


def test_the_usual_workspace_is_not_named() -> None:
    result = {"status": "pushed", "run_id": "r1", "recipe": "iris_mlp", "report": "x", "diagnosis": [FALLING]}
    assert next_commands(result, Typed("iris_mlp")) == [
        "kerasline runs", "kerasline report r1", "kerasline models iris_mlp",
        "kerasline run iris_mlp --set training.epochs=60",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ((1.8174e-10, 2.2119e-09, 1.93e-10), ["1.817e-10", "2.212e-09", "1.93e-10"]),
        ((0.0, 0.004321, 0.0), ["0", "0.004321", "0"]),
        ((0.81, 0.5, 0.0042), ["0.8100", "0.5000", "0.0042"]),
        ((412_345_678.1, 69_480_000.0, 5_021.7), ["412,300,000", "69,480,000", "5022"]),
    ],
)
def test_errors_of_any_size_can_be_read(
    typed: Typed, values: tuple[float, float, float], shown: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    value, trivial, test = ({"mae": figure} for figure in values)
    figures = {"metrics": value, "baseline": None, "trivial": trivial, "test_metrics": test}
    rest = {"status": "up_to_date", "seconds": {"total": 1.0}, "model": None, "recipe": "flats", "report": "r"}
    show_outcome({**figures, **rest}, typed)
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.split()[:1] == ["mae"]]
    assert line.split()[1:] == shown
