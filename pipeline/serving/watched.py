"""What was last found of the answers of the models that are served, for Prometheus: the last look and verdict.

Nothing is looked at here, since that takes what requests need: ``kerasline monitor`` and ``verdict`` leave what they
found in the workspace.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasline.pipeline.models import LOOK, VERDICT, look_path
from kerasline.pipeline.serving.metering import escape

if TYPE_CHECKING:
    from kerasline.pipeline.serving.challengers import Challengers

_MOST_COLUMNS, _MOST_METRICS, _MOST_BYTES = 100, 20, 4 << 20
_ALARMS = ("drift", "quality", "estimated")
_SOURCES = {"quality": "labels", "estimated": "estimate", "at_push": "push"}
_VERDICTS = ("better", "worse", "undecided")
_Sample = tuple[str, Mapping[str, str], float | None]
GAUGES = {
    "kerasline_watched_timestamp_seconds": "When the answers were looked at last.",
    "kerasline_watched_rows": "Captured rows at the last look, by what became of them.",
    "kerasline_drift_distance": "Distance of a column from the version's data; the columns nearest to their limits.",
    "kerasline_drift_limit": "What the distance of a column exceeds by chance once in the looks of a month.",
    "kerasline_drift_columns": "Columns that are compared with the version's data.",
    "kerasline_quality": "A metric by labels, as estimated without labels, and at the push.",
    "kerasline_quality_low": "Lower end of the metric's 95 % interval.",
    "kerasline_quality_high": "Upper end of the metric's 95 % interval.",
    "kerasline_alarms": "Alarms of the last look.",
    "kerasline_challenger_share": "Part of the requests that a challenger answers; 0 of a shadow.",
    "kerasline_verdict_timestamp_seconds": "When a challenger was judged last.",
    "kerasline_verdict": "1 for what the last verdict said of a challenger, else 0.",
    "kerasline_verdict_more_rows": "Rows with a label that a verdict still takes, at the present difference.",
}


def watched_text(workspace: Path, names: Iterable[str], challengers: Challengers | None) -> str:
    """Writes what was found, in the text format of Prometheus.

    Args:
      workspace: that the models are in.
      names: of the models that are served.
      challengers: of these models.
    """
    samples: dict[str, list[str]] = {name: [] for name in GAUGES}
    for name in names:
        for family, labels, value in (*_look(workspace, name), *_verdict(workspace, name)):
            _add(samples, family, {"model": name, **labels}, value)
    for labels, share in _shares(challengers) if challengers else ():
        _add(samples, "kerasline_challenger_share", labels, share)
    families = [
        [f"# HELP {one} {GAUGES[one]}", f"# TYPE {one} gauge", *found] for one, found in samples.items() if found
    ]
    return "".join(f"{line}\n" for family in families for line in family)


def _shares(challengers: Challengers) -> Iterator[tuple[dict[str, str], float]]:
    """Gives the labels of each challenger that is served, and the part of the requests that it answers."""
    for name, (rival, _) in challengers.health().items():
        if rival is not None:
            one = rival.challenger
            labels = {"model": name, "version": str(rival.loaded.version), "role": one.kind}
            yield labels, one.share if one.kind == "canary" else 0.0


def _add(samples: Mapping[str, list[str]], family: str, labels: Mapping[str, str], value: float | None) -> None:
    """Adds a sample, if there is a number."""
    if value is not None and math.isfinite(value):
        shown = ",".join(f'{key}="{escape(text)}"' for key, text in labels.items())
        samples[family].append(f"{family}{{{shown}}} {float(value)!r}")


def _read(path: Path) -> tuple[dict[str, Any], float] | None:
    """Reads what was found, and when; None where there is nothing, or nothing that can be read."""
    try:
        stat = path.stat()
        if stat.st_size > _MOST_BYTES:
            return None
        return dict(json.loads(path.read_text(encoding="utf-8"))), stat.st_mtime
    except (OSError, ValueError, TypeError):
        return None


def _look(workspace: Path, name: str) -> list[_Sample]:
    read = _read(look_path(workspace, LOOK, name))
    try:
        return [] if read is None else list(_samples_of_look(*read))
    except (LookupError, TypeError, ValueError, AttributeError):  # of another release
        return []


def _samples_of_look(found: Mapping[str, Any], at: float) -> Iterator[_Sample]:
    version = {"version": str(found["version"])}
    yield "kerasline_watched_timestamp_seconds", version, at
    for state in ("answered", "labelled", "failed"):
        yield "kerasline_watched_rows", {**version, "state": state}, found[state]
    drift = sorted(found["drift"].items(), key=lambda item: -item[1]["distance"] / max(item[1]["limit"], 1e-12))
    yield "kerasline_drift_columns", version, len(drift)
    for column, one in drift[:_MOST_COLUMNS]:
        for figure in ("distance", "limit"):
            yield f"kerasline_drift_{figure}", {**version, "column": column}, one[figure]
    for key, source in _SOURCES.items():
        for metric, figure in list(found[key].items())[:_MOST_METRICS]:
            labels = {**version, "metric": metric, "source": source}
            for family, end in (("", "value"), ("_low", "low"), ("_high", "high")):
                yield f"kerasline_quality{family}", labels, figure[end]
    for kind in _ALARMS:
        yield "kerasline_alarms", {**version, "kind": kind}, sum(one["kind"] == kind for one in found["alarms"])


def _verdict(workspace: Path, name: str) -> list[_Sample]:
    read = _read(look_path(workspace, VERDICT, name))
    if read is None:
        return []
    found, at = read
    try:
        labels = {"version": str(found["challenger"]), "incumbent": str(found["incumbent"]), "role": str(found["kind"])}
        said = [("kerasline_verdict", {**labels, "verdict": one}, float(found["verdict"] == one)) for one in _VERDICTS]
        more: Any = found["more_rows"]
    except LookupError:
        return []
    when = ("kerasline_verdict_timestamp_seconds", labels, at)
    return [when, *said, ("kerasline_verdict_more_rows", labels, more)]
