"""Why a single row got its answer: how far the value of each of its columns moved it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import Any

import numpy as np

from kerasline.components.explanations.examples import scores_of_classes
from kerasline.components.explanations.loading import Columns, Predict
from kerasline.components.explanations.tables import name_target
from kerasline.components.features import FeaturePlan

_MOST_ALONE = 10  # columns that are told one by one; the others are told together
_MOST_ROUNDS = 40  # an order and its reverse each, begun with another row

_Player = tuple[str, ...]  # arguments of the model whose values come together


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

    A row begins as another row, gets its own values column by column, in a random order and in its reverse, and what
    moves with a column is the column's. The means over many such orders are Shapley values: they add up to what lies
    between the answer and the mean answer to the rows that were begun with.

    Source: E. Štrumbelj and I. Kononenko, Explaining prediction models and individual predictions with feature
    contributions, 2014; for an order and its reverse R. Mitchell et al., Sampling Permutations for Shapley Value
    Estimation, 2022.

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

    def score(columns: Columns) -> np.ndarray:
        return scores_of_classes(predict(columns), plan.task)

    chosen = score(asked).argmax(axis=1)
    draw = np.random.default_rng(seed)

    def one_round(begun: int) -> tuple[np.ndarray, np.ndarray]:
        # The same row for all that are asked about, so that all begin with the same usual answer.
        other = {name: np.repeat(values[[begun]], len(chosen), axis=0) for name, values in others.items()}
        return _one_round(score, asked, other, players, draw.permutation(len(players)), chosen)

    end = clock() + seconds
    first, *more = draw.permutation(len(next(iter(others.values()))))[:_MOST_ROUNDS]
    found = [one_round(first), *(one_round(begun) for begun in takewhile(lambda _: clock() < end, more))]
    usual, effects = (np.mean(parts, axis=0) for parts in zip(*found, strict=True))
    names = {argument: column for column, argument in plan.raw_arguments().items()}
    told = [names[player[0]] for player in players[:_MOST_ALONE]]
    return [
        {"target": name_target(plan, output), "usual": float(usual[row]), **_tell(told, effects[:, row])}
        for row, output in enumerate(chosen.tolist())
    ]


def _players(arguments: Sequence[str], plan: FeaturePlan, order: Sequence[str]) -> list[_Player]:
    """Lists the first columns, each by itself, and behind them all others as one."""
    of_column = plan.raw_arguments()
    first = [of_column[column] for column in order[:_MOST_ALONE]]
    rest = tuple(argument for argument in arguments if argument not in first)
    return [*((argument,) for argument in first), *([rest] if rest and first else [])]


def _one_round(
    score: Predict,
    asked: Columns,
    other: Columns,
    players: Sequence[_Player],
    order: np.ndarray,
    chosen: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Goes from other rows to those that are asked about, in one order of the players and in its reverse.

    Args:
      score: The model.
      asked, other: As many rows of each.
      players: In the order of the result.
      order: Of the players, as their numbers.
      chosen: [rows], the output of each row that is explained.

    Returns:
      The answers to the other rows, [rows], and what moved with each player, [players, rows].
    """
    places = np.argsort(order)
    ways = [places, len(players) - 1 - places]
    steps = range(len(players) + 1)
    stacked = {
        argument: np.concatenate([(asked if way[number] < step else other)[argument] for way in ways for step in steps])
        for number, player in enumerate(players)
        for argument in player
    }
    rows = len(chosen)
    answers = score(stacked).reshape(len(ways), len(steps), rows, -1)[:, :, np.arange(rows), chosen]
    moved = np.diff(answers, axis=1)
    return answers[:, 0].mean(axis=0), np.mean([moved[way, places] for way, places in enumerate(ways)], axis=0)


def _tell(columns: Sequence[str], effects: np.ndarray) -> dict[str, Any]:
    """Lists the effects of columns, greatest first, and that of all others, the last if there are any."""
    listed = [{"column": name, "effect": float(effect)} for name, effect in zip(columns, effects, strict=False)]
    rest = float(effects[-1]) if len(effects) > len(columns) else None
    return {"columns": sorted(listed, key=lambda one: -abs(one["effect"])), "rest": rest}
