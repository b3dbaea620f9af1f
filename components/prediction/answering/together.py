"""A signature and its marks of unseen values as one graph, so that what both need of the columns is computed once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from kerasline.components.prediction.answering.unseen import find_marker

Answered = tuple[dict[str, tf.Tensor], tf.Tensor | None]


@dataclass(frozen=True)
class Together:
    """Answers rows, and marks what training has never shown in them; safe to use from many threads.

    Attributes:
      model: holds the variables and tables that the graph reads.
      graph: from the arguments of a signature to its outputs and the marks.
    """

    model: Any
    graph: Any

    def __call__(self, inputs: Mapping[str, tf.Tensor]) -> Answered:
        """Answers rows.

        Args:
          inputs: by argument of the signature.

        Returns:
          The outputs by name, and the marks, int64 [rows, watched columns], or None for a version without any.

        Raises:
          tf.errors.OpError: the graph fails on a row.
          TypeError, ValueError: an input is not of the signature's type or shape.
        """
        answered: Answered = self.graph(dict(inputs))
        return answered

    def answer_fitting(self, inputs: Mapping[str, tf.Tensor]) -> Answered:
        """Answers inputs that are known to be of the signature's types and shapes.

        TensorFlow looks at each argument in Python otherwise, which takes as long as a small model takes to answer.
        """
        answered: Answered = self.graph._call_flat(tf.nest.flatten(dict(inputs)), self.graph.captured_inputs)
        return answered


def answer_together(model: Any, record: Mapping[str, Any], signature: str, only: Sequence[str] = ()) -> Together:
    """Joins a signature and its marks.

    Args:
      model: a SavedModel, loaded.
      record: what was recorded when the version was pushed.
      signature: the name of the signature.
      only: the outputs that are wanted, or none for all; the others are not computed.
    """
    answers, marker = model.signatures[signature], find_marker(model, record, signature)
    _, specs = answers.structured_input_signature

    @tf.function(input_signature=[dict(specs)], autograph=False)
    def both(inputs: dict[str, tf.Tensor]) -> Answered:
        answer = answers(**inputs)
        marks = marker(inputs.get("examples", inputs)) if marker else None
        return {name: answer[name] for name in only or answer}, marks

    return Together(model, both.get_concrete_function())
