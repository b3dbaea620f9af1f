"""What can be told about a recipe within two seconds, before anything heavy is loaded.

``validate`` does nothing else; ``run``, ``plan`` and ``retrain`` begin with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from kerasline.components.beam import check_engine
from kerasline.components.core import ConfigError, nearest
from kerasline.components.datasets import Peek, Places, check_data_dir, peek
from kerasline.components.evaluation import crossing, parse_slice
from kerasline.components.models import check_parts
from kerasline.components.signing import check_private_key
from kerasline.components.validation import check_column_names
from kerasline.pipeline.config import Experiment
from kerasline.pipeline.plan.own_parts import check_own_functions
from kerasline.pipeline.plan.partial import check_sizes
from kerasline.pipeline.plan.presets import check_preset_folder
from kerasline.pipeline.plan.signing_key import resolve_key
from kerasline.pipeline.plan.starting_weights import resolve_weights

WHOLE_BYTES = 1_000_000  # data of this size is read as a run reads it


def check_first(experiment: Experiment, base_dir: Path, data_dir: Path | None, workspace: Path) -> Peek:
    """Checks what the recipe names: an engine, files, columns, a function, weights.

    Args:
      experiment: the config.
      base_dir: where relative paths of the recipe start.
      data_dir: ``--data-dir``, or None.
      workspace: that has the versions which the config may start from.

    Returns:
      What the source looks like.

    Raises:
      ConfigError: names what is not there.
    """
    check_engine(experiment.run.engine(), reach=False)
    check_data_dir(data_dir)
    check_own_functions(experiment, base_dir)
    signing = resolve_key(experiment, base_dir).push.sign
    if signing is not None:
        check_private_key(Path(signing.key), "push.sign.key")
    found = peek(experiment.data, Places(base_dir, data_dir))
    if found.columns is not None:
        _check_columns(experiment, found.columns, found.where)
    if experiment.data.csv is not None and experiment.model.family in ("cnn", "transfer"):
        raise ConfigError(
            f"model.family: expected a family that reads tables (mlp, sequence or custom) for {found.where}, got "
            f"{experiment.model.family}, which reads images; use mlp"
        )
    check_parts(resolve_weights(experiment, workspace).model)
    check_preset_folder(experiment, base_dir)
    return found


def check_config(experiment: Experiment) -> None:
    """Checks what the recipe says of its steps, and of where they run.

    Raises:
      ConfigError: it has no such step, or no engine could run the steps.
    """
    check_sizes(experiment)
    check_engine(experiment.run.engine(), reach=False)


def check_data(experiment: Experiment, base_dir: Path, data_dir: Path | None, workspace: Path) -> None:
    """Checks what the recipe names, and small data as a whole.

    Raises:
      ConfigError: names what is not there, or does not suit the config.
    """
    found = check_first(experiment, base_dir, data_dir, workspace)
    if found.bytes is not None and found.bytes <= WHOLE_BYTES:
        check_whole(experiment, base_dir, data_dir, workspace)


def check_whole(experiment: Experiment, base_dir: Path, data_dir: Path | None, workspace: Path) -> None:
    """Reads small data as a run does, and checks the config against all of it.

    Raises:
      ConfigError: the data cannot be read, or the config does not suit it.
    """
    from kerasline.pipeline.plan.planning import settle

    settle(experiment, base_dir, data_dir, workspace)


def _check_columns(experiment: Experiment, columns: Sequence[str], where: str) -> None:
    crosses = {name for name, options in experiment.features.items() if options.cross}
    known = {*columns, *crosses}
    table = experiment.data.table
    if table is not None and not isinstance(table.label, str):
        known |= {"labels", "__labels__"}  # of several columns of labels, the one that they become
    for key, name in _named_columns(experiment):
        if name not in known:
            more = f", ... ({len(columns)} in all)" if len(columns) > 20 else ""
            listed = ", ".join(columns[:20]) + more
            raise ConfigError(f"{key}: expected a column of {where} ({listed}), got {name!r}.{nearest(name, columns)}")
    check_column_names(experiment.validation, [*columns, *crosses])


def _named_columns(experiment: Experiment) -> Iterable[tuple[str, str]]:
    """Gives every key that names a column, with the column."""
    for name, options in experiment.features.items():
        if not options.cross:
            yield f"features.{name}", name
        for column in options.cross:
            yield f"features.{name}.cross", column
    if experiment.training.sample_weight:
        yield "training.sample_weight", experiment.training.sample_weight
    for entry in experiment.evaluation.slices:
        for column in crossing(entry):
            yield "evaluation.slices", column
    limits: Mapping[str, object] = experiment.evaluation.slice_thresholds
    for key in limits:
        for column in parse_slice(key):
            yield f"evaluation.slice_thresholds.{key}", column
