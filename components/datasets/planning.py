"""Makes the plan of the splits: fractions, and what must be counted in the data first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from components.datasets.options import SplitOptions
from components.datasets.spec import SPLITS, Dataset, Label, SplitPlan
from components.datasets.splits import assign_split
from components.errors import ConfigError

_DEFAULT_FRACTION = 0.1
# Above this many rows a hash leaves no split of 1 % or more empty; below it is counted.
_ROWS_TO_COUNT = 2000

Reader = Callable[[Dataset, Mapping[str, Any]], Iterator[tuple[str | None, dict[str, Any]]]]


def plan_split(options: SplitOptions, label: Label, shards: Sequence[Mapping[str, Any]], seed: int) -> SplitPlan:
    """Settles method and fractions.

    Raises:
      ConfigError: the method does not fit the source or the label.
    """
    given = {shard.get("split") for shard in shards}
    method = options.method or ("source" if "test" in given else "hash")
    if method == "source" and options.column is None and "test" not in given:
        raise ConfigError("split.method source needs a test set from the source or 'column'; use split.method: hash.")
    if "test" in given and options.test:
        raise ConfigError(
            f"The source brings its own test set, so split.test {options.test:g} cannot be kept; remove it."
        )
    if method == "stratified" and label.classes is None or method == "stratified" and label.dtype == "multi":
        raise ConfigError(
            f"split.method stratified needs classes, but label {label.name!r} has none; use split.method: hash."
        )
    return SplitPlan(
        method=method,
        fractions=_fractions(options, has_test="test" in given),
        column=label.name if method == "stratified" else options.column,
        seed=seed if options.seed is None else options.seed,
    )


def finish_plan(dataset: Dataset, read_shard: Reader) -> SplitPlan:
    """Adds to a dataset's plan what only the rows can tell, and checks small data for empty splits.

    Raises:
      ConfigError: a split would be empty.
    """
    plan = dataset.split
    if dataset.rows <= _ROWS_TO_COUNT:
        _check_no_split_is_empty(dataset, plan, read_shard)
    return plan


def _fractions(options: SplitOptions, has_test: bool) -> dict[str, float]:
    """Completes the fractions; those of a source with a test set are of the other rows."""
    parts = {"train": options.train, "eval": options.eval, "test": 0.0 if has_test else options.test}
    if has_test and options.train is not None and options.eval is not None:
        both = options.train + options.eval
        parts |= {"train": options.train / both, "eval": options.eval / both}
    unset = [split for split in ("eval", "test") if parts[split] is None]
    given = sum(part for part in parts.values() if part is not None)
    share = _DEFAULT_FRACTION if parts["train"] is None else max(0.0, 1 - given) / max(1, len(unset))
    eval_, test = (share if parts[split] is None else parts[split] or 0.0 for split in ("eval", "test"))
    fractions = {"train": 1 - eval_ - test, "eval": eval_, "test": test}
    for split in ("train", "eval"):
        if fractions[split] < 1e-9:
            raise ConfigError(f"The fractions of 'split' leave no rows for {split}; make the others smaller.")
    return {split: round(fraction, 12) for split, fraction in fractions.items()}


def _check_no_split_is_empty(dataset: Dataset, plan: SplitPlan, read_shard: Reader) -> None:
    counts: Counter[str] = Counter()
    for shard in dataset.shards:
        for split, row in read_shard(dataset, shard):
            counts[split or assign_split(plan, row)] += 1
    empty = [split for split in SPLITS if not counts[split] and plan.fractions[split] > 0]
    if empty:
        raise ConfigError(
            f"The {empty[0]} split of {dataset.name} would have none of its {dataset.rows} rows; add rows, "
            f"make split.{empty[0]} larger, or use another split.seed or split.method."
        )
