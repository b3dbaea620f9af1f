"""The network as a .keras file: without what acts in training alone, and with the label's units."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from kerasline.components.core.errors import ConfigError
from kerasline.components.features.label_units import LabelUnits
from kerasline.components.models import CustomOptions, InputSpec, MlpOptions, OutputSpec, TabularOptions, build_model
from kerasline.components.models.description.options import AugmentationOptions, CnnOptions
from kerasline.components.models.parts.weights import load_weights

pytestmark = pytest.mark.slow


def test_a_fitted_network_without_its_optimizer_and_augmentation(tmp_path: Path) -> None:
    import keras

    from kerasline.components.training.keras_file import save_keras

    options = CnnOptions(filters=(4,), augmentation=AugmentationOptions(flip="horizontal", cutout=0.2))
    inputs = [InputSpec("image", "image", (8, 8, 1))]
    model = build_model(options, inputs, OutputSpec("multiclass", 3), seed=1)
    model.compile("adam", "sparse_categorical_crossentropy")
    images = np.random.default_rng(1).random((16, 8, 8, 1), np.float32)
    model.fit({"image": images}, np.arange(16) % 3, verbose=0)
    assert save_keras(str(tmp_path / "model.keras"), model, LabelUnits()) == ""
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        config = archive.read("config.json").decode()
    assert "kerasline" not in config and "components" not in config, "plain Keras has to load it"
    assert not json.loads(config)["compile_config"], "an optimizer has state as large as the weights"
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    expected = model.predict({"image": images}, verbose=0)
    np.testing.assert_allclose(loaded.predict({"image": images}, verbose=0), expected, atol=1e-6)
    # The same network can start from it.
    other = build_model(options, inputs, OutputSpec("multiclass", 3), seed=2)
    load_weights(other, tmp_path / "model.keras")
    np.testing.assert_allclose(other.predict({"image": images}, verbose=0), expected, atol=1e-6)


def test_members_that_share_weights_become_layers_of_keras(tmp_path: Path) -> None:
    import keras

    from kerasline.components.training.keras_file import save_keras

    inputs = [InputSpec("features", "dense", (3,), ranks=(1,))]
    model = build_model(TabularOptions(units=(4, 4), members=3), inputs, OutputSpec("multiclass", 3), seed=1)
    assert save_keras(str(tmp_path / "model.keras"), model, LabelUnits()) == ""
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        config = archive.read("config.json").decode()
    assert "kerasline" not in config and "components" not in config, "plain Keras has to load it"
    rows = {"features": np.random.default_rng(1).random((5, 3), np.float32)}
    found = keras.saving.load_model(tmp_path / "model.keras").predict(rows, verbose=0)
    np.testing.assert_allclose(found, model.predict(rows, verbose=0), atol=1e-6)


def test_a_loss_and_a_metric_of_the_users_stand_in_no_file(tmp_path: Path) -> None:
    """Nor are they looked for by their names, which Keras does not know."""
    import keras

    from kerasline.components.training.keras_file import save_keras

    class Mine(keras.losses.Loss):
        def call(self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
            return keras.ops.mean(abs(y_true - y_pred), axis=-1)

    def my_metric(y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
        return keras.ops.max(y_pred, axis=-1)

    inputs = [InputSpec("features", "dense", (3,))]
    model = build_model(MlpOptions(units=(4,)), inputs, OutputSpec("regression", 1), seed=1)
    model.compile("adam", Mine(), metrics=[keras.metrics.MeanMetricWrapper(my_metric, name="mine")])
    assert save_keras(str(tmp_path / "model.keras"), model, LabelUnits()) == ""
    rows = {"features": np.random.default_rng(1).random((5, 3), np.float32)}
    found = keras.saving.load_model(tmp_path / "model.keras").predict(rows, verbose=0)
    np.testing.assert_allclose(found, model.predict(rows, verbose=0), atol=1e-6)


@pytest.mark.parametrize("is_log", [False, True])
def test_values_come_in_the_units_of_the_label(tmp_path: Path, is_log: bool) -> None:
    import keras

    from kerasline.components.training.keras_file import save_keras

    inputs = [InputSpec("features", "dense", (3,))]
    model = build_model(MlpOptions(units=(4,)), inputs, OutputSpec("regression", 1), seed=1)
    scale, shift = (2.0, -0.5) if is_log else (20.0, 100.0)
    assert save_keras(str(tmp_path / "model.keras"), model, LabelUnits(scale, shift, is_log)) == ""
    rows = {"features": np.random.default_rng(1).random((5, 3), np.float32)}
    found = keras.saving.load_model(tmp_path / "model.keras").predict(rows, verbose=0)
    wanted = model.predict(rows, verbose=0) * scale + shift
    if is_log:
        assert (wanted > 0).any() and (wanted < 0).any()
        wanted = np.sign(wanted) * np.expm1(np.abs(wanted))
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


def test_a_network_that_cannot_be_saved_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    import keras

    from kerasline.components.training.keras_file import save_keras

    class Odd(keras.layers.Layer):
        def __init__(self, secret: object) -> None:
            super().__init__()
            self.secret = secret

        def call(self, values: keras.KerasTensor) -> keras.KerasTensor:
            return values

    tensor = keras.Input((3,), name="features")
    model = keras.Model({"features": tensor}, Odd(object())(tensor))
    problem = save_keras(str(tmp_path / "model.keras"), model, LabelUnits())
    assert problem.startswith("NotImplementedError: ")
    assert list(tmp_path.iterdir()) == []


OWN = """
import keras

class Wave(keras.layers.Layer):
    def __init__(self, width):
        super().__init__()
        self.width = width
        self.inner = keras.layers.Dense(width)

    def call(self, x):
        return keras.ops.sin(self.inner(x))

    def build(self, shape):
        self.inner.build(shape)

class Stretch(keras.layers.Layer):
    def call(self, x):
        return 2 * x

@keras.saving.register_keras_serializable("own")
class Known(Stretch):
    pass

def build_model(config, inputs, output):
    kinds = {"wave": lambda: Wave(3), "stretch": Stretch, "known": Known}
    kinds["lambda"] = lambda: keras.layers.Lambda(lambda x: x)
    return keras.Sequential([kinds[config["layer"]](), keras.layers.Dense(output.units)])
"""


@pytest.mark.parametrize(("layer", "named"), [("wave", "Wave"), ("stretch", "Stretch"), ("lambda", "Lambda")])
def test_a_network_that_no_format_can_hold_is_refused_before_its_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layer: str, named: str
) -> None:
    from kerasline.components.training.keras_file import check_savable

    (tmp_path / "own_layers.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(tmp_path))
    inputs, output = [InputSpec("features", "dense", (3,))], OutputSpec("regression", 1)
    options = {"family": "custom", "build": "own_layers:build_model"}
    made = build_model(CustomOptions.model_validate({**options, "config": {"layer": layer}}), inputs, output)
    check_savable(made, [])
    with pytest.raises(ConfigError) as caught:
        check_savable(made, ["keras", "tflite"])
    told = str(caught.value)
    assert told.startswith(
        "push.formats: expected a network that Keras can save and load again for keras, tflite, "
        f"but {named} cannot be; put @keras"
    )
    assert len(told) < 500 and "Error" not in told
    known = build_model(CustomOptions.model_validate({**options, "config": {"layer": "known"}}), inputs, output)
    check_savable(known, ["keras", "onnx"])


COMPILED = """
import keras

def build_model(config, inputs, output):
    model = keras.Sequential([keras.layers.Dense(output.units)])
    if config.get("compiled"):
        model.compile("sgd", "mae")
    return model
"""


def test_what_the_fit_of_a_users_own_network_would_end_with_is_found_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kerasline.components.features.plan import FeaturePlan
    from kerasline.components.fitting import FitSettings, TrainingOptions
    from kerasline.components.training import check_own_network

    (tmp_path / "own_compiled.py").write_text(COMPILED)
    (tmp_path / "own_layers_2.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(tmp_path))
    plan = FeaturePlan.model_validate(
        {"steps": [{"name": "x", "kind": "numeric", "dtype": "float", "options": {}}], "label": "y",
         "label_dtype": "float", "classes": None, "label_scale": "none", "task": "regression"}
    )  # fmt: skip

    def check(build: str, config: dict[str, object], formats: list[str]) -> None:
        model = CustomOptions.model_validate({"family": "custom", "build": build, "config": config})
        settings = FitSettings(plan=plan, model=model, training=TrainingOptions(), seed=1)
        check_own_network(settings, formats)

    check("own_compiled:build_model", {}, ["keras"])
    with pytest.raises(ConfigError, match="is compiled with loss mean_absolute_error and SGD .* the recipe's training"):
        check("own_compiled:build_model", {"compiled": True}, [])
    check("own_layers_2:build_model", {"layer": "stretch"}, [])
    with pytest.raises(ConfigError, match="push.formats: expected a network that Keras can save"):
        check("own_layers_2:build_model", {"layer": "stretch"}, ["keras"])
    with pytest.raises(ConfigError, match="raised KeyError: 'none'"):
        check("own_layers_2:build_model", {"layer": "none"}, [])
