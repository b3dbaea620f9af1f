"""A Ctrl-C while libraries are loaded is heard, though something passes over it."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

import pytest

from kerasline.pipeline.console import no_interrupt_lost


@pytest.fixture(autouse=True)
def pythons_own() -> Iterator[None]:
    """The handler that Python begins with, unless whoever starts it has Ctrl-C ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_one_that_is_passed_over_is_raised_at_the_end() -> None:
    done: list[str] = []
    with pytest.raises(KeyboardInterrupt), no_interrupt_lost():
        with contextlib.suppress(BaseException):
            signal.raise_signal(signal.SIGINT)
        done.append("went on")
    assert done == ["went on"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_without_one_nothing_is_raised() -> None:
    with no_interrupt_lost():
        pass


def test_who_hears_by_other_means_is_left_alone() -> None:
    came: list[int] = []

    def own(number: int, _: FrameType | None) -> None:
        came.append(number)

    signal.signal(signal.SIGINT, own)
    with no_interrupt_lost():
        signal.raise_signal(signal.SIGINT)
    assert came == [signal.SIGINT]
