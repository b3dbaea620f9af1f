"""A resolved dataset: every fact about the data that the graph is built from, as plain values.

The command resolves ``data:`` into a :class:`Dataset` before the graph exists. It travels as JSON in the
execution properties of ExampleGen, so it must hold everything that a worker elsewhere needs to read the rows
again.
"""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from kerasline.components.datasets.values import WrittenNumbers

SPLITS = ("train", "eval", "test")
SplitMethod = Literal["source", "hash", "row", "stratified", "group", "time"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Column(_Frozen):
    """One input column.

    ``image`` holds encoded PNG/JPEG/GIF/BMP bytes, ``array`` float32 values of a fixed ``shape``, ``tokens``
    int64 ids padded with 0 to ``shape`` ``(length,)``; the other types are scalars.
    """

    name: str
    dtype: Literal["float", "int", "string", "image", "array", "tokens"]
    shape: tuple[int, ...] = ()  # image: (height, width, channels) of the first image; array, tokens: of every value
    unit: str | None = None
    missing: int = 0  # rows without a value
    strays: int = 0  # string only: rows with text where most rows have numbers
    distinct: int | None = None  # number of different values, None where not counted or above 10,000
    vocabulary_size: int | None = None  # tokens only: ids are below this
    levels: int | None = None  # image only: the largest value of a pixel, where some have 16 bits a channel
    boolean: bool = False  # string only: true and false
    zone: str | None = None  # string only: that of the times of a typed column, such as Europe/Berlin
    numbers: WrittenNumbers | None = None  # string only: the numbers that the text holds


class Label(_Frozen):
    """What is predicted: one column, or several 0/1 columns for a multilabel task."""

    name: str  # the tf.Example feature that holds it
    dtype: Literal["float", "int", "string", "multi"]
    classes: tuple[str, ...] | None = None  # in the order of the model's outputs; None for regression
    unit: str | None = None
    minimum: float | None = None  # numbers only
    maximum: float | None = None


class SplitPlan(_Frozen):
    """How rows reach the splits; a row that its source assigned (a given test set) keeps its split."""

    method: SplitMethod
    fractions: dict[str, float]  # of the rows that the source did not assign; sums to 1
    column: str | None = None  # group, time, stratified (the label), or a source's column of split names
    boundaries: tuple[float | str, ...] = ()  # time only: the first value of eval and of test
    # stratified only: class -> where eval and where test begin, as positions of the row's hash in [0, 1)
    cuts: dict[str, tuple[float, float]] = {}
    seed: int = 0


class Dataset(_Frozen):
    """A dataset whose files, columns, classes and fingerprint are known."""

    name: str
    kind: Literal["table", "image", "array", "tokens"]
    columns: tuple[Column, ...]
    label: Label
    rows: int
    reader: str  # key of datasets.READERS
    reader_options: dict[str, Any] = {}
    shards: tuple[
        dict[str, Any], ...
    ]  # what one worker reads: path or row range; "split" where the source assigned one
    split: SplitPlan
    fingerprint: str  # sha256 over the content of the data and all that changes its reading
    title: str = ""
    source: str = ""  # citation or URL
    licence: str = ""
    skipped: tuple[str, ...] = ()  # one line for each file or row that could not be used, and why
    notes: tuple[str, ...] = ()  # what a reader should know: columns that change their type, infinite values, ...
    spans: dict[str, str] = {}  # data that arrives in spans: those that are used, oldest first, and their digests

    def splits(self) -> tuple[str, ...]:
        """Names the splits that rows are meant to reach, in their usual order."""
        given = {shard.get("split") for shard in self.shards}
        return tuple(s for s in SPLITS if s in given or self.split.fractions.get(s, 0) > 0)

    def to_json(self) -> str:
        """Returns canonical JSON: equal datasets give equal text, which is what cache keys need."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Dataset:
        """Reads what :meth:`to_json` wrote."""
        return cls.model_validate_json(text)
