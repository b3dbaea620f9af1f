"""The data sets that scikit-learn carries: digits, iris, wine, breast cancer and diabetes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from kerasline.components.datasets.arrays import (
    IMAGES_PER_SHARD,
    TABLE_ROWS_PER_SHARD,
    Dtype,
    Part,
    Parts,
    columns_of,
    digest_parts,
    label_facts,
    rows_of,
    shards_of,
)
from kerasline.components.datasets.description import Dataset, Found

_DIABETES_UNITS = {"age": "years", "bmi": "kg/m²", "bp": "mmHg", "s1": "mg/dL", "s2": "mg/dL", "s3": "mg/dL",
                   "s6": "mg/dL"}  # fmt: skip


def find(name: str) -> Found:
    """Describes one of scikit-learn's data sets."""
    parts: Parts = {None: _load(name)}
    columns = _load(name).columns
    classification = name != "diabetes"
    dtypes: dict[str, Dtype] = {column: _dtype(values) for column, values in columns.items()}
    units = {column: "cm" for column in columns} if name == "iris" else {}
    label = {"diabetes": "progression", "iris": "species", "wine": "cultivar", "breast_cancer": "diagnosis"}
    is_image = name == "digits"
    return Found(
        kind="image" if is_image else "table",
        columns=columns_of(parts, dtypes, _DIABETES_UNITS if name == "diabetes" else units),
        label=label_facts(
            parts,
            label.get(name, "label"),
            task="classification" if classification else "regression",
            origin=name,
        ),
        reader="bundled",
        reader_options={"name": name},
        shards=shards_of(parts, IMAGES_PER_SHARD if is_image else TABLE_ROWS_PER_SHARD),
        digest=digest_parts(parts),
    )


def read(dataset: Dataset, shard: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yields the rows of a shard."""
    yield from rows_of(_load(dataset.reader_options["name"]), dataset, shard)


@lru_cache
def _load(name: str) -> Part:
    return _LOADERS[name]()


def _dtype(values: Any) -> Dtype:
    if values.ndim > 1:
        return "image"
    return "int" if values.dtype.kind == "i" else "float"


def _digits() -> Part:
    import numpy as np
    from sklearn.datasets import load_digits

    data = load_digits()
    # 0..16 becomes 0..240: times 15 is exact and leaves almost the whole range of 8 bits in use.
    return Part({"image": (data.images * 15).astype(np.uint8)}, data.target.astype(np.int64))


def _iris() -> Part:
    from sklearn.datasets import load_iris

    data = load_iris()
    names = ("sepal_length", "sepal_width", "petal_length", "petal_width")
    return Part(dict(zip(names, data.data.T, strict=True)), _named(data))


def _wine() -> Part:
    from sklearn.datasets import load_wine

    data = load_wine()
    names = [name.replace("/", "_") for name in data.feature_names]
    return Part(dict(zip(names, data.data.T, strict=True)), _named(data))


def _breast_cancer() -> Part:
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    names = [name.replace(" ", "_") for name in data.feature_names]
    return Part(dict(zip(names, data.data.T, strict=True)), _named(data))


def _diabetes() -> Part:
    import numpy as np
    from sklearn.datasets import load_diabetes

    data = load_diabetes(scaled=False)
    columns = dict(zip(data.feature_names, data.data.T, strict=True))
    columns["sex"] = columns["sex"].astype(np.int64)
    return Part(columns, data.target.astype(np.float64))


def _named(data: Any) -> Any:
    return data.target_names.astype(object)[data.target]


_LOADERS: dict[str, Callable[[], Part]] = {
    "digits": _digits,
    "iris": _iris,
    "wine": _wine,
    "breast_cancer": _breast_cancer,
    "diabetes": _diabetes,
}
