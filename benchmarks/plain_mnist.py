"""Part (a) of the overhead benchmark: what a plain Keras script does, and nothing else.

Run by overhead.py in a process of its own; the model here is the one that part (b) trains too.
"""

from __future__ import annotations

import argparse
import gzip
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras

BATCH_SIZE = 128
# Of MNIST's 60,000 training images the last tenth is set apart, as kerasline's mnist_mlp sets apart its
# eval split.
EVAL_ROWS = 6_000


def main() -> None:
    """Trains and evaluates, and writes the seconds of each part."""
    parser = argparse.ArgumentParser(description="Plain Keras on MNIST.")
    parser.add_argument("--data", type=Path, required=True, help="folder with the four gzipped IDX files")
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--json", type=Path, required=True, help="file to write")
    options = parser.parse_args()

    seconds: dict[str, float] = {}
    started = time.monotonic()
    import keras

    keras.utils.set_random_seed(7)
    started = lap(seconds, "import", started)
    data = load(options.data)
    images, labels = data["train"]
    images = images.astype("float32") / 255
    test_images, test_labels = data["test"]
    test_images = test_images.astype("float32") / 255
    started = lap(seconds, "load", started)
    model = build_model()
    started = lap(seconds, "build", started)
    model.fit(images, labels, batch_size=BATCH_SIZE, epochs=options.epochs, verbose=0)
    started = lap(seconds, "fit", started)
    _, accuracy = model.evaluate(test_images, test_labels, batch_size=BATCH_SIZE, verbose=0)
    lap(seconds, "evaluate", started)
    parameters = model.count_params()
    options.json.write_text(json.dumps({"seconds": seconds, "parameters": parameters, "test_accuracy": accuracy}))


def build_model() -> keras.Model:
    """The tutorials' MLP on 784 inputs: 256, dropout 0.4, 128, dropout 0.3, 10; 235,146 parameters."""
    import keras

    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Input((784,)),
            layers.Dense(256, activation="relu"),
            layers.Dropout(0.4),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.3),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def load(folder: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Reads MNIST.

    Args:
        folder: has train-images-idx3-ubyte.gz and the other three.

    Returns:
        ``train`` (54,000), ``eval`` (6,000) and ``test`` (10,000): images as uint8 (rows, 784), labels as
        uint8.
    """
    images = read_idx(folder / "train-images-idx3-ubyte.gz")
    labels = read_idx(folder / "train-labels-idx1-ubyte.gz")
    return {
        "train": (images[:-EVAL_ROWS], labels[:-EVAL_ROWS]),
        "eval": (images[-EVAL_ROWS:], labels[-EVAL_ROWS:]),
        "test": (read_idx(folder / "t10k-images-idx3-ubyte.gz"), read_idx(folder / "t10k-labels-idx1-ubyte.gz")),
    }


def read_idx(path: Path) -> np.ndarray:
    """The bytes of an IDX file: (rows, 784) for images, (rows,) for labels."""
    data = gzip.decompress(path.read_bytes())
    dimensions = data[3]
    shape = np.frombuffer(data, ">i4", dimensions, offset=4)
    values = np.frombuffer(data, np.uint8, offset=4 + 4 * dimensions)
    return values.reshape(shape[0], -1) if dimensions > 1 else values


def lap(seconds: dict[str, float], name: str, started: float) -> float:
    """Notes the seconds since ``started`` under a name; returns the time now."""
    now = time.monotonic()
    seconds[name] = now - started
    return now


if __name__ == "__main__":
    main()
