"""What a model family is told about its inputs and its output."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Task = Literal["binary", "multiclass", "multilabel", "regression", "bounded_regression"]


@dataclass(frozen=True)
class InputSpec:
    """One named input tensor as the transform graph gives it.

    Attributes:
      name: Key in the dict that the model is called with.
      kind: ``dense`` float32 (width,), ``ids`` int64 (1,) for an embedding, ``image`` float32 (height, width,
        channels), ``array`` float32 of rank 1 to 4 (series (steps, channels), volumes (depth, height, width,
        channels)), ``tokens`` int64 (length,), 0 is padding.
      shape: Shape without the batch dimension.
      vocabulary_size: ``ids`` and ``tokens`` only; values are below it.
    """

    name: str
    kind: Literal["dense", "ids", "image", "array", "tokens"]
    shape: tuple[int, ...]
    vocabulary_size: int | None = None
    columns: tuple[str, ...] = field(default=())  # dense: what each value stands for
    ranks: tuple[int, ...] = field(default=())  # dense: the places of values in 0..1 that a network may embed
    owners: tuple[str, ...] = field(default=(), compare=False)  # dense: the column that each value comes from

    @property
    def dtype(self) -> str:
        """The numpy name of the tensor's type."""
        return "int64" if self.kind in ("ids", "tokens") else "float32"


@dataclass(frozen=True)
class OutputSpec:
    """What the last layer must give: see ``heads.py``.

    Attributes:
      task: What decides activation and loss.
      units: 1 for binary and regression, otherwise the number of classes or labels.
    """

    task: Task
    units: int
