"""What formats there are, what each needs, and how far it may be off; light: imports no TensorFlow."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass

from kerasline.components.core import LARGEST, ConfigError

MEAN = "mean difference"


@dataclass(frozen=True)
class Kind:
    """A format.

    Attributes:
      file: its name.
      title: for people.
      measure: what is compared: LARGEST or MEAN, of scores, or for regression in deviations of the label.
      tolerance: how much of it is allowed.
      needs: packages that the lock does not have.
    """

    file: str
    title: str
    measure: str
    tolerance: float
    needs: tuple[str, ...] = ()


KINDS = {
    "keras": Kind("model.keras", "Keras", LARGEST, 1e-4),
    "tflite": Kind("model.tflite", "LiteRT, float", LARGEST, 1e-4),
    # Eight bits for weights and activations: scores move, on the mean by less than this.
    "tflite_int8": Kind("model_int8.tflite", "LiteRT, int8", MEAN, 0.05),
    "onnx": Kind("model.onnx", "ONNX", LARGEST, 1e-4, ("tf2onnx", "onnx", "onnxruntime")),
}


def check_formats(formats: Sequence[str]) -> None:
    """Refuses formats that cannot be made here.

    Raises:
      ConfigError: a package is missing.
    """
    for name in formats:
        missing = [package for package in KINDS[name].needs if importlib.util.find_spec(package) is None]
        if missing:
            raise ConfigError(
                f"push.formats: {name} needs {', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not "
                "installed; install them with: make setup ONNX=1, or leave the format out"
            )
