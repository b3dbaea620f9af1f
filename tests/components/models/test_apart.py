"""Columns of a table as inputs of their own, for a user's network."""

from __future__ import annotations

import numpy as np

from kerasline.components.models.apart import specs_given, tensors_given
from kerasline.components.models.description import CustomOptions, InputSpec, MlpOptions

VALUES = ("area (m²)", "area (m²) missing", "town #0", "town #1", "ids", "7")
OWNERS = ("area (m²)", "area (m²)", "town", "town", "ids", "7")
INPUTS = [
    InputSpec("features", "dense", (6,), columns=VALUES, ranks=(1, 3), owners=OWNERS),
    InputSpec("ids", "ids", (1,), 9),
]
APART = CustomOptions(build="mine:build", features="apart")


def test_each_column_has_its_values() -> None:
    specs = specs_given(APART, INPUTS)
    assert specs == [
        InputSpec("area__m__", "dense", (2,), columns=VALUES[:2], ranks=(1,)),
        InputSpec("town", "dense", (2,), columns=VALUES[2:4], ranks=(1,)),
        InputSpec("ids_2", "dense", (1,), columns=("ids",)),
        InputSpec("c7", "dense", (1,), columns=("7",)),
        INPUTS[1],
    ]
    rows = {"features": np.arange(12).reshape(2, 6), "ids": np.array([[1], [2]])}
    given = tensors_given(APART, INPUTS, rows)
    assert list(given) == [spec.name for spec in specs]
    assert [value.shape[1] for value in given.values()] == [2, 2, 1, 1, 1]
    assert np.concatenate([given[spec.name] for spec in specs[:4]], axis=1).tolist() == rows["features"].tolist()


def test_joined_they_stay_as_they_are() -> None:
    for options in (CustomOptions(build="mine:build"), MlpOptions()):
        assert specs_given(options, INPUTS) == INPUTS
        assert tensors_given(options, INPUTS, {"features": 1, "ids": 2}) == {"features": 1, "ids": 2}
