"""Ctrl-C while libraries are loaded, which they and Python itself may pass over."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def no_interrupt_lost() -> Iterator[None]:
    """Raises KeyboardInterrupt at the end where one came and was lost in between.

    Python passes over what is raised where it lets go of a module's lock (``_get_module_lock`` of ``importlib``), as it
    does thousands of times while TensorFlow is loaded, and some modules have ``except:`` around their imports.
    """
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler or threading.current_thread() is not threading.main_thread():
        yield  # somebody else hears it
        return
    came: list[int] = []

    def hear(number: int, frame: FrameType | None) -> None:
        came.append(number)
        signal.default_int_handler(number, frame)

    signal.signal(signal.SIGINT, hear)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if came:
        raise KeyboardInterrupt
