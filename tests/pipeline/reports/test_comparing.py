"""What differs between configs, and between the predictions of two models."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from kerasline.components.core.errors import ConfigError
from kerasline.pipeline.config.changes import changed_from_defaults, config_changes, flatten
from kerasline.pipeline.config.experiment import load_experiment, parse_experiment
from kerasline.pipeline.reports.comparing import compare_predictions, compare_runs, sign_test


def test_flatten_keeps_lists_and_empty_blocks() -> None:
    assert flatten({"a": {"b": [1], "c": {}}, "d": None}) == {"a.b": [1], "a.c": {}, "d": None}


def test_a_recipe_differs_from_the_defaults_where_it_says_so() -> None:
    experiment, _ = load_experiment("digits_mlp")
    assert changed_from_defaults(experiment) == {
        "data.dataset": ["digits", None],
        "model.units": [[128, 64], [64, 32]],
        "model.dropout": [0.2, 0.0],
        "training.batch_size": [32, 64],
        "training.epochs": [30, 10],
        "training.early_stopping.patience": [4, None],
        "evaluation.metrics": [["accuracy", "log_loss"], []],
        "evaluation.thresholds.accuracy.min": [0.92, None],
        "evaluation.thresholds.accuracy.max_drop": [0.02, None],
    }


def test_another_family_is_compared_with_its_own_defaults() -> None:
    experiment, _ = load_experiment("mnist_cnn")
    changes = changed_from_defaults(experiment)
    assert changes["model.family"] == ["cnn", "mlp"]
    assert changes["model.padding"] == ["valid", "same"]
    assert "model.dense" not in changes  # [64] is the family's default


def test_a_custom_model_has_keys_without_a_default() -> None:
    raw = {"name": "own", "data": {"dataset": "iris"}, "model": {"family": "custom", "build": "mine:build"}}
    assert changed_from_defaults(parse_experiment(raw))["model.build"] == ["mine:build", None]


def test_changes_between_two_runs() -> None:
    before, _ = load_experiment("digits_cnn")
    now, _ = load_experiment("digits_cnn", ["training.epochs=3", "training.early_stopping=null", "tuning=null"])
    changes = {c["key"]: (c["before"], c["now"]) for c in config_changes(before.model_dump(), now.model_dump())}
    assert changes["training.epochs"] == (12, 3)
    assert changes["training.early_stopping.patience"] == (3, None)
    # The block itself is not listed beside its keys.
    assert "training.early_stopping" not in changes and "tuning" not in changes
    assert config_changes(before.model_dump(), before.model_dump()) == []
    captured, _ = load_experiment("digits_cnn", ["serve.capture={share: 0.5}"])
    assert config_changes(before.model_dump(), captured.model_dump()) == [], "the model is the same"


def test_rows_that_two_models_answer_differently() -> None:
    labels = np.array([0, 1, 2, 2])
    first = np.eye(3, dtype=np.float32)[[0, 0, 2, 1]]
    second = np.eye(3, dtype=np.float32)[[1, 1, 2, 0]]
    found = compare_predictions(labels, first, second, "multiclass", ["a", "b", "c"])
    assert (found["rows"], found["changed"], found["better"], found["worse"]) == (4, 3, 1, 1)
    assert found["chance"] == 1.0
    by_row = {entry["row"]: entry for entry in found["examples"]}
    assert by_row[0] == {"row": 0, "label": "a", "a": "a", "b": "b", "is_better": False}
    assert by_row[1]["is_better"] is True
    assert by_row[3]["is_better"] is None  # wrong either way


def test_binary_rows_change_at_one_half() -> None:
    first, second = np.array([[0.4], [0.6]], np.float32), np.array([[0.49], [0.2]], np.float32)
    found = compare_predictions(np.array([0.0, 0.0]), first, second, "binary", ["no", "yes"])
    assert (found["changed"], found["better"]) == (1, 1)
    assert found["examples"][0]["a"] == "yes"


def test_regression_counts_what_came_nearer() -> None:
    labels = np.array([1.0, 2.0, 3.0])
    found = compare_predictions(
        labels, np.array([[2.0], [2.0], [3.5]]), np.array([[1.1], [2.0], [4.0]]), "regression", None
    )
    assert (found["changed"], found["better"], found["worse"]) == (2, 1, 1)
    assert found["examples"][0] == {"row": 0, "label": "1", "a": "2", "b": "1.1", "is_better": True}


@pytest.mark.parametrize(("better", "worse", "chance"), [(1, 4, 0.375), (0, 0, None), (10, 10, 1.0), (0, 10, 2 / 1024)])
def test_sign_test_is_the_binomial_one(better: int, worse: int, chance: float | None) -> None:
    assert sign_test(better, worse) == (None if chance is None else pytest.approx(chance))


def test_sign_test_of_many_rows_is_the_normal_one() -> None:
    assert sign_test(600, 500) == pytest.approx(0.0028, abs=2e-4)
    assert sign_test(5000, 5000) == pytest.approx(1.0)


def test_tasks_that_cannot_be_compared(tmp_path: Path) -> None:
    for name, classes in (("1", ["a", "b"]), ("2", ["a", "c"])):
        figures = {"recipe": "r", "task": "binary", "data": {"label": {"classes": classes}}}
        (tmp_path / name).mkdir()
        (tmp_path / name / "figures.json").write_text(json.dumps(figures))
    with pytest.raises(ConfigError, match="the same task and classes, but 1 is binary with 2 classes"):
        compare_runs(tmp_path / "1", tmp_path / "2")
