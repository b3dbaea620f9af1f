"""What users call a run: besides its id, the name or the file of the recipe that ran, or the version that it pushed."""

from __future__ import annotations

from pathlib import Path

from kerasline.components.core import ConfigError
from kerasline.components.registry import read_record
from kerasline.pipeline.config import RECIPE_ENDINGS, load_experiment
from kerasline.pipeline.models import check_number, name_version


def is_file_of_recipe(reference: str) -> bool:
    """Says whether a run is named by the file of its recipe, which is there."""
    return reference.endswith(RECIPE_ENDINGS) and Path(reference).is_file()


def as_run(workspace: Path, reference: str) -> str:
    """Returns what names a run as its id, ``RECIPE/RUN``, or the name of a recipe.

    Args:
      workspace: The folder of runs and models.
      reference: One of these, the file of a recipe, or ``NAME@VERSION`` of a model.

    Raises:
      ConfigError: There is no such version, it does not say which run made it, or the file is wrong.
    """
    if is_file_of_recipe(reference):
        experiment, _ = load_experiment(reference)
        return experiment.name
    return _run_of_version(workspace / "models", reference) if "@" in reference else reference


def _run_of_version(models: Path, reference: str) -> str:
    folder, version = name_version(models, reference)  # whose run is told though files of it are missing
    check_number(folder, version)
    run_id = read_record(folder, version).get("run_id")
    if not run_id:
        raise ConfigError(
            f"expected a version that says which run made it, but the record of {reference} does not; "
            "'kerasline runs' lists the runs"
        )
    return f"{folder.name}/{run_id}"
