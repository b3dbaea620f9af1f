"""A signature and its marks in one graph answer as the two do apart."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kerasline.components.prediction import Together, answer_together

RECORD = {"watched": ["area"], "columns": [{"name": "area", "missing": 0}]}


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A model with a variable, two outputs and marks of areas above 100, that does not answer areas below 0."""
    import tensorflow as tf

    specs = {"area": tf.TensorSpec([None, 2], tf.float32, name="area")}

    class Doubler(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.factor = tf.Variable(2.0)
            self.marking = {"unseen_raw": self.mark}
            self.mark.get_concrete_function()

        @tf.function(input_signature=[specs])
        def answer(self, columns: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
            with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(columns["area"] >= 0), ["below 0"])]):
                return {"value": self.factor * columns["area"][:, 0], "name": tf.as_string(columns["area"][:, 1])}

        @tf.function(input_signature=[specs])
        def mark(self, columns: dict[str, tf.Tensor]) -> tf.Tensor:
            return tf.cast(columns["area"][:, :1] > 100, tf.int64)

    module, path = Doubler(), tmp_path_factory.mktemp("together") / "model"
    tf.saved_model.save(module, str(path), signatures={"serving_raw": module.answer})
    return tf.saved_model.load(str(path))


def constant(*rows: tuple[float, ...]) -> dict[str, Any]:
    """The argument of the signature."""
    import tensorflow as tf

    return {"area": tf.constant(rows, tf.float32)}


@pytest.mark.parametrize("ask", [Together.__call__, Together.answer_fitting])
def test_outputs_and_marks_are_those_of_both(loaded: Any, ask: Any) -> None:
    answer, marks = ask(answer_together(loaded, RECORD, "serving_raw"), constant((1, 5), (101, 6)))
    assert set(answer) == {"value", "name"}
    assert answer["value"].numpy().tolist() == [2, 202]
    assert np.asarray(marks).tolist() == [[0], [1]]


def test_a_version_without_marks_answers(loaded: Any) -> None:
    answer, marks = answer_together(loaded, {}, "serving_raw", ["value"])(constant((3, 5)))
    assert {name: values.numpy().tolist() for name, values in answer.items()} == {"value": [6]}
    assert marks is None


def test_what_the_model_refuses_or_does_not_take_is_an_error(loaded: Any) -> None:
    import tensorflow as tf

    together = answer_together(loaded, RECORD, "serving_raw")
    for ask in (together, together.answer_fitting):
        with pytest.raises(tf.errors.InvalidArgumentError, match="below 0"):
            ask(constant((-1, 5)))
    with pytest.raises((TypeError, ValueError)):
        together(constant((1, 2, 3)))
