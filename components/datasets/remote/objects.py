"""What a place elsewhere tells of its objects, and how its failures are told."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from kerasline.components.core import Address, KeraslineError

Result = TypeVar("Result")
_TIMEOUT_VARIABLE = "KERASLINE_TIMEOUT_SECONDS"
CHUNK_BYTES = 1 << 20
ATTEMPTS = 4  # in all, where an answer may be another the next time
FIRST_PAUSE_SECONDS = 0.25  # each further one is twice as long


@dataclass(frozen=True)
class RemoteFile:
    """An object as its place describes it.

    Attributes:
      address: of the object.
      size_bytes: None where a web server does not say.
      changed_ns: nanoseconds since 1970, 0 where it is not known.
      tag: the ETag or the generation, empty where it is not known.
    """

    address: Address
    size_bytes: int | None
    changed_ns: int
    tag: str


class Interrupted(KeraslineError):
    """A transfer that had begun did not end; nothing is wrong with the config."""


class Passing(Exception):
    """A failure that may pass: the server is busy, or the connection broke."""

    def __init__(self, text: str, pause_seconds: float = 0.0) -> None:
        super().__init__(text)
        self.pause_seconds = pause_seconds


def timeout_seconds() -> float:
    """How long a silent server is waited for."""
    try:
        return max(0.1, float(os.environ.get(_TIMEOUT_VARIABLE, "")))
    except ValueError:
        return 60.0


def attempt(act: Callable[[], Result], address: Address, last: type[KeraslineError]) -> Result:
    """Acts until it succeeds, with pauses in between.

    Args:
      act: raises Passing where another attempt may succeed.
      address: for messages.
      last: what to raise after the last attempt.
    """
    for number in range(1, ATTEMPTS + 1):
        try:
            return act()
        except Passing as error:
            if number == ATTEMPTS:
                told = f"{address} cannot be fetched: {error}; try again later, or check the address and the network."
                raise last(told) from None
            time.sleep(max(FIRST_PAUSE_SECONDS * 2 ** (number - 1), error.pause_seconds))
    raise AssertionError("the last attempt returns or raises")
