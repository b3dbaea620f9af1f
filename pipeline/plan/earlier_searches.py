"""What earlier searches of a recipe say about the next: where to start (``tuning.reuse``), and how long trials take.

Both are found before the graph is built, so the values are part of the search's cache key.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kerasline.components.core import ConfigError
from kerasline.components.fitting import FitSettings
from kerasline.components.tuning import TuningOptions, usable_start
from kerasline.pipeline.workspace import run_folders


@dataclass(frozen=True)
class SearchStart:
    """What trial 1 of a search takes over.

    Attributes:
      values: by config key; empty where nothing is taken over.
      note: where they come from or why there are none, in words; empty where nobody asked.
    """

    values: dict[str, Any] = field(default_factory=dict)
    note: str = ""


def find_start(options: TuningOptions | None, settings: FitSettings, run_key: str, reports: Path) -> SearchStart:
    """Looks for the last run of the recipe with a search; runs of this very experiment on this very data do not count.

    They would make a repeated run start from its own end, and never be up to date.

    Args:
      options: of this run; None without a search.
      settings: the config as it is.
      run_key: of this run.
      reports: where the reports of the recipe's runs are, a folder for each.
    """
    if options is None or options.reuse is None:
        return SearchStart()
    for folder, search in _searches(reports):
        if _read(folder / "run.json").get("run_key") == run_key:
            continue
        best = _best_tuned(search)
        try:
            values = usable_start(settings, options, best["values"])
        except ConfigError as error:
            return SearchStart(
                {}, f"tuning.reuse: the best trial of run {folder.name} does not suit the config: {error}"
            )
        if not values:
            return SearchStart({}, f"tuning.reuse: the space has no key of the search of run {folder.name}")
        return SearchStart(values, f"tuning.reuse: trial 1 starts from trial {best['number']} of run {folder.name}")
    return SearchStart({}, "tuning.reuse: there is no earlier search of this recipe to start from")


def _best_tuned(search: dict[str, Any]) -> dict[str, Any]:
    """Returns the winner, or the best of the other trials where the config as it was won, which is trial 0 again."""
    trials = [trial for trial in search["trials"] if trial["score"] is not None]
    tuned = [trial for trial in trials if trial["number"] > 0]
    if search["best"] == 0 and tuned:
        return (max if search["direction"] == "max" else min)(tuned, key=lambda trial: trial["score"])
    return next(trial for trial in trials if trial["number"] == search["best"])


def check_budget(options: TuningOptions | None, settings: FitSettings, reports: Path) -> None:
    """Refuses a budget of less than half the time of the last search's fastest trial, at this search's epochs.

    Half, because a machine that was busy then must not stop a recipe for good.

    Raises:
      ConfigError: says how long that trial took.
    """
    if options is None:
        return
    seconds = options.budget_seconds()
    folder, trials = _last_trials(reports)
    if seconds is None or folder is None or not trials:
        return
    planned = options.max_epochs or settings.training.epochs
    fastest = min(trials, key=lambda trial: trial["seconds"])
    if fastest["seconds"] * min(1.0, planned / fastest["epochs"]) > 2 * seconds:
        raise ConfigError(
            f"tuning.budget: expected time for at least one trial, got {options.budget}; the fastest trial of run "
            f"{folder.name} took {fastest['seconds']:.0f} s for {fastest['epochs']} epochs, so give more, or lower "
            "tuning.max_epochs"
        )


def _last_trials(reports: Path) -> tuple[Path | None, list[dict[str, Any]]]:
    """Returns the report of the last run with a search, and those of its trials that trained and were scored."""
    folder, search = next(_searches(reports), (None, {}))
    return folder, [trial for trial in search.get("trials", []) if trial["score"] is not None and trial["epochs"]]


def _searches(reports: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Gives the runs with a search, the last first, each as its report's folder and what that tells of the search."""
    for folder in reversed(run_folders(path.parent for path in reports.glob("*/run.json"))):
        search = _read(folder / "figures.json").get("tuning")
        if search:
            yield folder, search


def _read(path: Path) -> dict[str, Any]:
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return read if isinstance(read, dict) else {}
