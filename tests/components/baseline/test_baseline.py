"""The model that a candidate is compared with: the version in production, or one that ignores its inputs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kerasline.components.baseline.lost_version import BaselineLost
from kerasline.components.features.column_options import ColumnOptions
from kerasline.components.features.plan import FeaturePlan, FeatureStep
from kerasline.components.registry import move_pointer
from kerasline.components.registry.versions import add_version

pytestmark = pytest.mark.slow

CLASSES = ("red", "green", "blue")
ROWS = [{"x": float(i), "colour": colour} for i, colour in enumerate(["red"] * 5 + ["green"] * 3 + ["blue"] * 2)]
STEP = FeatureStep(name="x", kind="numeric", dtype="float", options=ColumnOptions(scale="none"))
PLAN = FeaturePlan(
    steps=(STEP,), label="colour", label_dtype="string", classes=CLASSES, label_scale="none", task="multiclass"
)
SPLIT = {"method": "hash", "column": None, "seed": 7, "train": 0.8, "eval_from": None, "cells": "a"}


@pytest.fixture(scope="module")
def place(analyse: Any, write_split: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds the transform graph and the examples."""
    folder = tmp_path_factory.mktemp("baseline")
    analyse(ROWS, PLAN, folder)
    write_split(ROWS, folder / "examples", "train")
    return folder


def look_up(place: Path, output: Path, version: int) -> Any:
    """Runs the component; returns its output."""
    from tfx.types import standard_artifacts

    from kerasline.components.baseline.component import Baseline

    made = {name: kind() for name, kind in (
        ("examples", standard_artifacts.Examples), ("transform_graph", standard_artifacts.TransformGraph),
        ("baseline", standard_artifacts.Model),
    )}  # fmt: skip
    made["examples"].uri, made["transform_graph"].uri = str(place / "examples"), str(place / "graph")
    made["baseline"].uri = str(output / "baseline")
    Baseline.test_call(
        **made, models=str(output / "models"), version=version, plan=PLAN.model_dump_json(), split=json.dumps(SPLIT),
        references=1, weights="{}", code_version="1",
    )  # fmt: skip
    return made["baseline"]


def push(place: Path, output: Path, classes: tuple[str, ...], **record: Any) -> None:
    """Puts a version into production that answers blue, whatever it is asked."""
    import tensorflow as tf

    from kerasline.components.baseline.component import _TrivialModule
    from kerasline.components.fitting.rows.examples import ExamplesReader

    reader = ExamplesReader(str(place / "graph"), PLAN)
    module = _TrivialModule(reader, np.array([0, 0, 1], np.float32))
    signatures = {"evaluation": module.evaluation, "label_index": module.label_index}
    tf.saved_model.save(module, str(output / "exported"), signatures=signatures)
    version = add_version(output / "models", output / "exported", {"classes": classes, **record})
    move_pointer(output / "models", version, "test", previous=None)


@pytest.mark.parametrize(
    ("task", "classes", "labels", "expected"),
    [
        ("multiclass", CLASSES, [0, 0, 1, 0], [0.75, 0.25, 0.0]),
        ("binary", ("no", "yes"), [0, 1, 1, 1], [0.75]),
        ("multilabel", ("old", "new"), [[1, 0], [1, 1], [0, 0], [1, 0]], [0.75, 0.25]),
        ("regression", None, [10.0, 20.0, 60.0], [30.0]),
    ],
)
def test_a_model_that_ignores_its_inputs(task: Any, classes: Any, labels: list[Any], expected: list[float]) -> None:
    from kerasline.components.baseline.component import trivial_prediction

    plan = PLAN.model_copy(update={"task": task, "classes": classes})
    prediction = trivial_prediction(np.array(labels), plan)
    assert prediction.dtype == np.float32
    assert prediction.tolist() == pytest.approx(expected)


def test_before_the_first_push_it_is_the_shares_of_the_classes(place: Path, tmp_path: Path) -> None:
    import tensorflow as tf

    from kerasline.components.example_gen.shards import encode_row
    from kerasline.components.training.signatures import EVALUATION_ARGUMENT

    baseline = look_up(place, tmp_path, 0)
    assert baseline.get_int_custom_property("version") == 0
    assert baseline.get_string_custom_property("missing") == "nothing is in production yet"
    assert json.loads((tmp_path / "baseline" / "trivial.json").read_text()) == pytest.approx([0.5, 0.3, 0.2])
    model = tf.saved_model.load(str(tmp_path / "baseline" / "Format-Serving"))
    rows = {EVALUATION_ARGUMENT: tf.constant([encode_row(row) for row in ROWS[4:7]])}
    np.testing.assert_allclose(
        model.signatures["evaluation"](**rows)["prediction"].numpy(), [[0.5, 0.3, 0.2]] * 3, atol=1e-6
    )
    assert model.signatures["label_index"](**rows)["label_index"].numpy().tolist() == [0, 1, 1]


def test_the_version_in_production_is_copied_as_it_is(place: Path, tmp_path: Path) -> None:
    push(place, tmp_path, CLASSES)
    baseline = look_up(place, tmp_path, 1)
    assert baseline.get_int_custom_property("version") == 1
    assert [baseline.get_string_custom_property(name) for name in ("missing", "seen")] == ["", ""]
    copied = tmp_path / "baseline" / "Format-Serving"
    assert (copied / "saved_model.pb").read_bytes() == (tmp_path / "exported" / "saved_model.pb").read_bytes()
    assert json.loads((copied / "version.json").read_text())["version"] == 1


@pytest.mark.parametrize(
    ("seed", "seen"),
    [
        (7, ""),
        (
            8,
            "version 1 may have been fitted on some of these rows, which would flatter it: its splits were drawn with "
            "seed 8, and are drawn with seed 7 now; data.split.seed: 8 keeps them",
        ),
    ],
)
def test_a_version_that_was_fitted_on_rows_that_measure_it_is_told(
    place: Path, tmp_path: Path, seed: int, seen: str
) -> None:
    push(place, tmp_path, CLASSES, split={**SPLIT, "seed": seed})
    assert look_up(place, tmp_path, 1).get_string_custom_property("seen") == seen


def test_of_a_version_of_an_earlier_release_the_columns_alone_are_known(place: Path, tmp_path: Path) -> None:
    push(place, tmp_path, CLASSES, arguments=PLAN.raw_arguments())
    assert look_up(place, tmp_path, 1).get_string_custom_property("seen") == ""
    push(place, tmp_path / "other", CLASSES, arguments={**PLAN.raw_arguments(), "height": "height"})
    assert look_up(place, tmp_path / "other", 1).get_string_custom_property("seen") == (
        "version 1 may have been fitted on some of these rows, which would flatter it: its table may have had other "
        "columns or types, and a row's cells decide where it goes"
    )


def test_so_is_one_that_started_from_such_a_version(place: Path, tmp_path: Path) -> None:
    learnt = [{"version": "old@4", "split": {**SPLIT, "train": 0.9}}]
    push(place, tmp_path, CLASSES, split=SPLIT, learnt=learnt)
    assert look_up(place, tmp_path, 1).get_string_custom_property("seen") == (
        "old@4, whose weights version 1 started from, may have been fitted on some of these rows, which would flatter "
        "it: its train split was 90.0% of the rows, and is 80.0% now"
    )


def test_a_version_of_other_classes_cannot_be_compared_with(place: Path, tmp_path: Path) -> None:
    push(place, tmp_path, ("green", "red", "blue"))
    baseline = look_up(place, tmp_path, 1)
    assert baseline.get_int_custom_property("version") == 0
    missing = "version 1, which is in production, answers with other classes"
    assert baseline.get_string_custom_property("missing") == missing
    exported = (tmp_path / "exported" / "saved_model.pb").read_bytes()
    assert (tmp_path / "baseline" / "Format-Serving" / "saved_model.pb").read_bytes() != exported


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda version: shutil.rmtree(version), "it does not exist"),
        (lambda version: (version / "variables" / "variables.index").unlink(), "variables/variables.index is missing"),
        (
            lambda version: (version / "saved_model.pb").write_bytes(
                b"\xff" * (version / "saved_model.pb").stat().st_size
            ),
            "it does not load (",
        ),
    ],
    ids=["folder", "file", "content"],
)
def test_a_version_in_production_that_is_lost_is_no_silent_pass(
    place: Path, tmp_path: Path, damage: Callable[[Path], Any], problem: str
) -> None:
    push(place, tmp_path, CLASSES)
    damage(tmp_path / "models" / "1")
    with pytest.raises(BaselineLost) as caught:
        look_up(place, tmp_path, 1)
    message = str(caught.value)
    assert message.startswith(
        f"expected version 1 of models, which is in production, to compare the new model with, but {problem}"
    )
    models = tmp_path / "models"
    assert message.endswith(f"restore {models / '1'}, or move {models} away to begin without a model in production")
