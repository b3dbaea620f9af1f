"""The command ``verdict``: which challenger is judged by which answers, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from kerasline.components.core import ConfigError, KeraslineError
from kerasline.components.monitoring import CAPTURED
from kerasline.components.registry import (
    Challenger,
    current_version,
    drop_challenger,
    find_predecessor,
    list_versions,
    read_challenger,
    read_pointer,
    read_record,
    registry_lock,
)
from kerasline.components.verdicts import BETTER, WORSE, find_compared, judge, judge_watch
from kerasline.pipeline.models.challengers import misfit
from kerasline.pipeline.models.commands import find_model, find_version, move_seen
from kerasline.pipeline.models.looks import VERDICT, keep_look
from kerasline.pipeline.workspace import workspace_folder


def verdict(
    name: str,
    workspace: str | Path | None = None,
    *,
    apply: bool = False,
    require_signature: str | Path | None = None,
) -> dict[str, Any]:
    """Says whether a challenger is better than the version in production, by what both have answered.

    It may be asked every day: over all looks together it is wrong with a probability of 0.05 at most.

    Args:
      name: of the model; or ``NAME@VERSION`` for a challenger that is not the registry's, or the last one served.
      workspace: of the model; None for ``KERASLINE_WORKSPACE``, or ``workspace`` here.
      apply: promote a challenger that is better, drop one that is worse, and roll back a version in production that
        crosses a limit of its recipe within its watch; each stands in the history, with the evidence.
      require_signature: the file of the public key that a version must be signed with which this puts into production;
        None asks for none.

    Returns:
      ``name``, ``verdict`` (``better``, ``worse`` or ``undecided``), ``challenger``, ``incumbent``, ``rows``,
      ``more_rows``, ``evidence`` and more; see :func:`judge`. ``applied`` says what was done, None where nothing was.

    Raises:
      ConfigError: no such model or version, there is no challenger, or it cannot be compared with production.
      SignatureRefused: the better one is not what the holder of the key has signed.
      KeraslineError: the better one does not answer, or somebody moved production meanwhile.
    """
    root = workspace_folder(workspace)
    public_key = None if require_signature is None else Path(require_signature).expanduser()
    folder = find_model(root / "models", name.partition("@")[0])
    seen, captured = read_pointer(folder), root / CAPTURED / folder.name
    incumbent = current_version(folder)
    if incumbent is None:
        raise ConfigError(f"{folder.name} has no version in production to compare a challenger with; promote one first")
    watch = None if "@" in name else _watch(folder, captured, seen)
    challenger = None if watch and watch["verdict"] == WORSE else _find_challenger(folder, captured, name, incumbent)
    if challenger is not None:
        found = _judge(folder, captured, challenger, incumbent)
    elif watch is not None:
        found = watch
    else:
        raise ConfigError(_why_no_challenger(folder.name, name, incumbent))
    told = {"name": folder.name, **found, "applied": _apply(folder, found, seen, public_key) if apply else None}
    keep_look(root, VERDICT, told)
    return told


def _judge(folder: Path, captured: Path, challenger: Challenger, incumbent: int) -> dict[str, Any]:
    """Compares a challenger with the version in production."""
    records = (read_record(folder, challenger.version), read_record(folder, incumbent))
    _check_records(folder, challenger.version, incumbent, records)
    since = _past(challenger.since)
    limits = challenger.rollback_on or (records[0].get("watch") or {}).get("rollback_on")
    found = judge(captured, challenger.kind, folder, (challenger.version, incumbent), records, since, limits)
    if not found["rows"]:
        found["reasons"].insert(0, _why_none(folder.name, challenger))
    return found


def _watch(folder: Path, captured: Path, pointer: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Looks whether the version in production has crossed a limit of its recipe; None where nobody watches it now."""
    previous = find_predecessor(folder)
    if pointer is None or previous is None or pointer.get("action") == "rollback":
        return None
    version = int(pointer["version"])
    record = read_record(folder, version)
    watch, since = record.get("watch"), _past(pointer["moved_at"])
    if not watch or "task" not in record or (since and datetime.now(UTC) > since + timedelta(days=watch["days"])):
        return None
    return judge_watch(captured, folder, (version, previous), record, since, watch["rollback_on"])


def _past(text: str) -> datetime | None:
    """Reads when something began; None, from when on all answers count, where a clock was ahead then.

    By the clock of now no answer would ever be given after it.
    """
    moment = datetime.fromisoformat(text) if text else None
    return moment if moment is not None and moment <= datetime.now(UTC) else None


def _find_challenger(folder: Path, captured: Path, name: str, incumbent: int) -> Challenger | None:
    """Finds the version to judge: the one that was named, the registry's, or the last one that was served as such."""
    only = find_version(folder.parent, name)[1] if "@" in name else None
    if only == incumbent:
        raise ConfigError(f"{name} is in production itself; name the version that challenges it")
    registered = read_challenger(folder)
    if registered is None or only not in (None, registered.version):
        served = find_compared(captured, incumbent, only)
        is_there = served is not None and served[0] in list_versions(folder)
        return Challenger(*served) if served is not None and is_there else None
    if registered.kind != "manual":
        return registered
    # Somebody may have served it by hand.
    served = find_compared(captured, incumbent, registered.version)
    return Challenger(*served) if served else registered


def _why_no_challenger(model: str, name: str, incumbent: int) -> str:
    reason, shown = "no version is registered as one, and none was served as one", f"{model}@VERSION"
    if name != model:
        reason, shown = f"none of the captured answers was given by {name} as one", name
    return (
        f"expected a challenger of {model}@{incumbent}, but {reason}; serve one with: kerasline serve --shadow {shown}"
    )


def _check_records(folder: Path, version: int, incumbent: int, records: tuple[Mapping[str, Any], ...]) -> None:
    for number, record in zip((version, incumbent), records, strict=True):
        if "task" not in record or "main_metric" not in record:
            raise ConfigError(
                f"{folder.name}@{number} was pushed without a description of its task; push the model again with: "
                f"kerasline run {record.get('recipe', 'RECIPE')} --no-cache"
            )
    problem = misfit(records[1], records[0], incumbent)
    if problem:
        raise ConfigError(
            f"{folder.name}@{version} cannot be compared with version {incumbent}, which is in production: {problem}"
        )


def _why_none(name: str, challenger: Challenger) -> str:
    of = f"version {challenger.version}"
    if challenger.kind == "manual":
        shown = f"kerasline serve --shadow {name}@{challenger.version}"
        return f"{of} waits for a person, and no request goes to it; show it some with: {shown}"
    return f"no answer of {of} was captured beside one of production yet; kerasline serve takes it up by itself"


def _apply(
    folder: Path, found: Mapping[str, Any], seen: dict[str, Any] | None, public_key: Path | None
) -> dict[str, Any] | None:
    """Does what a verdict says, unless production is no longer what was judged.

    Returns:
      The line of the history; None where nothing follows.
    """
    reason = f"verdict: {found['verdict']}; {found['reasons'][0]}"
    evidence = {key: found[key] for key in ("kind", "rows", "labelled", "from", "to")} | dict(found["evidence"])
    if found["verdict"] == BETTER:
        return move_seen(folder, found["challenger"], reason, "promote", seen, evidence, public_key)
    if found["verdict"] != WORSE:
        return None
    if found["kind"] == "watch":
        return move_seen(folder, found["incumbent"], reason, "rollback", seen, evidence, public_key)
    with registry_lock(folder):
        registered = read_challenger(folder)
        if read_pointer(folder) != seen:
            raise KeraslineError(
                f"somebody moved production of {folder.name} meanwhile, so this verdict is of no use; nothing was "
                "dropped, so ask again"
            )
        if registered is None or registered.version != found["challenger"]:
            return None
        return drop_challenger(folder, reason, evidence)
