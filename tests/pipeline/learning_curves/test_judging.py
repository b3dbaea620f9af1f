"""Whether more rows helped is told from the seeds: what they agree on, and what is luck."""

from __future__ import annotations

from typing import Any

import pytest

from kerasline.pipeline.learning_curves.judging import judge


def shares(*figures: tuple[float, list[float | None]]) -> list[dict[str, Any]]:
    """Shares of 800 rows with their figures by seed."""
    return [{"share": share, "rows": round(800 * share), "seeds": seeds} for share, seeds in figures]


def test_a_gain_that_all_seeds_agree_on_is_one() -> None:
    told = judge(shares((0.5, [40.0, 42.0, 41.0]), (1.0, [30.0, 31.0, 31.0])), "mean absolute error",
                 higher_is_better=False)  # fmt: skip
    assert told["verdict"] == "more_rows_helped"
    assert told["gain"] == pytest.approx(
        {"from": 400, "to": 800, "value": 10.333, "low": 8.899, "high": 11.768}, abs=2e-3
    )
    assert (
        "from 400 to 800 rows the mean absolute error went from 41 to 30.7, better by 10 (8.9 to 12" in told["reason"]
    )


def test_an_error_that_grows_is_no_gain() -> None:
    """The same figures of a metric that is better when it is higher."""
    told = judge(shares((0.5, [40.0, 42.0, 41.0]), (1.0, [30.0, 31.0, 31.0])), "R²", higher_is_better=True)
    assert told["verdict"] == "no_gain_seen"
    assert told["reason"].endswith("more rows of this kind do not help")


def test_a_gain_that_seeds_differ_on_is_luck() -> None:
    told = judge(shares((0.5, [0.90, 0.95, 0.91]), (1.0, [0.95, 0.91, 0.94])), "accuracy", higher_is_better=True)
    assert told["verdict"] == "no_gain_seen"
    assert told["gain"]["low"] < 0 < told["gain"]["high"]


def test_the_last_doubling_is_judged() -> None:
    """What the smallest share lacks says nothing of more rows than there are."""
    told = judge(shares((0.25, [0.1, 0.1]), (0.5, [0.9, 0.92]), (0.75, [0.5, 0.5]), (1.0, [0.92, 0.9])), "accuracy",
                 higher_is_better=True)  # fmt: skip
    assert told["gain"]["from"] == 400
    assert told["verdict"] == "no_gain_seen"


@pytest.mark.parametrize("seeds", [[0.9], [None, 0.9], [None, None]])
def test_one_seed_decides_nothing(seeds: list[float | None]) -> None:
    told = judge(shares((0.5, seeds), (1.0, [0.95] * len(seeds))), "accuracy", higher_is_better=True)
    assert (told["verdict"], told["gain"]) == ("undecided", None)
    assert told["reason"].endswith("give --seeds 3 or more")
