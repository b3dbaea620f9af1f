"""What each step was told, and why it would run again."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from pathlib import Path

from kerasline.pipeline.workspace import steps as steps_module
from kerasline.pipeline.workspace.steps import STEPS, StepInputs, StepResult, forecast, step_keys, write_steps


def steps(settings: dict[str, object] | None = None, data: str = "a", version: str = "0") -> dict[str, StepInputs]:
    """A graph of four steps."""
    custom = json.dumps({"settings": json.dumps(settings or {"training": {"epochs": 5}}), "code_version": "c1"})
    return {
        "ingest": StepInputs({"dataset": json.dumps({"fingerprint": data, "rows": 3})}, ()),
        "train": StepInputs({"custom_config": custom}, ("ingest",)),
        "baseline": StepInputs({"version": version}, ("ingest",)),
        "push": StepInputs({}, ("train", "baseline")),
    }


def remember(reports: Path, run: str, told: dict[str, StepInputs], finished: list[str], seconds: float = 2.0) -> None:
    """Leaves what a run leaves."""
    folder = reports / run
    folder.mkdir(parents=True)
    write_steps(folder, told, [StepResult(name, seconds, False, (str(reports / name),)) for name in finished])
    for name in finished:
        (reports / name).mkdir(exist_ok=True)
    record = [{"id": name, "seconds": seconds, "cached": False} for name in finished]
    (folder / "run.json").write_text(json.dumps({"steps": record}))


def test_a_key_follows_parameters_and_everything_before() -> None:
    """A change reaches the steps after it and no other."""
    first, second = step_keys(steps()), step_keys(steps({"training": {"epochs": 6}}))
    assert [name for name in first if first[name] != second[name]] == ["train", "push"]


def test_nothing_has_run(tmp_path: Path) -> None:
    """Before the first run, every step would run, and nobody knows how long."""
    found = forecast(steps(), tmp_path)
    assert [(s.cached, s.reason, s.seconds) for s in found] == [(False, "has not finished before", None)] * 4


def test_the_same_plan_is_cached(tmp_path: Path) -> None:
    """Steps that finished with the same inputs are cached, with the time that they took."""
    remember(tmp_path, "1", steps(), ["ingest", "train", "baseline", "push"], seconds=2.5)
    assert [(s.cached, s.seconds) for s in forecast(steps(), tmp_path)] == [(True, 2.5)] * 4


def test_a_step_that_was_made_anew_alone_hands_on_what_the_others_have_not_taken(tmp_path: Path) -> None:
    """As ``--from ingest --until ingest`` leaves it."""
    remember(tmp_path, "1", steps(), ["ingest", "train", "baseline", "push"])
    (tmp_path / "anew").mkdir()
    (tmp_path / "2").mkdir()
    write_steps(tmp_path / "2", steps(), [StepResult("ingest", 2.0, False, (str(tmp_path / "anew"),))])
    found = {s.id: (s.cached, s.reason) for s in forecast(steps(), tmp_path)}
    assert found["ingest"][0]
    assert found["train"] == found["baseline"] == (False, "this combination has not run before")
    assert found["push"] == (False, "train and baseline would run")


def test_the_reason_names_the_key_and_both_values(tmp_path: Path) -> None:
    """A changed config key is named as the recipe names it; what follows says which step it waits for."""
    remember(tmp_path, "1", steps(), ["ingest", "train", "baseline", "push"])
    found = {s.id: s for s in forecast(steps({"training": {"epochs": 6}}), tmp_path)}
    assert found["ingest"].cached and found["baseline"].cached
    assert found["train"].reason == "training.epochs changed from 5 to 6"
    assert found["push"].reason == "train would run"


def test_long_values_that_begin_alike_are_not_told_as_the_same(tmp_path: Path) -> None:
    units = [64] * 30
    remember(tmp_path, "1", steps({"model": {"units": units}}), ["ingest", "train", "baseline", "push"])
    found = {s.id: s.reason for s in forecast(steps({"model": {"units": [*units, 8]}}), tmp_path)}
    assert found["train"].split("; ")[0] == "model.units changed"


def test_changed_data_code_and_production_are_said_in_words(tmp_path: Path) -> None:
    """Hashes mean nothing to people."""
    remember(tmp_path, "1", steps(), ["ingest", "train", "baseline", "push"])
    assert forecast(steps(data="b"), tmp_path)[0].reason == "the data, or how it is read, changed"
    found = {s.id: s.reason for s in forecast(steps(version="3"), tmp_path)}
    assert found["baseline"] == "the model in production is version 3, not 0"
    told = steps()
    kept = {"run_key": "00f6", "baseline_version": 1, "pointer_before": "move 1"}
    for run_id, record, said in (
        ("2", {**kept, "run_key": "18a2"}, "this combination has not run before"),
        ("3", {**kept, "run_key": "18a2", "pointer_before": "move 2"}, "what is in production was moved since"),
        ("4", {**kept, "baseline_version": 2}, "the model in production is version 2, not 1"),
    ):
        told["push"].parameters["custom_config"] = json.dumps({"record": kept})
        remember(tmp_path, run_id, told, ["push"])
        told["push"].parameters["custom_config"] = json.dumps({"record": record})
        assert {s.id: s.reason for s in forecast(told, tmp_path)}["push"] == said
    told = steps()
    told["train"].parameters["custom_config"] = told["train"].parameters["custom_config"].replace("c1", "c2")
    assert {s.id: s.reason for s in forecast(told, tmp_path)}["train"] == "its code, or a library, changed"


def test_a_run_that_ended_early_leaves_its_finished_steps(tmp_path: Path) -> None:
    """What was finished is cached for the next run."""
    remember(tmp_path, "1", steps(), ["ingest"])
    assert [s.cached for s in forecast(steps(), tmp_path)] == [True, False, False, False]


def test_going_back_to_an_earlier_config_is_cached(tmp_path: Path) -> None:
    """Any earlier run counts, not only the last."""
    remember(tmp_path, "1", steps(), ["ingest", "train", "baseline", "push"])
    remember(tmp_path, "2", steps({"training": {"epochs": 6}}), ["ingest", "train", "baseline", "push"])
    assert all(s.cached for s in forecast(steps(), tmp_path))


def test_the_steps_are_those_of_the_graph() -> None:
    graph = Path(steps_module.__file__).parents[1].joinpath("graph.py").read_text(encoding="utf-8")
    assert tuple(re.findall(r'^        "(\w+)": \1,$', graph, re.MULTILINE)) == STEPS


def test_a_step_whose_outputs_are_gone_would_run_with_those_that_take_them(tmp_path: Path) -> None:
    """A folder that was deleted to make room is not there to be reused."""
    remember(tmp_path, "1", steps(), ["ingest", "train", "baseline", "push"])
    (tmp_path / "train").rmdir()
    found = {step.id: (step.cached, step.reason) for step in forecast(steps(), tmp_path)}
    assert found["ingest"] == found["baseline"] == (True, "nothing changed")
    assert found["train"] == (False, "what it left is gone") and found["push"] == (False, "train would run")


def test_a_step_that_takes_nothing_of_one_that_would_run_is_cached(tmp_path: Path) -> None:
    """It waits for its end, as the transform graph does for the gate, and is no other for it."""
    told = steps()
    told["push"] = StepInputs({}, ("train",), ("baseline",))
    remember(tmp_path, "1", told, ["ingest", "train", "baseline", "push"])
    (tmp_path / "baseline").rmdir()
    assert {step.id for step in forecast(told, tmp_path) if not step.cached} == {"baseline"}
    told["baseline"] = StepInputs({"version": "3"}, ("ingest",))
    assert {step.id for step in forecast(told, tmp_path) if not step.cached} == {"baseline"}


def test_what_an_earlier_version_ran_is_said_to_run_again(tmp_path: Path) -> None:
    """It kept outputs under other keys, and had no word of the store, nor, before that, of where outputs lie."""
    remember(tmp_path, "1", steps(), ["ingest"])
    file = tmp_path / "1" / "steps.json"
    record = json.loads(file.read_text())
    decisive = json.dumps({"parameters": record["ingest"]["parameters"], "upstream": {}}, sort_keys=True)
    record["ingest"] |= {"key": hashlib.sha256(decisive.encode()).hexdigest()}
    for missing in ("server", "outputs"):
        del record["ingest"][missing]
        file.write_text(json.dumps(record))
        for server in (None, "mysql://ann@host/ml"):
            found = forecast(steps(), tmp_path, server=server)[0]
            assert not found.cached
            assert found.reason == "an earlier version ran it, which kept outputs under other keys"
    assert forecast(steps(data="b"), tmp_path)[0].reason == "the data, or how it is read, changed"


def test_outputs_of_the_place_where_a_workspace_was_before_are_not_its_own(tmp_path: Path) -> None:
    reports = tmp_path / "old" / "reports" / "flowers"
    remember(reports, "1", steps(), ["ingest", "train", "baseline", "push"])
    moved = tmp_path / "new" / "reports" / "flowers"
    shutil.copytree(tmp_path / "old", tmp_path / "new")  # something is still, or again, where it was
    assert all(step.cached for step in forecast(steps(), reports))
    assert {step.reason for step in forecast(steps(), moved)} == {
        "what it left is gone", "ingest would run", "train and baseline would run"
    }  # fmt: skip


def test_what_another_store_knows_is_not_found_by_this_one(tmp_path: Path) -> None:
    """As of a recipe that ran with a server, and runs without one now."""
    told, left = steps(), (str(tmp_path / "x"),)
    (tmp_path / "x").mkdir()
    results = [StepResult(name, 1.0, False, left) for name in told]
    write_steps(tmp_path / "1", told, results, "mysql://ann@host/ml")
    found = forecast(told, tmp_path)
    assert found[0].reason == "another store of ML Metadata has what it left"
    assert not any(step.cached for step in found)
    assert all(step.cached for step in forecast(told, tmp_path, server="mysql://ann@host/ml"))
    write_steps(tmp_path / "2", told, results)
    assert all(step.cached for step in forecast(told, tmp_path))


def test_without_ml_metadata_nothing_is_found(tmp_path: Path) -> None:
    remember(tmp_path, "1", steps(), ["ingest", "train"])
    assert [(step.cached, step.reason) for step in forecast(steps(), tmp_path, has_store=False)] == [
        *[(False, "metadata.sqlite, which says where earlier outputs are, is gone")] * 2,
        *[(False, "has not finished before")] * 2,
    ]
