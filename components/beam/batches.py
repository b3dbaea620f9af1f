"""How many rows TFX's sources hand to a step at a time."""

from __future__ import annotations

WIDE = 500  # columns


def choose_batches(columns: int) -> None:
    """Chooses how the sources of this process make batches: by time, as they usually do, or by size for a wide table.

    By time a batch is as large as is done in a second. Statistics take about 0.2 ms of a batch for each of its columns,
    however few its rows, so that 5,000 columns end in batches of one row, and 600 rows take a quarter of an hour. In
    batches of 20 MiB they take 40 s of CPU.

    Args:
      columns: of the table; 1 for images.

    Source: ``GetBatchElementsKwargs`` of ``tfx_bsl/coders/batch_util.py``.
    """
    from absl import flags
    from tfx_bsl.coders import batch_util  # noqa: F401 (defines the flag)

    flags.FLAGS.set_default("tfxio_use_byte_size_batching", columns >= WIDE)
