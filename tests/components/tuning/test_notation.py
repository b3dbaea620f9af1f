"""The notation of a space: what is refused, in which words, and what is tried before anything runs."""

from __future__ import annotations

import random
from typing import Any

import pytest

from kerasline.components.tuning.space.notation import candidates, check_space, in_order, values_to_try

FAMILY = {"choice": ["mlp", "cnn"]}


@pytest.mark.parametrize(
    ("space", "expected"),
    [
        (
            {"features.age": {"choice": ["z_score", "log"]}},
            "features.age: expected features.COLUMN.OPTION, such as features.area.scale, got features.age",
        ),
        (
            {"features.age.buckets": {"int": [2, 9]}},
            "features.age.buckets: expected {choice: [...]} or {boolean: true}, got {'int': [2, 9]}; each value of a "
            "features. key is analysed before the search",
        ),
        (
            {"seed": {"int": [1, 9]}},
            "seed: expected a config key that starts with model., training. or features., got seed; a search changes "
            "the network, how it is trained and what it reads, and all else is the same in every trial",
        ),
        (
            {"training.validation_fraction": {"float": [0.1, 0.5]}},
            "training.validation_fraction: expected a key that leaves the rows alone",
        ),
        ({"model.dropout": {"flaot": [0, 1]}}, "Did you mean 'float'?"),
        ({"model.dropout": {"float": [0, 0.5], "stpe": 0.1}}, "Did you mean 'step'?"),
        ({"model.dropout": {"choice": [0, 0.5], "log": True}}, "model.dropout: expected one of {choice"),
        ({"model.mask": {"boolean": False}}, "model.mask: expected one of {choice"),
        ({"model.units": {"choice": [[8], [8]]}}, "model.units: expected different values, got [[8], [8]]"),
        ({"model.dropout": {"float": [0.3, 0.3]}}, "expected [low, high] with low below high, got [0.3, 0.3]"),
        ({"model.dropout": {"float": [0, float("inf")]}}, "with low below high, got [0, Infinity]"),
        ({"training.epochs": {"int": None}}, "training.epochs: expected a list of values, got nothing"),
        ({"training.epochs": {"int": [True, 5]}}, "expected [low, high] with low below high, got [true, 5]"),
        ({"training.epochs": {"int": [1, 5.5]}}, "expected whole numbers, got [1, 5.5]; use float for others"),
        (
            {"training.batch_size": {"int": [32, 512], "step": 0}},
            "training.batch_size: expected step, the distance from a value to the next, to be a whole number above 0 "
            "and at most 480, got 0",
        ),
        (
            {"training.batch_size": {"int": [32, 512], "step": 1, "scale": "log"}},
            "expected step, the factor from a value to the next, to be a whole number above 1 and at most 16, got 1",
        ),
        ({"model.dropout": {"float": [0, 0.5], "step": 0.6}}, "a number above 0 and at most 0.5, got 0.6"),
        ({"model.dropout": {"float": [0, 0.5], "scale": "log"}}, "expected a range above 0 on a logarithmic scale"),
        ({"model.dropout": {"float": [0.1, 0.5], "scale": "logarithmic"}}, "expected scale: linear or log"),
        (
            {"model.dropout": {"float": [0.1, 0.5], "scale": "linear", "log": True}},
            "expected log and scale to agree",
        ),
        (
            {"model.family": FAMILY, "model.filters": {"choice": [[8]], "when": {"model.famly": "cnn"}}},
            "model.filters: expected when to name another key of the space (model.family), got model.famly. Did you "
            "mean 'model.family'?",
        ),
        (
            {"model.family": FAMILY, "model.filters": {"choice": [[8]], "when": {"model.family": "rnn"}}},
            'model.filters: expected when: {model.family: ...} with one of ["mlp", "cnn"], got \'rnn\'',
        ),
        (
            {"model.dropout": {"float": [0, 1]}, "model.units": {"choice": [[8]], "when": {"model.dropout": 0}}},
            "model.units: expected when to name a choice or a boolean, but model.dropout is a range",
        ),
        (
            {"model.a": {"boolean": True}, "model.b": {"boolean": True, "when": {"model.a": 1}}},
            "model.b: expected when: {model.a: ...} with one of [true, false], got 1",
        ),
        (
            {"model.a": {"boolean": True}, "model.b": {"boolean": True, "when": {}}},
            "model.b: expected when: {KEY: VALUE}",
        ),
        (
            {
                "model.a": {"boolean": True, "when": {"model.b": True}},
                "model.b": {"boolean": True, "when": {"model.a": True}},
            },
            "model.a: expected conditions that end somewhere, but model.a and model.b wait",
        ),
    ],
)  # fmt: skip
def test_a_space_that_is_badly_written(space: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (the text is compared below)
        check_space(space)
    assert expected in str(caught.value)


@pytest.mark.parametrize("seed", range(200))
def test_every_step_that_passes_leaves_two_values(seed: int) -> None:
    draw = random.Random(seed)
    low, distance, step, is_log = draw.randint(1, 50), draw.randint(1, 200), draw.randint(-2, 60), draw.random() < 0.5
    entry = {"int": [low, low + distance], "step": step} | ({"scale": "log"} if is_log else {})
    second = low * step if is_log else low + step
    is_right = step > (1 if is_log else 0) and second <= low + distance
    try:
        check_space({"training.batch_size": entry})
    except ValueError as error:
        assert "expected step" in str(error)
        assert not is_right
    else:
        assert is_right


def test_keys_come_after_those_that_they_depend_on() -> None:
    space = {
        "model.filters": {"choice": [[8]], "when": {"model.family": "cnn"}},
        "model.dropout": {"float": [0, 0.5]},
        "model.family": FAMILY,
    }
    assert in_order(space) == ["model.dropout", "model.family", "model.filters"]


def test_every_value_is_tried_beside_what_it_depends_on() -> None:
    """And a key of the model in every family that may come beside it."""
    space = {
        "model.family": FAMILY,
        "model.filters": {"choice": [[8], [16]], "when": {"model.family": "cnn"}},
        "model.dropout": {"float": [0, 0.5]},
        "training.batch_size": {"int": [8, 64]},
    }
    tried = [changes for key, changes in candidates(space) if key != "model.family"]
    assert tried == [
        {"model.family": "cnn", "model.filters": [8]},
        {"model.family": "cnn", "model.filters": [16]},
        {"model.family": "mlp", "model.dropout": 0},
        {"model.family": "mlp", "model.dropout": 0.5},
        {"model.family": "cnn", "model.dropout": 0},
        {"model.family": "cnn", "model.dropout": 0.5},
        {"training.batch_size": 8},
        {"training.batch_size": 64},
    ]
    assert values_to_try({"boolean": True}) == [True, False]
