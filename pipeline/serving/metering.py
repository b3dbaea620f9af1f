"""What the server counts, in the text format that Prometheus reads.

Source: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kerasline.components.monitoring import Capture
    from kerasline.pipeline.serving.challengers import Challengers
    from kerasline.pipeline.serving.models import LoadedVersion

_BOUNDS_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Meter:
    """Counts requests and their time; safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: dict[tuple[str, str, int], int] = defaultdict(int)
        self._buckets: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0] * (len(_BOUNDS_SECONDS) + 1))
        self._seconds: dict[tuple[str, str], float] = defaultdict(float)
        self._unseen: dict[tuple[str, str, str], int] = defaultdict(int)
        self._challengers: dict[tuple[str, str, str, int], int] = defaultdict(int)

    def count(self, name: str, version: str, code: int, seconds: float) -> None:
        """Takes in an answered request; ``version`` is empty where none was reached."""
        place = next((i for i, bound in enumerate(_BOUNDS_SECONDS) if seconds <= bound), len(_BOUNDS_SECONDS))
        with self._lock:
            self._requests[name, version, code] += 1
            if code == 200:
                self._buckets[name, version][place] += 1
                self._seconds[name, version] += seconds

    def count_unseen(self, name: str, version: str, columns: Mapping[str, int]) -> None:
        """Takes in how many values of a request training has never shown, by column."""
        with self._lock:
            for column, number in columns.items():
                self._unseen[name, version, column] += number

    def count_challenger(self, loaded: LoadedVersion, role: str, code: int) -> None:
        """Takes in what became of a request that a challenger was to answer."""
        with self._lock:
            self._challengers[loaded.name, str(loaded.version), role, code] += 1

    def challengers(self) -> list[tuple[tuple[str, str, str, int], int]]:
        """Returns how many requests there were of each model, version, role and code."""
        with self._lock:
            return sorted(self._challengers.items())

    def text(self, health: Mapping[str, Mapping[str, Any]]) -> str:
        """Writes all metrics.

        Args:
          health: of :meth:`ServedModels.health`.
        """
        with self._lock:
            requests = sorted(self._requests.items())
            buckets = {key: list(counts) for key, counts in sorted(self._buckets.items())}
            seconds = dict(self._seconds)
            unseen = sorted(self._unseen.items())
        lines = ["# HELP kerasline_requests_total Answered requests.", "# TYPE kerasline_requests_total counter"]
        for (name, version, code), number in requests:
            lines.append(f'kerasline_requests_total{{{_labels(name, version)},code="{code}"}} {number}')
        lines += ["# HELP kerasline_request_seconds Time of successful requests, from body to answer."]
        lines += ["# TYPE kerasline_request_seconds histogram"]
        for (name, version), counts in buckets.items():
            total = 0
            for bound, number in zip([*map(str, _BOUNDS_SECONDS), "+Inf"], counts, strict=True):
                total += number
                lines.append(f'kerasline_request_seconds_bucket{{{_labels(name, version)},le="{bound}"}} {total}')
            lines.append(f"kerasline_request_seconds_sum{{{_labels(name, version)}}} {seconds[name, version]:.6f}")
            lines.append(f"kerasline_request_seconds_count{{{_labels(name, version)}}} {total}")
        lines += ["# HELP kerasline_unseen_values_total Answered values that training has never shown."]
        lines += ["# TYPE kerasline_unseen_values_total counter"]
        for (name, version, column), number in unseen:
            labels = f'{_labels(name, version)},column="{escape(column)}"'
            lines.append(f"kerasline_unseen_values_total{{{labels}}} {number}")
        lines += ["# HELP kerasline_model_version The version that answers.", "# TYPE kerasline_model_version gauge"]
        lines += [f'kerasline_model_version{{model="{n}"}} {h["version"]}' for n, h in health.items() if h["version"]]
        lines += ["# HELP kerasline_model_failed Whether the version in production does not load."]
        lines += ["# TYPE kerasline_model_failed gauge"]
        lines += [f'kerasline_model_failed{{model="{n}"}} {int(h["failed"] is not None)}' for n, h in health.items()]
        return "\n".join(lines) + "\n"


def capture_text(capture: Capture | None) -> str:
    """Writes how many requests were captured, and how many were to be and could not; nothing where none are."""
    if capture is None:
        return ""
    return (
        "# HELP kerasline_captured_requests_total Requests that were captured.\n"
        "# TYPE kerasline_captured_requests_total counter\n"
        f"kerasline_captured_requests_total {capture.written}\n"
        "# HELP kerasline_capture_dropped_total Requests that were to be captured and could not be.\n"
        "# TYPE kerasline_capture_dropped_total counter\n"
        f"kerasline_capture_dropped_total {capture.dropped}\n"
    )


def challengers_text(meter: Meter, challengers: Challengers, dropped: int) -> str:
    """Writes what became of the requests of challengers, and which of these cannot be served.

    Args:
      meter: has counted them.
      challengers: of all models.
      dropped: requests that no shadow saw, since too many waited.
    """
    lines = [
        "# HELP kerasline_challenger_requests_total Requests that challengers were to answer; production answered "
    ]
    lines[0] += "those that a canary could not."
    lines += ["# TYPE kerasline_challenger_requests_total counter"]
    for (name, version, role, code), number in meter.challengers():
        labels = f'{_labels(name, version)},role="{role}",code="{code}"'
        lines.append(f"kerasline_challenger_requests_total{{{labels}}} {number}")
    lines += ["# HELP kerasline_shadow_dropped_total Requests that no shadow saw, since too many waited."]
    lines += ["# TYPE kerasline_shadow_dropped_total counter", f"kerasline_shadow_dropped_total {dropped}"]
    lines += ["# HELP kerasline_challenger_failed Whether a challenger cannot be served."]
    lines += ["# TYPE kerasline_challenger_failed gauge"]
    for name, (_, problem) in challengers.health().items():
        lines.append(f'kerasline_challenger_failed{{model="{name}"}} {int(bool(problem))}')
    return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    """Writes a text as it stands in a label."""
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _labels(name: str, version: str) -> str:
    return f'model="{name}",version="{version}"'
