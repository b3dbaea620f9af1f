"""The text of a recipe: small files that would grow, words of YAML 1.1, and the line of every fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from kerasline.components.core.errors import LONGEST_MESSAGE, ConfigError
from kerasline.pipeline.config.experiment import load_experiment, parse_experiment
from kerasline.pipeline.config.recipe_text import read_file, read_text

START = "name: x\ndata: {dataset: iris}\n"
LAUGHS = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
MERGES = "".join(f"m{n}: &m{n}\n" + f"  k{n}: {{<<: [*m{n - 1}, *m{n - 1}], x: *m{n - 1}}}\n" for n in range(1, 40))
CHAIN = "c0: &c0 {x: 1}\n" + "".join(f"c{n}: &c{n} {{x: *c{n - 1}}}\n" for n in range(1, 200))

BOMBS = {
    "aliases": (f"{START}a0: &a0 [lol]\n{LAUGHS}", "expected at most 50,000 values in a recipe"),
    "merges": (f"{START}m0: &m0 {{a: 1}}\n{MERGES}", "expected at most 50,000 values in a recipe"),
    "a chain of aliases": (f"{START}{CHAIN}", "expected at most 40 blocks within blocks"),
    "brackets": (f"{START}description: {'[' * 20_000}", "expected at most 40 blocks within blocks"),
    "indents": ("\n".join(" " * n + "a:" for n in range(900)), "expected at most 40 blocks within blocks"),
    "a long text": (f"{START}description: {'x' * 500_000}\n", "expected at most 20,000 characters in a value"),
    "a long number": (f"{START}seed: {'1' * 500_000}\n", "expected at most 20,000 characters in a value"),
    "a long key": (f"{START}{'k' * 500_000}: 1\n", "a line has no colon behind its key, or too long a key"),
    "a long list": (
        f"{START}model: {{units: [{'1,' * 4_999_999}1]}}\n",
        "expected a recipe of at most 1,000,000 bytes",
    ),
    "many columns": (
        f"{START}features:\n" + "".join(f"  c{n}: drop\n" for n in range(600_000)),
        "expected a recipe of at most 1,000,000 bytes",
    ),
    "many choices": (
        f"{START}tuning: {{space: {{training.epochs: {{choice: {list(range(1, 20_001))}}}}}}}\n",
        "expected at most 2,000 values to try in the whole space",
    ),
    "many keys": (
        f"{START}tuning:\n  space:\n" + "".join(f"    model.config.k{n}: {{boolean: true}}\n" for n in range(5_000)),
        "expected at most 100 keys in a space, got 5000",
    ),
    "digits": (f"{START}seed: {'7' * 5_000}\n", "expected a whole number, got '777"),
    "a long zone": (f"{START}schedule: {{timezone: {'E' * 5_000}}}\n", "timezone: expected an IANA name"),
    "a long name": (f"{START.replace('x', 'x' * 5_000)}", "name: expected text of at most 50 characters"),
    "a long unknown key": (f"{START}{'k' * 1_000}: 1\n", "unknown key 'kkk"),
    "many unknown keys": (START + "".join(f"k{n}: 1\n" for n in range(20_000)), "unknown key 'k0'"),
}


@pytest.mark.timeout(60)  # unbounded, these take minutes or have no end
@pytest.mark.parametrize("name", BOMBS)
def test_a_recipe_that_would_grow_is_refused_at_once_and_in_one_sentence(name: str, tmp_path: Path) -> None:
    text, expected = BOMBS[name]
    path = tmp_path / "bomb.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_experiment(str(path))
    message = str(caught.value)
    assert expected in message
    assert len(message) <= LONGEST_MESSAGE and "\n" not in message
    assert sum(map(len, caught.value.details)) < 20 * LONGEST_MESSAGE


def test_a_recipe_of_thousands_of_columns_is_none_of_them(tmp_path: Path) -> None:
    path = tmp_path / "wide.yaml"
    path.write_text(START + "features:\n" + "".join(f"  c{n}: {{kind: numeric}}\n" for n in range(5_000)))
    assert len(load_experiment(str(path))[0].features) == 5_000


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"), ("on", "on"), ("off", "off"), ("True", True), ("010", "010"), ("0", 0), ("-12", -12),
        ("1_000", 1000), ("0x1F", 31), ("1:30", "1:30"), ("2024-01-31", "2024-01-31"),
        ("!!timestamp 2024-01-31", "2024-01-31"),
        ("1e-3", 0.001), ("1.", 1.0), (".5", 0.5), ("1.5e3", 1500.0), ("=", "="), ("~", None), ("", None),
        ("{2020: a, true: b, 1.5: c}", {"2020": "a", "true": "b", "1.5": "c"}),
        ("{<<: {a: 1, b: 2}, b: 3}", {"a": 1, "b": 3}),
        ("{<<: [{a: 1}, {a: 2, c: 3}]}", {"a": 1, "c": 3}),
        ("[{x: {y: &m {<<: &b {k: 1}, k: 2}}}, {<<: *m}, *b]", [{"x": {"y": {"k": 2}}}, {"k": 2}, {"k": 1}]),
    ],
)  # fmt: skip
def test_values_are_those_of_yaml_1_2(text: str, value: object) -> None:
    read = read_text(text, "here")
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_mark_of_the_encoding_is_no_part_of_the_recipe(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "é.yaml"
    path.write_text(f"{START}description: größer\r\n", encoding=encoding)
    raw, origin = read_file(path)
    assert raw == {"name": "x", "data": {"dataset": "iris"}, "description": "größer"}
    assert origin.lines == {("name",): 1, ("data",): 2, ("data", "dataset"): 2, ("description",): 3}


def test_a_folder_and_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected a readable file, but .* cannot be read: Is a directory"):
        read_file(tmp_path)


def test_the_place_of_a_broken_line_is_shown_below_it(tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text("name: x\ndata: {dataset: iris\nseed: 3\n")
    with pytest.raises(ConfigError) as caught:
        read_file(path)
    assert caught.value.details == (f"{path}, line 3:", "  seed: 3", "      ^")
    assert str(caught.value).startswith(f"{path}, line 3, column 5: expected YAML, but a block that opens with {{")


def test_every_fault_is_told_with_its_line_and_the_first_one_last(tmp_path: Path) -> None:
    path = tmp_path / "faulty.yaml"
    path.write_text(
        "name: faulty\n"
        "data: {csv: {path: a.csv, label: y}}\n"
        "training:\n"
        "  epochs: many\n"
        "  early_stopping:\n"
        "    patience: -1\n"
        "epochs: 3\n"
        "model:\n"
        "  units: [64, big]\n"
    )
    with pytest.raises(ConfigError) as caught:
        load_experiment(str(path), ["training.batch_size=0"])
    assert caught.value.details == (
        f"{path}, line 4: training.epochs: expected a whole number, got 'many'",
        f"{path}, line 6: training.early_stopping.patience: expected 0 or more, got -1",
        f"{path}, line 7: unknown key 'epochs'. Did you mean 'training.epochs'?",
        f"{path}, line 9: model.units.1: expected a whole number, got 'big'",
        "--set training.batch_size: training.batch_size: expected 1 or more, got 0",
    )
    assert str(caught.value) == f"{path}, line 7: unknown key 'epochs'. Did you mean 'training.epochs'? (and 4 more)"


@pytest.mark.parametrize(
    ("blocks", "expected"),
    [
        ({"epochs": 3}, "unknown key 'epochs'. Did you mean 'training.epochs'?"),
        ({"callbacks": []}, "Did you mean 'training.early_stopping' or 'training.reduce_on_plateau'?"),
        ({"lr": 1}, "Did you mean 'training.learning_rate'?"),
        ({"training": {"dropout": 0.1}}, "unknown key 'training.dropout'. Did you mean 'model.dropout'?"),
        ({"data": {"dataset": "iris", "batch_size": 3}}, "Did you mean 'training.batch_size'?"),
        ({"model": {"epochs": 3}}, "unknown key 'model.epochs'. Did you mean 'training.epochs'?"),
        ({"thresholds": {}}, "Did you mean 'evaluation.thresholds' or 'schedule.thresholds'?"),
        (
            {"data": {"csv": {"path": "a.csv", "label": "y"}}, "model": {"family": "cnn", "units": [3]}},
            "got one of family mlp and tabular and sequence; "
            "cnn reads images, series and volumes, and a table is for family mlp",
        ),
        ({"model": {"family": "mlp", "filters": [3]}}, "got one of family cnn; mlp reads tables"),
        ({"evaluation": {"thresholds": {"log_loss": {"min": 0.5}}}}, "write log_loss: {max: 0.5}"),
        ({"evaluation": {"thresholds": {"accuracy": {"max": 0.5}}}}, "write accuracy: {min: 0.5}"),
        ({"evaluation": {"thresholds": {"auc": {"min": 80}}}}, "expected 0 to 1, as auc is, got 80; 80 percent is 0.8"),
        ({"evaluation": {"thresholds": {"mae": {"max": -1}}}}, "max: expected 0 or more, as mae is, got -1"),
        ({"evaluation": {"thresholds": {"r2": {"min": 1.5}}}}, "min: expected 1 at most, as r2 is, got 1.5"),
        ({"evaluation": {"slice_thresholds": {"sex": {"auc": {"min": 2}}}}}, "sex.auc.min: expected 0 to 1"),
        (
            {"data": {"dataset": "iris"}, "evaluation": {"metrics": ["mae"]}},
            "expected metrics of a multiclass task (accuracy,",
        ),
        ({"evaluation": {"metrics": ["acuracy"]}}, "got 'acuracy'. Did you mean 'accuracy'?"),
        ({"task": "regression", "evaluation": {"metrics": ["auc"]}}, "expected metrics of a regression task (mae,"),
        ({"training": {"loss": "mes"}}, "got 'mes'. Did you mean 'mse'?"),
        ({"task": "regression", "training": {"loss": "dice"}}, "'dice' does not suit task regression"),
        ({"training": {"epochs": True}}, "training.epochs: expected a number, got true"),
        ({"model": {"dropout": True}}, "model.dropout: expected a number, got true"),
        ({"data": {"dataset": "iris", "limit": True}}, "data.limit: expected a number, got true"),
        ({"model": {"l2": float("inf")}}, "model.l2: expected a finite number, got inf"),
        ({"schedule": {"timezone": "Europe"}}, "timezone: expected an IANA name such as Europe/Berlin, got 'Europe'"),
        ({"description": 3}, "description: expected text, got 3; put it in quotes"),
        ({"training": [1]}, "training: expected a block of keys, got [1]"),
        ({"training": None}, "training: expected a block of keys, got nothing"),
        ({"model": {"units": ["x", 0]}}, "(and 1 more)"),
    ],
)  # fmt: skip
def test_what_was_meant(blocks: dict[str, object], expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_experiment({"name": "x", "data": {"csv": {"path": "a.csv", "label": "y"}}, **blocks})
    assert expected in str(caught.value)
