"""A search with KerasTuner as its users write one, and nothing else: the other side of the tuning benchmark.

Run by tuning.py in a process of its own, on the very rows that kerasline's Tuner step read, in the order in which it
takes them: trials that are close to each other would change places by the order of their batches alone.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras
    import keras_tuner
    import tensorflow as tf

BATCH_SIZE = 32


def main() -> None:
    """Searches, and writes the seconds, and values and score of each trial."""
    parser = argparse.ArgumentParser(description="Plain KerasTuner on 8x8 digits.")
    parser.add_argument("--rows", type=Path, required=True, help=".npz with train and validation rows")
    parser.add_argument("--trials", type=int, required=True)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--json", type=Path, required=True, help="file to write")
    options = parser.parse_args()
    import keras
    import keras_tuner

    with np.load(options.rows) as rows:
        train_x, train_y = rows["train_x"], rows["train_y"]
        validation = rows["validation_x"], rows["validation_y"]
    parameters: list[int] = []

    def build(hyperparameters: keras_tuner.HyperParameters) -> keras.Model:
        keras.utils.set_random_seed(options.seed)
        model = build_model(hyperparameters)
        parameters.append(model.count_params())
        return model

    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        tuner = keras_tuner.RandomSearch(
            build, objective="val_loss", max_trials=options.trials, seed=options.seed, directory=folder
        )
        batches = make_batches(train_x, train_y, options.epochs, options.seed)
        steps = -(-len(train_x) // BATCH_SIZE)
        tuner.search(batches, steps_per_epoch=steps, validation_data=validation, epochs=options.epochs, verbose=0)
        seconds = time.monotonic() - started
        trials = [tuner.oracle.trials[number] for number in tuner.oracle.start_order]
    found = [{"values": trial.hyperparameters.values, "score": trial.score} for trial in trials]
    options.json.write_text(json.dumps({"seconds": seconds, "trials": found, "parameters": parameters[-1]}))


def make_batches(inputs: np.ndarray, labels: np.ndarray, epochs: int, seed: int) -> tf.data.Dataset:
    """Gives the batches of all epochs, the rows of each in an order of its own."""
    import tensorflow as tf

    orders = np.stack([np.random.default_rng([seed, epoch]).permutation(len(inputs)) for epoch in range(epochs)])

    def take(order: tf.Tensor) -> tf.data.Dataset:
        rows = tf.gather(inputs, order), tf.gather(labels, order)
        return tf.data.Dataset.from_tensor_slices(rows).batch(BATCH_SIZE)

    return tf.data.Dataset.from_tensor_slices(orders).flat_map(take).prefetch(tf.data.AUTOTUNE)


def build_model(hyperparameters: keras_tuner.HyperParameters) -> keras.Model:
    """The network of the recipe digits_cnn, written by hand."""
    import keras

    layers = keras.layers
    dropout = hyperparameters.Float("model.dropout", 0.0, 0.5)
    rate = hyperparameters.Float("training.learning_rate", 1e-4, 0.1, sampling="log")
    model = keras.Sequential(
        [
            layers.Input((8, 8, 1)),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dropout(dropout),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


if __name__ == "__main__":
    main()
