"""A model that brings its own training is trained by it, on every form of its inputs; what cannot count is refused."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kerasline.components.core.errors import ConfigError, TrainingFailed
from kerasline.components.fitting.one_fit import fit
from kerasline.components.fitting.rows.rows import Arrays, FitData
from kerasline.components.fitting.scoring import score
from kerasline.components.fitting.settings.settings import FitSettings
from kerasline.components.fitting.watching.checkpoints import CheckpointFile
from kerasline.components.own_code import use_folder
from kerasline.pipeline.templates import write_module

Make = Callable[..., FitSettings]

# Only the bias of the last layer learns, and the loss is a hundred times the usual one.
STEP = """
import keras
import tensorflow as tf

class Own(keras.Model):
    def train_step(self, data):
        x, y = data[:2]
        with tf.GradientTape() as tape:
            loss = 100 * self.compute_loss(y=y, y_pred=self(x, training=True))
        bias = self.trainable_variables[-1]
        self.optimizer.apply([tape.gradient(loss, bias)], [bias])
        return {"loss": loss}

def build_model(config, inputs, output):
    x = keras.Input(inputs[0].shape)
    hidden = keras.layers.Dense(8, activation="relu")(x)
    return Own(FORM, keras.layers.Dense(output.units, activation="softmax")(hidden))
"""

CLASS = """
import keras

class Own(keras.Model):
    def __init__(self, units):
        super().__init__()
        self.last = keras.layers.Dense(units, activation="softmax")

    def call(self, x):
        return self.last(x)

METHOD

def build_model(config, inputs, output):
    return Own(output.units)
"""


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], dict[str, Any]]]:
    """Writes a module, and returns the ``model`` block that names it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    names: list[str] = []

    def write(code: str) -> dict[str, Any]:
        names.append(f"own_{len(names)}_{tmp_path.name}".replace("-", "_"))
        (tmp_path / f"{names[-1]}.py").write_text(code)
        return {"family": "custom", "build": f"{names[-1]}:build_model"}

    yield write
    for name in names:
        sys.modules.pop(name, None)


def method(code: str) -> str:
    return CLASS.replace("METHOD", textwrap.indent(textwrap.dedent(code), "    "))


@pytest.mark.parametrize("form", ["x", "[x]", "{inputs[0].name: x}"])
def test_its_train_step_counts(
    settings: Make, rows: FitData, written: Callable[[str], dict[str, Any]], form: str
) -> None:
    chosen = settings(model=written(STEP.replace("FORM", form)), epochs=2, early_stopping={"patience": 5})
    first = settings(model=chosen.model.model_dump(), epochs=1)
    model, history = fit(chosen, rows)
    early, _ = fit(first, rows)
    kernels = [[w for w in one.get_weights() if w.ndim == 2] for one in (model, early)]
    for mine, theirs in zip(*kernels, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert not np.array_equal(model.get_weights()[-1], early.get_weights()[-1])
    assert history["loss"][0] > 50, "the loss of its own"
    assert set(history) == {"loss", "val_loss", "val_accuracy"}
    assert score(model, chosen, rows)["val_loss"] == pytest.approx(min(history["val_loss"]), rel=1e-4)
    answers = model.predict(rows.validation.inputs, verbose=0)
    assert answers.shape == (30, 3)


def test_the_template_trains_as_the_plain_network_does(settings: Make, rows: FitData, tmp_path: Path) -> None:
    path, _ = write_module("training", "first_training", tmp_path)
    use_folder(tmp_path, [path.stem])
    chosen = settings(model={"family": "custom", "build": f"{path.stem}:{path.stem}"}, epochs=3)
    _, history = fit(chosen, rows)
    path.write_text(path.read_text().replace("def train_step", "def unused_step"))
    use_folder(tmp_path, [path.stem])
    _, plain = fit(chosen, rows)
    assert history.keys() == plain.keys()
    assert history["val_loss"] == pytest.approx(plain["val_loss"], rel=1e-4)


APART = """
import keras

class Own(keras.Model):
    def train_step(self, data):
        found = super().train_step(data)
        return {**found, "columns": keras.ops.convert_to_tensor(float(len(data[0]))), "width": data[0]["x2"].shape[1]}

def build_model(config, inputs, output):
    tensors = {spec.name: keras.Input(spec.shape, name=spec.name) for spec in inputs}
    joined = keras.layers.Concatenate()(list(tensors.values()))
    return Own(tensors, keras.layers.Dense(output.units, activation="softmax")(joined))
"""


def test_its_train_step_sees_the_columns_apart(settings: Make, rows: FitData, written: Callable[[str], Any]) -> None:
    model, history = fit(settings(model={**written(APART), "features": "apart"}, epochs=2), rows)
    assert (history["columns"], history["width"]) == ([4, 4], [1, 1])
    assert history["loss"][1] < history["loss"][0]
    assert model.predict(rows.validation.inputs, verbose=0).shape == (30, 3), "which are joined again when it answers"


def test_its_own_loss_counts_in_a_stream_too(settings: Make, rows: FitData, written: Callable[[str], Any]) -> None:
    import tensorflow as tf

    own = method("""
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return 7.0 + 0.0 * keras.ops.mean(y_pred)
    """)
    chosen = settings(model=written(own), epochs=1)
    assert fit(chosen, rows)[1]["loss"] == [pytest.approx(7.0)]
    assert rows.train is not None
    train = tf.data.Dataset.from_tensor_slices((rows.train.inputs, rows.train.labels))
    streamed = FitData(None, None, lambda part, size, epoch: train.batch(size), False, 120)
    assert fit(chosen, streamed)[1]["loss"] == [pytest.approx(7.0)]


def test_its_fit_counts(settings: Make, rows: FitData, written: Callable[[str], Any]) -> None:
    own = method("""
        def fit(self, *arguments, **named):
            history = super().fit(*arguments, **named)
            self.last.bias.assign([5.0, 6.0, 7.0])
            return history
    """)
    model, _ = fit(settings(model=written(own), epochs=1), rows)
    np.testing.assert_array_equal(model.get_weights()[-1], [5, 6, 7])


def test_a_fit_of_its_own_that_was_killed_continues(
    settings: Make, rows: FitData, written: Callable[[str], Any], tmp_path: Path
) -> None:
    block = written(STEP.replace("FORM", "x"))
    file = CheckpointFile(str(tmp_path / "states"), "key")
    fit(settings(model=block, epochs=2), rows, checkpoint=file)
    continued, history = fit(settings(model=block, epochs=4), rows, checkpoint=file)
    whole, other = fit(settings(model=block, epochs=4), rows)
    assert history == other
    np.testing.assert_array_equal(continued.get_weights()[-1], whole.get_weights()[-1])


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def train_step(self, data):\n    return {'error': 1.0}", "expected the figure 'loss' after every epoch"),
        ("def test_step(self, data):\n    return {'other': 1.0}", "expected the figure 'val_loss' after every epoch"),
        ("def train_step(self, data):\n    return 1 / 0", "division by zero; the model's own train_step runs under"),
        ("def compile(self, critic):\n    pass", "the model's own compile ended with TypeError"),
    ],
)
def test_training_that_does_not_go_is_told_in_a_sentence(
    settings: Make, rows: FitData, written: Callable[[str], Any], code: str, message: str
) -> None:
    with pytest.raises(TrainingFailed) as caught:
        fit(settings(model=written(method(code)), early_stopping={}), rows)
    assert message in str(caught.value) and "\n" not in str(caught.value)


SEQUENTIAL = """
import keras

def build_model(config, inputs, output):
    model = keras.Sequential([keras.layers.Dense(output.units, activation="softmax")])
    model.compile(COMPILE)
    return model
"""


@pytest.mark.parametrize(
    "arguments",
    ["'adam', lambda y, p: 0 * keras.ops.sum(p)", "'sgd', 'sparse_categorical_crossentropy'",
     "keras.optimizers.Adam(0.1), 'sparse_categorical_crossentropy'", "'adam', keras.losses.Poisson()"],
)  # fmt: skip
def test_what_a_model_was_compiled_with_is_not_dropped_in_silence(
    settings: Make, rows: FitData, written: Callable[[str], Any], arguments: str
) -> None:
    block = written(SEQUENTIAL.replace("COMPILE", arguments))
    with pytest.raises(ConfigError, match="returned a model that is compiled with loss .* which the recipe's training"):
        fit(settings(model=block), rows)


@pytest.mark.parametrize("loss", ["'sparse_categorical_crossentropy'", "keras.losses.SparseCategoricalCrossentropy()"])
def test_a_model_compiled_with_what_the_recipe_says_is_taken(
    settings: Make, rows: FitData, written: Callable[[str], Any], loss: str
) -> None:
    block = written(SEQUENTIAL.replace("COMPILE", f"'adam', {loss}, metrics=['accuracy']"))
    assert len(fit(settings(model=block, epochs=2), rows)[1]["loss"]) == 2


def test_several_inputs_by_name_reach_its_train_step(settings: Make, written: Callable[[str], Any]) -> None:
    tensors = "every = {spec.name: keras.Input(spec.shape) for spec in inputs}\n"
    tensors += "    x = keras.layers.Concatenate()(list(every.values()))"
    code = STEP.replace("x = keras.Input(inputs[0].shape)", tensors).replace("FORM", "every")
    steps = [
        {"name": "a", "kind": "numeric", "dtype": "float", "options": {}},
        {"name": "photo", "kind": "array", "dtype": "array", "shape": [2], "options": {}},
    ]
    random = np.random.default_rng(0)
    chosen = settings(model=written(code), steps=steps, epochs=1)
    inputs = {spec.name: random.normal(size=(60, *spec.shape)).astype(np.float32) for spec in chosen.plan.inputs()}
    data = FitData(Arrays(inputs, random.integers(0, 3, 60)), None, None, False)
    assert fit(chosen, data)[1]["loss"][0] > 50
