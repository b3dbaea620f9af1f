"""``model.weights``: a network that starts from a file, or from a version of the registry, ``NAME@VERSION``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from kerasline.components.core import ConfigError, is_version
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


def started_from(experiment: Experiment, root: Path) -> str:
    """Names the version whose weights a network starts from, NAME@VERSION; empty where it starts from no version's.

    Args:
      experiment: as it was read; see :func:`resolve_weights`.
      root: the workspace that has the version.
    """
    model = experiment.model
    if not isinstance(model, TransferOptions):
        return ""
    models = root / "models"
    if _is_reference(model.weights):
        folder, version = find_version(models, model.weights)
        return f"{folder.name}@{version}"
    file = Path(model.weights).expanduser().resolve()
    parts = file.relative_to(models.resolve()).parts if file.is_relative_to(models.resolve()) else ()
    is_version_file = len(parts) == 4 and is_version(parts[1]) and parts[2] == FORMATS_FOLDER
    return f"{parts[0]}@{parts[1]}" if is_version_file else ""


def learnt_versions(start: str, name: str, root: Path, dataset: Dataset) -> tuple[dict[str, Any], ...]:
    """Lists the versions whose rows the weights have learnt that a network starts from, as far as they may be today's.

    Args:
      start: the version that it starts from; see :func:`started_from`.
      name: of the recipe; versions of other recipes count where they were fitted on the same data.
      root: the workspace that has the versions.
      dataset: today's.

    Returns:
      ``version``, NAME@VERSION, and ``split``, the record of its splits or None: the version, and those before it.
    """
    found: dict[str, Any] = {}
    known: dict[str, Any] = {}  # those that were deleted since, too
    for reference, record in _chain(start, root):
        earlier = _learnt_before(record)
        known = {**earlier, **known}
        if reference.partition("@")[0] == name or _is_of_same_data(record, dataset):
            own = {reference: record.get("split", known.get(reference))}
            found = {**found, **{each: split for each, split in {**own, **earlier}.items() if each not in found}}
    return tuple({"version": each, "split": split} for each, split in found.items())


def _chain(start: str, root: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Goes through a version and those that it goes back to; one of other data may itself start from one of these."""
    chain = [start] if start else []
    for reference in chain:  # which grows
        recipe, _, version = reference.partition("@")
        record = read_record(root / "models" / recipe, int(version))
        yield reference, record
        before = [*_learnt_before(record), record.get("started_from")]
        chain += [each for each in before if each and each not in chain]


def _learnt_before(record: dict[str, Any]) -> dict[str, Any]:
    return {one["version"]: one["split"] for one in record.get("learnt", ())}


def _is_of_same_data(record: dict[str, Any], dataset: Dataset) -> bool:
    """Says whether a version was fitted on rows of the data that a dataset has, as far as can be told.

    Data that has grown is known by its spans, or by its title, which is often that of a file or a folder: many have
    the same, so the label must be the same, too.
    """
    if record.get("data_fingerprint") == dataset.fingerprint:
        return True
    if {*record.get("span_digests", {}).values()} & {*dataset.spans.values()}:
        return True
    title, label = record.get("data", {}).get("title"), record.get("label", {}).get("name")
    classes = record.get("classes")  # None for a number
    is_alike = (title, label) == (dataset.title or dataset.name, dataset.label.name)
    return is_alike and (classes is None or tuple(classes) == dataset.label.classes)


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
