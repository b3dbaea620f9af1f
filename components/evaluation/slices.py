"""How a recipe names slices of the data: ``sex``, ``sex=female``, ``sex, city=Kyoto``, or ``*`` for all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

EVERY = "*"


def parse_slice(key: str) -> dict[str, str | None]:
    """Reads the name of a slice.

    Args:
      key: columns, each with a value or, for every value of it, without; ``*`` for every slice that is measured.

    Returns:
      Column to value, None for every value; empty for ``*``.

    Raises:
      ValueError: a part has no column or no value, or a column comes twice.
    """
    if key.strip() == EVERY:
        return {}
    parts: dict[str, str | None] = {}
    for part in key.split(","):
        column, equals, value = (piece.strip() for piece in part.partition("="))
        if not column or (equals and not value) or column in parts:
            raise ValueError(
                f"expected a column such as 'sex', 'sex=female', a crossing 'sex, city=Kyoto' or '*', got {key!r}"
            )
        parts[column] = value if equals else None
    return parts


def covers(parts: Mapping[str, str | None], found: Mapping[str, str]) -> bool:
    """Says whether a slice of the data is one that a name means.

    Args:
      parts: from :func:`parse_slice`.
      found: column to value of a slice.
    """
    if not parts:
        return True
    return parts.keys() == found.keys() and all(value in (None, found[column]) for column, value in parts.items())


def show_slice(found: Mapping[str, str]) -> str:
    """Writes a slice as :func:`parse_slice` reads it."""
    return ", ".join(f"{column}={value}" for column, value in found.items())


def crossing(entry: str | Sequence[str]) -> tuple[str, ...]:
    """Gives the columns of an entry of ``evaluation.slices``."""
    return (entry,) if isinstance(entry, str) else tuple(entry)
