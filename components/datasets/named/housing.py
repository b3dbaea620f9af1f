"""Boston and California housing, and the workshop's iris files: small tables that lie as CSV in the data folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from kerasline.components.core import ConfigError
from kerasline.components.datasets.arrays import (
    TABLE_ROWS_PER_SHARD,
    Part,
    Parts,
    columns_of,
    digest_parts,
    label_facts,
    rows_of,
    shards_of,
)
from kerasline.components.datasets.description import CsvOptions, Dataset, Found
from kerasline.components.datasets.files import Places
from kerasline.components.datasets.named.keras_files import download, find_file
from kerasline.components.datasets.tables.csv import table as csv_table

_BOSTON_COLUMNS = (
    "crim", "zn", "indus", "chas", "nox", "rm", "age", "dis", "rad", "tax", "ptratio", "b", "lstat",
)  # fmt: skip
_IRIS_COLUMNS = ("sepal_length", "sepal_width", "petal_length", "petal_width")
_UNITS = {
    "medv": "$1000",
    "MedHouseVal": "$100,000",
    "MedInc": "$10,000",
    "HouseAge": "years",
    "Latitude": "°",
    "Longitude": "°",
    "age": "%",
    "indus": "%",
    "lstat": "%",
    "tax": "$ per $10,000",
    **dict.fromkeys(_IRIS_COLUMNS, "cm"),
}


def find_boston(places: Places, options: Mapping[str, Any]) -> Found:
    """Describes Boston housing: ``boston_housing.csv`` with a header, or Keras' ``boston_housing.npz``.

    Raises:
      ConfigError: neither is there and there is no connection.
    """
    table = find_file(places, "boston_housing", ("boston_housing.csv",))
    if table is not None:
        found = _csv(places, {"path": str(table), "label": "medv"})
        expected = {*_BOSTON_COLUMNS} - {column.name for column in found.columns}
        if expected:
            raise ConfigError(f"{table} lacks column {min(expected)!r} of Boston housing; copy the file again.")
        return found
    archive = find_file(places, "boston_housing", ("boston_housing.npz",))
    if archive is None:
        download("boston_housing", places, "boston_housing.csv (13 inputs, then medv)")
        archive = find_file(places, "boston_housing", ("boston_housing.npz",))
    return _in_memory("boston_housing", str(archive), "medv")


def find_california(places: Places, options: Mapping[str, Any]) -> Found:
    """Describes California housing: ``california_housing.csv`` with scikit-learn's column names, or its download.

    Raises:
      ConfigError: neither is there and there is no connection.
    """
    table = find_file(places, "california_housing", ("california_housing.csv",))
    if table is not None:
        return _csv(places, {"path": str(table), "label": "MedHouseVal"})
    return _in_memory("california_housing", "", "MedHouseVal")


def find_iris_csv(places: Places, options: Mapping[str, Any]) -> Found:
    """Describes the workshop's iris: ``iris_training.csv`` and ``iris_test.csv`` without headers.

    Raises:
      ConfigError: they are not in the data folder.
    """
    train = find_file(places, "iris", ("iris_training.csv",))
    if train is None:
        raise ConfigError(
            "Data set iris_csv reads iris_training.csv and iris_test.csv, which are not there; name their "
            "folder with --data-dir, or use dataset: iris, which needs no files."
        )
    return _csv(
        places,
        {
            "path": str(train),
            "test_path": str(train.with_name("iris_test.csv")),
            "label": "species",
            "header": False,
            "columns": [*_IRIS_COLUMNS, "species"],
            "class_names": ["setosa", "versicolor", "virginica"],
        },
    )


def read(dataset: Dataset, shard: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yields the rows of a shard of what is in memory."""
    options = dataset.reader_options
    yield from rows_of(_load(options["name"], options["path"]), dataset, shard)


def _csv(places: Places, options: Mapping[str, Any]) -> Found:
    found = csv_table.find(CsvOptions.model_validate(options), places, None, {})
    columns = tuple(column.model_copy(update={"unit": _UNITS.get(column.name)}) for column in found.columns)
    return replace(found, columns=columns, label=replace(found.label, unit=_UNITS.get(found.label.name)))


def _in_memory(name: str, path: str, label: str) -> Found:
    parts: Parts = {None: _load(name, path)}
    columns = parts[None].columns
    dtypes: Any = {column: "int" if values.dtype.kind == "i" else "float" for column, values in columns.items()}
    return Found(
        kind="table",
        columns=columns_of(parts, dtypes, _UNITS),
        label=label_facts(parts, label, task="regression", unit=_UNITS[label], origin=name),
        reader="housing",
        reader_options={"name": name, "path": path},
        shards=shards_of(parts, TABLE_ROWS_PER_SHARD),
        digest=digest_parts(parts),
    )


@lru_cache
def _load(name: str, path: str) -> Part:
    import numpy as np

    if name == "boston_housing":
        with np.load(path, allow_pickle=False) as archive:
            x, y = archive["x"], archive["y"]
        columns = dict(zip(_BOSTON_COLUMNS, x.T, strict=True))
        whole = {column: columns[column].astype(np.int64) for column in ("chas", "rad", "tax")}
        return Part({**columns, **whole}, y)
    data = _fetch_california()
    return Part(dict(zip(data.feature_names, data.data.T, strict=True)), data.target)


def _fetch_california() -> Any:
    """Returns scikit-learn's bunch, from its own cache or downloaded.

    A copy of its cache in the data folder is not read: it is a pickle, which runs what is in it.
    """
    from sklearn.datasets import fetch_california_housing

    try:
        return fetch_california_housing()
    except OSError as error:
        raise ConfigError(
            f"Data set california_housing is not on this machine and could not be downloaded ({error}); put "
            "california_housing.csv (scikit-learn's column names, label MedHouseVal) into a folder and name "
            "it with --data-dir."
        ) from error
