"""Versions of the registry as weights to start from."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from PIL import Image

from kerasline.components.core.errors import ConfigError
from kerasline.pipeline.config.experiment import parse_experiment
from kerasline.pipeline.plan.planning import RunPlan, plan_run
from kerasline.pipeline.plan.starting_weights import resolve_weights


def push(root: Path, name: str, version: int, *, keras: bool, **record: object) -> Path:
    """Leaves what a push leaves of a version; returns where its .keras file is."""
    folder = root / "models" / name / str(version)
    (folder / "variables").mkdir(parents=True)
    for file in ("saved_model.pb", "variables/variables.index"):
        (folder / file).write_bytes(b"weights")
    (folder / "version.json").write_text(json.dumps({"run_id": "20260101-000000", **record}))
    if keras:
        (folder / "formats").mkdir()
        (folder / "formats" / "model.keras").write_bytes(b"weights")
    return folder / "formats" / "model.keras"


def weights_of(root: Path, weights: str, family: str = "transfer") -> str:
    """What becomes of ``model.weights`` in a workspace."""
    model = {"family": family, "base": "squeezenet", "weights": weights}
    experiment = parse_experiment({"name": "cats", "data": {"dataset": "digits"}, "model": model})
    return resolve_weights(experiment, root).model.weights


def test_a_version_stands_for_its_file(tmp_path: Path) -> None:
    push(tmp_path, "photos", 1, keras=True)
    second = push(tmp_path, "photos", 2, keras=True)
    assert weights_of(tmp_path, "photos@2") == str(second)


@pytest.mark.parametrize("weights", ["imagenet", "none", "some/file.keras", "file.weights.h5"])
def test_other_weights_stay_as_they_are(tmp_path: Path, weights: str) -> None:
    assert weights_of(tmp_path, weights) == weights


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ("phots@1", "model.weights: expected the name of a pushed model in .*, got 'phots'"),
        ("photos@9", "model.weights: photos has no version 9; it has 1"),
        ("photos@best", "model.weights: expected NAME or NAME@VERSION with a number such as photos@1"),
        ("photos@1", "expected weights of photos@1, but the version has no .keras file.*push.formats"),
    ],
)
def test_what_cannot_be_started_from(tmp_path: Path, weights: str, expected: str) -> None:
    push(tmp_path, "photos", 1, keras=False)
    with pytest.raises(ConfigError, match=expected):
        weights_of(tmp_path, weights)


def test_a_version_of_the_same_data_may_have_learnt_rows_that_measure_the_model(tmp_path: Path) -> None:
    model = {"family": "transfer", "base": "squeezenet", "input_size": 32}
    recipe = {"name": "digits", "data": {"dataset": "digits"}, "seed": 7}

    def plan(weights: str) -> RunPlan:
        experiment = parse_experiment({**recipe, "model": {**model, "weights": weights}})
        return plan_run(experiment, tmp_path, None, tmp_path / "models" / "digits")

    told = plan("none").record()
    assert (told["learnt"], plan("none").flattered()) == ([], "")
    earlier = {"version": "old@2", "split": {**told["split"], "train": 0.99}}
    push(tmp_path, "mine", 1, keras=True, **{**told, "split": {**told["split"], "seed": 8}})
    push(tmp_path, "mine", 2, keras=True, **{**told, "learnt": [earlier]})
    push(tmp_path, "mine", 3, keras=True, **told)
    push(tmp_path, "mine", 4, keras=True, split={**told["split"], "seed": 8}, data={"title": "Others"})
    assert plan("mine@1").flattered() == (
        "mine@1, whose weights this model starts from, may have been fitted on some of these rows, which would flatter "
        "it: its splits were drawn with seed 8, and are drawn with seed 7 now; data.split.seed: 8 keeps them"
    )
    assert "old@2, whose weights this model starts from, may have been fitted on" in plan("mine@2").flattered()
    assert plan("mine@2").record()["learnt"] == [{"version": "mine@2", "split": told["split"]}, earlier]
    assert (plan("mine@3").flattered(), plan("mine@4").learnt) == ("", ())
    assert plan("mine@4").record()["started_from"] == "mine@4", "for those that start from this one"


def test_versions_of_the_same_data_are_found_whatever_lies_between(tmp_path: Path) -> None:
    """The file of a version is the version, and one of other data may itself start from one of these."""
    root, split = tmp_path / "w", {"seed": 8}
    folder = tmp_path / "images"
    for number in range(60):
        file = folder / ("cats", "dogs")[number % 2] / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (number, 0, 0)).save(file)
    recipe = {"name": "pets", "data": {"images": {"path": str(folder)}}, "task": "multiclass"}

    def learnt(weights: object) -> list[str]:
        model = {"family": "transfer", "base": "squeezenet", "input_size": 32, "weights": str(weights)}
        made = plan_run(parse_experiment({**recipe, "model": model}), tmp_path, None, root / "models" / "pets")
        assert all(one["split"] == split for one in made.learnt)
        return [one["version"] for one in made.learnt]

    told = {"data": {"title": "images"}, "label": {"name": "label"}, "split": split}
    grown = push(root, "grown", 1, keras=True, **told, classes=["cats", "dogs"])
    push(root, "plants", 1, keras=True, **told, classes=["elm", "oak"])
    push(root, "stones", 1, keras=True, **{**told, "label": {"name": "kind"}}, started_from="grown@1")
    push(root, "stars", 1, keras=True, started_from="stones@1", split=split)
    push(root, "seas", 1, keras=True, split=split, learnt=[{"version": "pets@7", "split": split}])
    assert [learnt(each) for each in ("grown@1", grown)] == [["grown@1"]] * 2
    assert learnt("plants@1") == [], "many folders are called images"
    assert (learnt("stones@1"), learnt("stars@1"), learnt("seas@1")) == (["grown@1"], ["grown@1"], ["pets@7"])


def test_a_file_of_that_name_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine@home").write_bytes(b"")
    assert weights_of(tmp_path, "mine@home") == "mine@home"


def digest_of(file: Path, **more: object) -> object:
    """What becomes of ``model.weights_digest`` with weights from a file."""
    model = {"family": "transfer", "base": "squeezenet", "weights": str(file), **more}
    tuning = more.pop("tuning", None)
    model.pop("tuning", None)
    recipe = {"name": "cats", "data": {"dataset": "digits"}, "model": model, "tuning": tuning}
    return resolve_weights(parse_experiment(recipe), file.parent).model.weights_digest


def test_another_file_of_the_same_name_is_another_plan(tmp_path: Path) -> None:
    file, other = tmp_path / "base.weights.h5", tmp_path / "other.weights.h5"
    file.write_bytes(b"first")
    first = digest_of(file)
    assert digest_of(file) == first == hashlib.sha256(b"first").hexdigest()
    tuning = {"space": {"model.weights": {"choice": [str(file), str(other), "none"]}}}
    other.write_bytes(b"other")
    searched = digest_of(file, tuning=tuning)
    other.write_bytes(b"later")
    assert searched != digest_of(file, tuning=tuning), "each file that a search tries counts"
    file.write_bytes(b"later")
    assert digest_of(file) != first


def test_weights_that_a_recipe_knows_by_their_digest(tmp_path: Path) -> None:
    file = tmp_path / "base.weights.h5"
    file.write_bytes(b"first")
    known = digest_of(file)
    assert digest_of(file, weights_digest=known) == known
    file.write_bytes(b"later")
    with pytest.raises(ConfigError, match=f"model.weights_digest: expected weights with the SHA-256 {known} in "):
        digest_of(file, weights_digest=known)
