"""Train rows beyond ``training.memory_limit_mb`` as batches for a fit, as fast as the transform graph makes them.

One pass deals the rows to piles on disk, those of the validation part to a pile of their own. A row's part follows from
its position, as it does in memory, and not from its content: where a table has few columns, rows that are alike would
all go to one part. Every epoch then reads the piles; rows stay in batches from there to the model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import tensorflow as tf

from kerasline.components.features import LABEL
from kerasline.components.fitting.rows.examples import WEIGHT, ExamplesReader, expand
from kerasline.components.fitting.rows.piles import Piles, piles_for, shuffled
from kerasline.components.fitting.rows.rows import is_in_share

_VALIDATION = 0  # the pile of that part; the others are to train on
_MOST_ROWS = 2048  # that the transform graph is given at once
_MOST_BYTES = 32 * 2**20  # that they may make


def deal_rows(reader: ExamplesReader, files: Sequence[str], fraction: float, seed: int) -> Piles:
    """Deals a split's rows to piles: the validation rows in their order, and the others by chance.

    Args:
      reader: Reads the rows.
      files: Patterns of GZIP TFRecord files.
      fraction: Share of the rows that belong to validation.
      seed: Seed of the order of the rows, and of what is chosen among them.

    Raises:
      TrainingFailed: the disk is full, or a row weighs less than nothing.
    """
    compressed = sum(tf.io.gfile.stat(path).length for path in expand(files))
    piles = Piles(1 + piles_for(compressed))
    generator = np.random.default_rng(seed)
    rows = 0
    for records in reader.records(files):
        reader.check_records(records)
        numbers = generator.integers(_VALIDATION + 1, len(piles), len(records))
        positions = np.arange(rows, rows + len(records), dtype=np.float64)
        numbers[is_in_share(positions, fraction, seed)] = _VALIDATION
        piles.add(numbers, records)
        rows += len(records)
    piles.flush()
    return piles


def count_train_rows(piles: Piles) -> int:
    """Returns how many rows there are to train on."""
    return sum(piles.rows) - piles.rows[_VALIDATION]


def stream_rows(
    reader: ExamplesReader,
    piles: Piles,
    part: str,
    batch_size: int,
    seed: int,
    epoch: Callable[[], int] = lambda: 0,
) -> tf.data.Dataset:
    """Streams a part of a split as batches of (inputs, label), or (inputs, label, weight) where rows have weights.

    Args:
      reader: Reads the rows.
      piles: Piles as :func:`deal_rows` gives them.
      part: ``train`` (shuffled anew each epoch) or ``validation`` (in the order of the files).
      batch_size: Rows in a batch.
      seed: Seed of the order of the rows, and of what is chosen among them.
      epoch: Asked at the start of each pass; the order of the rows follows from it and the seed.
    """
    weights = [] if reader.weight is None else [WEIGHT]

    def take(rows: dict[str, tf.Tensor]) -> tuple[object, ...]:
        return ({name: rows[name] for name in reader.names}, rows[LABEL], *(rows[name] for name in weights))

    def read() -> Iterator[list[bytes]]:
        blocks = piles.blocks(_VALIDATION) if part == "validation" else _shuffled_piles(piles, seed, epoch())
        together = 0
        for block in blocks:
            together = together or _rows_together(reader, block[0])
            yield from (block[start : start + together] for start in range(0, len(block), together))

    records = tf.data.Dataset.from_generator(read, output_signature=tf.TensorSpec([None], tf.string))
    rows = records.map(reader.transform, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).map(take)
    return rows.rebatch(batch_size).prefetch(tf.data.AUTOTUNE)


def _shuffled_piles(piles: Piles, seed: int, epoch: int) -> Iterator[list[bytes]]:
    """Yields the train rows of an epoch, pile by pile, in an order that follows from the seed and the epoch."""
    for pile in np.random.default_rng([seed, epoch]).permutation(np.arange(_VALIDATION + 1, len(piles))).tolist():
        if piles.rows[pile]:
            yield shuffled(piles.read(pile), [seed, epoch, pile])


def _rows_together(reader: ExamplesReader, record: bytes) -> int:
    """Returns how many rows the graph is given at once: fewer where it makes large arrays of them, such as images."""
    made = reader.transform(tf.constant([record]))
    row_bytes = sum(values.dtype.size * int(tf.size(values)) for values in made.values())
    return int(np.clip(_MOST_BYTES // row_bytes, 1, _MOST_ROWS))
