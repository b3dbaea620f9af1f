"""Reads pickles that hold NumPy arrays and nothing else.

CIFAR's batches and the ragged arrays of IMDB and Reuters are pickles, which can run any code when they are loaded. This
unpickler knows the three names that rebuild an array and refuses every other.
"""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import IO, Any

from kerasline.components.core import ConfigError

_ALLOWED = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("_codecs", "encode"),  # how Python 3 writes bytes for Python 2
}


class _ArrayUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def load_pickle(stream: IO[bytes], origin: object, encoding: str = "ASCII") -> Any:
    """Unpickles arrays, lists, dicts, text and numbers.

    Raises:
      ConfigError: the pickle is damaged or asks for anything else.
    """
    try:
        return _ArrayUnpickler(stream, encoding=encoding).load()
    except (pickle.UnpicklingError, EOFError, ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise ConfigError(f"{origin} is damaged or not what it seems ({error}); download it again.") from None


def load_object_array(path: Path, key: str) -> Any:
    """Reads one array of an .npz archive, of numbers or of lists of numbers.

    Raises:
      ConfigError: the archive or the array is damaged, or the array is not there.
    """
    import numpy as np

    try:
        with zipfile.ZipFile(path) as archive, archive.open(f"{key}.npy") as stream:
            version = np.lib.format.read_magic(stream)
            header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, _, dtype = header(stream)
            if dtype.hasobject:
                return load_pickle(stream, path)
            return np.frombuffer(stream.read(), dtype).reshape(shape)
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError) as error:
        raise ConfigError(f"{path} is damaged or lacks the array {key!r} ({error}); download it again.") from None
