"""``model.weights``: a network that starts from a file, or from a version of the registry, ``NAME@VERSION``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kerasline.components.core import ConfigError
from kerasline.components.datasets.description import Dataset
from kerasline.components.formats import KINDS
from kerasline.components.models import TransferOptions, check_same_weights, weights_digest
from kerasline.components.registry import FORMATS_FOLDER, read_record
from kerasline.components.tuning import values_to_try
from kerasline.pipeline.config import Experiment
from kerasline.pipeline.models import find_version
from kerasline.pipeline.workspace import Workspace

_REFERENCE = re.compile(r"[A-Za-z0-9._-]+@\S*")


def resolve_weights(experiment: Experiment, root: Path) -> Experiment:
    """Puts the file that a version's weights are in where the recipe names the version, and the digest of the file.

    The version's own ``.keras`` file counts, or the one that its run has left in the workspace. Another file under the
    same path is known by its digest, which is part of the steps' keys.

    Args:
      experiment: as it was read.
      root: the workspace that has the version.

    Returns:
      The experiment with a path in ``model.weights`` and its SHA-256 in ``model.weights_digest``, or as it was.

    Raises:
      ConfigError: there is no such version, or it has no weights to start from; or a file takes them from others, or is
        another than the recipe's digest says.
    """
    model = experiment.model
    if not isinstance(model, TransferOptions):
        return experiment
    weights = _path_of(model.weights, root)
    files = [Path(each).expanduser() for each in (weights, *_searched(experiment))]
    found = [_checked(file, model.weights_digest) for file in files if file.is_file()]
    if weights == model.weights and not found:
        return experiment
    told = {"weights": weights, "weights_digest": found[0] if len(found) == 1 else tuple(found)}
    return experiment.model_copy(update={"model": model.model_copy(update=told)})


def learnt_versions(experiment: Experiment, root: Path, dataset: Dataset) -> tuple[dict[str, Any], ...]:
    """Lists the versions whose rows the weights have learnt that a network starts from, as far as they may be today's.

    Args:
      experiment: as it was read; see :func:`resolve_weights`.
      root: the workspace that has the version.
      dataset: today's; versions of other recipes count where they were fitted on the same data.

    Returns:
      ``version``, NAME@VERSION, and ``split``, the record of its splits or None: the version, and those before it.
    """
    model = experiment.model
    if not isinstance(model, TransferOptions) or not _is_reference(model.weights):
        return ()
    folder, version = find_version(root / "models", model.weights)
    record = read_record(folder, version)
    is_of_same_data = record.get("data_fingerprint") == dataset.fingerprint or _title_of(record) == dataset.title
    if folder.name != experiment.name and not is_of_same_data:
        return ()
    return ({"version": f"{folder.name}@{version}", "split": record.get("split")}, *record.get("learnt", ()))


def _title_of(record: dict[str, Any]) -> str | None:
    title: str | None = record.get("data", {}).get("title")
    return title


def _searched(experiment: Experiment) -> list[str]:
    """Lists the weights that a search tries."""
    tried = experiment.tuning.space.get("model.weights") if experiment.tuning else None
    return values_to_try(tried) if tried else []


def _checked(file: Path, expected: str | Sequence[str] | None) -> str:
    """Returns the digest of a file of weights that holds its own bytes and is the one that is expected."""
    from kerasline.components.models import check_weights

    check_weights(file)
    check_same_weights(file, expected)
    return weights_digest(file)


def _is_reference(weights: str) -> bool:
    return _REFERENCE.fullmatch(weights) is not None and not Path(weights).exists()


def _path_of(weights: str, root: Path) -> str:
    """Returns the file that a version's weights are in, and other weights as they are."""
    if not _is_reference(weights):
        return weights
    try:
        folder, version = find_version(root / "models", weights)
    except ConfigError as error:
        raise ConfigError(f"model.weights: {error}") from error
    file = folder / str(version) / FORMATS_FOLDER / KINDS["keras"].file
    if not file.is_file():
        found = _left_by_its_run(Workspace(root), folder.name, read_record(folder, version).get("run_id"))
        if found is None:
            raise ConfigError(
                f"model.weights: expected weights of {folder.name}@{version}, but the version has no .keras file, and "
                "the run that made it has left none; push one with push.formats: [saved_model, keras]"
            )
        file = found
    return str(file)


def _left_by_its_run(home: Workspace, name: str, run_id: str | None) -> Path | None:
    if not run_id:
        return None
    from kerasline.pipeline.workspace import run_artifacts

    artifact = run_artifacts(home.of_run(name, run_id), run_id).get("train", {}).get("model_run")
    file = Path(artifact.uri, KINDS["keras"].file) if artifact is not None else None
    return file if file is not None and file.is_file() else None
