"""Models of the custom family that bring a training of their own: a ``train_step``, a ``compute_loss``, a ``fit``.

The custom family puts the user's model behind inputs by name. What is fitted is then the user's model itself, so that
its methods count; both share their weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import keras

from kerasline.components.core import ConfigError, KeraslineError, TrainingFailed, first_line
from kerasline.components.fitting.batches import Batches
from kerasline.components.fitting.rows import Feed
from kerasline.components.fitting.settings import OPTIMIZERS, FitSettings, loss_of
from kerasline.components.models import ALIASES, LOSS_CLASSES, CustomOptions, arguments_of, tensors_given
from kerasline.components.own_code import is_own, own_origin

_BUILD = "model.build"
_METHODS = (
    *("train_step", "test_step", "compute_loss", "compute_metrics", "fit", "evaluate", "compile", "train_on_batch"),
    *("stateless_compute_loss", "make_train_function", "make_test_function"),
    *("metrics", "get_metrics_result", "reset_metrics"),
)


def trainee_of(model: keras.Model) -> keras.Model:
    """Returns the model whose ``fit`` is called: the user's own where it changes how it is trained, else ``model``."""
    return next((layer for layer in model.layers if isinstance(layer, keras.Model) and own_methods(layer)), model)


def own_methods(model: keras.Model) -> list[str]:
    """Lists the methods of training that a model's class, or the model itself, has of its own."""
    classes = [kind for kind in type(model).__mro__ if not kind.__module__.startswith(("keras.", "builtins"))]
    return [name for name in _METHODS if name in vars(model) or any(name in vars(kind) for kind in classes)]


def check_own_training(model: keras.Model, settings: FitSettings) -> None:
    """Refuses a model that was compiled with something that the recipe would replace.

    Raises:
      ConfigError: names what the model has and what the recipe has.
    """
    if not isinstance(settings.model, CustomOptions):
        return
    for made in (layer for layer in model.layers if isinstance(layer, keras.Model) and layer.compiled):
        options = settings.training
        mine, recipes = _describe(made), f"loss {loss_of(settings)[0]} and {_optimizer(settings)}"
        if mine != recipes:
            raise ConfigError(
                f"model.build {settings.model.build} returned a model that is compiled with {mine}, which the recipe's "
                f"training block would replace by {recipes}; return it uncompiled, and give training.loss, "
                f"training.optimizer and training.learning_rate (now {options.learning_rate:g}), or a compute_loss of "
                "its own to a model whose loss is no Keras loss by name."
            )


def _describe(model: keras.Model) -> str:
    loss = model.loss
    name = loss if isinstance(loss, str) else getattr(loss, "__name__", type(loss).__name__)
    classes = {kind: known for known, kind in LOSS_CLASSES.items()}
    rate = getattr(model.optimizer, "_learning_rate", None)
    told = f"{float(keras.ops.convert_to_numpy(rate)):.6g}" if isinstance(rate, keras.Variable) else "a schedule"
    return f"loss {ALIASES.get(name, classes.get(name, name))} and {type(model.optimizer).__name__} at {told}"


def _optimizer(settings: FitSettings) -> str:
    options = settings.training
    rate = "a schedule" if options.learning_rate_schedule else f"{options.learning_rate:.6g}"
    known = OPTIMIZERS.get(options.optimizer)
    return f"{known.keras_class if known else options.optimizer} at {rate}"


def for_trainee(read: Batches, trainee: keras.Model, settings: FitSettings) -> Batches:
    """Gives batches the form of inputs that the user's own model takes: by name, in order, or the only one."""

    def form(inputs: dict[str, Any]) -> Any:
        return arguments_for(trainee, settings, inputs)

    return replace(read, train=reform(read.train, form), validation=reform(read.validation, form))


def arguments_for(trainee: keras.Model, settings: FitSettings, inputs: dict[str, Any]) -> Any:
    """Returns a batch in the form that the user's own model takes: its columns joined or apart, by name or in order."""
    return arguments_of(trainee, tensors_given(settings.model, settings.plan.inputs(), inputs))


def reform(batches: Any, form: Callable[[dict[str, Any]], Any]) -> Any:
    """Changes the inputs of every batch."""
    if batches is None:
        return None
    if isinstance(batches, Feed):
        batches.form = form
        return batches
    return batches.map(lambda inputs, *rest: (form(inputs), *rest))


def build_metrics(trainee: keras.Model, read: Batches) -> None:
    """Lets compiled metrics see a batch before the fit: Keras asks them for their result even if no step uses them."""
    own = own_methods(trainee)
    if keras.backend.backend() != "tensorflow" or "metrics" in own or not {"train_step", "test_step"} & set(own):
        return
    batch = read.train[0] if isinstance(read.train, Feed) else next(iter(read.train))
    inputs, labels, weights = keras.utils.unpack_x_y_sample_weight(batch)
    trainee.compute_metrics(inputs, labels, trainee(inputs, training=False), sample_weight=weights)
    trainee.reset_metrics()


class CheckFigures(keras.callbacks.Callback):
    """Ends a fit after its first epoch where it lacks the loss, or what a callback watches.

    A ``train_step`` may return what it likes, and Keras' callbacks only warn of a figure that is not there.

    Args:
      watched: Names of the figures that callbacks watch.
    """

    def __init__(self, watched: list[str]) -> None:
        super().__init__()
        self._watched = ["loss", *watched]

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Looks once.

        Raises:
          TrainingFailed: names what is missing, and what there is.
        """
        missing = [name for name in self._watched if name not in (logs or {})]
        if missing:
            raise TrainingFailed(
                f"expected the figure {missing[0]!r} after every epoch, but the model's own training gives "
                f"{', '.join(logs or {}) or 'none'}; return it from train_step (test_step for val_), or watch another "
                "in training.early_stopping and training.reduce_on_plateau"
            )


def explain_failure(error: Exception, trainee: keras.Model, settings: FitSettings) -> TrainingFailed | None:
    """Says that a fit failed in what is the user's own, where, and with what; None where it did not."""
    if isinstance(error, KeraslineError):
        return None
    methods, where = own_methods(trainee), own_origin(error, _own_names(settings))
    if where is not None and not (methods and where.startswith(_BUILD)):
        return TrainingFailed(f"{where}; mend it")
    if not methods:
        return None
    named = f"the model's own {' and '.join(methods)}"
    told = where or f"{named} ended with {type(error).__name__}: {first_line(error, 'no message')[:300]}"
    return TrainingFailed(
        f"{told}; {named if where else 'it'} runs under the backend {keras.backend.backend()} and is given inputs, "
        "labels and, where rows or classes weigh, weights"
    )


def _own_names(settings: FitSettings) -> dict[str, list[str]]:
    """Lists the user's functions and classes that a fit calls, by their key."""
    training, model = settings.training, settings.model
    named = {
        "training.callbacks": training.callbacks,
        "training.metrics": training.metrics,
        "training.loss": [training.loss or ""],
        "training.optimizer": [training.optimizer],
        _BUILD: [model.build] if isinstance(model, CustomOptions) else [],
    }
    return {key: list(filter(is_own, names)) for key, names in named.items()}
