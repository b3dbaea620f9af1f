"""Makes the plan of the splits: fractions, and what must be counted in the data first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from kerasline.components.core import ConfigError, counted
from kerasline.components.datasets.description import SPLITS, Dataset, Label, SplitMethod, SplitOptions, SplitPlan
from kerasline.components.datasets.splits import assign_split, class_cuts, time_boundaries

_DEFAULT_FRACTION = 0.1
# Above this many rows a hash leaves no split of 1 % or more empty; below it is counted.
_ROWS_TO_COUNT = 2000
# A few groups, or a column of split names, can leave a split of any data empty; counting reads every row.
_ROWS_TO_COUNT_COLUMNS = 200_000

Reader = Callable[[Dataset, Mapping[str, Any]], Iterator[tuple[str | None, dict[str, Any]]]]


def plan_split(options: SplitOptions, label: Label, shards: Sequence[Mapping[str, Any]], seed: int) -> SplitPlan:
    """Settles method and fractions.

    Args:
      options: The ``split:`` block of the config.
      label: What is predicted.
      shards: What the source has; those with a split were assigned by it.
      seed: Of the run, where the block has none of its own.

    Raises:
      ConfigError: the method does not fit the source or the label.
    """
    given: set[str] = {shard["split"] for shard in shards if "split" in shard}
    by_default: SplitMethod = "source" if given else "hash"
    method = options.method or by_default
    _check_method(method, options, label, given)
    return SplitPlan(
        method=method,
        fractions=_fractions(options, given),
        column=label.name if method == "stratified" else options.column,
        seed=seed if options.seed is None else options.seed,
    )


def _check_method(method: SplitMethod, options: SplitOptions, label: Label, given: Collection[str]) -> None:
    """Refuses a method that does not fit, and a fraction for a split whose rows the source names."""
    if method == "source" and options.column is None and not given:
        raise ConfigError("split.method source needs a test set from the source or 'column'; use split.method: hash.")
    for split in sorted(given):
        if getattr(options, split):
            raise ConfigError(
                f"The source brings its own {split} set, so split.{split} {getattr(options, split):g} cannot be kept; "
                "remove it."
            )
    if method == "stratified" and not _has_classes(label):
        raise ConfigError(
            f"split.method stratified needs classes, but label {label.name!r} has none; use split.method: hash."
        )


def _has_classes(label: Label) -> bool:
    """Says whether each row is of one class."""
    return label.classes is not None and label.dtype != "multi"


def finish_plan(dataset: Dataset, read_rows: Reader, may_change: bool = False) -> tuple[SplitPlan, tuple[str, ...]]:
    """Adds to a dataset's plan what only the rows can tell, and checks that no split is empty where that may be.

    Args:
      dataset: With the plan as :func:`plan_split` made it.
      read_rows: Gives a shard's rows with all columns, and the split that the source gives them.
      may_change: Whether a hash that leaves a split empty becomes stratified, because nobody asked for the hash.

    Returns:
      The finished plan, and notes on what was found.

    Raises:
      ConfigError: a split would be empty, or the times cannot be ordered.
    """
    plan, notes = _with_places(dataset, read_rows)
    if dataset.rows > (_ROWS_TO_COUNT_COLUMNS if plan.method == "group" or _names_splits(plan) else _ROWS_TO_COUNT):
        return plan, notes
    empty = _empty_splits(dataset, plan, read_rows)
    if empty and may_change and plan.method in ("hash", "source"):
        finished, _ = finish_plan(_in_exact_shares(dataset), read_rows)
        return finished, ("a hash of so few rows leaves a split empty, so they are split in exact shares instead",)
    _refuse_empty(empty, dataset, plan)
    return plan, notes


def _with_places(dataset: Dataset, read_rows: Reader) -> tuple[SplitPlan, tuple[str, ...]]:
    """Finds where a plan cuts the rows that the source did not assign, where its method asks for that; and notes."""
    plan = dataset.split
    free = (row for shard in dataset.shards if "split" not in shard for _, row in read_rows(dataset, shard))
    if plan.method == "stratified":
        return plan.model_copy(update={"cuts": class_cuts(plan, free)}), ()
    if plan.method == "time":
        boundaries, notes = time_boundaries(plan, free)
        return plan.model_copy(update={"boundaries": boundaries}), notes
    return plan, ()


def _names_splits(plan: SplitPlan) -> bool:
    """Says whether a column holds the names of the splits."""
    return plan.method == "source" and plan.column is not None


def _in_exact_shares(dataset: Dataset) -> Dataset:
    """Returns the dataset with a stratified plan: by class, or of all rows where there are no classes."""
    column = dataset.label.name if _has_classes(dataset.label) else None
    exact = dataset.split.model_copy(update={"method": "stratified", "column": column})
    return dataset.model_copy(update={"split": exact})


def _fractions(options: SplitOptions, given: Collection[str]) -> dict[str, float]:
    """Completes the fractions of the rows that the source did not assign to the splits in ``given``."""
    eval_, test = _asked_shares(options, given)
    fractions = {"train": 1 - eval_ - test, "eval": eval_, "test": test}
    for split in ("train", "eval"):
        if fractions[split] < 1e-9 and split not in given:
            raise ConfigError(f"The fractions of 'split' leave no rows for {split}; make the others smaller.")
    return {split: round(fraction, 12) for split, fraction in fractions.items()}


def _asked_shares(options: SplitOptions, given: Collection[str]) -> tuple[float, float]:
    """Returns the shares of eval and test; train has the rest."""
    asked: dict[str, float | None] = {split: getattr(options, split) for split in SPLITS}
    asked |= dict.fromkeys(given, 0.0)
    known = sum(filter(None, asked.values()))
    unset = [split for split in ("eval", "test") if asked[split] is None]
    of_unset, whole = _DEFAULT_FRACTION, 1.0
    if asked["train"] is not None and unset:
        of_unset = max(0.0, 1 - known) / len(unset)
    elif asked["train"] is not None and given:
        whole = known  # train: 0.8 and eval: 0.1 beside a given test set share its rows as 8 to 1
    eval_, test = (of_unset if part is None else part / whole for part in (asked["eval"], asked["test"]))
    return eval_, test


def _empty_splits(dataset: Dataset, plan: SplitPlan, read_rows: Reader) -> list[str]:
    counts: Counter[str] = Counter()
    for shard in dataset.shards:
        for split, row in read_rows(dataset, shard):
            counts[split or assign_split(plan, row)] += 1
    wanted = [split for split in SPLITS if _names_splits(plan) or plan.fractions[split] > 0]
    return [split for split in wanted if not counts[split]]


def _refuse_empty(empty: Sequence[str], dataset: Dataset, plan: SplitPlan) -> None:
    if empty and _names_splits(plan):
        raise ConfigError(
            f"split.column {plan.column!r} of {dataset.name} names no row {empty[0]}; every split needs rows."
        )
    if empty:
        raise ConfigError(
            f"The {empty[0]} split of {dataset.name} would have none of its {counted(dataset.rows, 'row')} (equal "
            f"rows stay together); add rows, make split.{empty[0]} larger, or use another split.seed, or split.method: "
            "row, which divides equal rows, too."
        )
