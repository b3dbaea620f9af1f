"""From columns to model inputs: what the Transform graph does with each column, decided before anything runs.

:func:`plan_features` joins what is known of the data (a ``Dataset``) with the
recipe's ``features:`` block into a :class:`FeaturePlan`. Transform builds its graph from the plan, the Trainer its
model: the widths and vocabularies are in it, so the model's shape is known without reading the data again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from keyword import iskeyword
from typing import Literal

from kerasline.components.core import ROUNDING, ROUNDING_OF_LOGS, ConfigError, Options, nearest
from kerasline.components.datasets.description import Column, Dataset
from kerasline.components.features.column_options import ColumnOptions
from kerasline.components.features.settling import of_kind, settle_column, settle_cross
from kerasline.components.features.steps import (
    DATE_PARTS,
    NUMBER_KINDS,
    FeatureStep,
    dense_columns,
    mark_ranks,
    own_input,
)
from kerasline.components.models import InputSpec, Task

MOST_RANKED = 300  # numbers and parts of dates of a table whose ranks a network embeds
DENSE = "features"  # the model input that holds all scalar columns side by side
ALTERNATIVE = "alternative{}__"  # begins the names of the inputs of a plan that is not the first of its graph
# Names of the transform graph's own outputs, which no column's input may take.
RESERVED = (DENSE, "label", "label_shift", "label_scale", "sample_weight", "unseen")
UNSEEN = "unseen"  # the output that marks values which training has never shown, with the numbers below
UNKNOWN, UNREADABLE, FAR, MISSING = 1, 2, 3, 4


class FeaturePlan(Options):
    """Every step from raw columns to model inputs, and the label.

    Attributes:
      number: Place among the plans of one transform graph, see ``alternatives.py``; tells their inputs apart.
      steps: What becomes of every column that is kept, and of every cross.
      label: Name of the label.
      label_dtype: Type of its values; ``multi`` where there are several columns of 0 and 1.
      classes: Classes in the order of the model's outputs, None for a number.
      label_scale: How the label of a regression is scaled while the model is fitted.
      task: What the model does.
    """

    number: int = 0
    steps: tuple[FeatureStep, ...]
    label: str
    label_dtype: str
    classes: tuple[str, ...] | None
    label_scale: Literal["z_score", "log", "none"]
    task: Task

    def rounding(self) -> float:
        """Returns what share of an answer two ways of computing it may be apart."""
        return ROUNDING_OF_LOGS if self.label_scale == "log" else ROUNDING

    def open_columns(self) -> list[str]:
        """Lists the text columns that are no categories: in numbers, dates and free text, a new value is no news."""
        return [s.name for s in self.steps if s.dtype == "string" and s.kind in ("numeric", "date", "text")]

    def watched_columns(self) -> list[str]:
        """Lists the columns that the output UNSEEN is about, in its order: categories first, then numbers."""
        categories = [s.name for s in self.steps if s.kind == "categorical" and s.options.encode != "hash"]
        return categories + [s.name for s in self.steps if s.kind in NUMBER_KINDS]

    def raw_arguments(self) -> dict[str, str]:
        """Maps each raw column to its argument of the ``serving_raw`` signature."""
        return _safe_names(dict.fromkeys(name for step in self.steps for name in step.columns))

    def input_names(self) -> dict[str, str]:
        """Maps each step to the name that its tensor has between the transform graph and the model."""
        names = _safe_names((step.name for step in self.steps), RESERVED)
        return {step: self.input_name(name) for step, name in names.items()}

    def input_name(self, name: str = DENSE) -> str:
        """Returns what an input of this plan is called in the transform graph; by default the dense one."""
        return ALTERNATIVE.format(self.number) + name if self.number else name

    def inputs(self) -> list[InputSpec]:
        """Lists the tensors that the transform graph gives the model, in a fixed order."""
        dense, names = self._dense_input(), self.input_names()
        own = [own_input(step, names[step.name]) for step in self.steps]
        return [*([dense] if dense.columns else []), *(spec for spec in own if spec is not None)]

    def _dense_input(self) -> InputSpec:
        """Returns the input that has all values side by side, perhaps none."""
        values = [(step.name, name) for step in self.steps for name in dense_columns(step)]
        ranks = tuple(place for place, is_rank in enumerate(mark_ranks(self.steps)) if is_rank)
        owners, columns = tuple(owner for owner, _ in values), tuple(name for _, name in values)
        return InputSpec(self.input_name(), "dense", (len(values),), columns=columns, ranks=ranks, owners=owners)


def _safe_names(names: Iterable[str], reserved: Iterable[str] = ()) -> dict[str, str]:
    """Gives each name one of letters, digits and underscores, as TensorFlow wants: ``area (m²)`` is ``area__m__``.

    A signature's arguments are parameters of a Python function, so ``class`` becomes ``class_``; and TensorFlow takes
    ``a`` and ``A`` for the same one, so the second becomes ``A_2``.
    """
    safe_names: dict[str, str] = {}
    taken = {name.lower() for name in reserved}
    for name in names:
        safe = "".join(c if c.isascii() and c.isalnum() else "_" for c in name)
        safe = safe if safe[:1].isalpha() else f"c{safe}"
        safe = stem = f"{safe}_" if iskeyword(safe) or safe == "self" else safe
        number = 1
        while safe.lower() in taken:
            number += 1
            safe = f"{stem}_{number}"
        safe_names[name] = safe
        taken.add(safe.lower())
    return safe_names


def with_quantities(
    dataset: Dataset, features: Mapping[str, ColumnOptions], as_they_are: Collection[str] = ()
) -> Dataset:
    """Stores whole numbers that are quantities as floats, so that 3.7 is one of them later, in files and requests.

    Args:
      dataset: The resolved data; only tables of numbers that are read anew are changed.
      features: The recipe's ``features:`` block.
      as_they_are: Columns that stay whole, such as those of a curated schema.

    Returns:
      The data, whose reader gives floats for these columns. Categories, 0 and 1, dates and columns of crosses stay.
    """
    kept = {*as_they_are, dataset.split.column, *(name for options in features.values() for name in options.cross)}
    quantities = {
        column.name for column in dataset.columns if _is_quantity(column, features.get(column.name, ColumnOptions()))
    }
    changed = quantities - kept
    if dataset.reader not in ("csv", "parquet") or not changed:
        return dataset
    columns = tuple(
        column.model_copy(update={"dtype": "float"}) if column.name in changed else column for column in dataset.columns
    )
    options = dict(dataset.reader_options)
    if "types" in options:
        options["types"] = {**options["types"], **dict.fromkeys(changed, "float")}
    return dataset.model_copy(update={"columns": columns, "reader_options": options})


def _is_quantity(column: Column, options: ColumnOptions) -> bool:
    """Says whether whole numbers count or measure something, as far as one can tell: constants and flags do not."""
    return column.dtype == "int" and column.distinct not in (1, 2) and options.kind in (None, "numeric")


def prefer_piecewise(dataset: Dataset, features: Mapping[str, ColumnOptions]) -> dict[str, ColumnOptions]:
    """Gives the numbers and dates of a table scale piecewise where the recipe says nothing of their scale.

    A table with very many of them stays as it is: the network's work grows with each.

    Args:
      dataset: The resolved data.
      features: The recipe's ``features:`` block.

    Returns:
      The block with what was chosen.
    """
    numbers, dates = (of_kind(kind, dataset, features) for kind in ("numeric", "date"))
    if has_too_many_ranks(len(numbers), len(dates)):
        return dict(features)
    given = {name: features.get(name, ColumnOptions()) for name in (*numbers, *dates)}
    chosen = [name for name in given if "scale" not in given[name].model_fields_set]
    ranked = {name: ColumnOptions(**given[name].model_dump(exclude_unset=True), scale="piecewise") for name in chosen}
    return {**features, **ranked}


def has_too_many_ranks(numbers: int, dates: int) -> bool:
    """Says whether a table has more numbers and parts of dates than a network embeds the ranks of."""
    return numbers + dates * len(DATE_PARTS) > MOST_RANKED


def plan_features(dataset: Dataset, features: Mapping[str, ColumnOptions], task: Task) -> FeaturePlan:
    """Settles how every column of a dataset becomes model input.

    Args:
      dataset: The resolved data.
      features: The recipe's ``features:`` block; keys are column names, the label's name, or names of crosses.
      task: The settled task.

    Returns:
      The plan.

    Raises:
      ConfigError: a key is no column, or an option does not suit its column.
      DataRejected: most values of a column would be a guess.
    """
    known = {column.name: column for column in dataset.columns}
    crosses = []
    for name, options in features.items():
        if options.cross and name != dataset.label.name:
            crosses.append(settle_cross(name, options, known, features))
        else:
            _check_named(name, options, dataset)
    columns = [settle_column(column, features.get(name, ColumnOptions()), dataset) for name, column in known.items()]
    kept = [step for step in columns if step.kind != "drop"] + crosses
    if not kept:
        raise ConfigError(
            f"features: expected at least one input column, but every column of {dataset.name} is dropped"
        )
    regression = task in ("regression", "bounded_regression")
    return FeaturePlan(
        steps=tuple(kept),
        label=dataset.label.name,
        label_dtype=dataset.label.dtype,
        classes=None if regression else dataset.label.classes,
        label_scale=_label_scale(dataset.label.name, features.get(dataset.label.name, ColumnOptions()), task),
        task=task,
    )


def _check_named(name: str, options: ColumnOptions, dataset: Dataset) -> None:
    """Refuses a key of the ``features:`` block that names no column, or that does not suit the label that it names."""
    known = [column.name for column in dataset.columns]
    if name == dataset.label.name:
        if options.function:
            raise ConfigError(f"features.{name}.function: expected an input, but {name} is the label; leave it out")
        if options.scale not in ("z_score", "log", "none"):
            raise ConfigError(
                f"features.{name}.scale: expected z_score, log or none for the label (predictions are in its own units "
                f"whatever it is), got {options.scale}"
            )
    elif name in dataset.reader_options.get("labels", ()):
        _check_label_column(name, options)
    elif name not in known:
        raise ConfigError(
            f"features.{name}: expected a column of {dataset.name}, which has {', '.join(known)}.{nearest(name, known)}"
        )


def _check_label_column(name: str, options: ColumnOptions) -> None:
    """Refuses what is meant for an input on one of several label columns."""
    others = sorted(options.model_fields_set - {"missing_values"})
    if others:
        raise ConfigError(
            f"features.{name}.{others[0]}: expected missing_values alone for one of several label columns, which are 0 "
            "and 1; remove it"
        )


def _label_scale(name: str, options: ColumnOptions, task: Task) -> Literal["z_score", "log", "none"]:
    if task == "regression":
        return options.scale if options.scale in ("z_score", "log") else "none"
    if options.scale == "log":
        raise ConfigError(
            f"features.{name}.scale: expected z_score or none for a label of classes, got log; leave it out, or set "
            "task: regression"
        )
    return "none"
