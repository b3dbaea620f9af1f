"""A user's function of numbers in the transform graph: before values are filled in and scaled, and what it may give."""

from __future__ import annotations

import numpy as np
import pytest

from kerasline.components.core.errors import ConfigError
from kerasline.components.datasets.description.spec import Column, Dataset, Label, SplitPlan
from kerasline.components.features.column_options import ColumnOptions
from kerasline.components.features.plan import FeaturePlan, plan_features

CODE = """
import tensorflow as tf
def logs(values): return tf.math.log(values)
def flat(values): return tf.reduce_sum(values)
def text(values): return tf.strings.as_string(values)
def number(values): return 3.0
def fails(values): return values.nothing
"""


def planned(**features: dict[str, object]) -> FeaturePlan:
    columns = (
        Column(name="size", dtype="float", missing=1, distinct=5), Column(name="town", dtype="string", distinct=3),
        Column(name="other", dtype="float", missing=0, distinct=5),
    )  # fmt: skip
    dataset = Dataset(
        name="table", kind="table", columns=columns, label=Label(name="y", dtype="float"), rows=50, reader="csv",
        shards=({"first": 0, "rows": 50},), split=SplitPlan(method="hash", fractions={"train": 1.0}), fingerprint="0",
    )  # fmt: skip
    options = {name: ColumnOptions.model_validate(block) for name, block in features.items()}
    return plan_features(dataset, options, "regression")


@pytest.mark.parametrize(
    ("column", "block", "said"),
    [
        ("town", {}, "features.town.function: expected a column of numbers, but town is read as categorical"),
        ("size", {"scale": "log"}, "features.size.function: expected another scale than log"),
        ("y", {}, "features.y.function: expected an input, but y is the label"),
    ],
)
def test_what_has_no_numbers_is_refused(column: str, block: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        planned(**{column: {"function": "mine:f", **block}})


@pytest.mark.slow
def test_its_numbers_stand_for_the_columns(own: str) -> None:
    import tensorflow as tf

    from kerasline.components.transform.own import apply_functions

    steps = planned(size={"function": f"{own}:logs"}).steps
    slots = [("other", 0), ("size", 0)]
    matrix = tf.constant([[1.0, np.e], [2.0, 0.0], [3.0, np.nan], [4.0, 1.0]], tf.float64)
    found = apply_functions(steps, slots, matrix).numpy()
    assert found[:, 0].tolist() == [1, 2, 3, 4]
    np.testing.assert_allclose(found[:, 1], [1.0, np.nan, np.nan, 0.0])
    assert apply_functions(planned().steps, slots, matrix) is matrix
    for function, said in [
        ("flat", r"one for each row \(shape \[batch\]\), but it returned float64 of shape \(\)"),
        ("text", "it returned string of shape"), ("number", "it returned float"),
        ("fails", r"raised AttributeError in .*, line 7"),
    ]:  # fmt: skip
        with pytest.raises(ConfigError, match=f"^features.size.function: .*{said}"):
            apply_functions(planned(size={"function": f"{own}:{function}"}).steps, slots, matrix)
