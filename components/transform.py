"""The preprocessing of every column as one TensorFlow graph: analysed here once, applied wherever examples are read.

Transform runs :func:`preprocessing_fn` only to analyse (means, vocabularies, quantiles) and to write the graph.
Training, evaluation and serving apply that graph to raw examples, so there is no second copy of the data and no skew.
"""

from __future__ import annotations

import hashlib
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from components.features import DENSE, FeaturePlan, FeatureStep

LABEL = "label"  # class index (int64), scaled number or 0/1 vector (float32)
LABEL_SHIFT, LABEL_SCALE = "label_shift", "label_scale"  # label in its units = label * scale + shift
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
    for step in plan.steps:
        if step.kind in ("numeric", "boolean", "date"):
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
            outputs[step.name] = decode_images(_scalar(inputs[step.name], b""), step)
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


def _scalar(column: Any, default: Any) -> tf.Tensor:
    """Makes a [batch] tensor of a column, with a default where a row has no value."""
    if isinstance(column, tf.SparseTensor):
        shape = (column.dense_shape[0], 1)
        column = tf.sparse.to_dense(tf.SparseTensor(column.indices, column.values, shape), default_value=default)
    return tf.reshape(column, (-1,))


def _present(column: Any) -> tf.Tensor:
    """Says for each row of the batch whether it has a value: bool [batch]."""
    if not isinstance(column, tf.SparseTensor):
        return tf.ones_like(tf.reshape(column, (-1,)), dtype=tf.bool)
    ones = tf.SparseTensor(column.indices, tf.ones_like(column.values, dtype=tf.int32), (column.dense_shape[0], 1))
    return tf.reshape(tf.sparse.to_dense(ones), (-1,)) > 0


def _numbers(step: FeatureStep, inputs: dict[str, Any]) -> tf.Tensor:
    """Gives a numeric, boolean or date column as float32 [batch, width], with its indicator where asked for."""
    column = inputs[step.name]
    present = _present(column)
    if step.kind == "date":
        values, readable = _date_parts(_scalar(column, b""))
        present = present & readable
        parts = [_scale_numbers(values[:, i], present, step) for i in range(values.shape[1])]
        result = tf.concat(parts, axis=1)
    elif step.kind == "boolean" and step.dtype == "string":
        result = tf.cast(tf.strings.regex_full_match(_scalar(column, b""), "(?i)(true|yes|y|t|1|on)"), tf.float32)
        result = result[:, tf.newaxis]
    else:
        values = tf.cast(_scalar(column, tf.constant(0, _values_dtype(column))), tf.float32)
        present = present & tf.math.is_finite(values)
        values = tf.where(present, values, 0.0)
        result = values[:, tf.newaxis] if step.kind == "boolean" else _scale_numbers(values, present, step)
    if step.indicator:
        result = tf.concat([result, 1.0 - tf.cast(present, tf.float32)[:, tf.newaxis]], axis=1)
    return result


def _values_dtype(column: Any) -> tf.DType:
    return column.values.dtype if isinstance(column, tf.SparseTensor) else column.dtype


def _scale_numbers(values: tf.Tensor, present: tf.Tensor, step: FeatureStep) -> tf.Tensor:
    """Imputes and scales float32 [batch] to float32 [batch, width]; only rows with a value are analysed."""
    options = step.options
    if options.scale == "log":
        values = tf.sign(values) * tf.math.log1p(tf.abs(values))
    known = tf.boolean_mask(values, present)
    if options.impute == "median":
        missing = tf.reshape(tft.quantiles(known, num_buckets=2, epsilon=0.001), (-1,))[0]
    elif options.impute == "mean":
        missing = tft.mean(known)
    else:
        missing = tf.constant(options.impute, tf.float32)
    values = tf.where(present, values, missing)
    if options.scale == "buckets":
        boundaries = tft.quantiles(known, num_buckets=options.buckets, epsilon=0.001)
        buckets = tft.apply_buckets(values, boundaries)
        return tf.one_hot(tf.clip_by_value(buckets, 0, options.buckets - 1), options.buckets)
    if options.scale == "min_max":
        low, high = tft.min(known), tft.max(known)
        values = (values - low) / tf.maximum(high - low, _EPSILON)
    elif options.scale in ("z_score", "log"):
        mean, variance = tft.mean(known), tft.var(known)
        values = (values - mean) / tf.maximum(tf.sqrt(variance), _EPSILON)
    return values[:, tf.newaxis]


def _date_parts(text: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Splits ISO 8601 dates and times into year, month, day, weekday (0 is Sunday) and hour.

    Returns:
      float32 [batch, 5], and bool [batch] that is false where the text is no such date.
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
    return tf.stack([year, month, day, (zeller + 6) % 7, hour], axis=1), readable


def _text(column: Any) -> tf.Tensor:
    """Gives any scalar column as trimmed text, string [batch]; empty where missing."""
    if _values_dtype(column) == tf.string:
        return tf.strings.strip(_scalar(column, b""))
    present = _present(column)
    return tf.where(present, tf.strings.as_string(_scalar(column, tf.constant(0, _values_dtype(column)))), "")


def _category_ids(step: FeatureStep, inputs: dict[str, Any]) -> tuple[tf.Tensor, int]:
    """Maps categories to int64 [batch]; a missing value is a category of its own, outside the vocabulary."""
    options = step.options
    text = tf.strings.join([_text(inputs[name]) for name in step.columns], separator="\x1f")
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
    text = tf.strings.lower(_text(inputs[step.name]), encoding="utf-8")
    words = tf.strings.split(tf.strings.regex_replace(text, r"[^\p{L}\p{N}']+", " ")).to_sparse()
    ids = tft.compute_and_apply_vocabulary(
        words, top_k=step.size, num_oov_buckets=options.oov_buckets, vocab_filename=_file_name(step.name)
    )
    size = step.size + options.oov_buckets
    ids = tf.SparseTensor(ids.indices, tf.clip_by_value(ids.values, 0, size - 1), ids.dense_shape)
    if options.encode == "bag":
        rows = tf.SparseTensor(ids.indices, ids.values + 1, ids.dense_shape)
        return tf.reduce_max(tf.one_hot(tf.sparse.to_dense(rows) - 1, size), axis=1)
    # Most frequent word first: id 2 and up; 1 is out of vocabulary.
    known = tf.SparseTensor(ids.indices, tf.where(ids.values < step.size, ids.values + 2, 1), ids.dense_shape)
    padded = tf.sparse.to_dense(known)[:, : options.length]
    padded = tf.pad(padded, [[0, 0], [0, options.length - tf.shape(padded)[1]]])
    return tf.ensure_shape(padded, (None, options.length))


def _file_name(column: str) -> str:
    """A vocabulary file name that any column name gives: letters, digits and a hash of the rest."""
    safe = "".join(c if c.isalnum() and c.isascii() else "_" for c in column)
    return f"vocabulary_{safe}_{hashlib.sha256(column.encode()).hexdigest()[:8]}"


def encode_label(plan: FeaturePlan, column: Any) -> tf.Tensor:
    """Gives raw labels as numbers.

    Args:
      plan: its classes are the order of the model's outputs.
      column: the raw label, sparse or dense [batch, n].

    Returns:
      Class indices, int64 [batch], -1 for a class that the plan does not know; for multilabel 0/1 float32
      [batch, labels]; for regression the value in its own units, float32 [batch].
    """
    if plan.label_dtype == "multi":
        return tf.reshape(tf.cast(column, tf.float32), (-1, len(plan.classes or ())))
    if plan.classes is not None:
        same = tf.equal(_text(column)[:, tf.newaxis], tf.constant(plan.classes)[tf.newaxis, :])
        return tf.where(tf.reduce_any(same, axis=1), tf.argmax(tf.cast(same, tf.int8), axis=1), -1)
    return tf.cast(_scalar(column, tf.constant(0, _values_dtype(column))), tf.float32)


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
