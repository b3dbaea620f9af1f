"""Rows are encoded as tf.Examples in one way, when they are learnt from and when they are predicted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from kerasline.components.core.errors import ConfigError
from kerasline.components.example_gen.encoding import encode_row
from kerasline.components.prediction.answering.answering import _encode
from kerasline.components.prediction.answering.reasons import plain_reason
from kerasline.components.prediction.reading.blocks import Block
from kerasline.components.prediction.reading.encoded import read_records
from kerasline.components.prediction.reading.planning import plan_prediction


@pytest.mark.parametrize(
    ("value", "listed", "values"),
    [
        ("Zürich", "bytes_list", ["Zürich".encode()]),
        (b"\x89PNG", "bytes_list", [b"\x89PNG"]),
        (1.5, "float_list", [1.5]),
        (np.float64(1.5), "float_list", [1.5]),
        (7, "int64_list", [7]),
        (np.int64(-7), "int64_list", [-7]),
        (np.array([[0.5, 1.0]], np.float32), "float_list", [0.5, 1.0]),
        (np.array([3, 1], np.uint8), "int64_list", [3, 1]),
        ([3, 1], "int64_list", [3, 1]),
    ],
)
def test_a_value_stands_in_the_list_of_its_type(value: object, listed: str, values: list[object]) -> None:
    feature = tf.train.Example.FromString(encode_row({"a": value})).features.feature["a"]
    assert feature.WhichOneof("kind") == listed
    assert list(getattr(feature, listed).value) == values


def test_a_column_without_a_value_is_left_out() -> None:
    assert list(tf.train.Example.FromString(encode_row({"a": None, "b": 1})).features.feature) == ["b"]


def test_what_is_predicted_is_encoded_as_what_was_learnt() -> None:
    columns = {"area": np.array([2.0, np.nan]), "rooms": np.array([3, 4]), "town": ["Bern", None]}
    learnt = [{"area": 2.0, "rooms": 3, "town": "Bern"}, {"area": None, "rooms": 4, "town": None}]
    assert _encode(Block(None, columns, places=[2, 3])) == [encode_row(row) for row in learnt]


def test_a_reason_that_repeats_bytes_is_told_as_any_other() -> None:
    with pytest.raises(UnicodeDecodeError) as error:  # as TensorFlow raises, whose message this is
        b"Could not parse example input, value: '\x89PNG' [Op:ParseExampleV2]".decode()
    assert plain_reason(error.value) == "Could not parse example input"


def test_keys_of_records_are_features_of_one_value(tmp_path: Path) -> None:
    def features(**lists: list[Any]) -> bytes:
        made = tf.train.Example()
        for name, values in lists.items():
            kind = "bytes_list" if isinstance(values[0], bytes) else "int64_list"
            getattr(made.features.feature[name], kind).value.extend(values)
        return bytes(made.SerializeToString())

    with tf.io.TFRecordWriter(str(tmp_path / "in.tfrecord")) as writer:
        writer.write(features(area=[5], id=[b"first"], record=[7], pair=[1, 2], pixels=[b"\xff\x00"]))
        writer.write(b"\xff\xff no example")
        writer.write(features(area=[6], note=[b"of one"]))
        writer.write(features(area=[7], note=[b"of", b"two"]))
        writer.write(features(area=[8], note=[b"\xff"]))

    def keys(*names: str, area: str = "int") -> Any:
        shape = [2, 2] if area == "array" else []
        columns = [
            {"name": "area", "dtype": area, "shape": shape, "missing": 0},
            {"name": "record", "dtype": "int", "shape": [], "missing": 0},
            {"name": "storey", "dtype": "int", "shape": [], "missing": 3},
        ]
        label = {"name": "rent", "columns": ["rent"]}
        described = {"task": "regression", "classes": None, "label": label, "columns": columns}
        source, output = str(tmp_path / "in.tfrecord"), tmp_path / "out.csv"
        planned = plan_prediction(source, tmp_path / "1", "flats@1", described, output, names)
        block = next(read_records(planned, planned.shards[0]))
        rejected.append([(row["place"], row["reason"]) for row in block.rejected])
        return block.keys.slice(0, 3).to_pydict()

    rejected: list[Any] = []
    assert keys("file", "id") == {"file": ["in.tfrecord"] * 3, "record": [1, 2, 3], "id": ["first", None, None]}
    assert keys("record") == {"file": ["in.tfrecord"] * 3, "record_": [1, 2, 3], "record": ["7", None, None]}
    assert keys("storey")["storey"] == [None] * 3, "no record has this, as some had none in training"
    assert keys("note")["note"] == [None, None, "of one"]
    assert rejected[2:] == [
        [],
        [(4, "feature 'note' has several values"), (5, "feature 'note' has bytes that are no text")],
    ]
    for name, message in (
        ("pair", "several values"),
        ("pixels", "bytes that are no text"),
        ("size", "none of the first 1024 records of .*"),
    ):
        with pytest.raises(ConfigError, match=f"--key: .*{message}"):
            keys(name)
    for dtype, what in (("image", "images"), ("array", "several numbers a record")):
        with pytest.raises(ConfigError, match=f"--key: feature 'area' has {what}; name features of one value"):
            keys("area", area=dtype)
