"""Makes the plan of the splits: fractions, and what must be counted in the data first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from kerasline.components.core import ConfigError, counted
from kerasline.components.datasets.description import SPLITS, Dataset, Label, SplitOptions, SplitPlan
from kerasline.components.datasets.splits import assign_split, class_cuts, time_boundaries

_DEFAULT_FRACTION = 0.1
# Above this many rows a hash leaves no split of 1 % or more empty; below it is counted.
_ROWS_TO_COUNT = 2000
# A few groups, or a column of split names, can leave a split of any data empty; counting reads every row.
_ROWS_TO_COUNT_COLUMNS = 200_000

Reader = Callable[[Dataset, Mapping[str, Any]], Iterator[tuple[str | None, dict[str, Any]]]]


def plan_split(options: SplitOptions, label: Label, shards: Sequence[Mapping[str, Any]], seed: int) -> SplitPlan:
    """Settles method and fractions.

    Raises:
      ConfigError: the method does not fit the source or the label.
    """
    given: set[str] = {shard["split"] for shard in shards if "split" in shard}
    method = options.method or ("source" if given else "hash")
    if method == "source" and options.column is None and not given:
        raise ConfigError("split.method source needs a test set from the source or 'column'; use split.method: hash.")
    for split in sorted(given):
        if getattr(options, split):
            raise ConfigError(
                f"The source brings its own {split} set, so split.{split} {getattr(options, split):g} cannot be kept; "
                "remove it."
            )
    if method == "stratified" and (label.classes is None or label.dtype == "multi"):
        raise ConfigError(
            f"split.method stratified needs classes, but label {label.name!r} has none; use split.method: hash."
        )
    return SplitPlan(
        method=method,
        fractions=_fractions(options, given),
        column=label.name if method == "stratified" else options.column,
        seed=seed if options.seed is None else options.seed,
    )


def finish_plan(dataset: Dataset, read_rows: Reader, may_change: bool = False) -> tuple[SplitPlan, tuple[str, ...]]:
    """Adds to a dataset's plan what only the rows can tell, and checks that no split is empty where that may be.

    Args:
      dataset: with the plan as :func:`plan_split` made it.
      read_rows: gives a shard's rows with all columns, and the split that the source gives them.
      may_change: whether a hash that leaves a split empty becomes stratified, because nobody asked for the hash.

    Returns:
      The finished plan, and notes on what was found.

    Raises:
      ConfigError: a split would be empty, or the times cannot be ordered.
    """
    plan = dataset.split
    notes: tuple[str, ...] = ()
    free = (row for shard in dataset.shards if "split" not in shard for _, row in read_rows(dataset, shard))
    if plan.method == "stratified":
        plan = plan.model_copy(update={"cuts": class_cuts(plan, free)})
    elif plan.method == "time":
        boundaries, notes = time_boundaries(plan, free)
        plan = plan.model_copy(update={"boundaries": boundaries})
    by_column = plan.method == "group" or (plan.method == "source" and plan.column is not None)
    if dataset.rows <= (_ROWS_TO_COUNT_COLUMNS if by_column else _ROWS_TO_COUNT):
        empty = _empty_splits(dataset, plan, read_rows)
        if empty and may_change and plan.method in ("hash", "source"):
            column = dataset.label.name if dataset.label.dtype != "multi" and dataset.label.classes else None
            exact = plan.model_copy(update={"method": "stratified", "column": column})
            finished, _ = finish_plan(dataset.model_copy(update={"split": exact}), read_rows)
            return finished, ("a hash of so few rows leaves a split empty, so they are split in exact shares instead",)
        _refuse_empty(empty, dataset, plan)
    return plan, notes


def _fractions(options: SplitOptions, given: Collection[str]) -> dict[str, float]:
    """Completes the fractions of the rows that the source did not assign to the splits in ``given``."""
    parts: dict[str, float | None] = {split: 0.0 if split in given else getattr(options, split) for split in SPLITS}
    known = sum(part for part in parts.values() if part is not None)
    unset = [split for split in ("eval", "test") if parts[split] is None]
    if parts["train"] is None:
        parts |= dict.fromkeys(unset, _DEFAULT_FRACTION)
    elif unset:
        parts |= dict.fromkeys(unset, max(0.0, 1 - known) / len(unset))
    elif given:  # train: 0.8 and eval: 0.1 beside a given test set share its rows as 8 to 1
        parts = {split: (part or 0.0) / known for split, part in parts.items()}
    eval_, test = parts["eval"] or 0.0, parts["test"] or 0.0
    fractions = {"train": 1 - eval_ - test, "eval": eval_, "test": test}
    for split in ("train", "eval"):
        if fractions[split] < 1e-9 and split not in given:
            raise ConfigError(f"The fractions of 'split' leave no rows for {split}; make the others smaller.")
    return {split: round(fraction, 12) for split, fraction in fractions.items()}


def _empty_splits(dataset: Dataset, plan: SplitPlan, read_rows: Reader) -> list[str]:
    counts: Counter[str] = Counter()
    for shard in dataset.shards:
        for split, row in read_rows(dataset, shard):
            counts[split or assign_split(plan, row)] += 1
    named = plan.method == "source" and plan.column is not None
    return [split for split in SPLITS if not counts[split] and (named or plan.fractions[split] > 0)]


def _refuse_empty(empty: Sequence[str], dataset: Dataset, plan: SplitPlan) -> None:
    if empty and plan.method == "source" and plan.column is not None:
        raise ConfigError(
            f"split.column {plan.column!r} of {dataset.name} names no row {empty[0]}; every split needs rows."
        )
    if empty:
        raise ConfigError(
            f"The {empty[0]} split of {dataset.name} would have none of its {counted(dataset.rows, 'row')} (equal "
            f"rows stay together); add rows, make split.{empty[0]} larger, or use another split.seed or split.method."
        )
