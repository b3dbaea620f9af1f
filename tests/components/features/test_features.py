"""How each column becomes model input, settled before anything runs."""

from __future__ import annotations

import keyword
from typing import Any

import pytest

from kerasline.components.core.errors import ConfigError
from kerasline.components.datasets.description.spec import Column, Dataset, Label, SplitPlan
from kerasline.components.features.column_options import ColumnOptions
from kerasline.components.features.plan import (
    MOST_RANKED,
    FeaturePlan,
    FeatureStep,
    dense_columns,
    plan_features,
    prefer_piecewise,
    with_quantities,
)
from kerasline.components.models.description.spec import InputSpec, Task

ROWS = 100
CLASSES = ("no", "yes")


def dataset(*columns: Column, label: Label | None = None) -> Dataset:
    """A table of 100 rows."""
    return Dataset(
        name="patients",
        kind="table",
        columns=columns,
        label=label or Label(name="ill", dtype="string", classes=CLASSES),
        rows=ROWS,
        reader="csv",
        shards=({"first": 0, "rows": ROWS},),
        split=SplitPlan(method="hash", fractions={"train": 0.8, "eval": 0.1, "test": 0.1}),
        fingerprint="f" * 64,
    )


def plan(*columns: Column, task: Task = "binary", label: Label | None = None, **features: Any) -> FeaturePlan:
    """The plan for columns and a ``features:`` block."""
    block = {name: ColumnOptions.model_validate(options) for name, options in features.items()}
    return plan_features(dataset(*columns, label=label), block, task)


def step(column: Column, **options: Any) -> FeatureStep:
    """The step that one column becomes."""
    (only,) = plan(column, **({column.name: options} if options else {})).steps
    return only


def test_numbers_without_a_scale_of_their_own_get_ranks() -> None:
    table = dataset(
        Column(name="age", dtype="int", distinct=40), Column(name="bmi", dtype="float", distinct=90, missing=3),
        Column(name="pay", dtype="float", distinct=90), Column(name="zip", dtype="int", distinct=40),
        Column(name="sex", dtype="string", distinct=2), Column(name="same", dtype="float", distinct=1),
    )  # fmt: skip
    given = {"bmi": ColumnOptions(impute="median"), "pay": ColumnOptions(scale="log")}
    given["zip"] = ColumnOptions(kind="categorical")
    chosen = prefer_piecewise(table, given)
    assert {name: options.scale for name, options in chosen.items()} == {
        "age": "piecewise", "bmi": "piecewise", "pay": "log", "zip": "z_score",
    }  # fmt: skip
    assert chosen["bmi"].impute == "median"
    (dense, *_) = plan_features(table, chosen, "binary").inputs()
    assert dense.columns[:6] == ("age", "age rank", "bmi", "bmi rank", "bmi missing", "pay")
    assert dense.ranks == (1, 3)


def test_dates_get_the_ranks_of_their_parts() -> None:
    table = dataset(Column(name="seen", dtype="string", distinct=90), Column(name="due", dtype="string", distinct=90))
    given = {"seen": ColumnOptions(kind="date", date_format="dmy"), "due": ColumnOptions(kind="date", scale="z_score")}
    chosen = prefer_piecewise(table, given)
    assert chosen["seen"] == ColumnOptions(kind="date", date_format="dmy", scale="piecewise")
    assert chosen["due"].scale == "z_score", "the recipe's own word"
    (dense,) = plan_features(table, chosen, "binary").inputs()
    assert [dense.columns[place] for place in dense.ranks] == [
        f"seen.{part} rank" for part in ("year", "month", "day", "weekday", "hour")
    ]
    assert len(dense.columns) == 10 + 5


def test_very_many_numbers_stay_without_ranks() -> None:
    many = [Column(name=f"x{i}", dtype="float", distinct=90) for i in range(MOST_RANKED + 1)]
    assert prefer_piecewise(dataset(*many), {}) == {}
    assert len(prefer_piecewise(dataset(*many[1:]), {})) == MOST_RANKED
    with_date = dataset(*many[5:], Column(name="seen", dtype="string", distinct=90))
    assert prefer_piecewise(with_date, {"seen": ColumnOptions(kind="date")}) == {"seen": ColumnOptions(kind="date")}


@pytest.mark.parametrize(
    ("column", "kind", "values"),
    [
        (Column(name="age", dtype="int", distinct=40), "numeric", ["age"]),
        (Column(name="bmi", dtype="float", distinct=90, missing=3), "numeric", ["bmi", "bmi missing"]),
        (Column(name="sex", dtype="string", distinct=2), "categorical", ["sex #0", "sex #1", "sex #2"]),
        (Column(name="city", dtype="string", distinct=31), "categorical", []),
        (Column(name="note", dtype="string", distinct=2001), "text", [f"note #{i}" for i in range(1001)]),
        (Column(name="note", dtype="string", distinct=None), "text", [f"note #{i}" for i in range(1001)]),
        (Column(name="scan", dtype="image", shape=(8, 6, 1)), "image", []),
        (Column(name="pulse", dtype="array", shape=(50, 2)), "array", []),
        (Column(name="words", dtype="tokens", shape=(20,), vocabulary_size=500), "tokens", []),
    ],
)
def test_kinds_follow_the_type_and_the_number_of_values(column: Column, kind: str, values: list[str]) -> None:
    settled = step(column)
    assert settled.kind == kind
    assert dense_columns(settled) == values


@pytest.mark.parametrize(
    "useless",
    [
        Column(name="constant", dtype="int", distinct=1),
        Column(name="constant", dtype="string", distinct=1),
        Column(name="empty", dtype="string", distinct=0, missing=ROWS),
    ],
)
def test_columns_that_say_nothing_are_dropped(useless: Column) -> None:
    kept = plan(useless, Column(name="age", dtype="int", distinct=40))
    assert [s.name for s in kept.steps] == ["age"]
    with pytest.raises(ConfigError) as caught:
        plan(useless)
    assert str(caught.value) == (
        "features: expected at least one input column, but every column of patients is dropped"
    )


def test_a_constant_column_stays_where_the_recipe_gives_it_a_kind() -> None:
    assert step(Column(name="constant", dtype="int", distinct=1), kind="numeric").kind == "numeric"


@pytest.mark.parametrize(
    ("column", "options", "values"),
    [
        (Column(name="age", dtype="int", distinct=40), {"scale": "buckets", "buckets": 3},
         ["age [0]", "age [1]", "age [2]"]),
        (Column(name="age", dtype="int", distinct=40), {"indicator": True}, ["age", "age missing"]),
        (Column(name="bmi", dtype="float", distinct=9, missing=3), {"indicator": False}, ["bmi"]),
        (Column(name="code", dtype="int", distinct=3), {"kind": "categorical", "oov_buckets": 2},
         ["code #0", "code #1", "code #2", "code #3", "code #4"]),
        (Column(name="city", dtype="string", distinct=500), {"encode": "one_hot", "vocabulary_size": 2},
         ["city #0", "city #1", "city #2"]),
        (Column(name="city", dtype="string", distinct=500), {"encode": "hash", "hash_buckets": 2},
         ["city #0", "city #1"]),
        (Column(name="smokes", dtype="string", distinct=2, missing=1), {"kind": "boolean"},
         ["smokes", "smokes missing"]),
        (Column(name="day", dtype="string", distinct=99, missing=1), {"kind": "date"},
         ["day.year", "day.month", "day.day", "day.weekday", "day.hour", "day missing"]),
        (Column(name="note", dtype="string", distinct=99), {"kind": "text", "vocabulary_size": 2},
         ["note #0", "note #1", "note #2"]),
    ],
)  # fmt: skip
def test_options_decide_the_values_of_the_dense_input(
    column: Column, options: dict[str, Any], values: list[str]
) -> None:
    settled = plan(column, **{column.name: options})
    assert settled.inputs() == [InputSpec("features", "dense", (len(values),), columns=tuple(values))]


def test_the_inputs_of_a_model_in_a_fixed_order() -> None:
    settled = plan(
        Column(name="scan", dtype="image", shape=(8, 6, 3)),
        Column(name="age", dtype="int", distinct=40),
        Column(name="city", dtype="string", distinct=31),
        Column(name="pulse", dtype="array", shape=(50, 2)),
        Column(name="words", dtype="tokens", shape=(20,), vocabulary_size=500),
        Column(name="note", dtype="string", distinct=None),
        Column(name="sex", dtype="string", distinct=2),
        note={"encode": "tokens", "vocabulary_size": 100, "length": 12},
        sex_city={"cross": ["sex", "city"], "encode": "embedding", "hash_buckets": 16},
    )
    assert settled.inputs() == [
        InputSpec("features", "dense", (4,), columns=("age", "sex #0", "sex #1", "sex #2")),
        InputSpec("scan", "image", (8, 6, 3)),
        InputSpec("city", "ids", (1,), vocabulary_size=32),
        InputSpec("pulse", "array", (50, 2)),
        InputSpec("words", "tokens", (20,), vocabulary_size=500),
        InputSpec("note", "tokens", (12,), vocabulary_size=102),
        InputSpec("sex_city", "ids", (1,), vocabulary_size=16),
    ]


@pytest.mark.parametrize(
    ("shape", "options", "expected"),
    [
        ((8, 6, 1), {}, (8, 6, 1)),
        ((8, 6, 3), {"size": [16, 12]}, (16, 12, 3)),
        ((8, 6, 3), {"channels": 1}, (8, 6, 1)),
        ((8, 6, 4), {}, (8, 6, 3)),
        ((8, 6), {}, (8, 6, 1)),
        ((), {}, (32, 32, 3)),
    ],
)
def test_images_have_the_size_of_the_first_one_unless_told(
    shape: tuple[int, ...], options: dict[str, Any], expected: tuple[int, ...]
) -> None:
    assert step(Column(name="scan", dtype="image", shape=shape), **options).shape == expected


def test_a_cross_is_hashed_over_columns_that_stay_inputs() -> None:
    settled = plan(
        Column(name="sex", dtype="string", distinct=2),
        Column(name="ward", dtype="int", distinct=4),
        both={"cross": ["sex", "ward"], "hash_buckets": 8},
    )
    cross = settled.steps[-1]
    assert (cross.name, cross.kind, cross.columns) == ("both", "cross", ("sex", "ward"))
    assert dense_columns(cross) == [f"both #{i}" for i in range(8)]
    assert [s.name for s in settled.steps] == ["sex", "ward", "both"]


def test_numbers_take_part_in_a_cross_by_their_bucket() -> None:
    settled = plan(
        Column(name="age", dtype="float", distinct=40),
        Column(name="ward", dtype="int", distinct=4),
        Column(name="rank", dtype="int", distinct=4),
        age={"scale": "buckets", "buckets": 3},
        rank={"scale": "buckets"},
        both={"cross": ["age", "ward", "rank"], "hash_buckets": 8},
    )
    cross = settled.steps[-1]
    assert (cross.sources, cross.bucketed) == (("float", "int", "int"), (True, False, True))


def test_inputs_have_names_that_tensorflow_and_the_graph_can_take() -> None:
    names = ["features", "label", "a b/c", "a.b.c", "größe", "1st"]
    settled = plan(*(Column(name=name, dtype="string", distinct=31) for name in names))
    assert settled.input_names() == {
        "features": "features_2", "label": "label_2", "a b/c": "a_b_c", "a.b.c": "a_b_c_2", "größe": "gr__e",
        "1st": "c1st",
    }  # fmt: skip
    assert [spec.name for spec in settled.inputs()] == list(settled.input_names().values())
    assert settled.raw_arguments()["features"] == "features", "raw columns meet no outputs of the graph"


def test_arguments_of_the_signature_are_names_that_python_can_take() -> None:
    names = [*keyword.kwlist, *keyword.softkwlist, "self", "class_", "training", "mask", "a", "A", "", "人口"]
    arguments = plan(*(Column(name=name, dtype="string", distinct=3) for name in names)).raw_arguments()
    assert (arguments["class"], arguments["self"], arguments["class_"]) == ("class_", "self_", "class__2")
    assert (arguments["match"], arguments["training"]) == ("match", "training"), "these may stay"
    assert len({argument.lower() for argument in arguments.values()}) == len(names), "TensorFlow knows no case"
    for argument in arguments.values():
        assert argument.isidentifier() and argument.isascii() and not keyword.iskeyword(argument), argument


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        ({"agee": {"scale": "log"}}, "features.agee: expected a column of patients, which has age, note. "
         "Did you mean 'age'?"),
        ({"note": {"kind": "array"}}, "features.note.kind: expected numeric, boolean, categorical, date, text, drop "
         "for a column of type string, got array"),
        ({"age": {"kind": "image"}}, "features.age.kind: expected numeric, boolean, categorical, date, text, drop "
         "for a column of type float, got image"),
        ({"note": {"kind": "text", "encode": "one_hot"}}, "features.note.encode: expected bag or tokens or pieces for "
         "a text column, got one_hot"),
        ({"note": {"kind": "categorical", "encode": "bag"}}, "features.note.encode: expected one_hot or embedding or "
         "hash for a categorical column, got bag"),
        ({"x": {"cross": ["note", "aeg"]}}, "features.x.cross: 'aeg' is no column. Did you mean 'age'?"),
        ({"x": {"cross": ["note", "age"]}}, "features.x.cross: expected text, whole-number or bucketed columns, but "
         "age is float; set scale: buckets for age, or leave it out"),
        ({"note": {"cross": ["note", "note"]}}, "features.note.cross: 'note' is a column; give the cross a name of "
         "its own"),
        ({"x": {"cross": ["note"], "encode": "one_hot"}}, "features.x.encode: expected hash or embedding for a cross, "
         "got one_hot"),
        ({"ill": {"scale": "buckets"}}, "features.ill.scale: expected z_score, log or none for the label (predictions "
         "are in its own units whatever it is), got buckets"),
        ({"ill": {"scale": "log"}}, "features.ill.scale: expected z_score or none for a label of classes, got log; "
         "leave it out, or set task: regression"),
    ],
)  # fmt: skip
def test_what_does_not_suit_the_column_is_refused(features: dict[str, Any], expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        plan(
            Column(name="age", dtype="float", distinct=40), Column(name="note", dtype="string", distinct=9), **features
        )
    assert str(caught.value) == expected


def test_the_label_of_a_classification_keeps_the_order_of_its_classes() -> None:
    label = Label(name="kind", dtype="string", classes=("z", "a", "m"))
    settled = plan(Column(name="age", dtype="int", distinct=4), label=label, task="multiclass")
    assert (settled.label, settled.classes, settled.label_scale) == ("kind", ("z", "a", "m"), "none")


@pytest.mark.parametrize(
    ("task", "options", "scale"),
    [("regression", {}, "z_score"), ("regression", {"price": {"scale": "none"}}, "none"),
     ("regression", {"price": {"scale": "log"}}, "log"),
     ("bounded_regression", {}, "none")],
)  # fmt: skip
def test_the_label_of_a_regression_is_scaled_unless_told_otherwise(
    task: Task, options: dict[str, Any], scale: str
) -> None:
    label = Label(name="price", dtype="float", minimum=0.0, maximum=1.0)
    settled = plan(Column(name="age", dtype="int", distinct=4), label=label, task=task, **options)
    assert (settled.classes, settled.label_scale) == (None, scale)


def test_a_plan_survives_the_way_through_json() -> None:
    settled = plan(
        Column(name="scan", dtype="image", shape=(8, 6, 3)),
        Column(name="city", dtype="string", distinct=31),
        Column(name="ward", dtype="int", distinct=4, missing=2),
        both={"cross": ["city", "ward"]},
        ward={"impute": 0.5},
    )
    assert FeaturePlan.model_validate_json(settled.model_dump_json()) == settled


def test_whole_numbers_that_are_quantities_are_stored_as_floats() -> None:
    columns = [Column(name=name, dtype="int", distinct=distinct) for name, distinct in
               (("rooms", 9), ("flag", 2), ("ward", 4), ("day", 90), ("code", 5), ("old", 9))]  # fmt: skip
    features = {
        "ward": ColumnOptions(kind="categorical"), "day": ColumnOptions(kind="date", date_format="unix"),
        "pair": ColumnOptions(cross=["code", "flag"]),
    }  # fmt: skip
    stored = with_quantities(dataset(*columns), features, as_they_are=["old"])
    assert [column.name for column in stored.columns if column.dtype == "float"] == ["rooms"]
    assert plan_features(stored, features, "binary").steps[0].kind == "numeric"
