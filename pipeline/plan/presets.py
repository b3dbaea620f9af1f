"""``model.preset``: a network of KerasHub, found and told apart by its files before anything runs."""

from __future__ import annotations

from pathlib import Path

from kerasline.components.features import Tokenizer
from kerasline.components.models import (
    HubOptions,
    ModelOptions,
    check_digest,
    check_parts,
    find_preset,
    is_remote,
    read_preset,
)
from kerasline.pipeline.config import Experiment


def check_preset_folder(experiment: Experiment, base_dir: Path) -> None:
    """Looks at a preset that lies on this machine; one of a hub is fetched by the plan alone.

    Raises:
      ConfigError: it is not there, or cannot be used.
    """
    model = experiment.model
    if isinstance(model, HubOptions) and not is_remote(model.preset):
        read_preset(find_preset(model.preset, base_dir))


def settle_preset(experiment: Experiment, base_dir: Path) -> Experiment:
    """Puts a preset's folder and the digest of its files into the recipe; fetches it from a hub where it names one.

    Args:
      experiment: as it was read.
      base_dir: where relative paths of the recipe start.

    Raises:
      ConfigError: the preset is not there, cannot be used, or is another than the recipe's digest says.
    """
    model = experiment.model
    if not isinstance(model, HubOptions):
        return experiment
    check_parts(model)
    folder = find_preset(model.preset, base_dir)
    read_preset(folder)
    digest = check_digest(folder, model.digest)
    settled = model.model_copy(update={"preset": str(folder), "digest": digest})
    return experiment.model_copy(update={"model": settled})


def tokenizer_of(model: ModelOptions) -> Tokenizer | None:
    """Returns what cuts texts for a settled preset, None where the model reads none."""
    if not isinstance(model, HubOptions):
        return None
    found = read_preset(Path(model.preset))
    if found.vocabulary_size is None:
        return None
    return Tokenizer(folder=model.preset, digest=model.digest or "", size=found.vocabulary_size)
