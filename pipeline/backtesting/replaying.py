"""How one schedule would have gone: when it fits, what is in production then, and how that answers the next span."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kerasline.components.core import ConfigError
from kerasline.pipeline.backtesting.past import Past
from kerasline.pipeline.backtesting.schedules import DRIFT, Schedule
from kerasline.pipeline.backtesting.workers import Tasks

_MODELS = ("pushed", "up_to_date")
_REFUSALS = {"data_rejected": "data", "not_blessed": "model"}


@dataclass(frozen=True)
class Replay:
    """What every schedule of a backtest goes by.

    Attributes:
      name: of the recipe.
      recipe: makes the recipe's text, of the first and the last span that it is to use.
      data_dir: where relative paths of the data start.
      folder: of the backtest.
      schema: a folder that has the curated schema, None until there is one.
      past: the spans.
      tasks: does what takes time.
      tell: says how far it is.
      code: changes with what decides a fit besides recipe and spans: our code and the user's, and the curated schema.
    """

    name: str
    recipe: Callable[[str, str], str]
    data_dir: Path
    folder: Path
    schema: Path | None
    past: Past
    tasks: Tasks
    tell: Callable[[str], None]
    code: str


@dataclass
class Course:
    """How a schedule went.

    Attributes:
      schedule: it.
      fits: one entry for each run: ``at`` and ``spans`` (names of spans), ``status``, ``reason``, ``message``,
        ``seconds`` and ``model``.
      looks: one entry for each span that was measured: ``span``, ``model`` (the spans that it was fitted on, None
        without one), ``rows``, ``metrics``, ``message`` and ``answers`` (a file).
    """

    schedule: Schedule
    fits: list[dict[str, Any]] = field(default_factory=list)
    looks: list[dict[str, Any]] = field(default_factory=list)

    def refused(self) -> dict[str, int]:
        """Counts the runs that the data gate and the model gate stopped, and those that failed."""
        counts = {"data": 0, "model": 0, "failed": 0}
        for fit in self.fits:
            if fit["status"] not in _MODELS:
                counts[_REFUSALS.get(fit["status"], "failed")] += 1
        return counts


@dataclass(frozen=True)
class _Model:
    """A version: its folder, and the places of the spans that it was fitted on."""

    folder: str
    window: tuple[int, int]


def replay(schedule: Schedule, how: Replay) -> Course:
    """Replays the spans under a schedule.

    Raises:
      ConfigError: the recipe cannot run on any span.
      KeraslineError: a process ended early.
    """
    course, production = Course(schedule), None
    tried: tuple[int, int] | None = None
    since = 0
    for arrival in how.past.arrivals:
        window = how.past.window(arrival, schedule.window)
        since += 1
        reason = None if window == tried else _reason(schedule, production, since, window, how)
        if reason:
            fitted, told = _fit(window, production, how)
            course.fits.append({"at": how.past.keys[arrival], "reason": reason, **told})
            production, tried, since = fitted or production, window, 0
            how.tell(f"{schedule.name:<16} span {how.past.keys[arrival]} arrives: {_outcome(told)}")
        course.looks.append(_look(arrival + 1, production, how))
    return course


def first_fit(schedule: Schedule, how: Replay) -> None:
    """Does the run that every schedule with this window begins with, which writes the curated schema.

    Raises:
      ConfigError: the recipe cannot run on these spans.
    """
    _run(how.past.window(how.past.first, schedule.window), None, how)


def _reason(
    schedule: Schedule, production: _Model | None, since: int, window: tuple[int, int], how: Replay
) -> str | None:
    """Says why a model is to be fitted now, or None where it is not."""
    if production is None:
        return "nothing is in production"
    if schedule.is_due(since):
        return "a span has arrived" if schedule.step == 1 else f"{since} spans have arrived"
    if schedule.trigger == DRIFT:
        task = _task("drift", window, production, how)
        found = how.tasks.result(f"drift/{_key(window, production, how)}", task)
        return found["reason"] if found["is_reason"] else None
    return None


def _fit(window: tuple[int, int], production: _Model | None, how: Replay) -> tuple[_Model | None, dict[str, Any]]:
    """Runs the recipe on some spans; a config that does not suit them is a run that failed."""
    try:
        told = _run(window, production, how)
    except ConfigError as error:
        told = {"status": "failed", "message": str(error), "model": None, "seconds": 0.0}
    model = _Model(told["model"], window) if told["model"] else None
    kept = {key: told[key] for key in ("status", "message", "seconds")}
    return model, {"spans": _shown(window, how), **kept}


def _run(window: tuple[int, int], production: _Model | None, how: Replay) -> dict[str, Any]:
    return how.tasks.result(f"fit/{_key(window, production, how)}", _task("fit", window, production, how))


def _task(what: str, window: tuple[int, int], production: _Model | None, how: Replay) -> dict[str, Any]:
    first, last = (how.past.keys[place] for place in window)
    return {
        "do": what,
        "name": how.name,
        "recipe": how.recipe(first, last),
        "folder": str(how.folder / "fits" / f"{first}_{last}"),
        "data_dir": str(how.data_dir),
        "schema": str(how.schema) if how.schema else None,
        "production": production.folder if production else None,
    }


def _key(window: tuple[int, int], production: _Model | None, how: Replay) -> str:
    """Names what a run depends on: code, the content of its spans, and of those of the model in production."""
    digests = [how.code, how.past.digest(*window), *([how.past.digest(*production.window)] if production else [])]
    mark = hashlib.sha256(",".join(digests).encode()).hexdigest()[:8]
    before = f"-after-{_name(production.window, how)}" if production else ""
    return f"{_name(window, how)}{before}-{mark}"


def _look(place: int, production: _Model | None, how: Replay) -> dict[str, Any]:
    """Measures what is in production on a span that it has not seen."""
    span = how.past.keys[place]
    if production is None:
        return {"span": span, "model": None, "rows": 0, "metrics": {}, "message": "nothing is in production"}
    digests = [how.code, how.past.digest(*production.window), how.past.digest(place, place)]
    mark = hashlib.sha256(",".join(digests).encode())
    key = f"answers/{_name(production.window, how)}-to-{span}-{mark.hexdigest()[:8]}"
    output = how.folder / f"{key}.npz"
    output.parent.mkdir(parents=True, exist_ok=True)
    files = [str(path) for path in how.past.files(place, place)]
    task = {"do": "answer", "model": production.folder, "files": files, "output": str(output)}
    told = how.tasks.result(key, task)
    return {"span": span, "model": _shown(production.window, how), "answers": str(output), **told}


def _name(window: tuple[int, int], how: Replay) -> str:
    return "_".join(how.past.keys[place] for place in window)


def _shown(window: tuple[int, int], how: Replay) -> str:
    first, last = (how.past.keys[place] for place in window)
    return first if first == last else f"{first} to {last}"


def _outcome(told: Mapping[str, Any]) -> str:
    return f"fitted on {told['spans']}, {told['status'].replace('_', ' ')} in {told['seconds']:.0f} s"
