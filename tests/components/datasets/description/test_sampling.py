"""``limit`` takes exactly as many rows as asked, spread over the data, the same on every worker."""

from __future__ import annotations

from collections import Counter

import pytest

from kerasline.components.datasets.description.sampling import apply_limit, indices_of, selected, thin


@pytest.mark.parametrize(("total", "wanted"), [(10, 3), (1000, 999), (1000, 1000), (70_000, 500), (7, 7)])
def test_exact_count_whatever_the_ranges(total, wanted):
    whole = selected(total, wanted, 0, total)
    assert len(whole) == wanted == len(set(whole)) and whole[0] >= 0 and whole[-1] < total
    for size in (1, 3, 64):
        pieces = [
            index for first in range(0, min(total, 500), size) for index in selected(total, wanted, first, first + size)
        ]
        assert pieces == [index for index in whole if index < -(-min(total, 500) // size) * size]


def test_rows_are_spread_and_not_in_step():
    chosen = selected(10_000, 100, 0, 10_000)
    assert all(100 * block <= index < 100 * (block + 1) for block, index in enumerate(chosen))
    assert len({index % 10 for index in chosen}) == 10


def test_source_splits_are_limited_in_proportion():
    shards = [{"first": 0, "rows": 600}, {"first": 600, "rows": 300}, {"first": 0, "rows": 100, "split": "test"}]
    limited = apply_limit(shards, 50)
    assert [shard["sample"] for shard in limited] == [[900, 45], [900, 45], [100, 5]]
    assert Counter(shard.get("split") for shard in limited for _ in indices_of(shard)) == {None: 45, "test": 5}
    assert apply_limit(shards, 1000) == shards == apply_limit(shards, None)


def test_a_stream_gives_the_same_rows_as_indices():
    shard = {"first": 200, "rows": 100, "sample": [1000, 37]}
    assert list(thin(range(200, 300), shard)) == indices_of(shard)
    assert list(thin(range(5), {"first": 0, "rows": 5})) == [0, 1, 2, 3, 4]


def test_limit_reads_few_rows_of_every_class(resolve, rows, write):
    write("t.csv", "x,y\n" + "".join(f"{n},{'abc'[n // 100]}\n" for n in range(300)))
    dataset = resolve(csv={"path": "t.csv", "label": "y"}, limit=60)
    found = rows(dataset)
    assert len(found) == 60 and Counter(row["y"] for row in found) == {"a": 20, "b": 20, "c": 20}
    assert [row["x"] for row in found] == selected(300, 60, 0, 300)


def test_limit_of_arrays(resolve, rows):
    dataset = resolve(dataset="digits", limit=100)
    assert len(rows(dataset)) == 100 and dataset.label.classes == tuple("0123456789")
