"""A version as a folder of its own: what ``kerasline export`` writes."""

from __future__ import annotations

import json
import shutil
import uuid
from pathlib import Path
from typing import Any

import yaml

from kerasline.components.core import ConfigError, copy_folder, remove_left
from kerasline.components.registry import RECORD_FILE, SIGNATURE_FILE, read_record
from kerasline.pipeline.console import explain_machine
from kerasline.pipeline.models.commands import find_version, try_model
from kerasline.pipeline.models.model_card import card_paths, write_card
from kerasline.pipeline.workspace import Workspace

_FIGURES = (
    *("main_metric", "metrics", "test_metrics", "trivial", "baseline", "baseline_version"),
    *("gate", "missing_baseline", "cost", "formats", "slices"),
)
# Folders of a workspace whose contents its commands write alone.
_OWN = ("models", "pipelines", "reports", "logs", "schedules", "comparisons", "captured")


def export_version(home: Workspace, reference: str, target: Path) -> list[str]:
    """Copies a version with all that explains it into a folder that needs nothing of ours.

    ``model/`` is the SavedModel, and loads with plain TensorFlow; beside it ``version.json``, ``model_card.md`` and
    ``.html``, ``metrics.json``, ``config.yaml`` (the resolved recipe), ``schema/`` and ``transform_graph/``. The folder
    appears when it is complete and the model in it has answered in a fresh process.

    Args:
      home: the workspace.
      reference: ``NAME`` or ``NAME@VERSION``.
      target: a folder that does not exist, or is empty.

    Returns:
      What could not be added, because the run that made the version left nothing, with reasons.

    Raises:
      ConfigError: there is no such version, or the folder cannot be written.
      KeraslineError: the copy does not load or answer.
    """
    folder, version = find_version(home.root / "models", reference)
    target = target.expanduser().resolve()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ConfigError(f"expected a folder that does not exist or is empty, but {target} is there; name another one")
    if any(target.is_relative_to(home.root / name) for name in _OWN):
        raise ConfigError(
            f"expected a folder outside of what runs and pushes keep in {home.root}, got {target}; name another one"
        )
    if not target.parent.is_dir():
        raise ConfigError(f"expected a folder to put {target.name} in, but {target.parent} does not exist")
    record = read_record(folder, version)
    remove_left(target)  # of an export that was killed
    staging = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}")
    try:
        # What was signed is the version's folder, and not what is put together from it here.
        signature = shutil.ignore_patterns(SIGNATURE_FILE)
        copy_folder(folder / str(version), staging / "model", left_out=signature)
        missing = _add_figures(home, folder.name, version, record, staging)
        missing += _add_artifacts(home, folder.name, record.get("run_id"), staging)
        (staging / "model" / RECORD_FILE).replace(staging / RECORD_FILE)
        try_model(staging / "model", f"the copy of {folder.name}@{version}")
        if target.exists():
            target.rmdir()
        staging.rename(target)
    except OSError as error:
        raise _cannot_be_written(target, error) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return missing


def _cannot_be_written(target: Path, error: OSError) -> ConfigError:
    machine = explain_machine(error)
    if machine:
        return ConfigError(f"{target} cannot be written: {machine}, and export again")
    return ConfigError(f"{target} cannot be written ({error.strerror or error}); name another folder")


def read_run_figures(home: Workspace, name: str, record: dict[str, Any]) -> dict[str, Any]:
    """Returns the figures of the run that made a version; empty where its report is gone."""
    path = home.reports(name) / str(record.get("run_id")) / "figures.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _add_figures(home: Workspace, name: str, version: int, record: dict[str, Any], staging: Path) -> list[str]:
    figures = read_run_figures(home, name, record)
    # A version that a killed run pushed has no card yet.
    original = home.models(name) / str(version)
    if not all(path.is_file() for path in card_paths(original)):
        write_card(original, figures)
    for path in card_paths(original):
        shutil.copyfile(path, staging / path.name)
        (staging / "model" / path.relative_to(original)).unlink(missing_ok=True)
    if not figures:
        return ["metrics.json and config.yaml: the report of its run is gone"]
    metrics = {key: figures.get(key) for key in _FIGURES}
    (staging / "metrics.json").write_text(json.dumps(metrics, indent=1), encoding="utf-8")
    config = yaml.safe_dump(figures["experiment"], sort_keys=False, allow_unicode=True)
    (staging / "config.yaml").write_text(config, encoding="utf-8")
    return []


def _add_artifacts(home: Workspace, name: str, run_id: str | None, staging: Path) -> list[str]:
    from kerasline.pipeline.workspace import run_artifacts

    artifacts = run_artifacts(home.of_run(name, run_id), run_id) if run_id else {}
    missing = []
    for step, output in (("schema", "schema"), ("transform", "transform_graph")):
        artifact = artifacts.get(step, {}).get(output)
        if artifact is not None and Path(artifact.uri).is_dir():
            copy_folder(artifact.uri, staging / output)
        else:
            missing.append(f"{output}/: its run left none in {home.root}")
    return missing
