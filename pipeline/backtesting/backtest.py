"""``kerasline backtest``: past spans replayed under several schedules, in workspaces of their own."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from kerasline.components.core import ConfigError, code_version, write_at_once
from kerasline.components.datasets import Places
from kerasline.components.own_code import use_folder
from kerasline.pipeline.backtesting.past import Past, find_past
from kerasline.pipeline.backtesting.replaying import Course, Replay, first_fit, replay
from kerasline.pipeline.backtesting.schedules import DRIFT, Schedule, default_schedules, parse_schedules
from kerasline.pipeline.backtesting.workers import open_tasks
from kerasline.pipeline.config import Experiment, load_experiment, write_text
from kerasline.pipeline.plan import (
    OF_A_RUN,
    check_first,
    find_schema_file,
    own_modules,
    resolve_weights,
    settle_preset,
)
from kerasline.pipeline.workspace import open_workspace

RESULT_FILE, PAGE_FILE = "backtest.json", "index.html"
_CODE = ("kerasline.pipeline.graph", "kerasline.pipeline.backtesting.trial")  # fits, and measures


@dataclass(frozen=True)
class Request:
    """What is to be replayed.

    Attributes:
      recipe: a shipped recipe's name, or the path of a YAML file.
      changes: ``KEY=VALUE`` with dotted keys.
      first, last: the first and the last span that arrives; None for the oldest and the newest.
      schedules: words such as ``every-2/last-4``; none for a choice by default.
      delay: by how many spans labels come later than their rows.
      jobs: how many processes fit.
      data_dir: ``--data-dir``.
    """

    recipe: str
    changes: Sequence[str]
    first: str | None
    last: str | None
    schedules: Sequence[str]
    delay: int
    jobs: int
    data_dir: Path | None


def backtest(request: Request, workspace: Path, tell: Callable[[str], None]) -> dict[str, Any]:
    """Replays past spans as if each had just arrived, under several schedules.

    What was done is kept below ``workspace/backtests/NAME``: giving the request again goes on where it was, and another
    one takes what it can from it. Models in production are not touched.

    Args:
      request: what is to be replayed.
      workspace: that has the folder.
      tell: shows a line.

    Returns:
      ``schedules`` (``name``, ``runs``, ``quality``, ``refused``, ``seconds``, ``over_time``, ``fits``, ``compared``),
      ``recommended``, ``reason``, ``metric`` and more.

    Raises:
      ConfigError: the recipe, its spans or a schedule are not what they must be; nothing has run.
      KeraslineError: a process ended early.
    """
    experiment, base_dir = load_experiment(request.recipe, request.changes)
    places = Places(base_dir, request.data_dir)
    past = find_past(experiment, places, request.first, request.last, request.delay)
    schedules = _schedules(request, experiment, past)
    check_first(experiment, base_dir, request.data_dir, workspace)
    home = open_workspace(workspace)
    data_dir = (request.data_dir or base_dir).resolve()
    # The recipes of the fits lie elsewhere.
    use_folder(base_dir, own_modules(experiment))
    settled = settle_preset(resolve_weights(experiment, home.root), base_dir)
    write = _recipe_writer(settled, places, past)
    folder = home.root / "backtests" / experiment.name / _digest(write("", ""), data_dir)
    for line in past.skipped:
        tell(f"note: {line}")
    tell(_announce(experiment.name, schedules, past, folder))
    started = time.monotonic()
    # Whatever ends this ends the tasks first: schedules go on for as long as theirs are done.
    with ThreadPoolExecutor(len(schedules)) as pool, open_tasks(folder, request.jobs) as tasks:
        own = find_schema_file(experiment.name, base_dir, home.root).path
        schema = own.parent if own.is_file() else None
        code = _hash_code(experiment, own)
        how = Replay(experiment.name, write, data_dir, folder, schema, past, tasks, tell, code)
        courses = _replay_all(schedules, how, pool)
        work = {"done": tasks.done, "kept": tasks.kept}
    return _describe(experiment, past, courses, folder, {**work, "seconds": round(time.monotonic() - started, 1)})


def _schedules(request: Request, experiment: Experiment, past: Past) -> list[Schedule]:
    """Returns what is compared."""
    window = experiment.data.spans.window if experiment.data.spans else None
    policy = experiment.validation.drift.policy
    if request.schedules:
        chosen = parse_schedules(request.schedules, window)
        if policy == "off" and any(schedule.trigger == DRIFT for schedule in chosen):
            raise ConfigError("--schedule: expected validation.drift: warn with the schedule drift, got off")
        return chosen
    usual = default_schedules(len(past.arrivals), past.window(past.last - 1, None)[1] + 1, window)
    # Where drift stops a run, it is no reason for one.
    return [schedule for schedule in usual if schedule.trigger != DRIFT or policy == "warn"]


def _recipe_writer(experiment: Experiment, places: Places, past: Past) -> Callable[[str, str], str]:
    """Makes what writes the recipe of a fit: on some spans, and with nothing that reaches out of its workspace."""
    spans = experiment.data.spans
    assert spans is not None
    pattern = _found_pattern(spans.pattern, places, past)

    def write(first: str, last: str) -> str:
        told = experiment.model_dump(mode="json")
        told["data"]["spans"] |= {"pattern": pattern, "window": None, "first": first, "last": last}
        told["schedule"] = None
        told["report"] |= {"mlflow": None, "tensorboard": False, "explanations": "off"}
        told["run"]["metadata"] = None
        told["push"] |= {"keep": 10_000, "formats": ["saved_model"], "sign": None}
        return write_text(told)

    return write


def _found_pattern(pattern: str, places: Places, past: Past) -> str:
    """Returns the pattern from the root on: the place of those that it may mean which has the spans."""
    file = past.spans[0].files[0]
    for candidate in places.candidates(pattern):
        fixed = str(candidate).partition("{")[0].rpartition("/")[0].partition("*")[0]
        if str(file).startswith(fixed):
            return str(candidate)
    return pattern  # an address


def _hash_code(experiment: Experiment, schema: Path) -> str:
    """Returns what changes with the code that fits and measures, the user's included, and with the curated schema."""
    code = code_version(*_CODE, *own_modules(experiment, *OF_A_RUN))
    curated = schema.read_bytes() if schema.is_file() else b""
    return hashlib.sha256(code.encode() + b"\0" + curated).hexdigest()[:12]


def _digest(recipe: str, data_dir: Path) -> str:
    return hashlib.sha256(f"{recipe}\0{data_dir}".encode()).hexdigest()[:8]


def _announce(name: str, schedules: Sequence[Schedule], past: Past, folder: Path) -> str:
    first, last = past.keys[past.first], past.keys[past.last]
    names = ", ".join(schedule.name for schedule in schedules)
    late = "" if not past.delay else f", labels {past.delay} later"
    return f"kerasline backtest {name}: spans {first} to {last} arrive{late}; schedules {names}\n  in {folder}"


def _replay_all(schedules: Sequence[Schedule], how: Replay, pool: ThreadPoolExecutor) -> list[Course]:
    """Replays every schedule; what they have in common is done once."""
    if how.schema is None:
        first_fit(schedules[0], how)
        first, last = (how.past.keys[place] for place in how.past.window(how.past.first, schedules[0].window))
        how = replace(how, schema=how.folder / "fits" / f"{first}_{last}")
    return list(pool.map(lambda schedule: replay(schedule, how), schedules))


def _describe(
    experiment: Experiment, past: Past, courses: Sequence[Course], folder: Path, work: dict[str, Any]
) -> dict[str, Any]:
    """Fills the fields of ``--json``, and keeps them, with a page, beside what they are taken from."""
    from kerasline.components.report import render_backtest
    from kerasline.pipeline.backtesting.judging import judge, quality

    verdict = judge(courses)
    told = {
        "recipe": experiment.name,
        "from": past.keys[past.first],
        "to": past.keys[past.last],
        "label_delay": past.delay,
        "schedules": [
            {
                "name": course.schedule.name,
                "runs": len(course.fits),
                "quality": quality(course.looks),
                "refused": course.refused(),
                "seconds": round(sum(fit["seconds"] for fit in course.fits), 1),
                "compared": verdict.compared.get(course.schedule.name),
                "over_time": [{k: v for k, v in look.items() if k != "answers"} for look in course.looks],
                "fits": course.fits,
            }
            for course in courses
        ],
        **{key: value for key, value in asdict(verdict).items() if key != "compared"},
        "work": work,
        "folder": str(folder),
    }
    write_at_once(folder / RESULT_FILE, json.dumps(told, indent=1))
    write_at_once(folder / PAGE_FILE, render_backtest(told))
    return told
