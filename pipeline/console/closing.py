"""The end of a run on the screen: its figures side by side, what became of it, and commands to try next."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from kerasline.components.core import ConfigError, rounded
from kerasline.pipeline.config import load_experiment
from kerasline.pipeline.workspace import section

WORKSPACE = Path("workspace")  # which no command needs to be told

_WORDS = {
    "pushed": "blessed and pushed",
    "up_to_date": "everything was cached: already up to date",
    "not_blessed": "not blessed: nothing was pushed",
    "data_rejected": "the data gate stopped the run",
    "failed": "the run failed",
}


@dataclass(frozen=True)
class Typed:
    """What was typed to start a run; further commands begin from it.

    Attributes:
      recipe: name or path.
      changes: of ``--set``.
      data_dir: ``--data-dir``, or None.
      workspace: ``--workspace``.
    """

    recipe: str
    changes: Sequence[str] = ()
    data_dir: Path | None = None
    workspace: Path = WORKSPACE

    def again(self, changes: Sequence[str] = ()) -> str:
        """Returns the command of this run with more changes, which go before those of the same keys."""
        keys = {change.partition("=")[0] for change in changes}
        kept = [change for change in self.changes if change.partition("=")[0] not in keys]
        words = ["run", self.recipe, *_sets([*kept, *changes])]
        return self._command(*words, *(("--data-dir", str(self.data_dir)) if self.data_dir else ()))

    def there(self, *words: str) -> str:
        """Returns another command on the same workspace."""
        return self._command(*words)

    def _command(self, *words: str) -> str:
        where = () if self.workspace == WORKSPACE else ("--workspace", str(self.workspace))
        return shlex.join(["kerasline", *words, *where])


def show_outcome(result: Mapping[str, Any], typed: Typed) -> None:
    """Prints the short table at the end of a run, and the commands to try next.

    Args:
      result: the JSON contract.
      typed: what started the run.
    """
    console = Console(highlight=False, soft_wrap=True)
    if result["metrics"]:
        console.print(_table(result))
    for reference in result.get("references") or []:
        console.print(f"beside  {reference['text']}", markup=False)
    console.print(f"{outcome_words(result)}, {result['seconds']['total']:.0f} s", markup=False)
    if result["status"] == "pushed" and result.get("missing_baseline"):
        console.print(f"gate    compared with limits only, since {result['missing_baseline']}", markup=False)
    for remark in _comparison_remarks(result):
        console.print(f"gate    {remark}", markup=False)
    if result["model"]:
        console.print(f"model   version {result['model']['version']}, {result['model']['path']}", markup=False)
    if result.get("challenges"):
        console.print(f"beside  version {result['challenges']}, which stays in production for now", markup=False)
    console.print(f"report  {result['report']}", markup=False)
    console.print(f"next    {' · '.join(next_commands(result, typed))}", markup=False)


def _comparison_remarks(result: Mapping[str, Any]) -> list[str]:
    """Lists what makes figures that were good enough less fair than they look; a refusal has it in its sentence."""
    measured = ("threshold", "baseline", "trivial", "reference")
    passed = [row for row in result.get("gate") or [] if row["passed"] and row["part"] in measured]
    return list(dict.fromkeys(row["detail"] for row in passed if row.get("detail")))


def outcome_words(result: Mapping[str, Any]) -> str:
    """Says in a few words what became of a run, of which ``result`` is the JSON contract."""
    last = section(result, "part").get("until")
    return _WORDS.get(result["status"], f"stopped after {last}, as asked: nothing was pushed")


def _table(result: Mapping[str, Any]) -> Table:
    table = Table(box=None, header_style="bold")
    for title in ("metric", "eval", "production", "trivial", "test"):
        table.add_column(title, justify="left" if title == "metric" else "right")
    for name, value in result["metrics"].items():
        others = [(result[key] or {}).get(name) for key in ("baseline", "trivial", "test_metrics")]
        table.add_row(name, *_alike([value, *others]))
    return table


def _alike(values: Sequence[float | None]) -> list[str]:
    """Writes the figures of one metric so that they compare; errors in the label's units may be of any size."""
    largest = max((abs(value) for value in values if value is not None), default=0.0)
    if 0 < largest < 0.01 or largest >= 10_000:
        return [rounded(value) for value in values]
    return ["" if value is None else f"{value:.4f}" for value in values]


def next_commands(result: Mapping[str, Any], typed: Typed) -> list[str]:
    """Returns the commands that fit what became of a run; each works as it stands.

    Args:
      result: the JSON contract.
      typed: what started the run.
    """
    status = result["status"]
    commands = [typed.there("runs")]
    if result.get("run_id"):
        commands.append(typed.there("report", result["run_id"]))
    if status in ("pushed", "up_to_date"):
        commands.append(typed.there("models", result["recipe"]))
    if result.get("challenges"):
        commands += [typed.there("serve"), typed.there("verdict", result["recipe"])]
    if status == "data_rejected" and _can_accept(Path(result["report"]).parent):
        commands.append(typed.there("schema", "accept", typed.recipe, *_sets(typed.changes)))
    if status == "partial":
        commands.append(typed.again())
    if status == "failed":
        commands.append(f"{typed.again()} --debug")
    return [*commands, *_treatment(result, typed)]


def _treatment(result: Mapping[str, Any], typed: Typed) -> Iterator[str]:
    """Gives the run that the report advises most, if it advises any; a good fit is left alone."""
    if result["status"] in ("partial", "failed", "data_rejected"):
        return
    advised = [
        treatment["changes"]
        for diagnosis in result.get("diagnosis") or []
        if diagnosis["level"] != "good"
        for treatment in diagnosis["treatments"]
        if treatment["changes"]
    ]
    for changes in advised:
        try:
            load_experiment(typed.recipe, [*typed.changes, *changes])
        except ConfigError:
            continue
        yield typed.again(changes)
        return


def _can_accept(report: Path) -> bool:
    try:
        return json.loads((report / "verdict.json").read_text(encoding="utf-8")).get("accept") is not None
    except (OSError, ValueError, AttributeError):
        return False


def _sets(changes: Sequence[str]) -> list[str]:
    return [word for change in changes for word in ("--set", change)]
