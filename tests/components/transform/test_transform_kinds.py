"""Kinds that were added to the transform graph: written numbers, dates in other forms, crosses of buckets, extremes."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from kerasline.components.datasets.description.spec import Column, Dataset, Label, SplitPlan
from kerasline.components.features.column_options import ColumnOptions
from kerasline.components.features.plan import FeaturePlan, plan_features

pytestmark = pytest.mark.slow

TABLE: dict[str, list[Any]] = {
    "price": ["$1,200", "80.5 %", "(3)", "n/a", None],
    "fee": ["1.200,5", "3 €", "0,5", "x", ""],
    "dmy": ["31.01.2024", "1 Feb 24 1:30 PM", "2/3/1999", "32.01.2024", None],
    "mdy": ["01/31/2024", "Feb 1, 2024", "3/2/1999 12:05 am", "13/01/2024", None],
    "unix": [0, 951_782_400, 1_706_745_599, 1_706_745_600, None],
    "age": [1.0, 2.0, 3.0, 4.0, 2.0],
    "huge": [1e30, -1e30, 1e18, 5.0, None],
    "same": [0.1, 0.1, 0.1, 0.1, 0.1],
    "nothing": [None] * 5,
    "label": ["a", "b", "a", "c", None],
}  # fmt: skip
FEATURES: dict[str, Any] = {
    "price": {"kind": "numeric", "scale": "none", "impute": -1.0},
    "fee": {"kind": "numeric", "decimal": ",", "scale": "none", "impute": -1.0},
    "dmy": {"kind": "date", "date_format": "dmy"},
    "mdy": {"kind": "date", "date_format": "mdy"},
    "unix": {"kind": "date", "date_format": "unix"},
    "age": {"scale": "buckets", "buckets": 2},
    "same": {"kind": "numeric"},
    "nothing": {"kind": "numeric"},
    "label": {"encode": "embedding"},
    "pair": {"cross": ["age", "label"], "hash_buckets": 512},
}
ROWS = [{**dict(zip(TABLE, values, strict=True)), "y": "no"} for values in zip(*TABLE.values(), strict=True)]


def column(name: str, values: list[Any]) -> Column:
    """Describes a column of the table."""
    known = [value for value in values if value is not None]
    dtype: Any = {str: "string", int: "int"}.get(type(known[0]) if known else float, "float")
    return Column(name=name, dtype=dtype, missing=len(values) - len(known), distinct=len(set(known)))


@pytest.fixture(scope="module")
def outputs(analyse: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[FeaturePlan, dict[str, np.ndarray]]:
    """The plan and the transformed table."""
    import tensorflow as tf
    import tensorflow_transform as tft

    from kerasline.components.example_gen.shards import encode_row

    dataset = Dataset(
        name="table", kind="table", columns=tuple(column(*item) for item in TABLE.items()),
        label=Label(name="y", dtype="string", classes=("no", "yes")), rows=len(ROWS), reader="csv",
        shards=({"first": 0, "rows": 5},), split=SplitPlan(method="hash", fractions={"train": 1.0}), fingerprint="0",
    )  # fmt: skip
    plan = plan_features(dataset, {k: ColumnOptions.model_validate(v) for k, v in FEATURES.items()}, "binary")
    graph = tft.TFTransformOutput(str(analyse(ROWS, plan, tmp_path_factory.mktemp("kinds"))))
    parsed = tf.io.parse_example([encode_row(row) for row in ROWS], graph.raw_feature_spec())
    return plan, {name: np.asarray(value) for name, value in graph.transform_features_layer()(dict(parsed)).items()}


@pytest.fixture(scope="module")
def dense(outputs: Any) -> dict[str, list[float]]:
    """The values of the dense input by name."""
    plan, tensors = outputs
    names = plan.inputs()[0].columns
    assert [n for i, n in enumerate(names) if not np.isfinite(tensors["features"][:, i]).all()] == []
    return {name: tensors["features"][:, i].tolist() for i, name in enumerate(names)}


def scaled(values: list[float | None]) -> Any:
    """Z-scores; missing is the mean."""
    known = np.array([value for value in values if value is not None], float)
    filled = np.array([known.mean() if value is None else value for value in values])
    return pytest.approx(((filled - known.mean()) / (known.std() or 1)).tolist(), abs=1e-5)


def test_numbers_that_are_text(dense: dict[str, list[float]]) -> None:
    assert dense["price"] == pytest.approx([1200, 80.5, -3, -1, -1])
    assert dense["price missing"] == [0, 0, 0, 1, 1], "text that is no number counts as missing"
    assert dense["fee"] == pytest.approx([1200.5, 3, 0.5, -1, -1])


@pytest.mark.parametrize("name", ["dmy", "mdy"])
def test_written_dates(dense: dict[str, list[float]], name: str) -> None:
    assert dense[f"{name}.year"] == scaled([2024, 2024, 1999, None, None])
    assert dense[f"{name}.month"] == scaled([1, 2, 3, None, None])
    assert dense[f"{name}.day"] == scaled([31, 1, 2, None, None])
    assert dense[f"{name}.weekday"] == scaled([3, 4, 2, None, None])
    assert dense[f"{name}.hour"] == scaled([0, 13 if name == "dmy" else 0, 0, None, None])
    assert dense[f"{name} missing"] == [0, 0, 0, 1, 1]


def test_timestamps(dense: dict[str, list[float]]) -> None:
    assert dense["unix.year"] == scaled([1970, 2000, 2024, 2024, None])
    assert dense["unix.month"] == scaled([1, 2, 1, 2, None])
    assert dense["unix.day"] == scaled([1, 29, 31, 1, None])
    assert dense["unix.weekday"] == scaled([4, 2, 3, 4, None])
    assert dense["unix.hour"] == scaled([0, 0, 23, 0, None])


def test_extremes_and_constants_stay_finite(dense: dict[str, list[float]]) -> None:
    assert dense["huge"] == scaled([1e30, -1e30, 1e18, 5.0, None])
    assert dense["same"] == pytest.approx([0] * 5, abs=1e-6)
    assert dense["nothing"] == [0] * 5
    assert dense["nothing missing"] == [1] * 5


def test_a_cross_of_buckets(dense: dict[str, list[float]]) -> None:
    hashed = np.array([dense[f"pair #{i}"] for i in range(512)]).T
    assert hashed.sum(axis=1).tolist() == [1] * 5
    assert Counter(hashed.argmax(axis=1).tolist()).most_common(1)[0][1] == 1, "five different pairs"


def test_a_column_may_be_called_label(outputs: Any) -> None:
    plan, tensors = outputs
    assert plan.input_names()["label"] == "label_2"
    assert tensors["label_2"][:, 0].tolist() == [0, 1, 0, 2, 3]
    assert tensors["label"].tolist() == [0] * 5
