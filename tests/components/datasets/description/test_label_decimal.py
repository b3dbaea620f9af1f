"""Labels whose numbers have a decimal comma."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from kerasline.components.datasets.description.spec import Dataset


def test_a_label_with_decimal_commas_is_a_number(
    resolve: Callable[..., Dataset], rows: Callable[[Dataset], list[dict[str, Any]]], write: Callable[..., Path]
) -> None:
    write("t.csv", "x;y\n" + "".join(f"{i};{i},5\n" for i in range(40)))
    table = {"path": "t.csv", "label": "y", "label_decimal": ","}
    dataset = resolve(csv=table)
    assert (dataset.label.dtype, dataset.label.minimum, dataset.label.maximum) == ("float", 0.5, 39.5)
    assert [row["y"] for row in rows(dataset)[:3]] == [0.5, 1.5, 2.5]
