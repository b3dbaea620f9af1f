"""``model.weights: NAME@VERSION``: a network that starts from a version of the registry."""

from __future__ import annotations

import re
from pathlib import Path

from kerasline.components.core import ConfigError
from kerasline.components.formats import KINDS
from kerasline.components.models import TransferOptions
from kerasline.components.registry import FORMATS_FOLDER, read_record
from kerasline.pipeline.config import Experiment
from kerasline.pipeline.models import find_version
from kerasline.pipeline.workspace import Workspace

_REFERENCE = re.compile(r"[A-Za-z0-9._-]+@\S*")


def resolve_weights(experiment: Experiment, root: Path) -> Experiment:
    """Puts the file that a version's weights are in where the recipe names the version.

    The version's own ``.keras`` file counts, or the one that its run has left in the workspace.

    Args:
      experiment: as it was read.
      root: the workspace that has the version.

    Returns:
      The experiment with a path in ``model.weights``, or as it was.

    Raises:
      ConfigError: there is no such version, or it has no weights to start from; or a file takes them from others.
    """
    model = experiment.model
    if not isinstance(model, TransferOptions):
        return experiment
    if not _REFERENCE.fullmatch(model.weights) or Path(model.weights).exists():
        if model.weights not in ("imagenet", "none"):
            from kerasline.components.models import check_weights

            check_weights(Path(model.weights).expanduser())
        return experiment
    try:
        folder, version = find_version(root / "models", model.weights)
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
    return experiment.model_copy(update={"model": model.model_copy(update={"weights": str(file)})})


def _left_by_its_run(home: Workspace, name: str, run_id: str | None) -> Path | None:
    if not run_id:
        return None
    from kerasline.pipeline.workspace import run_artifacts

    artifact = run_artifacts(home.of_run(name, run_id), run_id).get("train", {}).get("model_run")
    file = Path(artifact.uri, KINDS["keras"].file) if artifact is not None else None
    return file if file is not None and file.is_file() else None
