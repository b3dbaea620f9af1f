"""The regression surface of the Keras workshop: parabolic along one axis, sinusoidal along the other."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
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
from kerasline.components.datasets.named.keras_files import find_file
from kerasline.components.datasets.tables.csv import table as csv_table

OPTIONS: dict[str, Any] = {"size": None, "noise": None, "seed": None}
_SIZE, _NOISE = 1000, 0.1
_TRAIN, _TEST = "dataRegression_train.csv", "dataRegression_test.csv"
# Of each option: its types, the smallest and the largest value, and how messages say so.
_ALLOWED: dict[str, tuple[tuple[type, ...], float, float, str]] = {
    "size": ((int,), 10, 10_000_000, "a whole number from 10 to 10,000,000"),
    "noise": ((int, float), 0, sys.float_info.max, "a number of 0 or more"),
    "seed": ((int,), 0, float("inf"), "a whole number of 0 or more"),
}


def find(places: Places, options: Mapping[str, Any]) -> Found:
    """Describes the surface: the workshop's two files where the data folder has them, generated rows otherwise.

    Args:
      places: Where to look.
      options: ``size`` (rows), ``noise`` (standard deviation added to y) and ``seed``. Setting size or noise asks for
        generated rows, whatever the data folder has.

    Raises:
      ConfigError: size or noise make no sense, or one of the two files is not there.
    """
    size, noise = options["size"], options["noise"]
    train = find_file(places, "regression_surface", (_TRAIN,)) if size is None and noise is None else None
    if train is not None:
        table = CsvOptions.model_validate(
            {"path": str(train), "test_path": str(train.with_name(_TEST)), "label": "y", "header": False,
             "columns": ["x1", "x2", "y"]}
        )  # fmt: skip
        return csv_table.find(table, places, None, {})
    given = {
        "size": _SIZE if size is None else size,
        "noise": _NOISE if noise is None else noise,
        "seed": options["seed"],
    }
    _check_options(given)
    reading = {**given, "noise": float(given["noise"])}
    parts: Parts = {None: _generate(**reading)}
    return Found(
        kind="table",
        columns=columns_of(parts, {"x1": "float", "x2": "float"}, {}),
        label=label_facts(parts, "y", task="regression", origin="regression_surface"),
        reader="surface",
        reader_options=reading,
        shards=shards_of(parts, TABLE_ROWS_PER_SHARD),
        digest=digest_parts(parts),
    )


def _check_options(given: Mapping[str, Any]) -> None:
    for key, (kinds, least, most, wanted) in _ALLOWED.items():
        value = given[key]
        is_number = isinstance(value, kinds) and not isinstance(value, bool)
        if not (is_number and least <= value <= most):
            raise ConfigError(f"data.options.{key} must be {wanted}, got {value!r}.")


def surface(x1: Any, x2: Any) -> Any:
    """Returns ``18 (x1 - 0.3)² + 5 sin²(5 (x2 - 0.45))``, on which the workshop's points lie without noise."""
    import numpy as np

    return 18 * (x1 - 0.3) ** 2 + 5 * np.sin(5 * (x2 - 0.45)) ** 2


def read(dataset: Dataset, shard: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yields the rows of a shard."""
    options = dataset.reader_options
    yield from rows_of(_generate(options["size"], options["noise"], options["seed"]), dataset, shard)


@lru_cache(maxsize=1)
def _generate(size: int, noise: float, seed: int) -> Part:
    import numpy as np

    generator = np.random.default_rng(seed)
    x1, x2 = generator.random(size), generator.random(size)
    return Part({"x1": x1, "x2": x2}, surface(x1, x2) + noise * generator.standard_normal(size))
