"""Configs: what a recipe may say, and the sentence that it gets for what it may not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from kerasline.components.core.errors import ConfigError
from kerasline.components.features.column_options import ColumnOptions
from kerasline.components.models.description.options import CnnOptions, MlpOptions
from kerasline.pipeline.config.experiment import (
    Experiment,
    find_recipe,
    load_experiment,
    parse_experiment,
    read_yaml,
    recipe_names,
)
from kerasline.pipeline.config.schedule.options import ScheduleOptions
from tests.pipeline.config.conftest import METRIC_NAMES, SMALLEST, complaint


def test_the_smallest_config_has_every_default() -> None:
    experiment = parse_experiment(SMALLEST)
    assert (experiment.name, experiment.seed, experiment.task) == ("flowers", 7, "auto")
    assert experiment.model == MlpOptions(units=(64, 32))
    assert experiment.training.optimizer == "adam"
    assert (experiment.training.batch_size, experiment.training.epochs) == (64, 10)
    assert experiment.tuning is None
    assert experiment.push.keep == 5
    assert experiment.validation.anomalies.policy == "fail"


def test_the_block_of_a_model_without_a_family_is_an_mlp() -> None:
    assert parse_experiment({**SMALLEST, "model": {"units": [8]}}).model == MlpOptions(units=(8,))


def test_a_word_stands_for_the_kind_or_the_scale_of_a_column() -> None:
    features = parse_experiment({**SMALLEST, "features": {"a": "drop", "b": "min_max", "c": {"impute": 0.5}}}).features
    assert features == {
        "a": ColumnOptions(kind="drop"),
        "b": ColumnOptions(scale="min_max"),
        "c": ColumnOptions(impute=0.5),
    }


@pytest.mark.parametrize(
    ("blocks", "expected"),
    [
        ({"trainig": {}}, "the recipe: unknown key 'trainig'. Did you mean 'training'?"),
        ({"training": {"epoch": 5}}, "the recipe: unknown key 'training.epoch'. Did you mean 'epochs'?"),
        (
            {"training": {"early_stopping": {"patince": 3}}},
            "the recipe: unknown key 'training.early_stopping.patince'. Did you mean 'patience'?",
        ),
        ({"model": {"unit": [3]}}, "the recipe: unknown key 'model.unit'. Did you mean 'units'?"),
        (
            {"model": {"family": "cnn", "filtres": [3]}},
            "the recipe: unknown key 'model.filtres'. Did you mean 'filters'?",
        ),
        (
            {"model": {"family": "transfer", "augmentation": {"fliip": "both"}}},
            "the recipe: unknown key 'model.augmentation.fliip'. Did you mean 'flip'?",
        ),
        (
            {"evaluation": {"thresholds": {"accuracy": {"minimum": 1}}}},
            "the recipe: unknown key 'evaluation.thresholds.accuracy.minimum'. Did you mean 'min'?",
        ),
        ({"schedule": {"trigge": "always"}}, "the recipe: unknown key 'schedule.trigge'. Did you mean 'trigger'?"),
        (
            {"schedule": {"xyz": 1}},
            f"the recipe: unknown key 'schedule.xyz'. Known keys: {', '.join(sorted(ScheduleOptions.model_fields))}.",
        ),
        (
            {"data": {"csv": {"path": "a.csv", "labell": "b"}}},
            "the recipe: unknown key 'data.csv.labell'. Did you mean 'label'? (and 1 more)",
        ),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_one(blocks: dict[str, Any], expected: str) -> None:
    assert complaint(**blocks) == expected


@pytest.mark.parametrize(
    ("blocks", "expected"),
    [
        (
            {"training": {"epochs": "many"}},
            "the recipe: training.epochs: expected a whole number, got 'many'",
        ),
        ({"training": {"epochs": 0}}, "the recipe: training.epochs: expected 1 or more, got 0"),
        (
            {"training": {"epochs": 2.5}},
            "the recipe: training.epochs: expected a whole number, got 2.5",
        ),
        (
            {"model": {"family": "cn"}},
            "the recipe: model.family: expected one of mlp, tabular, cnn, sequence, transfer, hub, custom, got 'cn'. "
            "Did you mean 'cnn'?",
        ),
        ({"model": {"units": [0]}}, "the recipe: model.units.0: expected 1 or more, got 0"),
        (
            {"model": {"units": [3], "dropout": [0.1, 0.2]}},
            "the recipe: model: dropout must be one number or a list of 1 (one for each of units), not a list of 2",
        ),
        (
            {"model": {"embedding_dim": "big"}},
            "the recipe: model.embedding_dim: expected a whole number or auto, got 'big'",
        ),
        (
            {"model": {"family": "custom", "build": "nocolon"}},
            "the recipe: model.build: expected module:function, such as my_module:my_function, got 'nocolon'",
        ),
        ({"model": {"family": "custom"}}, "the recipe: expected the key 'model.build', which is not there"),
        (
            {"data": {"csv": {"path": 3, "label": "b"}}},
            "the recipe: data.csv.path: expected text or a list such as [a, b], got 3",
        ),
        ({"data": {"csv": {"path": "a"}}}, "the recipe: expected the key 'data.csv.label', which is not there"),
        (
            {"data": {}},
            "the recipe: data: expected exactly one source of dataset, csv, parquet, images, npz, idx, tfrecord, "
            "spans, sql, python, got none",
        ),
        (
            {"data": {"dataset": "iris", "csv": {"path": "a", "label": "b"}}},
            "the recipe: data: expected exactly one source of dataset, csv, parquet, images, npz, idx, tfrecord, "
            "spans, sql, python, got dataset and csv",
        ),
        (
            {"data": {"dataset": "iris", "split": {"train": 0.9, "eval": 0.2, "test": 0.1}}},
            "the recipe: data.split: expected train, eval and test to sum to 1, got 1.2",
        ),
        (
            {"name": "No Spaces"},
            "the recipe: name: expected lower-case letters, digits, - and _, with a letter or digit at both ends, got "
            "'No Spaces'",
        ),
        (
            {"name": "train"},
            "the recipe: name: expected a name that is no step's (ingest, statistics, curated, schema, anomalies, "
            "validate, transform, tune, train, baseline, evaluate, parity, formats, gate, push, explain, report), got "
            "'train'; take 'train_model'",
        ),
        ({"seed": -1}, "the recipe: seed: expected 0 or more, got -1"),
        (
            {"features": {"age": {"scale": "zscore"}}},
            "the recipe: features.age.scale: expected one of z_score, min_max, log, buckets, "
            "piecewise, none, got 'zscore'. "
            "Did you mean 'z_score'?",
        ),
        (
            {"evaluation": {"thresholds": {"accuracy": {}}}},
            "the recipe: evaluation.thresholds.accuracy: expected at least one of min, max and max_drop",
        ),
        (
            {"evaluation": {"thresholds": {"accuracy": {"min": 0.9, "max": 0.5}}}},
            "the recipe: evaluation.thresholds.accuracy: min 0.9 is above max 0.5: no model can pass",
        ),
        ({"push": {"keep": 1}}, "the recipe: push.keep: expected 2 or more, got 1"),
        (
            {"push": {"promotion": "shadw"}},
            "the recipe: push.promotion: expected one of at_once, manual, shadow, canary, got 'shadw'. Did you mean "
            "'shadow'?",
        ),
        (
            {"push": {"promotion": "shadow", "share": 0.1}},
            "the recipe: push: expected promotion: canary with share, got shadow",
        ),
        ({"push": {"promotion": "canary", "share": 1}}, "the recipe: push.share: expected a number below 1, got 1"),
        (
            {"push": {"rollback_on": {}}},
            "the recipe: push.rollback_on: expected at least one of p99_ms, error_rate and metric_drop",
        ),
        ({"push": {"watch_days": 3}}, "the recipe: push: expected rollback_on with watch_days, got none"),
        (
            {"training": {"learning_rate": float("nan")}},
            "the recipe: training.learning_rate: expected a finite number, got nan",
        ),
        (
            {"training": {"early_stopping": {"monitor": "val_acuracy"}}},
            f"the recipe: training.early_stopping.monitor: Metric 'val_acuracy' is not known; use one of: "
            f"{METRIC_NAMES}. Did you mean 'accuracy'?",
        ),
        (
            {"training": {"early_stopping": {"monitor": "val_auc", "mode": "min"}}},
            "the recipe: training.early_stopping.mode: expected max for val_auc, got min; leave it out",
        ),
        (
            {"training": {"metrics": ["mine:cost"], "reduce_on_plateau": {"monitor": "val_cost"}}},
            "the recipe: training.reduce_on_plateau.mode: expected min or max, whichever is better for your val_cost, "
            "got auto; say it",
        ),
        (
            {"schedule": {"trigger": "served_metric", "thresholds": {"mine:cost": {"max": 1}}}},
            "the recipe: schedule.thresholds: expected metrics of the library with trigger: served_metric, got "
            "mine:cost, which is yours; trigger: metric takes it",
        ),
        (
            {"training": {"reduce_on_plateau": {"monitor": "val_los"}}},
            f"the recipe: training.reduce_on_plateau.monitor: Metric 'val_los' is not known; use one of: "
            f"{METRIC_NAMES}. Did you mean 'loss'?",
        ),
        (
            {"features": {"photo": {"normalise": "standard"}}, "model": {"family": "transfer"}},
            "the recipe: features.photo.normalise: expected none, because the transfer family scales pixels from 0..1 "
            "to what its base was trained on, got standard, which centres them on 0; leave normalise out",
        ),
        (
            {
                "features": {"photo": {"normalise": "standard"}},
                "model": {"family": "cnn", "augmentation": {"contrast": 0.2}},
            },
            "the recipe: features.photo.normalise: expected none, because model.augmentation.contrast changes pixels "
            "within 0..1, got standard, which centres them on 0; leave normalise out",
        ),
        (
            {"run": {"labels": {"team": "Plants & Co"}}},
            "the recipe: run.labels: expected lower-case letters, digits, - and _, at most 63 in a name and in a "
            "value, as Google Cloud takes them, got 'Plants & Co'",
        ),
        (
            {"run": {"labels": {"2nd": "x"}}},
            "the recipe: run.labels: expected names that begin with a letter, as Google Cloud takes them, got '2nd'",
        ),
    ],
)
def test_a_wrong_value_is_named_with_what_was_expected(blocks: dict[str, Any], expected: str) -> None:
    assert complaint(**blocks) == expected


def test_set_changes_nested_keys_with_yaml_values() -> None:
    changes = (
        "training.epochs=5",
        "training.learning_rate=1e-3",
        "model.units=[256,128]",
        "training.early_stopping={patience: 2}",
        "training.early_stopping.min_delta=5E-2",
        "description=a = b",
        "data.split.eval=.2",
    )
    experiment = parse_experiment(SMALLEST, changes)
    assert experiment.training.epochs == 5
    assert experiment.training.learning_rate == 0.001
    assert experiment.model == MlpOptions(units=(256, 128))
    assert experiment.training.early_stopping is not None
    assert experiment.training.early_stopping.patience == 2
    assert experiment.training.early_stopping.min_delta == 0.05
    assert experiment.description == "a = b"
    assert (experiment.data.dataset, experiment.data.split.eval) == ("iris", 0.2)


def test_set_can_change_the_family_and_fill_a_block_that_is_empty() -> None:
    raw = {**SMALLEST, "training": None}
    experiment = parse_experiment(raw, ("model.family=cnn", "model.filters=[8]", "training.epochs=2"))
    assert experiment.model == CnnOptions(filters=(8,))
    assert experiment.training.epochs == 2
    assert raw == {**SMALLEST, "training": None}, "the mapping that was given stays as it is"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("training.epochs", "--set: expected KEY=VALUE such as training.epochs=5, got 'training.epochs'"),
        ("=5", "--set: expected KEY=VALUE such as training.epochs=5, got '=5'"),
        ("training.epochs=[1", "--set training.epochs: expected a YAML value, got '[1'"),
        ("training.epoch=5", "--set training.epoch: unknown key 'training.epoch'. Did you mean 'epochs'?"),
        ("training.epochs=", "--set training.epochs: training.epochs: expected a whole number, got nothing"),
    ],
)
def test_a_set_that_cannot_be(change: str, expected: str) -> None:
    assert complaint((change,)) == expected


def test_exponents_are_numbers_in_files_too(tmp_path: Path) -> None:
    recipe = tmp_path / "tuned.yaml"
    recipe.write_text(
        "name: tuned\n"
        "description: 1e5 rows and 1.e-7\n"
        "data: {dataset: iris}\n"
        "training: {learning_rate: 1e-3}\n"
        "tuning: {space: {training.learning_rate: {float: [1e-4, +2.5E-2], log: true}}}\n"
    )
    experiment, folder = load_experiment(str(recipe))
    assert folder == tmp_path
    assert experiment.description == "1e5 rows and 1.e-7"
    assert experiment.training.learning_rate == 0.001
    assert experiment.tuning is not None
    assert experiment.tuning.space == {"training.learning_rate": {"float": [0.0001, 0.025], "log": True}}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"name: [", "{path}, line 1, column 8: expected YAML, but a value is missing; write it"),
        (b"name: [a\nseed: 3", "{path}, line 2, column 5: expected YAML, but a list that opens with [ has no ] here"),
        (b"name: x\n\tseed: 3", "{path}, line 2, column 1: expected YAML, but a tab stands in the indent; use spaces"),
        (
            b"name: x: y",
            "{path}, line 1, column 8: expected YAML, but a second colon stands in the line; quote the value",
        ),
        (b"name: @x", "{path}, line 1, column 7: expected YAML, but a value cannot begin with @; put it in quotes"),
        (b"name: 'x", "{path}, line 1, column 9: expected YAML, but a quote that is opened never closes; close it"),
        (b"name: *x", "{path}, line 1, column 7: expected YAML, but an alias (*) names no anchor (&) above it"),
        (b"- name\n", "expected keys such as name, data and model in {path}, got a list"),
        (b"just words", "expected keys such as name, data and model in {path}, got 'just words'"),
        (b"", "expected keys such as name, data and model in {path}, got an empty file"),
        (b"# nothing yet\n", "expected keys such as name, data and model in {path}, got an empty file"),
        (b"name: x\n---\nname: y", "{path}, line 2: expected one recipe in a file, but --- begins another one"),
        (b"a: " + b"{a: " * 3000, "{path}, line 1: expected at most 40 blocks within blocks, but they go too deep"),
        (b"a: &b {c: *b}", "{path}, line 1: expected a block that ends, but *b repeats it in itself"),
        (b"name: x\nseed: 1\nname: y", "{path}, line 3: the key 'name' stands twice, first in line 1; keep one"),
        (b"? [a, b]\n: x", "{path}, line 1: expected a word as key, got a block"),
        (b"name: x\na: \xff\xfe", "{path}, line 2: expected text in UTF-8, but byte 12 of the file is none of it"),
        (b"\x89PNG\r\n\x1a\n\x00", "{path}, line 1: expected text in UTF-8, but byte 1 of the file is none of it"),
        (b"name: \x00\x01", "{path}, line 1: expected a text file, but it holds the control character 0"),
        (
            b"name: !!python/object/apply:os.system [echo]",
            "{path}, line 1: expected a plain value, got the tag !!python",
        ),
        (b"seed: !!set {a, b}", "{path}, line 1: expected a plain value, got the tag !!set; leave the tag out"),
        (b"seed: !!int ''", "{path}, line 1: expected a whole number, got ''"),
        (b"name: x\nseed: !!bool maybe", "{path}, line 2: expected true or false, got 'maybe'"),
        (b"seed: !!timestamp foo", "{path}, line 1: expected a date such as 2024-01-31, got 'foo'"),
        (
            b"training: {learning_rate: 1e999}",
            "{path}, line 1: training.learning_rate: expected a finite number, got 1e999",
        ),
        (
            b"training: {learning_rate: .nan}",
            "{path}, line 1: training.learning_rate: expected a finite number, got .nan",
        ),
    ],
)
def test_a_file_that_is_no_recipe(tmp_path: Path, content: bytes, expected: str) -> None:
    path = tmp_path / "broken.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_yaml(path)
    assert str(caught.value).startswith(expected.format(path=path))
    assert "\n" not in str(caught.value)


def test_messages_name_the_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\ndata: {dataset: iris}\nsed: 3\n")
    with pytest.raises(ConfigError) as caught:
        load_experiment(str(path))
    assert str(caught.value) == f"{path}, line 3: unknown key 'sed'. Did you mean 'seed'?"


def test_a_recipe_that_is_not_there() -> None:
    with pytest.raises(ConfigError) as caught:
        find_recipe("digit_cnn")
    assert str(caught.value) == (
        "expected the name of a shipped recipe or the path of a YAML file, got 'digit_cnn'. "
        "Did you mean 'digits_cnn'? 'kerasline recipes' lists them"
    )
    with pytest.raises(ConfigError) as caught:
        find_recipe("nowhere/mine.yaml")
    assert str(caught.value) == (
        "expected a recipe file, but nowhere/mine.yaml does not exist; 'kerasline recipes' lists the shipped ones"
    )


@pytest.mark.parametrize("name", recipe_names())
def test_shipped_recipes_are_valid_and_say_what_they_are(name: str) -> None:
    experiment, _ = load_experiment(name)
    assert experiment.name == name
    assert experiment.description
    assert experiment.evaluation.thresholds, "every recipe has a gate"


def test_the_recipes_that_ship() -> None:
    wanted = {
        *("digits_mlp", "digits_cnn", "digits_underfit", "iris_mlp", "wine_mlp", "diabetes_regression"),
        *("mnist_mlp", "mnist_cnn", "fashion_mnist_mlp", "fashion_mnist_cnn"),
    }
    assert wanted <= set(recipe_names())


@pytest.mark.parametrize("name", recipe_names())
def test_what_show_prints_is_the_same_experiment(name: str) -> None:
    experiment, _ = load_experiment(name)
    printed = yaml.safe_dump(experiment.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
    assert parse_experiment(yaml.safe_load(printed)) == experiment


def test_every_block_of_the_contract_is_a_key() -> None:
    assert list(Experiment.model_fields) == [
        *("name", "description", "seed", "data", "task", "features", "validation", "model", "training", "tuning"),
        *("evaluation", "push", "report", "schedule", "serve", "run"),
    ]
