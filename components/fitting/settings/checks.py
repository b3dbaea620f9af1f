"""What can be told about a fit before anything runs; light: imports neither Keras nor TensorFlow."""

from __future__ import annotations

import importlib.util
import math
import os
from pathlib import Path

from kerasline.components.core import ConfigError, nearest
from kerasline.components.datasets.description import Dataset
from kerasline.components.fitting.settings.names import LOSS_ARGUMENTS, SMOOTHED_LOSSES, check_loss_arguments
from kerasline.components.fitting.settings.options import TrainingOptions
from kerasline.components.fitting.settings.settings import FitSettings
from kerasline.components.models import HEADS, LabelForm, TransferOptions, computable, resolve_loss
from kerasline.components.own_code import is_own

FLOAT_KINDS = ("dense", "image", "array")
_PACKAGES = {  # backend: module, name, what to do where it is missing
    "jax": ("jax", "JAX", "run 'make setup JAX=1'"),
    "torch": ("torch", "PyTorch", "install it into this environment (pip install torch)"),
}


def loss_of(settings: FitSettings) -> tuple[str, LabelForm]:
    """Returns the loss' full name and the form of the labels that it reads.

    Raises:
      ConfigError: the loss does not suit the task, or cannot read labels that are blended.
    """
    options = settings.training
    blended = (options.label_smoothing > 0 or options.mixup > 0) and settings.plan.task == "multiclass"
    return resolve_loss(settings.plan.task, options.loss or "auto", soft_labels=blended)


def check_fit(settings: FitSettings) -> None:
    """Refuses training options that do not suit the task, the inputs or the model.

    Raises:
      ConfigError: names the key, what was expected, and what came.
    """
    _check_loss(settings)
    _check_class_weights(settings)
    _check_monitors(settings)
    options = settings.training
    if options.calibration != "none" and settings.plan.task not in ("binary", "multiclass"):
        raise ConfigError(
            f"training.calibration: expected a task with one class for each row, whose scores are probabilities, got "
            f"{settings.plan.task}; leave it out"
        )
    if options.mixup:
        _check_mixup(settings)
    if options.fine_tune:
        _check_fine_tune(settings)


def _check_mixup(settings: FitSettings) -> None:
    """Refuses to blend rows where an input holds ids."""
    ids = [spec.name for spec in settings.plan.inputs() if spec.kind not in FLOAT_KINDS]
    if ids:
        raise ConfigError(
            f"training.mixup: expected numbers or images as inputs, but {ids[0]!r} holds ids, which cannot be "
            "blended; encode it one_hot, or turn mixup off"
        )


def _check_fine_tune(settings: FitSettings) -> None:
    """Refuses a second phase where the first leaves nothing for it to free."""
    model = settings.model
    if not isinstance(model, TransferOptions):
        raise ConfigError(
            f"training.fine_tune: expected model.family transfer, got {model.family}; only it has a base to unfreeze"
        )
    if model.freeze == "none" or (model.freeze == "auto" and model.weights == "none"):
        raise ConfigError(
            "training.fine_tune: expected a base that is frozen in the first phase, but model.freeze leaves all of "
            "it free; use model.freeze: all, or leave fine_tune out"
        )


def _check_loss(settings: FitSettings) -> None:
    options = settings.training
    loss, _ = loss_of(settings)
    if options.label_smoothing and loss not in SMOOTHED_LOSSES:
        raise ConfigError(
            f"training.label_smoothing: expected a loss over classes ({', '.join(SMOOTHED_LOSSES)}), got {loss} of "
            f"task {settings.plan.task}; leave it out"
        )
    if is_own(loss):
        return
    try:
        check_loss_arguments(loss, options.loss_arguments)
    except ValueError as error:
        raise ConfigError(f"training.{error}; these losses have some: {', '.join(LOSS_ARGUMENTS)}") from error


def _check_class_weights(settings: FitSettings) -> None:
    wanted, classes = settings.training.class_weights, settings.plan.classes
    if wanted is None:
        return
    if classes is None or settings.plan.task == "multilabel":
        raise ConfigError(
            f"training.class_weights: expected a task with one class for each row, got {settings.plan.task}; "
            "training.sample_weight weighs rows by a column"
        )
    if wanted != "balanced":
        unknown = sorted(set(wanted) - set(classes))
        if unknown:
            raise ConfigError(
                f"training.class_weights: expected names of classes ({', '.join(classes)}), got {unknown[0]!r}."
                f"{nearest(unknown[0], classes)}"
            )
        negative = [name for name, weight in wanted.items() if weight < 0]
        if negative:
            raise ConfigError(f"training.class_weights.{negative[0]}: expected 0 or more, got {wanted[negative[0]]}")


def watched_metrics(settings: FitSettings) -> list[str]:
    """Lists the metrics that a fit measures: the task's usual ones, and those that its callbacks watch."""
    found = [*HEADS[settings.plan.task].metrics, *(monitor.removeprefix("val_") for _, monitor in _monitors(settings))]
    own = settings.training.own_figures()
    return [name for name in dict.fromkeys(found) if name != "loss" and name not in own]


def _monitors(settings: FitSettings) -> list[tuple[str, str]]:
    """Lists the callbacks' keys, each with what it watches."""
    options = settings.training
    blocks = {"early_stopping": options.early_stopping, "reduce_on_plateau": options.reduce_on_plateau}
    return [(key, block.monitor) for key, block in blocks.items() if block]


def _check_monitors(settings: FitSettings) -> None:
    known = [*computable(settings.output()), *settings.training.own_figures()]
    for key, monitor in _monitors(settings):
        if monitor.removeprefix("val_") not in known:
            listed = ", ".join(f"val_{name}" for name in known)
            raise ConfigError(
                f"training.{key}.monitor: expected a figure that a fit of a {settings.plan.task} task has ({listed}; "
                f"without val_ it is that of the training rows), got {monitor}."
                f"{nearest(monitor, [f'val_{name}' for name in known])}"
            )
        if monitor.startswith("val_") and settings.training.validation_fraction == 0:
            raise ConfigError(
                f"training.{key}.monitor: expected rows to measure {monitor} on, but "
                "training.validation_fraction is 0; set it above 0, or monitor loss"
            )


def must_stream(settings: FitSettings, rows: int) -> bool:
    """Says whether train rows are surely more than ``training.memory_limit_mb`` takes.

    Args:
      settings: Model and training options; the plan says how wide a row is.
      rows: How many there are, by the plan of the splits.
    """
    width = sum(math.prod(spec.shape) * (4 if spec.dtype == "float32" else 8) for spec in settings.plan.inputs())
    # A quarter more than the limit, since the gate leaves rows out and splits are drawn.
    return rows * width > 1.25 * settings.training.memory_limit_mb * 2**20


def check_memory(settings: FitSettings, rows: int) -> None:
    """Refuses what reads rows from memory where they do not fit into it.

    Args:
      settings: Model and training options.
      rows: Train rows, by the plan of the splits.

    Raises:
      ConfigError: names the key, what was expected, and what came.
    """
    options = settings.training
    reads_memory = options.backend != "tensorflow" or options.strategy not in ("auto", "none")
    if reads_memory and must_stream(settings, rows):
        raise ConfigError(
            f"training.backend {options.backend} with strategy {options.strategy} reads from memory, but about "
            f"{rows:,} train rows are larger than training.memory_limit_mb {options.memory_limit_mb}; raise that "
            "limit, or use backend: tensorflow and strategy: none"
        )


def check_weight_column(name: str, dataset: Dataset) -> None:
    """Refuses a column that cannot weigh the rows.

    Raises:
      ConfigError: there is no such column, or it does not hold a number in every row.
    """
    columns = {column.name: column for column in dataset.columns}
    if name not in columns:
        raise ConfigError(
            f"training.sample_weight: expected a column of {dataset.name} ({', '.join(columns)}), got {name!r}."
            f"{nearest(name, columns)}"
        )
    column = columns[name]
    if column.dtype not in ("float", "int"):
        raise ConfigError(f"training.sample_weight: expected a column of numbers, but {name} holds {column.dtype}s")
    if column.missing:
        raise ConfigError(
            f"training.sample_weight: expected a weight in every row, but {name} lacks {column.missing} of "
            f"{dataset.rows}; fill them in, or name another column"
        )


def check_machine(options: TrainingOptions) -> None:
    """Refuses a backend or a device that this machine does not have.

    Raises:
      ConfigError: says what to install, or what to use instead.
    """
    if options.backend in _PACKAGES:
        module, name, advice = _PACKAGES[options.backend]
        if importlib.util.find_spec(module) is None:
            raise ConfigError(
                f"training.backend {options.backend}: expected {name} to be installed, but it is not; {advice}, or use "
                "training.backend: tensorflow"
            )
    if options.device == "gpu" and not has_gpu():
        raise ConfigError(
            "training.device gpu: expected an NVIDIA GPU with its driver, but this machine shows none; use "
            "training.device: auto or cpu, or see 'kerasline doctor'"
        )
    if (options.device == "tpu" or options.strategy == "tpu") and not has_tpu():
        raise ConfigError(
            "training.device tpu: expected the TPU_NAME of a Cloud TPU in the environment or a TPU in this machine, "
            "but there is none; use training.device: auto"
        )


def has_gpu() -> bool:
    """Says whether the NVIDIA driver shows a GPU to this process."""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1", "none")
    return not hidden and any(Path("/dev").glob("nvidia[0-9]*"))


def has_tpu() -> bool:
    """Says whether there may be a TPU: its address is in the environment, or its device in this machine."""
    named = any(os.environ.get(name) for name in ("TPU_NAME", "COLAB_TPU_ADDR", "KUBE_GOOGLE_CLOUD_TPU_ENDPOINTS"))
    return named or any(Path("/dev").glob("accel[0-9]*")) or any(Path("/dev/vfio").glob("[0-9]*"))
