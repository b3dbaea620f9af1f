"""How far two computations of the same answers may be apart: by the answers' own scale, and by float32's rounding."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # plans know these limits where NumPy is not installed, as while the documentation is built
    import numpy as np

# What differences are, in words: of scores, which lie in 0..1, and of numbers.
LARGEST, LARGEST_IN_DEVIATIONS = "largest difference", "largest difference, in deviations of the label"
# Two ways of adding up the same float32 numbers end some units in the last place apart.
ROUNDING = 4 * 2.0**-23  # float32 has 23 binary digits behind the first
# A logarithm of some tens is as many times further off, and so is the number that it stands for.
ROUNDING_OF_LOGS = 100 * ROUNDING


def spread_of(labels: np.ndarray, predictions: np.ndarray) -> float:
    """Returns the unit in which differences of a regression count: the deviation of the labels.

    Labels that are all the same have none; that of the predictions, or a part of the numbers' size, counts then.

    Args:
      labels, predictions: [rows] or [rows, 1] in the label's units, any of them may be no number.

    Returns:
      Above 0.
    """
    import numpy as np

    for values in (labels, predictions):
        known = _finite(values)
        spread = float(known.std()) if known.size else 0.0
        # The mean of equal numbers is a little off, and so their deviation is not quite 0.
        if spread > 1e-12 * float(np.abs(known).max(initial=0.0)):
            return spread
    largest = max(float(np.abs(_finite(values)).max(initial=0.0)) for values in (labels, predictions))
    return largest / 1000 or 1.0


def distances(answers: np.ndarray, expected: np.ndarray, unit: float, rounding: float = ROUNDING) -> np.ndarray:
    """Returns how far apart numbers are, beyond what rounding explains, in units.

    Args:
      answers: Answers of one model, an array of numbers.
      expected: Answers of the other to the same rows, of the same shape.
      unit: What differences are measured in, as :func:`spread_of` gives it.
      rounding: Share of a number that rounding explains.

    Returns:
      float64 of the same shape, 0 where rounding explains all.
    """
    import numpy as np

    wanted = expected.astype(np.float64)
    return np.maximum(np.abs(answers.astype(np.float64) - wanted) - rounding * np.abs(wanted), 0.0) / unit


def _finite(values: np.ndarray) -> np.ndarray:
    import numpy as np

    flat = np.asarray(values, np.float64).reshape(-1)
    return flat[np.isfinite(flat)]
