"""Words of messages."""

from __future__ import annotations

import pytest

from kerasline.components.core.wording import counted, first_repeated, percent, rate, rounded


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


def test_the_first_name_that_came_before_is_found() -> None:
    found = [first_repeated(names) for names in ([], ["a", "b"], ["a", "b", "b", "a"], iter(["", ""]))]
    assert found == [None, None, "b", ""]


def test_a_rate_is_never_rounded_to_none() -> None:
    assert [rate(value) for value in (123_456.7, 10, 2.345, 0.04)] == [
        "123,457 rows/s", "10 rows/s", "2.3 rows/s", "0.04 rows/s",
    ]  # fmt: skip


def test_few_are_not_written_as_none_nor_most_as_all() -> None:
    assert [percent(share) for share in (0.0, 1e-5, 0.0006, 0.125, 0.9999, 1.0)] == [
        "0.0%", "<0.1%", "0.1%", "12.5%", ">99.9%", "100.0%",
    ]  # fmt: skip
    assert [percent(1e-5, 2), percent(0.005, 0), percent(0.996, 0)] == ["<0.01%", "<1%", ">99%"]


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (12430.13, 4, "12,430"),
        (113_190.0, 4, "113,200"),
        (-8749.4, 3, "-8,750"),
        (8749.4, 4, "8749"),
        (0.98251, 4, "0.9825"),
        (5.953e-10, 4, "5.953e-10"),
        (2e300, 4, "2e+300"),
        (float("inf"), 4, "inf"),
        (float("nan"), 4, "nan"),
        (None, 4, ""),
    ],
)
def test_figures_are_written_as_people_do(value: float | None, digits: int, text: str) -> None:
    assert rounded(value, digits) == text
