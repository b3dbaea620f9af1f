"""How one column of the data, or a cross of several, becomes a step of the plan."""

from __future__ import annotations

from collections.abc import Mapping

from kerasline.components.core import ConfigError, nearest
from kerasline.components.datasets.description import Column, Dataset
from kerasline.components.features.column_options import ColumnOptions, Kind
from kerasline.components.features.steps import NUMBER_KINDS, FeatureStep
from kerasline.components.features.written_numbers import settle_numbers

ONE_HOT_LIMIT = 30  # more categories than this become an embedding
TEXT_DISTINCT = 2000  # a string column with more distinct values than this is text or an id, not a category

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
# How the values of a kind can be encoded.
_ENCODINGS = {
    "categorical": ("one_hot", "embedding", "hash"),
    "text": ("bag", "tokens", "pieces"),
    "cross": ("hash", "embedding"),
}
_UNKNOWN_SIZE = (32, 32, 3)  # of images whose size the data does not tell


def settle_column(column: Column, options: ColumnOptions, dataset: Dataset) -> FeatureStep:
    """Settles how a column becomes model input.

    Args:
      column: Column of the resolved data.
      options: What the recipe says of it.
      dataset: The data, for the number of its rows and for messages.

    Returns:
      The step; of kind ``drop`` where the column is left out.

    Raises:
      ConfigError: an option does not suit the column.
      DataRejected: most of the column's values would be a guess.
    """
    kind = kind_of(column, options, dataset.rows)
    if kind not in _KINDS[column.dtype]:
        raise ConfigError(
            f"features.{column.name}.kind: expected {', '.join(_KINDS[column.dtype])} for a column of type "
            f"{column.dtype}, got {kind}"
        )
    if options.function:
        _check_function(column.name, options, kind)
    size = _vocabulary_size(column, options, kind)
    if kind in ("categorical", "text"):
        options = options.model_copy(update={"encode": _settle_encoding(column.name, options, kind, size)})
    if column.dtype == "string":
        options = settle_numbers(column, options, kind, dataset.name)
    return FeatureStep(
        name=column.name,
        kind=kind,
        dtype=column.dtype,
        shape=_image_shape(column, options) if kind == "image" else column.shape,
        options=options,
        size=size,
        indicator=kind in NUMBER_KINDS and _has_indicator(column, options),
        levels=column.levels,
    )


def _check_function(name: str, options: ColumnOptions, kind: Kind) -> None:
    """Refuses a user's function for values that it cannot be given."""
    if kind not in ("numeric", "drop"):
        raise ConfigError(
            f"features.{name}.function: expected a column of numbers, but {name} is read as {kind}; with kind: numeric "
            "it is one, or leave function out"
        )
    if options.scale == "log":
        raise ConfigError(
            f"features.{name}.function: expected another scale than log, which is taken before the function is called; "
            "take the logarithm in it, and leave scale out"
        )


def _vocabulary_size(column: Column, options: ColumnOptions, kind: Kind) -> int:
    """Says how many values a vocabulary keeps: 0 where a kind has none."""
    if kind == "categorical":
        return min(options.vocabulary_size, column.distinct or options.vocabulary_size)
    if kind == "text":
        return options.vocabulary_size
    return (column.vocabulary_size or 0) if kind == "tokens" else 0


def _settle_encoding(name: str, options: ColumnOptions, kind: Kind, size: int) -> str:
    """Returns the recipe's encoding of a category or a text, or what suits the size of its vocabulary."""
    if options.encode is None:
        if kind == "text":
            return "bag"
        return "one_hot" if size <= ONE_HOT_LIMIT else "embedding"
    if options.encode not in _ENCODINGS[kind]:
        raise ConfigError(
            f"features.{name}.encode: expected {' or '.join(_ENCODINGS[kind])} for a {kind} column, "
            f"got {options.encode}"
        )
    return options.encode


def _image_shape(column: Column, options: ColumnOptions) -> tuple[int, int, int]:
    """Returns height, width and channels of images after resizing; the channels are 1 or 3."""
    height, width, channels = (*column.shape, 1)[:3] if len(column.shape) >= 2 else _UNKNOWN_SIZE
    height, width = options.size or (height, width)
    return height, width, options.channels or (3 if channels >= 3 else 1)


def _has_indicator(column: Column, options: ColumnOptions) -> bool:
    """Says whether an input tells that the value was missing: as the recipe has it, or where values are missing."""
    if options.indicator is not None:
        return options.indicator
    # With a unit, cells of other units count as missing.
    in_other_units = options.unit is not None and column.numbers is not None and column.numbers.share < 1
    return bool(column.missing) or in_other_units


def of_kind(kind: Kind, dataset: Dataset, features: Mapping[str, ColumnOptions]) -> list[str]:
    """Lists the columns of a kind, as the recipe says or else as the data suggests."""
    given = ((column, features.get(column.name, ColumnOptions())) for column in dataset.columns)
    return [column.name for column, options in given if kind_of(column, options, dataset.rows) == kind]


def kind_of(column: Column, options: ColumnOptions, rows: int) -> Kind:
    """Returns the recipe's kind, or what the column looks like; numbers where the recipe says how they are written.

    Args:
      column: Column of the resolved data.
      options: What the recipe says of it.
      rows: How many rows the data has.
    """
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
    return "numeric" if column.dtype in ("float", "int") else _infer_kind_of_text(column)


def _infer_kind_of_text(column: Column) -> Kind:
    if column.boolean:
        return "boolean"
    if column.numbers is not None and column.numbers.is_plain and column.distinct != 2:
        return "numeric"
    if column.distinct is None or column.distinct > TEXT_DISTINCT:
        return "text"
    return "categorical"


def settle_cross(
    name: str, options: ColumnOptions, known: Mapping[str, Column], features: Mapping[str, ColumnOptions]
) -> FeatureStep:
    """Settles how the joint value of several columns becomes model input.

    Args:
      name: Name of the cross.
      options: What the recipe says of it.
      known: Columns of the data by name.
      features: The recipe's ``features:`` block, which says how the columns of the cross are scaled.

    Raises:
      ConfigError: the name is that of a column, or an option or one of the columns does not suit a cross.
    """
    if name in known:
        raise ConfigError(f"features.{name}.cross: {name!r} is a column; give the cross a name of its own")
    bucketed = tuple(_takes_bucket(name, column, known, features) for column in options.cross)
    encode = options.encode or "hash"
    if encode not in _ENCODINGS["cross"]:
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
        bucketed=bucketed,
    )


def _takes_bucket(name: str, column: str, known: Mapping[str, Column], features: Mapping[str, ColumnOptions]) -> bool:
    """Says whether a column takes part in a cross by its quantile bucket, and refuses one that cannot take part."""
    if column not in known:
        raise ConfigError(f"features.{name}.cross: {column!r} is no column.{nearest(column, known)}")
    own, dtype = features.get(column, ColumnOptions()), known[column].dtype
    is_number = own.kind == "numeric" or (own.kind is None and dtype != "string")
    in_buckets = is_number and own.scale == "buckets"
    if dtype not in ("string", "int") and not (dtype == "float" and in_buckets):
        raise ConfigError(
            f"features.{name}.cross: expected text, whole-number or bucketed columns, but {column} is {dtype}; "
            f"set scale: buckets for {column}, or leave it out"
        )
    return in_buckets
