"""The block ``tuning`` of a recipe: what is said about it before anything runs, without TensorFlow."""

from __future__ import annotations

from typing import Any

import pytest

from kerasline.pipeline.config.experiment import parse_experiment
from tests.pipeline.config.conftest import METRIC_NAMES, SMALLEST, complaint

SPACE_FORMS = "one of {choice: [...]}, {float: [low, high], log: true}, {int: [low, high]} and {boolean: true}"


@pytest.mark.parametrize(
    ("space", "expected"),
    [
        (
            {"model.dropot": {"float": [0, 0.5]}},
            "tuning.space.model.dropot: unknown key 'model.dropot'. Did you mean 'dropout'?",
        ),
        (
            {"dropout": {"float": [0, 0.5]}},
            "tuning.space.dropout: expected a config key that starts with model., training. or features., got dropout; "
            "a search changes the network, how it is trained and what it reads, and all else is the same in every "
            "trial",
        ),
        (
            {"features.photo.scale": {"choice": ["log", "lag"]}},
            "tuning.space.features.photo.scale: features.photo.scale: expected one of z_score, min_max, log, buckets, "
            "piecewise, none, got 'lag'. Did you mean 'log'?",
        ),
        (
            {"training.optimizer": {"choices": ["adam"]}},
            f"tuning.space.training.optimizer: expected {SPACE_FORMS}, got {{'choices': ['adam']}}. Did you mean "
            "'choice'?",
        ),
        (
            {"training.optimizer": {"choice": ["adam"], "float": [0, 1]}},
            f"tuning.space.training.optimizer: expected {SPACE_FORMS}, got {{'choice': ['adam'], 'float': [0, 1]}}",
        ),
        (
            {"training.optimizer": {"choice": []}},
            "tuning.space.training.optimizer: expected a list of values, got []",
        ),
        (
            {"model.dropout": {"float": [0.5, 0]}},
            "tuning.space.model.dropout: expected [low, high] with low below high, got [0.5, 0]",
        ),
        (
            {"training.epochs": {"int": [1, "x"]}},
            'tuning.space.training.epochs: expected [low, high] with low below high, got [1, "x"]',
        ),
        (
            {"model.dropout": {"float": [0, 2]}},
            "tuning.space.model.dropout: model.dropout: expected a number below 1, got 2",
        ),
        (
            {"training.learning_rate": {"float": [0, 0.1], "log": True}},
            "tuning.space.training.learning_rate: expected a range above 0 on a logarithmic scale, got [0, 0.1]",
        ),
        (
            {"model.units": {"choice": [[64], [64, 0]]}},
            "tuning.space.model.units: model.units.1: expected 1 or more, got 0",
        ),
    ],
)
def test_a_tuning_space_is_tried_before_anything_runs(space: dict[str, Any], expected: str) -> None:
    assert complaint(tuning={"space": space}) == f"the recipe: {expected}"


def test_a_search_may_not_reach_contrast_with_standardised_images() -> None:
    blocks: dict[str, Any] = {
        "features": {"photo": {"normalise": "standard"}},
        "model": {"family": "cnn"},
        "tuning": {"space": {"model.augmentation.contrast": {"float": [0, 0.5]}}},
    }
    assert "the recipe: tuning.space.model.augmentation.contrast: features.photo.normalise: expected none" in complaint(
        **blocks
    )


def test_a_tuning_space_reaches_every_key_of_model_and_training() -> None:
    space = {
        "model.units": {"choice": [[8], [8, 4]]},
        "model.batch_normalization": {"boolean": True},
        "training.learning_rate": {"float": [1e-4, 1e-2], "log": True},
        "training.batch_size": {"int": [8, 64], "step": 8},
    }
    experiment = parse_experiment({**SMALLEST, "tuning": {"space": space, "objective": "val_accuracy"}})
    assert experiment.tuning is not None
    assert experiment.tuning.space == space


def test_an_objective_that_nobody_knows() -> None:
    message = complaint(tuning={"space": {"model.dropout": {"float": [0, 0.5]}}, "objective": "val_acuracy"})
    assert message == (
        f"the recipe: tuning.objective: Metric 'val_acuracy' is not known; use one of: {METRIC_NAMES}. "
        "Did you mean 'accuracy'?"
    )


@pytest.mark.parametrize(
    ("tuning", "expected"),
    [
        ({"max_trials": 0}, "tuning.max_trials: expected 1 or more, got 0"),
        ({"budget": "0m"}, "tuning.budget: expected time for at least one trial, such as 20m, got 0m"),
        ({"parallel": 0}, "tuning.parallel: expected 1 or more, got 0"),
        ({"reuse": "best"}, "tuning.reuse: expected latest, got 'best'. Did you mean 'latest'?"),
        ({"max_trial": 3}, "unknown key 'tuning.max_trial'. Did you mean 'max_trials'?"),
    ],
)
def test_limits(tuning: dict[str, Any], expected: str) -> None:
    assert complaint(tuning=tuning) == f"the recipe: {expected}"


def test_an_objective_of_another_task() -> None:
    assert complaint(task="regression", tuning={"objective": "accuracy"}) == (
        "the recipe: tuning.objective: expected what is computed for task regression (val_loss, val_mae, val_rmse), "
        "got val_accuracy"
    )


def test_an_objective_is_of_validation_rows() -> None:
    experiment = parse_experiment({**SMALLEST, "tuning": {"objective": "accuracy"}})
    assert experiment.tuning is not None and experiment.tuning.objective == "val_accuracy"


def test_a_default_search_of_a_table_ends_after_a_time() -> None:
    tuning = parse_experiment({**SMALLEST, "model": {"family": "tabular"}, "tuning": "default"}).tuning
    assert tuning is not None
    assert (tuning.budget, tuning.max_trials) == ("10m", 20)
    assert {"model.members", "model.bins", "model.number_dim"} <= set(tuning.space)
    plain = parse_experiment({**SMALLEST, "model": {"units": [8]}, "tuning": "default"}).tuning
    assert plain is not None
    assert (plain.budget, plain.max_trials) == (None, 8)


def test_a_space_over_families() -> None:
    """Each key is tried in the families in which it is searched, and the recipe's own options are not theirs."""
    space: dict[str, Any] = {
        "model.family": {"choice": ["mlp", "cnn"]},
        "model.units": {"choice": [[8], [8, 4]], "when": {"model.family": "mlp"}},
        "model.filters": {"choice": [[8], [8, 16]], "when": {"model.family": "cnn"}},
        "model.dropout": {"float": [0, 0.5]},
        "training.optimizer": {"choice": ["adam", "sgd"]},
        "training.optimizer_arguments.momentum": {"float": [0, 0.9], "when": {"training.optimizer": "sgd"}},
    }
    model = {"units": [16], "dropout": 0.1}
    experiment = parse_experiment({**SMALLEST, "model": model, "tuning": {"space": space}})
    assert experiment.tuning is not None and experiment.tuning.space == space
    without = {**space, "model.filters": {"choice": [[8], [8, 16]]}}
    assert complaint(model=model, tuning={"space": without}) == (
        "the recipe: tuning.space.model.filters: expected when: {model.family: cnn}, since mlp, which the space tries "
        "too, does not take it"
    )
    alone = {"training.optimizer_arguments.momentum": {"float": [0, 0.9]}}
    assert "momentum" in complaint(tuning={"space": alone})
