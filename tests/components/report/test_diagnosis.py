"""The diagnosis of small Keras models, each fitted on data made to show one ailment, and of one that has none."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kerasline.components.report.diagnosis.ailments import TITLES
from kerasline.components.report.diagnosis.diagnosis import diagnose

Rows = tuple[np.ndarray, np.ndarray]
Diagnose = Callable[..., dict[str, dict[str, Any]]]


@pytest.fixture
def fit_and_diagnose(make_figures: Callable[..., dict[str, Any]]) -> Diagnose:
    """Fits dense layers on the first rows, validates on the next, evaluates on the last; returns diagnoses by name."""
    import keras

    def run(
        rows: Rows, *, units: tuple[int, ...], epochs: int, classes: int = 2, rate: float = 0.01, batch: int = 32,
        optimizer: str = "Adam", held_out: int = 200, **changes: Any,
    ) -> dict[str, dict[str, Any]]:  # fmt: skip
        keras.utils.set_random_seed(3)
        x, y = rows
        last = keras.layers.Dense(classes, activation="softmax") if classes else keras.layers.Dense(1)
        model = keras.Sequential([*(keras.layers.Dense(width, activation="relu") for width in units), last])
        model.compile(
            optimizer=getattr(keras.optimizers, optimizer)(rate),
            loss="sparse_categorical_crossentropy" if classes else "mse",
            jit_compile=False,
            metrics=["accuracy"] if classes else [keras.metrics.RootMeanSquaredError(name="rmse")],
        )
        train, validation, last_rows = len(x) - 2 * held_out, slice(-2 * held_out, -held_out), slice(-held_out, None)
        history = model.fit(
            x[:train], y[:train], validation_data=(x[validation], y[validation]), epochs=epochs, batch_size=batch,
            verbose=0,
        ).history  # fmt: skip
        names = tuple(f"class {i}" for i in range(classes)) or None
        shares = [float(np.mean(y[:train] == i)) for i in range(classes)] or [float(np.mean(y[:train]))]
        figures = make_figures(
            y[last_rows], model.predict(x[last_rows], verbose=0), task="multiclass" if classes else "regression",
            classes=names, trivial=shares, history=history, evaluation={},
        )  # fmt: skip
        from kerasline.components.evaluation.metrics import measure

        task = "multiclass" if classes else "regression"
        figures["metrics"] = measure(
            list(figures["trivial"]), y[last_rows], model.predict(x[last_rows], verbose=0), task
        )
        figures["data"]["splits"] = {"train": train + held_out, "eval": held_out}
        figures["label_scale"] = "none"  # these models are fitted on labels as they are
        figures["training"]["rows"] = {"train": train, "validation": held_out}
        for key, value in changes.items():
            figures[key] = value
        return {diagnosis["name"]: diagnosis for diagnosis in diagnose(figures)}

    return run


def blobs(rows: int, noise: float = 0.0, distance: float = 4.0) -> Rows:
    """Two clouds; ``noise`` is the share of labels that are drawn anew."""
    random = np.random.default_rng(0)
    y = random.integers(0, 2, rows)
    x = random.normal(size=(rows, 4)).astype(np.float32)
    x[:, 0] += distance * (y - 0.5)
    drawn = random.random(rows) < noise
    return x, np.where(drawn, random.integers(0, 2, rows), y)


def test_a_good_fit(fit_and_diagnose: Diagnose) -> None:
    found = fit_and_diagnose(blobs(1400), units=(16,), epochs=8)
    assert set(found) == {"good_fit"}
    assert found["good_fit"]["level"] == "good"


def test_underfitting_of_a_line_where_a_circle_is_needed(fit_and_diagnose: Diagnose) -> None:
    random = np.random.default_rng(1)
    x = random.normal(size=(1400, 2)).astype(np.float32)
    y = (np.square(x).sum(axis=1) > 1.4).astype(int)
    found = fit_and_diagnose((x, y), units=(), epochs=5)
    assert found["underfitting"]["level"] == "problem"
    lines = [treatment["line"] for treatment in found["underfitting"]["treatments"]]
    assert "--set 'model.units=[128, 64]'" in lines
    assert any("training.epochs=20" in line for line in lines)


@pytest.mark.parametrize(("part", "passed"), [("threshold", True), ("threshold", False), ("parity", False)])
def test_a_middling_model_underfits_where_the_gate_asks_for_more(
    fit_and_diagnose: Diagnose, part: str, passed: bool
) -> None:
    """The same fit is good enough until a limit on its metrics says otherwise."""
    limit = {"metric": "accuracy", "value": 0.78, "limit": 0.9, "text": "at least 0.9", "passed": passed, "part": part}
    passed = passed or part == "parity"
    found = fit_and_diagnose(blobs(1400, distance=1.6), units=(8,), epochs=6, rate=0.02, gate=[limit])
    assert ("good_fit" in found, "underfitting" in found) == (passed, not passed)
    assert passed or found["underfitting"]["level"] == "problem"


def test_overfitting_of_noise_that_is_learnt_by_heart(fit_and_diagnose: Diagnose) -> None:
    random = np.random.default_rng(2)
    x = random.normal(size=(460, 60)).astype(np.float32)
    y = (x[:, 0] + random.normal(size=460) > 0).astype(int)
    found = fit_and_diagnose((x, y), units=(128,), epochs=25)
    assert found["overfitting"]["level"] == "problem"
    assert "on others" in found["overfitting"]["evidence"][0]
    assert "The validation loss was lowest in epoch" in found["overfitting"]["evidence"][1]
    lines = [treatment["line"] for treatment in found["overfitting"]["treatments"]]
    assert "--set model.dropout=0.2" in lines and "--set 'model.units=[32, 16]'" in lines
    assert "good_fit" not in found


def test_diverging_steps_that_are_too_large(fit_and_diagnose: Diagnose) -> None:
    random = np.random.default_rng(3)
    x = random.normal(size=(600, 3)).astype(np.float32)
    found = fit_and_diagnose((x, x.sum(axis=1)), units=(), epochs=8, classes=0, rate=1.15, optimizer="SGD", batch=200)
    assert found["diverging"]["level"] == "problem"
    assert "The training loss rose from" in found["diverging"]["evidence"][0]
    assert "--set training.learning_rate=0.0001" in found["diverging"]["treatments"][0]["line"]


def test_diverging_to_nan_is_read_from_the_failure() -> None:
    figures = {"failure": "the loss became nan in epoch 2 of 9; try a lower rate", "task": "regression"}
    (found,) = diagnose(figures)
    assert found["name"] == "diverging" and "nan in epoch 2" in found["evidence"][0]


def test_noise_of_large_steps_on_few_rows(fit_and_diagnose: Diagnose) -> None:
    found = fit_and_diagnose(blobs(260, distance=2.0), units=(32, 32), epochs=14, rate=0.25, batch=4, held_out=100)
    assert "noisy" in found
    assert "times in 14 epochs" in found["noisy"]["evidence"][0]
    assert "--set training.batch_size=256" in [t["line"] for t in found["noisy"]["treatments"]]


def test_label_noise_leaves_mistakes_as_sure_as_hits(fit_and_diagnose: Diagnose) -> None:
    found = fit_and_diagnose(blobs(3000, noise=0.4, distance=8.0), units=(8,), epochs=3, rate=0.03, held_out=400)
    assert "label_noise" in found, found
    assert "nearly as sure of its" in found["label_noise"]["evidence"][0]
    assert "--set training.label_smoothing=0.1" in [t["line"] for t in found["label_noise"]["treatments"]]


def test_hard_rows_are_no_label_noise(fit_and_diagnose: Diagnose) -> None:
    """Where clouds overlap the model is unsure of its mistakes, and nobody has to look for wrong labels."""
    assert "label_noise" not in fit_and_diagnose(
        blobs(3000, distance=1.8), units=(8,), epochs=3, rate=0.03, held_out=400
    )


def test_outliers_of_a_regression_are_label_noise(fit_and_diagnose: Diagnose) -> None:
    random = np.random.default_rng(4)
    x = random.normal(size=(1400, 3)).astype(np.float32)
    y = x.sum(axis=1) + 0.1 * random.normal(size=1400)
    y[random.random(1400) < 0.04] += 6
    found = fit_and_diagnose((x, y), units=(), epochs=8, classes=0, rate=0.03)
    assert "label_noise" in found
    assert "--set training.loss=huber" in [t["line"] for t in found["label_noise"]["treatments"]]


def test_class_imbalance(fit_and_diagnose: Diagnose) -> None:
    random = np.random.default_rng(5)
    y = (random.random(2400) < 0.04).astype(int)
    x = random.normal(size=(2400, 3)).astype(np.float32)
    x[:, 0] += 1.2 * y
    counts = {"class 0": 1900, "class 1": 80}
    found = fit_and_diagnose((x, y), units=(8,), epochs=4, label_counts={"train": counts})
    assert found["class_imbalance"]["level"] == "problem"
    assert "Class class 1 has 80 of 1980 training rows (4.0%)" in found["class_imbalance"]["evidence"][0]
    assert "--set training.class_weights=balanced" in [t["line"] for t in found["class_imbalance"]["treatments"]]


def test_too_few_data(fit_and_diagnose: Diagnose) -> None:
    found = fit_and_diagnose(blobs(90), units=(8,), epochs=20, held_out=20)
    evidence = " ".join(found["too_few_data"]["evidence"])
    assert "The train split has 70 rows." in evidence
    assert "The eval split has 20 rows: the accuracy of" in evidence
    assert "--set seed=8" in [t["line"] for t in found["too_few_data"]["treatments"]]


def test_leakage_is_what_the_gate_found(make_figures: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    gate.mkdir()
    finding = {
        "check": "leakage",
        "status": "warned",
        "column": "refund",
        "split": "train",
        "text": "it tells the label",
    }
    (gate / "verdict.json").write_text(json.dumps({"findings": [finding]}))
    figures = make_figures(
        np.array([0, 1] * 20), np.eye(2)[[0, 1] * 20], classes=("a", "b"), folders={"verdict": str(gate)}
    )
    (found,) = [d for d in figures["diagnosis"] if d["name"] == "leakage"]
    assert found["level"] == "problem"
    assert found["evidence"][0] == "Column refund: it tells the label."
    assert found["treatments"][0]["line"] == "--set features.refund.kind=drop"


def test_nothing_trained_nothing_diagnosed() -> None:
    assert diagnose({"task": "binary", "history": None, "data": {}}) == []


def test_tuned_keys_are_changed_without_the_search(make_figures: Callable[..., dict[str, Any]]) -> None:
    """While the search sets a key, another value of it would mean nothing."""
    from kerasline.components.report.diagnosis.treatments import Treatments

    settings = {"model": {"family": "mlp", "units": [8], "dropout": 0.1, "l2": 0.0}, "training": {"epochs": 3}}
    advice = Treatments(settings, {"space": {"model.dropout": {"float": [0, 0.5]}}})
    lines = [treatment["line"] for treatment in advice.regularise()]
    assert lines[0] == "--set model.dropout=0.3 --set tuning=null"
    assert lines[1] == "--set training.early_stopping.patience=3"


def test_every_diagnosis_has_a_title() -> None:
    assert set(TITLES) == {
        *("diverging", "leakage", "overfitting", "underfitting", "label_noise", "class_imbalance"),
        *("too_few_data", "noisy", "unfinished", "unconfirmed", "good_fit"),
    }


CURVE = {"loss": [1.0] * 40, "accuracy": [0.9] * 40, "val_accuracy": [0.9] * 40}
LABELS = np.array([0, 1] * 50)
ANSWERS = np.where(LABELS == 1, 0.9, 0.1)[:, None] * [[-1.0, 1.0]] + [[1.0, 0.0]]


def names_of(figures: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {diagnosis["name"]: diagnosis for diagnosis in diagnose(figures)}


@pytest.mark.parametrize(
    ("val_loss", "most", "unfinished"),
    [
        ([2 * 0.97**epoch for epoch in range(40)], 40, True),
        ([2 * 0.97**epoch for epoch in range(40)], 60, False),  # early stopping, or whatever else, ended it before
        ([0.5 + 0.5**epoch for epoch in range(40)], 40, False),
        ([1.0 - 0.01 * epoch for epoch in range(36)] + [0.7, 0.71, 0.72, 0.73], 40, False),
        ([1.0, 0.8, 0.6], 3, True),
        ([1.0, 0.6, 0.599], 3, False),
    ],
)
def test_a_fit_that_ends_at_its_last_epoch_still_improving_is_unfinished(
    make_figures: Callable[..., dict[str, Any]], val_loss: list[float], most: int, unfinished: bool
) -> None:
    history = {name: values[: len(val_loss)] for name, values in CURVE.items()} | {"val_loss": val_loss}
    figures = make_figures(LABELS, ANSWERS, classes=("a", "b"), history=history)
    figures["training"]["settings"]["training"]["epochs"] = most
    found = names_of(figures)
    assert ("unfinished" in found) == unfinished
    if unfinished:
        lines = [treatment["line"] for treatment in found["unfinished"]["treatments"]]
        assert any(f"training.epochs={max(2 * most, 10)}" in line for line in lines)


def test_a_fit_that_the_test_split_does_not_confirm_is_no_good_fit(
    make_figures: Callable[..., dict[str, Any]],
) -> None:
    figures = make_figures(LABELS, ANSWERS, classes=("a", "b"), history=CURVE)
    figures |= {"metrics": {"accuracy": 0.9}, "trivial": {"accuracy": 0.5}}
    figures["performance"]["intervals"]["accuracy"] = (0.83, 0.95)
    assert "good_fit" in names_of(figures | {"test_metrics": {"accuracy": 0.84}})
    found = names_of(figures | {"test_metrics": {"accuracy": 0.7}})
    assert "good_fit" not in found
    assert found["unconfirmed"]["evidence"] == [
        "On the test split the accuracy is 0.7, worse than chance explains: the eval split says 0.83 to 0.95."
    ]


def test_the_skill_on_training_rows_is_that_without_dropout(make_figures: Callable[..., dict[str, Any]]) -> None:
    from kerasline.components.report.diagnosis.reading import read

    figures = make_figures(LABELS, ANSWERS, classes=("a", "b"), history={**CURVE, "accuracy": [0.6] * 40})
    figures["trivial"] = {"accuracy": 0.5}
    assert read(figures).train_skill == pytest.approx(0.2)
    figures["training"]["train_metrics"] = {"loss": 0.1, "accuracy": 0.95}
    assert read(figures).train_skill == pytest.approx(0.9)


Numbers = Callable[[np.random.Generator], np.ndarray]


@pytest.mark.parametrize(
    "draw",
    [
        lambda random: random.lognormal(3, 1, 800),
        lambda random: random.lognormal(3, 0.6, 800),
        lambda random: random.exponential(40, 800),
        lambda random: np.where(random.random(800) < 0.85, 0.0, random.exponential(9, 800)),
        lambda random: np.where(random.random(800) < 0.5, 0.0, random.gamma(2, 9, 800)),
        lambda random: random.pareto(2.5, 800) * 10,
        lambda random: random.poisson(0.4, 800).astype(float),
        lambda random: random.standard_t(4, 800) * 20,
    ],
    ids=["lognormal", "prices", "waiting", "rain", "half zero", "pareto", "counts", "t"],
)
def test_skewed_and_lumpy_labels_are_no_label_noise(make_figures: Callable[..., dict[str, Any]], draw: Numbers) -> None:
    random = np.random.default_rng(3)
    labels = draw(random)
    answers = labels.mean() + 0.6 * (labels - labels.mean()) * random.uniform(0.5, 1.5, len(labels))
    history = {"loss": [1.0, 0.4], "val_loss": [1.0, 0.4], "rmse": [0.9, 0.5], "val_rmse": [0.9, 0.5]}
    figures = make_figures(labels, answers[:, None], task="regression", trivial=[float(labels.mean())], history=history)
    figures |= {"label_scale": "z_score"}
    assert "label_noise" not in names_of(figures)
