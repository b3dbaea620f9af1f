"""The preprocessing of every column as one TensorFlow graph: analysed here once, applied wherever examples are read.

Transform runs :func:`preprocessing_fn` only to analyse (means, vocabularies, quantiles) and to write the graph.
Training, evaluation and serving apply that graph to raw examples, so there is no second copy of the data and no skew.

Columns of a kind are treated together, as one matrix: the time to build and load a graph goes by its number of
operations, and tables have hundreds of columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from kerasline.components.features import (
    LABEL,
    LABEL_SCALE,
    LABEL_SHIFT,
    UNSEEN,
    FeaturePlan,
    FeatureStep,
    dense_columns,
    encode_label,
    scalar_values,
    text_matrix,
    to_log,
)
from kerasline.components.transform.blocks import Block, join_blocks
from kerasline.components.transform.categories import encode_categories
from kerasline.components.transform.images import decode_images
from kerasline.components.transform.numbers import scale_numbers, spread
from kerasline.components.transform.pieces import cut_into_pieces

__all__ = ["preprocessing_fn"]


def preprocessing_fn(inputs: dict[str, Any], custom_config: dict[str, Any]) -> dict[str, tf.Tensor]:
    """Builds the transform graph that the feature plan describes.

    Args:
      inputs: Raw columns by name, as sparse or dense tensors of shape [batch, n].
      custom_config: The :class:`FeaturePlan` as JSON under ``plan``, perhaps more of them, which a search chooses
        among, under ``alternatives``, and under ``marks`` whether values that training has never shown are marked.

    Returns:
      The tensors named in ``FeaturePlan.inputs()`` of every plan and, where the batch has labels, ``label``; for
      regression also ``label_shift`` and ``label_scale``, float32 [batch], equal in every row. With marks also
      ``unseen``, int64 [batch, columns], about the columns of ``FeaturePlan.watched_columns()``.
    """
    plan = FeaturePlan.model_validate_json(custom_config["plan"])
    marks = bool(custom_config.get("marks"))
    results: dict[str, tf.Tensor] = {}
    for one in (plan, *map(FeaturePlan.model_validate_json, custom_config.get("alternatives", []))):
        results |= _model_inputs(one, inputs, marks)
    return results | _label(plan, inputs)


def _model_inputs(plan: FeaturePlan, inputs: dict[str, Any], with_marks: bool) -> dict[str, tf.Tensor]:
    """Gives the tensors of a plan by the names of its inputs, with marks also those of unseen values."""
    numbers, buckets, marks_of_numbers = scale_numbers(plan.steps, inputs)
    categories, outputs, marks_of_categories = encode_categories(plan.steps, inputs, buckets)
    outputs |= _whole_inputs(plan.steps, inputs)
    names = plan.input_names()
    results = {names[name]: tensor for name, tensor in outputs.items()}
    blocks: list[Block] = [*numbers, *categories]
    if blocks:
        wanted = [(step.name, place) for step in plan.steps for place in range(len(dense_columns(step)))]
        results[plan.input_name()] = join_blocks(blocks, wanted)
    # In the order of FeaturePlan.watched_columns().
    marks = [*marks_of_categories, *marks_of_numbers]
    if with_marks and marks:
        results[plan.input_name(UNSEEN)] = tf.concat(marks, axis=1)
    return results


def _whole_inputs(steps: Sequence[FeatureStep], inputs: dict[str, Any]) -> dict[str, tf.Tensor]:
    """Gives images and arrays, float32 [batch, *shape], and sequences of ids, int64 [batch, *shape], by their steps."""
    found: dict[str, tf.Tensor] = {}
    for step in steps:
        if step.kind == "image":
            found[step.name] = decode_images(scalar_values(inputs[step.name], b""), step)
        elif step.kind == "array":
            found[step.name] = tf.reshape(tf.cast(inputs[step.name], tf.float32), (-1, *step.shape))
        elif step.tokenizer is not None:
            found[step.name] = cut_into_pieces(text_matrix([inputs[step.name]])[:, 0], step)
        elif step.kind == "tokens":
            found[step.name] = tf.reshape(tf.cast(inputs[step.name], tf.int64), (-1, *step.shape))
    return found


def _label(plan: FeaturePlan, inputs: dict[str, Any]) -> dict[str, tf.Tensor]:
    """Gives the label as the loss wants it, and for regression how it was scaled."""
    label = encode_label(plan, inputs[plan.label])
    if plan.classes is not None:
        return {LABEL: label}
    if plan.label_scale == "log":
        label = to_log(label, tf.math)
    if plan.label_scale == "none":
        shift, scale = tf.constant(0.0), tf.constant(1.0)
    else:
        exact = tf.cast(label, tf.float64)
        mean = tft.mean(exact)
        shift, scale = tf.cast(mean, tf.float32), tf.cast(spread(mean, tft.var(exact)), tf.float32)
    return {
        LABEL: (label - shift) / scale,
        LABEL_SHIFT: tf.zeros_like(label) + shift,
        LABEL_SCALE: tf.zeros_like(label) + scale,
    }
