"""What travels from the readers through the model to the writers: a block of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

ROW = "row"  # the column of the numbers of rows that have no other key
PLACE_OF_RECORD = ("file", "record")  # the columns that say where a TFRecord file's record is


@dataclass
class Block:
    """Rows that are predicted together.

    Attributes:
      keys: what the output repeats, an Arrow table of as many rows.
      columns: raw values by column name: float64 arrays with NaN for none; int64 arrays; lists of int, str, bytes or
        arrays with None for none. Empty where ``examples`` are given.
      examples: serialized tf.Examples instead.
      places: where each row is in the input, for people: line, row, record or path.
      rejected: rows that did not come to be predicted.
      unseen: counts of values that training has never shown, of the whole block, rejected rows included.
    """

    keys: Any
    columns: dict[str, Any] = field(default_factory=dict)
    examples: list[bytes] | None = None
    places: Sequence[Any] = field(default_factory=list)
    rejected: list[dict[str, Any]] = field(default_factory=list)
    unseen: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.places)

    def take(self, rows: np.ndarray) -> Block:
        """Returns the rows of an index array; what was rejected stays behind."""
        columns = {
            name: values[rows] if isinstance(values, np.ndarray) else [values[i] for i in rows]
            for name, values in self.columns.items()
        }
        examples = None if self.examples is None else [self.examples[i] for i in rows]
        return Block(self.keys.take(rows), columns, examples, [self.places[i] for i in rows])

    def take_range(self, start: int, stop: int) -> Block:
        """Returns rows that follow one another, which copies nothing that NumPy or Arrow hold."""
        columns = {name: values[start:stop] for name, values in self.columns.items()}
        examples = None if self.examples is None else self.examples[start:stop]
        return Block(self.keys.slice(start, stop - start), columns, examples, self.places[start:stop])

    def reject(self, reasons: dict[int, str], origin: str) -> Block:
        """Returns the block without some rows, which it lists as rejected.

        Args:
          reasons: row to what is wrong with it.
          origin: the file.
        """
        if not reasons:
            return self
        bad = sorted(reasons)
        keys = self.keys.take(bad).to_pylist()
        listed = [
            {"file": origin, "place": self.places[row], "reason": reasons[row], "keys": key}
            for row, key in zip(bad, keys, strict=True)
        ]
        kept = self.take(np.array([row for row in range(len(self)) if row not in reasons], np.int64))
        kept.rejected = [*self.rejected, *listed]
        return kept
