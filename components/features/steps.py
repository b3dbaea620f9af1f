"""One column of a plan, and the values that it adds to the dense input."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kerasline.components.core import Options
from kerasline.components.datasets.values import NumberForm
from kerasline.components.features.column_options import ColumnOptions, Kind
from kerasline.components.models import InputSpec

NUMBER_KINDS = ("numeric", "boolean", "date")
DATE_PARTS = ("year", "month", "day", "weekday", "hour")


class Tokenizer(Options):
    """What cuts texts into the word pieces of a pretrained network.

    Attributes:
      folder: Of the preset.
      digest: SHA-256 of its files.
      size: How many pieces it knows.
    """

    folder: str
    digest: str
    size: int


class FeatureStep(Options):
    """One column of the plan with its kind settled.

    Attributes:
      name: Name of the raw column, or of a cross.
      kind: What the column is.
      dtype: Type of its values; of a cross ``string``.
      shape: Shape of one value: of images (height, width, channels) after resizing.
      options: Options of the recipe; what the recipe leaves open is settled where the kind asks for it.
      sources: Of a cross, the types of its columns.
      bucketed: Of a cross, which of its columns take part by their bucket.
      levels: Of images, the largest value of a pixel where some have 16 bits a channel.
      size: Categories or words that a vocabulary keeps, without the places for all others.
      tokenizer: Of texts as word pieces, what cuts them.
      indicator: Whether an input says that the value was missing.
    """

    name: str
    kind: Kind
    dtype: str
    shape: tuple[int, ...] = ()
    options: ColumnOptions
    sources: tuple[str, ...] = ()
    bucketed: tuple[bool, ...] = ()
    levels: int | None = None
    size: int = 0
    indicator: bool = False
    tokenizer: Tokenizer | None = None

    @property
    def number_form(self) -> NumberForm:
        """How numbers are written where the column is text."""
        return NumberForm(self.options.decimal or ".", self.options.unit)

    @property
    def columns(self) -> tuple[str, ...]:
        """The raw columns that this step reads."""
        return tuple(self.options.cross) or (self.name,)


def dense_columns(step: FeatureStep) -> list[str]:
    """Names each value that a step adds to the dense input."""
    names = _value_names(step)
    return [*names, f"{step.name} missing"] if names and step.indicator else names


def _value_names(step: FeatureStep) -> list[str]:
    """Names the values of a step in the dense input, without its indicator; none where it is an input of its own."""
    name, options = step.name, step.options
    if step.kind == "boolean":
        return [name]
    if step.kind == "date":
        return _with_ranks(step, [f"{name}.{part}" for part in DATE_PARTS])
    if step.kind != "numeric":
        return [f"{name} #{i}" for i in range(_one_hot_width(step))]
    if options.scale == "buckets":
        return [f"{name} [{i}]" for i in range(options.buckets)]
    return _with_ranks(step, [name])


def _with_ranks(step: FeatureStep, names: list[str]) -> list[str]:
    """Adds the names of their ranks to those of the values that a number or a date has."""
    return [*names, *(f"{name} rank" for name in names)] if is_ranked(step) else names


def is_ranked(step: FeatureStep) -> bool:
    """Says whether each value of a step brings its rank."""
    return step.kind in ("numeric", "date") and step.options.scale == "piecewise"


def _one_hot_width(step: FeatureStep) -> int:
    """Says how many values a category or a text takes in the dense input; 0 where it takes none."""
    if step.kind not in ("categorical", "cross", "text"):
        return 0
    widths = {
        "hash": step.options.hash_buckets,
        "one_hot": step.size + step.options.oov_buckets,
        "bag": step.size + step.options.oov_buckets,
    }
    return widths.get(step.options.encode or "", 0)


def mark_ranks(steps: Iterable[FeatureStep]) -> Iterator[bool]:
    """Says of each value of the dense input whether it is a rank: those of a step come after what they are ranks of."""
    for step in steps:
        values = len(_value_names(step))
        first = values // 2 if is_ranked(step) else values
        yield from (first <= place < values for place in range(len(dense_columns(step))))


def own_input(step: FeatureStep, name: str) -> InputSpec | None:
    """Returns the model input that holds one step alone, None where the step is part of the dense input.

    Args:
      step: Step of the plan.
      name: Name that the input gets.
    """
    options = step.options
    if step.kind in ("image", "array"):
        return InputSpec(name, step.kind, step.shape)
    if step.kind == "tokens":
        return InputSpec(name, "tokens", step.shape, vocabulary_size=step.size)
    if step.kind in ("categorical", "cross") and options.encode == "embedding":
        return InputSpec(name, "ids", (1,), vocabulary_size=step.size + options.oov_buckets)
    if step.kind == "text" and options.encode == "tokens":
        # 0 is padding, 1 stands for every word outside the vocabulary.
        return InputSpec(name, "tokens", (options.length,), vocabulary_size=step.size + 2)
    if step.tokenizer is not None:
        # 0 is padding, and the id of each piece is raised by one.
        return InputSpec(name, "tokens", (options.length,), vocabulary_size=step.tokenizer.size + 1)
    return None
