"""A push as a whole: what is repeated after a crash ends where the first attempt would have."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from kerasline.components.core import KeraslineError
from kerasline.components.registry.challengers import Challenger, find_drop, set_challenger
from kerasline.components.registry.keeping import prune, remove_leftovers
from kerasline.components.registry.locks import push_lock, registry_lock
from kerasline.components.registry.moving import move_pointer
from kerasline.components.registry.pointer import current_version, read_history
from kerasline.components.registry.serving_config import mend_serving_config
from kerasline.components.registry.versions import (
    RECORD_FILE,
    add_version,
    digest_model,
    find_problem,
    list_versions,
    read_record,
)
from kerasline.components.registry.writing import write_json

_PLAIN = ["saved_model"]
_OF_SERVING = ("serve", "watch")  # what a record says that is not of the model


class PushRefused(KeraslineError):
    """A blessed model may not go into production: this very model was taken out of it, or was worse than it."""

    exit_code = 4


def push_version(
    folder: Path,
    model: Path,
    record: Mapping[str, Any],
    keep: int,
    finish: Callable[[Path], None] | None = None,
    challenge: Mapping[str, Any] | None = None,
    sign: Callable[[int], None] | None = None,
) -> int:
    """Puts a model into production as a new version, or beside what is there.

    Repeating a push that was killed ends where the first one would have: a version of the same files that never was
    in production is used instead of a second copy.

    Args:
      folder: The model's folder, ``MODELS/NAME``.
      model: Folder of the SavedModel.
      record: What is written down of the version.
      keep: How many versions stay.
      finish: Called with the folder of the version before it appears, to add files to it.
      challenge: ``kind``, ``share`` and ``rollback_on`` of :class:`Challenger`, to leave in production what is there;
        None to take its place. The first version takes it in any case.
      sign: Called with the number of the version when all its files are there, before it takes a place.

    Returns:
      The number of the version.

    Raises:
      PushRefused: the same model was in production and somebody rolled it back, or it challenged and was dropped.
      KeraslineError: the copy differs from the model.
    """
    digest = digest_model(model)
    with push_lock(folder):
        with registry_lock(folder):
            remove_leftovers(folder)
        version = _pushed_before(folder, digest, record.get("formats"))
        if version is not None and challenge is not None:
            _refuse_dropped(folder, version)
        if version is None:
            version = add_version(folder, model, {**record, "digest": digest}, finish)
        else:
            _renew_record(folder, version, record)
        if sign is not None:
            sign(version)
        if digest_model(folder / str(version)) != digest:
            raise KeraslineError(
                f"expected {folder / str(version)} to hold the model's files, but they differ from those in {model}; "
                "check the disk and run again"
            )
        with registry_lock(folder):
            _take_place(folder, version, challenge)
            prune(folder, keep)
    return version


def _take_place(folder: Path, version: int, challenge: Mapping[str, Any] | None) -> None:
    """Moves production to a version, or lets the version challenge it; hold the registry lock."""
    before = current_version(folder)
    if before == version:
        mend_serving_config(folder.parent)  # an earlier attempt may have ended before it was written
    elif challenge is None or before is None:
        move_pointer(folder, version, "pushed by a run", previous=before)
    else:
        set_challenger(folder, Challenger(version, **challenge), "pushed by a run")


def _refuse_dropped(folder: Path, version: int) -> None:
    """Raises PushRefused where a version was dropped as a challenger: it would be judged as before."""
    dropped = find_drop(folder, version)
    if dropped is not None and dropped.get("evidence") is not None:
        raise PushRefused(
            f"this model is version {version} of {folder.name} again, which challenged production and was dropped "
            f"({dropped['reason']}); change the recipe or the data, or take it into production with: kerasline promote "
            f"{folder.name} {version} --reason TEXT"
        )


def _renew_record(folder: Path, version: int, record: Mapping[str, Any]) -> None:
    """Writes what the recipe says by now of a version that was pushed before, as far as the model stays the same."""
    before = read_record(folder, version)
    changed = {key: record[key] for key in _OF_SERVING if key in record and record[key] != before.get(key)}
    if changed:
        with registry_lock(folder):
            write_json(folder / str(version) / RECORD_FILE, {**before, **changed})


def _pushed_before(folder: Path, digest: str, formats: Any) -> int | None:
    """Finds the version that an earlier, killed push of the same files left, or that is in production.

    Args:
      folder: The model's folder, ``MODELS/NAME``.
      digest: Digest of the model's files.
      formats: Formats that the version is to have; None is the SavedModel alone.

    Raises:
      PushRefused: the same model was in production and somebody rolled it back.
    """
    history = read_history(folder)
    moved = {int(move["version"]) for move in history} - {current_version(folder)}
    for version in reversed(list_versions(folder)):
        found = read_record(folder, version)
        if found.get("digest") != digest or find_problem(folder, version):
            continue
        if version in moved:
            _refuse_rolled_back(folder, version, history)
            return None  # it was replaced by a better one since, so it comes back under a number of its own
        # With other formats beside the model it is a version of its own.
        if (found.get("formats") or _PLAIN) == (formats or _PLAIN):
            return version
    return None


def _refuse_rolled_back(folder: Path, version: int, history: Sequence[Mapping[str, Any]]) -> None:
    """Raises PushRefused where the move that took a version out of production was a rollback."""
    leaving = [move for move in history if move.get("replaced", move["previous"]) == version]
    left = leaving[-1] if leaving else {}
    if left.get("action") == "rollback":
        raise PushRefused(
            f"this model is version {version} of {folder.name} again, which {left.get('who', 'somebody')} rolled "
            f"back ({left['reason']}); change the recipe or the data, or take it back with: kerasline promote "
            f"{folder.name} {version} --reason TEXT"
        )
