"""Rows of a wide table come in batches of many bytes, others in batches that take a second."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kerasline.components.beam import choose_batches


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Leaves the process as it was."""
    yield
    choose_batches(1)


@pytest.mark.parametrize(("columns", "least"), [(1, 1), (499, 1), (500, 20 * 2**20), (5000, 20 * 2**20)])
def test_a_wide_table_comes_in_large_batches(columns: int, least: int) -> None:
    from tfx_bsl.coders import batch_util

    choose_batches(columns)
    assert batch_util.GetBatchElementsKwargs(None)["min_batch_size"] == least
