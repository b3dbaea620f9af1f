"""Why a step runs again: what each step of a run was told, kept beside the report and compared with the next plan.

A step's key is a hash of its parameters and of the keys of the steps before it. A step whose key a finished run
already has is cached; otherwise the parameters that changed say why it is not.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerasline.components.core import write_at_once
from kerasline.pipeline.workspace.contents import find_loss
from kerasline.pipeline.workspace.history import read_outcome, run_folders

# The ids of all steps that a pipeline can have, in the order in which they run.
STEPS = (
    *("ingest", "statistics", "curated", "schema", "anomalies", "validate", "transform", "tune", "train", "baseline"),
    *("evaluate", "parity", "formats", "gate", "push", "explain", "report"),
)
STEPS_FILE = "steps.json"
_LONGEST_VALUE = 40
_NEVER = "has not finished before"
_FOLLOWS = ("record.run_key",)  # sums up what else changed
_KEY_FORM = 2  # another one with each change of what a runner finds outputs by
_EARLIER = "an earlier version ran it, which kept outputs under other keys"
_OTHER_STORE = "another store of ML Metadata has what it left"
_NO_STORE = "metadata.sqlite, which says where earlier outputs are, is gone"


def free_name(name: str) -> str:
    """Gives a pipeline that has the id of a step, which TFX does not take, a name beside it: ``train_model``."""
    return f"{name}_model" if name in STEPS else name


@dataclass(frozen=True)
class StepInputs:
    """What decides a step's outputs.

    Attributes:
      parameters: As text.
      upstream: The steps whose artifacts it takes.
      waits_for: Other steps that must have ended well before; it runs after them, and takes nothing of theirs.
    """

    parameters: dict[str, str]
    upstream: tuple[str, ...]
    waits_for: tuple[str, ...] = ()


@dataclass(frozen=True)
class StepResult:
    """How a step went.

    Attributes:
      id: Of the step.
      seconds: Wall time.
      cached: Whether its outputs were reused.
      outputs: Where they lie.
    """

    id: str
    seconds: float
    cached: bool
    outputs: tuple[str, ...] = ()


@dataclass(frozen=True)
class StepForecast:
    """What would become of a step, and why; ``seconds`` is what it took the last time, None if it never ran."""

    id: str
    cached: bool
    reason: str
    seconds: float | None


def step_keys(steps: Mapping[str, StepInputs]) -> dict[str, str]:
    """Returns a key for each step; ``steps`` is in the order in which they run."""
    keys: dict[str, str] = {}
    for name, step in steps.items():
        upstream = {s: keys[s] for s in step.upstream}
        decisive = {"form": _KEY_FORM, "parameters": step.parameters, "upstream": upstream}
        keys[name] = hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()
    return keys


def write_steps(
    folder: Path, steps: Mapping[str, StepInputs], finished: Sequence[StepResult], server: str | None = None
) -> None:
    """Keeps what the finished steps of a run were told and where their outputs lie, in ``steps.json``.

    Args:
      folder: ``reports/NAME/RUN``.
      steps: Of the run.
      finished: Those that have finished.
      server: ``run.metadata``, which alone finds their outputs again; None for the workspace's own file.
    """
    keys = step_keys(steps)
    kept = {
        step.id: {
            **{"key": keys[step.id], "parameters": steps[step.id].parameters},
            **{"outputs": step.outputs, "server": server},
        }
        for step in finished
    }
    folder.mkdir(parents=True, exist_ok=True)
    write_at_once(folder / STEPS_FILE, json.dumps(kept))


def forecast(
    steps: Mapping[str, StepInputs], reports: Path, *, has_store: bool = True, server: str | None = None
) -> list[StepForecast]:
    """Says for every step whether it would run, and why.

    Args:
      steps: of the plan, in the order in which they run.
      reports: ``reports/NAME``, where earlier runs left ``steps.json`` and ``run.json``.
      has_store: whether ML Metadata is there, which finds what they left.
      server: ``run.metadata``; None for the workspace's own file.
    """
    history = [json.loads(p.read_text(encoding="utf-8")) for p in sorted(reports.glob(f"*/{STEPS_FILE}"))]
    root = reports.parents[1]
    keys, result = step_keys(steps), []
    seconds = _last_seconds(reports)
    running: set[str] = set()
    handed_on: dict[str, list[str]] = {}  # what the steps that are cached left
    for name, step in steps.items():
        alike = _runs_with(name, keys[name], server, history) if has_store else []
        # Its key is as before where a step before it has lost what it left: the new outputs will be others.
        waits = running.intersection(step.upstream)
        taken = None if waits else _newest_there(name, step, alike, handed_on, root)
        if taken is not None:
            handed_on[name] = sorted(taken.get("outputs", ()))
            result.append(StepForecast(name, True, "nothing changed", seconds.get(name)))
            continue
        running.add(name)
        before = next((run[name] for run in reversed(history) if name in run), None)
        reason = _reason(step, before, running, root, server) if has_store or before is None else _NO_STORE
        result.append(StepForecast(name, False, reason, seconds.get(name)))
    return result


def forecast_first(steps: Sequence[str], reports: Path) -> list[StepForecast]:
    """Says of every step that it would run where no run has finished one: what it is told decides nothing there.

    Args:
      steps: ids, in the order in which they run.
      reports: ``reports/NAME``.

    Returns:
      The same as :func:`forecast`; empty where a step has finished before.
    """
    if any(reports.glob(f"*/{STEPS_FILE}")):
        return []
    seconds = _last_seconds(reports)
    return [StepForecast(step, False, _NEVER, seconds.get(step)) for step in steps]


def _runs_with(
    name: str, key: str, server: str | None, history: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """Lists the runs that finished a step with a key, and entered it in the store in use."""
    own = (run for run in history if name in run)
    return [run for run in own if (run[name]["key"], run[name].get("server")) == (key, server)]


def _newest_there(
    name: str, step: StepInputs, runs: Sequence[Mapping[str, Any]], handed_on: Mapping[str, list[str]], root: Path
) -> Mapping[str, Any] | None:
    """Returns what the newest run that took the same left of a step, if it is still there.

    A step before it may have been made anew alone, with the same key and other outputs.
    """
    for run in reversed(runs):
        before = (one for one in step.upstream if one in run and one in handed_on)
        took_the_same = all(sorted(run[one].get("outputs", ())) == handed_on[one] for one in before)
        if took_the_same and _is_there(run[name], root):
            record: Mapping[str, Any] = run[name]
            return record
    return None


def _is_there(record: Mapping[str, Any], root: Path) -> bool:
    """Says whether what a step left is where it was, in its workspace; earlier releases did not say where that is."""
    return _loss_of(record, root) is None


def _loss_of(record: Mapping[str, Any], root: Path) -> str | None:
    """Says what is no longer as a step left it, in words that follow "what it left"; None where all is there."""
    places = (Path(place) for place in record.get("outputs", ()))
    losses = (find_loss(place) if place.is_relative_to(root) else "is gone" for place in places)
    return next(filter(None, losses), None)


def _reason(
    step: StepInputs, before: Mapping[str, Any] | None, running: set[str], root: Path, server: str | None
) -> str:
    if before is None:
        return _NEVER
    changes = [c for name in step.parameters for c in _changes(name, step.parameters, before["parameters"])]
    if changes:
        return "; ".join(changes[:3]) + (f"; and {len(changes) - 3} more" if len(changes) > 3 else "")
    upstream = [name for name in step.upstream if name in running]
    if upstream:
        return f"{' and '.join(upstream)} would run"
    return _why_not_found(before, root, server)


def _why_not_found(record: Mapping[str, Any], root: Path, server: str | None) -> str:
    loss = _loss_of(record, root)
    if loss is not None:
        return f"what it left {loss}"
    if "server" not in record:
        return _EARLIER
    return "this combination has not run before" if record.get("server") == server else _OTHER_STORE


def _changes(name: str, now: Mapping[str, str], before: Mapping[str, str]) -> list[str]:
    """Describes how one parameter changed, key by key where it is JSON."""
    if before.get(name) == now[name]:
        return []
    if name == "version":
        return [_other_version(now[name], before.get(name))]
    old, new = _flatten(before.get(name)), _flatten(now[name])
    keys = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    if any(key.endswith("fingerprint") for key in keys):
        return ["the data, or how it is read, changed"]
    told = (_describe_change(key, name, old.get(key), new.get(key)) for key in keys if key not in _FOLLOWS)
    return list(dict.fromkeys(told))


def _other_version(now: Any, before: Any) -> str:
    return f"the model in production is version {now}, not {before}"


def _describe_change(key: str, name: str, before: Any, now: Any) -> str:
    leaf = key.split(".")[-1] or name
    if leaf == "code_version":
        return "its code, or a library, changed"
    if leaf == "baseline_version":
        return _other_version(now, before)
    if leaf == "pointer_before":
        return "what is in production was moved since"
    shown = key.removeprefix("settings.") or name
    old, new = _short(before), _short(now)
    # Long values that begin alike would be told as one and the same.
    return f"{shown} changed" if old == new else f"{shown} changed from {old} to {new}"


def _flatten(value: Any, prefix: str = "") -> dict[str, Any]:
    """Takes JSON text and nested dicts apart into dotted keys."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            value = json.loads(value)
        except ValueError:
            return {prefix: value}
    if isinstance(value, dict):
        flat: dict[str, Any] = {}
        for key, inner in value.items():
            flat |= _flatten(inner, f"{prefix}.{key}" if prefix else str(key))
        return flat
    return {prefix: value}


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"


def _last_seconds(reports: Path) -> dict[str, float]:
    seconds = {}
    for folder in run_folders(path.parent for path in reports.glob("*/run.json")):
        for step in read_outcome(folder / "run.json").get("steps", ()):
            if not step["cached"]:
                seconds[step["id"]] = float(step["seconds"])
    return seconds
