"""Categories, crosses and texts to ids and one-hot values: all columns in one matrix, one analysis for all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from kerasline.components.features import FeatureStep, text_matrix
from kerasline.components.transform.blocks import Block
from kerasline.components.transform.unseen import mark_categories
from kerasline.components.transform.vocabularies import Vocabularies

_HASHES = 1 << 62
_NO_LETTER = r"[^\p{L}\p{N}']+"
_BETWEEN = "\x1f"

Ids = list[tuple[FeatureStep, tf.Tensor, int]]  # a step, the id of each row (int64 [batch]) and how many there are


def encode_categories(
    steps: Sequence[FeatureStep], inputs: Mapping[str, Any], buckets: Mapping[str, tf.Tensor]
) -> tuple[list[Block], dict[str, tf.Tensor], list[tf.Tensor]]:
    """Encodes every categorical, cross and text step. A missing value is a value outside the vocabulary.

    Args:
      steps: of the plan.
      inputs: raw columns.
      buckets: the quantile bucket of each row in columns that have them, int64 [batch].

    Returns:
      Blocks of the dense input; by step the ids of embeddings, int64 [batch, 1], and of tokens, int64 [batch, length];
      and marks of unseen values, int64 [batch, categories], or none.
    """
    categories = [step for step in steps if step.kind == "categorical" and step.options.encode != "hash"]
    texts = [step for step in steps if step.kind == "text"]
    ids = _hashed([step for step in steps if step.kind == "categorical" and step.options.encode == "hash"], inputs)
    ids += [_crossed(step, inputs, buckets) for step in steps if step.kind == "cross"]
    blocks: list[Block] = []
    outputs: dict[str, tf.Tensor] = {}
    marks: list[tf.Tensor] = []
    if categories or texts:
        values = [text_matrix([inputs[step.name] for step in categories])] if categories else []
        words = [_split_words(inputs[step.name]) for step in texts]
        vocabularies = Vocabularies(
            [*values, *(sparse.values for sparse in words)], [step.size for step in (*categories, *texts)]
        )
        if categories:
            found = vocabularies.look_up(
                values[0], range(len(categories)), [step.options.oov_buckets for step in categories]
            )
            marks.append(mark_categories(categories, inputs, found))
            ids += _ids_of(categories, found)
        for number, (step, sparse) in enumerate(zip(texts, words, strict=True), start=len(categories)):
            ranks = vocabularies.look_up(sparse.values, [number], [step.options.oov_buckets])
            _encode_text(step, sparse, ranks, blocks, outputs)
    outputs |= {step.name: column[:, tf.newaxis] for step, column, _ in ids if step.options.encode == "embedding"}
    one_hot = [entry for entry in ids if entry[0].options.encode != "embedding"]
    if one_hot:
        blocks.append(_one_hot(one_hot))
    return blocks, outputs, marks


def _ids_of(categories: Sequence[FeatureStep], found: tf.Tensor) -> Ids:
    """Divides what vocabularies found, int64 [batch, categories], into the ids of each category."""
    columns = tf.unstack(found, axis=1)
    return [
        (step, column, step.size + step.options.oov_buckets) for step, column in zip(categories, columns, strict=True)
    ]


def _encode_text(
    step: FeatureStep, words: tf.SparseTensor, ranks: tf.Tensor, blocks: list[Block], outputs: dict[str, tf.Tensor]
) -> None:
    """Encodes one text as a bag of words, which is a block, or as tokens, which are an output.

    Args:
      step: Of the plan.
      words: Sparse string [batch, words].
      ranks: Place of each word in the vocabulary, most frequent first: int64 [words of all rows].
      blocks: Takes the bag.
      outputs: Takes the tokens by the name of the step.
    """
    if step.options.encode == "bag":
        blocks.append(_bag(step, tf.SparseTensor(words.indices, ranks, words.dense_shape)))
        return
    # Most frequent word first: id 2 and up; 1 is out of vocabulary, 0 padding.
    places = tf.where(ranks < step.size, ranks + 2, 1)
    outputs[step.name] = _tokens(step, tf.SparseTensor(words.indices, places, words.dense_shape))


def _hashed(steps: Sequence[FeatureStep], inputs: Mapping[str, Any]) -> Ids:
    if not steps:
        return []
    sizes = [step.options.hash_buckets for step in steps]
    text = text_matrix([inputs[step.name] for step in steps])
    found = tf.strings.to_hash_bucket_fast(text, _HASHES) % tf.constant(sizes, tf.int64)
    return list(zip(steps, tf.unstack(found, axis=1), sizes, strict=True))


def _crossed(
    step: FeatureStep, inputs: Mapping[str, Any], buckets: Mapping[str, tf.Tensor]
) -> tuple[FeatureStep, tf.Tensor, int]:
    parts = [
        tf.strings.as_string(buckets[name]) if in_bucket else text_matrix([inputs[name]])[:, 0]
        for name, in_bucket in zip(step.columns, step.bucketed, strict=True)
    ]
    size = step.options.hash_buckets
    return step, tf.strings.to_hash_bucket_fast(tf.strings.join(parts, separator=_BETWEEN), size), size


def _one_hot(ids: Ids) -> Block:
    """Makes all one-hot values in one scatter: column c of a row sets place offset[c] + id."""
    widths = [width for _, _, width in ids]
    offsets = [sum(widths[:i]) for i in range(len(widths))]
    places = tf.stack([column for _, column, _ in ids], axis=1) + tf.constant(offsets, tf.int64)
    rows = tf.shape(places, tf.int64)[0]
    row_numbers = tf.repeat(tf.range(rows), len(ids))
    indices = tf.stack([row_numbers, tf.reshape(places, (-1,))], axis=1)
    total = sum(widths)
    values = tf.scatter_nd(indices, tf.ones_like(row_numbers, tf.float32), tf.stack([rows, total]))
    slots = tuple((step.name, place) for step, _, width in ids for place in range(width))
    return Block(slots, tf.ensure_shape(values, (None, total)))


def _split_words(column: Any) -> tf.SparseTensor:
    """Splits a text into lower-case words: sparse string [batch, words]."""
    text = tf.strings.lower(text_matrix([column])[:, 0], encoding="utf-8")
    return tf.strings.split(tf.strings.regex_replace(text, _NO_LETTER, " ")).to_sparse()


def _bag(step: FeatureStep, ids: tf.SparseTensor) -> Block:
    """Says which words stand in a text: float32 [batch, words]."""
    width = step.size + step.options.oov_buckets
    # Scattered and not one-hot by word, which would take as much memory for each word as for the whole text.
    indices = tf.stack([ids.indices[:, 0], ids.values], axis=1)
    shape = tf.stack([ids.dense_shape[0], width])
    counted = tf.scatter_nd(indices, tf.ones_like(ids.values, tf.float32), shape)
    values = tf.ensure_shape(tf.minimum(counted, 1.0), (None, width))
    return Block(tuple((step.name, place) for place in range(width)), values)


def _tokens(step: FeatureStep, ids: tf.SparseTensor) -> tf.Tensor:
    """Cuts or pads texts to one length: int64 [batch, length]."""
    length = step.options.length
    padded = tf.sparse.to_dense(ids)[:, :length]
    padded = tf.pad(padded, [[0, 0], [0, length - tf.shape(padded)[1]]])
    return tf.ensure_shape(padded, (None, length))
