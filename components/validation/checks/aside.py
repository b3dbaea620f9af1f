"""The rows that ingest put aside, counted by reason: the gate says whether they are too many."""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

import tensorflow as tf

from kerasline.components.core import counted, percent
from kerasline.components.example_gen import COLUMN, QUARANTINE_FOLDER, REASON
from kerasline.components.validation.policy import Finding
from kerasline.components.validation.samples import Statistics

_MOST_REASONS = 20


def check_quarantine(
    examples: str, statistics: Statistics, max_share: float
) -> tuple[list[Finding], dict[str, Any] | None]:
    """Compares the share of rows in quarantine with the limit.

    Args:
      examples: URI of the Examples artifact.
      statistics: Statistics of the rows that went on.
      max_share: Largest share of all rows that may be put aside.

    Returns:
      A finding where there are such rows; and their ``rows``, ``share``, ``limit``, ``folder`` and ``reasons`` (a list
      of ``column``, ``reason``, ``rows``), or None without any.
    """
    folder = os.path.join(examples, QUARANTINE_FOLDER)
    reasons = _count_reasons(folder)
    rows = sum(reasons.values())
    if not rows:
        return [], None
    share = rows / (rows + sum(int(dataset.num_examples) for dataset in statistics.values()))
    most = [{"column": column, "reason": reason, "rows": count} for (column, reason), count in reasons.most_common()]
    summary = {
        "rows": rows,
        "share": round(share, 6),
        "limit": max_share,
        "folder": folder,
        "reasons": most[:_MOST_REASONS],
    }
    (column, reason), count = reasons.most_common(1)[0]
    passed = share <= max_share
    mostly = f"most often{f' column {column!r}' if column else ''}: {reason}"
    text = f"{counted(rows, 'row')} ({percent(share, 2)}) in quarantine, {mostly}"
    finding = Finding(
        "quarantine",
        "quarantined" if passed else "failed",
        f"{text} ({counted(count, 'row')}); see {folder}" + ("" if passed else f", above the limit {max_share:.4g}"),
        measure="share of rows",
        figure=share,
        limit=max_share,
        accept="" if passed else f"--set validation.quarantine.max_share={min(1.0, share * 1.1 + 0.005):.2g}",
    )
    return [finding], summary


def _count_reasons(folder: str) -> Counter[tuple[str, str]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    counts: Counter[tuple[str, str]] = Counter()
    for path in sorted(tf.io.gfile.glob(os.path.join(folder, "*.parquet"))):
        with tf.io.gfile.GFile(path, "rb") as file:
            columns = pq.read_table(pa.BufferReader(file.read()), columns=[COLUMN, REASON]).to_pydict()
        counts.update(zip(columns[COLUMN], map(_without_value, columns[REASON]), strict=True))
    return counts


def _without_value(reason: str) -> str:
    """Leaves out what came, so that rows with one fault count as one kind."""
    return reason.split(", got ")[0]
