"""Which column a pretrained network of texts reads."""

from __future__ import annotations

from typing import Any

import pytest

from kerasline.components.core import ConfigError
from kerasline.components.datasets.description import Column, Dataset, Label, SplitPlan
from kerasline.components.features import ColumnOptions, Tokenizer, plan_features, prefer_pieces, with_tokenizer

TOKENIZER = Tokenizer(folder="/presets/tiny", digest="0", size=30)


def table(**columns: int | None) -> Dataset:
    return Dataset(
        name="reviews", kind="table", rows=600, reader="csv", fingerprint="0",
        columns=tuple(Column(name=name, dtype="string", distinct=distinct) for name, distinct in columns.items()),
        label=Label(name="y", dtype="string", classes=("down", "up")), shards=({"path": "reviews.csv"},),
        split=SplitPlan(method="hash", fractions={"train": 1.0}),
    )  # fmt: skip


def inputs(dataset: Dataset, **features: dict[str, Any]) -> dict[str, str]:
    options = {name: ColumnOptions.model_validate(block) for name, block in features.items()}
    plan = with_tokenizer(plan_features(dataset, prefer_pieces(dataset, options), "binary"), TOKENIZER)
    return {spec.name: f"{spec.kind} of {spec.vocabulary_size}" for spec in plan.inputs()}


def test_a_small_tables_text_is_no_category() -> None:
    assert inputs(table(review=580, town=12)) == {"features": "dense of None", "review": "tokens of 31"}


def test_where_one_column_is_text_a_category_stays_one() -> None:
    found = inputs(table(review=None, title=550), title={"encode": "hash"})
    assert found == {"features": "dense of None", "review": "tokens of 31"}


def test_what_the_recipe_says_counts() -> None:
    assert inputs(table(review=40), review={"kind": "text", "length": 8}) == {"review": "tokens of 31"}
    assert inputs(table(review=580, remark=None), remark={"encode": "bag", "vocabulary_size": 5}) == {
        "features": "dense of None"
    } | {"review": "ids of 581"}


def test_pieces_need_a_preset() -> None:
    dataset = table(review=None)
    plan = plan_features(dataset, {"review": ColumnOptions(kind="text", encode="pieces")}, "binary")
    with pytest.raises(ConfigError, match="features.review.encode: expected bag or tokens, got pieces"):
        with_tokenizer(plan, None)
