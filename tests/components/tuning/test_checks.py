"""What planning refuses of a search: objectives that nobody computes, values that do not suit the data."""

from __future__ import annotations

from typing import Any

import pytest

from kerasline.components.core.errors import ConfigError
from kerasline.components.tuning.space.checks import check_memory_of_search, check_objective, check_search, usable_start
from kerasline.pipeline.config import parse_experiment
from tests.components.tuning.search_of_iris import iris_options, iris_settings


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"objective": "val_auc"},
            "tuning.objective: expected what is computed for task multiclass (val_loss, val_accuracy), got val_auc",
        ),
        (
            {"space": {"training.loss": {"choice": ["auto", "huber"]}}},
            "tuning.space.training.loss: 'huber' does not suit the data: training.loss 'huber' does not suit task",
        ),
        (
            {"space": {"training.class_weights": {"choice": [None, {"setosa": 2.0}, {"rosa": 1.0}]}}},
            "tuning.space.training.class_weights: {'rosa': 1.0} does not suit the data: training.class_weights: ",
        ),
    ],
)
def test_a_search_that_does_not_suit_the_data(changes: dict[str, Any], expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_search(iris_settings(), iris_options(**changes))
    assert str(caught.value).startswith(expected)


@pytest.mark.parametrize("key", ["model.l2", "training.label_smoothing", "training.loss"])
def test_losses_that_mean_different_things_are_not_compared(key: str) -> None:
    space = {key: {"choice": ["sparse_categorical_crossentropy"]} if key == "training.loss" else {"float": [0, 0.1]}}
    with pytest.raises(ConfigError) as caught:
        check_search(iris_settings(), iris_options(objective="val_loss", space=space))
    assert str(caught.value).startswith(
        "tuning.objective: expected a figure that means the same in every trial, such as val_accuracy, got val_loss, "
        f"while the space has {key}: "
    )
    check_search(iris_settings(), iris_options(objective="val_accuracy", space=space))


def test_a_search_without_validation_rows() -> None:
    with pytest.raises(ConfigError, match="expected validation rows to score trials on"):
        check_search(iris_settings(validation_fraction=0), iris_options())


def test_objectives_follow_the_task() -> None:
    check_objective("val_rmse", "regression")
    with pytest.raises(ConfigError, match=r"task regression \(val_loss, val_mae, val_rmse\), got val_accuracy"):
        check_objective("val_accuracy", "regression")
    check_objective("val_cost", "regression", own=["cost"])


@pytest.mark.parametrize(
    ("tuning", "said"),
    [
        ({"objective": "val_cost"}, "expected min or max, whichever is better for your val_cost, got auto; say it"),
        ({"objective": "val_accuracy", "mode": "min"}, "expected max for val_accuracy, got min; leave it out"),
    ],
)
def test_which_way_is_better_is_said_of_metrics_of_the_users_alone(tuning: dict[str, str], said: str) -> None:
    recipe = {"name": "cost", "data": {"dataset": "iris"}, "training": {"metrics": ["mine:cost"]}}
    with pytest.raises(ConfigError, match=f"tuning.mode: {said}"):
        parse_experiment({**recipe, "tuning": tuning})
    parse_experiment({**recipe, "tuning": {"objective": "val_cost", "mode": "min"}})


def test_of_an_earlier_winner_the_keys_that_are_still_searched_are_used() -> None:
    options = iris_options(space={"model.dropout": {"float": [0, 0.5]}})
    found = usable_start(iris_settings(), options, {"model.dropout": 0.3, "model.units": [8]})
    assert found == {"model.dropout": 0.3}
    with pytest.raises(ConfigError, match=r"model.dropout: expected a number below 1, got 1.5"):
        usable_start(iris_settings(), options, {"model.dropout": 1.5})


@pytest.mark.parametrize("changes", [{"parallel": 2}, {"folds": 3}])
def test_rows_that_a_search_cannot_read_from_memory_are_known_by_the_plan(changes: dict[str, Any]) -> None:
    settings = iris_settings(memory_limit_mb=1)
    check_memory_of_search(settings, iris_options(), 10**6)
    check_memory_of_search(settings, iris_options(**changes), 1000)
    ((key, value),) = changes.items()
    with pytest.raises(ConfigError, match=f"tuning.{key}: expected rows that fit into memory with {value}, but about"):
        check_memory_of_search(settings, iris_options(**changes), 10**6)
