"""The same table in CSV and in Parquet is the same to a model: features, labels, classes and rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kerasline.components.datasets.description.spec import Dataset
from kerasline.components.features.plan import plan_features

Resolve = Callable[..., Dataset]
Rows = Callable[[Dataset], list[dict[str, Any]]]
N = 40
BIG = 1_234_567_890_123_456_789


def both(
    resolve: Resolve, write: Callable[..., Path], column: list[Any], label: list[Any], **more: Any
) -> list[Dataset]:
    """Resolves a table of two columns from CSV, as Python writes it, and from Parquet."""
    others = [i * i % 1009 / 8 for i in range(N)]
    text = "\n".join(f"{x},{z},{y}" for x, z, y in zip(column, others, label, strict=True))
    path = write("t.csv", f"x,z,y\n{text}\n")
    pq.write_table(pa.table({"x": column, "z": others, "y": label}), path.with_name("t.parquet"))
    return [
        resolve(csv={"path": "t.csv", "label": "y"}, **more),
        resolve(parquet={"path": "t.parquet", "label": "y"}, **more),
    ]


@pytest.mark.parametrize(
    ("column", "kind", "value"),
    [
        ([i % 2 == 0 for i in range(N)], "boolean", "true"),
        (["TRUE" if i % 2 == 0 else "False" for i in range(N)], "boolean", "true"),
        ([1 - i % 2 for i in range(N)], "numeric", 1),
        ([float(i % 3) for i in range(N)], "numeric", 0.0),
        ([f"${i * 1000:,}".replace(",", "") for i in range(N)], "numeric", "$0"),
        (["yes", "no"] * (N // 2), "categorical", "yes"),
    ],
)
def test_a_column(resolve: Resolve, rows: Rows, write: Any, column: list[Any], kind: str, value: Any) -> None:
    text, typed = both(resolve, write, column, ["a", "b", "c", "b"] * (N // 4))
    assert rows(text) == rows(typed)
    assert rows(text)[0]["x"] == value
    assert text.columns == typed.columns
    assert {plan_features(found, {}, "multiclass").steps[0].kind for found in (text, typed)} == {kind}


@pytest.mark.parametrize(
    ("label", "classes"),
    [
        ([i % 2 == 0 for i in range(N)], ("false", "true")),
        (["True", "FALSE"] * (N // 2), ("false", "true")),
        ([i % 2 for i in range(N)], ("0", "1")),
        ([float(i % 3) for i in range(N)], ("0", "1", "2")),
        ([BIG + i % 3 for i in range(N)], tuple(str(BIG + i) for i in range(3))),
        ([f"{i * 37 + 4000} €" for i in range(N)], None),
    ],
)
def test_a_label(resolve: Resolve, rows: Rows, write: Any, label: list[Any], classes: tuple[str, ...] | None) -> None:
    text, typed = both(resolve, write, [i % 7 for i in range(N)], label)
    assert (text.label, text.label.classes) == (typed.label, classes)
    assert rows(text) == rows(typed)
    if classes is not None:
        assert {str(row["y"]) for row in rows(text)} == set(classes), "every row has a class that the model knows"


def test_labels_of_several_columns_may_be_booleans(resolve: Resolve, rows: Rows, write: Any) -> None:
    columns = {"x": [i % 7 for i in range(N)], "a": [i % 2 == 0 for i in range(N)], "b": [i % 3 == 0 for i in range(N)]}
    text = "\n".join(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))
    path = write("t.csv", f"x,a,b\n{text}\n")
    pq.write_table(pa.table(columns), path.with_name("t.parquet"))
    found = [
        resolve(csv={"path": "t.csv", "label": ["a", "b"]}),
        resolve(parquet={"path": "t.parquet", "label": ["a", "b"]}),
    ]
    labels = [[row["labels"].tolist() for row in rows(dataset)] for dataset in found]
    assert labels[0] == labels[1]
    assert labels[0][:3] == [[1, 1], [0, 0], [1, 0]]
