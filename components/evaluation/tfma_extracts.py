"""What the Evaluator takes from the eval rows: rows of a slice stay together, where TFMA takes them apart.

TFMA makes a dictionary of each row and asks every metric with it, which takes most of the time of an evaluation. Our
metrics add arrays, so here a batch is cut once for each slice in it. Reading, the models, the sums over
workers, comparing and holding to limits are TFMA's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.extractors import slice_key_extractor, unbatch_extractor
from tensorflow_model_analysis.slicer import slice_accessor, slicer_lib

from kerasline.components.core import register_operations

SliceKey = tuple[tuple[str, Any], ...]
_TAKEN = (tfma.LABELS_KEY, tfma.PREDICTIONS_KEY, tfma.EXAMPLE_WEIGHTS_KEY)


def custom_extractors(
    eval_shared_model: Any, eval_config: tfma.EvalConfig, tensor_adapter_config: Any
) -> list[tfma.extractors.Extractor]:
    """Gives TFMA's extractors, but for the last two, in whose place batches are cut into slices.

    The Evaluator looks for a function of this name in its module.

    Args:
      eval_shared_model: The models.
      eval_config: Names the columns of slices and labels.
      tensor_adapter_config: None, since the rows are read without a schema.

    Returns:
      Extractors that give labels, predictions and one slice key for the rows of each slice of a batch.
    """
    usual = tfma.default_extractors(
        eval_shared_model=eval_shared_model,
        eval_config=eval_config,
        tensor_adapter_config=tensor_adapter_config,
    )
    replaced = (
        unbatch_extractor.UNBATCH_EXTRACTOR_STAGE_NAME,
        slice_key_extractor.SLICE_KEY_EXTRACTOR_STAGE_NAME,
    )
    kept = [extractor for extractor in usual if extractor.stage_name not in replaced]
    columns = _columns(eval_config)
    return [
        tfma.extractors.Extractor("SelectColumns", beam.Map(_select, columns)),
        *kept,
        # Metrics are computed behind the stage of this name.
        tfma.extractors.Extractor(
            slice_key_extractor.SLICE_KEY_EXTRACTOR_STAGE_NAME,
            beam.FlatMap(cut_by_slice, list(eval_config.slicing_specs)),
        ),
    ]


def custom_eval_shared_model(eval_saved_model_path: str, **arguments: Any) -> Any:
    """Gives TFMA's model, once the operations that it has are known.

    The Evaluator looks for a function of this name in its module.

    Args:
      eval_saved_model_path: The folder of the SavedModel.
      **arguments: Others of ``tfma.default_eval_shared_model``.
    """
    register_operations(eval_saved_model_path)
    return tfma.default_eval_shared_model(eval_saved_model_path=eval_saved_model_path, **arguments)


def _columns(eval_config: tfma.EvalConfig) -> set[str]:
    """Lists the columns that are looked at: the raw rows, labels, and those of slices."""
    labels = {spec.label_key for spec in eval_config.model_specs}
    slices = {column for spec in eval_config.slicing_specs for column in _sliced(spec)}
    return {tfma.ARROW_INPUT_COLUMN, *labels, *slices}


def _select(extracts: tfma.Extracts, columns: set[str]) -> tfma.Extracts:
    """Drops the columns that only the models read, who read the raw rows."""
    batch = extracts[tfma.ARROW_RECORD_BATCH_KEY]
    return {**extracts, tfma.ARROW_RECORD_BATCH_KEY: batch.select([c for c in batch.schema.names if c in columns])}


def cut_by_slice(extracts: tfma.Extracts, specs: Sequence[tfma.SlicingSpec]) -> Iterator[tfma.Extracts]:
    """Cuts a batch into the rows of each slice.

    Args:
      extracts: Of a batch: features, labels, predictions and weights.
      specs: The slices to measure.

    Yields:
      Labels, predictions and weights of the rows of a slice, and its key.
    """
    rows = len(extracts[tfma.INPUT_KEY])
    for key, chosen in rows_by_slice(extracts[tfma.FEATURES_KEY], specs, rows).items():
        part = {name: _take(extracts[name], chosen) for name in _TAKEN if name in extracts}
        yield {**part, tfma.SLICE_KEY_TYPES_KEY: slicer_lib.slice_keys_to_numpy_array([key])}


def rows_by_slice(
    features: Mapping[str, Any], specs: Sequence[tfma.SlicingSpec], rows: int
) -> dict[SliceKey, np.ndarray]:
    """Finds the rows of every slice, whose keys TFMA makes.

    Args:
      features: Column to the values of a batch, as TFMA reads them.
      specs: The slices to measure.
      rows: Of the batch.

    Returns:
      Slice key to the places of its rows, int64 [rows of the slice].
    """
    found: dict[SliceKey, np.ndarray] = {}
    for proto in specs:
        spec, own = slicer_lib.SingleSliceSpec(spec=proto), dict[SliceKey, list[int]]()
        for values, places in _alike(features, _sliced(proto), rows).items():
            alike = {column: np.array(listed, object) for column, listed in values if listed}
            for key in spec.generate_slices(slice_accessor.SliceAccessor([], alike)):
                own.setdefault(key, []).extend(places)
        # Two specs that name a slice mean the same rows.
        found = {key: np.sort(np.array(places)) for key, places in own.items()} | found
    return found


def _alike(
    features: Mapping[str, Any], columns: Sequence[str], rows: int
) -> dict[tuple[tuple[str, tuple[Any, ...]], ...], list[int]]:
    """Gathers the places of rows with the same values in some columns."""
    if not columns:
        return {(): list(range(rows))}
    found: dict[Any, list[int]] = {}
    values = [_values(features.get(column), rows) for column in columns]
    for place, row in enumerate(zip(*values, strict=True)):
        found.setdefault(row, []).append(place)
    return {tuple(zip(columns, row, strict=True)): places for row, places in found.items()}


def _values(feature: Any, rows: int) -> list[tuple[Any, ...]]:
    """Lists the values of each row, none where it has none."""
    if feature is None:
        return [()] * rows
    if isinstance(feature, tfma.types.VarLenTensorValue):
        return [tuple(row.tolist()) for row in feature.dense_rows()]
    listed = feature if feature.dtype == object and feature.ndim == 1 else feature.reshape(rows, -1)
    return [() if row is None else tuple(np.ravel(row).tolist()) for row in listed]


def _sliced(spec: tfma.SlicingSpec) -> list[str]:
    return sorted({*spec.feature_keys, *spec.feature_values})


def _take(values: Any, chosen: np.ndarray) -> Any:
    """Takes rows of an array, or of each array of a dictionary; None has none."""
    if isinstance(values, Mapping):
        return {name: _take(value, chosen) for name, value in values.items()}
    return None if values is None else np.asarray(values)[chosen]
