"""What MLflow runs to answer with a pushed version: logged with the SavedModel, it needs nothing of kerasline.

Takes a DataFrame of raw columns, and answers with the columns that ``kerasline predict`` writes.
"""

import json
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import tensorflow as tf


class RawColumns(mlflow.pyfunc.PythonModel):  # type: ignore[misc]  # MLflow is not there where types are checked
    """A pushed SavedModel, asked by its signature for raw columns."""

    def load_context(self, context: Any) -> None:
        """Loads the SavedModel and what was recorded beside it: names of columns, and of classes."""
        folder = context.artifacts["saved_model"]
        self._record = json.loads(Path(folder, "version.json").read_text(encoding="utf-8"))
        self._loaded = tf.saved_model.load(folder)  # kept, since its functions need its variables
        self._function = self._loaded.signatures["serving_raw"]

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Answers for each row.

        Args:
          context: MLflow's.
          model_input: a column for each that the model reads; others are left alone. Empty cells are missing values.
          params: not used.

        Returns:
          ``predicted_class`` and ``score_CLASS``, ``predicted_labels`` and ``score_LABEL``, or ``predicted_value``.
        """
        specs = self._function.structured_input_signature[1]
        arguments = self._record["arguments"]
        given = {key: _tensor(model_input[name], specs[key]) for name, key in arguments.items()}
        answer = {name: value.numpy() for name, value in self._function(**given).items()}
        classes = self._record["classes"]
        if classes is None:
            return pd.DataFrame({"predicted_value": answer["value"]}, index=model_input.index)
        scores = answer["scores"]
        if self._record["task"] == "multilabel":
            labels = [[name for name, high in zip(classes, row, strict=True) if high] for row in scores > 0.5]
            answers: dict[str, Any] = {"predicted_labels": labels}
        else:
            answers = {"predicted_class": np.array(classes, dtype=object)[scores.argmax(axis=1)]}
        answers |= {f"score_{name}": scores[:, index] for index, name in enumerate(classes)}
        return pd.DataFrame(answers, index=model_input.index)


def _tensor(column: "pd.Series[Any]", spec: tf.TensorSpec) -> tf.Tensor:
    """Gives a column the type of an argument; a missing value becomes what stands for it there."""
    if spec.shape.rank > 1:
        return tf.constant(np.stack([np.asarray(value) for value in column]), spec.dtype)
    if spec.dtype == tf.string:
        return tf.constant(["" if _is_missing(value) else value for value in column])
    if spec.dtype.is_floating:
        return tf.constant(pd.to_numeric(column).to_numpy(dtype=np.float64, na_value=np.nan), spec.dtype)
    return tf.constant([spec.dtype.min if pd.isna(value) else int(value) for value in column], spec.dtype)


def _is_missing(value: Any) -> bool:
    # Only NaN is not what it is itself; pandas' own NA answers no comparison.
    return value is None or value is pd.NA or value != value


mlflow.models.set_model(RawColumns())
