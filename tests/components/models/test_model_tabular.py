"""The tabular family: its answer and loss, its members, files of it, and what it can learn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from kerasline.components.core.errors import ConfigError
from kerasline.components.models import InputSpec, OutputSpec, TabularOptions, Task, build_model
from kerasline.components.models.parts.heads import make_loss, resolve_loss
from kerasline.components.models.tabular import disagreement

DENSE = InputSpec("features", "dense", (5,), columns=("a", "a rank", "b", "b rank", "c"), ranks=(1, 3))
CITY = InputSpec("city", "ids", (1,), vocabulary_size=7)
SMALL = TabularOptions(units=(8, 8), members=4, bins=4, number_dim=2, dropout=0.0)
OUTPUTS = {
    "binary": OutputSpec("binary", 1),
    "multiclass": OutputSpec("multiclass", 3),
    "multilabel": OutputSpec("multilabel", 3),
    "regression": OutputSpec("regression", 1),
    "bounded_regression": OutputSpec("bounded_regression", 1),
}


def labels_of(output: OutputSpec, rows: int, generator: np.random.Generator) -> np.ndarray:
    """Makes labels of a task."""
    if output.task == "multiclass":
        return generator.integers(0, output.units, rows)
    shape = (rows, output.units)
    values = generator.random(shape) if "regression" in output.task else generator.integers(0, 2, shape)
    return values.astype("float32")


@pytest.mark.parametrize("task", OUTPUTS)
def test_the_loss_in_training_is_the_mean_of_the_members_losses(
    task: Task, batch_of: Callable, generator: np.random.Generator
) -> None:
    output = OUTPUTS[task]
    model = build_model(SMALL, [DENSE, CITY], output, seed=1)
    x, y = batch_of([DENSE, CITY], 6), labels_of(output, 6, generator)
    members = keras.Model(model.input, model.get_layer("each_member").output)(x)
    activation = "sigmoid" if task in ("binary", "multilabel") else "softmax" if task == "multiclass" else "linear"
    answers = np.asarray(keras.activations.get(activation)(members))
    loss = make_loss(resolve_loss(task)[0])
    each = [float(loss(y, answers[:, member])) for member in range(4)]
    assert max(each) > min(each), "the members differ"
    together = float(loss(y, model(x, training=True))) + sum(float(part) for part in model.losses)
    assert together == pytest.approx(np.mean(each), rel=1e-4)


def test_outside_training_nothing_is_added(batch_of: Callable) -> None:
    model = build_model(SMALL, [DENSE], OUTPUTS["multiclass"], seed=1)
    answers = np.asarray(model(batch_of([DENSE], 6), training=False))
    assert model.losses == []
    assert answers.shape == (6, 3)
    assert answers.dtype == np.float32
    assert answers.sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_members_that_agree_add_nothing(generator: np.random.Generator) -> None:
    same = np.repeat(generator.normal(size=(5, 1, 3)), 4, axis=1).astype("float32")
    for task in OUTPUTS:
        assert np.asarray(disagreement(keras.ops.convert_to_tensor(same), task)) == pytest.approx(0, abs=1e-5)


def test_one_member_is_a_plain_network(batch_of: Callable) -> None:
    model = build_model(TabularOptions(units=4, members=1), [CITY], OUTPUTS["binary"], seed=1)
    model(batch_of([CITY], 3), training=True)
    assert model.losses == []


def test_a_rank_bends_the_answer_and_the_other_values_do_not_need_one(batch_of: Callable) -> None:
    plain = build_model(SMALL, [InputSpec("features", "dense", (5,))], OUTPUTS["binary"], seed=1)
    assert not [layer.name for layer in plain.layers if "numbers" in layer.name]
    ranked = build_model(SMALL, [DENSE], OUTPUTS["binary"], seed=1)
    kernel, bias = ranked.get_layer("features_numbers").get_weights()
    assert (kernel.shape, bias.shape) == ((2, 4, 2), (2, 2))
    x = {"features": np.zeros((3, 5), np.float32)}
    x["features"][:, 1] = [0, 0.3, 1]
    filled = keras.Model(ranked.input, ranked.get_layer("features_filled").output)(x)
    wanted = [[0, 0, 0, 0], [1, 0.2, 0, 0], [1, 1, 1, 1]]
    assert np.asarray(filled)[:, 0] == pytest.approx(np.array(wanted), abs=1e-5)


def test_a_keras_file_loads_and_answers_alike(tmp_path: Path, batch_of: Callable) -> None:
    model = build_model(SMALL, [DENSE, CITY], OUTPUTS["multiclass"], seed=1)
    x = batch_of([DENSE, CITY], 5)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    assert np.array_equal(np.asarray(loaded(x)), np.asarray(model(x)))


def test_the_same_seed_gives_the_same_members_and_they_differ() -> None:
    first, second = (build_model(SMALL, [DENSE], OUTPUTS["binary"], seed=5) for _ in range(2))
    factors = first.get_layer("members_start").get_weights()[0]
    assert np.array_equal(factors, second.get_layer("members_start").get_weights()[0])
    assert len({row.tobytes() for row in factors}) == 4


@pytest.mark.parametrize("kind", ["image", "array", "tokens"])
def test_what_is_no_column_is_refused(kind: str) -> None:
    other = InputSpec("scan", kind, (8, 8, 1) if kind != "tokens" else (8,), vocabulary_size=9)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=f"takes columns of a table, but 'scan' is of kind {kind}; use family"):
        build_model(SMALL, [DENSE, other], OUTPUTS["binary"])


@pytest.mark.slow
def test_it_learns_a_number_that_jumps(learn: Callable, generator: np.random.Generator) -> None:
    rank = generator.random(1200, dtype=np.float32)
    dense = InputSpec("features", "dense", (1,), ranks=(0,))
    label = np.floor(rank * 8) % 2
    options = TabularOptions(units=32, members=4, bins=16)
    found = learn(options, [dense], OUTPUTS["binary"], {"features": rank[:, None]}, label.astype("float32"), epochs=30)
    assert found > 0.95
