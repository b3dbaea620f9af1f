"""The limits that end a challenge, or take a version out of production: whether they are crossed beyond chance."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from kerasline.components.evaluation import DailyMean, daily_surplus

_SLOWEST = 0.01  # of the requests may take longer than the 99th percentile
_FEWEST_REQUESTS = 100
SMALL_CHANCE = 0.005  # that a limit which is kept ever seems to be crossed
Found = tuple[float | None, int, bool]  # value, rows, and whether the limit is crossed


def judge_limits(
    limits: Mapping[str, float], latencies: np.ndarray, failed: np.ndarray, drop: DailyMean, chance: float
) -> list[dict[str, Any]]:
    """Holds a version against the limits of its recipe, so that one may look every day.

    Args:
      limits: ``p99_ms``, ``error_rate`` and ``metric_drop`` (also as ``accuracy_drop``), as far as there are any.
      latencies: of its requests, milliseconds.
      failed: whether each of its requests failed.
      drop: how much better its main metric is than that of what it is compared with.
      chance: that a limit that is kept ever seems to be crossed.

    Returns:
      For each limit ``name``, ``limit``, ``value`` (None where nothing is known), ``rows`` and ``crossed``.
    """
    measured: dict[str, Callable[[float], Found]] = {
        "p99_ms": lambda limit: _slow(limit, latencies, chance),
        "error_rate": lambda limit: _failing(limit, failed, chance),
        "metric_drop": lambda limit: _fallen(limit, drop),
        "accuracy_drop": lambda limit: _fallen(limit, drop),
    }
    return [
        {"name": name, "limit": limits[name], **dict(zip(("value", "rows", "crossed"), of(limits[name]), strict=True))}
        for name, of in measured.items()
        if name in limits
    ]


def _slow(limit: float, latencies: np.ndarray, chance: float) -> Found:
    beyond = daily_surplus(int((latencies > limit).sum()), len(latencies), _SLOWEST, chance, _FEWEST_REQUESTS)
    value = float(np.percentile(latencies, 99)) if len(latencies) else None
    return value, beyond.rows, beyond.sign > 0


def _failing(limit: float, failed: np.ndarray, chance: float) -> Found:
    beyond = daily_surplus(int(failed.sum()), len(failed), limit, chance, _FEWEST_REQUESTS)
    return (float(failed.mean()) if len(failed) else None), beyond.rows, beyond.sign > 0


def _fallen(limit: float, drop: DailyMean) -> Found:
    if not drop.rows:
        return None, 0, False
    return -drop.value, drop.rows, drop.rows >= drop.fewest and drop.high < -limit


class LimitWatch:
    """Counts the requests of a canary as they come, and says when a limit is crossed; safe to use from threads."""

    def __init__(self, limits: Mapping[str, float]) -> None:
        self._limits, self._lock = limits, threading.Lock()
        self.requests = self.failed = self.slow = 0

    def add(self, milliseconds: float, failed: bool) -> str:
        """Takes in a request.

        Args:
          milliseconds: that it took.
          failed: whether it failed.

        Returns:
          The limit that is crossed, in words; nothing as long as none is.
        """
        with self._lock:
            self.requests += 1
            self.failed += failed
            self.slow += not failed and milliseconds > self._limits.get("p99_ms", float("inf"))
            counts = (("error_rate", self.failed, self._limits.get("error_rate")),
                      ("p99_ms", self.slow, _SLOWEST if "p99_ms" in self._limits else None))  # fmt: skip
        for name, hits, share in counts:
            if share is None or not hits:
                continue
            if daily_surplus(hits, self.requests, share, SMALL_CHANCE, _FEWEST_REQUESTS).sign > 0:
                what = "failed" if name == "error_rate" else f"took longer than {self._limits[name]:g} ms"
                return f"rollback_on.{name}: {hits:,} of {self.requests:,} requests {what}"
        return ""

    def evidence(self) -> dict[str, int]:
        """Returns what was counted."""
        return {"requests": self.requests, "failed": self.failed, "slow": self.slow}
