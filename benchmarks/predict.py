"""Rows per second of ``kerasline predict`` against a plain script that does the same with pandas and ``model.predict``.

Usage: ``python benchmarks/predict.py WORKSPACE [ROWS]``, where WORKSPACE has a pushed ``iris_mlp`` (``kerasline run
iris_mlp --workspace WORKSPACE``). Both read one CSV file and write one Parquet file with every column, the class and
the scores. The plain script loads a Keras model of the same size, with its preprocessing as a layer, and asks it in
batches of 2,048 and of 32, Keras' default. Times begin when the libraries are loaded, and include the loading of the
model; those of ``kerasline predict`` include starting Beam, too. Each is a process of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
COLUMNS = ("sepal_length", "sepal_width", "petal_length", "petal_width")
CLASSES = ("setosa", "versicolor", "virginica")
REPEATS = 3


def write_rows(path: Path, rows: int) -> None:
    """Writes iris with noise, and an id for each row."""
    from sklearn.datasets import load_iris

    data = load_iris().data
    noise = np.random.default_rng(7).normal(0, 0.05, (rows, len(COLUMNS)))
    values = data[np.arange(rows) % len(data)] + noise
    with open(path, "w", encoding="utf-8") as file:
        file.write("id," + ",".join(COLUMNS) + "\n")
        file.writelines(f"{row:08d}," + ",".join(f"{v:.3f}" for v in line) + "\n" for row, line in enumerate(values))


def measure_kerasline(workspace: Path, source: Path, output: Path) -> float:
    """Returns the seconds that the command reports."""
    figures = output.with_suffix(".json")
    command = [
        sys.executable,
        "-m",
        "kerasline",
        "predict",
        str(source),
        "--model",
        "iris_mlp",
        "-o",
        str(output),
    ]
    command += ["--workspace", str(workspace), "--json", str(figures)]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return float(json.loads(figures.read_text())["seconds"])


def write_model(path: Path) -> None:
    """Saves a Keras model of the size of iris_mlp, with its preprocessing as a layer."""
    import keras

    layers = [
        keras.layers.Normalization(mean=[5.8, 3.1, 3.8, 1.2], variance=[0.7, 0.2, 3.1, 0.6]),
        keras.layers.Dense(64, activation="relu"),
        keras.layers.Dense(32, activation="relu"),
        keras.layers.Dense(3, activation="softmax"),
    ]
    keras.Sequential([keras.Input((len(COLUMNS),)), *layers]).save(path)


def measure_plain(source: Path, output: Path, batch_size: int) -> float:
    """Returns the seconds of the plain script."""
    command = [sys.executable, __file__, "--plain", str(source), str(output), str(batch_size)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout.splitlines()[-1])


def run_plain(source: Path, output: Path, batch_size: int) -> None:
    """Is the plain script; prints its seconds."""
    import keras
    import pandas as pd

    started = time.monotonic()
    model = keras.saving.load_model(source.with_name("model.keras"))
    table = pd.read_csv(source, dtype={"id": str})
    scores = model.predict(table[list(COLUMNS)].to_numpy(np.float32), batch_size=batch_size, verbose=0)
    table["predicted_class"] = np.array(CLASSES)[scores.argmax(axis=1)]
    for index, name in enumerate(CLASSES):
        table[f"score_{name}"] = scores[:, index]
    table.to_parquet(output)
    print(time.monotonic() - started)


def main() -> None:
    """Measures in turn and prints the best of each."""
    if sys.argv[1] == "--plain":
        run_plain(Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
        return
    workspace = Path(sys.argv[1]).resolve()
    rows = int(sys.argv[2]) if len(sys.argv) > 2 else 100_000
    with tempfile.TemporaryDirectory() as folder:
        source, output = Path(folder) / "rows.csv", Path(folder) / "out.parquet"
        write_rows(source, rows)
        write_model(source.with_name("model.keras"))
        ours, plain, default = [], [], []
        for _ in range(REPEATS):
            plain.append(measure_plain(source, output, 2048))
            ours.append(measure_kerasline(workspace, source, output))
            default.append(measure_plain(source, output, 32))
    shown = {"kerasline predict": ours, "plain, batches of 2048": plain, "plain, batches of 32": default}
    for name, seconds in shown.items():
        print(f"{name:<24} {rows / min(seconds):>10,.0f} rows/s  ({', '.join(f'{s:.2f}' for s in seconds)} s)")
    print(f"ratio to plain: {min(plain) / min(ours):.2f} (2048), {min(default) / min(ours):.2f} (32)")


if __name__ == "__main__":
    main()
