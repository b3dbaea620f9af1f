"""The command's answers that need no TensorFlow, and its exit codes."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml

from kerasline.components.core.errors import ConfigError, DataRejected, KeraslineError
from kerasline.pipeline.cli import entry as cli
from kerasline.pipeline.config.experiment import load_experiment, recipe_names
from kerasline.pipeline.plan.partial import Part
from kerasline.pipeline.run.outcome import Outcome

ROOT = Path(__file__).resolve().parents[3]
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def kerasline(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    """Runs the command in this process, in an empty folder: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["kerasline", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        code = ended.value.code
        assert isinstance(code, int)
        return code, *capsys.readouterr()

    return call


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"], ["recipes"], ["show", "digits_cnn"], ["schema"], ["validate", "flats.yaml"],
        ["validate", "flats.yaml", "--no-data"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_answers_about_recipes_load_no_heavy_library(arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / "flats.csv").write_text("area,rent\n" + "".join(f"{n},{n * 10.5}\n" for n in range(40)))
    (tmp_path / "flats.yaml").write_text("name: flats\ndata: {csv: {path: flats.csv, label: rent}}\n")
    before = sorted(tmp_path.iterdir())
    script = (
        "import sys\n"
        "from kerasline.pipeline.cli.entry import main\n"
        "try:\n    main()\n"
        "finally:\n"
        "    heavy = {'tensorflow', 'keras', 'tfx', 'apache_beam', 'pandas', 'sklearn', 'pyarrow', 'ml_metadata'}\n"
        "    print(sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "[]\n")
    assert done.stdout
    assert sorted(tmp_path.iterdir()) == before


def test_recipes_are_listed_with_data_and_model(kerasline: Command) -> None:
    code, out, err = kerasline("recipes")
    assert (code, err) == (0, "")
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines()[1:]}
    assert list(rows) == recipe_names()
    assert rows["digits_cnn"][:2] == ["digits", "cnn"]
    assert rows["diabetes_regression"][:2] == ["diabetes", "mlp"]


def test_show_prints_the_resolved_config(kerasline: Command) -> None:
    code, out, _ = kerasline("show", "digits_mlp", "--set", "training.epochs=3", "--set", "model.units=[16]")
    assert code == 0
    printed = yaml.safe_load(out)
    assert printed["training"]["epochs"] == 3
    assert printed["training"]["optimizer"] == "adam"
    assert printed["model"]["units"] == [16]


def test_validate_checks_a_file_with_and_without_its_data(kerasline: Command, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("name: mine\ndata: {csv: {path: not-yet-there.csv, label: y}}\n")
    assert kerasline("validate", "mine.yaml", "--no-data") == (0, "mine.yaml is valid: mine\n", "")
    (tmp_path / "rows_of_mine.py").write_text("def rows(): raise ValueError('is not called')\n")
    (tmp_path / "own.yaml").write_text('name: own\ndata: {python: {function: "rows_of_mine:rows", label: y}}\n')
    told = "; what data.python gives is asked for and checked by 'kerasline plan'"
    assert kerasline("validate", "own.yaml") == (0, f"own.yaml is valid: own{told}\n", "")
    code, _, err = kerasline("validate", "mine.yaml", "--no-data", "--set", "run.resources={trian: {cpu: 2}}")
    assert (code, err.partition(", got ")[2]) == (2, "'trian'. Did you mean 'train'?\n"), err
    code, _, err = kerasline("validate", "mine.yaml", "--no-data", "--set", "run.beam=[--direct_num_worker=2]")
    assert (code, err) == (
        2,
        "kerasline: run.beam: Beam knows no option --direct_num_worker. Did you mean 'direct_num_workers'?\n",
    )
    code, out, err = kerasline("validate", "mine.yaml")
    assert (code, out) == (2, "")
    assert err == f"kerasline: File not found: {tmp_path}/not-yet-there.csv; correct the path or --data-dir.\n"
    code, out, err = kerasline("validate", "mine.yaml", "--set", "training.epoch=3")
    assert (code, out) == (2, "")
    assert err == "kerasline: --set training.epoch: unknown key 'training.epoch'. Did you mean 'epochs'?\n"
    code, _, err = kerasline("validate", "absent.yaml")
    assert (code, err) == (
        2,
        "kerasline: expected a recipe file, but absent.yaml does not exist; 'kerasline recipes' lists the shipped "
        "ones\n",
    )


def test_the_schema_knows_every_block_and_refuses_other_keys(kerasline: Command) -> None:
    code, out, _ = kerasline("schema")
    assert code == 0
    schema = json.loads(out)
    assert schema["required"] == ["name", "data"]
    assert schema["additionalProperties"] is False
    assert {"data", "model", "training", "tuning", "evaluation", "push", "schedule"} <= set(schema["properties"])
    assert schema["$defs"]["TrainingOptions"]["properties"]["epochs"]["minimum"] == 1


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["run", "digit_cnn"], "got 'digit_cnn'. Did you mean 'digits_cnn'? 'kerasline recipes' lists them\n"),
        (["run", "digits_cnn", "--set", "training.epochs"], "--set: expected KEY=VALUE such as training.epochs=5"),
        (["run", "digits_cnn", "--set", "model.filter=[8]"], "unknown key 'model.filter'. Did you mean 'filters'?\n"),
        (["run", "digits_cnn", "--json", "nowhere/out.json"],
         "--json: expected a file in a folder that exists, but {cwd}/nowhere does not\n"),
        (["run", "digits_cnn", "--set", "data.dataset=digit"], "There is no data set named 'digit'"),
        (["run", "digits_cnn", "--from", "trian"], "--from: expected a step of this recipe (ingest, statistics,"),
        (["run", "digits_cnn", "--from", "trian"], "got 'trian'. Did you mean 'train'?\n"),
        (["run", "digits_cnn", "--until", "evalute"], "got 'evalute'. Did you mean 'evaluate'?\n"),
        (["run", "iris_mlp", "--until", "formats"], "--until: expected a step of this recipe"),
        (["run", "digits_cnn", "--data-dir", "/nope"], "--data-dir: expected a folder, but /nope does not exist"),
        (["plan", "digits_cnn", "--data-dir", "/nope"], "--data-dir: expected a folder, but /nope does not exist"),
        (["run", "digits_cnn", "--set", "evaluation.metrics=[mae]"],
         "expected metrics of a multiclass task (accuracy,"),
        (["run", "iris_mlp", "--set", "model={family: custom, build: 'a_b_c:d'}"],
         "expected a module a_b_c that Python"),
        (["show"], "Missing argument "),
        (["run", "digits_cnn", "--epochs", "3"], "No such option: --epochs"),
        (["rum"], "No such command 'rum'."),
    ],
)  # fmt: skip
def test_wrong_arguments_end_with_2_and_one_sentence(
    kerasline: Command, tmp_path: Path, arguments: list[str], expected: str
) -> None:
    code, _, err = kerasline(*arguments)
    assert code == 2
    assert expected.format(cwd=tmp_path) in err
    assert "Traceback" not in err
    for made in ("metadata.sqlite", "pipelines", "models", "reports", "logs"):
        assert not (tmp_path / "workspace" / made).exists(), "nothing ran"


def test_wrong_keys_leave_no_workspace_behind(kerasline: Command, tmp_path: Path) -> None:
    assert kerasline("run", "digits_cnn", "--set", "trainig.epochs=3")[0] == 2
    assert list(tmp_path.iterdir()) == []


def outcome(status: str, **more: Any) -> Outcome:
    """What a run gives back."""
    result = {
        "status": status, "recipe": "digits_mlp", "metrics": {}, "model": None, "report": "/r/index.html",
        "seconds": {"total": 3.2}, "training": None, **more,
    }  # fmt: skip
    return Outcome(result, "" if status in ("pushed", "up_to_date") else f"it was {status}", Path("log"))


@pytest.mark.parametrize(
    ("status", "code"), [("pushed", 0), ("up_to_date", 0), ("failed", 1), ("data_rejected", 3), ("not_blessed", 4)]
)
def test_the_outcome_of_a_run_is_the_exit_code(
    kerasline: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, status: str, code: int
) -> None:
    monkeypatch.setattr("kerasline.pipeline.run.run_recipe", lambda *arguments, **named: outcome(status))
    ended, _, err = kerasline("run", "digits_mlp", "--json", "out.json")
    assert ended == code
    assert json.loads((tmp_path / "out.json").read_text())["status"] == status
    assert err == ("" if code == 0 else f"kerasline: it was {status}\n")


def test_the_table_at_the_end_sets_figures_side_by_side(kerasline: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    result = outcome(
        "pushed",
        metrics={"accuracy": 0.98765, "log_loss": None}, test_metrics={"accuracy": 0.9},
        baseline={"accuracy": 0.95}, trivial={"accuracy": 0.1}, model={"version": 3, "path": "/w/models/digits_mlp/3"},
        training={"settings": {"training": {"epochs": 30}}},
        diagnosis=[{"level": "hint", "treatments": [{"changes": ["training.epochs=60"]}]}],
    )  # fmt: skip
    monkeypatch.setattr("kerasline.pipeline.run.run_recipe", lambda *arguments, **named: result)
    _, out, _ = kerasline("run", "digits_mlp")
    lines = [line.split() for line in out.splitlines()]
    assert lines[0] == ["metric", "eval", "production", "trivial", "test"]
    assert lines[1] == ["accuracy", "0.9877", "0.9500", "0.1000", "0.9000"]
    assert lines[2] == ["log_loss"]
    assert ["blessed", "and", "pushed,", "3", "s"] in lines
    assert ["model", "version", "3,", "/w/models/digits_mlp/3"] in lines
    assert ["report", "/r/index.html"] in lines
    assert lines[-1][-2:] == ["--set", "training.epochs=60"]


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (ConfigError("a key is wrong"), 2, "kerasline: a key is wrong\n"),
        (DataRejected("bad rows"), 3, "kerasline: bad rows\n"),
        (KeraslineError("it failed"), 1, "kerasline: it failed\n"),
        (
            PermissionError(13, "Permission denied", "/w/models/.lock"),
            1,
            "kerasline: /w/models/.lock may not be written or read (Permission denied); change its rights, and run "
            "again\n",
        ),
        (ValueError("surprise"), 1, "kerasline: ValueError: surprise; --debug shows more\n"),
        (KeyboardInterrupt(), 130, "interrupted; what is in production stays there\n"),
    ],
)
def test_an_error_is_one_sentence_and_a_code(
    kerasline: Command, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, text: str
) -> None:
    def fail(*arguments: Any, **named: Any) -> None:
        raise error

    monkeypatch.setattr("kerasline.pipeline.run.run_recipe", fail)
    ended, _, err = kerasline("run", "digits_mlp")
    assert (ended, err) == (code, text)


def test_the_command_is_interrupted_in_one_sentence_while_it_loads() -> None:
    script = (
        "import runpy, sys\n"
        "class Interrupts:\n"
        "    def find_spec(self, name, *rest):\n"
        "        if name == 'typer':\n            raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupts())\n"
        "runpy.run_module('kerasline', run_name='__main__')\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (130, "interrupted; what is in production stays there\n")


def test_what_the_run_is_told(kerasline: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    told: list[Any] = []

    def listen(*arguments: Any, **named: Any) -> Outcome:
        told.append((arguments, named))
        return outcome("pushed")

    monkeypatch.setattr("kerasline.pipeline.run.run_recipe", listen)
    kerasline("run", "digits_mlp")
    kerasline("run", "mine.yaml", "--set", "a=1", "--set", "b=2", "--data-dir", "d", "--workspace", "w", "--no-cache",
              "--debug", "--from", "train", "--until", "gate")  # fmt: skip
    defaults = {"data_dir": None, "workspace": Path("workspace"), "cache": True, "debug": False, "part": Part()}
    assert told[0] == (("digits_mlp", []), defaults)
    changed = {"data_dir": Path("d"), "workspace": Path("w"), "cache": False, "debug": True}
    changed["part"] = Part("train", "gate")
    assert told[1] == (("mine.yaml", ["a=1", "b=2"]), changed)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("run flats", "Did you mean 'flats.yaml', which is here? 'kerasline recipes' lists them"),
        ("run flat.yaml", "but flat.yaml does not exist. Did you mean 'flats.yaml'?"),
        ("run flats.csv", "is written by 'kerasline init flats.csv'."),
        ("flats.yaml", "kerasline: a recipe is run by: kerasline run flats.yaml"),
        ("iris_mlp --set a=1", "kerasline: a recipe is run by: kerasline run iris_mlp"),
        ("help", "kerasline: kerasline --help lists the commands"),
        ("--workspace w runs", "kerasline: options stand behind the command, as in: kerasline runs --workspace ..."),
        ("--capture 1 serve", "as in: kerasline serve --capture ..."),
        ("run flats.yaml --learning-rate 1", "changed by --set KEY=VALUE. Did you mean 'training.learning_rate'?"),
        ("plan flats.yaml seed=1", "kerasline: a key of the recipe is changed by --set seed=1"),
        ("plan flats.yaml 'tuning={space: (), trials: 3}'", "changed by --set 'tuning={space: (), trials: 3}'"),
        ("run flats.yaml --set seed=1 model.name=f(x)", "changed by --set 'model.name=f(x)'"),
        ("init flats.csv 'rent in (€)'", "kerasline: the column to predict is named by --label 'rent in (€)'"),
        ("init flats.csv rent", "kerasline: the column to predict is named by --label rent"),
        (
            "predict flats new.csv",
            "named by --model, as in: kerasline predict new.csv --model flats",
        ),
        ("predict -o out.csv a.csv", "as in: kerasline predict INPUT --model NAME"),
        ("predict flats.csv flats", "as in: kerasline predict INPUT --model NAME"),
        ("predict new.csv", "the model is named by --model, as in: kerasline predict INPUT --model NAME"),
        ("models --sett", "Error: No such option: --sett"),
    ],
)
def test_what_was_meant_is_told(kerasline: Command, tmp_path: Path, line: str, said: str) -> None:
    for name in ("flats.yaml", "flats.csv"):
        (tmp_path / name).write_text("")
    code, out, err = kerasline(*shlex.split(line))
    assert (code, out) == (2, "")
    assert said in err.splitlines()[-1]


def test_runs_lists_what_there_is(kerasline: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert kerasline("runs") == (
        0, "no runs in workspace yet; start one with: kerasline run digits_cnn\n", "",
    )  # fmt: skip
    for run_id, status, version in (("20260101-000000", "pushed", 1), ("20260102-000000", "not_blessed", None)):
        folder = tmp_path / "w" / "reports" / "iris_mlp" / run_id
        folder.mkdir(parents=True)
        result = {
            "run_id": run_id, "recipe": "iris_mlp", "status": status, "main_metric": "accuracy",
            "metrics": {"accuracy": 0.93333}, "model": version and {"version": version}, "seconds": {"total": 31.6},
        }  # fmt: skip
        (folder / "run.json").write_text(json.dumps(result))
    code, out, _ = kerasline("runs", "--workspace", "w")
    assert code == 0
    assert [line.split() for line in out.splitlines()[1:]] == [
        ["20260101-000000", "iris_mlp", "pushed", "accuracy", "0.9333", "1", "32"],
        ["20260102-000000", "iris_mlp", "not_blessed", "accuracy", "0.9333", "32"],
    ]
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KERASLINE_WORKSPACE", "~/w")
    assert kerasline("runs")[1] == out


def test_shipped_recipes_can_be_run_by_path_too() -> None:
    path = ROOT / "pipeline" / "recipes" / "iris_mlp.yaml"
    assert load_experiment(str(path))[0] == load_experiment("iris_mlp")[0]


def test_the_version_is_the_installed_one_and_each_command_has_its_help_by_a_letter(kerasline: Command) -> None:
    assert kerasline("--version") == (0, f"kerasline {metadata.version('kerasline')}\n", "")
    for command in ((), ("run",), ("models",)):
        code, printed, _ = kerasline(*command, "-h")
        assert (code, printed) == (0, kerasline(*command, "--help")[1])
        assert "Usage: " in printed and " ".join(command) in printed
