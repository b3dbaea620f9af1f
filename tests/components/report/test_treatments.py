"""Every line that a diagnosis offers to copy is a change that the recipes accept."""

from __future__ import annotations

import shlex
from typing import Any

import pytest

from kerasline.components.report.diagnosis.treatments import Treatments, treatment
from kerasline.pipeline.config.experiment import load_experiment, recipe_names


def every_treatment(advice: Treatments, task: str) -> list[dict[str, Any]]:
    """All treatments that a run of this task could be offered."""
    data = {"splits": {"train": 80, "eval": 10, "test": 10}}
    return [
        *(advice.longer() + advice.larger() + advice.smaller() + advice.regularise() + advice.augment()),
        *advice.pretrained(),
        *(advice.slower() + advice.steadier() + advice.balance(task) + advice.distrust_labels(task)),
        *(advice.measure_better(data) + advice.repeat(7)),
    ]


@pytest.mark.parametrize("recipe", recipe_names())
def test_recipes_accept_every_treatment(recipe: str) -> None:
    experiment, _ = load_experiment(recipe)
    config = experiment.model_dump(mode="json")
    image = [28, 28, 3] if "digits" in recipe or "mnist" in recipe else None
    task = "regression" if "regression" in recipe else "multiclass"
    found = every_treatment(Treatments(config, config["tuning"], image), task)
    assert len(found) >= 8
    for entry in found:
        words = shlex.split(entry["line"])
        assert words[::2] == ["--set"] * len(entry["changes"]) and words[1::2] == entry["changes"]
        changed, _ = load_experiment(recipe, entry["changes"])
        assert changed != experiment, entry


@pytest.mark.parametrize(("epochs", "expected"), [(3, "training.budget=3m"), (20, "training.epochs=40")])
def test_a_fit_that_its_budget_ended_is_given_time(epochs: int, expected: str) -> None:
    (found,) = Treatments({"training": {"budget": "1.5m", "epochs": 20}}, epochs=epochs).longer()
    assert found["changes"][0] == expected


def test_a_linear_model_is_given_layers() -> None:
    (found,) = Treatments({"model": {"family": "mlp", "units": []}}).larger()
    assert found["changes"] == ["model.units=[32, 16]"]


def test_a_pretrained_base_is_fitted_slowly() -> None:
    (found,) = Treatments({"model": {"family": "transfer"}, "training": {"learning_rate": 0.001}}).larger()
    assert found["line"] == "--set model.freeze=none --set training.learning_rate=0.0001"


def test_photographs_are_given_a_pretrained_network_and_images_without_colour_are_not() -> None:
    model = {"model": {"family": "cnn"}}
    (found,) = Treatments(model, image=[32, 32, 3]).pretrained()
    assert found["changes"] == ['model={"family": "transfer"}']
    (found,) = Treatments(model, {"space": {"model.dropout": {"float": [0, 0.5]}}}, [32, 32, 3]).pretrained()
    assert found["changes"][1:] == ["tuning=null"]
    assert Treatments(model, image=[28, 28, 1]).pretrained() == Treatments(model).pretrained() == []


def test_a_custom_model_is_left_to_its_owner() -> None:
    advice = Treatments({"model": {"family": "custom", "config": {"width": 3}}})
    assert advice.larger() == [] and advice.smaller() == []


def test_columns_with_a_dot_are_dropped_in_the_recipe() -> None:
    (found,) = Treatments({}).drop("area.m2")
    assert found["line"] == "" and "area.m2" in found["why"]


def test_numbers_are_rounded_as_people_type_them() -> None:
    assert treatment("slower", {"training.learning_rate": 0.0010000000474974513 / 3})["line"] == (
        "--set training.learning_rate=0.000333"
    )
