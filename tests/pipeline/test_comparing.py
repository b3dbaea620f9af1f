"""What differs between configs."""

from __future__ import annotations

from pipeline.comparing import changed_from_defaults, config_changes, flatten
from pipeline.config import load_experiment, parse_experiment


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
