"""Feature plans side by side: which combinations there are, what a trial's values choose, and what is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from kerasline.components.core.errors import ConfigError
from kerasline.components.datasets.description.spec import Column, Dataset, Label, SplitPlan
from kerasline.components.features.alternatives import (
    Alternative,
    choose_plan,
    is_feature_key,
    plan_alternatives,
    split_feature_key,
)
from kerasline.components.features.column_options import ColumnOptions
from kerasline.components.features.plan import plan_features

TABLE = Dataset(
    name="flats",
    kind="table",
    reader="csv",
    columns=(
        Column(name="area (m².)", dtype="float", distinct=90),
        Column(name="district", dtype="string", distinct=4),
    ),
    label=Label(name="rent", dtype="float", classes=None),
    split=SplitPlan(method="hash", fractions={"train": 0.8, "eval": 0.1, "test": 0.1}, seed=1),
    rows=100,
    fingerprint="0",
    shards=(),
)
AREA, DISTRICT = "features.area (m².).scale", "features.district.encode"


def plan(
    offered: Mapping[str, Sequence[Any]], features: Mapping[str, ColumnOptions] | None = None
) -> tuple[Alternative, ...]:
    own = plan_features(TABLE, features or {}, "regression")
    return plan_alternatives(offered, TABLE, features or {}, own)


def test_a_key_is_split_at_its_last_dot() -> None:
    assert is_feature_key(AREA) and not is_feature_key("features.area") and not is_feature_key("model.units")
    assert split_feature_key(AREA) == ["features", "area (m².)", "scale"]


def test_every_combination_is_a_plan_with_inputs_of_its_own() -> None:
    found = plan({AREA: ["z_score", "log"], DISTRICT: ["one_hot", "embedding"]})
    assert [tuple(one.values.values()) for one in found] == [
        ("z_score", "one_hot"), ("z_score", "embedding"), ("log", "one_hot"), ("log", "embedding"),
    ]  # fmt: skip
    assert [[spec.name for spec in one.plan.inputs()] for one in found] == [
        ["features"],
        ["alternative1__features", "alternative1__district"],
        ["alternative2__features"],
        ["alternative3__features", "alternative3__district"],
    ]
    assert [one.plan.steps[0].options.scale for one in found] == ["z_score", "z_score", "log", "log"]


def test_the_recipes_own_value_comes_first_and_its_other_options_stay() -> None:
    found = plan({AREA: ["log", "min_max"]}, {"area (m².)": ColumnOptions(scale="buckets", impute="median")})
    assert [one.values[AREA] for one in found] == ["buckets", "log", "min_max"]
    assert {one.plan.steps[0].options.impute for one in found} == {"median"}
    assert plan({}) == ()


def test_a_trials_values_choose_the_plan() -> None:
    found = plan({AREA: ["z_score", "log"], DISTRICT: ["one_hot", "embedding"]})
    assert choose_plan(found, {}) == found[0].plan
    assert choose_plan(found, {AREA: "log"}) == found[2].plan
    assert choose_plan(found, {AREA: "log", DISTRICT: "embedding"}) == found[3].plan
    with pytest.raises(ConfigError, match="expected values of the space that was analysed, got .* 'min_max'"):
        choose_plan(found, {AREA: "min_max"})


@pytest.mark.parametrize(
    ("offered", "expected"),
    [
        ({"features.aera.scale": ["log"]}, "expected a column that the model reads (area (m².), district), got 'aera'"),
        ({"features.rent.scale": ["none"]}, "expected an input column, got the label"),
        ({"features.district.encoding": ["hash"]}, "got 'encoding'. Did you mean 'encode'?"),
        ({AREA: ["root"]}, f"{AREA} 'root' does not suit the data: Input should be 'z_score'"),
        ({DISTRICT: ["tokens"]}, "'tokens' does not suit the data: features.district.encode: expected one_hot or"),
        (
            {"features.district.kind": ["drop"]},
            "expected features that read the same columns in every trial, since clients send them, but with "
            "features.district.kind 'drop' the model does not read 'district'",
        ),
        (
            {AREA: ["log", "min_max", "none"], "features.area (m².).impute": [*range(10)]},
            "expected at most 32 combinations of values of its features. keys, the recipe's own among them, since each "
            "is analysed before the search, got 44",
        ),
    ],
)
def test_what_cannot_be_searched(offered: dict[str, list[Any]], expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        plan(offered)
    assert str(caught.value).startswith("tuning.space") and expected in str(caught.value)


def test_a_column_may_not_be_called_like_an_input_of_another_plan() -> None:
    names = [column.model_copy(update={"name": "alternative1__features"}) for column in TABLE.columns[:1]]
    table = TABLE.model_copy(
        update={"columns": (TABLE.columns[0], names[0].model_copy(update={"dtype": "array", "shape": (2,)}))}
    )
    own = plan_features(table, {}, "regression")
    with pytest.raises(ConfigError, match="whose names differ from alternative1__features; rename that column"):
        plan_alternatives({AREA: ["log"]}, table, {}, own)
