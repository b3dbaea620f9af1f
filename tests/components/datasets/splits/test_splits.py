"""Rows keep to their split: stable, without leaks, in the shares that were asked for."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from pyarrow import csv as pa_csv, parquet as pq
from pydantic import ValidationError

from kerasline.components.core.errors import ConfigError
from kerasline.components.datasets import DataOptions, assign_split, read_columns, read_shard
from kerasline.components.datasets.description.spec import SplitPlan
from kerasline.components.datasets.splits.drawing import split_record, why_train_rows_measure
from kerasline.components.datasets.splits.splits import row_key

FRACTIONS = {"train": 0.8, "eval": 0.1, "test": 0.1}


def plan(method="hash", **values):
    return SplitPlan(method=method, **{"fractions": FRACTIONS, **values})


def csv(*columns, rows):
    lines = [",".join(columns), *(",".join(str(value) for value in row) for row in rows)]
    return "\n".join(lines) + "\n"


def test_hash_meets_the_shares_and_is_stable():
    splits = [assign_split(plan(), {"a": n, "b": "x"}) for n in range(20_000)]
    shares = {split: count / 20_000 for split, count in Counter(splits).items()}
    assert shares == pytest.approx(FRACTIONS, abs=0.01)
    # Figures of today: they must never change, or every later run trains on what an earlier one was tested on.
    assert splits[:12] == [assign_split(plan(), {"b": "x", "a": n}) for n in range(12)]
    assert Counter(splits) == {"train": 15_926, "eval": 2_040, "test": 2_034}


def test_another_seed_gives_another_split():
    one, two = ([assign_split(plan(seed=seed), {"a": n}) for n in range(200)] for seed in (0, 1))
    assert one != two


TIME, GROUP = {"method": "time", "column": "a"}, {"method": "group", "column": "b"}


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        ({}, {}, ""),
        ({}, {"eval": 0.2}, "its train split was 80.0% of the rows, and is 70.0% now"),
        ({"eval": 0.2}, {}, ""),
        ({}, {"seed": 8}, "drawn with seed 7, and are drawn with seed 8 now; data.split.seed: 7 keeps them"),
        (GROUP, {**GROUP, "seed": 8}, "drawn with seed 7"),
        (TIME, {**TIME, "seed": 8}, ""),
        (TIME, {**TIME, "eval": 0.3}, "its eval split began at a later time"),
        ({**TIME, "eval": 0.3}, TIME, ""),
        ({}, TIME, "drawn by hash, and are drawn by time of 'a' now"),
        ({}, {"first": 0.5}, "its table had other columns or types"),
        ({}, {"without": "b"}, "its table had other columns or types"),
    ],
)
def test_rows_that_trained_before_and_measure_now_are_told(resolve, tmp_path, before, now, said):
    """What is told is what the rows do."""

    def drawn(without=None, first=0, **split):
        rows = [{"a": float(n) if first else n, "b": n % 97, "y": n / 7} for n in (first, *range(1, 300))]
        (tmp_path / "t.csv").write_text(csv("a", "b", "y", rows=[row.values() for row in rows]))
        drop = [without] if without else []
        data = resolve(csv={"path": "t.csv", "label": "y", "drop": drop}, split={"seed": 7, **split})
        read = [{name: row[name] for name in row if name != without} for row in rows]
        train = {number for number, row in enumerate(read) if assign_split(data.split, row) == "train"}
        return split_record(data), train

    (old, trained), (new, trains) = drawn(**before), drawn(**now)
    why = why_train_rows_measure(old, new)
    assert said in why
    assert bool(why) is bool(trained - trains)
    assert not why_train_rows_measure(None, new), "of older versions nothing is known"
    assert not why_train_rows_measure({name: old[name] for name in old if name != "cells"}, new), "nor of all of it"


def test_row_key_depends_on_values_and_types_only():
    row = {"a": 1, "b": "x", "c": None, "d": 2.5, "e": b"png", "f": np.array([1, 2], np.float32)}
    assert row_key(row) == row_key(dict(reversed(row.items())))
    variants = [
        {**row, "a": 1.0},
        {**row, "a": "1"},
        {**row, "a": None},
        {**row, "b": b"x"},
        {**row, "d": 2.5000001},
        {**row, "f": np.array([[1, 2]], np.float32)},
        {**row, "f": np.array([1, 2], np.int64)},
        {"ab": 1, **row},
    ]
    assert len({row_key(row), *map(row_key, variants)}) == len(variants) + 1


def test_duplicates_never_straddle(resolve, split_rows, write):
    rows = [(n % 100, n % 100 % 2) for n in range(1000)]
    write("t.csv", csv("a", "y", rows=rows))
    for method in ("hash", "stratified"):
        dataset = resolve(csv={"path": "t.csv", "label": "y"}, split={"method": method})
        found = {split: {row["a"] for row in rows} for split, rows in split_rows(dataset).items()}
        assert not found["train"] & found["eval"] and not found["eval"] & found["test"]
        assert set().union(*found.values()) == set(range(100))


def test_stratified_is_exact_for_every_class(resolve, split_rows, write):
    sizes = {"a": 100, "b": 50, "c": 7, "d": 3, "e": 1}
    rows = [(n, label) for label, size in sizes.items() for n in range(size)]
    write("t.csv", csv("x", "y", rows=rows))
    dataset = resolve(csv={"path": "t.csv", "label": "y"}, split={"method": "stratified", "seed": 5})
    found = split_rows(dataset)
    assert {split: len(rows) for split, rows in found.items()} == {"train": 129, "eval": 16, "test": 16}
    for label, size in sizes.items():
        for split, fraction in FRACTIONS.items():
            count = sum(row["y"] == label for row in found[split])
            assert abs(count - size * fraction) <= 1.0, (label, split, count)
    assert sum(row["y"] == "e" for row in found["train"]) == 1


def test_stratified_without_a_test_part(resolve, split_rows, write):
    write("t.csv", csv("x", "y", rows=[(n, n % 2) for n in range(200)]))
    write("test.csv", csv("x", "y", rows=[(-n, n % 2) for n in range(1, 11)]))
    dataset = resolve(
        csv={"path": "t.csv", "label": "y", "test_path": "test.csv"}, split={"method": "stratified", "eval": 0.25}
    )
    found = split_rows(dataset)
    assert {split: Counter(row["y"] for row in rows) for split, rows in found.items()} == {
        "train": {0: 75, 1: 75},
        "eval": {0: 25, 1: 25},
        "test": {0: 5, 1: 5},
    }


def test_stratified_needs_classes(resolve, write):
    write("t.csv", csv("x", "y", rows=[(n, n + 0.5) for n in range(50)]))
    with pytest.raises(ConfigError, match="stratified needs classes, but label 'y' has none; use split.method: hash"):
        resolve(csv={"path": "t.csv", "label": "y"}, split={"method": "stratified"})


def test_groups_never_straddle(resolve, split_rows, write):
    rows = [(n, f"p{n % 60}", n % 2) for n in range(1200)]
    write("t.csv", csv("x", "patient", "y", rows=rows))
    for drop in ([], ["patient"]):
        dataset = resolve(
            csv={"path": "t.csv", "label": "y", "drop": drop}, split={"method": "group", "column": "patient"}
        )
        assert [c.name for c in dataset.columns] == (["x"] if drop else ["x", "patient"])
        found = {split: {row["x"] % 60 for row in rows} for split, rows in split_rows(dataset).items()}
        assert all(found.values())
        assert not found["train"] & found["eval"] and not found["train"] & found["test"]
        assert all(set(row) == {"y", *(c.name for c in dataset.columns)} for row in split_rows(dataset)["train"])


def test_a_single_group_is_refused(resolve, write):
    write("t.csv", csv("x", "patient", "y", rows=[(n, "p", n % 2) for n in range(50)]))
    with pytest.raises(ConfigError, match="split of test would have none of its 50 rows"):
        resolve(csv={"path": "t.csv", "label": "y"}, split={"method": "group", "column": "patient"})


@pytest.mark.parametrize("kind", ["number", "date"])
def test_time_puts_the_newest_rows_last(resolve, split_rows, write, kind):
    order = random.Random(1).sample(range(200), 200)
    times = [n if kind == "number" else f"2024-{1 + n // 28:02d}-{1 + n % 28:02d}T10:00" for n in order]
    write("t.csv", csv("x", "when", "y", rows=[(n, time, n % 2) for n, time in zip(order, times, strict=True)]))
    dataset = resolve(csv={"path": "t.csv", "label": "y"}, split={"method": "time", "column": "when", "test": 0.2})
    found = {split: sorted(row["x"] for row in rows) for split, rows in split_rows(dataset).items()}
    assert found == {"train": [*range(140)], "eval": [*range(140, 160)], "test": [*range(160, 200)]}
    assert dataset.split.boundaries == ((140, 160) if kind == "number" else ("2024-06-01T10:00", "2024-06-21T10:00"))


def test_rows_of_one_time_stay_together_and_rows_without_are_train(resolve, split_rows, write):
    rows = [(n, "" if n == 0 else n // 25, n % 2) for n in range(100)]
    write("t.csv", csv("X", "day", "y", rows=rows))
    dataset = resolve(csv={"path": "t.csv", "label": "y", "drop": ["day"]}, split={"method": "time", "column": "day"})
    found = {split: [row["X"] for row in rows] for split, rows in split_rows(dataset).items()}
    assert found == {"train": [*range(50)], "eval": [*range(50, 75)], "test": [*range(75, 100)]}
    assert dataset.notes[-1] == "1 row has no 'day' and is train"
    assert [note for note in dataset.notes if "number the rows" in note] == [dataset.notes[0]], "X does"


def test_times_that_do_not_sort_are_refused(resolve, write):
    write("t.csv", csv("x", "day", "y", rows=[(n, f"{1 + n % 28}/03/2024", n % 2) for n in range(50)]))
    with pytest.raises(ConfigError, match="must hold numbers or dates such as 2024-01-31.*'1/03/2024'"):
        resolve(csv={"path": "t.csv", "label": "y"}, split={"method": "time", "column": "day"})
    write("t.csv", csv("x", "day", "y", rows=[(n, n % 2, n % 2) for n in range(50)]))
    with pytest.raises(ConfigError, match="'day' has 2 different times, too few to divide"):
        resolve(csv={"path": "t.csv", "label": "y"}, split={"method": "time", "column": "day"})


def test_a_column_may_name_the_splits(resolve, split_rows, write):
    names = ["train"] * 8 + ["Validation", "test"]
    write("t.csv", csv("x", "part", "y", rows=[(n, names[n % 10], n % 3 > 0) for n in range(100)]))
    dataset = resolve(csv={"path": "t.csv", "label": "y"}, split={"method": "source", "column": "part"})
    assert [c.name for c in dataset.columns] == ["x"]
    found = split_rows(dataset)
    assert {split: {row["x"] % 10 for row in rows} for split, rows in found.items()} == {
        "train": set(range(8)),
        "eval": {8},
        "test": {9},
    }
    assert found["eval"][0] == {"x": 8, "y": "true"}


def test_a_column_that_names_no_split_is_refused(resolve, write):
    write("t.csv", csv("x", "part", "y", rows=[(n, "tset" if n == 7 else "train", n % 2) for n in range(50)]))
    with pytest.raises(ConfigError, match="split.column 'part' must say train, eval or test .* one row says 'tset'"):
        resolve(csv={"path": "t.csv", "label": "y"}, split={"method": "source", "column": "part"})
    write("t.csv", csv("x", "part", "y", rows=[(n, "test" if n == 7 else "train", n % 2) for n in range(50)]))
    with pytest.raises(ConfigError, match="split.column 'part' of test names no row eval"):
        resolve(csv={"path": "t.csv", "label": "y"}, split={"method": "source", "column": "part"})


def test_split_column_that_is_not_there_or_is_the_label(resolve, write):
    write("t.csv", csv("x", "part", "y", rows=[(1, 2, 3)]))
    with pytest.raises(ConfigError, match=r"has no split.column 'patr'; .* Did you mean 'part'\?"):
        resolve(csv={"path": "t.csv", "label": "y"}, split={"method": "group", "column": "patr"})
    with pytest.raises(ConfigError, match="split.column 'y' is the label; use split.method: stratified"):
        resolve(csv={"path": "t.csv", "label": "y"}, split={"method": "group", "column": "y"})
    with pytest.raises(ConfigError, match="split.column 'x' needs a table, but the source is dataset"):
        resolve(dataset="iris", split={"method": "group", "column": "x"})


def test_source_needs_a_test_set(resolve):
    with pytest.raises(ConfigError, match="split.method source needs a test set from the source or 'column'"):
        resolve(dataset="iris", split={"method": "source"})


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_equal_rows_are_divided_by_their_number(resolve, split_rows, write, tmp_path, kind):
    rows = [("man", n % 2) if n < 600 else ("woman", 1) for n in range(1000)]
    write("t.csv", csv("who", "y", rows=rows))
    if kind == "parquet":
        pq.write_table(pa_csv.read_csv(tmp_path / "t.csv"), tmp_path / "t.parquet", row_group_size=100)
    source = {kind: {"path": f"t.{kind}", "label": "y"}}
    dataset = resolve(**source, split={"method": "row", "eval": 0.2, "test": 0.2})
    found = split_rows(dataset)
    assert {split: {(row["who"], row["y"]) for row in rows} for split, rows in found.items()} == dict.fromkeys(
        ("train", "eval", "test"), {("man", 0), ("man", 1), ("woman", 1)}
    ), "a hash keeps each of the three kinds together"
    assert {split: len(rows) for split, rows in found.items()} == {"train": 581, "eval": 225, "test": 194}
    for shard in dataset.shards:
        by_columns = read_columns(dataset, shard)
        assert (by_columns is None) == (kind == "csv"), "so small a text file is read by rows"
        if by_columns is not None:
            names = [name for splits, _ in by_columns for name in splits]
            assert names == [split for split, _ in read_shard(dataset, shard)]


@pytest.mark.parametrize("label", ["class", "number"])
def test_few_rows_are_split_in_exact_shares(resolve, split_rows, write, label):
    write("t.csv", csv("x", "y", rows=[(n, n % 2 if label == "class" else n / 7) for n in range(10)]))
    dataset = resolve(csv={"path": "t.csv", "label": "y"})
    assert dataset.split.method == "stratified" and dataset.split.column == ("y" if label == "class" else None)
    assert dataset.notes == ("a hash of so few rows leaves a split empty, so they are split in exact shares instead",)
    assert {split: len(rows) for split, rows in split_rows(dataset).items()} == {"train": 8, "eval": 1, "test": 1}
    with pytest.raises(ConfigError, match="split of test would have none of its 10 rows"):
        resolve(csv={"path": "t.csv", "label": "y"}, split={"method": "hash"})


def test_few_rows_beside_a_test_set(resolve, split_rows, write):
    write("t.csv", csv("x", "y", rows=[(n, n % 2) for n in range(10)]))
    write("u.csv", csv("x", "y", rows=[(-n, n % 2) for n in range(1, 5)]))
    for seed in range(5):
        found = split_rows(resolve(csv={"path": "t.csv", "label": "y", "test_path": "u.csv"}, seed=seed))
        assert len(found["eval"]) >= 1 and len(found["train"]) + len(found["eval"]) == 10 and len(found["test"]) == 4


def test_too_few_different_rows_are_refused(resolve, write):
    write("t.csv", csv("x", "y", rows=[(1, 0), (2, 1)] * 10))
    with pytest.raises(ConfigError, match="would have none of its 20 rows .equal rows stay together.; add rows"):
        resolve(csv={"path": "t.csv", "label": "y"})


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, (0.8, 0.1, 0.1)),
        ({"eval": 0.2}, (0.7, 0.2, 0.1)),
        ({"test": 0.3}, (0.6, 0.1, 0.3)),
        ({"train": 0.6}, (0.6, 0.2, 0.2)),
        ({"train": 0.6, "test": 0.1}, (0.6, 0.3, 0.1)),
        ({"train": 0.5, "eval": 0.25, "test": 0.25}, (0.5, 0.25, 0.25)),
        ({"test": 0.0}, (0.9, 0.1, 0.0)),
    ],
)
def test_fractions_are_completed(resolve, given, expected):
    assert tuple(resolve(dataset="iris", split=given).split.fractions.values()) == pytest.approx(expected)


def test_fractions_beside_a_given_test_set(resolve, write):
    write("t.csv", csv("x", "y", rows=[(n, n % 2) for n in range(100)]))
    write("u.csv", csv("x", "y", rows=[(n, n % 2) for n in range(10)]))
    table = {"path": "t.csv", "label": "y", "test_path": "u.csv"}
    assert resolve(csv=table, split={"train": 0.6, "eval": 0.2}).split.fractions == {
        "train": 0.75,
        "eval": 0.25,
        "test": 0.0,
    }
    with pytest.raises(ConfigError, match="brings its own test set, so split.test 0.2 cannot be kept"):
        resolve(csv=table, split={"test": 0.2})


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ({"method": "group"}, "method 'group' needs 'column'"),
        ({"column": "x"}, "'column' is for the methods group, time and source"),
        ({"train": 0.8, "eval": 0.3}, "sum to 1 at most, got 1.1"),
        ({"train": 0.5, "eval": 0.1, "test": 0.1}, "sum to 1, got 0.7"),
        ({"methods": "hash"}, "Extra inputs are not permitted"),
    ],
)
def test_impossible_splits_are_refused(split, message):
    with pytest.raises(ValidationError, match=message):
        DataOptions.model_validate({"dataset": "iris", "split": split})


@pytest.mark.parametrize("block", ["csv", "parquet", "tfrecord"])
def test_files_that_are_all_for_the_test_leave_none_to_train_with(resolve, tmp_path, block):
    (tmp_path / "t.data").write_bytes(b"x")
    wanted = rf"Every file of {block}.path is also in {block}.test_path; name the files for training as 'path'"
    with pytest.raises(ConfigError, match=wanted):
        resolve(**{block: {"path": "t.data", "test_path": "t.*", "label": "y"}})


@pytest.mark.parametrize("source", ["npz", "csv", "parquet"])
def test_classes_of_the_test_rows_alone_are_noted(resolve, tmp_path, source):
    train, test = np.arange(60) % 3, np.array([1, 2, 7, 9])
    block = {"path": "train", "test_path": "test", "label": "y"}
    if source == "npz":
        np.savez(tmp_path / "a.npz", x_train=np.arange(60.0), y_train=train, x_test=np.arange(4.0), y_test=test)
        block = {"path": "a.npz"}
    for name, labels in (("train", train), ("test", test)):
        frame = pd.DataFrame({"x": range(len(labels)), "y": labels})
        (frame.to_parquet if source == "parquet" else frame.to_csv)(tmp_path / name, index=False)
    assert resolve(**{source: block}).notes == (
        "eval or test rows alone are of 2 classes that no model can learn: '7', '9'",
    )
