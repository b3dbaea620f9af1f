"""When a schedule fits, on what, and with which model it answers the next span."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from kerasline.components.core import ConfigError, KeraslineError
from kerasline.components.datasets.tables import Span
from kerasline.pipeline.backtesting.past import Past
from kerasline.pipeline.backtesting.replaying import Course, Replay, replay
from kerasline.pipeline.backtesting.schedules import parse_schedules
from kerasline.pipeline.backtesting.workers import Tasks, open_tasks


class Recorder:
    """Takes the place of the workers: answers as a run of that status would, and remembers what it was asked."""

    def __init__(self, statuses: Mapping[str, str], drifted: frozenset[str] = frozenset()) -> None:
        self.asked: list[str] = []
        self.keys: set[str] = set()
        self._statuses, self._drifted = statuses, drifted

    def result(self, key: str, task: Mapping[str, Any]) -> dict[str, Any]:
        self.keys.add(key)
        kind, name = key.rsplit("-", 1)[0].split("/")
        self.asked.append(f"{kind} {name}")
        if kind == "answers":
            return {"rows": 10, "metrics": {"accuracy": {"value": 1.0, "low": 0.9, "high": 1.0}}, "message": ""}
        if kind == "drift":
            return {"is_reason": name in self._drifted, "reason": f"{name} drifted"}
        status = self._statuses.get(name, "pushed")
        if status == "refused":
            raise ConfigError("the label has one value only")
        model = f"models/{name.split('-after')[0]}" if status == "pushed" else None
        return {"status": status, "message": "", "model": model, "seconds": 2.0}


def go(tmp_path: Path, word: str, recorder: Recorder, spans: int = 5, delay: int = 0, code: str = "code") -> Course:
    found = []
    for number in range(1, spans + 1):
        file = tmp_path / f"{number}.csv"
        if not file.is_file():
            file.write_text("x,kind\n" + f"{number},a\n" * number)
        found.append(Span(number, None, (file,)))
    past = Past(tuple(found), delay, spans - 1, delay, ())
    tasks = cast(Tasks, recorder)
    how = Replay("weekly", lambda first, last: "", tmp_path, tmp_path / "b", None, past, tasks, lambda line: None, code)
    return replay(parse_schedules([word], None)[0], how)


def in_place(course: Course) -> list[str | None]:
    """The spans of the model that answered each span."""
    return [look["model"] for look in course.looks]


@pytest.mark.parametrize(
    ("word", "runs", "models"),
    [
        ("never", 1, ["1", "1", "1", "1"]),
        ("every", 4, ["1", "1 to 2", "1 to 3", "1 to 4"]),
        ("every-2", 2, ["1", "1", "1 to 3", "1 to 3"]),
        ("every/last-2", 4, ["1", "1 to 2", "2 to 3", "3 to 4"]),
    ],
)
def test_each_model_answers_the_span_after_those_it_saw(
    tmp_path: Path, word: str, runs: int, models: list[str]
) -> None:
    course = go(tmp_path, word, Recorder({}))
    assert [look["span"] for look in course.looks] == ["2", "3", "4", "5"]
    assert in_place(course) == models
    assert len(course.fits) == runs


def test_what_is_kept_of_other_code_or_other_files_is_not_taken(tmp_path: Path) -> None:
    """Nor of files that have the size and the time of those before them."""
    recorders = [Recorder({}) for _ in range(4)]
    go(tmp_path, "every", recorders[0])
    go(tmp_path, "every", recorders[1])
    go(tmp_path, "every", recorders[2], code="other code")
    file = tmp_path / "1.csv"
    before = file.stat()
    file.write_text(file.read_text().replace("a", "b"))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    go(tmp_path, "every", recorders[3])
    first, again, *others = (recorder.keys for recorder in recorders)
    assert first == again and len(first) == 8
    assert not first & (others[0] | others[1])


def test_a_fit_is_compared_with_what_its_own_schedule_has_in_production(tmp_path: Path) -> None:
    recorder = Recorder({})
    go(tmp_path, "every-2", recorder)
    assert [line for line in recorder.asked if line.startswith("fit")] == ["fit 1_1", "fit 1_3-after-1_1"]


def test_late_labels_are_not_there_yet(tmp_path: Path) -> None:
    course = go(tmp_path, "every", Recorder({}), delay=2)
    assert [(look["span"], look["model"]) for look in course.looks] == [("4", "1"), ("5", "1 to 2")]


def test_what_a_gate_refuses_leaves_production_as_it_is(tmp_path: Path) -> None:
    statuses = {"1_2-after-1_1": "data_rejected", "1_3-after-1_1": "not_blessed", "1_4-after-1_1": "refused"}
    course = go(tmp_path, "every", Recorder(statuses))
    assert in_place(course) == ["1", "1", "1", "1"]
    assert course.refused() == {"data": 1, "model": 1, "failed": 1}
    assert course.fits[-1]["message"] == "the label has one value only"


def test_without_a_model_the_next_span_is_tried(tmp_path: Path) -> None:
    course = go(tmp_path, "never", Recorder({"1_1": "not_blessed"}))
    assert in_place(course) == [None, "1 to 2", "1 to 2", "1 to 2"]
    assert [fit["reason"] for fit in course.fits] == ["nothing is in production"] * 2


def test_drift_is_looked_at_where_a_span_has_arrived(tmp_path: Path) -> None:
    recorder = Recorder({}, frozenset({"1_3-after-1_1"}))
    course = go(tmp_path, "drift", recorder)
    assert in_place(course) == ["1", "1", "1 to 3", "1 to 3"]
    assert course.fits[1]["reason"] == "1_3-after-1_1 drifted"
    asked = [line for line in recorder.asked if line.startswith("drift")]
    assert asked == ["drift 1_2-after-1_1", "drift 1_3-after-1_1", "drift 1_4-after-1_3"]


def test_a_task_is_done_once_and_kept(tmp_path: Path) -> None:
    """What a worker cannot do is told and not kept."""
    with open_tasks(tmp_path / "b", 1) as tasks, pytest.raises(KeraslineError, match="KeyError: 'brew'"):
        tasks.result("fit/coffee", {"do": "brew"})
    assert not (tmp_path / "b" / "fit" / "coffee.json").exists()
    (tmp_path / "b" / "fit").mkdir()
    (tmp_path / "b" / "fit" / "coffee.json").write_text('{"status": "pushed"}')
    with open_tasks(tmp_path / "b", 1) as tasks:
        assert tasks.result("fit/coffee", {"do": "brew"}) == {"status": "pushed"}
        assert (tasks.done, tasks.kept) == (0, 1)
