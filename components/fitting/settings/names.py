"""Which optimizers, learning-rate schedules and losses there are, and their arguments; light: imports no Keras.

A recipe is checked against these tables before anything runs. A test compares them with the installed Keras.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kerasline.components.core import nearest, shown
from kerasline.components.own_code import check_own_name, is_own

_OF_EVERY_OPTIMIZER = (
    "weight_decay", "clipnorm", "clipvalue", "global_clipnorm", "use_ema", "ema_momentum", "ema_overwrite_frequency",
    "loss_scale_factor", "gradient_accumulation_steps",
)  # fmt: skip
CLIPPING = ("clipnorm", "clipvalue", "global_clipnorm")


@dataclass(frozen=True)
class Choice:
    """A class of Keras and the arguments that a recipe may give it.

    Attributes:
      keras_class: Name of the class.
      arguments: Names of the arguments that it takes.
      required: Names of those that it cannot do without.
    """

    keras_class: str
    arguments: tuple[str, ...]
    required: tuple[str, ...] = ()


def _optimizer(keras_class: str, *arguments: str) -> Choice:
    return Choice(keras_class, (*arguments, *_OF_EVERY_OPTIMIZER))


OPTIMIZERS: dict[str, Choice] = {
    "adadelta": _optimizer("Adadelta", "rho", "epsilon"),
    "adafactor": _optimizer(
        "Adafactor", "beta_2_decay", "epsilon_1", "epsilon_2", "clip_threshold", "relative_step"
    ),
    "adagrad": _optimizer("Adagrad", "initial_accumulator_value", "epsilon"),
    "adam": _optimizer("Adam", "beta_1", "beta_2", "epsilon", "amsgrad"),
    "adamax": _optimizer("Adamax", "beta_1", "beta_2", "epsilon"),
    "adamw": _optimizer("AdamW", "beta_1", "beta_2", "epsilon", "amsgrad"),
    "ftrl": _optimizer(
        "Ftrl", "learning_rate_power", "initial_accumulator_value", "l1_regularization_strength",
        "l2_regularization_strength", "l2_shrinkage_regularization_strength", "beta",
    ),
    "lamb": _optimizer("Lamb", "beta_1", "beta_2", "epsilon"),
    "lion": _optimizer("Lion", "beta_1", "beta_2"),
    "muon": _optimizer(
        "Muon", "adam_beta_1", "adam_beta_2", "adam_weight_decay", "epsilon", "exclude_layers",
        "exclude_embeddings", "muon_a", "muon_b", "muon_c", "adam_lr_ratio", "momentum", "ns_steps", "nesterov",
        "rms_rate",
    ),
    "nadam": _optimizer("Nadam", "beta_1", "beta_2", "epsilon"),
    "rmsprop": _optimizer("RMSprop", "rho", "momentum", "epsilon", "centered"),
    "schedulefreeadamw": _optimizer("ScheduleFreeAdamW", "beta_1", "beta_2", "epsilon", "warmup_steps"),
    "sgd": _optimizer("SGD", "momentum", "nesterov"),
}  # fmt: skip

# decay_steps and their like may be given in epochs (decay_epochs) or left out: then they span the whole training.
SCHEDULES: dict[str, Choice] = {
    "CosineDecay": Choice(
        "CosineDecay", ("warmup_steps", "warmup_epochs", "warmup_target", "decay_steps", "decay_epochs", "alpha")
    ),
    "CosineDecayRestarts": Choice(
        "CosineDecayRestarts", ("first_decay_steps", "first_decay_epochs", "t_mul", "m_mul", "alpha")
    ),
    "ExponentialDecay": Choice(
        "ExponentialDecay", ("decay_steps", "decay_epochs", "decay_rate", "staircase"), ("decay_rate",)
    ),
    "InverseTimeDecay": Choice(
        "InverseTimeDecay", ("decay_steps", "decay_epochs", "decay_rate", "staircase"), ("decay_rate",)
    ),
    "PiecewiseConstantDecay": Choice(
        "PiecewiseConstantDecay", ("boundaries", "boundary_epochs", "values"), ("values",)
    ),
    "PolynomialDecay": Choice(
        "PolynomialDecay", ("decay_steps", "decay_epochs", "end_learning_rate", "power", "cycle")
    ),
}  # fmt: skip

# label_smoothing has a key of its own.
LOSS_ARGUMENTS: dict[str, tuple[str, ...]] = {
    "binary_focal_crossentropy": ("apply_class_balancing", "alpha", "gamma"),
    "categorical_focal_crossentropy": ("alpha", "gamma"),
    "categorical_generalized_cross_entropy": ("q",),
    "tversky": ("alpha", "beta"),
    "huber": ("delta",),
}
# Other names of what a fit measures: Keras' own, scikit-learn's, and those under which the evaluation has it.
_METRIC_ALIASES = {
    "acc": "accuracy",
    **dict.fromkeys(("binary_accuracy", "categorical_accuracy", "sparse_categorical_accuracy"), "accuracy"),
    **dict.fromkeys(("log_loss", "logloss", "cross_entropy", "binary_crossentropy"), "crossentropy"),
    **dict.fromkeys(("categorical_crossentropy", "sparse_categorical_crossentropy"), "crossentropy"),
    **dict.fromkeys(("roc_auc", "auc_roc"), "auc"),
    **dict.fromkeys(("pr_auc", "average_precision"), "auc_pr"),
    "f1_score": "f1",
    "mean_absolute_error": "mae",
    "mean_squared_error": "mse",
    "root_mean_squared_error": "rmse",
    "mean_absolute_percentage_error": "mape",
    **dict.fromkeys(("r2_score", "r_squared"), "r2"),
}
SMOOTHED_LOSSES = (
    "binary_crossentropy", "binary_focal_crossentropy", "categorical_crossentropy", "categorical_focal_crossentropy",
)  # fmt: skip


def find_optimizer(name: str) -> str:
    """Returns the key of ``OPTIMIZERS`` that a name means: ``Adam`` and ``ADAM`` are ``adam``; a user's own stays.

    Raises:
      ValueError: there is no such optimizer.
    """
    if is_own(name):
        return check_own_name(name)
    key = _plain(name)
    if key not in OPTIMIZERS:
        raise ValueError(f"expected one of {', '.join(OPTIMIZERS)}, got {name!r}.{nearest(name, OPTIMIZERS)}")
    return key


def check_optimizer_arguments(optimizer: str, arguments: Iterable[str]) -> None:
    """Refuses arguments that an optimizer does not have.

    Raises:
      ValueError: names the first one.
    """
    for name in arguments:
        if name in ("learning_rate", "name"):
            raise ValueError(f"optimizer_arguments: {name} is none of them; use training.learning_rate for the rate")
        if is_own(optimizer):
            continue
        _check_known(name, OPTIMIZERS[optimizer].arguments, f"optimizer_arguments: expected arguments of {optimizer}")


def find_schedule(block: Mapping[str, Any]) -> str:
    """Returns the key of ``SCHEDULES`` that a block names, after checking its arguments.

    Args:
      block: Name and arguments, such as ``{name: CosineDecay, decay_epochs: 10}``.

    Raises:
      ValueError: the name or an argument is unknown, a needed one is missing, or one is given twice.
    """
    keys = {_plain(key): key for key in SCHEDULES}
    given = block.get("name")
    name = keys.get(_plain(str(given)))
    if name is None:
        raise ValueError(
            f"learning_rate_schedule: expected name to be one of {', '.join(SCHEDULES)}, got {shown(given)}."
            f"{nearest(str(given), SCHEDULES)}"
        )
    arguments = [key for key in block if key != "name"]
    for key in arguments:
        _check_known(key, SCHEDULES[name].arguments, f"learning_rate_schedule: expected arguments of {name}")
    missing = _missing_arguments(name, arguments)
    if missing:
        raise ValueError(f"learning_rate_schedule: {name} needs {' and '.join(missing)}")
    _refuse_both(arguments)
    return name


def _missing_arguments(name: str, arguments: Sequence[str]) -> list[str]:
    """Lists the arguments that a schedule needs and does not have."""
    missing = [key for key in SCHEDULES[name].required if key not in arguments]
    if name == "PiecewiseConstantDecay" and not {"boundaries", "boundary_epochs"} & set(arguments):
        missing.append("boundary_epochs")
    return missing


def _refuse_both(arguments: Sequence[str]) -> None:
    """Refuses what is given in steps and in epochs."""
    for key in arguments:
        other = in_epochs(key)
        if other != key and other in arguments:
            raise ValueError(f"learning_rate_schedule: expected {key} or {other}, got both")


def in_epochs(argument: str) -> str:
    """Returns the argument that says the same in epochs: ``decay_steps`` gives ``decay_epochs``."""
    return "boundary_epochs" if argument == "boundaries" else argument.replace("_steps", "_epochs")


def find_metric(name: str) -> str:
    """Returns the name under which a fit measures something: ``val_log_loss`` is ``val_crossentropy``."""
    prefix = "val_" if name.startswith("val_") else ""
    plain = name.removeprefix("val_")
    return prefix + _METRIC_ALIASES.get(plain.lower(), plain)


def check_loss_arguments(loss: str, arguments: Iterable[str]) -> None:
    """Refuses arguments that a loss (its full name) does not have.

    Raises:
      ValueError: names the first one.
    """
    known = LOSS_ARGUMENTS.get(loss, ())
    for name in arguments:
        if name == "label_smoothing":
            raise ValueError("loss_arguments: label_smoothing has its own key, training.label_smoothing")
        if not known:
            raise ValueError(f"loss_arguments: {loss} takes none, got {name!r}")
        _check_known(name, known, f"loss_arguments: expected arguments of {loss}")


def _check_known(name: str, known: tuple[str, ...], expected: str) -> None:
    if name not in known:
        raise ValueError(f"{expected} ({', '.join(known)}), got {name!r}.{nearest(name, known)}")


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()


def hold_schedule(block: Mapping[str, Any], epochs: int) -> dict[str, Any]:
    """Returns a schedule's block that spans so many epochs, however many a fit has; one that says its own stays."""
    arguments = SCHEDULES[find_schedule(block)].arguments
    for key in ("decay", "first_decay"):
        if f"{key}_epochs" in arguments and not {f"{key}_epochs", f"{key}_steps"} & set(block):
            warmup = block.get("warmup_epochs", 0)
            return {**block, f"{key}_epochs": max(1, epochs - warmup)}
    return dict(block)
