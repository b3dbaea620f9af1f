"""How a column's numbers are read where they are text, by what its cells say and what the recipe does."""

from __future__ import annotations

from kerasline.components.core import ConfigError, DataRejected
from kerasline.components.datasets.description import Column
from kerasline.components.datasets.values import WrittenNumbers
from kerasline.components.features.column_options import ColumnOptions, Kind

_MOST_GUESSED = 0.5  # of a column's values may hang on a guess


def settle_numbers(column: Column, options: ColumnOptions, kind: Kind, origin: str) -> ColumnOptions:
    """Chooses decimal sign and unit of numbers that are text.

    Args:
      column: A column of text.
      options: What the recipe says of it.
      kind: What the column is.
      origin: Name of the data, for messages.

    Returns:
      The options; those of a column that is not numeric are as they were.

    Raises:
      ConfigError: its numbers cannot be compared with one another, and the recipe does not say how to read them.
      DataRejected: most of its values would be a guess.
    """
    numbers = column.numbers
    if numbers is None:
        return options
    _check_certain(column, numbers, options, kind, origin)
    if kind != "numeric":
        return options
    if numbers.problem and options.unit is None:
        raise ConfigError(
            f"features.{column.name}: expected numbers that can be compared, but column {column.name!r} of {origin} "
            f"has others: {numbers.problem}; write the cells alike, set features.{column.name}.unit to the one unit "
            "that counts (other cells are then missing), or drop the column"
        )
    unit = numbers.unit if options.unit is None else options.unit
    return options.model_copy(update={"decimal": options.decimal or numbers.decimal, "unit": unit})


def _check_certain(column: Column, numbers: WrittenNumbers, options: ColumnOptions, kind: Kind, origin: str) -> None:
    """Refuses numbers that may be a thousand times as large, where nothing in the column or the recipe tells."""
    is_number = kind == "numeric" or (
        options.kind is None and kind != "drop" and numbers.share == 1 and column.distinct != 2
    )
    if not is_number or options.decimal is not None or numbers.problem or numbers.open <= _MOST_GUESSED:
        return
    name = column.name
    raise DataRejected(
        f"column {name!r} of {origin} may be read in two ways: {numbers.told()}, and {numbers.open:.0%} of its values "
        f"hang on it; set features.{name}.decimal to '.' where the mark stands between thousands, or to ',' where the "
        f"comma is the decimal sign, or features.{name}.kind to categorical or drop where it is no number"
    )
