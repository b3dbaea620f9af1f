"""Fits a version again from what its run recorded, in a workspace that is thrown away: ``kerasline reproduce``."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kerasline.components.core import (
    ConfigError,
    KeraslineError,
    code_version,
    describe_environment,
)
from kerasline.components.registry import read_record
from kerasline.pipeline.config import write_text
from kerasline.pipeline.models import find_version
from kerasline.pipeline.run.apart import run_apart
from kerasline.pipeline.workspace import figures_here, list_runs

# As many digits of a metric as rounding leaves alike when additions happen in another order.
_ALIKE = 1e-6


@dataclass(frozen=True)
class Reproduction:
    """How a version and its repetition compare.

    Attributes:
      model: ``NAME@VERSION``.
      same_weights: Whether the weights are equal, bit by bit.
      same_metrics: Whether the metrics on the eval split are equal up to rounding.
      metrics: By name ``recorded`` and ``repeated``.
      differences: What is not as it was when the version was made, in sentences: data, libraries, lock, code.
    """

    model: str
    same_weights: bool
    same_metrics: bool
    metrics: dict[str, dict[str, float | None]]
    differences: list[str]

    def as_json(self) -> dict[str, Any]:
        """Returns the fields of ``--json``."""
        return asdict(self)


def reproduce(workspace: Path, reference: str) -> Reproduction:
    """Fits a version again and compares weights and metrics with what was recorded.

    The steps up to ``evaluate`` run with the recorded config and seed; nothing in the workspace changes.

    Args:
      workspace: The folder of runs and models.
      reference: ``NAME``, which means what is in production, or ``NAME@VERSION``.

    Returns:
      The comparison.

    Raises:
      ConfigError: There is no such version, or the report of its run is gone.
      KeraslineError: The run did not come to its end; its last line says why.
    """
    folder, number = find_version(workspace / "models", reference)
    name, record = f"{folder.name}@{number}", read_record(folder, number)
    run = _recorded_run(workspace, name, record)
    figures = figures_here(Path(run["report"]).parent)
    with tempfile.TemporaryDirectory(prefix="kerasline-reproduce-") as temporary:
        home = Path(temporary)
        _take_schema(workspace, folder.name, run.get("schema_file"), home)
        recipe = home / f"{folder.name}.yaml"
        recipe.write_text(write_text({**figures["experiment"], "tuning": None}), encoding="utf-8")
        repeated = _run_again(recipe, _found_by_search(run), Path(run["data_from"]), home)
    return Reproduction(
        model=name,
        same_weights=_weights(run) is not None and _weights(run) == _weights(repeated),
        same_metrics=_are_alike(run["metrics"], repeated["metrics"]),
        metrics={
            metric: {"recorded": value, "repeated": repeated["metrics"].get(metric)}
            for metric, value in run["metrics"].items()
        },
        differences=_differences(record, figures, repeated),
    )


def _recorded_run(workspace: Path, name: str, record: Mapping[str, Any]) -> dict[str, Any]:
    """Finds what the run that made a version left."""
    found = [run for run in list_runs(workspace) if run["run_id"] == record.get("run_id")]
    if not found or not found[0].get("report"):
        raise ConfigError(
            f"{name} was made by run {record.get('run_id') or 'unknown'}, whose report is not in {workspace}; without "
            "the config that is in it the version cannot be made again"
        )
    if "data_from" not in found[0]:
        raise ConfigError(
            f"{name} was made by an earlier release, which did not record where its data lay; run its recipe again "
            "(kerasline run RECIPE), and the version that this pushes can be reproduced"
        )
    return found[0]


def _take_schema(workspace: Path, name: str, schema: str | None, home: Path) -> None:
    """Puts the curated schema beside the recipe, and where it came from into the workspace, as the run found them."""
    note = workspace / "schemas" / f"{name}.origin.json"
    if note.is_file():
        (home / "schemas").mkdir()
        shutil.copy(note, home / "schemas")
    if schema and Path(schema).is_file():
        shutil.copy(schema, home)


def _found_by_search(run: Mapping[str, Any]) -> list[str]:
    """Returns what a search has changed, as words of the command line: the search is not repeated."""
    changed = (run.get("tuning") or {}).get("changed", ())
    return [word for change in changed for word in ("--set", f"{change['key']}={json.dumps(change['tuned'])}")]


def _run_again(recipe: Path, changes: list[str], data_from: Path, home: Path) -> dict[str, Any]:
    """Runs a recipe up to ``evaluate`` in a process of its own, whose progress stays on the screen."""
    words = [str(recipe), "--workspace", str(home), "--until", "evaluate", "--data-dir", str(data_from), *changes]
    # A user's own module may lie beside the recipe.
    path = os.pathsep.join(filter(None, [str(data_from), os.environ.get("PYTHONPATH", "")]))
    try:
        return run_apart(words, home, env={**os.environ, "PYTHONPATH": path})
    except KeraslineError as error:
        raise KeraslineError(f"the repetition {error}") from None


def _weights(run: Mapping[str, Any]) -> str | None:
    return (run.get("training") or {}).get("weights_sha256")


def _are_alike(recorded: Mapping[str, float | None], repeated: Mapping[str, float | None]) -> bool:
    return recorded.keys() == repeated.keys() and all(
        _is_near(value, repeated[metric]) for metric, value in recorded.items()
    )


def _is_near(first: float | None, second: float | None) -> bool:
    if first is None or second is None:
        return first is second
    return abs(first - second) <= _ALIKE * max(1.0, abs(first))


def _differences(record: Mapping[str, Any], figures: Mapping[str, Any], repeated: Mapping[str, Any]) -> list[str]:
    """Says what is not as it was: each may be why weights differ."""
    told = []
    if record.get("data_fingerprint") != repeated["data_fingerprint"]:
        told.append("the data, or how it is read, has changed since: its fingerprint is another")
    before, now = dict(record.get("environment") or {}), describe_environment()
    if before.pop("lock_sha256", None) != now.pop("lock_sha256"):
        told.append("the list of locked libraries has changed since")
    told += [
        f"{name} was {before.get(name, 'unknown')} and is {version}"
        for name, version in now.items()
        if before.get(name) != version
    ]
    if figures["run"]["code_version"] != code_version("kerasline.pipeline.graph"):
        told.append("the code of kerasline has changed since")
    return told
