"""Texts as the word pieces of a pretrained network: a part of the transform graph."""

from __future__ import annotations

import tensorflow as tf

from kerasline.components.core import ConfigError, first_line
from kerasline.components.features import FeatureStep


def cut_into_pieces(texts: tf.Tensor, step: FeatureStep) -> tf.Tensor:
    """Cuts texts into the pieces of a preset of KerasHub, with its own signs for where a text begins and ends.

    Args:
      texts: string [batch].
      step: The text; its tokenizer says where the preset is.

    Returns:
      Ids of pieces raised by one, int64 [batch, length]; 0 is padding.

    Raises:
      ConfigError: the preset cannot be loaded.
    """
    import keras_hub

    assert step.tokenizer is not None
    length = step.options.length
    try:
        prepare = keras_hub.models.TextClassifierPreprocessor.from_preset(step.tokenizer.folder, sequence_length=length)
    except Exception as error:
        reason = first_line(error)
        raise ConfigError(
            f"model.preset: KerasHub cannot load the tokenizer in {step.tokenizer.folder} ({reason}); save the preset "
            "again"
        ) from error
    found = prepare(texts)
    ids = tf.where(found["padding_mask"], tf.cast(found["token_ids"], tf.int64) + 1, 0)
    return tf.ensure_shape(ids, (None, length))
