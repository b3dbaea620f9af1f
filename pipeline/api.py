"""The commands of ``kerasline`` that answer at once, as functions: they return what the commands show.

Nothing here imports TensorFlow. What runs pipelines and shows what they left is in ``notebook.py``.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

from kerasline.components.core import ConfigError, address_of, write_at_once
from kerasline.components.prediction import FRAME, as_called, column_names
from kerasline.pipeline.workspace import workspace_folder

if TYPE_CHECKING:
    from pandas import DataFrame

    from kerasline.pipeline.config import Experiment

_WRITTEN = "# Written from Python, and again when it runs with another config.\n"
# A name or a path has neither lines nor keys; the text of a recipe has them, in a line of its own as ``{name: ...}``.
_TEXT = re.compile(r"\n|^\s*\{|^\s*\w+:(\s|$)")
# What messages call the options of the command, which here are arguments.
_ARGUMENTS = {"--label:": "label:", "--label COLUMN": "a label", "kerasline init .+ --label (.+)$": r"label=\1"}


def validate(
    recipe: str | Path | Mapping[str, Any],
    changes: Mapping[str, Any] | None = None,
    *,
    data: bool = True,
    data_dir: str | Path | None = None,
    workspace: str | Path | None = None,
) -> dict[str, Any]:
    """Checks a recipe as ``kerasline validate`` does, without running anything.

    Args:
      recipe: the name of a shipped recipe, the path of a YAML file, the text that :func:`init` returns, or a config.
      changes: config keys and values: ``{"training.epochs": 5, "model.units": [32]}``.
      data: look at the data's files and columns as well; of up to a megabyte all is read, of more the header alone.
      data_dir: where the files of the data set are.
      workspace: that has the versions which the config may start from; None for ``KERASLINE_WORKSPACE``, or
        ``workspace`` here.

    Returns:
      The config with every default filled in.

    Raises:
      ConfigError: a key, a value or a column is wrong, or the data is not there.
    """
    from kerasline.pipeline.config import load_experiment
    from kerasline.pipeline.plan import check_config, check_data

    if _is_file(recipe):
        experiment, base_dir = load_experiment(str(recipe), write_changes(changes))
    else:
        experiment, base_dir = _parse(recipe, write_changes(changes))[0], Path.cwd()
    check_config(experiment)
    if data:
        folder = None if data_dir is None else Path(data_dir)
        check_data(experiment, base_dir, folder, workspace_folder(workspace))
    return experiment.model_dump(mode="json")


def recipe_file(recipe: str | Path | Mapping[str, Any]) -> str:
    """Returns what names a recipe on the command line; a config is written to a file for it.

    The file is ``NAME.yaml`` in the current folder, from which relative paths start: what is run from Python today can
    be scheduled, or looked into, tomorrow.

    Args:
      recipe: the name of a shipped recipe, the path of a YAML file, the text of one, or a config.

    Raises:
      ConfigError: the config is wrong, or another file has its name.
    """
    if _is_file(recipe):
        return str(recipe)
    experiment, text = _parse(recipe)
    path = Path(f"{experiment.name}.yaml")
    if path.exists() and not path.read_text(encoding="utf-8").startswith(_WRITTEN):
        raise ConfigError(f"{path} is there already and was not written from Python; give the recipe another name")
    write_at_once(path, _WRITTEN + text)
    return str(path)


def _is_file(recipe: str | Path | Mapping[str, Any]) -> TypeGuard[str | Path]:
    """Says whether a recipe is the name of one or a path, and neither a config nor the text of one.

    Raises:
      ConfigError: it is none of these.
    """
    if not isinstance(recipe, str | Path | Mapping):
        raise ConfigError(
            f"expected the name of a recipe, the path of a YAML file, or a config, got {type(recipe).__name__}"
        )
    return isinstance(recipe, Path) or (isinstance(recipe, str) and not _TEXT.search(recipe))


def _parse(recipe: str | Path | Mapping[str, Any], changes: Sequence[str] = ()) -> tuple[Experiment, str]:
    """Returns what a config or its text describes, and the text."""
    from kerasline.pipeline.config import parse_experiment, plain_values, read_recipe, write_text

    if isinstance(recipe, Mapping):
        raw = plain_values(recipe, "the recipe")
        return parse_experiment(raw, changes), write_text(raw)
    read, origin = read_recipe(str(recipe), "the recipe")
    return parse_experiment(read, changes, origin), str(recipe)


def write_changes(changes: Mapping[str, Any] | None) -> list[str]:
    """Writes config keys and values as ``--set`` takes them: ``KEY=VALUE``.

    Raises:
      ConfigError: these are no keys and values, or a value is none of YAML's.
    """
    from kerasline.pipeline.config import plain_values

    changes = {} if changes is None else changes
    if not isinstance(changes, Mapping):
        raise ConfigError(f"changes: expected a dict such as {{'training.epochs': 5}}, got {type(changes).__name__}")
    return [f"{key}={json.dumps(plain_values(value, str(key)))}" for key, value in changes.items()]


def init(
    data: DataFrame | str | Path, label: str | Sequence[str] = (), *, name: str | None = None, folder: str | Path = "."
) -> str:
    """Looks at data and writes a first recipe that runs as it is, as ``kerasline init`` does.

    Args:
      data: a CSV or Parquet file, a folder of images by class, the address of either, a data frame of pandas or Polars,
        or an Arrow table. A run reads files, so the columns of a data frame are written as ``frame-HASH.parquet``,
        under the same name each time that they are the same.
      label: the column to predict, or several of 0 and 1; images by class have none.
      name: of the recipe, and of its model; by default that of the file.
      folder: where the file of a data frame goes.

    Returns:
      The recipe, YAML: give it to :func:`~kerasline.run`, or write it to a file. It names the data by its whole path.

    Raises:
      ConfigError: there is nothing to learn from, or the label is not there.
    """
    from kerasline.components.datasets.remote import fetch_input
    from kerasline.components.profiling import draft_recipe, safe_name
    from kerasline.pipeline.workspace import free_name

    labels = column_names("label", label)
    given = Path(fetch_input(str(data))) if isinstance(data, str | Path) else _keep_frame(data, labels, Path(folder))
    path = given.expanduser().absolute()
    try:
        draft = draft_recipe(path, labels, name or free_name(safe_name(path)), address_of(path) or str(path))
    except ConfigError as error:
        raise ConfigError(as_called(str(error), _ARGUMENTS, data, str(path)), details=error.details) from error
    _parse(draft.text)  # what is written can be read
    return draft.text


def _keep_frame(frame: Any, labels: Sequence[str], folder: Path) -> Path:
    """Writes a data frame as a file that is named by what is in it."""
    from kerasline.components.prediction import as_frame, is_frame, write_frame

    frame = as_frame(frame)
    if not is_frame(frame):
        raise ConfigError(
            "expected a data frame of pandas or Polars, an Arrow table or the path of a file, got "
            f"{type(frame).__name__}"
        )
    in_index = [label for label in labels if label in frame.index.names]
    if in_index:
        raise ConfigError(f"label: {in_index[0]!r} is the index of {FRAME}; frame.reset_index() makes it a column")
    if not folder.is_dir():
        raise ConfigError(f"folder: expected a folder that exists, got {folder}; make it first")
    with tempfile.TemporaryDirectory(dir=folder) as apart:
        written = Path(apart, "frame.parquet")
        write_frame(frame, written)
        name = hashlib.sha256(written.read_bytes()).hexdigest()[:8]
        return written.replace(folder / f"frame-{name}.parquet")


def models(name: str | None = None, workspace: str | Path | None = None) -> list[dict[str, Any]]:
    """Lists the models that were pushed, or the versions of one, as ``kerasline models --json`` does.

    Args:
      name: of a model, for its versions.
      workspace: the folder of runs and models; None for ``KERASLINE_WORKSPACE``, or ``workspace`` here.

    Returns:
      For each model ``name``, ``versions`` (how many) and ``production``, the version in production or None; for each
      version ``version``, ``state``, ``metrics``, ``test_metrics``, ``run_id``, ``pushed_at`` and more.

    Raises:
      ConfigError: nothing was pushed under this name.
    """
    from kerasline.pipeline.models import describe_models, describe_versions
    from kerasline.pipeline.workspace import mend_models

    root = workspace_folder(workspace)
    mend_models(root)
    return describe_models(root) if name is None else describe_versions(root, name)


def promote(
    name: str,
    version: int | str,
    reason: str,
    workspace: str | Path | None = None,
    *,
    require_signature: str | Path | None = None,
) -> dict[str, Any]:
    """Puts a version into production, once it has loaded and answered in a fresh process.

    Args:
      name: of the model.
      version: to put into production.
      reason: why, for the history.
      workspace: the folder of runs and models; None for ``KERASLINE_WORKSPACE``, or ``workspace`` here.
      require_signature: the file of the public key that the version must be signed with; None asks for none.

    Returns:
      The move: ``version``, ``replaced`` (the version that was in production, or None), ``reason``, ``moved_at``, ...

    Raises:
      ConfigError: no such version, files of it are missing, it is in production already, or there is no reason.
      KeraslineError: it does not answer, is not what was signed, or somebody else moved production meanwhile.
    """
    from kerasline.pipeline.models import commands

    if not str(version).isdecimal():
        raise ConfigError(f"version: expected the number of a version, such as 3, got {version!r}")
    key = _key_file(require_signature)
    move, _ = commands.promote(workspace_folder(workspace) / "models", name, int(version), reason, key)
    return move


def _key_file(path: str | Path | None) -> Path | None:
    return None if path is None else Path(path).expanduser()


def rollback(
    name: str,
    reason: str = "rolled back by hand",
    workspace: str | Path | None = None,
    *,
    require_signature: str | Path | None = None,
) -> dict[str, Any]:
    """Puts the version into production that was there before, once it has loaded and answered in a fresh process.

    Args:
      name: of the model.
      reason: why, for the history.
      workspace: the folder of runs and models; None for ``KERASLINE_WORKSPACE``, or ``workspace`` here.
      require_signature: the file of the public key that the version must be signed with; None asks for none.

    Returns:
      The move, as :func:`promote` returns it.

    Raises:
      ConfigError: there is no earlier version, or files of it are missing.
      KeraslineError: it does not answer, is not what was signed, or somebody else moved production meanwhile.
    """
    from kerasline.pipeline.models import commands

    key = _key_file(require_signature)
    move, _ = commands.roll_back(workspace_folder(workspace) / "models", name, reason, public_key=key)
    return move


def compare(
    first: str | Path | Mapping[str, Any],
    second: str | Path | Mapping[str, Any] | None = None,
    workspace: str | Path | None = None,
) -> dict[str, Any]:
    """Puts two runs side by side, as ``kerasline compare --json`` does.

    Args:
      first: a run's id, a recipe for its newest run, NAME@VERSION for the run that made it, or what
        :func:`~kerasline.run` returned.
      second: the run to compare it with; None for the run of its recipe before it, which is ``a`` then.
      workspace: the folder of runs and models; None for ``KERASLINE_WORKSPACE``, or ``workspace`` here.

    Returns:
      ``a`` and ``b`` (``run_id``, ``recipe``, ``blessed``), ``metrics`` (a row for each), ``changes`` of the config,
      ``same_data``, ``predictions`` (counts and examples of rows that are answered differently, or None) and
      ``why_not``: why the rows cannot be compared.

    Raises:
      ConfigError: there is no such run or none before it, or the runs have different tasks or classes.
    """
    from kerasline.pipeline.reports import add_rows, compare_runs, find_pair, without_figures

    root = workspace_folder(workspace)
    comparison = compare_runs(*find_pair(root, *map(_reference, (first, second))))
    add_rows(comparison)
    return without_figures(comparison)


def _reference(run: str | Path | Mapping[str, Any] | None) -> Any:
    """Returns what names a run on the command line."""
    if isinstance(run, Mapping):
        return run["run_id"]
    return None if run is None else str(run)
