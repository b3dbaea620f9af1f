"""Every family survives the way into production: a SavedModel that answers as the model does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from kerasline.components.models import (
    InputSpec,
    MlpOptions,
    ModelOptions,
    OutputSpec,
    TabularOptions,
    TransferOptions,
    build_model,
)
from kerasline.components.models.description.options import AugmentationOptions, CnnOptions, SequenceOptions

IMAGE = InputSpec("image", "image", (32, 32, 3))
SIDE = InputSpec("side", "dense", (2,))
CITY = InputSpec("city", "ids", (1,), vocabulary_size=9)
TEXT = InputSpec("text", "tokens", (10,), vocabulary_size=30)
CHANGES = AugmentationOptions(flip="both", rotate=20, zoom=0.1, translate=0.1, contrast=0.2, cutout=0.2)
EXPORTED: list[tuple[ModelOptions, list[InputSpec]]] = [
    (MlpOptions(dropout=0.2, batch_normalization=True, augmentation=CHANGES), [IMAGE, SIDE, CITY]),
    (TabularOptions(units=4, members=3), [InputSpec("features", "dense", (4,), ranks=(1, 3)), CITY]),
    (CnnOptions(filters=[4], batch_normalization=True, augmentation=CHANGES), [IMAGE, CITY]),
    (SequenceOptions(layer="lstm", units=4, bidirectional=True, reduce="average"), [TEXT, SIDE]),
    (SequenceOptions(layer="gru", units=4, reduce="max"), [TEXT]),
    (SequenceOptions(layer="conv1d", units=[4, 4]), [TEXT]),
    (TransferOptions(base="squeezenet", weights="none", augmentation=CHANGES), [IMAGE, SIDE]),
]


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="a SavedModel is written by TensorFlow")
@pytest.mark.parametrize(("options", "inputs"), EXPORTED, ids=lambda value: getattr(value, "family", None))
def test_a_saved_model_answers_as_the_model_does(
    options: ModelOptions, inputs: list[InputSpec], tmp_path: Path, batch_of: Callable
) -> None:
    import tensorflow as tf

    model = build_model(options, inputs, OutputSpec("multiclass", 4), seed=1)
    model.export(str(tmp_path), verbose=False)
    x = batch_of(inputs, 5)
    loaded = tf.saved_model.load(str(tmp_path))
    served = loaded.serve({name: tf.constant(value) for name, value in x.items()})
    np.testing.assert_allclose(served.numpy(), model.predict(x, verbose=0), atol=1e-6)
