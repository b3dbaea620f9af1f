"""The commands of ``kerasline`` that answer at once, as functions: they return what the commands show.

Nothing here imports TensorFlow. What runs pipelines and shows what they left is in ``notebook.py``.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasline.components.core import ConfigError, address_of, write_at_once

if TYPE_CHECKING:
    from pandas import DataFrame

_WORKSPACE = "workspace"
_WRITTEN = "# Written from Python, and again when it runs with another config.\n"


def validate(
    recipe: str | Path | Mapping[str, Any],
    changes: Mapping[str, Any] | None = None,
    *,
    data: bool = True,
    data_dir: str | Path | None = None,
    workspace: str | Path = _WORKSPACE,
) -> dict[str, Any]:
    """Checks a recipe as ``kerasline validate`` does, without running anything.

    Args:
      recipe: the name of a shipped recipe, the path of a YAML file, or the config itself.
      changes: config keys and values: ``{"training.epochs": 5, "model.units": [32]}``.
      data: look at the data's files and columns as well; of up to a megabyte all is read, of more the header alone.
      data_dir: where the files of the data set are.
      workspace: that has the versions which the config may start from.

    Returns:
      The config with every default filled in.

    Raises:
      ConfigError: a key, a value or a column is wrong, or the data is not there.
    """
    from kerasline.pipeline.config import load_experiment, parse_experiment
    from kerasline.pipeline.plan import check_data

    if isinstance(recipe, Mapping):
        experiment, base_dir = parse_experiment(recipe, write_changes(changes)), Path.cwd()
    else:
        experiment, base_dir = load_experiment(str(recipe), write_changes(changes))
    if data:
        check_data(experiment, base_dir, None if data_dir is None else Path(data_dir), Path(workspace))
    return experiment.model_dump(mode="json")


def recipe_file(recipe: str | Path | Mapping[str, Any]) -> str:
    """Returns what names a recipe on the command line; a config is written to a file for it.

    The file is ``NAME.yaml`` in the current folder, from which relative paths start: what is run from Python today can
    be scheduled, or looked into, tomorrow.

    Args:
      recipe: the name of a shipped recipe, the path of a YAML file, or a config of plain values.

    Raises:
      ConfigError: the config is wrong, or another file has its name.
    """
    if not isinstance(recipe, Mapping):
        return str(recipe)
    import yaml

    from kerasline.pipeline.config import parse_experiment, write_text

    path = Path(f"{parse_experiment(recipe).name}.yaml")
    try:
        text = _WRITTEN + write_text(dict(recipe))
    except yaml.YAMLError as error:
        raise ConfigError(f"the recipe holds what YAML cannot: {error.args[-1]!r}; write plain values") from None
    if path.exists() and not path.read_text(encoding="utf-8").startswith(_WRITTEN):
        raise ConfigError(f"{path} is there already and was not written from Python; give the recipe another name")
    write_at_once(path, text)
    return str(path)


def write_changes(changes: Mapping[str, Any] | None) -> list[str]:
    """Writes config keys and values as ``--set`` takes them: ``KEY=VALUE``."""
    return [f"{key}={json.dumps(value)}" for key, value in (changes or {}).items()]


def init(data: DataFrame | str | Path, label: str | Sequence[str] = (), *, folder: str | Path = ".") -> str:
    """Looks at data and writes a first recipe that runs as it is, as ``kerasline init`` does.

    Args:
      data: a CSV or Parquet file, a folder of images by class, the address of either, a data frame of pandas or Polars,
        or an Arrow table. A run reads files, so the columns of a data frame are written as ``frame-HASH.parquet``,
        under the same name each time that they are the same.
      label: the column to predict, or several of 0 and 1; images by class have none.
      folder: where the file of a data frame goes.

    Returns:
      The recipe, YAML: write it to a file for :func:`~kerasline.run`. It names the data by its whole path.

    Raises:
      ConfigError: there is nothing to learn from, or the label is not there.
    """
    import yaml

    from kerasline.components.datasets.remote import fetch_input
    from kerasline.components.profiling import draft_recipe, safe_name
    from kerasline.pipeline.config import parse_experiment
    from kerasline.pipeline.workspace import free_name

    given = Path(fetch_input(str(data))) if isinstance(data, str | Path) else _keep_frame(data, Path(folder))
    path = given.expanduser().absolute()
    labels = [label] if isinstance(label, str) else list(label)
    draft = draft_recipe(path, labels, free_name(safe_name(path)), address_of(path) or str(path))
    parse_experiment(yaml.safe_load(draft.text), source="the recipe")  # what is written can be read
    return draft.text


def _keep_frame(frame: Any, folder: Path) -> Path:
    """Writes a data frame as a file that is named by what is in it."""
    from kerasline.components.prediction import as_frame, is_frame, write_frame

    frame = as_frame(frame)
    if not is_frame(frame):
        raise ConfigError(
            "expected a data frame of pandas or Polars, an Arrow table or the path of a file, got "
            f"{type(frame).__name__}"
        )
    if not folder.is_dir():
        raise ConfigError(f"folder: expected a folder that exists, got {folder}; make it first")
    with tempfile.TemporaryDirectory(dir=folder) as apart:
        written = Path(apart, "frame.parquet")
        write_frame(frame, written)
        name = hashlib.sha256(written.read_bytes()).hexdigest()[:8]
        return written.replace(folder / f"frame-{name}.parquet")


def models(name: str | None = None, workspace: str | Path = _WORKSPACE) -> list[dict[str, Any]]:
    """Lists the models that were pushed, or the versions of one, as ``kerasline models --json`` does.

    Args:
      name: of a model, for its versions.
      workspace: the folder of runs and models.

    Returns:
      For each model ``name``, ``versions`` (how many) and ``production``, the version in production or None; for each
      version ``version``, ``state``, ``metrics``, ``test_metrics``, ``run_id``, ``pushed_at`` and more.

    Raises:
      ConfigError: nothing was pushed under this name.
    """
    from kerasline.pipeline.models import describe_models, describe_versions
    from kerasline.pipeline.workspace import mend_models

    root = Path(workspace).expanduser()
    mend_models(root)
    return describe_models(root) if name is None else describe_versions(root, name)


def promote(
    name: str,
    version: int,
    reason: str,
    workspace: str | Path = _WORKSPACE,
    *,
    require_signature: str | Path | None = None,
) -> dict[str, Any]:
    """Puts a version into production, once it has loaded and answered in a fresh process.

    Args:
      name: of the model.
      version: to put into production.
      reason: why, for the history.
      workspace: the folder of runs and models.
      require_signature: the file of the public key that the version must be signed with; None asks for none.

    Returns:
      The move: ``version``, ``replaced`` (the version that was in production, or None), ``reason``, ``moved_at``, ...

    Raises:
      ConfigError: no such version, files of it are missing, it is in production already, or there is no reason.
      KeraslineError: it does not answer, is not what was signed, or somebody else moved production meanwhile.
    """
    from kerasline.pipeline.models import commands

    key = None if require_signature is None else Path(require_signature).expanduser()
    move, _ = commands.promote(Path(workspace).expanduser() / "models", name, version, reason, key)
    return move


def rollback(name: str, reason: str = "rolled back by hand", workspace: str | Path = _WORKSPACE) -> dict[str, Any]:
    """Puts the version into production that was there before, once it has loaded and answered in a fresh process.

    Args:
      name: of the model.
      reason: why, for the history.
      workspace: the folder of runs and models.

    Returns:
      The move, as :func:`promote` returns it.

    Raises:
      ConfigError: there is no earlier version, or files of it are missing.
      KeraslineError: it does not answer, or somebody else moved production meanwhile.
    """
    from kerasline.pipeline.models import commands

    move, _ = commands.roll_back(Path(workspace).expanduser() / "models", name, reason)
    return move


def compare(first: str, second: str | None = None, workspace: str | Path = _WORKSPACE) -> dict[str, Any]:
    """Puts two runs side by side, as ``kerasline compare --json`` does.

    Args:
      first: a run's id, or a recipe for its newest run.
      second: the run to compare it with; None for the run of its recipe before it, which is ``a`` then.
      workspace: the folder of runs and models.

    Returns:
      ``a`` and ``b`` (``run_id``, ``recipe``, ``blessed``), ``metrics`` (a row for each), ``changes`` of the config,
      ``same_data``, ``predictions`` (counts and examples of rows that are answered differently, or None) and
      ``why_not``: why the rows cannot be compared.

    Raises:
      ConfigError: there is no such run or none before it, or the runs have different tasks or classes.
    """
    from kerasline.pipeline.reports import add_rows, compare_runs, find_pair, without_figures

    root = Path(workspace).expanduser()
    comparison = compare_runs(*find_pair(root, first, second))
    add_rows(comparison)
    return without_figures(comparison)
