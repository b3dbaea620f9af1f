"""Which task a label stands for, and what is refused."""

from __future__ import annotations

import pytest

from kerasline.components.core.errors import ConfigError
from kerasline.components.datasets import infer_task
from kerasline.components.datasets.description.labels import LabelFacts, facts_of_values, settle_label
from kerasline.components.datasets.description.spec import Label


def settle(values, task="auto", **known):
    return settle_label(facts_of_values("y", values, **known), task)


@pytest.mark.parametrize(
    ("values", "task", "dtype", "classes"),
    [
        (["b", "a", "b"], "binary", "string", ("a", "b")),
        (["10", "9", "b"], "multiclass", "string", ("10", "9", "b")),
        ([0, 1, 1], "binary", "int", ("0", "1")),
        ([10, 9, 2] * 5, "multiclass", "int", ("2", "9", "10")),
        ([1.0, 2.0, 3.0] * 5, "multiclass", "int", ("1", "2", "3")),
        ([1, 2, 3], "regression", "float", None),
        (list(range(21)) * 100, "regression", "float", None),
        ([0.5, 1.0] * 50, "regression", "float", None),
        ([0.0, 1.0], "binary", "int", ("0", "1")),
    ],
)
def test_auto_follows_the_label(values, task, dtype, classes):
    label = settle(values)
    assert (infer_task(label), label.dtype, label.classes) == (task, dtype, classes)


def test_the_config_decides_against_the_guess():
    assert settle([1, 2, 3], "multiclass").classes == ("1", "2", "3")
    label = settle([0, 1, 1], "regression")
    assert (label.dtype, label.classes, label.minimum, label.maximum) == ("float", None, 0.0, 1.0)
    assert settle([0.25, 0.5], "bounded_regression").maximum == 0.5


def test_the_source_knows_its_task_and_classes():
    label = settle_label(facts_of_values("y", [25, 346] * 50, task="regression", unit="points"), "auto")
    assert (label.classes, label.unit) == (None, "points")
    assert settle(["x", "y"], classes=("y", "x", "z")).classes == ("y", "x", "z")


@pytest.mark.parametrize(
    ("values", "task", "message"),
    [
        ([], "auto", "label 'y' of the data has no value in any row"),
        (["a", "a"], "auto", "only one class, 'a', so there is nothing to learn"),
        ([1, 2, 3], "binary", r"Task binary needs two classes, but .* has 3 \(1, 2, 3\); use task: multiclass"),
        (["a", "b"], "regression", r"Task regression needs numbers, but .* holds text \('a', 'b'\)"),
        ([0.1, 0.2, 0.3, 0.4], "multiclass", r"numbers with fractions \(0.1, 0.2, 0.3, ...\); use task: regression"),
        ([-0.1, 0.5], "bounded_regression", "needs labels from 0 to 1, but .* goes from -0.1 to 0.5"),
        ([0.5, 0.5], "auto", "is 0.5 in every row"),
        ([1.0, 1e400, 2.0] * 5, "auto", "label 'y' of the data has infinite values; correct or remove these rows"),
        ([0, 1], "multilabel", "needs several 0/1 label columns, but .* is one"),
        ([str(n) for n in range(10_001)], "auto", "more than 10,000 different values"),
    ],
)
def test_impossible_labels_are_refused(values, task, message):
    with pytest.raises(ConfigError, match=message):
        settle(values, task)


def test_multilabel_columns_must_vary():
    facts = LabelFacts("labels", "multi", {"rain": 3, "wind": 0}, 5, classes=("rain", "wind"))
    with pytest.raises(ConfigError, match="Label column 'wind' is 0 in every row"):
        settle_label(facts, "auto")
    with pytest.raises(ConfigError, match="make the task multilabel, but the config says regression"):
        settle_label(facts, "regression")


def test_infer_task_of_settled_labels():
    assert infer_task(Label(name="y", dtype="multi", classes=("a", "b"))) == "multilabel"
    assert infer_task(Label(name="y", dtype="float")) == "regression"
    assert infer_task(Label(name="y", dtype="int", classes=("0", "1"))) == "binary"
    assert infer_task(Label(name="y", dtype="string", classes=("a", "b", "c"))) == "multiclass"


@pytest.mark.parametrize(
    "words", [["0", "1", "True", "False"], ["yes", "no", "1"], ["1", "0", "yes", "no", "True"], ["on", "off", "0.0"]]
)
def test_classes_that_write_true_and_false_in_several_ways_are_refused(words):
    facts = facts_of_values("y", [words[n % len(words)] for n in range(60)])
    with pytest.raises(ConfigError, match=r"The label 'y' of the data writes true and false in several ways \('"):
        settle_label(facts, "auto")
    assert settle_label(facts, "multiclass").classes == tuple(sorted(words))


@pytest.mark.parametrize(
    "words", [["yes", "no", "maybe"], ["0", "1", "2"], ["t", "f", "n"], ["True", "False"], ["on", "off", "dim"]]
)
def test_other_classes_are_what_they_are(words):
    facts = facts_of_values("y", [words[n % len(words)] for n in range(60)])
    assert settle_label(facts, "auto").classes == tuple(sorted(words))
