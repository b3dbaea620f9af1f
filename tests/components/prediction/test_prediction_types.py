"""What a file may hold where training had numbers, truth or text: each Arrow type against each trained one."""

from __future__ import annotations

import datetime
import decimal
import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from kerasline.components.core.errors import ConfigError
from kerasline.components.prediction import as_frame
from kerasline.components.prediction.reading.blocks import Block
from kerasline.components.prediction.reading.cells import json_readers
from kerasline.components.prediction.reading.planning import plan_prediction
from kerasline.components.prediction.reading.tables import read_csv, read_parquet
from kerasline.pipeline.serving.json_body import BadRequest
from kerasline.pipeline.serving.json_tensors import read_tensors

DAY = datetime.datetime(2024, 1, 31, 12)
NO_NUMBERS = {
    "timestamp[us]": DAY, "date32[day]": DAY.date(), "duration[us]": datetime.timedelta(hours=1),
    "time64[us]": DAY.time(),
}  # fmt: skip


def read(tmp_path: Path, column: dict[str, Any], values: pa.Array | str) -> Block:
    """Reads one column ``x``, from Parquet or from the cells of a CSV."""
    label = {"name": "y", "columns": ["y"]}
    described = {"name": "x", "shape": [], "missing": 0, **column}
    record = {"task": "regression", "classes": None, "columns": [described], "label": label, "reading": {}}
    source = tmp_path / ("in.csv" if isinstance(values, str) else "in.parquet")
    if isinstance(values, str):
        source.write_text("x\n" + values)
    else:
        pq.write_table(pa.table({"x": values}), source)
    plan = plan_prediction(str(source), tmp_path / "1", "m@1", record, tmp_path / "out.csv")
    (block,) = (read_csv if isinstance(values, str) else read_parquet)(plan, plan.shards[0])
    return block


@pytest.mark.parametrize("dtype", ["int", "float"])
@pytest.mark.parametrize(("kind", "value"), NO_NUMBERS.items())
def test_dates_where_numbers_were_are_refused_before_anything_is_loaded(
    tmp_path: Path, dtype: str, kind: str, value: Any
) -> None:
    with pytest.raises(
        ConfigError, match=f"column 'x' of .*in.parquet is {re.escape(kind)}, but the model was trained"
    ):
        read(tmp_path, {"dtype": dtype}, pa.array([value, None, value]))


@pytest.mark.parametrize("dtype", ["int", "float"])
@pytest.mark.parametrize(
    "values",
    [
        pa.array([3, 0], pa.int8()), pa.array([3, 0], pa.uint64()), pa.array([3.0, 0.0], pa.float32()),
        pa.array([decimal.Decimal("3.00"), decimal.Decimal("0.00")]), pa.array(["3", "0"]),
        pa.array(["3", "0"]).dictionary_encode(), pa.array([3, 0]).dictionary_encode(),
    ],
    ids=lambda values: str(values.type),
)  # fmt: skip
def test_numbers_are_numbers_whatever_their_type(tmp_path: Path, dtype: str, values: pa.Array) -> None:
    block = read(tmp_path, {"dtype": dtype}, values)
    assert (list(map(float, block.columns["x"])), block.rejected) == ([3.0, 0.0], [])


@pytest.mark.parametrize(
    ("zone", "told"),
    [("UTC", "13:00:00+01:00"), ("Europe/Berlin", "13:00:00+01:00"), ("America/New_York", "13:00:00+01:00"),
     ("+03:00", "13:00:00+01:00"), (None, "12:00:00")],
)  # fmt: skip
def test_times_of_another_zone_are_told_by_the_clock_of_training(tmp_path: Path, zone: str | None, told: str) -> None:
    noon = pa.array([DAY], pa.timestamp("us", zone))
    block = read(tmp_path, {"dtype": "string", "zone": "Europe/Berlin"}, noon)
    assert block.columns["x"] == [f"2024-01-31T{told}"]


@pytest.mark.parametrize("column", [{"dtype": "string", "boolean": True}, {"dtype": "int", "boolean": True}])
def test_true_is_true_in_every_format(tmp_path: Path, column: dict[str, Any]) -> None:
    wanted = ["true", "false"] if column["dtype"] == "string" else [1, 0]
    for values in ("True\nFALSE\n", "WAHR\nFALSCH\n", pa.array([True, False]), pa.array(["TRUE", "faux"])):
        block = read(tmp_path, column, values)
        assert (list(block.columns["x"]), block.rejected) == (wanted, []), values


def test_a_served_truth_value_is_the_text_of_a_file() -> None:
    specs = {"x": tf.TensorSpec([None], tf.string)}
    body = json.loads('{"instances": [{"x": true}, {"x": false}, {"x": "True"}]}')
    assert read_tensors(body, specs)["x"].numpy().tolist() == [b"true", b"false", b"True"]


SPECS = {"float": tf.float32, "int": tf.int64, "string": tf.string}


def served(column: dict[str, Any], values: str, **reading: Any) -> list[Any]:
    """Reads values of JSON for a column ``x``."""
    described = {"name": "x", "shape": [], "missing": 0, **column}
    readers = json_readers({"arguments": {"x": "x"}, "columns": [described], "reading": reading})
    body = {"inputs": {"x": json.loads(values)}}
    specs = {"x": tf.TensorSpec([None], SPECS[column["dtype"]])}
    return list(read_tensors(body, specs, readers)["x"].numpy().tolist())


def test_served_values_are_read_as_those_of_files(tmp_path: Path) -> None:
    """Each request holds the values of a Parquet file, and its answer is what the file gives."""
    cases: list[tuple[dict[str, Any], list[Any], Any, list[Any]]] = [
        ({"dtype": "float"}, ["NA", " 3.5 ", "null", None], pa.string(), [None, 3.5, None, None]),
        ({"dtype": "float"}, [True, False], pa.bool_(), [1.0, 0.0]),
        ({"dtype": "float", "boolean": True}, ["TRUE", "false", "1"], pa.string(), [1.0, 0.0, 1.0]),
        ({"dtype": "int"}, ["7", "NA", "8.0"], pa.string(), [7, None, 8]),
        ({"dtype": "int"}, [7.0, 8.0], pa.float64(), [7, 8]),
        ({"dtype": "string"}, [5, 6, None], pa.int64(), ["5", "6", None]),
        ({"dtype": "string", "boolean": True}, [True, None], pa.bool_(), ["true", None]),
        ({"dtype": "string", "boolean": True}, ["True", "FALSE"], pa.string(), ["true", "false"]),
        ({"dtype": "string", "decimal": ","}, [1.125, 1200.0], pa.float64(), ["1,125", "1200,0"]),
        ({"dtype": "string", "decimal": ","}, ["1.200,5"], pa.string(), ["1.200,5"]),
    ]  # fmt: skip
    for column, values, kind, wanted in cases:
        answered = served(column, json.dumps(values))
        nothing = {"float": math.nan, "int": tf.int64.min, "string": b""}[column["dtype"]]
        expected = [nothing if v is None else v.encode() if isinstance(v, str) else v for v in wanted]
        np.testing.assert_equal(answered, expected, str(column))
        of_file = read(tmp_path, column, pa.array(values, kind)).columns["x"]
        np.testing.assert_equal([None if v != v else v for v in of_file], wanted, str(column))


def test_a_column_has_its_own_words_in_a_request_too() -> None:
    assert math.isnan(served({"dtype": "float"}, "[-999, 5]", missing_values=[], missing_in={"x": ["-999"]})[0])
    assert served({"dtype": "float"}, "[-999]", missing_values=[], missing_in={"y": ["-999"]}) == [-999.0]
    assert served({"dtype": "int"}, '["none", 4]', missing_values=["none"]) == [tf.int64.min, 4]


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ({"dtype": "float"}, '[1, "many"]', "row 1: 'many' in column 'x' is no number"),
        ({"dtype": "float"}, '["1_000"]', "row 0: '1_000' in column 'x' is no number"),
        ({"dtype": "int"}, "[3.7]", "row 0: 3.7 in column 'x' is no whole number"),
        ({"dtype": "float"}, '["inf"]', "is too large a number"),
        ({"dtype": "float"}, '[{"a": 1}]', "is no such number"),
        ({"dtype": "string"}, '[{"a": 1}]', "is no string"),
    ],
)
def test_what_cannot_be_read_is_refused(column: dict[str, Any], values: str, message: str) -> None:
    with pytest.raises(BadRequest, match=re.escape(message)):
        served(column, values)


def test_a_file_has_no_underscores_in_numbers_either(tmp_path: Path) -> None:
    for dtype in ("float", "int"):
        block = read(tmp_path, {"dtype": dtype}, "1_000\n2\n")
        assert [row["reason"] for row in block.rejected] == ["'1_000' in column 'x' is no number"]


@pytest.mark.parametrize("form", ["table", "batch", "nothing"])
def test_categories_with_unsigned_places_are_those_of_a_frame(form: str) -> None:
    places = pa.array([0, 1, None], pa.uint32())
    values = pa.DictionaryArray.from_arrays(places, ["low", "high"], ordered=True)
    batch = pa.record_batch({"x": values})
    given = {"table": pa.Table.from_batches([batch]), "batch": batch, "nothing": batch.schema.empty_table()}[form]
    column = as_frame(given)["x"]
    assert column.dtype.name == "category" and column.cat.ordered
    assert column.dropna().tolist() == ([] if form == "nothing" else ["low", "high"])


def test_whole_numbers_keep_every_digit(tmp_path: Path) -> None:
    big = 1_234_567_890_123_456_789
    assert list(read(tmp_path, {"dtype": "int"}, pa.array([big, big + 1])).columns["x"]) == [big, big + 1]
    block = read(tmp_path, {"dtype": "int"}, f"{big}\n{big + 1}\nmany\n7.0\n")
    assert list(block.columns["x"]) == [big, big + 1, 7]
    assert [row["reason"] for row in block.rejected] == ["'many' in column 'x' is no number"]


def test_typed_numbers_are_written_as_the_text_that_training_had(tmp_path: Path) -> None:
    values = pa.array([1.125, 1200.0, None])
    assert read(tmp_path, {"dtype": "string", "decimal": ","}, values).columns["x"] == ["1,125", "1200,0", None]
    assert read(tmp_path, {"dtype": "string", "decimal": "."}, values).columns["x"] == ["1.125", "1200.0", None]
    missing = read(tmp_path, {"dtype": "float"}, pa.array([1.0, None])).columns["x"]
    assert missing[0] == 1 and math.isnan(missing[1]) and isinstance(missing, np.ndarray)
