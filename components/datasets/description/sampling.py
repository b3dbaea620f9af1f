"""``limit``: a part of the rows, spread over the data, the same on every worker.

The rows are divided into as many blocks as are wanted and one row of each block is taken, at a place that a
hash of the block's number decides. So the count is exact, sorted data keeps all its classes, data with a
period is not sampled in step with it, and a worker that sees rows 8192 to 12288 knows its part without seeing
the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

Row = TypeVar("Row")

_MASK = (1 << 64) - 1


def selected(total: int, wanted: int, first: int, stop: int) -> list[int]:
    """Lists the sampled indices from ``first`` to before ``stop``, ascending.

    Args:
      total: rows there are.
      wanted: rows to take of them, at most ``total``.
      first: first index of the range.
      stop: index after the range.
    """
    low, high = first * wanted // total, min(wanted, stop * wanted // total + 1)
    indices = (_place(block, total, wanted) for block in range(max(0, low - 1), high))
    return [index for index in indices if first <= index < stop]


def indices_of(shard: Mapping[str, Any]) -> range | list[int]:
    """Lists the rows that a shard's worker reads, counted from the start of the shard's part of the data."""
    first, stop = shard["first"], shard["first"] + shard["rows"]
    if "sample" not in shard:
        return range(first, stop)
    total, wanted = shard["sample"]
    return selected(total, wanted, first, stop)


def thin(rows: Iterable[Row], shard: Mapping[str, Any]) -> Iterator[Row]:
    """Passes on the sampled rows of a stream of all of a shard's rows, and stops after the last one."""
    if "sample" not in shard:
        yield from rows
        return
    wanted = iter(indices_of(shard))
    following = next(wanted, None)
    for index, row in enumerate(rows, start=shard["first"]):
        if following is None:
            return
        if index == following:
            yield row
            following = next(wanted, None)


def apply_limit(shards: list[dict[str, Any]], limit: int | None) -> list[dict[str, Any]]:
    """Marks shards so that their workers read ``limit`` rows in all, in proportion for its splits."""
    totals: dict[str | None, int] = {}
    for shard in shards:
        totals[shard.get("split")] = totals.get(shard.get("split"), 0) + shard["rows"]
    rows = sum(totals.values())
    if limit is None or limit >= rows:
        return shards
    wanted = {split: max(1, limit * total // rows) for split, total in totals.items()}
    largest = max(totals, key=lambda split: totals[split])
    wanted[largest] += limit - sum(wanted.values())
    marked = [{**shard, "sample": [totals[shard.get("split")], wanted[shard.get("split")]]} for shard in shards]
    return [shard for shard in marked if len(indices_of(shard))]


def _place(block: int, total: int, wanted: int) -> int:
    begin, end = block * total // wanted, (block + 1) * total // wanted
    return begin + _mix(block) % (end - begin)


def _mix(number: int) -> int:
    """Scrambles a number (splitmix64)."""
    number = (number + 0x9E3779B97F4A7C15) & _MASK
    number = ((number ^ (number >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    number = ((number ^ (number >> 27)) * 0x94D049BB133111EB) & _MASK
    return number ^ (number >> 31)
