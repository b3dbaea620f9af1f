"""Ingest: rows become tf.Examples in the split that they belong to, each exactly once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kerasline.components.core.errors import ConfigError, DataRejected
from kerasline.components.datasets import DataOptions, read_shard, resolve
from kerasline.components.datasets.description.spec import Dataset
from kerasline.components.example_gen import shards
from kerasline.components.example_gen.row_rules import RowRules
from kerasline.components.example_gen.shards import encode_row, split_folder, write_shard

Read = Callable[[Path], dict[str, list[Any]]]


@pytest.fixture
def read_splits() -> Read:
    """Reads what ingest wrote: split to tf.Examples in the order of the files."""
    import tensorflow as tf

    def read(uri: Path) -> dict[str, list[Any]]:
        found = {}
        for folder in sorted(uri.glob("Split-*")):
            files = sorted(str(path) for path in folder.iterdir())
            records = tf.data.TFRecordDataset(files, compression_type="GZIP").as_numpy_iterator()
            found[folder.name.removeprefix("Split-")] = [tf.train.Example.FromString(record) for record in records]
        return found

    return read


def table(folder: Path, rows: int = 200, **blocks: Any) -> Dataset:
    """A CSV whose column ``id`` tells the rows apart; every seventh row has no weight."""
    lines = [f"{i},{'' if i % 7 == 0 else i / 4},{'North' if i % 3 else 'Süd'},{'yes' if i % 2 else 'no'}"
             for i in range(rows)]  # fmt: skip
    (folder / "t.csv").write_text("\n".join(["id,weight,region,ill", *lines]) + "\n")
    options = DataOptions.model_validate({"csv": {"path": "t.csv", "label": "ill"}, **blocks})
    return resolve(options, name="patients", base_dir=folder, data_dir=None, seed=3)


def ids(examples: list[Any]) -> list[int]:
    """The column ``id`` of examples."""
    return [example.features.feature["id"].int64_list.value[0] for example in examples]


def test_values_keep_their_types_and_missing_ones_are_left_out() -> None:
    import tensorflow as tf

    row = {
        "text": "Süd", "image": b"\x89PNG", "float": 0.5, "int": -3, "missing": None,
        "array": np.array([[1, 2], [3, 4]], np.float32), "tokens": np.array([7, 0], np.int64),
    }  # fmt: skip
    features = tf.train.Example.FromString(encode_row(row)).features.feature
    assert set(features) == {"text", "image", "float", "int", "array", "tokens"}
    assert features["text"].bytes_list.value == ["Süd".encode()]
    assert features["image"].bytes_list.value == [b"\x89PNG"]
    assert features["float"].float_list.value == [0.5]
    assert features["int"].int64_list.value == [-3]
    assert features["array"].float_list.value == [1, 2, 3, 4]
    assert features["tokens"].int64_list.value == [7, 0]


def test_equal_rows_are_equal_bytes_whatever_the_order_of_their_columns() -> None:
    assert encode_row({"a": 1, "b": "x"}) == encode_row({"b": "x", "a": 1})
    assert encode_row({"a": 1}) != encode_row({"a": 1.0})


def test_every_row_is_in_one_split_and_in_order(tmp_path: Path, read_splits: Read) -> None:
    dataset = table(tmp_path)
    counts = write_shard(0, dataset.to_json(), str(tmp_path / "out"))
    splits = read_splits(tmp_path / "out")
    assert set(splits) == {"train", "eval", "test"}
    assert {split: len(examples) for split, examples in splits.items()} == counts
    assert sorted(i for examples in splits.values() for i in ids(examples)) == list(range(200))
    for examples in splits.values():
        assert ids(examples) == sorted(ids(examples))
    first = splits["train"][0].features.feature
    assert first["region"].bytes_list.value in ([b"North"], ["Süd".encode()])
    without = [e for e in splits["train"] if "weight" not in e.features.feature]
    assert [i % 7 for i in ids(without)] == [0] * len(without) != []


def test_a_shard_that_is_written_again_leaves_no_row_twice(tmp_path: Path, read_splits: Read) -> None:
    dataset = table(tmp_path).to_json()
    write_shard(0, dataset, str(tmp_path / "out"))
    first = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*.gz")}
    write_shard(0, dataset, str(tmp_path / "out"))
    assert {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()} == first
    assert sum(len(examples) for examples in read_splits(tmp_path / "out").values()) == 200


def test_a_shard_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Path] = []

    def break_off(dataset: Dataset, shard: Any) -> Iterator[Any]:
        yield from islice(read_shard(dataset, shard), 150)
        opened.extend(path for path in (tmp_path / "out").rglob("*") if path.is_file())
        raise ConfigError("the file changed")

    dataset = table(tmp_path).to_json()
    monkeypatch.setattr(shards, "read_shard", break_off)
    with pytest.raises(ConfigError, match="the file changed"):
        write_shard(0, dataset, str(tmp_path / "out"))
    assert len(opened) == 3, "every split had been begun"
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == []


def test_a_split_is_there_when_a_shard_wrote_into_it(tmp_path: Path) -> None:
    folder = split_folder(str(tmp_path), "eval")
    assert folder.path == str(tmp_path / "Split-eval")
    assert not folder.has_files()
    (tmp_path / "Split-eval").mkdir()
    (tmp_path / "Split-eval" / ".abc.part").write_text("")
    assert not folder.has_files(), "half a file does not count"
    (tmp_path / "Split-eval" / "data_tfrecord-00000-of-00001.gz").write_text("")
    assert folder.has_files()


def ingest(dataset: Dataset, uri: Path) -> Any:
    """Runs the component with Beam; returns its output."""
    import apache_beam as beam
    from tfx.types import standard_artifacts

    from kerasline.components.example_gen import DatasetExampleGen

    examples = standard_artifacts.Examples()
    examples.uri = str(uri)
    DatasetExampleGen.test_call(
        examples=examples, dataset=dataset.to_json(), rules=RowRules().to_json(), code_version="1",
        beam_pipeline=beam.Pipeline(),
    )  # fmt: skip
    return examples


@pytest.mark.slow
def test_the_component_writes_the_shards_of_all_files(tmp_path: Path, read_splits: Read) -> None:
    table(tmp_path, rows=90)
    lines = (tmp_path / "t.csv").read_text().splitlines()
    for number in range(3):
        (tmp_path / f"part-{number}.csv").write_text("\n".join([lines[0], *lines[1 + 30 * number : 31 + 30 * number]]))
    options = DataOptions.model_validate({"csv": {"path": "part-*.csv", "label": "ill"}})
    dataset = resolve(options, name="patients", base_dir=tmp_path, data_dir=None, seed=3)
    assert len(dataset.shards) == 3
    examples = ingest(dataset, tmp_path / "out")
    splits = read_splits(tmp_path / "out")
    assert sorted(i for found in splits.values() for i in ids(found)) == list(range(90))
    assert examples.split_names == '["train", "eval", "test"]'
    assert len(list((tmp_path / "out" / "Split-train").iterdir())) == 3
    whole = table(tmp_path, rows=90)
    write_shard(0, whole.to_json(), str(tmp_path / "whole"))
    assert {split: sorted(ids(found)) for split, found in read_splits(tmp_path / "whole").items()} == {
        split: sorted(ids(found)) for split, found in splits.items()
    }, "how the rows are dealt out to files does not change their split"


@pytest.mark.slow
def test_a_split_without_rows_stops_the_run(tmp_path: Path) -> None:
    rows = ["1,yes", "2,no"] * 1500
    (tmp_path / "t.csv").write_text("\n".join(["x,ill", *rows]))
    options = DataOptions.model_validate({"csv": {"path": "t.csv", "label": "ill"}})
    dataset = resolve(options, name="patients", base_dir=tmp_path, data_dir=None, seed=3)
    with pytest.raises(DataRejected) as caught:
        ingest(dataset, tmp_path / "out")
    assert str(caught.value).startswith("expected rows in the ")
    assert "split of patients, but all 3000 rows went elsewhere" in str(caught.value)
    assert "a larger share in data.split" in str(caught.value)
