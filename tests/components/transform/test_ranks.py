"""Ranks of a number of which most rows share one value: the others are told apart still."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kerasline.components.features.column_options import ColumnOptions
from kerasline.components.features.plan import FeaturePlan, FeatureStep

pytestmark = pytest.mark.slow

ROWS = 400
RARE = np.linspace(1, 40, 40)
COLUMNS: dict[str, np.ndarray] = {
    "even": np.arange(ROWS) / 7,
    "gain": np.concatenate([np.zeros(ROWS - 40), RARE]),
    "loss": np.concatenate([np.full(ROWS - 40, 0.1), -RARE]),
    "both": np.concatenate([-RARE, np.full(ROWS - 80, 3.5), 7 + RARE]),
    "once": np.concatenate([np.zeros(ROWS - 1), [1.0]]),
    "constant": np.full(ROWS, 5.0),
}


@pytest.fixture(scope="module")
def ranks(analyse: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    """The rank of each row in each column."""
    import tensorflow as tf
    import tensorflow_transform as tft

    from kerasline.components.example_gen.shards import encode_row

    options = ColumnOptions(scale="piecewise")
    steps = [
        FeatureStep(name=name, kind="numeric", dtype="float", options=options, indicator=False) for name in COLUMNS
    ]
    plan = FeaturePlan(
        steps=tuple(steps), label="y", label_dtype="float", classes=None, label_scale="none", task="regression"
    )
    rows = [{name: float(values[i]) for name, values in COLUMNS.items()} | {"y": float(i)} for i in range(ROWS)]
    output = tft.TFTransformOutput(str(analyse(rows, plan, tmp_path_factory.mktemp("ranks"))))
    parsed = tf.io.parse_example([encode_row(row) for row in rows], output.raw_feature_spec())
    dense = np.asarray(output.transform_features_layer()(dict(parsed))["features"])
    (spec,) = plan.inputs()
    return {spec.columns[place].removesuffix(" rank"): dense[:, place] for place in spec.ranks}


def test_a_column_without_such_a_value_is_parted_into_equal_shares(ranks: dict[str, np.ndarray]) -> None:
    assert ranks["even"] == pytest.approx(np.arange(ROWS) / (ROWS - 1), abs=0.02)


@pytest.mark.parametrize("name", ["gain", "loss", "both"])
def test_the_value_that_most_rows_share_takes_a_quarter_of_the_ranks(ranks: dict[str, np.ndarray], name: str) -> None:
    order = np.argsort(COLUMNS[name], kind="stable")
    found, values = ranks[name][order], COLUMNS[name][order]
    assert (np.diff(found)[np.diff(values) > 0] > 0).all(), "a larger number has a larger rank"
    usual = values == np.median(values)
    assert np.ptp(found[usual]) == 0
    lower, upper = found[values < np.median(values)], found[values > np.median(values)]
    apart = sum(float(np.ptp(side)) for side in (lower, upper) if side.size)
    assert apart > 0.65, "the few others have the most of the ranks to themselves"


def test_one_other_number_and_none(ranks: dict[str, np.ndarray]) -> None:
    assert ranks["once"][0] < ranks["once"][-1] == 1
    assert np.ptp(ranks["constant"]) == 0
