"""A column of a sample, as it is measured against the label and against earlier data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Column:
    """Values of one column in a sample.

    Attributes:
      kind: ``numeric``, ``categorical``, ``date``, ``labels`` (multilabel), ``image``, ``array`` or ``tokens``.
      values: numeric: float64 [rows], NaN where missing. categorical, date: object [rows] of str, None where missing.
        image: object [rows] of bytes. labels, array and tokens: float64 [rows, values].
    """

    kind: str
    values: np.ndarray

    def __len__(self) -> int:
        return len(self.values)
