"""The names of slices."""

from __future__ import annotations

import pytest

from kerasline.components.evaluation.slices import covers, parse_slice, show_slice


@pytest.mark.parametrize(
    ("key", "parts"),
    [
        ("sex", {"sex": None}),
        ("sex=female", {"sex": "female"}),
        (" sex = female , city ", {"sex": "female", "city": None}),
        ("*", {}),
    ],
)
def test_names(key: str, parts: dict[str, str | None]) -> None:
    assert parse_slice(key) == parts


@pytest.mark.parametrize("key", ["", "sex=", "=female", "sex,", "sex=a,sex=b"])
def test_what_is_no_name(key: str) -> None:
    with pytest.raises(ValueError, match="expected a column such as 'sex', 'sex=female'"):
        parse_slice(key)


def test_a_name_covers_its_slices_and_no_others() -> None:
    women = {"sex": "female"}
    assert covers(parse_slice("sex"), women)
    assert covers(parse_slice("sex=female"), women)
    assert not covers(parse_slice("sex=male"), women)
    assert not covers(parse_slice("sex, city"), women)
    assert covers(parse_slice("sex=female, city"), {**women, "city": "Kyoto"})
    assert not covers(parse_slice("sex"), {**women, "city": "Kyoto"}), "a crossing has limits of its own"
    assert covers(parse_slice("*"), women)


def test_a_slice_is_shown_as_it_is_named() -> None:
    slices = {"sex": "female", "city": "Kyoto"}
    assert parse_slice(show_slice(slices)) == slices
