"""The plain script of ``whole_table``: pandas, NumPy, Keras and scikit-learn, in one process and one pass each."""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pandas as pd
from sklearn import metrics

NUMBERS, CATEGORIES = [f"x{index}" for index in range(6)], ["town", "trade"]


def main(folder: Path) -> None:
    """Reads the table, encodes it, fits for one epoch, evaluates and exports."""
    keras.utils.set_random_seed(7)
    table = pd.read_csv(folder / "table.csv")
    part = np.random.default_rng(7).random(len(table))
    train, held_out = part < 0.8, (part >= 0.8) & (part < 0.9)
    numbers = table[NUMBERS].to_numpy(np.float32)
    columns = [(numbers - numbers[train].mean(axis=0)) / numbers[train].std(axis=0)]
    for name in CATEGORIES:
        categories = table[name][train].unique()
        codes = pd.Categorical(table[name], categories=categories).codes
        columns.append(np.eye(len(categories) + 1, dtype=np.float32)[codes])
    inputs = np.concatenate(columns, axis=1)
    labels = (table["label"] == "class1").to_numpy(np.float32)

    layers = [keras.layers.Dense(16, activation="relu"), keras.layers.Dense(1, activation="sigmoid")]
    model = keras.Sequential([keras.Input((inputs.shape[1],)), *layers])
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
    model.fit(inputs[train], labels[train], batch_size=64, epochs=1, verbose=0)
    scores, truth = model.predict(inputs[held_out], batch_size=2048, verbose=0)[:, 0], labels[held_out]
    for measure in (metrics.accuracy_score, metrics.precision_score, metrics.recall_score, metrics.f1_score):
        print(measure.__name__, measure(truth, scores > 0.5))
    print("auc", metrics.roc_auc_score(truth, scores), "log loss", metrics.log_loss(truth, scores))
    model.export(folder / "plain_model", verbose=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
