"""Checks of the data gate that are a user's: the frames that they are given, and what their messages do."""

from __future__ import annotations

import numpy as np
import pytest

from kerasline.components.core.errors import ConfigError
from kerasline.components.leaks import Column
from kerasline.components.validation.checks.own import check_own
from kerasline.components.validation.policy import OwnCheck, ValidationOptions
from kerasline.components.validation.samples import SplitSample

CODE = """
def shows(frames):
    train = frames["train"]
    return [f"{list(train.columns)} {train['size'].sum()} {train['town'].tolist()} {train['pixels'][1].tolist()}"]
def spoils(frames): frames["train"].drop(columns="size", inplace=True)
def several(frames): return ["one", "two"]
def fine(frames): return []
def no(frames): return True
def numbers(frames): return [1]
def fails(frames): return [frames["test"]]
"""
SAMPLE = SplitSample(
    2,
    np.zeros(2, np.int64),
    {
        "size": Column("numeric", np.array([1.0, 2.5])),
        "town": Column("categorical", np.array(["a", None], object)),
        "pixels": Column("array", np.array([[1.0, 2.0], [3.0, 4.0]])),
        "ragged": Column("array", np.array([[1.0, 2.0]])),
    },
)


def test_a_message_stops_or_warns(own: str) -> None:
    checks = [
        OwnCheck(function=f"{own}:spoils"), OwnCheck(function=f"{own}:shows"), OwnCheck(function=f"{own}:fine"),
        OwnCheck(function=f"{own}:several", policy="warn"),
    ]  # fmt: skip
    spoils, shown, fine, *several = check_own({"train": SAMPLE}, checks)
    assert (spoils.status, fine.status) == ("passed", "passed")
    assert (shown.check, shown.status) == ("own", "failed")
    assert shown.text == f"{own}:shows: ['size', 'town', 'pixels'] 3.5 ['a', None] [3.0, 4.0]"
    assert f'validation.checks=[{{function: "{own}:shows", policy: warn}}]' in shown.accept
    assert [(one.status, one.text) for one in several] == [
        ("warned", f"{own}:several: one"), ("warned", f"{own}:several: two"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("no", "to return a list of messages, empty where all is well, but it returned true"),
        ("numbers", "but it returned list"),
        ("fails", r"raised KeyError in .*, line 10: 'test'; mend it"),
    ],
)
def test_what_is_no_answer_is_said(own: str, function: str, said: str) -> None:
    with pytest.raises(ConfigError, match=f"^validation.checks: .*{said}"):
        check_own({"train": SAMPLE}, [OwnCheck(function=f"{own}:{function}")])


def test_the_bare_name_is_as_good_as_the_block() -> None:
    options = ValidationOptions.model_validate({"checks": ["mine:check", {"function": "mine:other", "policy": "warn"}]})
    assert [(check.function, check.policy) for check in options.checks] == [
        ("mine:check", "fail"), ("mine:other", "warn"),
    ]  # fmt: skip
