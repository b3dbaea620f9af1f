"""Differences of answers are told in the answers' own units."""

from __future__ import annotations

import numpy as np
import pytest

from kerasline.components.core.measures.tolerance import ROUNDING_OF_LOGS, distances, spread_of


@pytest.mark.parametrize("scale", [1e6, 1.0, 1e-6])
def test_differences_of_any_scale_count_in_deviations(scale: float) -> None:
    labels = scale * np.array([-1.0, 1.0])
    expected = scale * np.array([[0.0], [0.5], [2.0]])
    found = distances(expected + 0.1 * scale, expected, spread_of(labels, expected))
    assert found.ravel() == pytest.approx([0.1, 0.1, 0.1], rel=1e-4)


def test_the_last_places_of_a_large_number_are_no_difference() -> None:
    labels = 1e9 + np.array([-64.0, 64.0])
    expected = np.array([1e9], np.float32)
    assert distances(np.nextafter(expected, np.float32(2e9)), expected, spread_of(labels, expected)) == [0.0]


def test_labels_without_spread_have_another_unit() -> None:
    assert spread_of(np.full(4, 5.0), np.array([4.0, 6.0])) == pytest.approx(1.0)
    assert spread_of(np.full(4, 5.0), np.full(4, 5.0)) == 0.005
    assert spread_of(np.zeros(4), np.zeros(4)) == 1.0
    assert spread_of(np.array([np.nan, 1.0, 3.0]), np.array([np.inf])) == pytest.approx(1.0)
    assert spread_of(np.full(7, 0.1), np.full(7, 0.1)) == pytest.approx(1e-4)
    assert spread_of(np.zeros(0), np.zeros(0)) == 1.0


def test_what_a_logarithm_is_off_grows_with_the_number() -> None:
    logarithm = np.float32(20.7)
    numbers = np.exp(np.array([logarithm, np.nextafter(logarithm, np.float32(30))]))
    small = spread_of(np.array([1.0, 2.0]), numbers)
    assert distances(numbers[:1], numbers[1:], small) > 100
    assert distances(numbers[:1], numbers[1:], small, ROUNDING_OF_LOGS) == 0
