"""The custom family: a user's function, and what is said when it does not do what it should."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from kerasline.components.core.errors import ConfigError
from kerasline.components.models import CustomOptions, InputSpec, OutputSpec, build_model

IMAGE = InputSpec("image", "image", (8, 8, 1))
SIDE = InputSpec("age", "dense", (2,))
TEN = OutputSpec("multiclass", 10)


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Callable]:
    """Writes the body of build_model into a module in the working folder and returns its options."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    names: list[str] = []

    def make(body: str, config: dict | None = None) -> CustomOptions:
        name = f"custom_module_{abs(hash(request.node.name))}_{len(names)}"
        names.append(name)
        code = "import keras\n\n\ndef build_model(config, inputs, output):\n" + textwrap.indent(
            textwrap.dedent(body), "    "
        )
        (tmp_path / f"{name}.py").write_text(code, encoding="utf-8")
        return CustomOptions(build=f"{name}:build_model", config=config or {})

    yield make
    for name in names:
        sys.modules.pop(name, None)


SEQUENTIAL = """
    return keras.Sequential([
        keras.layers.Flatten(),
        keras.layers.Dense(config.get("units", 64), activation="relu"),
        keras.layers.Dense(output.units, activation="softmax"),
    ])
"""


def test_a_notebooks_sequential_model_is_taken(write: Callable, batch_of: Callable) -> None:
    model = build_model(write(SEQUENTIAL, {"units": 32}), [IMAGE], TEN)
    assert model.count_params() == 64 * 32 + 32 + 32 * 10 + 10
    assert model.predict(batch_of([IMAGE], 3), verbose=0).shape == (3, 10)


def test_a_functional_model_of_a_dict_is_taken(write: Callable, batch_of: Callable) -> None:
    options = write("""
        tensors = {spec.name: keras.Input(spec.shape, dtype=spec.dtype, name=spec.name) for spec in inputs}
        joined = keras.layers.Concatenate()([keras.layers.Flatten()(tensors["image"]), tensors["age"]])
        return keras.Model(tensors, keras.layers.Dense(output.units, activation="softmax")(joined))
    """)
    model = build_model(options, [IMAGE, SIDE], TEN)
    assert model.count_params() == 66 * 10 + 10
    assert model.predict(batch_of([IMAGE, SIDE], 3), verbose=0).shape == (3, 10)


def test_a_model_of_inputs_in_their_order_is_taken(write: Callable, batch_of: Callable) -> None:
    options = write("""
        image, age = (keras.Input(spec.shape) for spec in inputs)
        joined = keras.layers.Concatenate()([keras.layers.Flatten()(image), age])
        return keras.Model([image, age], keras.layers.Dense(output.units, activation="softmax")(joined))
    """)
    assert build_model(options, [IMAGE, SIDE], TEN).predict(batch_of([IMAGE, SIDE], 3), verbose=0).shape == (3, 10)


IMPORTED = "from keras import Input, Model, Sequential\nfrom keras.layers import Conv2D, Dense, Flatten\n"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return 3", "must return a keras.Model, but returned int; return the uncompiled model"),
        ("return None", "but returned NoneType"),
        ("return 1 / 0", "raised ZeroDivisionError: division by zero"),
        (
            "return Sequential([Flatten(), Dense(3)])",
            "of shape (None, 10) for task multiclass, but it has shape (None, 3)",
        ),
        ("return Sequential([Conv2D(10, 3)])", "but it has shape (None, 6, 6, 10)"),
        (
            "return Sequential([Flatten(), Dense(10)])",
            "ends with the activation linear, but task multiclass needs softmax",
        ),
        (
            "x = Input((5,))\nreturn Model(x, Dense(10, activation='softmax')(x))",
            "does not take the inputs {'image': (None, 8, 8, 1)}",
        ),
        (
            "x = Input((8, 8, 1), name='picture')\n"
            "return Model({'picture': x}, Dense(10, activation='softmax')(Flatten()(x)))",
            "returned a model of the inputs ['picture']",
        ),
        ("x = Input((8, 8, 1))\ny = Flatten()(x)\nreturn Model(x, [y, y])", "list of several outputs"),
    ],
)
def test_a_wrong_model_is_refused_with_what_to_do(body: str, message: str, write: Callable) -> None:
    with pytest.raises(ConfigError) as caught:
        build_model(write(IMPORTED + body), [IMAGE], TEN)
    assert message in str(caught.value)


def test_a_missing_module_function_or_package_is_named(write: Callable, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="names the module nowhere.models, which Python cannot find; install it"):
        build_model(CustomOptions(build="nowhere.models:build_model"), [IMAGE], TEN)
    module = write("return None").build.partition(":")[0]
    with pytest.raises(ConfigError, match="has no function 'build_modle'. Did you mean 'build_model'?"):
        build_model(CustomOptions(build=f"{module}:build_modle"), [IMAGE], TEN)
    (tmp_path / "needs_more.py").write_text("import a_package_that_is_missing\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="module needs_more needs 'a_package_that_is_missing'; install that package"):
        build_model(CustomOptions(build="needs_more:build_model"), [IMAGE], TEN)
    (tmp_path / "does_not_parse.py").write_text("def build_model(:\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="importing does_not_parse raised SyntaxError"):
        build_model(CustomOptions(build="does_not_parse:build_model"), [IMAGE], TEN)


def test_learns_handwritten_digits(write: Callable, learn: Callable) -> None:
    from sklearn.datasets import load_digits

    digits = load_digits()
    x = {"image": (digits.images[..., None] / 16).astype(np.float32)}
    assert learn(write(SEQUENTIAL), [IMAGE], TEN, x, digits.target, epochs=8) > 0.9


def test_a_network_may_see_columns_one_by_one(write: Callable, batch_of: Callable, tmp_path: Path) -> None:
    import keras

    options = write("""
        tensors = {spec.name: keras.Input(spec.shape, name=spec.name) for spec in inputs}
        assert list(tensors) == ["age", "town"]
        parts = [keras.layers.Dense(4, activation="relu")(tensors[name]) for name in tensors]
        return keras.Model(tensors, keras.layers.Dense(10, activation="softmax")(keras.layers.Concatenate()(parts)))
    """)
    values = ("age", "town #0", "town #1")
    table = InputSpec("features", "dense", (3,), columns=values, owners=("age", "town", "town"))
    model = build_model(options.model_copy(update={"features": "apart"}), [table], TEN)
    assert model.count_params() == (1 * 4 + 4) + (2 * 4 + 4) + (8 * 10 + 10)
    rows = batch_of([table], 3)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", compile=False)
    np.testing.assert_array_equal(again.predict(rows, verbose=0), model.predict(rows, verbose=0))
