"""The preprocessing of every column as one TensorFlow graph: analysed here once, applied wherever examples are read.

Transform runs :func:`preprocessing_fn` only to analyse (means, vocabularies, quantiles) and to write the graph.
Training, evaluation and serving apply that graph to raw examples, so there is no second copy of the data and no skew.
"""

from __future__ import annotations

import hashlib
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from components.columns import (
    LABEL,
    LABEL_SCALE,
    LABEL_SHIFT,
    encode_label,
    has_value,
    scalar_values,
    text_values,
    values_dtype,
)
from components.features import DENSE, FeaturePlan, FeatureStep

_NAN = float("nan")
_EPSILON = 1e-7  # keeps constant columns finite


def preprocessing_fn(inputs: dict[str, Any], custom_config: dict[str, Any]) -> dict[str, tf.Tensor]:
    """Builds the transform graph that the feature plan describes.

    Args:
      inputs: raw columns by name, as sparse or dense tensors of shape [batch, n].
      custom_config: ``plan``, the :class:`FeaturePlan` as JSON.

    Returns:
      The tensors named in ``FeaturePlan.inputs()`` and, where the batch has labels, ``label``; for regression also
      ``label_shift`` and ``label_scale``, float32 [batch], equal in every row.
    """
    plan = FeaturePlan.model_validate_json(custom_config["plan"])
    outputs: dict[str, tf.Tensor] = {}
    dense: list[tf.Tensor] = []
    scaled = _z_scores({step.name: _known_numbers(step, inputs) for step in plan.steps if _is_z_scored(step)}, plan)
    for step in plan.steps:
        if step.name in scaled:
            dense.append(scaled[step.name])
        elif step.kind in ("numeric", "boolean"):
            dense.append(_numbers(step, inputs))
        elif step.kind in ("categorical", "cross"):
            ids, size = _category_ids(step, inputs)
            if step.options.encode == "embedding":
                outputs[step.name] = ids[:, tf.newaxis]
            else:
                dense.append(tf.one_hot(ids, size))
        elif step.kind == "text":
            words = _words(step, inputs)
            if step.options.encode == "tokens":
                outputs[step.name] = words
            else:
                dense.append(words)
        elif step.kind == "image":
            outputs[step.name] = decode_images(scalar_values(inputs[step.name], b""), step)
        elif step.kind == "array":
            outputs[step.name] = tf.reshape(tf.cast(inputs[step.name], tf.float32), (-1, *step.shape))
        elif step.kind == "tokens":
            outputs[step.name] = tf.reshape(tf.cast(inputs[step.name], tf.int64), (-1, *step.shape))
    if dense:
        outputs[DENSE] = tf.concat(dense, axis=1)
    outputs.update(_label(plan, inputs))
    return outputs


def decode_images(encoded: tf.Tensor, step: FeatureStep) -> tf.Tensor:
    """Decodes, resizes and rescales encoded images.

    Args:
      encoded: string [batch], PNG, JPEG, GIF (first frame) or BMP.
      step: of kind ``image``; its shape is (height, width, channels).

    Returns:
      float32 [batch, height, width, channels], 0..1 (or standardised per image where the plan says so).
    """
    height, width, channels = step.shape

    def decode(image: tf.Tensor) -> tf.Tensor:
        pixels = tf.io.decode_image(image, channels=channels, expand_animations=False)
        pixels.set_shape((None, None, channels))
        # Images that have the size already are left as they are: resizing would only cost time.
        pixels = tf.cond(
            tf.reduce_all(tf.equal(tf.shape(pixels)[:2], (height, width))),
            lambda: pixels,
            lambda: tf.cast(tf.round(tf.image.resize(pixels, (height, width), antialias=True)), tf.uint8),
        )
        return tf.ensure_shape(pixels, (height, width, channels))

    pixels = tf.map_fn(decode, encoded, fn_output_signature=tf.TensorSpec((height, width, channels), tf.uint8))
    pixels = tf.cast(pixels, tf.float32) / 255.0
    return tf.image.per_image_standardization(pixels) if step.options.normalise == "standard" else pixels


def _is_z_scored(step: FeatureStep) -> bool:
    return step.kind == "date" or (step.kind == "numeric" and step.options.scale in ("z_score", "log"))


def _known_numbers(step: FeatureStep, inputs: dict[str, Any]) -> tf.Tensor:
    """Gives a numeric, boolean or date column as float32 [batch, width], NaN where there is no value."""
    column = inputs[step.name]
    if step.kind == "date":
        return _date_parts(scalar_values(column, b""))
    if step.kind == "boolean" and step.dtype == "string":
        known = tf.strings.regex_full_match(scalar_values(column, b""), "(?i)(true|yes|y|t|1|on)")
        values = tf.cast(known, tf.float32)
    else:
        values = tf.cast(scalar_values(column, tf.constant(0, values_dtype(column))), tf.float32)
    if step.options.scale == "log" and step.kind == "numeric":
        values = tf.sign(values) * tf.math.log1p(tf.abs(values))
    known = has_value(column) & tf.math.is_finite(values)
    return tf.where(known, values, _NAN)[:, tf.newaxis]


def _z_scores(columns: dict[str, tf.Tensor], plan: FeaturePlan) -> dict[str, tf.Tensor]:
    """Scales columns to mean 0 and variance 1, with one analysis for all of them; tft leaves NaN out.

    Args:
      columns: step name to float32 [batch, width] with NaN where there is no value.

    Returns:
      Step name to float32 [batch, width], imputed, with the step's indicator as the last value.
    """
    if not columns:
        return {}
    joined = tf.concat(list(columns.values()), axis=1)
    means = tft.mean(joined, reduce_instance_dims=False)
    deviations = tf.maximum(tf.sqrt(tft.var(joined, reduce_instance_dims=False)), _EPSILON)
    results, start = {}, 0
    steps = {step.name: step for step in plan.steps}
    for name, values in columns.items():
        width = values.shape[1]
        mean, deviation = means[start : start + width], deviations[start : start + width]
        start += width
        missing = _missing_value(values, steps[name].options.impute, mean)
        filled = tf.where(tf.math.is_nan(values), missing, values)
        results[name] = _with_indicator(steps[name], (filled - mean) / deviation, values)
    return results


def _numbers(step: FeatureStep, inputs: dict[str, Any]) -> tf.Tensor:
    """Gives a boolean or a number that is bucketed, scaled to 0..1 or left alone: float32 [batch, width]."""
    known = _known_numbers(step, inputs)
    values, options = known, step.options
    if step.kind == "boolean":
        result = tf.where(tf.math.is_nan(values), 0.0, values)
        return _with_indicator(step, result, known)
    finite = tf.boolean_mask(values, ~tf.math.is_nan(values))
    values = tf.where(tf.math.is_nan(values), _missing_value(values, options.impute, None), values)
    if options.scale == "buckets":
        boundaries = tft.quantiles(finite, num_buckets=options.buckets, epsilon=0.001)
        buckets = tf.clip_by_value(tft.apply_buckets(values[:, 0], boundaries), 0, options.buckets - 1)
        values = tf.one_hot(buckets, options.buckets)
    elif options.scale == "min_max":
        low, high = tft.min(finite), tft.max(finite)
        values = (values - low) / tf.maximum(high - low, _EPSILON)
    return _with_indicator(step, values, known)


def _missing_value(values: tf.Tensor, impute: str | float, mean: tf.Tensor | None) -> tf.Tensor:
    """Returns what stands for a missing number: a scalar, or [width]."""
    if impute == "median":
        finite = tf.boolean_mask(values, ~tf.math.is_nan(values))
        return tf.reshape(tft.quantiles(finite, num_buckets=2, epsilon=0.001), (-1,))[0]
    if impute == "mean":
        return tft.mean(values, reduce_instance_dims=False) if mean is None else mean
    return tf.constant(impute, tf.float32)


def _with_indicator(step: FeatureStep, result: tf.Tensor, known: tf.Tensor) -> tf.Tensor:
    if not step.indicator:
        return result
    return tf.concat([result, tf.cast(tf.math.is_nan(known[:, :1]), tf.float32)], axis=1)


def _date_parts(text: tf.Tensor) -> tf.Tensor:
    """Splits ISO 8601 dates and times into year, month, day, weekday (0 is Sunday) and hour.

    Returns:
      float32 [batch, 5], NaN where the text is no such date.
    """
    readable = tf.strings.regex_full_match(text, r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}.*)?")
    text = tf.where(readable, text, "1970-01-01")

    def number(start: int, source: tf.Tensor = text) -> tf.Tensor:
        return tf.strings.to_number(tf.strings.substr(source, start, 2 if start else 4), tf.float32)

    year, month, day = number(0), number(5), number(8)
    has_time = tf.strings.length(text) >= 13
    hour = number(11, tf.where(has_time, text, "1970-01-01T00"))
    # Zeller's congruence for the Gregorian calendar, https://en.wikipedia.org/wiki/Zeller%27s_congruence
    early = month < 3
    m, y = tf.where(early, month + 12, month), tf.where(early, year - 1, year)
    century, rest = tf.floor(y / 100), y % 100
    zeller = day + tf.floor(13 * (m + 1) / 5) + rest + tf.floor(rest / 4) + tf.floor(century / 4) + 5 * century
    parts = tf.stack([year, month, day, (zeller + 6) % 7, hour], axis=1)
    return tf.where(readable[:, tf.newaxis], parts, _NAN)


def _category_ids(step: FeatureStep, inputs: dict[str, Any]) -> tuple[tf.Tensor, int]:
    """Maps categories to int64 [batch]; a missing value is a category of its own, outside the vocabulary."""
    options = step.options
    text = tf.strings.join([text_values(inputs[name]) for name in step.columns], separator="\x1f")
    if step.kind == "cross" or options.encode == "hash":
        return tft.hash_strings(text, options.hash_buckets), options.hash_buckets
    ids = tft.compute_and_apply_vocabulary(
        text, top_k=step.size, num_oov_buckets=options.oov_buckets, vocab_filename=_file_name(step.name)
    )
    size = step.size + options.oov_buckets
    # The train split may hold fewer categories than the whole: ids stay below the width that the model was built for.
    return tf.clip_by_value(ids, 0, size - 1), size


def _words(step: FeatureStep, inputs: dict[str, Any]) -> tf.Tensor:
    """Gives text as multi-hot float32 [batch, words] or as int64 [batch, length] of ids, 0 for padding."""
    options = step.options
    text = tf.strings.lower(text_values(inputs[step.name]), encoding="utf-8")
    words = tf.strings.split(tf.strings.regex_replace(text, r"[^\p{L}\p{N}']+", " ")).to_sparse()
    ids = tft.compute_and_apply_vocabulary(
        words, top_k=step.size, num_oov_buckets=options.oov_buckets, vocab_filename=_file_name(step.name)
    )
    size = step.size + options.oov_buckets
    ids = tf.SparseTensor(ids.indices, tf.clip_by_value(ids.values, 0, size - 1), ids.dense_shape)
    if options.encode == "bag":
        # Scattered and not one-hot by word, which would take as much memory for each word as for the whole text.
        places = tf.stack([ids.indices[:, 0], ids.values], axis=1)
        empty = tf.zeros(tf.stack([ids.dense_shape[0], size]))
        marked = tf.tensor_scatter_nd_update(empty, places, tf.ones_like(ids.values, tf.float32))
        return tf.ensure_shape(marked, (None, size))
    # Most frequent word first: id 2 and up; 1 is out of vocabulary.
    known = tf.SparseTensor(ids.indices, tf.where(ids.values < step.size, ids.values + 2, 1), ids.dense_shape)
    padded = tf.sparse.to_dense(known)[:, : options.length]
    padded = tf.pad(padded, [[0, 0], [0, options.length - tf.shape(padded)[1]]])
    return tf.ensure_shape(padded, (None, options.length))


def _file_name(column: str) -> str:
    """A vocabulary file name that any column name gives: letters, digits and a hash of the rest."""
    safe = "".join(c if c.isalnum() and c.isascii() else "_" for c in column)
    return f"vocabulary_{safe}_{hashlib.sha256(column.encode()).hexdigest()[:8]}"


def _label(plan: FeaturePlan, inputs: dict[str, Any]) -> dict[str, tf.Tensor]:
    """Gives the label as the loss wants it, and for regression how it was scaled."""
    label = encode_label(plan, inputs[plan.label])
    if plan.classes is not None:
        return {LABEL: label}
    if plan.label_scale == "none":
        shift, scale = tf.constant(0.0), tf.constant(1.0)
    else:
        shift, scale = tft.mean(label), tf.maximum(tf.sqrt(tft.var(label)), _EPSILON)
    return {
        LABEL: (label - shift) / scale,
        LABEL_SHIFT: tf.zeros_like(label) + shift,
        LABEL_SCALE: tf.zeros_like(label) + scale,
    }
