"""How the answer of a model of a table moves: dependence on single columns, and a surface over two.

Everything goes through raw columns and the exported model, so it explains what a client gets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kerasline.components.explanations.loading import Columns, Predict
from kerasline.components.features import FeaturePlan

MOST_ROWS = 500
_CURVES = 6  # columns with a curve of their own
_GRID = 15
_LINES = 30  # rows whose own curve is drawn
_MEAN_ROWS = 150
_VALUES = 8  # most frequent categories
_SURFACE = 17
_POINTS = 150


def choose_output(predict: Predict, columns: Columns, plan: FeaturePlan) -> tuple[int, str]:
    """Chooses the output that curves show, and names it: of several classes the most frequent prediction."""
    if plan.classes is None:
        return 0, name_target(plan, 0)
    if plan.task == "binary":
        return 0, name_target(plan, 1)
    scores = predict(columns)
    chosen = int(scores.sum(axis=0).argmax())
    return chosen, name_target(plan, chosen)


def name_target(plan: FeaturePlan, place: int) -> str:
    """Names what is explained: the label, or the score of a class by its place."""
    return plan.label if plan.classes is None else f"score of {plan.classes[place]}"


def dependence(
    predict: Predict, columns: Columns, plan: FeaturePlan, order: Sequence[str], units: Mapping[str, str | None]
) -> list[dict[str, Any]]:
    """Computes how the prediction changes with one column while the others stay as they are.

    Args:
      predict, columns: the model and the rows.
      plan: of the run.
      order: column names, most important first.
      units: column name to unit.

    Returns:
      For each of the first columns: ``column``, ``unit``, ``target`` (what is predicted), ``kind`` (``number`` or
      ``category``), ``grid``, ``mean`` (partial dependence: the mean prediction at each grid value) and ``lines``
      (individual conditional expectation: the same for single rows, numbers only).
    """
    output, target = choose_output(predict, columns, plan)
    rows = {name: values[:_MEAN_ROWS] for name, values in columns.items()}
    count = len(next(iter(rows.values())))
    curves = []
    for column in order[:_CURVES]:
        argument = plan.raw_arguments()[column]
        grid, kind = _grid(columns[argument])
        if len(grid) < 2:
            continue
        repeated = {name: np.tile(values, (len(grid), *[1] * (values.ndim - 1))) for name, values in rows.items()}
        repeated[argument] = np.repeat(np.array(grid, columns[argument].dtype), count)
        scores = predict(repeated)[:, output].reshape(len(grid), count)
        lines = scores[:, :_LINES].T if kind == "number" else np.zeros((0, len(grid)))
        curves.append(
            {
                "column": column,
                "unit": units.get(column),
                "target": target,
                "kind": kind,
                "grid": [_plain(value) for value in grid],
                "mean": [float(value) for value in scores.mean(axis=1)],
                "lines": [[float(value) for value in line] for line in lines],
            }
        )
    return curves


def _grid(values: np.ndarray) -> tuple[list[Any], str]:
    """Chooses the values at which a column is tried: a range without its extremes, or the most frequent categories."""
    if values.ndim > 1:
        return [], "number"
    if values.dtype == object:
        found, counts = np.unique([value for value in values if value != b""], return_counts=True)
        return [bytes(value) for value in found[np.argsort(-counts, kind="stable")][:_VALUES]], "category"
    finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    known = np.unique(finite)
    if len(known) <= _GRID:
        return list(known), "number"
    low, high = np.percentile(finite, [2, 98])
    if high <= low:
        return [], "number"
    grid = np.linspace(low, high, _GRID)
    return list(grid if values.dtype.kind == "f" else np.unique(grid.round().astype(values.dtype))), "number"


def surface(
    predict: Predict,
    columns: Columns,
    labels: np.ndarray,
    plan: FeaturePlan,
    order: Sequence[str],
    units: Mapping[str, str | None],
) -> dict[str, Any] | None:
    """Computes the prediction over the two most important columns of numbers.

    Args:
      predict: The model, as a function of columns.
      columns: Rows by argument of the model.
      labels: [rows] or [rows, 1], labels of the rows.
      plan: Feature plan of the run.
      order: Names of columns, most important first.
      units: Column name to unit.

    Returns:
      ``columns`` (two names), ``units``, ``target``, ``x``, ``y``, ``z`` [len(y)][len(x)], and ``points``: rows as
      [x, y, label, prediction], only where there are no other inputs, since only then the surface goes through them.
      The other columns are held at a typical row. None where there are not two such columns, or several classes.
    """
    if plan.task not in ("regression", "bounded_regression", "binary"):
        return None
    arguments = plan.raw_arguments()
    names = [name for name in order if _is_quantity(columns[arguments[name]])][:2]
    if len(names) < 2:
        return None
    output, target = choose_output(predict, columns, plan)
    pair = [arguments[name] for name in names]
    is_alone = len(arguments) == 2
    axes = [_axis(columns[argument], is_whole=is_alone) for argument in pair]
    x, y = np.meshgrid(*axes)
    typical = {name: np.repeat(_typical(values)[np.newaxis], x.size, axis=0) for name, values in columns.items()}
    z = predict({**typical, pair[0]: x.reshape(-1), pair[1]: y.reshape(-1)})[:, output].reshape(x.shape)
    return {
        "columns": names,
        "units": [units.get(name) for name in names],
        "target": target,
        "x": axes[0].tolist(),
        "y": axes[1].tolist(),
        "z": z.tolist(),
        "points": _points(predict, columns, labels, pair, output) if is_alone else [],
    }


def _is_quantity(values: np.ndarray) -> bool:
    """Whether a column has one number in a row, and several different ones in all."""
    return values.ndim == 1 and values.dtype.kind == "f" and len(_grid(values)[0]) > 2


def _axis(values: np.ndarray, *, is_whole: bool) -> np.ndarray:
    """Spreads positions over a column, with or without its extremes: float32 [positions]."""
    known = values[np.isfinite(values)]
    low, high = (known.min(), known.max()) if is_whole else np.percentile(known, [2, 98])
    return np.linspace(low, high, _SURFACE, dtype=np.float32)


def _points(
    predict: Predict, columns: Columns, labels: np.ndarray, pair: Sequence[str], output: int
) -> list[list[float]]:
    """Lists rows as they lie in the space of a surface.

    Args:
      predict: The model, as a function of columns.
      columns: Rows by argument of the model.
      labels: [rows] or [rows, 1], labels of the rows.
      pair: Arguments of the two axes.
      output: Unit of the model that the surface shows.

    Returns:
      [first, second, label, prediction] of each row in which all four are finite.
    """
    predictions = predict({name: values[:_POINTS] for name, values in columns.items()})[:, output]
    first, second = (columns[argument][:_POINTS] for argument in pair)
    rows = zip(first, second, labels.reshape(-1)[:_POINTS], predictions, strict=True)
    points = [[float(v) for v in row] for row in rows]
    return [point for point in points if np.isfinite(point).all()]


def _typical(values: np.ndarray) -> np.ndarray:
    if values.dtype == object:
        found, counts = np.unique(values, return_counts=True)
        typical = np.empty((), object)
        typical[()] = found[counts.argmax()]
        return typical
    middle = np.nanmedian(values, axis=0) if np.isfinite(values).any() else np.float32(np.nan)
    return np.asarray(middle).astype(values.dtype)


def _plain(value: Any) -> float | str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else float(value)
