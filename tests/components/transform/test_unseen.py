"""Values that training has never shown, marked by the transform graph that training wrote."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kerasline.components.features.plan import FAR, MISSING, UNKNOWN, UNREADABLE, FeaturePlan, FeatureStep

pytestmark = pytest.mark.slow
TRAINED = [
    {"planet": "Earth", "when": "2024-01-01", "open": "yes", "price": "$1,200", "size": 10.0, "at": "08:30", "y": "a"},
    {"planet": "Venus", "when": "2024-12-31", "open": "no", "price": "$900", "size": 20.0, "at": "21:00", "y": "b"},
]


def step(name: str, kind: str, dtype: str = "string", size: int = 0) -> FeatureStep:
    """One column of the plan."""
    options = {"encode": "one_hot"} if kind == "categorical" else {"date_format": "time"} if name == "at" else {}
    return FeatureStep.model_validate({"name": name, "kind": kind, "dtype": dtype, "size": size, "options": options})


PLAN = FeaturePlan(
    steps=(
        step("size", "numeric", "float"),
        step("planet", "categorical", size=2),
        step("when", "date"),
        step("open", "boolean"),
        step("price", "numeric"),
        step("at", "date"),
    ),
    label="y", label_dtype="string", classes=("a", "b"), label_scale="none", task="binary",
)  # fmt: skip


@pytest.fixture(scope="module")
def mark(analyse: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Marks rows like those of training with some values changed."""
    import tensorflow as tf
    import tensorflow_transform as tft

    from kerasline.components.example_gen.shards import encode_row

    graph = tft.TFTransformOutput(str(analyse(TRAINED, PLAN, tmp_path_factory.mktemp("unseen"), marks=True)))
    layer = graph.transform_features_layer()

    def run(**changes: Any) -> dict[str, int]:
        rows = tf.constant([encode_row({**TRAINED[0], **changes})], tf.string)
        marks = dict(layer(tf.io.parse_example(rows, graph.raw_feature_spec())))["unseen"].numpy()
        assert marks.shape == (1, 6)
        return {name: int(value) for name, value in zip(PLAN.watched_columns(), marks[0], strict=True) if value}

    return run


def test_what_training_has_shown_is_not_marked(mark: Any) -> None:
    assert PLAN.watched_columns() == ["planet", "size", "when", "open", "price", "at"]
    assert mark() == {}
    assert mark(planet=" Venus ", when="1999-05-05", open="OFF", at="23:59", price="EUR 1500", size=30.0) == {}


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("planet", "Mars", UNKNOWN),
        ("planet", "earth", UNKNOWN),
        ("planet", None, MISSING),
        ("when", "someday", UNREADABLE),
        ("when", "2024-13-01", UNREADABLE),
        ("open", "perhaps", UNREADABLE),
        ("at", "noonish", UNREADABLE),
        ("price", "a lot", UNREADABLE),
        ("price", "", MISSING),
        ("size", 31.0, FAR),
        ("size", -0.5, FAR),
        ("size", None, MISSING),
    ],
)
def test_what_it_has_not_is(mark: Any, column: str, value: Any, expected: int) -> None:
    assert mark(**{column: value}) == {column: expected}


def test_counts_say_how_many_and_why() -> None:
    from kerasline.components.prediction.answering.unseen import (
        WORDS,
        count_unseen,
        first_unseen,
        join_counts,
        name_unseen,
    )

    watched, values = ["planet", "size"], {"planet": ["Mars", "Earth", None], "size": np.array([1e9, 2.0, 3.0])}
    marks = np.array([[UNKNOWN, FAR], [0, 0], [MISSING, 0]])
    counts = count_unseen(watched, marks, values)
    assert counts["planet"] == {
        "values": 2, "why": {WORDS[UNKNOWN]: 1, WORDS[MISSING]: 1}, "examples": ["'Mars'"],
    }  # fmt: skip
    assert join_counts([counts, counts])["size"] == {"values": 2, "why": {WORDS[FAR]: 2}, "examples": ["1e+09"]}
    assert name_unseen(watched, marks).tolist() == ["planet|size", None, "planet"]
    assert first_unseen(watched, marks[0], values, 0) == (
        "'Mars' in column 'planet' is no value that the model learned (and 1 more column)"
    )
