"""A number that no train row has, as of a column that was added later: its graph is made, and answers later values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kerasline.components.features.column_options import ColumnOptions
from kerasline.components.features.plan import FeaturePlan, FeatureStep

pytestmark = pytest.mark.slow


def step(name: str, **options: Any) -> FeatureStep:
    """A number that is missing now and then."""
    return FeatureStep(name=name, kind="numeric", dtype="float", options=ColumnOptions(**options), indicator=True)


def test_every_scale_takes_a_column_without_values(analyse: Any, tmp_path: Path) -> None:
    import tensorflow as tf
    import tensorflow_transform as tft

    from kerasline.components.example_gen.shards import encode_row

    scales: dict[str, dict[str, Any]] = {
        "rank": {"scale": "piecewise"}, "bucket": {"scale": "buckets", "buckets": 4}, "middle": {"impute": "median"},
        "z": {}, "range": {"scale": "min_max"},
    }  # fmt: skip
    steps = [step(f"{kind}_{name}", **options) for name, options in scales.items() for kind in ("known", "empty")]
    plan = FeaturePlan(
        steps=tuple(steps), label="y", label_dtype="float", classes=None, label_scale="none", task="regression"
    )
    rows = [{f"known_{name}": float(i) for name in scales} | {"y": float(i)} for i in range(9)]
    output = tft.TFTransformOutput(str(analyse(rows, plan, tmp_path)))
    asked = [*rows, {f"{kind}_{name}": 4.0 for name in scales for kind in ("known", "empty")} | {"y": 0.0}]
    parsed = tf.io.parse_example([encode_row(row) for row in asked], output.raw_feature_spec())
    dense = np.asarray(output.transform_features_layer()(dict(parsed))["features"])
    assert np.isfinite(dense).all()
    (spec,) = plan.inputs()
    ranks = {spec.columns[place]: dense[:, place] for place in spec.ranks}
    assert len(ranks) == 2
    known, empty = ranks.values()
    assert known[:9] == pytest.approx(np.arange(9) / 8, abs=0.15)
    assert known[9] == pytest.approx(0.5, abs=0.1)
    assert np.ptp(empty[:9]) == 0, "all rows are alike where none has a value"
