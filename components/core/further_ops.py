"""Operations of a SavedModel that TensorFlow alone does not know; light: imports nothing until one is found."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any

from kerasline.components.core.errors import ConfigError

INSTALL_HUB = "make setup HUB=1, or pip install --no-deps -r requirements/hub.txt"
TEXT_PACKAGE = "tensorflow_text"
# Cuts words into pieces; the file of a graph names its operations as they are.
_TEXT_OPERATION = b"FastWordpieceTokenize"
_FILE = "saved_model.pb"


def load_saved_model(saved_model: str | os.PathLike[str]) -> Any:
    """Loads a SavedModel as TensorFlow does, with the operations that TensorFlow alone does not know.

    Raises:
      ConfigError: as :func:`register_operations`.
      OSError, ValueError, tf.errors.OpError: as ``tf.saved_model.load``.
    """
    import tensorflow as tf

    register_operations(saved_model)
    return tf.saved_model.load(os.fspath(saved_model))


def register_operations(saved_model: str | os.PathLike[str]) -> None:
    """Imports TensorFlow Text where a SavedModel cuts text into pieces, since TensorFlow cannot load it without.

    Args:
      saved_model: The folder of a SavedModel, or of a transform graph; of any other nothing is done.

    Raises:
      ConfigError: TensorFlow Text is not installed.
    """
    file = Path(saved_model, _FILE)
    if not file.is_file() or _TEXT_OPERATION not in file.read_bytes():
        return
    try:
        importlib.import_module(TEXT_PACKAGE)
    except ImportError as error:
        raise ConfigError(
            f"{saved_model}: expected TensorFlow Text, whose operations cut the model's text into pieces, but it "
            f"cannot be imported ({error}); install it with: {INSTALL_HUB}"
        ) from error
