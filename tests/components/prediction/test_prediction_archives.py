"""Archives of arrays that are predicted: the values that training had of the same arrays, or what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kerasline.components.core.errors import ConfigError
from kerasline.components.datasets import DataOptions, read_shard, resolve
from kerasline.components.prediction.reading.archives import read_archive
from kerasline.components.prediction.reading.planning import PredictionPlan, plan_prediction
from kerasline.components.prediction.truths import read_truths

ROWS = 600  # more than a block has
RANDOM = np.random.default_rng(0)
COLOURS = {
    "picture": RANDOM.integers(0, 256, (ROWS, 4, 5, 3), np.uint8), "series": RANDOM.normal(size=(ROWS, 2, 3)),
    "age": np.arange(ROWS), "size": np.where(np.arange(ROWS) % 5, np.arange(ROWS) / 2, np.nan),
    "town": np.array(["Ulm", "Köln"])[np.arange(ROWS) % 2],
}  # fmt: skip
CLASSES = np.eye(3)[np.arange(ROWS) % 3]


def record(label: list[str], classes: list[str], task: str = "multiclass") -> dict[str, Any]:
    """What a version records that was trained on such arrays."""
    columns = [
        {"name": "picture", "dtype": "image", "shape": [4, 5, 3], "missing": 0},
        {"name": "series", "dtype": "array", "shape": [2, 3], "missing": 0},
        {"name": "age", "dtype": "int", "shape": [], "missing": 0},
        {"name": "size", "dtype": "float", "shape": [], "missing": 120},
        {"name": "town", "dtype": "string", "shape": [], "missing": 0},
    ]
    about = {"name": label[0].partition("_")[0], "columns": label, "dtype": "int"}
    return {"task": task, "classes": classes, "columns": columns, "label": about, "reading": {}}


THREE = record(["kind"], ["0", "1", "2"])


def plan(
    tmp_path: Path,
    described: dict[str, Any] = THREE,
    keys: tuple[str, ...] = (),
    output: str = "out.csv",
    **arrays: Any,
) -> PredictionPlan:
    """Plans the prediction of an archive."""
    np.savez(tmp_path / "in.npz", **arrays)
    return plan_prediction(str(tmp_path / "in.npz"), tmp_path / "1", "a@1", described, tmp_path / output, keys)


def test_an_archive_gives_the_values_that_training_had(tmp_path: Path) -> None:
    planned = plan(tmp_path, **COLOURS)
    blocks = [block for shard in planned.shards for block in read_archive(planned, shard)]
    assert [len(block) for block in blocks] == [512, 88]
    assert blocks[1].keys.to_pylist()[0] == {"row": 513}
    np.savez(tmp_path / "train.npz", **COLOURS, kind=CLASSES)
    block = {"npz": {"path": "train.npz", "features": list(COLOURS), "label": "kind"}}
    dataset = resolve(DataOptions.model_validate(block), name="t", base_dir=tmp_path, data_dir=None)
    trained = [row for shard in dataset.shards for _, row in read_shard(dataset, shard)]
    for name in COLOURS:
        values = [value for block in blocks for value in block.columns[name]]
        assert len(values) == ROWS
        for found, row in zip(values, trained, strict=True):
            np.testing.assert_equal(found, np.nan if row[name] is None else row[name])


def test_labels_are_read_as_training_reads_them(tmp_path: Path) -> None:
    planned = plan(tmp_path, keys=("kind",), Kind=CLASSES[:9], **{name: values[:9] for name, values in COLOURS.items()})
    (block,) = read_archive(planned, planned.shards[0])
    assert read_truths([block.keys.column("kind").to_pylist()], THREE).labels.tolist() == [0, 1, 2] * 3
    several = record(["kind_0", "kind_1"], ["kind_0", "kind_1"], "multilabel")
    arrays = {name: values[:4] for name, values in COLOURS.items()}
    planned = plan(tmp_path, several, ("kind_0", "kind_1"), kind=np.array([[0, 1], [1, 1], [0, 0], [1, 0]]), **arrays)
    (block,) = read_archive(planned, planned.shards[0])
    assert block.keys.column("kind_0").to_pylist() == [0, 1, 0, 1]
    assert block.keys.column("kind_1").to_pylist() == [1, 1, 0, 0]
    planned = plan(tmp_path, several, ("kind_0", "kind_1"), kind=np.array([[0, 1], [1, 0], [0, 1], [0, 1]]), **arrays)
    (block,) = read_archive(planned, planned.shards[0])
    assert block.keys.column("kind_0").to_pylist() == [0, 1, 0, 0], "rows of one 1 each are no classes here"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"series": None}, r"in.npz has no array 'series', which is wanted; its arrays are picture, age"),
        ({"age": np.arange(5)}, "expected arrays of the same rows in .*in.npz, but 'picture' has 600 rows"),
        (
            {"series": np.zeros((ROWS, 6))},
            r"is float64 \(600, 6\), but the model reads rows of the shape \(2, 3\)",
        ),
        ({"picture": COLOURS["picture"] / 255}, "'picture' is float64 .*, but the model reads images, which are uint8"),
        ({"town": np.array([{}] * ROWS, object)}, "holds pickled objects, which could run code"),
        ({name: values[:0] for name, values in COLOURS.items()}, "in.npz has no rows"),
    ],
)
def test_archives_that_cannot_be_predicted(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    arrays = {name: values for name, values in {**COLOURS, **changed}.items() if values is not None}
    with pytest.raises(ConfigError, match=message):
        plan(tmp_path, **arrays)


@pytest.mark.parametrize(
    ("key", "output", "what"),
    [("picture", output, "images") for output in ("out.csv", "out.jsonl", "out.parquet")]
    + [("series", output, r"rows of the shape \(2, 3\)") for output in ("out.csv", "out.jsonl")]
    + [("table", "out.csv", r"rows of the shape \(2,\)")],
)
def test_arrays_that_the_output_cannot_hold_are_no_keys(tmp_path: Path, key: str, output: str, what: str) -> None:
    arrays = {**COLOURS, "table": np.zeros((ROWS, 2))}
    with pytest.raises(ConfigError, match=f"--key: array '{key}' of .*in.npz has {what}, which .{output[4:]} cannot"):
        plan(tmp_path, keys=(key,), output=output, **arrays)


def test_keys_of_archives_are_written(tmp_path: Path) -> None:
    described = {**THREE, "columns": [{**THREE["columns"][2], "name": "row"}, *THREE["columns"][3:]]}
    arrays = {"row": np.arange(9) * 10, "size": COLOURS["size"][:9], "town": COLOURS["town"][:9]}
    planned = plan(tmp_path, described, ("town", "row", "town"), **arrays)
    (block,) = read_archive(planned, planned.shards[0])
    assert planned.keys == ("row_", "town", "row"), "the number of the row is not the array of that name"
    assert block.keys.to_pylist()[1] == {"row_": 2, "town": "Köln", "row": 10}
    planned = plan(tmp_path, keys=("series", "kind"), output="out.parquet", kind=CLASSES, **COLOURS)
    block = next(read_archive(planned, planned.shards[0]))
    assert block.keys.to_pylist()[1] == {"row": 2, "series": COLOURS["series"][1].ravel().tolist(), "kind": 1}


def test_images_in_folders_are_of_a_class_however_its_letters_are_composed() -> None:
    from kerasline.components.prediction.truths import read_truths_of_paths

    paths = ["Ku\u0308he/1.png", "K\u00fche/2.png", "dog/3.png"]
    assert read_truths_of_paths(paths, "in", {**THREE, "classes": ["dog", "K\u00fche"]}).labels.tolist() == [1, 1, 0]
