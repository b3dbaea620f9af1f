"""Why a single row got its answer: how far the value of each of its columns moved it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kerasline.components.explanations.examples import scores_of_classes
from kerasline.components.explanations.loading import Columns, Predict
from kerasline.components.explanations.sharing import Player, share_out
from kerasline.components.explanations.tables import name_target
from kerasline.components.features import FeaturePlan

_MOST_ALONE = 10  # columns that are told one by one; the others are told together


def contributions(
    predict: Predict,
    asked: Columns,
    others: Columns,
    plan: FeaturePlan,
    order: Sequence[str],
    *,
    seed: int = 0,
    seconds: float = 4.0,
    clock: Callable[[], float] = time.monotonic,
) -> list[dict[str, Any]]:
    """Estimates how far the value of each column moved the answer to each of some rows.

    Args:
      predict: The model, as a function of columns.
      asked: The rows, by argument of the model.
      others: Rows to begin with.
      plan: Feature plan of the run; nothing is told of several labels, nor of a single column.
      order: Names of columns, most important first, which are told one by one; the others are told together.
      seed: Seed of the orders and of the rows that are begun with.
      seconds: Time after which no further order is begun.
      clock: Function that gives seconds.

    Returns:
      For each row ``target`` (what is explained: the label, or the score of the class that was predicted), ``usual``
      (the mean answer to the rows begun with), ``columns`` (``column`` and ``effect``, in the label's units or as a
      score, greatest first) and ``rest`` (the effect of all other columns together, None where there are none).
    """
    players = _players(list(asked), plan, order)
    if plan.task == "multilabel" or len(players) < 2:  # a single one moves all that is moved
        return []

    def score(columns: Columns) -> Any:
        return scores_of_classes(predict(columns), plan.task)

    chosen = score(asked).argmax(axis=1)
    usual, effects = share_out(score, asked, others, players, chosen, seed=seed, seconds=seconds, clock=clock)
    names = {argument: column for column, argument in plan.raw_arguments().items()}
    told = [names[player[0]] for player in players[:_MOST_ALONE]]
    return [
        {"target": name_target(plan, output), "usual": float(usual[row]), **_tell(told, effects[:, row])}
        for row, output in enumerate(chosen.tolist())
    ]


def _players(arguments: Sequence[str], plan: FeaturePlan, order: Sequence[str]) -> list[Player]:
    """Lists the first columns, each by itself, and behind them all others as one."""
    of_column = plan.raw_arguments()
    first = [of_column[column] for column in order[:_MOST_ALONE]]
    rest = tuple(argument for argument in arguments if argument not in first)
    return [*((argument,) for argument in first), *([rest] if rest and first else [])]


def _tell(columns: Sequence[str], effects: np.ndarray) -> dict[str, Any]:
    """Lists the effects of columns, greatest first, and that of all others, the last if there are any."""
    listed = [{"column": name, "effect": float(effect)} for name, effect in zip(columns, effects, strict=False)]
    rest = float(effects[-1]) if len(effects) > len(columns) else None
    return {"columns": sorted(listed, key=lambda one: -abs(one["effect"])), "rest": rest}
