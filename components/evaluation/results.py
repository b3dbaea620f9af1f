"""Reads what the Evaluator measured and where it saw a limit broken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

Figures = dict[str, float | None]
_SliceName = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class SliceFigures:
    """What was measured on the rows of a slice.

    Attributes:
      slice: column to value; empty for the whole split.
      rows: in it.
      candidate, baseline: metric name to figure, None where it is not defined.
    """

    slice: dict[str, str]
    rows: int
    candidate: Figures
    baseline: Figures = field(default_factory=dict)


@dataclass(frozen=True)
class Failure:
    """A limit that TFMA found broken: of ``metric`` on ``slice``; ``is_change`` if it is one against the baseline."""

    slice: dict[str, str]
    metric: str
    is_change: bool


def read_evaluation(folder: str) -> tuple[SliceFigures, list[SliceFigures]]:
    """Reads the figures of both models.

    Args:
      folder: the Evaluator's output.

    Returns:
      Those of the whole split, and those of each slice.
    """
    slices = [_slice_figures(name, models) for name, models in _models_by_slice(folder).items()]
    (whole,) = (entry for entry in slices if not entry.slice)
    return whole, [entry for entry in slices if entry.slice]


def _models_by_slice(folder: str) -> dict[_SliceName, dict[str, Figures]]:
    """Reads the figures of every slice, for each of the models that has some."""
    import tensorflow_model_analysis as tfma

    found: dict[_SliceName, dict[str, Figures]] = {}
    for model in ("candidate", "baseline"):
        for slice_key, values in tfma.load_eval_result(folder, model_name=model).slicing_metrics:
            # The metrics have neither outputs nor classes of their own.
            figures = {name: _plain(value) for name, value in values[""][""].items() if "_diff" not in name}
            found.setdefault(_name(slice_key), {})[model] = figures
    return found


def _slice_figures(name: _SliceName, models: Mapping[str, Figures]) -> SliceFigures:
    """Takes the rows of a slice, which TFMA counts for each model, out of the figures."""
    candidate, baseline = (dict(models.get(model, {})) for model in ("candidate", "baseline"))
    rows = int(candidate.pop("example_count", None) or 0)
    baseline.pop("example_count", None)
    return SliceFigures(dict(name), rows, candidate, baseline)


def read_failures(folder: str) -> list[Failure]:
    """Reads from the Evaluator's validation which limits it found broken; slices without rows are left out."""
    import tensorflow_model_analysis as tfma

    validation = tfma.load_validation_result(folder)
    return [
        Failure(
            {key.column: _value(key) for key in part.slice_key.single_slice_keys},
            failure.metric_key.name.removesuffix("_diff"),
            failure.metric_key.is_diff,
        )
        for part in validation.metric_validations_per_slice
        for failure in part.failures
    ]


def _name(slice_key: tuple[tuple[str, object], ...]) -> _SliceName:
    return tuple((_text(column), _text(value)) for column, value in slice_key)


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _value(key: object) -> str:
    kind = key.WhichOneof("kind")  # type: ignore[attr-defined]
    return _text(getattr(key, kind)) if kind else ""


def _plain(value: Mapping[str, object]) -> float | None:
    # TFMA writes numbers that JSON has not, such as NaN, as text.
    number = float(str(value.get("doubleValue", "nan")))
    return number if np.isfinite(number) else None
