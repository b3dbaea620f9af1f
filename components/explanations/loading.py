"""The exported model in two forms: as a client calls it, and as the Keras model whose layers can be looked at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerasline.components.core import KeraslineError, load_saved_model
from kerasline.components.explanations.examples import join_classes
from kerasline.components.explanations.showing import Row, decode_row
from kerasline.components.features import LABEL, FeaturePlan
from kerasline.components.fitting import ExamplesReader, FitSettings
from kerasline.components.models import average, build_model, with_temperature
from kerasline.components.training import raw_input_specs

Columns = dict[str, np.ndarray]
Predict = Callable[[Columns], np.ndarray]
_BATCH = 4096
_READ_BATCH = 64
_KEY = "variables_of_model/{}/.ATTRIBUTES/VARIABLE_VALUE"


def load_predictor(saved_model: str | Path, plan: FeaturePlan) -> Predict:
    """Loads the exported model as a client does.

    Args:
      saved_model: its folder.
      plan: of the run.

    Returns:
      A function of raw columns (see :func:`raw_columns`) that gives float32 [rows, units]: scores (binary: of the
      second class) or values in the label's units.
    """
    serve = load_saved_model(saved_model).signatures["serving_raw"]

    def predict(columns: Columns) -> np.ndarray:
        rows = len(next(iter(columns.values())))
        parts = []
        for start in range(0, rows, _BATCH):
            answer = serve(**{name: tf.constant(values[start : start + _BATCH]) for name, values in columns.items()})
            if plan.classes is None:
                parts.append(answer["value"].numpy()[:, np.newaxis])
            else:
                scores = answer["scores"].numpy()
                parts.append(scores[:, 1:] if plan.task == "binary" else scores)
        return np.concatenate(parts)

    return predict


def raw_columns(rows: Sequence[Row], plan: FeaturePlan) -> Columns:
    """Lays rows out as the arguments of ``serving_raw``: NaN and empty text stand for missing values."""
    columns: Columns = {}
    names = {argument: column for column, argument in plan.raw_arguments().items()}
    for argument, spec in raw_input_specs(plan).items():
        name = names[argument]
        if len(spec.shape) > 1:
            values: list[Any] = [np.asarray(row[name]).reshape(spec.shape[1:]) for row in rows]
        else:
            missing = b"" if spec.dtype == tf.string else float("nan") if spec.dtype.is_floating else 0
            values = [row[name][0] if row.get(name) else missing for row in rows]
        columns[argument] = np.array(values, object if spec.dtype == tf.string else spec.dtype.as_numpy_dtype)
    return columns


def read_inputs(records: Sequence[bytes], reader: ExamplesReader) -> tuple[Columns, list[str]]:
    """Makes the model's inputs and the labels of serialized tf.Examples.

    Returns:
      Input name to [rows, ...], and the labels as texts: names of classes, or values in the label's units.
    """
    plan, names = reader.plan, reader.names
    parts: dict[str, list[np.ndarray]] = {name: [] for name in [*names, LABEL]}
    for batch in tf.data.Dataset.from_tensor_slices(list(records)).batch(_READ_BATCH).map(reader.transform):
        for name, values in parts.items():
            values.append(batch[name].numpy())
    joined = {name: np.concatenate(values) for name, values in parts.items()}
    labels = joined.pop(LABEL)
    if plan.classes is None:
        return joined, [f"{decode_row(record)[plan.label][0]:.5g}" for record in records]
    if labels.ndim == 1:
        return joined, [plan.classes[int(label)] for label in labels]
    return joined, [join_classes(plan.classes, row > 0.5) for row in labels]


def rebuild_model(
    saved_model: str | Path, settings: Mapping[str, Any], plan: FeaturePlan, temperature: float | None = None
) -> keras.Model:
    """Builds the Keras model anew and gives it the exported weights.

    A SavedModel holds functions and no layers, so this is the way to what happens between them.

    Args:
      saved_model: the folder of the exported model.
      settings: of the fit, as the Trainer's summary has them (without the plan).
      plan: of the run.
      temperature: at which its scores are given, None where they are as they are.

    Raises:
      KeraslineError: the weights are not those of this model.
    """
    fit = FitSettings.model_validate({**settings, "plan": plan.model_dump()})
    options = fit.model
    if options.family == "transfer":  # the weights come from the export, not from ImageNet again
        options = options.model_copy(update={"weights": "none"})
    members = getattr(options, "ensemble", 1)
    model = average([build_model(options, plan.inputs(), fit.output(), seed=fit.seed) for _ in range(members)])
    checkpoint = tf.train.load_checkpoint(str(Path(saved_model, "variables", "variables")))
    stored = checkpoint.get_variable_to_shape_map()
    for index, variable in enumerate(model.variables):
        key = _KEY.format(index)
        if key not in stored or tuple(stored[key]) != tuple(variable.shape):
            raise KeraslineError(
                f"expected the exported model to hold {variable.path} of shape {tuple(variable.shape)}, but it has "
                f"{stored.get(key, 'nothing')}; the model is not built by the code that trained it"
            )
        variable.assign(checkpoint.get_tensor(key))
    return model if temperature is None else with_temperature(model, plan.task, temperature)
