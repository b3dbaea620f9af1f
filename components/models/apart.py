"""The values of a table column by column, for networks of users that look at each feature by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from kerasline.components.models.description import CustomOptions, InputSpec, ModelOptions


def specs_given(options: ModelOptions, inputs: Sequence[InputSpec]) -> list[InputSpec]:
    """Returns what a user's function is told of the inputs: as they are, or with ``features: apart`` by column.

    Args:
      options: The ``model:`` block.
      inputs: What the transform graph gives.
    """
    if not _is_apart(options):
        return list(inputs)
    return [spec for one in inputs for _, spec in _parts(one, inputs)]


def tensors_given(options: ModelOptions, inputs: Sequence[InputSpec], tensors: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the tensors that go with :func:`specs_given`.

    Args:
      options: The ``model:`` block.
      inputs: What the transform graph gives.
      tensors: Its tensors or arrays by name, (batch, ...).
    """
    if not _is_apart(options):
        return dict(tensors)
    found: dict[str, Any] = {}
    for one in inputs:
        for stretch, spec in _parts(one, inputs):
            value = tensors[one.name]
            found[spec.name] = value if stretch is None else value[:, stretch]
    return found


def _is_apart(options: ModelOptions) -> bool:
    return isinstance(options, CustomOptions) and options.features == "apart"


def _parts(spec: InputSpec, inputs: Sequence[InputSpec]) -> Iterator[tuple[slice | None, InputSpec]]:
    """Gives the columns of a dense input, each with its stretch of it; any other input as it is."""
    if spec.kind != "dense" or not spec.owners:
        yield None, spec
        return
    taken = {one.name for one in inputs if one is not spec}
    begin = 0
    for owner, places in groupby(spec.owners):
        end = begin + len(list(places))
        name = _free(owner, taken)
        taken.add(name)
        ranks = tuple(place - begin for place in spec.ranks if begin <= place < end)
        yield slice(begin, end), InputSpec(name, "dense", (end - begin,), columns=spec.columns[begin:end], ranks=ranks)
        begin = end


def _free(column: str, taken: set[str]) -> str:
    """Returns a name of letters, digits and underscores that no other input has."""
    stem = re.sub(r"\W", "_", column, flags=re.ASCII)
    stem = stem if stem[:1].isalpha() else f"c{stem}"
    number, name = 1, stem
    while name in taken:
        number += 1
        name = f"{stem}_{number}"
    return name
