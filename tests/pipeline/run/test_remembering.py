"""What the steps of a plan are told: compiled once, and anew after whatever might make it another."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kerasline.components.registry import move_pointer
from kerasline.components.registry.versions import add_version
from kerasline.pipeline.config import load_experiment
from kerasline.pipeline.plan import find_schema_file, plan_run
from kerasline.pipeline.run import remembering
from kerasline.pipeline.run.remembering import keep_plan, plan_key, told_to_steps
from kerasline.pipeline.workspace import STEPS, Remembered, StepInputs, StepResult, Workspace, write_steps

ROOT = Path(__file__).resolve().parents[3]
RECIPE = """
name: flowers
data: {csv: {path: flowers.csv, label: species}}
training: {epochs: 2, loss: "own_loss:loss"}
"""
LOSS = "import own_scale\n\n\ndef loss(y_true, y_pred):\n    return own_scale.SCALE\n"
KNOWN = Remembered({"ingest": StepInputs({"dataset": "{}"}, ())})


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a recipe, its data, and a module of its own that imports another; and a cache of its own."""
    monkeypatch.setenv("KERASLINE_CACHE", str(tmp_path / "cache"))
    monkeypatch.syspath_prepend(str(tmp_path))
    rows = [f"{number},{number % 7},{'ab'[number % 2]}" for number in range(300)]
    (tmp_path / "flowers.csv").write_text("\n".join(["length,width,species", *rows]) + "\n")
    (tmp_path / "flowers.yaml").write_text(RECIPE)
    (tmp_path / "own_loss.py").write_text(LOSS)
    (tmp_path / "own_scale.py").write_text("SCALE = 1\n")
    yield tmp_path
    for name in ("own_loss", "own_scale"):
        sys.modules.pop(name, None)


def key(place: Path, *changes: str, workspace: str = "workspace") -> str:
    """The key of the recipe's plan as it is now."""
    experiment, base_dir = load_experiment(str(place / "flowers.yaml"), changes)
    home = Workspace(place / workspace)
    schema_file = find_schema_file(experiment.name, base_dir, home.root)
    return plan_key(plan_run(experiment, base_dir, None, home.models(experiment.name), schema_file), home)


def push(place: Path, version: int | None = None) -> None:
    """Puts a new version into production, or an earlier one again."""
    models = place / "workspace" / "models" / "flowers"
    (place / "exported" / "variables").mkdir(parents=True, exist_ok=True)
    for file in ("saved_model.pb", "variables/variables.index"):
        (place / "exported" / file).write_bytes(b"a model")
    made = version or add_version(models, place / "exported", {"run_key": "of another recipe"})
    move_pointer(models, made, "promoted" if version else "pushed by a run", previous=None)


def append(place: Path, name: str, text: str) -> None:
    """Adds to a file."""
    with open(place / name, "a", encoding="utf-8") as file:
        file.write(text)


def edit_schema(place: Path) -> None:
    """Curates a schema beside the recipe."""
    (place / "flowers.schema.pbtxt").write_text('feature { name: "length" type: INT }\n')


@pytest.mark.parametrize(
    "happens",
    [
        lambda place: append(place, "flowers.yaml", "seed: 8\n"),
        lambda place: append(place, "flowers.yaml", "description: other words\n"),
        lambda place: append(place, "flowers.csv", "7,7,a\n"),
        lambda place: append(place, "own_loss.py", "# Changed.\n"),
        lambda place: append(place, "own_scale.py", "# Changed.\n"),
        lambda place: push(place),
        edit_schema,
    ],
    ids=["key", "words", "row", "own module", "what it imports", "pushed", "schema"],
)
def test_the_key_follows_all_that_a_plan_depends_on(place: Path, happens: Callable[[Path], None]) -> None:
    before = key(place)
    assert key(place) == before
    happens(place)
    assert key(place) != before


def test_the_key_follows_changes_of_the_command_line_and_the_workspace(place: Path) -> None:
    keys = [key(place), key(place, "training.epochs=3"), key(place, "run.cache=false"), key(place, workspace="other")]
    assert len(set(keys)) == 4


def test_the_key_follows_what_is_in_production_there_and_back_within_a_second(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kerasline.components.registry.moving.now_text", lambda: "2026-11-29T12:00:00+00:00")
    keys = [key(place)]
    for version in (None, None, 1):
        push(place, version)
        keys.append(key(place))
    assert len(set(keys)) == 4


def test_the_key_follows_our_code_and_the_packages(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = key(place)
    monkeypatch.setattr(remembering, "code_state", lambda: "other code or packages")
    assert key(place) != before


def test_nothing_is_kept_when_the_code_changed_meanwhile(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    experiment, base_dir = load_experiment(str(place / "flowers.yaml"), [])
    home = Workspace(place / "workspace")
    plan = plan_run(experiment, base_dir, None, home.models("flowers"))
    with monkeypatch.context() as patched:
        patched.setattr(remembering, "take_code_state", lambda: "other code")
        keep_plan(plan, home, plan_key(plan, home), KNOWN)
    assert not (home.root / "planned").exists()
    keep_plan(plan, home, plan_key(plan, home), KNOWN)
    assert told_to_steps(plan, home) == KNOWN.steps, "from memory, since nothing of it is true"


PROGRAM = """
import sys
from kerasline.pipeline.run import forecast_recipe
from pathlib import Path

found = forecast_recipe(sys.argv[1], sys.argv[3:], data_dir=None, workspace=Path(sys.argv[2]))
heavy = {"tensorflow", "tfx", "keras", "apache_beam", "ml_metadata", "google.cloud.aiplatform"}
loaded = {name.partition(".")[0] for name in sys.modules}.union(sys.modules) & heavy
print([(step.id, step.cached, step.reason, step.seconds) for step in found])
print(sorted(loaded))
"""


def forecast(place: Path, *changes: str) -> tuple[str, str]:
    """Plans in a process of its own; returns what it said, and which heavy libraries it had to load for that."""
    words = [sys.executable, "-c", PROGRAM, str(place / "flowers.yaml"), str(place / "workspace"), *changes]
    done = subprocess.run(words, cwd=place, check=True, capture_output=True, text=True)
    said, loaded = done.stdout.splitlines()
    return said, loaded


@pytest.mark.slow
def test_a_plan_that_was_compiled_before_and_the_first_one_of_all_load_no_tensorflow(place: Path) -> None:
    never = "False, 'has not finished before', None"
    nothing_ran, loaded = forecast(place)
    assert loaded == "[]" and nothing_ran.count(never) == len(STEPS) - len(["tune", "formats"])
    ran = place / "workspace" / "reports" / "flowers" / "20260101-000000"
    write_steps(ran, {"statistics": StepInputs({}, ())}, [StepResult("statistics", 1.0, False)])

    compiled, loaded = forecast(place)
    assert "aiplatform" not in loaded, "a run on this machine needs no client of Vertex AI"
    assert "tensorflow" in loaded and "('statistics', False, 'metadata.sqlite" in compiled
    told = re.findall(r"\('(\w+)', False", compiled)
    assert told == re.findall(r"\('(\w+)', False", nothing_ran), "the graph has the steps that were told without it"
    assert forecast(place) == (compiled, "[]")
