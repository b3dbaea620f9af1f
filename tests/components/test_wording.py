"""Words of messages."""

from __future__ import annotations

import pytest

from kerasline.components.wording import counted


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
