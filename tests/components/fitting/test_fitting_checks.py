"""Options that do not suit the task, the inputs, the model or the machine are refused before anything runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kerasline.components.core.errors import ConfigError
from kerasline.components.datasets.description.spec import Column, Dataset, Label, SplitPlan
from kerasline.components.fitting.settings import checks
from kerasline.components.fitting.settings.options import TrainingOptions
from kerasline.components.fitting.settings.settings import FitSettings

TOKENS = [{"name": "text", "kind": "text", "dtype": "string", "size": 50, "options": {"encode": "tokens"}}]
NUMBER = {"task": "regression", "classes": None}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": "mse", **NUMBER, "label_smoothing": 0.1}, "training.label_smoothing: expected a loss over classes"),
        ({"loss": "hinge"}, "training.loss 'hinge' is not known"),
        ({"loss": "binary_crossentropy"}, "does not suit task multiclass"),
        (
            {"loss": "sparse_categorical_crossentropy", "mixup": 0.2},
            "reads class indices, which mixup and label smoothing cannot blend",
        ),
        (
            {"loss": "huber", **NUMBER, "loss_arguments": {"detla": 2}},
            "training.loss_arguments: expected arguments of huber (delta), got 'detla'. Did you mean 'delta'?",
        ),
        ({"loss_arguments": {"delta": 2}}, "sparse_categorical_crossentropy takes none, got 'delta'"),
        ({"class_weights": {"Setosa": 2}}, "got 'Setosa'. Did you mean 'setosa'?"),
        ({"class_weights": {"setosa": -1}}, "training.class_weights.setosa: expected 0 or more, got -1"),
        ({"class_weights": "balanced", **NUMBER}, "expected a task with one class for each row, got regression"),
        (
            {"early_stopping": {}, "validation_fraction": 0},
            "training.early_stopping.monitor: expected rows to measure val_loss on",
        ),
        (
            {"mixup": 0.2, "steps": TOKENS, "model": {"family": "sequence", "units": [4]}},
            "'text' holds ids, which cannot be blended",
        ),
        ({"fine_tune": {}}, "training.fine_tune: expected model.family transfer, got mlp"),
        (
            {"fine_tune": {}, "model": {"family": "transfer", "weights": "none"}},
            "expected a base that is frozen in the first phase",
        ),
    ],
)
def test_what_does_not_suit_is_named(
    settings: Callable[..., FitSettings], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        checks.check_fit(settings(**options))
    assert message in str(caught.value)


def test_options_that_suit_pass(settings: Callable[..., FitSettings]) -> None:
    checks.check_fit(settings(mixup=0.2, label_smoothing=0.1, class_weights={"setosa": 2}, early_stopping={}))
    checks.check_fit(settings(loss="huber", loss_arguments={"delta": 2.0}, **NUMBER))


@pytest.mark.parametrize(("rows", "is_more"), [(70_000, False), (90_000, True)])
def test_rows_that_memory_cannot_take_are_known_by_the_plan(
    settings: Callable[..., FitSettings], rows: int, is_more: bool
) -> None:
    """Four numbers of four bytes: a megabyte is 65,536 rows, and a quarter more may be left out of them."""
    assert checks.must_stream(settings(memory_limit_mb=1), rows) == is_more
    checks.check_memory(settings(memory_limit_mb=1), rows)
    jax = settings(memory_limit_mb=1, backend="jax")
    if not is_more:
        checks.check_memory(jax, rows)
        return
    with pytest.raises(ConfigError, match="training.backend jax .* about 90,000 train rows are larger than .*limit_mb"):
        checks.check_memory(jax, rows)


@pytest.mark.parametrize(
    ("task", "classes", "wanted", "known"),
    [
        ("multiclass", ("a", "b", "c"), "val_precision", "val_loss, val_accuracy, val_crossentropy;"),
        ("multiclass", ("a", "b", "c"), "val_top_5_accuracy", "val_loss, val_accuracy, val_crossentropy;"),
        ("regression", None, "val_auc", "val_loss, val_mae, val_mse, val_rmse, val_mape, val_r2;"),
        (
            "binary",
            ("a", "b"),
            "rmse",
            "val_loss, val_accuracy, val_auc, val_auc_pr, val_f1, val_precision, val_recall",
        ),
        ("multilabel", ("a", "b"), "val_f1", "val_loss, val_accuracy, val_auc, val_auc_pr, val_precision, val_recall"),
    ],
)
@pytest.mark.parametrize("key", ["early_stopping", "reduce_on_plateau"])
def test_a_monitor_that_no_fit_of_the_task_computes(
    settings: Callable[..., FitSettings], key: str, task: str, classes: Any, wanted: str, known: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        checks.check_fit(settings(task=task, classes=classes, **{key: {"monitor": wanted}}))
    assert f"training.{key}.monitor: expected a figure that a fit of a {task} task has ({known}" in str(caught.value)
    assert wanted in str(caught.value)


@pytest.mark.parametrize(
    ("task", "classes", "written", "read"),
    [
        ("multiclass", ("a", "b", "c"), "val_crossentropy", "val_crossentropy"),
        ("multiclass", ("a", "b", "c"), "val_sparse_categorical_crossentropy", "val_crossentropy"),
        ("multiclass", ("a", "b", "c"), "val_acc", "val_accuracy"),
        ("binary", ("a", "b"), "val_log_loss", "val_crossentropy"),
        ("binary", ("a", "b"), "val_f1_score", "val_f1"),
        ("binary", ("a", "b"), "val_average_precision", "val_auc_pr"),
        ("regression", None, "val_r2_score", "val_r2"),
        ("regression", None, "mean_absolute_error", "mae"),
    ],
)
def test_what_is_watched_is_measured(
    settings: Callable[..., FitSettings], task: str, classes: Any, written: str, read: str
) -> None:
    chosen = settings(task=task, classes=classes, early_stopping={"monitor": written})
    checks.check_fit(chosen)
    assert chosen.training.early_stopping is not None and chosen.training.early_stopping.monitor == read
    assert read.removeprefix("val_") in checks.watched_metrics(chosen)


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_a_backend_that_is_not_installed(monkeypatch: pytest.MonkeyPatch, backend: str) -> None:
    monkeypatch.setattr(checks.importlib.util, "find_spec", lambda module: None)
    with pytest.raises(ConfigError) as caught:
        checks.check_machine(TrainingOptions(backend=backend))
    assert {"jax": "make setup JAX=1", "torch": "pip install torch"}[backend] in str(caught.value)


def test_a_gpu_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "has_gpu", lambda: False)
    with pytest.raises(ConfigError, match="training.device gpu: expected an NVIDIA GPU"):
        checks.check_machine(TrainingOptions(device="gpu"))


def test_a_gpu_that_is_hidden_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert checks.has_gpu() is False


def test_a_tpu_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "has_tpu", lambda: False)
    with pytest.raises(ConfigError, match="TPU_NAME"):
        checks.check_machine(TrainingOptions(strategy="tpu"))


def test_a_tpu_is_known_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TPU_NAME", "training-tpu")
    assert checks.has_tpu() is True


@pytest.fixture
def dataset() -> Dataset:
    """A table with a weight, a text and a column that lacks values."""
    columns = (
        Column(name="weight", dtype="float"),
        Column(name="town", dtype="string"),
        Column(name="age", dtype="int", missing=3),
    )
    return Dataset(
        name="people", kind="table", columns=columns, label=Label(name="income", dtype="float"), rows=10,
        reader="csv", shards=(), split=SplitPlan(method="hash", fractions={"train": 1.0}), fingerprint="0",
    )  # fmt: skip


def test_weights_need_a_number_in_every_row(dataset: Dataset) -> None:
    checks.check_weight_column("weight", dataset)
    for column, message in {
        "wieght": "got 'wieght'. Did you mean 'weight'?",
        "town": "expected a column of numbers, but town holds strings",
        "age": "expected a weight in every row, but age lacks 3 of 10",
    }.items():
        with pytest.raises(ConfigError) as caught:
            checks.check_weight_column(column, dataset)
        assert message in str(caught.value)
