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
from kerasline.components.prediction.reading.blocks import Block
from kerasline.components.prediction.reading.planning import plan_prediction
from kerasline.components.prediction.reading.tables import read_csv, read_parquet
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


@pytest.mark.parametrize("column", [{"dtype": "string", "boolean": True}, {"dtype": "int", "boolean": True}])
def test_true_is_true_in_every_format(tmp_path: Path, column: dict[str, Any]) -> None:
    wanted = ["true", "false"] if column["dtype"] == "string" else [1, 0]
    for values in ("True\nFALSE\n", pa.array([True, False]), pa.array(["TRUE", "false"])):
        block = read(tmp_path, column, values)
        assert (list(block.columns["x"]), block.rejected) == (wanted, []), values


def test_a_served_truth_value_is_the_text_of_a_file() -> None:
    specs = {"x": tf.TensorSpec([None], tf.string)}
    body = json.loads('{"instances": [{"x": true}, {"x": false}, {"x": "True"}]}')
    assert read_tensors(body, specs)["x"].numpy().tolist() == [b"true", b"false", b"True"]


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
