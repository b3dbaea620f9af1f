"""The tables of optimizers, schedules and losses agree with the installed Keras, and their checks name the mistake."""

from __future__ import annotations

import inspect

import keras
import pytest
from pydantic import ValidationError

from kerasline.components.fitting.settings.names import (
    LOSS_ARGUMENTS,
    OPTIMIZERS,
    SCHEDULES,
    SMOOTHED_LOSSES,
    find_optimizer,
    find_schedule,
    in_epochs,
)
from kerasline.components.fitting.settings.options import TrainingOptions
from kerasline.components.models.parts.heads import LOSS_CLASSES

NOT_OURS = {"self", "name", "kwargs", "learning_rate", "initial_learning_rate"}


def arguments_of(keras_class: type) -> set[str]:
    return set(inspect.signature(keras_class.__init__).parameters) - NOT_OURS


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_have_the_arguments_of_keras(name: str) -> None:
    choice = OPTIMIZERS[name]
    assert set(choice.arguments) == arguments_of(getattr(keras.optimizers, choice.keras_class))


def test_every_optimizer_of_keras_is_there() -> None:
    wrappers = {"Optimizer", "LossScaleOptimizer", "MultiOptimizer", "OptimizerMap"}
    of_keras = {name for name in dir(keras.optimizers) if name[0].isupper()} - wrappers
    assert of_keras == {choice.keras_class for choice in OPTIMIZERS.values()}


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_have_the_arguments_of_keras(name: str) -> None:
    in_steps = {argument for argument in SCHEDULES[name].arguments if not argument.endswith("_epochs")}
    assert in_steps == arguments_of(getattr(keras.optimizers.schedules, name))
    in_epochs_too = {argument for argument in in_steps if in_epochs(argument) != argument}
    assert {in_epochs(argument) for argument in in_epochs_too} == set(SCHEDULES[name].arguments) - in_steps


def test_every_schedule_of_keras_is_there() -> None:
    of_keras = {name for name in dir(keras.optimizers.schedules) if name[0].isupper()} - {"LearningRateSchedule"}
    assert of_keras == set(SCHEDULES)


@pytest.mark.parametrize("name", LOSS_CLASSES)
def test_losses_have_the_arguments_of_keras(name: str) -> None:
    of_keras = arguments_of(getattr(keras.losses, LOSS_CLASSES[name]))
    settled_elsewhere = {"from_logits", "axis", "reduction", "dtype", "label_smoothing", "ignore_class"}
    assert of_keras - settled_elsewhere == set(LOSS_ARGUMENTS.get(name, ()))
    assert ("label_smoothing" in of_keras) == (name in SMOOTHED_LOSSES)


def test_names_may_be_spelt_as_keras_spells_them() -> None:
    assert find_optimizer("RMSprop") == "rmsprop"
    assert find_optimizer("ScheduleFree_AdamW") == "schedulefreeadamw"
    assert find_schedule({"name": "cosine_decay"}) == "CosineDecay"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"optimizer": "adm"}, "got 'adm'. Did you mean 'adam'?"),
        (
            {"optimizer": "sgd", "optimizer_arguments": {"momentun": 0.9}},
            "optimizer_arguments: expected arguments of sgd",
        ),
        ({"optimizer_arguments": {"learning_rate": 1}}, "use training.learning_rate for the rate"),
        ({"clip_norm": 1, "optimizer_arguments": {"clipvalue": 1}}, "got clipvalue and clip_norm; leave one out"),
        (
            {"learning_rate_schedule": {"name": "CosinDecay"}},
            "got 'CosinDecay'. Did you mean 'CosineDecay'?",
        ),
        (
            {"learning_rate_schedule": {"name": "CosineDecay", "decay_step": 3}},
            "got 'decay_step'. Did you mean 'decay_steps'?",
        ),
        ({"learning_rate_schedule": {"name": "ExponentialDecay"}}, "ExponentialDecay needs decay_rate"),
        (
            {"learning_rate_schedule": {"name": "PiecewiseConstantDecay", "values": [1, 2]}},
            "PiecewiseConstantDecay needs boundary_epochs",
        ),
        (
            {"learning_rate_schedule": {"name": "CosineDecay", "decay_steps": 3, "decay_epochs": 1}},
            "expected decay_steps or decay_epochs, got both",
        ),
        (
            {"learning_rate_schedule": {"name": "CosineDecay"}, "reduce_on_plateau": {}},
            "expected learning_rate_schedule or reduce_on_plateau, got both",
        ),
        ({"strategy": "multi_worker"}, "expected backend: jax for strategy: multi_worker, got tensorflow"),
        ({"backend": "torch", "strategy": "mirrored"}, "expected strategy: none for backend: torch, got mirrored"),
        ({"backend": "jax", "device": "tpu"}, "expected backend: tensorflow for a TPU, got jax"),
        ({"device": "cpu", "strategy": "tpu"}, "expected device: tpu for strategy: tpu, got cpu"),
        ({"device": "tpu", "strategy": "mirrored"}, "expected strategy: tpu for device: tpu, got mirrored"),
        ({"replicas": 2}, "expected strategy: mirrored or multi_worker with replicas, got auto"),
    ],
)
def test_mistakes_are_found_before_anything_runs(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TrainingOptions.model_validate(options)
    assert message in str(caught.value)
