"""Where Keras' own data sets are found: a folder filled by hand, Keras' cache, or Keras' download."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path

from kerasline.components.core import ConfigError, first_line
from kerasline.components.datasets.files import Places


def keras_folder() -> Path:
    """Returns the folder in which Keras keeps its downloads."""
    home = os.environ.get("KERAS_HOME")
    return (Path(home) if home else Path.home() / ".keras") / "datasets"


def folders(places: Places, name: str) -> list[Path]:
    """Lists the folders in which files of a named data set may lie, first choice first."""
    roots = [] if places.data_dir is None else [places.data_dir]
    spellings = dict.fromkeys([name, name.replace("_", "-")])
    return [
        folder.expanduser().absolute()
        for root in [*roots, keras_folder()]
        for folder in (root, *(root / spelling for spelling in spellings))
    ]


def find_file(places: Places, name: str, files: tuple[str, ...]) -> Path | None:
    """Returns the first of the files that lies in one of the folders, or None."""
    return next((f / file for f in folders(places, name) for file in files if (f / file).exists()), None)


def download(name: str, places: Places, by_hand: str, **arguments: object) -> None:
    """Lets Keras download a data set into its cache.

    Args:
      name: module of ``keras.datasets``.
      places: for the message.
      by_hand: the files that someone without a connection puts into the folder.
      **arguments: of the module's ``load_data``.

    Raises:
      ConfigError: there is no connection, or the download is damaged.
    """
    try:
        import_module(f"keras.datasets.{name}").load_data(**arguments)
    except Exception as error:  # Keras raises plain Exception for a failed download
        folder = places.data_dir if places.data_dir is not None else keras_folder()
        raise ConfigError(
            f"Data set {name} is not on this machine and could not be downloaded ({first_line(error)[:120]}); put "
            f"{by_hand} into "
            f"{Path(folder).absolute()}{'' if places.data_dir else ' or name their folder with --data-dir'}."
        ) from error
