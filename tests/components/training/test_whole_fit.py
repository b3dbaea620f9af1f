"""Members, a second fit on all rows, and a temperature: each is in the one network that comes out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from kerasline.components.core.errors import ConfigError, TrainingFailed
from kerasline.components.explanations.loading import rebuild_model
from kerasline.components.features.label_units import LabelUnits
from kerasline.components.fitting.one_fit import fit
from kerasline.components.fitting.rows.rows import Arrays, FitData
from kerasline.components.fitting.settings.checks import check_fit
from kerasline.components.fitting.settings.names import hold_schedule
from kerasline.components.fitting.settings.options import TrainingOptions
from kerasline.components.fitting.settings.settings import FitSettings
from kerasline.components.models import average, build_model, with_temperature
from kerasline.components.training import calibrating, whole_fit
from kerasline.components.training.calibrating import calibrate, cool
from kerasline.components.training.keras_file import save_keras
from kerasline.components.training.whole_fit import best_epoch, fit_whole

pytestmark = pytest.mark.slow

CLASSES = ("a", "b", "c")
TABULAR = {"family": "tabular", "units": [8], "members": 2, "dropout": 0.0}


def make(model: dict[str, Any] | None = None, task: str = "multiclass", **training: Any) -> FitSettings:
    """Settings of a small fit over four numbers."""
    numbers = [{"name": f"x{n}", "kind": "numeric", "dtype": "float", "options": {}} for n in range(4)]
    classes = None if task == "regression" else CLASSES[:2] if task == "binary" else CLASSES
    plan = {
        "steps": numbers, "label": "y", "label_dtype": "float" if classes is None else "string", "classes": classes,
        "label_scale": "none", "task": task,
    }  # fmt: skip
    block = {"batch_size": 16, "epochs": 4, "learning_rate": 0.01, **training}
    return FitSettings.model_validate(
        {"plan": plan, "model": model or {"units": [8], "family": "mlp"}, "training": block, "seed": 7}
    )


@pytest.fixture(scope="module")
def rows() -> FitData:
    """Three clouds that overlap: 150 rows to fit, 60 held out."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 3, 210)
    inputs = (generator.normal(size=(210, 4)) + 1.5 * np.eye(4)[labels]).astype(np.float32)
    everything = Arrays({"features": inputs}, labels)
    return FitData(everything.take(np.arange(150)), everything.take(np.arange(150, 210)), None, True)


def answers(model: keras.Model, rows: FitData) -> np.ndarray:
    """What a network says of the rows that are held out."""
    assert rows.validation is not None
    return np.asarray(model.predict_on_batch(rows.validation.inputs))


def test_without_the_keys_it_is_the_one_fit(rows: FitData) -> None:
    fitted = fit_whole(make(), rows)
    alone, history = fit(make(), rows)
    np.testing.assert_array_equal(answers(fitted.model, rows), answers(alone, rows))
    assert fitted.history == history
    assert fitted.told == {"ensemble": None, "refit": None, "calibration": None}


def test_an_ensemble_answers_with_the_mean_of_fits_of_other_seeds(rows: FitData, tmp_path: Path) -> None:
    settings = make({**TABULAR, "ensemble": 2}, epochs=2)
    fitted = fit_whole(settings, rows)
    alone = [fit(settings.model_copy(update={"seed": seed}), rows)[0] for seed in (7, 8)]
    mean = np.mean([answers(one, rows) for one in alone], axis=0)
    np.testing.assert_allclose(answers(fitted.model, rows), mean, atol=1e-6)
    assert not np.allclose(answers(alone[0], rows), answers(alone[1], rows), atol=1e-3)
    assert fitted.told["ensemble"] == {"seeds": [7, 8]}
    assert save_keras(str(tmp_path / "model.keras"), fitted.model, LabelUnits()) == ""
    loaded = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    np.testing.assert_allclose(answers(loaded, rows), mean, atol=1e-5)
    kinds = {
        type(layer).__module__.split(".")[0] for part in loaded.layers for layer in getattr(part, "layers", [part])
    }
    assert kinds == {"keras"}, "nothing in the file is ours"


def test_a_refit_sees_all_rows_for_the_epochs_that_were_best(rows: FitData, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int, bool]] = []

    def note(settings: FitSettings, data: FitData, **more: Any) -> Any:
        assert data.train is not None
        seen.append((len(data.train), settings.training.epochs, data.has_validation))
        return fit(settings, data, **more)

    monkeypatch.setattr(whole_fit, "fit", note)
    settings = make(refit=True, epochs=30, learning_rate=0.3, early_stopping={"patience": 3})
    fitted = fit_whole(settings, rows)
    best = int(np.argmin(fitted.history["val_loss"])) + 1
    assert best < len(fitted.history["loss"]), "or the test shows nothing"
    assert seen == [(150, 30, True), (210, best, False)]
    assert fitted.told["refit"] == {"epochs": [best], "rows": 210, "late": 0}
    assert best_epoch(make(), fitted.history) == len(fitted.history["loss"]), "the last weights are kept"


def test_a_rate_falls_in_the_refit_as_it_did_before() -> None:
    assert hold_schedule({"name": "CosineDecay"}, 30) == {"name": "CosineDecay", "decay_epochs": 30}
    assert hold_schedule({"name": "CosineDecay", "warmup_epochs": 5}, 30)["decay_epochs"] == 25
    assert hold_schedule({"name": "CosineDecay", "decay_steps": 9}, 30) == {"name": "CosineDecay", "decay_steps": 9}
    assert hold_schedule({"name": "CosineDecayRestarts"}, 30)["first_decay_epochs"] == 30
    steps = {"name": "PiecewiseConstantDecay", "boundaries": [5], "values": [0.1, 0.01]}
    assert hold_schedule(steps, 30) == steps


def test_a_mean_of_weights_reaches_as_far_back_in_the_refit(rows: FitData, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[float] = []

    def note(settings: FitSettings, data: FitData, **more: Any) -> Any:
        model, history = fit(settings, data, **more)
        seen.append(model.optimizer.ema_momentum)
        return model, {**history, "val_loss": [3.0, 1.0, 2.0]}

    monkeypatch.setattr(whole_fit, "fit", note)
    options = {"early_stopping": {"patience": 9}, "optimizer_arguments": {"use_ema": True}, "batch_size": 30}
    assert fit_whole(make(refit=True, epochs=20, **options), rows).told["refit"]["epochs"] == [2]
    assert seen == pytest.approx([1 - 1 / 10, 1 - 1 / 14])  # of 20 epochs of 5 and of 7 steps, the tenth


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_scores_that_are_too_sure_are_cooled_and_the_likeliest_class_stays(
    task: Any, rows: FitData, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain: list[keras.Model] = []

    def note(*given: Any, **more: Any) -> Any:
        plain.append(fit(*given, **more)[0])
        return plain[-1], {"loss": [0.0]}

    monkeypatch.setattr(whole_fit, "fit", note)
    assert rows.train is not None and rows.validation is not None
    few = FitData(rows.train.take(np.arange(40)), rows.validation, None, True)
    if task == "binary":
        few = FitData(*(replace(part, labels=part.labels % 2) for part in (few.train, few.validation)), None, True)
    settings = make(task=task, epochs=100, model={"units": [64], "family": "mlp"}, calibration="temperature")
    fitted = fit_whole(settings, few)
    told = fitted.told["calibration"]
    assert told["temperature"] > 1.5
    assert (told["rows"], told["note"]) == (60, "")
    assert told["calibration_error"]["after"] < told["calibration_error"]["before"]
    assert told["log_loss"]["after"] < told["log_loss"]["before"]
    before, after = answers(plain[0], few), answers(fitted.model, few)
    np.testing.assert_allclose(after, cool(before, task, told["temperature"]), atol=2e-5)
    if task == "multiclass":
        assert (before.argmax(axis=1) == after.argmax(axis=1)).all()
        assert after.sum(axis=1) == pytest.approx(np.ones(60), abs=1e-5)
    else:
        assert ((before > 0.5) == (after > 0.5)).all()


def test_the_network_is_built_anew_with_members_and_temperature(rows: FitData, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = make({**TABULAR, "ensemble": 2}, epochs=1, calibration="temperature")
    fitted = fit_whole(settings, rows)
    weights = {
        f"variables_of_model/{n}/.ATTRIBUTES/VARIABLE_VALUE": v.numpy() for n, v in enumerate(fitted.model.variables)
    }

    class Stored:
        def get_variable_to_shape_map(self) -> dict[str, list[int]]:
            return {name: list(value.shape) for name, value in weights.items()}

        def get_tensor(self, name: str) -> np.ndarray:
            return weights[name]

    monkeypatch.setattr("tensorflow.train.load_checkpoint", lambda _: Stored())
    told = settings.model_dump(mode="json", exclude={"plan", "alternatives"})
    again = rebuild_model("anywhere", told, settings.plan, fitted.told["calibration"]["temperature"])
    np.testing.assert_allclose(answers(again, rows), answers(fitted.model, rows), atol=1e-6)


def test_few_rows_show_no_temperature() -> None:
    told = calibrate(np.array([0, 1] * 10), np.full((20, 1), 0.9, np.float32), "binary")
    assert told["temperature"] == 1.0
    assert told["note"] == f"20 validation rows, and fewer than {calibrating.FEWEST_ROWS} do not show a temperature"


def test_scores_of_0_and_1_have_a_temperature_too() -> None:
    model = build_model(make().model, make().plan.inputs(), make().output(), seed=1)
    sure = with_temperature(average([model]), "multiclass", 2.0)
    inputs = {"features": np.full((1, 4), 1e6, np.float32)}
    assert np.isfinite(np.asarray(sure.predict_on_batch(inputs))).all()
    assert np.isfinite(cool(np.float32([[0.0], [1.0]]), "binary", 2.0)).all()


@pytest.mark.parametrize(
    ("training", "expected"),
    [
        ({"refit": True, "validation_fraction": 0}, "expected validation_fraction above 0 with refit"),
        ({"calibration": "temperature", "validation_fraction": 0}, "above 0 with calibration"),
        ({"refit": True, "fine_tune": {"epochs": 2}}, "expected refit or fine_tune, got both"),
        ({"refit": True, "reduce_on_plateau": {}}, "expected learning_rate_schedule instead of reduce_on_plateau"),
        ({"budget": "0m"}, "expected time for some epochs, such as 10m, got 0m"),
        ({"budget": "1m", "strategy": "multi_worker", "backend": "jax"}, "expected no budget with strategy"),
    ],
)
def test_what_cannot_be_asked_together(training: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        TrainingOptions(**training)


def test_a_temperature_is_of_classes() -> None:
    with pytest.raises(ConfigError, match="training.calibration: expected a task with one class .* got regression"):
        check_fit(make(task="regression", calibration="temperature"))


def test_rows_that_are_not_held_out_are_refused_before_a_fit(rows: FitData) -> None:
    nothing = FitData(rows.train, None, None, False)
    for key in ({"refit": True}, {"calibration": "temperature"}):
        with pytest.raises(TrainingFailed, match=f"training.{next(iter(key))}: expected validation rows, but none of"):
            fit_whole(make(**key), nothing)


def streamed(rows: FitData) -> FitData:
    """The same rows, as they come where they are more than memory takes."""
    import tensorflow as tf

    def read(part: str, batch_size: int, epoch: Any) -> Any:
        chosen = rows.train if part == "train" else rows.validation
        assert chosen is not None
        return tf.data.Dataset.from_tensor_slices((chosen.inputs, chosen.labels)).batch(batch_size)

    whole = None if rows.validation is None else lambda: streamed(rows.whole())
    return FitData(None, None, read, rows.has_validation, rows.rows, whole)


def test_rows_that_stream_are_fitted_again_and_show_a_temperature(
    rows: FitData, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[int, bool, keras.Model]] = []

    def note(settings: FitSettings, data: FitData, **more: Any) -> Any:
        model, history = fit(settings, data, **more)
        made.append((data.rows, data.has_validation, model))
        return model, history

    monkeypatch.setattr(whole_fit, "fit", note)
    fitted = fit_whole(make(refit=True, calibration="temperature", epochs=3), streamed(rows))
    assert [(count, held) for count, held, _ in made] == [(150, True), (210, False)]
    assert fitted.told["refit"] == {"epochs": [3], "rows": 210, "late": 0}
    assert rows.validation is not None
    (_, _, first), (_, _, again) = made
    assert fitted.told["calibration"] == calibrate(rows.validation.labels, answers(first, rows), "multiclass")
    expected = cool(answers(again, rows), "multiclass", fitted.told["calibration"]["temperature"])
    np.testing.assert_allclose(answers(fitted.model, rows), expected, atol=2e-5)


@pytest.mark.parametrize(("seconds", "is_late"), [(30.0, False), (60.0, True)])
def test_a_fit_and_its_refit_share_the_budget(
    seconds: float, is_late: bool, rows: FitData, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, budgets, models = [1000.0], [], []

    def take_time(settings: FitSettings, data: FitData, **more: Any) -> Any:
        now[0] += seconds
        budgets.append(settings.training.budget)
        models.append(fit(settings, data, **more)[0])
        return models[-1], {"loss": [1.0, 0.5], "val_loss": [1.0, 0.5]}

    monkeypatch.setattr(whole_fit, "fit", take_time)
    monkeypatch.setattr(whole_fit.time, "monotonic", lambda: now[0])
    fitted = fit_whole(make(refit=True, budget="100s", validation_fraction=0.2, epochs=2), rows)
    first = "44.444s"  # and 10/8 of it for 10/8 of its rows
    assert budgets == [first, "40s" if is_late else "70s"]
    assert fitted.told["refit"] == {"epochs": [] if is_late else [2], "rows": 210, "late": int(is_late)}
    kept = models[0] if is_late else models[1]
    np.testing.assert_array_equal(answers(fitted.model, rows), answers(kept, rows))
