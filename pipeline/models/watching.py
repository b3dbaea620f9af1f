"""The commands that look at what a served model answered: ``label`` and ``monitor``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from kerasline.components.core import ConfigError
from kerasline.components.monitoring import ANSWERS, CAPTURED, join_labels, watch_version
from kerasline.components.registry import list_versions, read_record
from kerasline.pipeline.models.commands import find_model, find_version


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


def monitor(name: str, workspace: str | Path = "workspace", days: float | None = None) -> dict[str, Any]:
    """Looks at what a model answered since it was pushed, as ``kerasline monitor --json`` does.

    Args:
      name: of the model, for the version in production; or ``NAME@VERSION``.
      workspace: of the model.
      days: look back so far only; None for all that is kept.

    Returns:
      ``answered``, ``labelled``, ``quality``, ``estimated``, ``drift``, ``alarms`` and more; see
      :func:`watch_version`.

    Raises:
      ConfigError: no such model or version, or it was pushed without a description of its columns.
    """
    root = Path(workspace).expanduser()
    folder, version = find_version(root / "models", name)
    record = read_record(folder, version)
    if "columns" not in record:
        raise ConfigError(
            f"{folder.name}@{version} was pushed without a description of its columns; push the model again with: "
            f"kerasline run {record.get('recipe', 'RECIPE')} --no-cache"
        )
    since = None if days is None else datetime.now(UTC) - timedelta(days=days)
    captured = root / CAPTURED / folder.name
    found = watch_version(captured, folder / str(version), version, record, since)
    if not found["answered"]:
        others = sorted(path.name.partition("=")[2] for path in (captured / ANSWERS).glob("version=*"))
        kept = [other for other in others if other != str(version)]
        more = f"; there are answers of version {', '.join(kept)}, see kerasline monitor NAME@VERSION" if kept else ""
        found["notes"].insert(0, f"nothing that version {version} answered is captured{more}")
    return {"name": folder.name, **found}
