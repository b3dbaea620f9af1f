"""The loss table: last layer, loss and metrics of each task; light: imports Keras in functions only.

Labels arrive as float32, (batch,) for one output and (batch, units) for several, but for multiclass as int64
class indices (batch,). Where mixup or label smoothing blends classes they are one-hot float32 (batch, classes),
and the loss follows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from kerasline.components.core import ConfigError, nearest
from kerasline.components.models.description import OutputSpec, Task
from kerasline.components.own_code import is_own

if TYPE_CHECKING:
    import keras

LabelForm = Literal["float", "indices", "one_hot"]


@dataclass(frozen=True)
class Head:
    """What follows from a task.

    Attributes:
      activation: Activation of the last layer.
      loss: The default loss.
      soft_loss: The default loss where labels are blended (mixup, label smoothing).
      losses: Every loss that suits the last layer, each with the form of the labels that it reads.
      metrics: The default metrics, names in ``METRICS``.
      monitor: What early stopping and tuning watch by default, without ``val_``.
    """

    activation: str
    loss: str
    soft_loss: str
    losses: Mapping[str, LabelForm]
    metrics: tuple[str, ...]
    monitor: str


def _all(form: LabelForm, *names: str) -> dict[str, LabelForm]:
    return dict.fromkeys(names, form)


_SIGMOID = _all(
    "float", "binary_crossentropy", "binary_focal_crossentropy", "mean_squared_error", "mean_absolute_error",
    "dice", "tversky",
)  # fmt: skip
_DISTANCES = _all(
    "float", "mean_squared_error", "mean_absolute_error", "mean_absolute_percentage_error",
    "mean_squared_logarithmic_error", "huber", "log_cosh",
)  # fmt: skip
_SOFTMAX = {
    **_all("indices", "sparse_categorical_crossentropy", "categorical_generalized_cross_entropy"),
    **_all(
        "one_hot", "categorical_crossentropy", "categorical_focal_crossentropy", "kl_divergence",
        "categorical_hinge", "mean_squared_error", "mean_absolute_error", "dice", "tversky",
    ),
}  # fmt: skip

HEADS: dict[Task, Head] = {
    "binary": Head(
        "sigmoid", "binary_crossentropy", "binary_crossentropy", _SIGMOID, ("accuracy", "auc"), "accuracy"
    ),
    "multiclass": Head(
        "softmax", "sparse_categorical_crossentropy", "categorical_crossentropy", _SOFTMAX,
        ("accuracy",), "accuracy",
    ),
    "multilabel": Head(
        "sigmoid", "binary_crossentropy", "binary_crossentropy", _SIGMOID, ("accuracy", "auc"), "auc"
    ),
    "regression": Head(
        "linear", "mean_squared_error", "mean_squared_error", _DISTANCES, ("mae", "rmse"), "loss"
    ),
    "bounded_regression": Head(
        "sigmoid",
        "mean_squared_error",
        "mean_squared_error",
        {**_DISTANCES, "binary_crossentropy": "float"},
        ("mae", "rmse"),
        "loss",
    ),
}  # fmt: skip

ALIASES: dict[str, str] = {
    "mse": "mean_squared_error",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "msle": "mean_squared_logarithmic_error",
    "bce": "binary_crossentropy",
    "kld": "kl_divergence",
}

LOSS_CLASSES: dict[str, str] = {
    "binary_crossentropy": "BinaryCrossentropy",
    "binary_focal_crossentropy": "BinaryFocalCrossentropy",
    "sparse_categorical_crossentropy": "SparseCategoricalCrossentropy",
    "categorical_crossentropy": "CategoricalCrossentropy",
    "categorical_focal_crossentropy": "CategoricalFocalCrossentropy",
    "categorical_generalized_cross_entropy": "CategoricalGeneralizedCrossEntropy",
    "categorical_hinge": "CategoricalHinge",
    "kl_divergence": "KLDivergence",
    "dice": "Dice",
    "tversky": "Tversky",
    "mean_squared_error": "MeanSquaredError",
    "mean_absolute_error": "MeanAbsoluteError",
    "mean_absolute_percentage_error": "MeanAbsolutePercentageError",
    "mean_squared_logarithmic_error": "MeanSquaredLogarithmicError",
    "huber": "Huber",
    "log_cosh": "LogCosh",
}


@dataclass(frozen=True)
class MetricEntry:
    """One metric: the Keras class for labels as they are and for one-hot labels, and which way is better."""

    keras_class: str
    mode: Literal["max", "min"]
    tasks: tuple[Task, ...]
    one_hot_class: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)


_CLASSES: tuple[Task, ...] = ("multiclass",)
_YES_NO: tuple[Task, ...] = ("binary", "multilabel")
_NUMBERS: tuple[Task, ...] = ("regression", "bounded_regression")

METRICS: dict[tuple[str, Task], MetricEntry] = {
    (name, task): entry
    for name, entry in (
        ("accuracy", MetricEntry("BinaryAccuracy", "max", _YES_NO)),
        ("accuracy", MetricEntry("SparseCategoricalAccuracy", "max", _CLASSES, "CategoricalAccuracy")),
        (
            "top_5_accuracy",
            MetricEntry("SparseTopKCategoricalAccuracy", "max", _CLASSES, "TopKCategoricalAccuracy"),
        ),
        ("auc", MetricEntry("AUC", "max", _YES_NO)),
        ("auc_pr", MetricEntry("AUC", "max", _YES_NO, arguments={"curve": "PR"})),
        ("f1", MetricEntry("F1Score", "max", ("binary",), arguments={"threshold": 0.5, "average": "micro"})),
        ("precision", MetricEntry("Precision", "max", _YES_NO)),
        ("recall", MetricEntry("Recall", "max", _YES_NO)),
        ("crossentropy", MetricEntry("BinaryCrossentropy", "min", _YES_NO)),
        (
            "crossentropy",
            MetricEntry("SparseCategoricalCrossentropy", "min", _CLASSES, "CategoricalCrossentropy"),
        ),
        ("mae", MetricEntry("MeanAbsoluteError", "min", _NUMBERS)),
        ("mse", MetricEntry("MeanSquaredError", "min", _NUMBERS)),
        ("rmse", MetricEntry("RootMeanSquaredError", "min", _NUMBERS)),
        ("mape", MetricEntry("MeanAbsolutePercentageError", "min", _NUMBERS)),
        ("r2", MetricEntry("R2Score", "max", _NUMBERS)),
    )
    for task in entry.tasks
}


def check_output(output: OutputSpec) -> None:
    """Raises ConfigError where the number of outputs does not go with the task."""
    if output.task not in HEADS:
        raise ConfigError(f"task must be one of {', '.join(HEADS)}, not {output.task!r}.{nearest(output.task, HEADS)}")
    if output.task in ("binary", "regression", "bounded_regression") and output.units != 1:
        raise ConfigError(
            f"A {output.task} task has 1 output, not {output.units}; "
            f"use task: {'multilabel' if output.task == 'binary' else 'one label column'}."
        )
    if output.task == "multiclass" and output.units < 2:
        raise ConfigError(
            f"A multiclass task needs at least 2 classes, the label has {output.units}; look at the label."
        )
    if output.units < 1:
        raise ConfigError(
            f"A multilabel task needs at least 1 label column, not {output.units}; name them in the data."
        )


def check_loss(task: Task, loss_name: str) -> str:
    """Returns the full name of a loss that suits the task's last layer.

    Args:
      task: A key of ``HEADS``.
      loss_name: ``auto``, a Keras loss in snake case, or its short form (``mse``).

    Raises:
      ConfigError: the loss is unknown, or reads other outputs than the task's last layer gives.
    """
    head = HEADS[task]
    name = head.loss if loss_name == "auto" else ALIASES.get(loss_name, loss_name)
    if name in head.losses:
        return name
    suited = ", ".join(head.losses)
    if name not in LOSS_CLASSES:
        hint = nearest(loss_name, [*LOSS_CLASSES, *ALIASES])
        raise ConfigError(
            f"training.loss {loss_name!r} is not known.{hint} For task {task} use auto or one of: {suited}."
        )
    raise ConfigError(
        f"training.loss {loss_name!r} does not suit task {task}, whose last layer is {head.activation}; "
        f"use auto or one of: {suited}."
    )


def resolve_loss(task: Task, loss_name: str = "auto", *, soft_labels: bool = False) -> tuple[str, LabelForm]:
    """Returns the loss and the form in which it wants its labels.

    Args:
      task: A key of ``HEADS``.
      loss_name: ``auto``, a name that :func:`check_loss` accepts, or a user's own function, which reads labels as the
        default loss does.
      soft_labels: Whether mixup or label smoothing blends labels, which class indices cannot express.

    Returns:
      The loss' full name, and ``indices`` (int64 (batch,)), ``one_hot`` (float32 (batch, classes)) or
      ``float`` (float32 (batch,) or (batch, units)).

    Raises:
      ConfigError: the loss does not suit the task, or reads class indices while labels are blended.
    """
    if is_own(loss_name):
        return loss_name, "one_hot" if soft_labels else HEADS[task].losses[HEADS[task].loss]
    if loss_name == "auto" and soft_labels:
        loss_name = HEADS[task].soft_loss
    name = check_loss(task, loss_name)
    form = HEADS[task].losses[name]
    if soft_labels and form == "indices":
        raise ConfigError(
            f"training.loss {name!r} reads class indices, which mixup and label smoothing cannot blend; "
            "use loss: auto or categorical_crossentropy, or turn mixup and label_smoothing off."
        )
    return name, form


def make_loss(name: str, **arguments: Any) -> keras.losses.Loss:
    """Makes a Keras loss.

    Args:
      name: Full name of the loss.
      **arguments: Its arguments, such as ``label_smoothing`` or ``delta``.

    Raises:
      ConfigError: the loss has no such argument.
    """
    import keras

    try:
        return getattr(keras.losses, LOSS_CLASSES[name])(**arguments)
    except (TypeError, ValueError) as error:
        given = ", ".join(f"{key}={value!r}" for key, value in arguments.items())
        raise ConfigError(
            f"training.loss {name!r} does not take {given} ({error}); see keras.losses for its arguments."
        ) from error


def make_metrics(
    output: OutputSpec, names: Iterable[str] | None = None, *, one_hot: bool = False
) -> list[keras.metrics.Metric]:
    """Returns Keras metrics named as in ``METRICS``, the task's default ones where ``names`` is None.

    Args:
      output: What the model's last layer gives.
      names: Names such as ``accuracy``, ``auc``, ``mae``.
      one_hot: Whether multiclass labels are one-hot, see :func:`resolve_loss`.

    Raises:
      ConfigError: a metric that the task does not have.
    """
    chosen = HEADS[output.task].metrics if names is None else names
    return [_make_metric(name, _find_metric(name, output), output, one_hot) for name in chosen]


def _find_metric(name: str, output: OutputSpec) -> MetricEntry:
    """Returns what is known of a metric, and refuses one that says nothing of the output."""
    entry = METRICS.get((name, output.task))
    if entry is None:
        known = [metric for metric, task in METRICS if task == output.task]
        raise ConfigError(
            f"Metric {name!r} does not exist for task {output.task}; use one of: {', '.join(known)}."
            f"{nearest(name, known)}"
        )
    if name == "top_5_accuracy" and output.units < 6:
        raise ConfigError(
            f"Metric 'top_5_accuracy' is 1 for any model of {output.units} classes; leave it out, or use accuracy."
        )
    return entry


def _make_metric(name: str, entry: MetricEntry, output: OutputSpec, one_hot: bool) -> keras.metrics.Metric:
    import keras

    arguments: dict[str, Any] = {"name": name, **entry.arguments}
    if entry.keras_class == "BinaryCrossentropy":
        return keras.metrics.MeanMetricWrapper(_crossentropy, name=name)
    if entry.keras_class == "F1Score":
        return _in_columns(keras.metrics.F1Score)(**arguments)
    if entry.keras_class == "AUC" and output.task == "multilabel":
        arguments |= {"multi_label": True, "num_labels": output.units}
    keras_class = entry.one_hot_class if one_hot and entry.one_hot_class else entry.keras_class
    return getattr(keras.metrics, keras_class)(**arguments)


def _in_columns(metric: type[keras.metrics.Metric]) -> type[keras.metrics.Metric]:
    """Returns the metric for labels without a second axis, which Keras' own does not take."""
    import keras

    class InColumns(metric):
        def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
            super().update_state(keras.ops.reshape(y_true, keras.ops.shape(y_pred)), y_pred, sample_weight)

    return InColumns


def _crossentropy(labels: keras.KerasTensor, predictions: keras.KerasTensor) -> keras.KerasTensor:
    """Returns the crossentropy (batch,); Keras' own metric does not take labels without a second axis."""
    import keras

    labels = keras.ops.reshape(keras.ops.cast(labels, predictions.dtype), keras.ops.shape(predictions))
    return keras.losses.binary_crossentropy(labels, predictions)


def computable(output: OutputSpec) -> list[str]:
    """Lists what a fit can measure after every epoch: the loss, and the names of ``METRICS`` that suit the output."""
    known = [name for name, task in METRICS if task == output.task]
    if output.units < 6:
        known = [name for name in known if name != "top_5_accuracy"]  # 1 for any model
    return ["loss", *known]


def direction(metric: str, mode: Literal["auto", "max", "min"] = "auto") -> Literal["max", "min"]:
    """Returns which way ``metric`` (with or without ``val_``) is better.

    Args:
      metric: Its name.
      mode: Which way, or ``auto`` where the name tells.

    Raises:
      ConfigError: nobody knows a metric of that name.
    """
    if mode != "auto":
        return mode
    plain = metric.removeprefix("val_")
    if plain == "loss":
        return "min"
    for (name, _), entry in METRICS.items():
        if name == plain:
            return entry.mode
    known = sorted({"loss", *(name for name, _ in METRICS)})
    raise ConfigError(f"Metric {metric!r} is not known; use one of: {', '.join(known)}.{nearest(plain, known)}")


def output_layer(output: OutputSpec) -> keras.layers.Layer:
    """Returns the last layer, named ``output``, float32 even under mixed precision.

    Raises:
      ConfigError: the number of outputs does not go with the task.
    """
    import keras

    check_output(output)
    return keras.layers.Dense(output.units, activation=HEADS[output.task].activation, dtype="float32", name="output")
