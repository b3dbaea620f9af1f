"""Which trial wins: one that is clearly better than the untuned config, or else that one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kerasline.components.tuning.trials.record import choose_winner


def trial(number: int, *scores: float) -> dict[str, Any]:
    """A trial that completed with these scores of its fits; none stand for one that failed."""
    return {"trial_id": str(number), "score": float(np.mean(scores)) if scores else None, "scores": list(scores)}


def test_among_trials_of_one_fit_the_best_wins() -> None:
    trials = [trial(0, 0.30), trial(1, 0.31), trial(2, 0.29)]
    assert choose_winner(trials, "min") is trials[2]
    assert choose_winner(trials, "max") is trials[1]


def test_what_is_ahead_by_chance_does_not_win() -> None:
    # Better on the mean, since one of five fits was lucky.
    lucky = trial(1, 0.29, 0.31, 0.33, 0.30, 0.10)
    untuned = trial(0, 0.28, 0.30, 0.32, 0.29, 0.22)
    assert lucky["score"] < untuned["score"]
    assert choose_winner([untuned, lucky], "min") is untuned
    steady = trial(2, 0.27, 0.29, 0.31, 0.28, 0.21)
    assert lucky["score"] < steady["score"] < untuned["score"]
    assert choose_winner([untuned, lucky, steady], "min") is steady


def test_fits_are_compared_part_by_part() -> None:
    # The parts differ far more than the trials do, and the same part is hard for both.
    untuned, better = trial(0, 0.5, 0.7, 0.9), trial(1, 0.52, 0.71, 0.92)
    assert choose_winner([untuned, better], "max") is better
    assert choose_winner([untuned, better], "min") is untuned


def test_chance_seldom_wins() -> None:
    generator = np.random.default_rng(4)
    parts = generator.normal(1, 0.3, 5)
    won = 0
    for _ in range(400):
        trials = [trial(number, *(parts + generator.normal(0, 0.05, 5))) for number in range(2)]
        won += choose_winner(trials, "min") is trials[1]
    # A t of 1 with 4 degrees of freedom is exceeded in 19 % of draws; without the rule it would be half of them.
    assert won / 400 == pytest.approx(0.19, abs=0.05)


def test_without_the_untuned_config_the_best_wins() -> None:
    trials = [trial(0), trial(1, 0.5, 0.6), trial(2, 0.4, 0.6), trial(3)]
    assert choose_winner(trials, "min") is trials[2]
    assert choose_winner(trials, "max") is trials[1]
