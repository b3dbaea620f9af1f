"""Labels that come after training are read as training read them, whatever the file they stand in."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pytest

from kerasline.components.core import ConfigError
from kerasline.components.prediction import read_truths
from kerasline.components.prediction.truths import read_truths_of_paths


def record(task: str, classes: list[str] | None = None, **label: Any) -> dict[str, Any]:
    """What a version keeps of its label."""
    columns = label.pop("columns", ["y"])
    return {"task": task, "classes": classes, "label": {"name": "y", "columns": columns, **label}, "reading": {}}


def test_classes_are_found_by_name_and_rows_without_one_are_counted() -> None:
    truths = read_truths([[" cat", "dog", "", None, "cow", float("nan")]], record("binary", ["cat", "dog"]))
    assert truths.labels.tolist() == [0, 1]
    assert (truths.rows.tolist(), truths.missing) == ([0, 1], 3)
    assert truths.problems == {4: "'cow' in column 'y' is none of the classes (cat, dog)"}


@pytest.mark.parametrize(
    "cells", [["1", "3", "2"], ["1.0", "3.0", "2.0"], [1, 3, 2], [1.0, 3.0, 2.0], np.array([1, 3, 2])]
)
def test_numbers_of_classes_are_the_same_in_text_and_typed_files(cells: Any) -> None:
    assert read_truths([cells], record("multiclass", ["1", "2", "3"])).labels.tolist() == [0, 2, 1]


def test_the_recipes_names_of_classes_stand_for_their_numbers() -> None:
    named = record("multiclass", ["one", "0", "two"], class_names=["one", "0", "two"])
    assert read_truths([["0", "1", 2.0, "two"]], named).labels.tolist() == [0, 1, 2, 2]
    assert read_truths([["3"]], named).problems == {0: "'3' in column 'y' is none of the classes (one, 0, two)"}


def test_truth_is_read_however_it_is_written() -> None:
    truths = read_truths([["True", "falsch", True, np.bool_(False)]], record("binary", ["false", "true"]))
    assert truths.labels.tolist() == [1, 0, 1, 0]


def test_dates_that_are_classes() -> None:
    days = record("binary", ["2024-01-01", "2024-01-02"])
    assert read_truths([[datetime.date(2024, 1, 2), "2024-01-01"]], days).labels.tolist() == [1, 0]


def test_numbers_are_read_in_the_form_that_training_saw() -> None:
    assert read_truths([["1.5", 2, 3.25]], record("regression")).labels.tolist() == [1.5, 2.0, 3.25]
    money = record("regression", form={"decimal": ".", "unit": "$"})
    assert read_truths([["$4,893", "12", 7.5]], money).labels.tolist() == [4893.0, 12.0, 7.5]
    commas = record("regression", decimal=",")
    assert read_truths([["1.200,5", "12,5", 7.5]], commas).labels.tolist() == [1200.5, 12.5, 7.5]


def test_what_is_no_number_is_a_problem_and_infinite_ones_are_none() -> None:
    truths = read_truths([["12", "high", "inf", "1_000"]], record("regression"))
    assert truths.labels.tolist() == [12.0]
    assert truths.problems[1] == "'high' in column 'y' is no number"
    assert sorted(truths.problems) == [1, 2, 3]


def test_words_for_no_label_are_those_of_training() -> None:
    reading = {"missing_values": [""], "missing_in": {"y": ["unknown", "-999"]}}
    known = {**record("regression", no_label=["pending"]), "reading": reading}
    truths = read_truths([["unknown", "pending", "-999", -999.0, 4.0]], known)
    assert (truths.labels.tolist(), truths.missing) == ([4.0], 4)


def test_several_labels_are_rows_of_0_and_1() -> None:
    several = record("multilabel", ["red", "round"], columns=["red", "round"])
    truths = read_truths([["1", "true", 0, ""], [0, "0", True, "1"]], several)
    assert truths.labels.tolist() == [[1, 0], [1, 0], [0, 1]]
    assert truths.labels.dtype == np.float32
    assert truths.missing == 1
    assert read_truths([["2"], ["1"]], several).problems == {0: "'2' in column 'red' is neither 0 nor 1"}


def test_images_have_the_class_of_the_nearest_folder_that_is_named_as_one() -> None:
    pets = record("binary", ["cat", "dog"])
    truths = read_truths_of_paths(["dog/a.jpg", "2024/cat/b.jpg", "cat/dog/c.jpg", "cow/d.jpg"], "photos", pets)
    assert (truths.labels.tolist(), truths.rows.tolist()) == ([1, 0, 1], [0, 1, 2])
    assert truths.problems == {3: "it lies in no folder that is named as one of the classes (cat, dog)"}
    assert read_truths_of_paths(["a.jpg"], "cat", pets).labels.tolist() == [0]


def test_folders_that_say_nothing_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"named as the classes \(cat, dog\), got none in photos, such as a.jpg"):
        read_truths_of_paths(["a.jpg"], "photos", record("binary", ["cat", "dog"]))
    with pytest.raises(ConfigError, match="expected a table with the label 'y' beside each image, got a folder"):
        read_truths_of_paths(["a.jpg"], "photos", record("regression"))
