"""Texts for a pretrained network, which reads the word pieces that it was trained on."""

from __future__ import annotations

from collections.abc import Mapping

from kerasline.components.core import ConfigError
from kerasline.components.datasets.description import Column, Dataset
from kerasline.components.features.column_options import ColumnOptions
from kerasline.components.features.plan import FeaturePlan
from kerasline.components.features.settling import kind_of, of_kind
from kerasline.components.features.steps import Tokenizer

PIECES = "pieces"
_MOSTLY_DISTINCT = 0.5  # of the rows; text with more different values than this is no category


def prefer_pieces(dataset: Dataset, features: Mapping[str, ColumnOptions]) -> dict[str, ColumnOptions]:
    """Gives the texts of a table encode pieces where the recipe says nothing of their encoding.

    Where no column is a text by the usual rule, one with a value of its own in most rows is: a small table of reviews
    has too few of them to tell.

    Args:
      dataset: The resolved data.
      features: The recipe's ``features:`` block.

    Returns:
      The block with what was chosen.
    """
    given = {column.name: features.get(column.name, ColumnOptions()) for column in dataset.columns}
    texts = of_kind("text", dataset, features)
    texts = texts or [c.name for c in dataset.columns if _may_be_text(c, given[c.name], dataset.rows)]
    chosen = [name for name in texts if given[name].encode is None]
    return {**features, **{name: given[name].model_copy(update={"kind": "text", "encode": PIECES}) for name in chosen}}


def _may_be_text(column: Column, options: ColumnOptions, rows: int) -> bool:
    is_open = options.kind is None and options.encode is None and column.dtype == "string"
    is_category = kind_of(column, options, rows) == "categorical"
    return is_open and is_category and (column.distinct or 0) > _MOSTLY_DISTINCT * rows


def tokenizer_in(plan: FeaturePlan) -> Tokenizer | None:
    """Returns what cuts the texts of a plan, None where nothing does."""
    return next((step.tokenizer for step in plan.steps if step.tokenizer), None)


def with_tokenizer(plan: FeaturePlan, tokenizer: Tokenizer | None) -> FeaturePlan:
    """Gives each text that is to be cut into pieces what cuts it.

    Raises:
      ConfigError: there is nothing that would.
    """
    wanted = [step.name for step in plan.steps if step.options.encode == PIECES]
    if wanted and tokenizer is None:
        raise ConfigError(
            f"features.{wanted[0]}.encode: expected bag or tokens, got pieces, which are those of a preset of "
            "model.family hub that reads text; use that family"
        )
    steps = (s.model_copy(update={"tokenizer": tokenizer}) if s.name in wanted else s for s in plan.steps)
    return plan.model_copy(update={"steps": tuple(steps)})
