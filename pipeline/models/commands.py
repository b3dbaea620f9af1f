"""The models of a workspace: what is pushed, what is in production, and moving that by hand.

Nothing here imports TensorFlow: a version is tried in a process of its own before it goes into production.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerasline import components
from kerasline.components.core import ConfigError, KeraslineError, is_version, last_line, nearest
from kerasline.components.registry import (
    current_version,
    find_predecessor,
    find_problem,
    forget_move,
    list_models,
    list_versions,
    mend_serving_config,
    move_pointer,
    read_pins,
    read_pointer,
    registry_lock,
    set_pin,
    untold_move,
)
from kerasline.components.signing import check_public_key, check_signature

_PROBE = Path(components.__file__).parent / "prediction" / "probe.py"
_PROBE_SECONDS = 600


@dataclass(frozen=True)
class Trial:
    """What a version did in a fresh process: seconds to load, and the requests and rows that it answered."""

    load_seconds: float
    requests: int
    rows: int


Made = tuple[dict[str, Any], Trial | None]  # a move, and the trial before it
Tell = Callable[[dict[str, Any], Trial | None], None]


def find_model(models: Path, name: str) -> Path:
    """Returns ``MODELS/NAME``.

    Raises:
      ConfigError: nothing was pushed under this name.
    """
    known = list_models(models)
    if name not in known:
        there = f"there are {', '.join(known)}" if known else "nothing was pushed yet"
        raise ConfigError(
            f"expected the name of a pushed model in {models}, got {name!r}; {there}.{nearest(name, known)}"
        )
    return models / name


def find_version(models: Path, reference: str) -> tuple[Path, int]:
    """Resolves ``NAME`` (what is in production) or ``NAME@VERSION``.

    Returns:
      ``MODELS/NAME`` and the version, whose files are all there.

    Raises:
      ConfigError: there is no such model or version, or files of it are missing.
    """
    folder, version = name_version(models, reference)
    check_version(folder, version)
    return folder, version


def name_version(models: Path, reference: str) -> tuple[Path, int]:
    """Resolves a reference as :func:`find_version` does, without a look at the version's files.

    Raises:
      ConfigError: there is no such model, or it has no version in production and none was named.
    """
    name, at, text = reference.partition("@")
    folder = find_model(models, name)
    if at:
        if not is_version(text):
            shown = reference if len(reference) <= 100 else reference[:99] + "…"
            raise ConfigError(f"expected NAME or NAME@VERSION with a number such as {name}@1, got {shown!r}")
        return folder, int(text)
    current = current_version(folder)
    if current is None:
        raise ConfigError(
            f"{name} has no version in production; name one, such as {name}@{list_versions(folder)[-1]}, or promote it"
        )
    return folder, current


def check_version(folder: Path, version: int) -> None:
    """Refuses a version that is not there or not whole.

    Raises:
      ConfigError: which of them, and what there is instead.
    """
    check_number(folder, version)
    problem = find_problem(folder, version)
    if problem:
        raise ConfigError(
            f"version {version} of {folder.name} cannot be used: {problem} in {folder / str(version)}; restore it from "
            "a backup, or use another version"
        )


def check_number(folder: Path, version: int) -> None:
    """Refuses a version that is not there.

    Raises:
      ConfigError: what there is instead.
    """
    versions = list_versions(folder)
    if version not in versions:
        raise ConfigError(
            f"{folder.name} has no version {version}; it has {', '.join(map(str, versions))} ('kerasline models "
            f"{folder.name}' lists them)"
        )


def check_signed(folder: Path, version: int, public_key: Path | None) -> int:
    """Refuses a version that is not what the holder of a key has signed; without a key, refuses nothing.

    Returns:
      How many files the signature covers.

    Raises:
      ConfigError: there is no such version, or the file is no public key.
      SignatureRefused: what does not hold.
    """
    if public_key is None:
        return 0
    check_public_key(public_key, "--require-signature")
    check_number(folder, version)
    return check_signature(folder, version, public_key)


def try_model(path: Path, shown: str) -> Trial:
    """Loads a SavedModel in a fresh process, with nothing of ours, and lets it answer its warm-up requests.

    Args:
      path: the SavedModel.
      shown: what to call it in messages.

    Raises:
      KeraslineError: it does not load, or does not answer with finite numbers.
    """
    command = [sys.executable, "-I", str(_PROBE), str(path)]
    try:
        child = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_PROBE_SECONDS)
    except subprocess.TimeoutExpired:
        raise KeraslineError(
            f"expected {shown} to answer within {_PROBE_SECONDS} s, but it did not; everything is as it was"
        ) from None
    if child.returncode != 0:
        last = last_line(child.stderr, f"exit code {child.returncode}")
        raise KeraslineError(
            f"expected {shown} to load and answer in a fresh process, but it ended with {last!r}; everything is as it "
            "was"
        )
    return Trial(**json.loads(child.stdout.strip().splitlines()[-1]))


def try_version(folder: Path, version: int) -> Trial:
    """Tries a version as :func:`try_model` does."""
    return try_model(folder / str(version), f"version {version} of {folder.name}")


def promote(
    models: Path, name: str, version: int, reason: str, public_key: Path | None = None
) -> tuple[dict[str, Any], Trial]:
    """Puts a version into production once it has shown that it loads and answers.

    Args:
      models: the workspace's ``models`` folder.
      name: of the model.
      version: to put into production.
      reason: for the history.
      public_key: of the signature that the version must have; None asks for none.

    Returns:
      The move, and how the trial went.

    Raises:
      ConfigError: no such version, files of it are missing, it is in production already, or there is no reason.
      SignatureRefused: it is not what the holder of the key has signed.
      KeraslineError: it does not answer, or somebody else moved production meanwhile.
    """
    folder = _open_model(models, name)
    check_signed(folder, version, public_key)
    return _move(folder, version, _check_reason(reason), "promote", read_pointer(folder))


def move_seen(
    folder: Path,
    version: int,
    reason: str,
    action: str,
    seen: dict[str, Any] | None,
    evidence: dict[str, Any],
    public_key: Path | None = None,
) -> dict[str, Any]:
    """Puts a version into production by what was measured while something certain was there.

    Args:
      folder: ``MODELS/NAME``.
      version: to put into production.
      reason: for the history.
      action: ``promote`` or ``rollback``.
      seen: the pointer when the measuring began; if it is another by now, nothing is moved.
      evidence: for the history.
      public_key: of the signature that the version must have; None asks for none.

    Returns:
      The move.

    Raises:
      ConfigError: files of the version are missing.
      SignatureRefused: it is not what the holder of the key has signed.
      KeraslineError: it does not answer, or somebody moved production meanwhile.
    """
    mend_serving_config(folder.parent)
    check_signed(folder, version, public_key)
    move, _ = _move(folder, version, reason, action, seen, evidence)
    forget_move(folder)
    return move


def roll_back(
    models: Path,
    name: str,
    reason: str,
    tell: Tell = lambda move, trial: None,
    public_key: Path | None = None,
) -> Made:
    """Puts the version into production that was there before the current one.

    A rollback that was cut off after it moved production is done: repeated, it is told and moves nothing more.

    Args:
      models: the workspace's ``models`` folder.
      name: of the model.
      reason: for the history.
      tell: tells the user; a rollback counts as cut off until this has returned.
      public_key: of the signature that the earlier version must have; None asks for none.

    Returns:
      The move, and how the trial went; no trial where an earlier rollback made the move.

    Raises:
      ConfigError: there is none, or files of it are missing.
      SignatureRefused: it is not what the holder of the key has signed.
      KeraslineError: it does not answer, or somebody else moved production meanwhile.
    """
    folder, reason = _open_model(models, name), _check_reason(reason)
    with registry_lock(folder):
        seen, made = read_pointer(folder), untold_move(folder)
    if made is not None:
        return _tell(folder, (made, None), tell)
    target = find_predecessor(folder)
    if target is None:
        raise ConfigError(
            f"{name} has no earlier version to go back to from version {current_version(folder)}; 'kerasline models "
            f"{name}' lists what 'kerasline promote' can take"
        )
    check_signed(folder, target, public_key)
    return _tell(folder, _move(folder, target, reason, "rollback", seen), tell)


def _tell(folder: Path, made: Made, tell: Tell) -> Made:
    """Tells of a rollback, and only then forgets it: nothing comes after that which could be cut off."""
    tell(*made)
    try:
        return made
    finally:
        forget_move(folder)


def _open_model(models: Path, name: str) -> Path:
    """Finds a model to change something of, and first mends what a process that was killed left half done."""
    folder = find_model(models, name)
    mend_serving_config(models)
    return folder


def _move(
    folder: Path,
    version: int,
    reason: str,
    action: str,
    seen: dict[str, Any] | None,
    evidence: dict[str, Any] | None = None,
) -> tuple[dict[str, Any], Trial]:
    """Tries a version and moves the pointer, unless it is no longer the one that was seen at the start."""
    check_version(folder, version)
    if seen and seen["version"] == version:
        raise ConfigError(f"version {version} of {folder.name} is in production already; name another one")
    trial = try_version(folder, version)
    with registry_lock(folder):
        now = read_pointer(folder)
        if now != seen:
            assert now is not None
            raise KeraslineError(
                f"{now.get('who', 'somebody')} moved {folder.name} to version {now['version']} meanwhile "
                f"({now['reason']}); this command moved nothing, so look at 'kerasline models {folder.name}' and run "
                "it again if it is still wanted"
            )
        check_version(folder, version)
        before = int(seen["version"]) if seen else None
        # Where the next rollback goes.
        previous = find_predecessor(folder, {"version": version, "action": action, "previous": before})
        back = action == "rollback"
        move = move_pointer(
            folder, version, reason, previous=previous, action=action, replaced=before, until_told=back,
            evidence=evidence,
        )  # fmt: skip
        return move, trial


def _check_reason(reason: str) -> str:
    if not reason.strip():
        raise ConfigError("--reason: expected a few words for the history, got none")
    return " ".join(reason.split())


def pin(models: Path, name: str, version: int, reason: str | None) -> None:
    """Keeps a version from being pruned; without a reason, lets it go again.

    Raises:
      ConfigError: no such version, or it is not pinned.
    """
    folder = _open_model(models, name)
    with registry_lock(folder):
        if reason is not None:
            check_version(folder, version)
        elif version not in read_pins(folder):
            pins = ", ".join(map(str, read_pins(folder))) or "none"
            raise ConfigError(f"version {version} of {name} is not pinned; pinned are: {pins}")
        set_pin(folder, version, None if reason is None else _check_reason(reason))
