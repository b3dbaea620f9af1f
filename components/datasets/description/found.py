"""What a kind of source hands back: all about the data but task and splits, which are settled after."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from kerasline.components.datasets.description.labels import LabelFacts
from kerasline.components.datasets.description.spec import Column


@dataclass(frozen=True)
class Found:
    """The facts of a source.

    Attributes:
      kind: of the dataset.
      columns: the inputs.
      label: facts of the label.
      reader: key of ``READERS``.
      reader_options: JSON values that the reader needs besides the shard.
      shards: each with ``first`` (index of its first usable row among those of the same split), ``rows``
        (usable rows) and, where the source assigned one, ``split``.
      digest: sha256 over the content of the data.
      title: for people.
      source: citation or URL.
      licence: of the data.
      skipped: one line for each file or kind of row that is not used, and why.
      notes: what a reader should know.
      spans: key of each span to the digest of its content; its shards say ``span``.
    """

    kind: Literal["table", "image", "array", "tokens"]
    columns: tuple[Column, ...]
    label: LabelFacts
    reader: str
    reader_options: dict[str, Any]
    shards: list[dict[str, Any]]
    digest: str
    title: str = ""
    source: str = ""
    licence: str = ""
    skipped: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())
    spans: dict[str, str] = field(default_factory=dict)
