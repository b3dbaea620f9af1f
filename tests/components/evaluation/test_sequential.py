"""Intervals that one may look at every day: how often they err over all looks, and what they find."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from kerasline.components.evaluation import FEWEST_UNBOUNDED, daily_difference, daily_mean, row_losses

Draw = Callable[[np.random.Generator, int], np.ndarray]
CHANCE, TRIALS, DAYS, A_DAY = 0.05, 300, 30, 60


def paired(share: float) -> Draw:
    """Differences of two classifiers that are equally good and differ in a share of the rows."""
    return lambda random, rows: random.choice([-1.0, 0.0, 1.0], rows, p=[share / 2, 1 - share, share / 2])


def errors(random: np.random.Generator, rows: int) -> np.ndarray:
    """Differences of errors with a long tail on one side."""
    return np.asarray(np.exp(random.normal(0, 1, rows)) - np.exp(0.5))


@pytest.mark.parametrize(
    ("draw", "fewest"), [(paired(0.01), 100), (paired(0.1), 100), (paired(0.6), 100), (errors, FEWEST_UNBOUNDED)],
    ids=["one row of a hundred differs", "one of ten", "most", "a long tail"],
)  # fmt: skip
def test_who_looks_every_day_finds_a_difference_that_is_none_in_few_trials_of_a_hundred(
    draw: Draw, fewest: int
) -> None:
    random = np.random.default_rng(1)
    daily = usual = 0
    for _ in range(TRIALS):
        values = draw(random, DAYS * A_DAY)
        looks = [values[:rows] for rows in range(A_DAY, DAYS * A_DAY + 1, A_DAY)]
        daily += any(daily_mean(seen, CHANCE, fewest).sign for seen in looks)
        usual += any(abs(seen.mean()) > 1.96 * seen.std() / len(seen) ** 0.5 for seen in looks if len(seen) >= fewest)
    assert daily <= TRIALS * CHANCE
    assert usual > 2 * TRIALS * CHANCE, "the interval that is meant for one look errs"


@pytest.mark.parametrize(("share", "wrong"), [(0.05, 0.01), (0.05, 0.3), (0.5, 0.3)])
def test_two_samples_of_any_sizes_err_as_seldom(share: float, wrong: float) -> None:
    random, found = np.random.default_rng(2), 0
    for _ in range(TRIALS):
        values, mine = (random.random(DAYS * A_DAY) < wrong) * 1.0, random.random(DAYS * A_DAY) < share
        for rows in range(A_DAY, DAYS * A_DAY + 1, A_DAY):
            if daily_difference(values[:rows][mine[:rows]], values[:rows][~mine[:rows]], CHANCE).sign:
                found += 1
                break
    assert found <= TRIALS * CHANCE


def test_a_difference_is_found_at_about_the_rows_that_are_said() -> None:
    random = np.random.default_rng(3)
    values = random.choice([-1.0, 0.0, 1.0], 20_000, p=[0.04, 0.86, 0.10])
    early = daily_mean(values[:300], CHANCE)
    more = early.rows_to_tell()
    assert early.sign == 0 and more is not None and 100 < more < 3000
    needed = next(rows for rows in range(300, 20_000, 20) if daily_mean(values[:rows], CHANCE).sign)
    assert needed < 3 * (300 + more)
    late = daily_mean(values, CHANCE)
    assert late.sign == 1 and late.low < 0.06 < late.high and late.rows_to_tell() == 0
    assert daily_mean(-values, CHANCE).sign == -1
    assert daily_difference(values + 1, values[:5000] * 0 + 1, CHANCE).sign == 1


def test_nothing_is_said_of_no_rows_and_of_no_difference() -> None:
    nothing = daily_mean(np.zeros(0), CHANCE)
    assert (nothing.sign, nothing.rows, nothing.value) == (0, 0, 0.0)
    assert daily_difference(np.ones(500), np.zeros(0), CHANCE).sign == 0
    same = daily_mean(np.zeros(5000), CHANCE)
    assert (same.sign, same.rows_to_tell()) == (0, None)
    assert daily_mean(np.ones(99), CHANCE).sign == 0 and daily_mean(np.ones(100), CHANCE).sign == 1


def test_what_a_row_adds_to_a_metric() -> None:
    labels, answers = np.array([0, 2, 1]), np.array([[0.7, 0.2, 0.1], [0.1, 0.5, 0.4], [0.3, 0.1, 0.6]])
    losses = [row_losses(name, labels, answers, "multiclass") for name in ("accuracy", "top_2_accuracy", "macro_f1")]
    assert losses[0] is not None and losses[0].tolist() == [0, 1, 1]
    assert losses[1] is not None and losses[1].tolist() == [0, 0, 1]
    assert losses[2] is None
    binary = row_losses("accuracy", np.array([1.0, 0.0]), np.array([[0.9], [0.8]]), "binary")
    assert binary is not None and binary.tolist() == [0, 1]
