"""The exported model: loaded with TensorFlow alone it answers as the Keras model does, with the right class names."""

from __future__ import annotations

import io
import keyword
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kerasline.components.features.label_units import LabelUnits
from kerasline.components.features.plan import FeaturePlan, FeatureStep
from kerasline.components.models import MlpOptions, OutputSpec, Task, build_model

pytestmark = pytest.mark.slow

CLASSES = ("zebra", "a b", "Müller")
WORDS = {"word": ["NA", "n.a.", "?"], "smokes": ["?"], "age": ["-999"], "code": ["-1", "-1.0"], "ratio": ["-9.5"]}
UNITS = {"binary": 1, "multiclass": 3, "multilabel": 3, "regression": 1}


def png(level: int) -> bytes:
    """Encodes a grey image of 2x2 pixels."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(np.full((2, 2), level, np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def step(name: str, kind: str, dtype: str, size: int = 0, shape: tuple[int, ...] = (), **options: Any) -> FeatureStep:
    """One column of the plan."""
    return FeatureStep.model_validate(
        {"name": name, "kind": kind, "dtype": dtype, "size": size, "shape": shape, "options": options,
         "indicator": kind in ("numeric", "boolean")}
    )  # fmt: skip


STEPS = (
    step("age", "numeric", "float", scale="none", impute=30.0),
    step("area (m²)", "numeric", "int", scale="min_max"),
    step("word", "categorical", "string", 3, encode="one_hot"),
    step("code", "categorical", "int", encode="hash"),
    step("ratio", "categorical", "float", encode="hash"),
    step("smokes", "boolean", "string"),
    step("scan", "image", "image", shape=(2, 2, 1)),
    step("pulse", "array", "array", shape=(2, 2)),
)
ROWS: list[dict[str, Any]] = [
    {
        "age": None if i == 3 else 20.0 + i,
        "area (m²)": None if i == 5 else 10 * i,
        "word": None if i == 2 else "xyz"[i % 3],
        "code": None if i == 1 else i % 3,
        "ratio": 0.5 + i % 2,
        "smokes": None if i == 4 else "yes" if i % 2 else "no",
        "scan": png(40 * i),
        "pulse": np.array([[i, 1], [2, 3]], np.float32),
        "kind": CLASSES[i % 3],
        "price": 100.0 * i,
    }
    for i in range(6)
]


def plan_of(task: Task, scale: Any = "z_score") -> FeaturePlan:
    """The plan of a task over the same columns."""
    if task == "regression":
        return FeaturePlan(steps=STEPS, label="price", label_dtype="float", classes=None, label_scale=scale, task=task)
    classes = CLASSES[:2] if task == "binary" else CLASSES
    return FeaturePlan(steps=STEPS, label="kind", label_dtype="string", classes=classes, label_scale="none", task=task)


@pytest.fixture(scope="module")
def served(analyse: Any, write_split: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """For each task: exports a model with random weights; returns the loaded one and the Keras model's answers."""
    import tensorflow as tf

    from kerasline.components.fitting.rows.examples import ExamplesReader
    from kerasline.components.training.signatures import export

    graphs: dict[tuple[str, str], Path] = {}
    made: dict[tuple[Task, str], tuple[Any, np.ndarray]] = {}

    def serve(task: Task, scale: str = "z_score") -> tuple[Any, np.ndarray]:
        if (task, scale) in made:
            return made[task, scale]
        plan = plan_of(task, scale)
        folder = tmp_path_factory.mktemp(task)
        if (plan.label, plan.label_scale) not in graphs:
            graphs[plan.label, plan.label_scale] = analyse(ROWS, plan, folder)
        reader = ExamplesReader(str(graphs[plan.label, plan.label_scale]), plan)
        files = write_split(ROWS, folder / "examples", "eval")
        model = build_model(MlpOptions(units=(8,)), plan.inputs(), OutputSpec(task, UNITS[task]), seed=5)
        (batch,) = reader.batches(files)
        wanted = model.predict_on_batch({spec.name: batch[spec.name] for spec in plan.inputs()})
        units = reader.label_units(files)
        export(str(folder / "model"), model, reader.graph, plan, units, WORDS)
        made[task, scale] = tf.saved_model.load(str(folder / "model")), units.restore(wanted, np)
        return made[task, scale]

    return serve


def serialized(rows: list[dict[str, Any]]) -> Any:
    """Rows as tf.Examples, without their labels: a server is not told them."""
    import tensorflow as tf

    from kerasline.components.example_gen.shards import encode_row

    unlabelled = [{name: value for name, value in row.items() if name not in ("kind", "price")} for row in rows]
    return tf.constant([encode_row(row) for row in unlabelled], tf.string)


def raw(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Rows as plain tensors: NaN, "" and the smallest integer stand for what is missing."""
    import tensorflow as tf

    def numbers(name: str) -> Any:
        return tf.constant([float("nan") if row[name] is None else float(row[name]) for row in rows])

    def texts(name: str) -> Any:
        return tf.constant([row[name] or "" for row in rows])

    return {
        "age": numbers("age"), "area__m__": numbers("area (m²)"), "word": texts("word"),
        "code": tf.constant([tf.int64.min if row["code"] is None else row["code"] for row in rows], tf.int64),
        "ratio": numbers("ratio"),
        "smokes": texts("smokes"), "scan": tf.constant([row["scan"] for row in rows]),
        "pulse": tf.constant(np.stack([row["pulse"] for row in rows])),
    }  # fmt: skip


def names(answer: Any, key: str) -> list[Any]:
    """Text of an answer."""
    return np.char.decode(answer[key].numpy().astype(bytes), "utf-8").tolist()


def test_columns_may_be_called_as_python_and_tensorflow_may_not(tmp_path: Path) -> None:
    import tensorflow as tf

    from kerasline.components.training.signatures import raw_input_specs

    names = [*keyword.kwlist, "self", "cls", "args", "inputs", "training", "mask", "name", "_", "a", "A", "class_", ""]
    columns = tuple(step(name, "numeric", "float") for name in names)
    plan = plan_of("regression").model_copy(update={"steps": columns})
    arguments, module = plan.raw_arguments(), tf.Module()

    @tf.function(input_signature=[raw_input_specs(plan)], autograph=False)
    def numbered(columns: dict[str, Any]) -> dict[str, Any]:
        return {"value": tf.add_n([columns[arguments[name]] * i for i, name in enumerate(names)])}

    module.numbered = numbered
    tf.saved_model.save(module, str(tmp_path), signatures={"serving_raw": numbered.get_concrete_function()})
    loaded = tf.saved_model.load(str(tmp_path)).signatures["serving_raw"]
    for i, name in enumerate(names):
        given = {arguments[other]: tf.constant([float(other == name)]) for other in names}
        assert loaded(**given)["value"].numpy().tolist() == [float(i)], name


def test_every_signature_is_there(served: Any) -> None:
    model, _ = served("binary")
    assert set(model.signatures) == {"serving_default", "serving_raw", "evaluation", "label_index"}


@pytest.mark.parametrize("task", UNITS)
def test_both_serving_signatures_answer_as_the_keras_model(served: Any, task: Task) -> None:
    model, wanted = served(task)
    if task == "binary":
        wanted = np.concatenate([1 - wanted, wanted], axis=1)
    key = "value" if task == "regression" else "scores"
    by_example = model.signatures["serving_default"](examples=serialized(ROWS))[key].numpy()
    by_column = model.signatures["serving_raw"](**raw(ROWS))[key].numpy()
    np.testing.assert_allclose(by_example.reshape(wanted.shape), wanted, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(by_column, by_example, rtol=1e-6, atol=1e-7)
    assert len(np.unique(by_example.round(6), axis=0)) == 6, "the rows are different, and so are the answers"


def test_binary_scores_are_those_of_both_classes_in_their_order(served: Any) -> None:
    model, wanted = served("binary")
    answer = model.signatures["serving_default"](examples=serialized(ROWS))
    assert set(answer) == {"scores", "classes", "class"}
    assert names(answer, "classes") == [["zebra", "a b"]] * 6
    np.testing.assert_allclose(answer["scores"].numpy()[:, 1], wanted[:, 0], atol=1e-6)
    np.testing.assert_allclose(answer["scores"].numpy().sum(axis=1), 1, atol=1e-6)
    assert names(answer, "class") == ["a b" if p > 0.5 else "zebra" for p in wanted[:, 0]]


def test_multiclass_names_the_class_with_the_highest_score(served: Any) -> None:
    model, wanted = served("multiclass")
    answer = model.signatures["serving_raw"](**raw(ROWS))
    assert names(answer, "classes") == [list(CLASSES)] * 6
    assert names(answer, "class") == [CLASSES[i] for i in wanted.argmax(axis=1)]


def test_multilabel_gives_a_score_for_every_label(served: Any) -> None:
    model, _ = served("multilabel")
    answer = model.signatures["serving_default"](examples=serialized(ROWS))
    assert set(answer) == {"scores", "classes"}
    assert names(answer, "classes") == [list(CLASSES)] * 6


def test_regression_answers_in_the_units_of_the_label(served: Any) -> None:
    from kerasline.components.training.signatures import EVALUATION_ARGUMENT

    model, wanted = served("regression")
    answer = model.signatures["serving_default"](examples=serialized(ROWS))
    assert set(answer) == {"value"}
    assert answer["value"].shape == (6,)
    assert np.abs(wanted - 250).max() < 2000
    assert np.abs(wanted).max() > 50, "the label goes from 0 to 500; scaled, it would stay below 10"
    evaluated = model.signatures["evaluation"](**{EVALUATION_ARGUMENT: serialized(ROWS)})["prediction"].numpy()
    np.testing.assert_allclose(evaluated[:, 0], answer["value"].numpy(), rtol=1e-6)


def test_a_logarithm_becomes_the_label_again(served: Any) -> None:
    _, linear = served("regression")
    model, wanted = served("regression", "log")
    found = model.signatures["serving_raw"](**raw(ROWS))["value"].numpy()
    np.testing.assert_allclose(found, wanted[:, 0], rtol=1e-4)
    logs = np.log1p([row["price"] for row in ROWS])
    scaled = (linear[:, 0] - 250) / np.std([row["price"] for row in ROWS])
    size = scaled * logs.std() + logs.mean()
    np.testing.assert_allclose(found, np.sign(size) * np.expm1(np.abs(size)), rtol=1e-4)


@pytest.mark.parametrize("column", ["age", "area (m²)", "word", "code", "smokes", "ratio"])
def test_a_value_that_a_client_leaves_out_is_a_missing_one(served: Any, column: str) -> None:
    model, _ = served("multiclass")
    full = ROWS[0]
    without = {**full, column: None}
    by_example = model.signatures["serving_default"](examples=serialized([full, without]))["scores"].numpy()
    by_column = model.signatures["serving_raw"](**raw([full, without]))["scores"].numpy()
    assert np.abs(by_example[0] - by_example[1]).max() > 1e-5, "the column matters"
    np.testing.assert_allclose(by_column, by_example, atol=1e-6)


@pytest.mark.parametrize(
    ("column", "word"),
    [
        ("word", "NA"),
        ("word", " n.a. "),
        ("word", "?"),
        ("smokes", "?"),
        ("age", -999.0),
        ("code", -1),
        ("ratio", -9.5),
    ],
)
def test_a_word_for_a_missing_value_is_a_missing_one(served: Any, column: str, word: Any) -> None:
    model, _ = served("multiclass")
    rows = [{**ROWS[0], column: None}, {**ROWS[0], column: word}]
    for signature, given in (("serving_default", {"examples": serialized(rows)}), ("serving_raw", raw(rows))):
        missing, said = model.signatures[signature](**given)["scores"].numpy()
        assert np.array_equal(missing, said), signature


def test_a_word_of_another_column_is_a_value(served: Any) -> None:
    model, _ = served("multiclass")
    rows = [{**ROWS[0], "age": None}, {**ROWS[0], "age": -1.0}, {**ROWS[0], "age": -9.5}]
    answers = model.signatures["serving_raw"](**raw(rows))["scores"].numpy()
    assert len(np.unique(answers, axis=0)) == 3


def test_labels_become_the_index_that_the_metrics_count_in(served: Any) -> None:
    import tensorflow as tf

    from kerasline.components.example_gen.shards import encode_row
    from kerasline.components.training.signatures import EVALUATION_ARGUMENT

    model, _ = served("multiclass")
    index = model.signatures["label_index"]
    rows = [encode_row({"kind": kind}) for kind in ("Müller", "zebra", " a b ", "new")]
    found = index(**{EVALUATION_ARGUMENT: tf.constant(rows)})
    assert found["label_index"].numpy().tolist() == [2, 0, 1, -1]


@pytest.mark.parametrize("rows", [0, 1])
def test_batches_of_any_size(served: Any, rows: int) -> None:
    model, _ = served("binary")
    assert model.signatures["serving_default"](examples=serialized(ROWS[:rows]))["scores"].shape == (rows, 2)


def test_every_function_is_saved_once_and_nothing_that_only_training_needs(
    analyse: Any, write_split: Any, tmp_path: Path
) -> None:
    import keras
    import tensorflow as tf
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    from kerasline.components.fitting.rows.examples import ExamplesReader
    from kerasline.components.training.signatures import export

    plan = plan_of("multiclass")
    inputs = {spec.name: keras.Input(spec.shape, name=spec.name, dtype=spec.dtype) for spec in plan.inputs()}
    # A table of its own, as layers of users have.
    codes = keras.layers.IntegerLookup(vocabulary=[20, 21, 22, 24, 25], output_mode="one_hot")
    first = keras.layers.Flatten()(next(iter(inputs.values())))[:, :1]
    model = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(codes(keras.ops.cast(first, "int64"))))
    model.compile("adam", "sparse_categorical_crossentropy")
    model.optimizer.build(model.trainable_variables)
    reader = ExamplesReader(str(analyse(ROWS, plan, tmp_path)), plan)
    (batch,) = reader.batches(write_split(ROWS, tmp_path / "examples", "eval"))
    wanted = model.predict_on_batch({name: batch[name] for name in inputs})
    export(str(tmp_path / "model"), model, reader.graph, plan, LabelUnits(), WORDS)

    answer = tf.saved_model.load(str(tmp_path / "model")).signatures["serving_raw"](**raw(ROWS))
    np.testing.assert_allclose(answer["scores"].numpy(), wanted, rtol=1e-6)
    assert len(np.unique(wanted.round(6), axis=0)) > 1  # the table tells the rows apart
    (graph,) = SavedModel.FromString((tmp_path / "model" / "saved_model.pb").read_bytes()).meta_graphs
    names = [function.signature.name.rpartition("_")[0] for function in graph.graph_def.library.function]
    own = [name.removeprefix("__inference_") for name in names if "signature_wrapper" not in name]
    assert [own.count(name) for name in ("serving_raw", "serving_default", "read_raw", "evaluation")] == [1] * 4
    kept = [node for node in graph.object_graph_def.nodes if node.WhichOneof("kind") == "variable"]
    assert len(kept) == len(model.variables)
