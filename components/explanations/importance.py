"""What a model of a table leans on: how much worse it gets when single columns are shuffled among the rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kerasline.components.evaluation import METRICS, measure
from kerasline.components.explanations.loading import Columns, Predict
from kerasline.components.features import FeaturePlan

_REPEATS = 3
_STACKED_ROWS = 2048  # shuffled copies go through the model together, which saves calls


@dataclass
class _Part:
    """Columns that are shuffled together, and what each shuffle cost."""

    arguments: tuple[str, ...]
    drops: list[float] = field(default_factory=list)

    @property
    def drop(self) -> float:
        return float(np.mean(self.drops))


def permutation_importance(
    predict: Predict,
    columns: Columns,
    labels: np.ndarray,
    plan: FeaturePlan,
    metric: str,
    *,
    seed: int = 0,
    seconds: float = 6.0,
    clock: Callable[[], float] = time.monotonic,
) -> dict[str, Any]:
    """Measures how much worse the model gets when the values of one column are shuffled among the rows.

    Where there is no time for each column, neighbours are shuffled in groups first, and then the columns of the
    strongest groups one by one, so that no column is passed over because of its place in the table.

    Args:
      predict: The model, as a function of columns.
      columns: Rows by argument of the model.
      labels: [rows] or [rows, labels], labels of the rows.
      plan: Feature plan of the run.
      metric: Key of METRICS.
      seed: Seed of the shuffles.
      seconds: Time after which nothing further is begun; the first call, which loads the model, is not counted.
      clock: Function that gives seconds.

    Returns:
      ``metric``, ``value`` (unshuffled), ``rows``, ``columns`` (``column``, ``drop``: mean loss in the metric's own
      units, positive where the column helps, ``low`` and ``high`` over the shuffles; greatest drop first), ``groups``
      (the same with a list of ``columns``: those that there was only time to shuffle together) and ``skipped``: columns
      for which there was no time at all.
    """
    value = measure([metric], labels, predict(columns), plan.task)[metric]
    parts: list[_Part] = []
    if value is not None and len(labels):
        sign = 1 if METRICS[metric].higher_is_better else -1

        def drop_of(scores: np.ndarray) -> float | None:
            found = measure([metric], labels, scores, plan.task)[metric]
            return None if found is None else sign * (value - found)

        shuffle = _Shuffler(predict, columns, drop_of, np.random.default_rng(seed), clock)
        parts = _measure_all(shuffle, list(columns), seconds)
    names = {argument: column for column, argument in plan.raw_arguments().items()}
    listed = _list_parts([part for part in parts if part.drops], names, list(columns))
    return {"metric": metric, "value": value, "rows": len(labels), **listed}


def _list_parts(measured: Sequence[_Part], names: Mapping[str, str], arguments: Sequence[str]) -> dict[str, Any]:
    """Says what was measured of single columns and of groups, and what was not.

    Args:
      measured: Parts with at least one shuffle.
      names: Argument of the model to column.
      arguments: All arguments, in the order of the table.
    """
    done = {argument for part in measured for argument in part.arguments}
    return {
        "columns": [{"column": names[part.arguments[0]], **_spread(part)} for part in _strongest(measured, alone=True)],
        "groups": [
            {"columns": [names[argument] for argument in part.arguments], **_spread(part)}
            for part in _strongest(measured, alone=False)
        ],
        "skipped": [names[argument] for argument in arguments if argument not in done],
    }


def _spread(part: _Part) -> dict[str, float]:
    return {"drop": part.drop, "low": float(min(part.drops)), "high": float(max(part.drops))}


def _strongest(parts: Iterable[_Part], *, alone: bool) -> list[_Part]:
    """Returns the measured columns (or groups of several), greatest drop first."""
    chosen = [part for part in parts if part.drops and (len(part.arguments) == 1) == alone]
    return sorted(chosen, key=lambda part: -part.drop)


class _Shuffler:
    """Shuffles parts among the rows and notes what that costs, many copies of the rows in each call."""

    def __init__(
        self,
        predict: Predict,
        columns: Columns,
        drop_of: Callable[[np.ndarray], float | None],
        random: np.random.Generator,
        clock: Callable[[], float],
    ) -> None:
        self._predict, self._columns, self._drop_of = predict, columns, drop_of
        self._random, self.clock = random, clock
        self._rows = len(next(iter(columns.values())))
        self._copies = 1

    def prepare(self, seconds: float) -> float:
        """Measures how long one shuffle takes, and chooses how many go together in a tenth of the time at most."""
        started = self.clock()
        self._predict(self._columns)
        cost = max(self.clock() - started, 1e-6)
        self._copies = max(1, min(_STACKED_ROWS // self._rows, int(seconds / 10 / cost)))
        return cost

    def run(self, parts: Sequence[_Part], until: float) -> None:
        """Shuffles each part once, as long as there is time."""
        for start in range(0, len(parts), self._copies):
            if self.clock() > until:
                return
            self._run_together(parts[start : start + self._copies])

    def _run_together(self, parts: Sequence[_Part]) -> None:
        orders = [self._random.permutation(self._rows) for _ in parts]
        stacked = {
            name: np.concatenate(
                [values[order] if name in part.arguments else values for part, order in zip(parts, orders, strict=True)]
            )
            for name, values in self._columns.items()
        }
        for part, scores in zip(parts, np.split(self._predict(stacked), len(parts)), strict=True):
            drop = self._drop_of(scores)
            part.drops += [] if drop is None else [drop]


def _measure_all(shuffle: _Shuffler, arguments: Sequence[str], seconds: float) -> list[_Part]:
    """Spends the time: a look at everything, then at what is inside the strongest groups, then repeats."""
    until = shuffle.clock() + seconds
    if seconds <= 0:
        return []
    cost = shuffle.prepare(seconds)
    affordable = int(seconds / cost)
    # Half of the time goes to the groups, the other half to what is found in them.
    size = 1 if affordable >= len(arguments) else -(-len(arguments) // max(affordable // 2, 1))
    parts = [_Part(tuple(arguments[i : i + size])) for i in range(0, len(arguments), size)]
    shuffle.run(parts, until)
    for group in _strongest(parts, alone=False):
        inside = [_Part((argument,)) for argument in group.arguments]
        if shuffle.clock() + cost * len(inside) > until:
            break
        shuffle.run(inside, until)
        if not all(part.drops for part in inside):
            break  # a part of a group says less than the whole
        parts[parts.index(group) : parts.index(group) + 1] = inside
    for _ in range(_REPEATS - 1):
        shuffle.run(_strongest(parts, alone=True), until)
    return parts
