"""How fast each model family trains on whatever this machine has, under any Keras backend.

Every case is built by ``kerasline.components.models`` and fitted from arrays of random numbers; nothing but Keras, its
backend, pydantic, h5py and lazy_loader is needed. The first epoch, which compiles, is shown apart; the speed is the
median of the epochs after it. Ratios are against the first row of the table. Which backend trains is Keras' own
setting:

    python -m benchmarks.gpu
    KERAS_BACKEND=jax python -m benchmarks.gpu --precision float32,mixed_bfloat16 --json jax.json
    python -m benchmarks.gpu --rows 64 --batch-size 32 --epochs 1          (a quick look that everything works)
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras
    import numpy as np

    from kerasline.components.models import InputSpec, ModelOptions, OutputSpec

PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
COLUMNS = ("case", "precision", "parameters", "first epoch s", "images/s", "ratio", "loss")


@dataclass(frozen=True)
class Case:
    """One network to time: options as in a recipe, and what it reads."""

    options: Mapping[str, Any]
    shape: tuple[int, ...]
    kind: str = "image"
    classes: int = 10
    vocabulary_size: int | None = None


# Families without a case: the network of hub is that of a preset, which KerasHub loads, and that is not needed here.
WITHOUT_CASE = ("hub",)
CASES: dict[str, Case] = {
    "mlp": Case({"family": "mlp", "units": [256, 128], "dropout": [0.4, 0.3]}, (28, 28, 1)),
    "cnn": Case({"family": "cnn", "padding": "valid"}, (28, 28, 1)),
    "cnn_deep": Case(
        {
            "family": "cnn",
            "filters": [64, 128, 256],
            "convolutions": 2,
            "batch_normalization": True,
            "global_pooling": "average",
            "augmentation": {"flip": "horizontal", "translate": 0.1, "cutout": 0.25},
        },
        (32, 32, 3),
    ),
    "cnn_volumes": Case({"family": "cnn", "filters": [16, 32], "global_pooling": "average"}, (24, 24, 24, 1), "array"),
    "lstm": Case({"family": "sequence", "layer": "lstm", "units": [64]}, (64, 8), "array"),
    "gru_tokens": Case(
        {"family": "sequence", "layer": "gru", "units": [64], "bidirectional": True},
        (64,),
        "tokens",
        vocabulary_size=5000,
    ),
    "conv1d_tokens": Case(
        {"family": "sequence", "layer": "conv1d", "units": [64, 64]}, (64,), "tokens", vocabulary_size=5000
    ),
    "transfer_head": Case(
        {"family": "transfer", "base": "squeezenet", "weights": "none", "freeze": "all"}, (32, 32, 3)
    ),
    "transfer_all": Case(
        {"family": "transfer", "base": "mobilenet_v2", "weights": "none", "freeze": "none"}, (96, 96, 3)
    ),
    "tabular": Case({"family": "tabular"}, (32,), "dense"),
    "custom": Case({"family": "custom", "build": "benchmarks.gpu:residual_network"}, (32, 32, 3)),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Times the cases, prints the table and returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=_names(CASES), default=list(CASES), help="comma-separated; default: all")
    parser.add_argument("--precision", type=_names(PRECISIONS), default=["float32"], help="comma-separated")
    parser.add_argument("--rows", type=_count, default=4096, help="rows in an epoch (default: 4096)")
    parser.add_argument("--batch-size", type=_count, default=128, help="rows in a batch (default: 128)")
    parser.add_argument("--epochs", type=_count, default=3, help="epochs that are timed (default: 3)")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    options = parser.parse_args(arguments)

    import keras

    machine = describe_machine()
    print(f"Keras {keras.__version__} on {machine['backend']} {machine['version']}, devices: {machine['devices']}")
    print(f"{machine['cpu']}; {options.rows} rows an epoch, batches of {options.batch_size}\n", flush=True)
    rows: list[dict[str, Any]] = []
    print(line(COLUMNS))
    for precision in options.precision:
        for name in options.cases:
            row = time_case(name, precision, options.rows, options.batch_size, options.epochs)
            row["ratio"] = row["images_per_second"] / (rows[0] if rows else row)["images_per_second"]
            rows.append(row)
            print(line(cells(row)), flush=True)
    if options.json:
        options.json.write_text(json.dumps({"machine": machine, "rows": rows}, indent=1), encoding="utf-8")
    return 0


def time_case(name: str, precision: str, rows: int, batch_size: int, epochs: int) -> dict[str, Any]:
    """Builds and fits one case.

    Args:
      name: a key of ``CASES``.
      precision: a Keras dtype policy.
      rows: in an epoch.
      batch_size: rows in a batch.
      epochs: that are timed, after one that is not.

    Returns:
      ``case, precision, parameters, first_epoch_s, images_per_second, loss``.
    """
    import keras

    from kerasline.components.models import build_model

    keras.utils.clear_session()
    keras.config.set_dtype_policy(precision)
    options, spec, output = describe_case(CASES[name])
    model = build_model(options, [spec], output, seed=1)
    model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy")
    x, y = random_rows(spec, output, rows)
    begins: list[float] = []
    ends: list[float] = []
    clock = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: begins.append(time.perf_counter()),
        on_epoch_end=lambda epoch, logs: ends.append(time.perf_counter()),
    )
    history = model.fit(
        {spec.name: x}, y, batch_size=batch_size, epochs=1 + epochs, verbose=0, callbacks=[clock]
    ).history
    seconds = [end - begin for begin, end in zip(begins, ends, strict=True)]
    return {
        "case": name,
        "precision": precision,
        "parameters": model.count_params(),
        "first_epoch_s": round(seconds[0], 3),
        "images_per_second": rows / statistics.median(seconds[1:]),
        "loss": history["loss"][-1],
    }


def describe_case(case: Case) -> tuple[ModelOptions, InputSpec, OutputSpec]:
    """Returns what :func:`kerasline.components.models.build_model` takes."""
    from pydantic import TypeAdapter

    from kerasline.components.models import InputSpec, ModelOptions, OutputSpec

    spec = InputSpec("input", case.kind, case.shape, case.vocabulary_size)  # type: ignore[arg-type]
    return TypeAdapter(ModelOptions).validate_python(case.options), spec, OutputSpec("multiclass", case.classes)


def random_rows(spec: InputSpec, output: OutputSpec, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns inputs that fit the spec and class indices; the same in every run."""
    import numpy as np

    generator = np.random.default_rng(0)
    shape, labels = (rows, *spec.shape), generator.integers(0, output.units, rows)
    if spec.vocabulary_size:
        return generator.integers(1, spec.vocabulary_size, shape), labels
    return generator.random(shape, dtype=np.float32), labels


def residual_network(config: Mapping[str, Any], inputs: Sequence[InputSpec], output: OutputSpec) -> keras.Model:
    """A small residual network, as a user's own function would build it."""
    import keras

    layers = keras.layers
    image = keras.Input(inputs[0].shape, name=inputs[0].name)
    value = layers.Conv2D(config.get("filters", 32), 3, padding="same", activation="relu")(image)
    for _ in range(config.get("blocks", 3)):
        inner = layers.Conv2D(value.shape[-1], 3, padding="same", activation="relu")(value)
        inner = layers.Conv2D(value.shape[-1], 3, padding="same")(inner)
        value = layers.MaxPooling2D()(layers.Activation("relu")(layers.Add()([value, inner])))
    value = layers.GlobalAveragePooling2D()(value)
    scores = layers.Dense(output.units, activation="softmax", dtype="float32")(value)
    return keras.Model({inputs[0].name: image}, scores)


def describe_machine() -> dict[str, str]:
    """Returns backend, its version, its devices, and the processor."""
    import importlib.metadata

    import keras

    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        devices = [tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name)
                   for gpu in tf.config.list_physical_devices("GPU")]  # fmt: skip
    elif backend == "jax":
        import jax

        devices = [device.device_kind for device in jax.devices()]
    else:
        import torch

        devices = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    return {
        "backend": backend,
        "version": importlib.metadata.version(backend),
        "devices": ", ".join(devices) or "cpu",
        "cpu": f"{platform.machine()}, {os.cpu_count()} cores",
        "python": sys.version.split()[0],
    }


def cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns a row of the table as text."""
    return (
        row["case"],
        row["precision"],
        f"{row['parameters']:,}",
        f"{row['first_epoch_s']:.1f}",
        f"{row['images_per_second']:,.0f}",
        f"{row['ratio']:.3g}",
        f"{row['loss']:.3f}",
    )


def line(texts: Sequence[str]) -> str:
    """Returns one line of the table: names to the left, figures to the right."""
    widths = (15, 15, 12, 14, 12, 8, 8)
    return "".join(
        text.ljust(width) if n < 2 else text.rjust(width)
        for n, (text, width) in enumerate(zip(texts, widths, strict=True))
    )


def _names(known: Sequence[str] | Mapping[str, Any]) -> Any:
    def parse(text: str) -> list[str]:
        names = [name.strip() for name in text.split(",") if name.strip()]
        unknown = [name for name in names if name not in known]
        if unknown or not names:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown) or 'nothing'} given; choose from {', '.join(known)}")
        return names

    return parse


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a number of at least 1, got {text!r}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
