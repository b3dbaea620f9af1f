"""Shapley values: how far each part of a row moved the answer of a model to it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile

import numpy as np

_MOST_ROUNDS = 40  # an order and its reverse each, begun with another row

Player = tuple[str, ...]  # arguments of the model whose values come together
Score = Callable[[dict[str, np.ndarray]], np.ndarray]


def share_out(
    score: Score,
    asked: Mapping[str, np.ndarray],
    others: Mapping[str, np.ndarray],
    players: Sequence[Player],
    chosen: np.ndarray,
    *,
    seed: int = 0,
    seconds: float = math.inf,
    clock: Callable[[], float] = time.monotonic,
) -> tuple[np.ndarray, np.ndarray]:
    """Estimates how far each player moved the answer to each of some rows.

    A row begins as another row, gets its own values player by player, in a random order and in its reverse, and what
    moves with a player is the player's. The means over many such orders are Shapley values: they add up to what lies
    between the answer and the mean answer to the rows that were begun with.

    Source: E. Štrumbelj and I. Kononenko, Explaining prediction models and individual predictions with feature
    contributions, 2014; for an order and its reverse R. Mitchell et al., Sampling Permutations for Shapley Value
    Estimation, 2022.

    Args:
      score: The model, as a function of columns, each [rows, ...], by argument; it gives [rows, outputs].
      asked: The rows.
      others: Rows to begin with.
      players: The arguments, each in one of them.
      chosen: int [rows], the output that is explained of each row.
      seed: Seed of the orders and of the rows that are begun with.
      seconds: Time after which no further order is begun.
      clock: Function that gives seconds.

    Returns:
      The mean answers to the rows begun with, [rows], and what moved with each player, [players, rows].
    """
    draw = np.random.default_rng(seed)

    def one_round(begun: int) -> tuple[np.ndarray, np.ndarray]:
        # The same row for all that are asked about, so that all begin with the same usual answer.
        other = {name: np.repeat(values[[begun]], len(chosen), axis=0) for name, values in others.items()}
        return _one_round(score, asked, other, players, draw.permutation(len(players)), chosen)

    end = clock() + seconds
    rows = len(next(iter(others.values())))
    # Few rows are begun with several times, each as often as the others.
    passes = [draw.permutation(rows) for _ in range(max(1, _MOST_ROUNDS // rows))]
    first, *more = np.concatenate(passes)[:_MOST_ROUNDS].tolist()
    found = [one_round(first), *(one_round(begun) for begun in takewhile(lambda _: clock() < end, more))]
    usual, effects = (np.mean(parts, axis=0) for parts in zip(*found, strict=True))
    return usual, effects


def _one_round(
    score: Score,
    asked: Mapping[str, np.ndarray],
    other: Mapping[str, np.ndarray],
    players: Sequence[Player],
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
