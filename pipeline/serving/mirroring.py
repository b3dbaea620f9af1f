"""Lets a shadow answer what production has answered: off the request's path, in one thread, from a bounded queue."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from kerasline.pipeline.serving.models import LoadedVersion
from kerasline.pipeline.web import Request

logger = logging.getLogger("kerasline.serve")
_MOST_WAITING, _MOST_WAITING_BYTES = 1_000, 64 << 20
_LAST_SECONDS = 10.0  # for what waits when the server ends
_REST = 9.0  # times as long as an answer took a shadow rests, while there are requests: it has a tenth of the time
_LOOK_SECONDS = 0.002  # between two looks whether there are any


@dataclass(frozen=True)
class Mirrored:
    """A request that a shadow is to answer, too: with the id and the time that it had in production."""

    loaded: LoadedVersion
    request: Request
    request_id: str
    at: float


class UnderWay:
    """Counts what is under way, in threads that enter and leave; true while there is something."""

    def __init__(self) -> None:
        self._lock, self._count = threading.Lock(), 0

    def __enter__(self) -> None:
        with self._lock:
            self._count += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._count -= 1

    def __bool__(self) -> bool:
        return self._count > 0


class Mirror:
    """Takes requests from any thread; what does not fit is dropped and counted."""

    def __init__(self, answer: Callable[[Mirrored], None], requests: UnderWay) -> None:
        """Starts the thread, in which ``answer`` is called for one request after the other.

        Args:
          answer: lets a shadow answer.
          requests: those of clients that are under way, which go before.
        """
        self._answer, self._requests = answer, requests
        self._waiting: deque[Mirrored] = deque()
        self._bytes = 0
        self._wake, self._ended = threading.Condition(), False
        self.dropped = 0
        self._thread = threading.Thread(target=self._run, name="shadow", daemon=True)
        self._thread.start()

    def offer(self, mirrored: Mirrored) -> None:
        """Takes a request in, or drops it where too many wait."""
        size = len(mirrored.request.body)
        with self._wake:
            is_full = len(self._waiting) >= _MOST_WAITING or self._bytes + size > _MOST_WAITING_BYTES
            if is_full or self._ended:
                self.dropped += 1
                return
            self._waiting.append(mirrored)
            self._bytes += size
            self._wake.notify()

    def close(self) -> None:
        """Answers what waits, for some seconds, and ends the thread."""
        with self._wake:
            self._ended = True
            self._wake.notify()
        self._thread.join(_LAST_SECONDS)
        with self._wake:
            self.dropped += len(self._waiting)
            self._waiting.clear()

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._waiting and not self._ended:
                    self._wake.wait()
                if not self._waiting:
                    return
                mirrored = self._waiting.popleft()
                self._bytes -= len(mirrored.request.body)
            started = time.monotonic()
            try:
                self._answer(mirrored)
            except Exception:  # the client has its answer, whatever becomes of the shadow's
                logger.exception("a shadow's answer to a request of %s is lost", mirrored.loaded.name)
            self._rest(time.monotonic() - started)

    def _rest(self, took: float) -> None:
        """Leaves the processor to requests, if there are any."""
        end = time.monotonic() + _REST * took
        while self._requests and not self._ended and time.monotonic() < end:
            time.sleep(_LOOK_SECONDS)
