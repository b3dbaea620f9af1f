"""The default tuning spaces: every value that they offer is one that the options take."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from pydantic import TypeAdapter

from kerasline.components.fitting.settings.options import TrainingOptions
from kerasline.components.models import MODEL_FAMILIES, ModelOptions
from kerasline.components.models.description.spaces import DEFAULT_SPACES, default_space

ADAPTER = TypeAdapter(ModelOptions)


def values_of(entry: dict[str, Any]) -> list[Any]:
    """Returns the values, or the ends of the range, of one entry."""
    if "boolean" in entry:
        return [True, False]
    return entry.get("choice") or entry.get("float") or entry["int"]


def test_every_family_has_a_space() -> None:
    assert set(DEFAULT_SPACES) == set(MODEL_FAMILIES)


@pytest.mark.parametrize("family", list(DEFAULT_SPACES))
def test_every_value_is_one_that_the_family_takes(family: str) -> None:
    needed = {"custom": {"build": "a.b:c"}, "hub": {"preset": "tiny_bert"}}
    base = {"family": family} | needed.get(family, {})
    for key, entry in DEFAULT_SPACES[family].items():
        room, _, name = key.partition(".")
        assert room in ("model", "training")
        if room == "training":
            for value in values_of(entry):
                assert TrainingOptions.model_validate({name: value})
        if room == "model":
            for value in values_of(entry):
                assert getattr(ADAPTER.validate_python(base | {name: value}), name) is not None


def test_a_plateau_leaves_no_choice_of_a_schedule() -> None:
    key = "training.learning_rate_schedule"
    assert key in default_space("mlp", {})
    assert key not in default_space("mlp", {"reduce_on_plateau": {"patience": 2}})


def test_ranges_rise_and_logarithmic_ones_start_above_0() -> None:
    for space in DEFAULT_SPACES.values():
        for entry in space.values():
            if "float" in entry:
                assert all(low < high for low, high in pairwise(entry["float"]))
                assert not entry.get("log") or entry["float"][0] > 0
