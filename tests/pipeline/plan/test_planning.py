"""What is settled before a graph is built: data, task, features, baseline and the key of the run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from kerasline.components.core.errors import ConfigError
from kerasline.components.datasets import keeping, read_shard, resolving
from kerasline.components.datasets.splits import assign_split
from kerasline.components.evaluation.options import Threshold
from kerasline.components.registry import move_pointer
from kerasline.components.registry.versions import add_version
from kerasline.pipeline.config.experiment import parse_experiment
from kerasline.pipeline.plan.planning import RunPlan, plan_run

ROOT = Path(__file__).resolve().parents[3]


def plan(tmp_path: Path, *, cache: bool = True, **blocks: Any) -> RunPlan:
    """Plans a run on iris."""
    experiment = parse_experiment({"name": "flowers", "data": {"dataset": "iris"}, **blocks})
    return plan_run(experiment, tmp_path, None, tmp_path / "models" / "flowers", cache=cache)


def push(tmp_path: Path, made_by: RunPlan) -> int:
    """Puts a version into production as a run would."""
    (tmp_path / "exported" / "variables").mkdir(parents=True, exist_ok=True)
    for file in ("saved_model.pb", "variables/variables.index"):
        (tmp_path / "exported" / file).write_bytes(b"a model")
    folder = tmp_path / "models" / "flowers"
    version = add_version(folder, tmp_path / "exported", made_by.record())
    move_pointer(folder, version, "pushed by a run", previous=None)
    return version


def test_data_task_features_and_gate_are_settled(tmp_path: Path) -> None:
    planned = plan(tmp_path)
    assert planned.dataset.rows == 150
    assert planned.features.task == "multiclass"
    assert planned.features.classes == ("setosa", "versicolor", "virginica")
    assert [spec.columns for spec in planned.features.inputs()] == [
        ("sepal_length", "sepal_width", "petal_length", "petal_width")
    ]
    assert planned.evaluation.metrics == ["accuracy", "log_loss"]
    assert planned.evaluation.thresholds == {"accuracy": Threshold(max_drop=0.01)}
    assert planned.held_out_splits() == ["eval", "test"]
    assert planned.baseline_version == 0
    settings = planned.fit_settings()
    assert (settings.plan, settings.seed) == (planned.features, 7)
    assert (settings.model, settings.training) == (planned.experiment.model, planned.experiment.training)


def test_numbers_bring_their_rank_where_a_search_tries_the_tabular_family(tmp_path: Path) -> None:
    space = {"model.family": {"choice": ["mlp", "tabular"]}}
    (found,) = plan(tmp_path, model={"units": [8]}, tuning={"space": space}).features.inputs()
    (alone,) = plan(tmp_path, model={"family": "tabular"}).features.inputs()
    assert len(found.ranks) == 4
    assert found == alone
    tuning = {"space": {"model.units": {"choice": [[8], [16]]}}}
    assert plan(tmp_path, model={"units": [8]}, tuning=tuning).features.inputs()[0].ranks == ()


def test_without_a_test_split_only_eval_is_held_out(tmp_path: Path) -> None:
    assert plan(tmp_path, data={"dataset": "iris", "split": {"test": 0.0}}).held_out_splits() == ["eval"]


def test_a_task_that_the_label_cannot_have(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Task binary needs two classes, but the label 'species' of iris has 3"):
        plan(tmp_path, task="binary")


def test_the_key_changes_with_what_decides_the_outcome_and_only_then(tmp_path: Path) -> None:
    key = plan(tmp_path).key
    assert len(key) == 16
    assert plan(tmp_path).key == key
    for blocks in (
        {"seed": 8},
        {"training": {"epochs": 11}},
        {"evaluation": {"thresholds": {"accuracy": {"min": 0.5}}}},
        {"data": {"dataset": "iris", "limit": 100}},
        {"data": {"dataset": "wine"}},
    ):
        assert plan(tmp_path, **blocks).key != key, blocks
    for blocks in (
        {"description": "other words"},
        {"schedule": {"cron": "0 4 * * *"}},
        {"serve": {"capture": {"share": 0.5}}},
        {"run": {"cache": False}},
    ):
        assert plan(tmp_path, **blocks).key == key, blocks


def test_the_key_changes_with_the_rows_of_a_file_but_not_with_its_place(tmp_path: Path) -> None:
    rows = [f"{i},{i % 7},{'yes' if i % 2 else 'no'}" for i in range(200)]
    data = {"csv": {"path": "t.csv", "label": "ill"}, "split": {"method": "stratified"}}
    keys = []
    for folder, change in (("a", ""), ("b", ""), ("c", "\n1,1,no")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "t.csv").write_text("\n".join(["x,y,ill", *rows]) + change)
        experiment = parse_experiment({"name": "flowers", "data": data})
        keys.append(plan_run(experiment, tmp_path / folder, None, tmp_path / "models").key)
    assert keys[0] == keys[1] != keys[2]


def test_whole_numbers_that_are_kept_as_floats_are_divided_as_they_were_counted(tmp_path: Path) -> None:
    """A hash tells 3 from 3.0, and the exact shares of few rows are counted with it."""
    rows = [f"{i},{i * 7 % 11},{'yes' if i % 4 else 'no'}" for i in range(40)]
    (tmp_path / "t.csv").write_text("\n".join(["x,y,ill", *rows]))
    split = {"method": "stratified", "eval": 0.3, "test": 0.15}
    data = {"csv": {"path": "t.csv", "label": "ill"}, "split": split}
    dataset = plan(tmp_path, data=data).dataset
    found = Counter(
        (assign_split(dataset.split, row), row["ill"])
        for shard in dataset.shards
        for _, row in read_shard(dataset, shard)
    )
    assert {column.dtype for column in dataset.columns} == {"float"}
    assert [found[name, "no"] for name in ("train", "eval", "test")] == [6, 3, 1]
    assert [found[name, "yes"] for name in ("train", "eval", "test")] == [16, 9, 5]


@pytest.mark.parametrize(("split", "counts"), [({}, 0), ({"method": "stratified"}, 2)], ids=["hash", "stratified"])
def test_a_table_that_has_not_changed_is_read_for_the_first_plan_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, split: dict[str, str], counts: int
) -> None:
    readings, counted = [], []
    find, read_rows = resolving._find, resolving._read_rows
    monkeypatch.setattr(resolving, "_find", lambda *arguments: readings.append(1) or find(*arguments))
    monkeypatch.setattr(resolving, "_read_rows", lambda *arguments: counted.append(1) or read_rows(*arguments))
    monkeypatch.setattr(keeping, "_RECENT_NS", 0)
    monkeypatch.setattr(keeping, "_FEWEST_BYTES", 1)
    rows = [f"{i},{i % 7},{'yes' if i % 2 else 'no'}" for i in range(3_000)]
    (tmp_path / "t.csv").write_text("\n".join(["x,y,ill", *rows]))
    data = {"csv": {"path": "t.csv", "label": "ill"}, "split": split}
    experiment = parse_experiment({"name": "flowers", "data": data})
    models = tmp_path / "workspace" / "models" / "flowers"
    first, second = (plan_run(experiment, tmp_path, None, models) for _ in range(2))
    assert (first, len(readings), len(counted)) == (second, 1, counts)
    (tmp_path / "t.csv").write_text("\n".join(["x,y,ill", *rows[1:]]))
    assert (plan_run(experiment, tmp_path, None, models).dataset.rows, len(readings)) == (2_999, 2)


def test_the_baseline_is_the_version_in_production(tmp_path: Path) -> None:
    push(tmp_path, plan(tmp_path, seed=1))
    assert plan(tmp_path, seed=2).baseline_version == 1
    push(tmp_path, plan(tmp_path, seed=2))
    assert plan(tmp_path, seed=3).baseline_version == 2


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether the cache has the fit of the version in production."""
    found = [True]
    monkeypatch.setattr("kerasline.pipeline.workspace.keeps_fit", lambda *_: found[-1])
    return found


def test_a_run_that_is_repeated_has_the_baseline_that_it_had(tmp_path: Path, fits: list[bool]) -> None:
    first = plan(tmp_path, seed=1)
    push(tmp_path, first)
    assert plan(tmp_path, seed=1) == first
    second = plan(tmp_path, seed=2)
    push(tmp_path, second)
    assert plan(tmp_path, seed=2).baseline_version == 1
    assert plan(tmp_path, seed=1).baseline_version == 2, "another run's model is in production now"


def test_a_run_that_fits_anew_is_compared_with_what_is_in_production_and_pushes_again(
    tmp_path: Path, fits: list[bool]
) -> None:
    first = plan(tmp_path)
    push(tmp_path, first)
    for anew in (plan(tmp_path, cache=False), plan(tmp_path, run={"cache": False})):
        assert (anew.baseline_version, anew.pointer != first.pointer) == (1, True)
    fits.append(False)
    anew = plan(tmp_path)
    assert (anew.baseline_version, anew.key) == (1, first.key)
    push(tmp_path, anew)
    fits.append(True)
    assert plan(tmp_path) == anew


def test_a_version_in_production_that_is_not_whole_stops_before_anything_runs(tmp_path: Path) -> None:
    push(tmp_path, plan(tmp_path, seed=1))
    (tmp_path / "models" / "flowers" / "1" / "saved_model.pb").unlink()
    with pytest.raises(ConfigError) as caught:
        plan(tmp_path, seed=2)
    models = tmp_path / "models" / "flowers"
    assert str(caught.value) == (
        "expected version 1 of flowers, which is in production, to compare the new model with, but saved_model.pb is "
        f"missing; restore {models / '1'}, or move {models} away to begin without a model in production"
    )
    push(tmp_path, plan(tmp_path / "elsewhere", seed=2))
    with pytest.raises(ConfigError, match="the new model with"):
        move_pointer(models, 1, "test", previous=2)
        plan(tmp_path, seed=2)
    with pytest.raises(ConfigError, match="kerasline promote flowers 2 --reason TEXT"):
        plan(tmp_path, seed=3)


def test_a_push_is_repeated_when_somebody_changed_the_registry(tmp_path: Path, fits: list[bool]) -> None:
    models = tmp_path / "models" / "flowers"
    first = plan(tmp_path, seed=1)
    push(tmp_path, first)
    assert plan(tmp_path, seed=1).pointer == first.pointer == "", "nothing happened since"
    second = plan(tmp_path, seed=2)
    push(tmp_path, second)
    assert plan(tmp_path, seed=2).pointer == second.pointer != ""
    move_pointer(models, 1, "slow", previous=None, action="rollback", replaced=2)
    assert plan(tmp_path, seed=2).pointer not in (first.pointer, second.pointer)
    move_pointer(models, 2, "after all", previous=1, action="promote")
    assert plan(tmp_path, seed=2).pointer == second.pointer
    run = tmp_path / "reports" / "flowers" / "20260101-000000"
    run.mkdir(parents=True)
    (run / "run.json").write_text(json.dumps({"status": "pushed"}))
    shutil.rmtree(models)
    assert plan(tmp_path, seed=1).pointer == "emptied after 20260101-000000"


def test_what_is_captured_stands_in_the_record_and_only_columns_are_redacted(tmp_path: Path) -> None:
    planned = plan(tmp_path, serve={"capture": {"share": 0.5, "redact": ["petal_width"]}})
    assert planned.record()["serve"]["capture"] == {
        "share": 0.5, "keep_days": 30, "redact": ["petal_width"], "images": "digest",
    }  # fmt: skip
    with pytest.raises(ConfigError, match=r"serve.capture.redact: .*got 'petal'. Did you mean 'petal_"):
        plan(tmp_path, serve={"capture": {"redact": ["petal"]}})


def test_the_record_of_a_version_says_where_it_comes_from(tmp_path: Path) -> None:
    planned = plan(tmp_path)
    record = json.loads(json.dumps(planned.record()))
    assert (
        record.items()
        >= {
            "recipe": "flowers",
            "task": "multiclass",
            "classes": ["setosa", "versicolor", "virginica"],
            "data_fingerprint": planned.dataset.fingerprint,
            "run_key": planned.key,
            "baseline_version": 0,
        }.items()
    )


@pytest.mark.slow
def test_tfx_packs_nothing_for_workers_on_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tfx.utils import dependency_utils

    monkeypatch.setattr(dependency_utils, "build_ephemeral_package", lambda: pytest.fail("it does"))
    arguments = plan(tmp_path).beam_arguments()
    assert dependency_utils.make_beam_dependency_flags(arguments) == arguments


@pytest.mark.slow
def test_planning_needs_no_tensorflow(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from kerasline.pipeline.config.experiment import load_experiment\n"
        "from kerasline.pipeline.plan.planning import plan_run\n"
        "experiment, folder = load_experiment('digits_cnn')\n"
        "plan_run(experiment, folder, None, Path(sys.argv[1]))\n"
        "print(sorted({'tensorflow', 'keras', 'tfx', 'apache_beam'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    assert done.stdout == "[]\n"
