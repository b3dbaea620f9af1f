"""From columns to model inputs: what the Transform graph does with each column, decided before anything runs.

:func:`plan_features` joins what is known of the data (a ``Dataset``) with the
recipe's ``features:`` block into a :class:`FeaturePlan`. Transform builds its graph from the plan, the Trainer its
model: the widths and vocabularies are in it, so the model's shape is known without reading the data again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from keyword import iskeyword
from typing import Literal

from kerasline.components.core import ConfigError, Options, nearest
from kerasline.components.datasets.description import Column, Dataset
from kerasline.components.datasets.values import NumberForm
from kerasline.components.features.column_options import ColumnOptions, Kind
from kerasline.components.features.written_numbers import settle_numbers
from kerasline.components.models import InputSpec, Task

ONE_HOT_LIMIT = 30  # more categories than this become an embedding
TEXT_DISTINCT = 2000  # a string column with more distinct values than this is text or an id, not a category
MOST_RANKED = 300  # numbers of a table whose ranks a network embeds
DENSE = "features"  # the model input that holds all scalar columns side by side
ALTERNATIVE = "alternative{}__"  # begins the names of the inputs of a plan that is not the first of its graph
# Names of the transform graph's own outputs, which no column's input may take.
RESERVED = (DENSE, "label", "label_shift", "label_scale", "sample_weight", "unseen")
UNSEEN = "unseen"  # the output that marks values which training has never shown, with the numbers below
UNKNOWN, UNREADABLE, FAR, MISSING = 1, 2, 3, 4
NUMBER_KINDS = ("numeric", "boolean", "date")
DATE_PARTS = ("year", "month", "day", "weekday", "hour")

# What a column of each type can be.
_SCALAR_KINDS: tuple[Kind, ...] = ("numeric", "boolean", "categorical", "date", "text", "drop")
_KINDS: dict[str, tuple[Kind, ...]] = {
    "float": _SCALAR_KINDS,
    "int": _SCALAR_KINDS,
    "string": _SCALAR_KINDS,
    "image": ("image", "drop"),
    "array": ("array", "drop"),
    "tokens": ("tokens", "drop"),
}


class FeatureStep(Options):
    """One column of the plan with its kind settled."""

    name: str
    kind: Kind
    dtype: str
    shape: tuple[int, ...] = ()
    options: ColumnOptions
    sources: tuple[str, ...] = ()  # cross only: the types of its columns
    bucketed: tuple[bool, ...] = ()  # cross only: which of its columns take part by their bucket
    levels: int | None = None  # image only, as of the column
    size: int = 0  # categories kept for a vocabulary, without out-of-vocabulary buckets
    indicator: bool = False

    @property
    def number_form(self) -> NumberForm:
        """How numbers are written where the column is text."""
        return NumberForm(self.options.decimal or ".", self.options.unit)

    @property
    def columns(self) -> tuple[str, ...]:
        """The raw columns that this step reads."""
        return tuple(self.options.cross) or (self.name,)


class FeaturePlan(Options):
    """Every step from raw columns to model inputs, and the label.

    One transform graph may hold several plans (see ``alternatives.py``); ``number`` tells their
    inputs apart.
    """

    number: int = 0
    steps: tuple[FeatureStep, ...]
    label: str
    label_dtype: str
    classes: tuple[str, ...] | None
    label_scale: Literal["z_score", "none"]
    task: Task

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
        width = tuple(name for step in self.steps for name in dense_columns(step))
        ranks = tuple(place for place, is_rank in enumerate(_ranks(self.steps)) if is_rank)
        specs = [InputSpec(self.input_name(), "dense", (len(width),), columns=width, ranks=ranks)] if width else []
        names = self.input_names()
        for step in self.steps:
            options, name = step.options, names[step.name]
            if step.kind in ("categorical", "cross") and options.encode == "embedding":
                specs.append(InputSpec(name, "ids", (1,), vocabulary_size=step.size + options.oov_buckets))
            elif step.kind == "text" and options.encode == "tokens":
                # 0 is padding, 1 stands for every word outside the vocabulary.
                specs.append(InputSpec(name, "tokens", (options.length,), vocabulary_size=step.size + 2))
            elif step.kind == "image":
                specs.append(InputSpec(name, "image", step.shape))
            elif step.kind == "array":
                specs.append(InputSpec(name, "array", step.shape))
            elif step.kind == "tokens":
                specs.append(InputSpec(name, "tokens", step.shape, vocabulary_size=step.size))
        return specs


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


def dense_columns(step: FeatureStep) -> list[str]:
    """Names each value that a step adds to the dense input."""
    name, options = step.name, step.options
    if step.kind == "boolean":
        names = [name]
    elif step.kind == "numeric":
        names = [f"{name} [{i}]" for i in range(options.buckets)] if options.scale == "buckets" else [name]
        names += [f"{name} rank"] if options.scale == "piecewise" else []
    elif step.kind == "date":
        names = [f"{name}.{part}" for part in DATE_PARTS]
    elif step.kind in ("categorical", "cross") and options.encode == "hash":
        names = [f"{name} #{i}" for i in range(options.hash_buckets)]
    elif (
        step.kind in ("categorical", "cross")
        and options.encode == "one_hot"
        or step.kind == "text"
        and options.encode == "bag"
    ):
        names = [f"{name} #{i}" for i in range(step.size + options.oov_buckets)]
    else:
        return []
    return names + ([f"{name} missing"] if step.indicator else [])


def with_quantities(
    dataset: Dataset, features: Mapping[str, ColumnOptions], as_they_are: Collection[str] = ()
) -> Dataset:
    """Stores whole numbers that are quantities as floats, so that 3.7 is one of them later, in files and requests.

    Args:
      dataset: the resolved data; only tables of numbers that are read anew are changed.
      features: the recipe's ``features:`` block.
      as_they_are: columns that stay whole, such as those of a curated schema.

    Returns:
      The data, whose reader gives floats for these columns. Categories, 0 and 1, dates and columns of crosses stay.
    """
    kept = {*as_they_are, dataset.split.column, *(name for options in features.values() for name in options.cross)}
    changed = {
        column.name
        for column in dataset.columns
        if column.dtype == "int" and column.distinct not in (1, 2) and column.name not in kept
        and (features[column.name].kind if column.name in features else None) in (None, "numeric")
    }  # fmt: skip
    if dataset.reader not in ("csv", "parquet") or not changed:
        return dataset
    columns = tuple(
        column.model_copy(update={"dtype": "float"}) if column.name in changed else column for column in dataset.columns
    )
    options = dict(dataset.reader_options)
    if "types" in options:
        options["types"] = {**options["types"], **dict.fromkeys(changed, "float")}
    return dataset.model_copy(update={"columns": columns, "reader_options": options})


def _ranks(steps: Iterable[FeatureStep]) -> Iterator[bool]:
    """Says of each value of the dense input whether it is a rank: the second of a number with scale piecewise."""
    for step in steps:
        is_ranked = step.kind == "numeric" and step.options.scale == "piecewise"
        yield from (is_ranked and place == 1 for place in range(len(dense_columns(step))))


def prefer_piecewise(dataset: Dataset, features: Mapping[str, ColumnOptions]) -> dict[str, ColumnOptions]:
    """Gives the numbers of a table scale piecewise where the recipe says nothing of their scale.

    A table with very many of them stays as it is: the network's work grows with each.

    Args:
      dataset: the resolved data.
      features: the recipe's ``features:`` block.
    """
    given = {column.name: features.get(column.name, ColumnOptions()) for column in dataset.columns}
    numbers = [
        column.name for column in dataset.columns if _kind_of(column, given[column.name], dataset.rows) == "numeric"
    ]
    if len(numbers) > MOST_RANKED:
        return dict(features)
    chosen = [name for name in numbers if "scale" not in given[name].model_fields_set]
    ranked = {name: ColumnOptions(**given[name].model_dump(exclude_unset=True), scale="piecewise") for name in chosen}
    return {**features, **ranked}


def plan_features(dataset: Dataset, features: Mapping[str, ColumnOptions], task: Task) -> FeaturePlan:
    """Settles how every column of a dataset becomes model input.

    Args:
      dataset: the resolved data.
      features: the recipe's ``features:`` block; keys are column names, the label's name, or names of crosses.
      task: the settled task.

    Returns:
      The plan.

    Raises:
      ConfigError: a key is no column, or an option does not suit its column.
    """
    known = {column.name: column for column in dataset.columns}
    steps = []
    for name, options in features.items():
        if name == dataset.label.name:
            if options.scale not in ("z_score", "none"):
                raise ConfigError(
                    f"features.{name}.scale: expected z_score or none for the label (predictions are in its own units "
                    f"either way), got {options.scale}"
                )
        elif options.cross:
            steps.append(_cross(name, options, known, features))
        elif name in dataset.reader_options.get("labels", ()):
            _check_label_column(name, options)
        elif name not in known:
            raise ConfigError(
                f"features.{name}: expected a column of {dataset.name}, which has "
                f"{', '.join(known)}.{nearest(name, known)}"
            )
    columns = [_plan_column(column, features.get(name, ColumnOptions()), dataset) for name, column in known.items()]
    kept = [step for step in columns if step.kind != "drop"] + steps
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
        label_scale=_label_scale(features.get(dataset.label.name, ColumnOptions()), task),
        task=task,
    )


def _check_label_column(name: str, options: ColumnOptions) -> None:
    """Refuses what is meant for an input on one of several label columns."""
    others = sorted(options.model_fields_set - {"missing_values"})
    if others:
        raise ConfigError(
            f"features.{name}.{others[0]}: expected missing_values alone for one of several label columns, which are 0 "
            "and 1; remove it"
        )


def _label_scale(options: ColumnOptions, task: Task) -> Literal["z_score", "none"]:
    return "z_score" if task == "regression" and options.scale == "z_score" else "none"


def _plan_column(column: Column, options: ColumnOptions, dataset: Dataset) -> FeatureStep:
    kind = _kind_of(column, options, dataset.rows)
    size, shape = 0, column.shape
    if kind not in _KINDS[column.dtype]:
        raise ConfigError(
            f"features.{column.name}.kind: expected {', '.join(_KINDS[column.dtype])} for a column of type "
            f"{column.dtype}, got {kind}"
        )
    if kind in ("categorical", "text"):
        size = min(options.vocabulary_size, column.distinct or options.vocabulary_size)
        if kind == "text":
            size = options.vocabulary_size
        if options.encode is None:
            default = "bag" if kind == "text" else ("one_hot" if size <= ONE_HOT_LIMIT else "embedding")
            options = options.model_copy(update={"encode": default})
        allowed = ("bag", "tokens") if kind == "text" else ("one_hot", "embedding", "hash")
        if options.encode not in allowed:
            raise ConfigError(
                f"features.{column.name}.encode: expected {' or '.join(allowed)} for a {kind} column, "
                f"got {options.encode}"
            )
    elif kind == "image":
        height, width, channels = (*column.shape, 1)[:3] if len(column.shape) >= 2 else (32, 32, 3)
        size_ = options.size or (height, width)
        shape = (*size_, options.channels or (3 if channels >= 3 else 1))
    elif kind == "tokens":
        size = column.vocabulary_size or 0
    if column.dtype == "string":
        options = settle_numbers(column, options, kind, dataset.name)
    missing = column.missing or (options.unit is not None and column.numbers is not None and column.numbers.share < 1)
    indicator = options.indicator if options.indicator is not None else bool(missing)
    indicator = indicator and kind in ("numeric", "boolean", "date")
    return FeatureStep(
        name=column.name,
        kind=kind,
        dtype=column.dtype,
        shape=shape,
        options=options,
        size=size,
        indicator=indicator,
        levels=column.levels,
    )


def _kind_of(column: Column, options: ColumnOptions, rows: int) -> Kind:
    """Returns the recipe's kind, or what the column looks like; numbers where the recipe says how they are written."""
    kind = options.kind or _infer_kind(column, rows)
    says_numbers = options.decimal is not None or options.unit is not None
    is_open = options.kind is None and kind in ("categorical", "text")
    return "numeric" if is_open and says_numbers and column.numbers is not None else kind


def _infer_kind(column: Column, rows: int) -> Kind:
    """Chooses a kind from a column's type: constants and columns without values are dropped."""
    if column.dtype in ("image", "array", "tokens"):
        return column.dtype
    if column.missing >= rows or column.distinct == 1:
        return "drop"
    if column.dtype in ("float", "int"):
        return "numeric"
    if column.boolean:
        return "boolean"
    if column.numbers is not None and column.numbers.is_plain and column.distinct != 2:
        return "numeric"
    if column.distinct is None or column.distinct > TEXT_DISTINCT:
        return "text"
    return "categorical"


def _cross(
    name: str, options: ColumnOptions, known: Mapping[str, Column], features: Mapping[str, ColumnOptions]
) -> FeatureStep:
    if name in known:
        raise ConfigError(f"features.{name}.cross: {name!r} is a column; give the cross a name of its own")
    bucketed = []
    for column in options.cross:
        if column not in known:
            raise ConfigError(f"features.{name}.cross: {column!r} is no column.{nearest(column, known)}")
        own = features.get(column, ColumnOptions())
        dtype = known[column].dtype
        in_buckets = own.scale == "buckets" and (own.kind or ("numeric" if dtype != "string" else "")) == "numeric"
        if dtype not in ("string", "int") and not (dtype == "float" and in_buckets):
            raise ConfigError(
                f"features.{name}.cross: expected text, whole-number or bucketed columns, but {column} is {dtype}; "
                f"set scale: buckets for {column}, or leave it out"
            )
        bucketed.append(in_buckets)
    encode = options.encode or "hash"
    if encode not in ("hash", "embedding"):
        raise ConfigError(f"features.{name}.encode: expected hash or embedding for a cross, got {encode}")
    # A cross is hashed either way; an embedding looks the bucket up.
    size = options.hash_buckets - options.oov_buckets if encode == "embedding" else 0
    return FeatureStep(
        name=name,
        kind="cross",
        dtype="string",
        options=options.model_copy(update={"encode": encode}),
        size=size,
        sources=tuple(known[column].dtype for column in options.cross),
        bucketed=tuple(bucketed),
    )
