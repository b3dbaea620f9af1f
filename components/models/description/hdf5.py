"""Opens HDF5 files of weights that hold their own bytes, and no others.

HDF5 can take the values of an array from any file of the machine that reads it: by external storage, by a link into
another file, or by a virtual array put together from several. In weights that somebody sends, that is a way to carry
local files out inside a model.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py

from kerasline.components.core import ConfigError


@contextmanager
def open_weights(path: Path) -> Iterator[h5py.File]:
    """Opens an HDF5 file for reading.

    Raises:
      ConfigError: something in it is kept in another file.
      OSError: it is no HDF5 file.
    """
    with h5py.File(path, "r") as file:
        _refuse_foreign(file, path)
        yield file


def check_archive(path: Path) -> None:
    """Looks into the HDF5 files of a ``.keras`` archive.

    Raises:
      ConfigError: it is no such archive, or something in it is kept in another file.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if name.endswith((".h5", ".hdf5")):
                    with h5py.File(io.BytesIO(archive.read(name)), "r") as file:
                        _refuse_foreign(file, path)
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError) as error:
        raise ConfigError(
            f"Weights {path.name!r} cannot be read as a Keras model: expected a .keras archive with weights in it, "
            "but it is damaged or of another kind; save it again."
        ) from error


def _refuse_foreign(file: h5py.File, path: Path) -> None:
    for name, kind, other in _foreign(file):
        raise ConfigError(
            f"Weights {path.name!r} hold {name!r} as {kind} ({other!r}), so loading them would read another file of "
            "this machine; expected all values in the file itself: save the weights again with Keras."
        )


def _foreign(file: h5py.File) -> Iterator[tuple[str, str, str]]:
    """Gives what is kept in other files: its name, how, and in which file."""
    waiting, seen = [("", file["/"])], set()
    while waiting:
        folder, group = waiting.pop()
        for key in group:
            name, link = f"{folder}/{key}", group.get(key, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                yield name, "a link into another file", link.filename
            if not isinstance(link, h5py.HardLink):
                continue  # a soft link leads to what is found under its own name
            item = group[key]
            if isinstance(item, h5py.Dataset):
                yield from _outside(name, item)
            elif isinstance(item, h5py.Group) and (place := h5py.h5o.get_info(item.id).addr) not in seen:
                seen.add(place)
                waiting.append((name, item))


def _outside(name: str, array: h5py.Dataset) -> Iterator[tuple[str, str, str]]:
    for stored, *_ in array.external or ():
        yield name, "external storage", stored
    if array.is_virtual:
        sources = [source.file_name for source in array.virtual_sources()]
        yield name, "a virtual array", ", ".join(dict.fromkeys(sources))


def check_weights(path: Path) -> None:
    """Looks into a file of weights before anything runs; one of another kind, or none, is left to the loading.

    Raises:
      ConfigError: something in it is kept in another file.
    """
    if path.suffix == ".keras" and zipfile.is_zipfile(path):
        check_archive(path)
    elif path.suffix == ".h5" and path.is_file() and h5py.is_hdf5(path):
        with open_weights(path):
            pass
