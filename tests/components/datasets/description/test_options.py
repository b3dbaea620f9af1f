"""The data: block as a user writes it."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import ValidationError

from kerasline.components.datasets import DataOptions
from kerasline.components.datasets.named.catalog import DATASETS, READERS


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({}, "expected exactly one source of dataset, csv, .* got none"),
        ({"dataset": "iris", "csv": {"path": "a", "label": "y"}}, "got dataset and csv"),
        ({"csv": {"path": "a"}}, "csv.label\n  Field required"),
        ({"csv": {"path": "a", "label": "y", "sep": ";"}}, "csv.sep\n  Extra inputs"),
        ({"csv": {"path": "a", "label": []}}, "at least one label column"),
        ({"csv": {"path": "a", "label": ["y", "y"]}}, "different label columns"),
        ({"csv": {"path": "a", "label": "y", "drop": ["y"]}}, "'y' is both the label and dropped"),
        ({"csv": {"path": "a", "label": "y", "delimiter": ";;"}}, "one character as delimiter, got ';;'"),
        ({"csv": {"path": "a", "label": "y", "encoding": "utf-9"}}, "such as utf-8 or latin-1, got 'utf-9'"),
        ({"csv": {"path": "a", "label": "y", "columns": ["y", "y"]}}, "different column names"),
        ({"csv": {"path": "a", "label": "y"}, "options": {"size": 3}}, "'options' are arguments of a named data set"),
        ({"dataset": "iris", "limit": 2}, "greater than or equal to 3"),
    ],
)
def test_wrong_blocks_are_refused(block, message):
    with pytest.raises(ValidationError, match=message):
        DataOptions.model_validate(block)


def test_a_block_is_frozen_and_knows_its_source():
    options = DataOptions.model_validate({"npz": {"path": "a.npz"}})
    assert options.source == "npz"
    with pytest.raises(ValidationError, match="frozen"):
        options.limit = 5


def test_every_key_is_described_in_the_schema():
    schema = DataOptions.model_json_schema()
    for name in ("CsvOptions", "ImageOptions", "NpzOptions", "SpanOptions", "SplitOptions", "TfRecordOptions"):
        for key, entry in schema["$defs"][name]["properties"].items():
            assert len(entry.get("description", "")) > 10, f"{name}.{key}"


def test_every_named_data_set_is_documented():
    assert list(DATASETS)[:2] == ["digits", "iris"]
    assert {"mnist", "cifar100", "imdb", "boston_housing", "regression_surface", "iris_csv"} <= set(DATASETS)
    for entry in DATASETS.values():
        assert entry.title and entry.source and entry.licence and entry.description.endswith(".")
    assert {"csv", "parquet", "images", "npz", "idx", "tfrecord", "bundled"} <= set(READERS)


def test_a_misspelt_name_or_option_is_answered_with_the_nearest(resolve):
    from kerasline.components.core.errors import ConfigError

    with pytest.raises(ConfigError, match=r"There is no data set named 'minst'.* Did you mean 'mnist'\?"):
        resolve(dataset="minst")
    with pytest.raises(ConfigError, match=r"data.options has 'nois', but .* takes size, noise, seed.* 'noise'\?"):
        resolve(dataset="regression_surface", options={"nois": 1})
    with pytest.raises(ConfigError, match="data.options has 'size', but iris takes none"):
        resolve(dataset="iris", options={"size": 1})


def test_the_room_imports_nothing_heavy():
    code = (
        "import sys; import kerasline.components.datasets; "
        "print(sorted({'numpy', 'pandas', 'pyarrow', 'sklearn', 'PIL', 'tensorflow', 'keras', 'tfx', 'apache_beam'} "
        "& set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
