"""The commands that look at what a served model answered: ``capture``, ``label`` and ``monitor``."""

from __future__ import annotations

import glob
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import filelock

from kerasline.components.core import ConfigError, write_at_once
from kerasline.components.datasets.files import is_litter
from kerasline.components.monitoring import (
    ANSWERS,
    CAPTURED,
    Taken,
    Wanted,
    capture_of,
    days_of,
    join_labels,
    read_known,
    take_logs,
    watch_version,
)
from kerasline.components.registry import current_version, list_versions, read_events, read_record
from kerasline.pipeline.models.commands import find_model, find_version
from kerasline.pipeline.models.looks import LOOK, WATCH, keep_look
from kerasline.pipeline.workspace import workspace_folder

_MOST_DAYS = 31
_MOST_LOOKS = 100  # with alarms, which are remembered


def label_answers(workspace: Path, name: str, source: str, key: str) -> dict[str, Any]:
    """Joins late labels to the captured answers of a model, whichever version gave them.

    Args:
      workspace: of the model.
      name: of the model.
      source: a table with the label's column.
      key: its column of request ids.

    Returns:
      What became of the labels; see :func:`join_labels`.

    Raises:
      ConfigError: no such model, nothing of it is captured, or the file has no such columns.
    """
    folder = find_model(workspace / "models", name)
    records = {version: read_record(folder, version) for version in list_versions(folder)}
    told = {version: record for version, record in records.items() if "label" in record and "task" in record}
    if not told:
        raise ConfigError(
            f"{name} was pushed without a description of its label; push the model again with: kerasline run "
            f"{name} --no-cache"
        )
    return {"name": name, **join_labels(workspace / CAPTURED, name, source, key, told, max(told))}


def capture_logs(workspace: Path, name: str, sources: Sequence[str], key: str = "") -> Taken:
    """Captures what TensorFlow Serving has logged of a model, each record once, however often a file is given.

    Args:
      workspace: of the model.
      name: of the model; or ``NAME@VERSION``, which answered what names no version.
      sources: files, folders or globs of ``PredictionLog`` records.
      key: the input column that has the ids of rows; empty where ids are made.

    Returns:
      What became of the records.

    Raises:
      ConfigError: no such model, no such file, or a redacted column as key.
      KeraslineError: what was read cannot be written.
    """
    folder = find_model(workspace / "models", name.partition("@")[0])
    version = find_version(workspace / "models", name)[1] if "@" in name else None
    records = {number: read_record(folder, number) for number in list_versions(folder)}
    told = {number: record for number, record in records.items() if "columns" in record}
    if key and any(key in capture_of(record)["redact"] for record in told.values()):
        raise ConfigError(f"--key: expected a column that is kept, got {key!r}, which serve.capture.redact names")
    return take_logs(workspace / CAPTURED, _log_files(sources), Wanted(folder.name, told, version, key))


def _log_files(sources: Sequence[str]) -> list[Path]:
    """Lists the files of request logs, each once, in the order of their names."""
    found: set[Path] = set()
    for source in sources:
        path = Path(source).expanduser()
        places = path.iterdir() if path.is_dir() else map(Path, glob.glob(str(path), recursive=True))
        files = [path] if path.is_file() else [p for p in places if p.is_file() and not is_litter(p.name)]
        if not files:
            raise ConfigError(f"expected request logs of TensorFlow Serving, but no file matches {source}")
        found.update(files)
    return sorted(found)


def monitor(name: str, workspace: str | Path | None = None, days: float | None = None) -> dict[str, Any]:
    """Looks at what a model answered since it was pushed, as ``kerasline monitor --json`` does.

    Args:
      name: of the model, for the version in production; or ``NAME@VERSION``.
      workspace: of the model; None for ``KERASLINE_WORKSPACE``, or ``workspace`` here.
      days: look back so far only; None for all that is kept.

    Returns:
      ``answered``, ``labelled``, ``quality``, ``estimated``, ``drift``, ``alarms`` and more; see
      :func:`watch_version`.

    Raises:
      ConfigError: no such model or version, or it was pushed without a description of its columns.
    """
    root = workspace_folder(workspace)
    captured, folder, version, record = _find(name, root)
    found = watch_version(captured, folder / str(version), version, record, _since(days))
    if not found["answered"]:
        others = sorted(path.name.partition("=")[2] for path in (captured / ANSWERS).glob("version=*"))
        kept = [other for other in others if other != str(version)]
        more = f"; there are answers of version {', '.join(kept)}, see kerasline monitor NAME@VERSION" if kept else ""
        found["notes"].insert(0, f"nothing that version {version} answered is captured{more}")
    told = {"name": folder.name, **found}
    if version == current_version(folder):
        keep_look(root, LOOK, told)
    return told


def write_watch_page(found: Mapping[str, Any], workspace: Path, days: float | None = None) -> Path:
    """Writes what there is to say of a model's answers, as a whole and by day, as a page of ``kerasline ui``.

    Its alarms are kept beside the page, so that later ones show them, too.

    Args:
      found: from :func:`monitor`.
      workspace: of the model.
      days: as for :func:`monitor`.

    Returns:
      The page, ``watch/NAME.html`` in the workspace.
    """
    from kerasline.components.report import render_watch

    captured, folder, version, record = _find(f"{found['name']}@{found['version']}", workspace)
    names = [path.name.partition("=")[2] for path in days_of(captured, version, _since(days))]
    known = read_known(folder / str(version), record)
    looks = {
        day: watch_version(captured, folder / str(version), version, record, _since(days), day, known)
        for day in names[-_MOST_DAYS:]
    }
    page = workspace / WATCH / f"{found['name']}.html"
    page.parent.mkdir(exist_ok=True)
    earlier = _keep_alarms(page, found)
    write_at_once(page, render_watch(found, looks, _versions(captured), earlier, read_events(folder)))
    return page


def _keep_alarms(page: Path, found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Keeps the alarms of a look beside the page, and returns those of the looks before it."""
    file = page.with_suffix(".alarms.json")
    with filelock.FileLock(str(file.with_name(f".{file.name}.lock"))):
        earlier = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else []
        if found["alarms"]:
            at = datetime.now(UTC).isoformat(timespec="seconds")
            look = {"at": at, "version": found["version"], "alarms": [alarm["text"] for alarm in found["alarms"]]}
            write_at_once(file, json.dumps([*earlier, look][-_MOST_LOOKS:], indent=1))
    return list(earlier)


def _find(name: str, root: Path) -> tuple[Path, Path, int, dict[str, Any]]:
    """Finds a version: the folder of captured answers, that of the model, its number and its record."""
    folder, version = find_version(root / "models", name)
    record = read_record(folder, version)
    if "columns" not in record:
        raise ConfigError(
            f"{folder.name}@{version} was pushed without a description of its columns; push the model again with: "
            f"kerasline run {record.get('recipe', 'RECIPE')} --no-cache"
        )
    return root / CAPTURED / folder.name, folder, version, record


def _since(days: float | None) -> datetime | None:
    return None if days is None else datetime.now(UTC) - timedelta(days=days)


def _versions(captured: Path) -> list[dict[str, Any]]:
    """Lists the versions that have answered, oldest first, with the first and the last day that is kept of each."""
    numbers = sorted(int(path.name.partition("=")[2]) for path in (captured / ANSWERS).glob("version=*"))
    kept = {number: [day.name.partition("=")[2] for day in days_of(captured, number, None)] for number in numbers}
    return [{"version": number, "from": days[0], "to": days[-1]} for number, days in kept.items() if days]
