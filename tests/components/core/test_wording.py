"""Words of messages."""

from __future__ import annotations

import pytest

from kerasline.components.core.wording import counted, rate


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((0, "row"), "0 rows"),
        ((1, "row"), "1 row"),
        ((2, "row"), "2 rows"),
        ((12_345, "row"), "12,345 rows"),
        ((1, "class", "classes"), "1 class"),
        ((3, "class", "classes"), "3 classes"),
        ((1, "row holds", "rows hold"), "1 row holds"),
    ],
)
def test_one_is_singular(words: tuple[int, str] | tuple[int, str, str], expected: str) -> None:
    assert counted(*words) == expected


def test_a_rate_is_never_rounded_to_none() -> None:
    assert [rate(value) for value in (123_456.7, 10, 2.345, 0.04)] == [
        "123,457 rows/s", "10 rows/s", "2.3 rows/s", "0.04 rows/s",
    ]  # fmt: skip
