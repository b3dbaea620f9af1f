"""The space in KerasTuner's terms: forms, values on their way there and back, conditions, combinations."""

from __future__ import annotations

from typing import Any

import pytest

from kerasline.components.fitting.settings.settings import UNCHANGED, change_config, decode_hyperparameters
from kerasline.components.models.description.options import CnnOptions
from kerasline.components.tuning.space.space import (
    combinations,
    declare_space,
    encode,
    fit_into,
    start_values,
    untuned_values,
)
from tests.components.tuning.search_of_iris import iris_settings

TWO_FAMILIES: dict[str, Any] = {
    "model.filters": {"choice": [[8], [8, 16]], "when": {"model.family": "cnn"}},
    "model.family": {"choice": ["mlp", "cnn"]},
    "model.units": {"choice": [[4], [16]], "when": {"model.family": ["mlp"]}},
}


def test_forms() -> None:
    space = {
        "model.units": {"choice": [[64], [128, 64]]},
        "model.dropout": {"float": [0, 0.5], "step": 0.25},
        "training.batch_size": {"int": [32, 512], "step": 2, "scale": "log"},
        "model.batch_normalization": {"boolean": True},
    }
    declared = {hp.name: hp for hp in declare_space(space).space}
    assert declared["model.units"].values == ["json:[64]", "json:[128, 64]"]
    assert [int(value) for value in declared["training.batch_size"].values] == [32, 64, 128, 256, 512]
    assert list(declared["model.dropout"].values) == [0, 0.25, 0.5]
    assert untuned_values(iris_settings(), space) == {
        "model.units": "json:[16]",
        "model.dropout": 0.0,
        "training.batch_size": 16,
        "model.batch_normalization": False,
    }


@pytest.mark.parametrize(
    "choices",
    [
        [[64], [128, 64]], [None, "balanced"], [0, 0.25, 0.5], [1, 2], [True, False], ["auto", 32], ["json:1", "b"],
        [{"name": "CosineDecay"}, None], ["adam", "sgd"], [[], [64]],
    ],
)  # fmt: skip
def test_a_choice_comes_back_as_it_was_given(choices: list[Any]) -> None:
    """Through KerasTuner, which refuses lists of several types and makes 1 of True."""
    entry = {"choice": choices}
    (declared,) = declare_space({"model.x": entry}).space
    assert [decode_hyperparameters({"model.x": value})["model.x"] for value in declared.values] == choices
    back = [decode_hyperparameters({"model.x": encode(choice, entry)})["model.x"] for choice in choices]
    assert back == choices
    assert all(isinstance(a, bool) == isinstance(b, bool) for a, b in zip(back, choices, strict=True))


def test_what_the_config_does_not_say_stays_unsaid() -> None:
    """Trial 0 does not turn an absent key into null, which a config may refuse."""
    space = {"training.optimizer_arguments.momentum": {"float": [0, 0.9]}, "training.clip_norm": {"float": [0.1, 5]}}
    untuned = untuned_values(iris_settings(), space)
    assert untuned == dict.fromkeys(space, UNCHANGED)
    assert decode_hyperparameters({**untuned, "tuner/epochs": 3}) == {}


def test_the_config_is_found_among_the_choices() -> None:
    """Also where it is null, or a block without its defaults, which would otherwise be tried once more."""
    space = {
        "training.early_stopping": {"choice": [None, {"patience": 2}, {"patience": 3}]},
        "training.learning_rate_schedule": {"choice": [None, {"name": "CosineDecay"}]},
    }
    untuned = untuned_values(iris_settings(early_stopping={"patience": 3}), space)
    assert decode_hyperparameters(untuned) == {
        "training.early_stopping": {"patience": 3}, "training.learning_rate_schedule": None,
    }  # fmt: skip
    own = {"monitor": "val_loss", "mode": "auto", "patience": 4, "min_delta": 0.0}
    untuned = untuned_values(iris_settings(early_stopping=own), space)
    assert decode_hyperparameters(untuned)["training.early_stopping"] == own


def test_a_choice_that_the_config_refuses_by_itself_is_another() -> None:
    """Such as a family that needs a key of its own, where the config's family is not offered."""
    space = {
        "model.family": {"choice": ["custom", "cnn"]},
        "model.build": {"choice": ["a.b:c"], "when": {"model.family": "custom"}},
    }
    assert decode_hyperparameters(untuned_values(iris_settings(), space)) == {"model.family": "mlp"}


def test_a_condition_hides_keys() -> None:
    declared = declare_space(TWO_FAMILIES)
    assert [hp.name for hp in declared.space] == ["model.family", "model.filters", "model.units"]
    assert untuned_values(iris_settings(), TWO_FAMILIES) == {"model.family": "mlp", "model.units": "json:[16]"}
    assert list(combinations(declared.space)) == [
        {"model.family": "mlp", "model.units": "json:[4]"},
        {"model.family": "mlp", "model.units": "json:[16]"},
        {"model.family": "cnn", "model.filters": "json:[8]"},
        {"model.family": "cnn", "model.filters": "json:[8, 16]"},
    ]


def test_another_family_starts_from_its_own_defaults() -> None:
    changed = iris_settings().with_changes({"model.family": "cnn", "model.filters": [8]})
    assert changed.model == CnnOptions(filters=(8,))
    config = {"model": {"units": [4]}, "seed": 1}
    assert change_config(config, {"model.family": "mlp", "model.dropout": 0.1})["model"]["units"] == [4]
    assert change_config(config, {"model.family": "cnn"}) == {"model": {"family": "cnn"}, "seed": 1}
    assert config == {"model": {"units": [4]}, "seed": 1}


def test_an_earlier_winner_lies_over_the_untuned_values() -> None:
    """What it lacks is the config's, or the first that the space offers."""
    untuned = untuned_values(iris_settings(), TWO_FAMILIES)
    assert start_values(untuned, {"model.units": [4]}, TWO_FAMILIES) == {
        "model.family": "mlp", "model.units": "json:[4]"
    }  # fmt: skip
    assert start_values(untuned, {"model.family": "cnn", "model.units": [4]}, TWO_FAMILIES) == {
        "model.family": "cnn",
        "model.filters": "json:[8]",
    }


def test_values_outside_of_the_space_move_to_the_nearest_inside() -> None:
    space = {
        "model.dropout": {"float": [0.1, 0.5]},
        "training.batch_size": {"int": [8, 64], "step": 8},
        "model.kernel_size": {"choice": [3, 5]},
        "training.optimizer": {"choice": ["sgd", "rmsprop"]},
        "training.clip_norm": {"float": [1, 2]},
    }
    values = {
        "model.dropout": 0.0, "training.batch_size": 100, "model.kernel_size": 7, "training.optimizer": "adam",
        "training.clip_norm": UNCHANGED, "tuner/epochs": 3,
    }  # fmt: skip
    assert fit_into(values, declare_space(space).space) == {
        "model.dropout": 0.1,
        "training.batch_size": 64,
        "model.kernel_size": 5,
        "training.optimizer": "sgd",
        "training.clip_norm": 1.0,
        "tuner/epochs": 3,
    }
