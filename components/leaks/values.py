"""A column of a sample, as it is measured against the label and against earlier data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Column:
    """Values of one column in a sample.

    Attributes:
      kind: ``numeric``, ``categorical``, ``date``, ``labels`` (multilabel), ``image``, ``array`` or ``tokens``.
      values: Of numeric float64 [rows], NaN where missing. Of categorical and date object [rows] of str, None where
        missing. Of image object [rows] of bytes. Of labels, array and tokens float64 [rows, values].
    """

    kind: str
    values: np.ndarray

    def __len__(self) -> int:
        return len(self.values)
