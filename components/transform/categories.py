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
# Words of a text, sparse string [batch, words], and the place of each in the vocabulary, int64 [words of all rows].
Words = tuple[tf.SparseTensor, tf.Tensor]


def encode_categories(
    steps: Sequence[FeatureStep], inputs: Mapping[str, Any], buckets: Mapping[str, tf.Tensor]
) -> tuple[list[Block], dict[str, tf.Tensor], list[tf.Tensor]]:
    """Encodes every categorical, cross and text step. A missing value is a value outside the vocabulary.

    Args:
      steps: All steps of the plan, in its order.
      inputs: Raw columns by name, sparse or dense [batch, n].
      buckets: Quantile bucket of each row by the name of the column, int64 [batch]; of columns that have buckets.

    Returns:
      Blocks of the dense input; by step the ids of embeddings, int64 [batch, 1], and of tokens, int64 [batch, length];
      and marks of unseen values, int64 [batch, categories], or none.
    """
    categories = [step for step in steps if step.kind == "categorical" and step.options.encode != "hash"]
    texts = [step for step in steps if step.kind == "text" and step.tokenizer is None]
    ids = [*_hashed(steps, inputs), *_crossed(steps, inputs, buckets)]
    marks: list[tf.Tensor] = []
    found, words = _look_up(categories, texts, inputs)
    if found is not None:
        marks.append(mark_categories(categories, inputs, found))
        ids += _ids_of(categories, found)
    bags, tokens = _encode_texts(texts, words)
    one_hot, embedded = _encode_ids(ids)
    return [*bags, *one_hot], {**tokens, **embedded}, marks


def _look_up(
    categories: Sequence[FeatureStep], texts: Sequence[FeatureStep], inputs: Mapping[str, Any]
) -> tuple[tf.Tensor | None, list[Words]]:
    """Finds the values of categories and the words of texts in vocabularies, which one analysis makes for all.

    Args:
      categories: Steps whose whole value is looked up.
      texts: Steps whose words are.
      inputs: Raw columns by name.

    Returns:
      Ids of the categories, int64 [batch, categories], None where there are no categories; and the words of each text.
    """
    steps = [*categories, *texts]
    if not steps:
        return None, []
    values = [text_matrix([inputs[step.name] for step in categories])] if categories else []
    words = [_split_words(inputs[step.name]) for step in texts]
    vocabularies = Vocabularies([*values, *(each.values for each in words)], [step.size for step in steps])
    outside = [step.options.oov_buckets for step in steps]
    first_text = len(categories)
    found = [vocabularies.look_up(matrix, range(first_text), outside[:first_text]) for matrix in values]
    ranks = [
        vocabularies.look_up(each.values, [column], [outside[column]]) for column, each in enumerate(words, first_text)
    ]
    return next(iter(found), None), list(zip(words, ranks, strict=True))


def _ids_of(categories: Sequence[FeatureStep], found: tf.Tensor) -> Ids:
    """Divides what vocabularies found, int64 [batch, categories], into the ids of each category."""
    columns = tf.unstack(found, axis=1)
    return [
        (step, column, step.size + step.options.oov_buckets) for step, column in zip(categories, columns, strict=True)
    ]


def _encode_texts(texts: Sequence[FeatureStep], words: Sequence[Words]) -> tuple[list[Block], dict[str, tf.Tensor]]:
    """Encodes each text as a bag of words, which is a block, or as tokens, int64 [batch, length], by its name."""
    bags: list[Block] = []
    tokens: dict[str, tf.Tensor] = {}
    for step, (sparse, ranks) in zip(texts, words, strict=True):
        if step.options.encode == "bag":
            bags.append(_bag(step, tf.SparseTensor(sparse.indices, ranks, sparse.dense_shape)))
            continue
        # Most frequent word first: id 2 and up; 1 is out of vocabulary, 0 padding.
        places = tf.where(ranks < step.size, ranks + 2, 1)
        tokens[step.name] = _tokens(step, tf.SparseTensor(sparse.indices, places, sparse.dense_shape))
    return bags, tokens


def _encode_ids(ids: Ids) -> tuple[list[Block], dict[str, tf.Tensor]]:
    """Makes one block of all ids that become one-hot, if any; those of embeddings stay, int64 [batch, 1], by name."""
    embedded = {step.name: column[:, tf.newaxis] for step, column, _ in ids if step.options.encode == "embedding"}
    one_hot = [entry for entry in ids if entry[0].options.encode != "embedding"]
    return ([_one_hot(one_hot)] if one_hot else []), embedded


def _hashed(steps: Sequence[FeatureStep], inputs: Mapping[str, Any]) -> Ids:
    """Gives the ids of categories without a vocabulary, which are hashes of their values."""
    chosen = [step for step in steps if step.kind == "categorical" and step.options.encode == "hash"]
    if not chosen:
        return []
    sizes = [step.options.hash_buckets for step in chosen]
    text = text_matrix([inputs[step.name] for step in chosen])
    found = tf.strings.to_hash_bucket_fast(text, _HASHES) % tf.constant(sizes, tf.int64)
    return list(zip(chosen, tf.unstack(found, axis=1), sizes, strict=True))


def _crossed(steps: Sequence[FeatureStep], inputs: Mapping[str, Any], buckets: Mapping[str, tf.Tensor]) -> Ids:
    """Gives the ids of crosses, which are hashes of the values of their columns, joined."""
    ids: Ids = []
    for step in [step for step in steps if step.kind == "cross"]:
        parts = [
            tf.strings.as_string(buckets[name]) if in_bucket else text_matrix([inputs[name]])[:, 0]
            for name, in_bucket in zip(step.columns, step.bucketed, strict=True)
        ]
        size = step.options.hash_buckets
        ids.append((step, tf.strings.to_hash_bucket_fast(tf.strings.join(parts, separator=_BETWEEN), size), size))
    return ids


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
