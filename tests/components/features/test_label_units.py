"""What gives a label its own units again."""

from __future__ import annotations

import numpy as np

from kerasline.components.features.label_units import LabelUnits, from_log, to_log


def test_a_logarithm_and_back() -> None:
    labels = np.float32([-4e7, -1.5, 0.0, 1e-3, 7.0, 1e9])
    np.testing.assert_allclose(from_log(to_log(labels, np), np), labels, rtol=2e-5, atol=1e-6)


def test_an_answer_far_outside_is_large_and_no_infinity() -> None:
    found = LabelUnits(10.0, 5.0, is_log=True).restore(np.float32([50.0, -50.0]), np)
    assert np.isfinite(found).all() and found.dtype == np.float32
    assert found[0] > 1e30 and found[1] < -1e30


def test_what_was_not_scaled_stays() -> None:
    answers = np.float32([0.25, 3.0])
    assert LabelUnits().restore(answers, np) is answers
