"""What a version reaches on labelled data, as ``evaluate`` returns and prints it."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kerasline.components.core import counted, rounded

if TYPE_CHECKING:
    from pandas import DataFrame

    from kerasline.components.prediction import Measures

_WHOLE = ""  # the slice that is all rows


@dataclass(frozen=True, repr=False)
class Evaluation:
    """A version's metrics on labelled data.

    Attributes:
      model: ``NAME@VERSION``.
      measures: The figures of all rows and of each slice.
    """

    model: str
    measures: Measures

    @property
    def rows(self) -> int:
        """How many rows were measured."""
        return self.measures.rows

    @property
    def metrics(self) -> dict[str, dict[str, float | None]]:
        """By name ``value``, and ``low`` and ``high`` of its 95 % interval; None where it is not defined."""
        return self.measures.metrics

    def frame(self) -> DataFrame:
        """Returns a row for each metric of all rows (slice "") and of each slice.

        Its columns are ``slice``, ``rows``, ``metric``, ``value``, ``low`` and ``high``.
        """
        import pandas as pd

        return pd.DataFrame(list(self._lines()), columns=["slice", "rows", "metric", "value", "low", "high"])

    def as_json(self) -> dict[str, Any]:
        """Returns what ``kerasline evaluate --json`` writes."""
        return {
            "model": self.model,
            "rows": self.rows,
            "metrics": self.metrics,
            "slices": self.measures.slices,
            "without_label": self.measures.without_label,
            "rejected": len(self.measures.rejected),
        }

    def summary(self) -> str:
        """Says in a sentence what was measured, and what was left out."""
        told = f"{self.model} on {counted(self.rows, 'row')}"
        left_out = []
        if self.measures.without_label:
            left_out.append(f"{self.measures.without_label:,} without a label")
        if self.measures.rejected:
            left_out.append(f"{len(self.measures.rejected):,} that could not be answered or measured")
        return f"{told}; left out: {', '.join(left_out)}" if left_out else told

    def _lines(self) -> Iterator[dict[str, Any]]:
        parts = [{"slice": {}, "rows": self.rows, "metrics": self.metrics}, *self.measures.slices]
        for part in parts:
            name = ", ".join(f"{column}={value}" for column, value in part["slice"].items()) or _WHOLE
            for metric, figure in part["metrics"].items():
                yield {"slice": name, "rows": part["rows"], "metric": metric, **figure}

    def __repr__(self) -> str:
        told = [f"{metric} {show_figure(figure)}" for metric, figure in self.metrics.items()]
        return f"<{self.summary()}: {', '.join(told)}>"

    def _repr_html_(self) -> str:
        """Shows the figures in a notebook."""
        return f"<p>{html.escape(self.summary())}</p>{self.frame().to_html(index=False)}"


def show_figure(figure: Mapping[str, float | None]) -> str:
    """Writes a figure with its interval: ``0.9412 (0.9120 to 0.9611)``."""
    if figure["value"] is None:
        return "not defined"
    shown = rounded(figure["value"])
    if figure["low"] is None:
        return shown
    return f"{shown} ({rounded(figure['low'])} to {rounded(figure['high'])})"
