"""``/metrics`` has what monitor and verdict found last: bounded, escaped, and nothing where files are of no use."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from kerasline.pipeline.models import LOOK, VERDICT, look_path
from kerasline.pipeline.models.looks import keep_look
from kerasline.pipeline.serving.watched import watched_text

FIGURE = {"value": 0.9, "low": 0.85, "high": 0.94}
FOUND: dict[str, Any] = {
    "name": "flats",
    "version": 3,
    "answered": 1200,
    "labelled": 400,
    "failed": 2,
    "quality": {"accuracy": FIGURE, "log_loss": {"value": None, "low": None, "high": None}},
    "estimated": {"accuracy": {**FIGURE, "value": 0.91}},
    "at_push": {"accuracy": FIGURE},
    "drift": {'a "b"\\\nc': {"distance": 0.25, "limit": 0.1, "alarm": True}, "d": {"distance": 0.0, "limit": 0.0}},
    "alarms": [{"kind": "drift", "name": "a", "text": "it has drifted"}],
}
JUDGED: dict[str, Any] = {
    "name": "flats", "verdict": "undecided", "kind": "canary", "challenger": 4, "incumbent": 3, "more_rows": 700,
}  # fmt: skip
LINE = re.compile(r'([a-z_]+)\{((?:[a-z_]+="(?:[^"\\\n]|\\[\\"n])*",?)+)\} (\S+)')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\\n]|\\[\\"n])*)"')
_PLAIN = {r"\\": "\\", r"\"": '"', r"\n": "\n"}


def parse(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Reads the text format by its grammar; a family stands in one piece, after its help and type."""
    found, families, current = {}, list[str](), ""
    for line in text.splitlines():
        if line.startswith("# HELP "):
            current = line.split()[2]
            assert current not in families
            families.append(current)
        elif line.startswith("# TYPE "):
            assert line == f"# TYPE {current} gauge"
        else:
            sample = LINE.fullmatch(line)
            assert sample is not None and sample[1] == current, line
            labels = {
                key: re.sub(r"\\.", lambda match: _PLAIN[match[0]], value) for key, value in LABEL.findall(sample[2])
            }
            key = (current, frozenset(labels.items()))
            assert key not in found
            found[key] = float(sample[3])
    return found


def value(found: Any, family: str, **labels: str) -> float | None:
    """Returns the value of a sample of version 3 of flats; None where there is none."""
    return found.get((family, frozenset({"model": "flats", "version": "3", **labels}.items())))


def test_a_look_and_a_verdict_become_gauges(tmp_path: Path) -> None:
    keep_look(tmp_path, LOOK, FOUND)
    keep_look(tmp_path, VERDICT, JUDGED)
    found = parse(watched_text(tmp_path, ["flats", "others"], None))
    assert value(found, "kerasline_watched_rows", state="labelled") == 400
    assert value(found, "kerasline_drift_distance", column='a "b"\\\nc') == 0.25
    assert value(found, "kerasline_drift_limit", column='a "b"\\\nc') == 0.1
    assert value(found, "kerasline_quality", metric="accuracy", source="labels") == 0.9
    assert value(found, "kerasline_quality_high", metric="accuracy", source="estimate") == 0.94
    assert value(found, "kerasline_quality", metric="log_loss", source="labels") is None
    assert [value(found, "kerasline_alarms", kind=kind) for kind in ("drift", "quality", "estimated")] == [1, 0, 0]
    of = {"version": "4", "incumbent": "3", "role": "canary"}
    assert value(found, "kerasline_verdict", verdict="undecided", **of) == 1
    assert value(found, "kerasline_verdict", verdict="worse", **of) == 0
    assert value(found, "kerasline_verdict_more_rows", **of) == 700
    when = value(found, "kerasline_watched_timestamp_seconds")
    assert when == pytest.approx(look_path(tmp_path, LOOK, "flats").stat().st_mtime)


def test_the_columns_nearest_to_their_limits_are_shown_and_no_more(tmp_path: Path) -> None:
    drift = {f"c{n}": {"distance": n / 1000, "limit": 0.5, "alarm": False} for n in range(5000)}
    keep_look(tmp_path, LOOK, {**FOUND, "drift": drift})
    found = parse(watched_text(tmp_path, ["flats"], None))
    shown = {dict(labels)["column"] for family, labels in found if family == "kerasline_drift_distance"}
    assert shown == {f"c{n}" for n in range(4900, 5000)}
    assert value(found, "kerasline_drift_columns") == 5000


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "null", "{}", json.dumps({**FOUND, "drift": None}), json.dumps({**FOUND, "alarms": 3})]
)
def test_a_file_of_no_use_is_passed_over(tmp_path: Path, content: str) -> None:
    for kind in (LOOK, VERDICT):
        path = look_path(tmp_path, kind, "flats")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    assert watched_text(tmp_path, ["flats"], None) == ""


def test_a_workspace_that_cannot_be_written_keeps_nothing(tmp_path: Path) -> None:
    (tmp_path / "watch").write_text("a file where a folder should be")
    keep_look(tmp_path, LOOK, FOUND)
    assert watched_text(tmp_path, ["flats"], None) == ""
