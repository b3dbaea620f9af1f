"""The hub family on small presets that the tests make: its network, its weights, and what it gets to read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from kerasline.components.core import ConfigError
from kerasline.components.models import HubOptions, InputSpec, OutputSpec, build_model, preset_digest

keras_hub = pytest.importorskip("keras_hub", reason="make setup HUB=1")

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "film", "was", "good", "bad", "##ly", "un", "##kind", "!"]
TEXT = InputSpec("review", "tokens", (9,), vocabulary_size=len(WORDS) + 1)
SIDE = InputSpec("features", "dense", (2,))
SIZES: dict[str, Any] = {"vocabulary_size": len(WORDS), "num_layers": 1, "num_heads": 2, "hidden_dim": 8}


def bert(folder: Path) -> Path:
    models = keras_hub.models
    network = models.BertBackbone(**SIZES, intermediate_dim=8, max_sequence_length=16)
    prepare = models.BertTextClassifierPreprocessor(models.BertTokenizer(WORDS, lowercase=True), sequence_length=9)
    models.BertTextClassifier(network, num_classes=2, preprocessor=prepare).save_to_preset(folder)
    return folder


def distil_bert(folder: Path) -> Path:
    models = keras_hub.models
    network = models.DistilBertBackbone(**SIZES, intermediate_dim=8, max_sequence_length=16)
    prepare = models.DistilBertTextClassifierPreprocessor(models.DistilBertTokenizer(WORDS), sequence_length=9)
    models.DistilBertTextClassifier(network, num_classes=2, preprocessor=prepare).save_to_preset(folder)
    return folder


def vit(folder: Path) -> Path:
    models = keras_hub.models
    sizes: dict[str, Any] = {"patch_size": 4, "num_layers": 1, "num_heads": 2, "hidden_dim": 8, "mlp_dim": 8}
    network = models.ViTBackbone(image_shape=(16, 16, 3), **sizes)
    converter = keras_hub.layers.ViTImageConverter(image_size=(16, 16), scale=2 / 255, offset=-1.0)
    prepare = models.ViTImageClassifierPreprocessor(image_converter=converter)
    models.ViTImageClassifier(network, num_classes=2, preprocessor=prepare).save_to_preset(folder)
    return folder


@pytest.mark.parametrize("make", [bert, distil_bert])
def test_a_network_of_texts_is_the_presets_own(make: Callable[[Path], Path], tmp_path: Path) -> None:
    folder = make(tmp_path / "preset")
    model = build_model(HubOptions(preset=str(folder)), [TEXT, SIDE], OutputSpec("binary", 1), seed=1)
    ids = np.asarray([[2, 5, 6, 3, 0, 0, 0, 0, 0], [2, 8, 3, 0, 0, 0, 0, 0, 0]])
    present = ids > 0
    pieces = np.where(present, ids + 1, 0)
    answers = model.predict({"review": pieces, "features": np.ones((2, 2), np.float32)}, verbose=0)
    assert answers.shape == (2, 1)

    network = keras_hub.models.Backbone.from_preset(str(folder))
    given = {"token_ids": ids, "padding_mask": present.astype(int), "segment_ids": np.zeros_like(ids)}
    found = network.predict({tensor.name: given[tensor.name] for tensor in network.inputs}, verbose=0)
    whole = found["pooled_output"] if isinstance(found, dict) else found[:, 0]
    inner = keras.Model(model.inputs, model.get_layer("represented").output)
    seen = inner.predict({"review": pieces, "features": np.ones((2, 2), np.float32)}, verbose=0)
    np.testing.assert_allclose(seen, whole, atol=1e-5)


def test_what_is_not_trainable_stays_as_it_was(tmp_path: Path) -> None:
    folder = bert(tmp_path / "preset")
    heads = {}
    for trainable in (True, False):
        model = build_model(HubOptions(preset=str(folder), trainable=trainable), [TEXT], OutputSpec("binary", 1))
        heads[trainable] = len(model.trainable_weights)
    assert heads[False] == 2 < heads[True]


def test_pixels_are_those_that_the_preset_was_trained_on(tmp_path: Path) -> None:
    folder = vit(tmp_path / "preset")
    image = InputSpec("image", "image", (16, 16, 3))
    model = build_model(HubOptions(preset=str(folder)), [image], OutputSpec("multiclass", 3), seed=1)
    pixels = np.random.default_rng(1).integers(0, 256, (2, 16, 16, 3))
    wanted = keras_hub.layers.ImageConverter.from_preset(str(folder))(pixels.astype(np.float32))
    inner = keras.Model(model.inputs, model.get_layer("preprocess").output)
    seen = inner.predict({"image": (pixels / 255).astype(np.float32)}, verbose=0)
    np.testing.assert_allclose(seen, wanted, atol=1e-5)


def test_images_of_another_size_and_grey_ones_are_read(tmp_path: Path) -> None:
    options = HubOptions(preset=str(vit(tmp_path / "preset")))
    model = build_model(options, [InputSpec("image", "image", (8, 10, 1))], OutputSpec("multiclass", 3))
    assert model.predict({"image": np.zeros((2, 8, 10, 1), np.float32)}, verbose=0).shape == (2, 3)


def test_a_preset_that_has_changed_is_not_taken(tmp_path: Path) -> None:
    folder = bert(tmp_path / "preset")
    planned = HubOptions(preset=str(folder), digest=preset_digest(folder))
    (folder / "assets" / "tokenizer" / "vocabulary.txt").write_text("\n".join([*WORDS[:-1], "?"]))
    with pytest.raises(ConfigError, match="the preset has changed"):
        build_model(planned, [TEXT], OutputSpec("binary", 1))


def test_damaged_weights_are_told_in_a_sentence(tmp_path: Path) -> None:
    folder = bert(tmp_path / "preset")
    keras_hub.models.BertBackbone(**{**SIZES, "hidden_dim": 4}, intermediate_dim=8).save_weights(
        folder / "model.weights.h5"
    )
    with pytest.raises(ConfigError, match=f"{folder} cannot be loaded by KerasHub"):
        build_model(HubOptions(preset=str(folder)), [TEXT], OutputSpec("binary", 1))


@pytest.mark.slow
def test_the_graph_cuts_texts_as_keras_hub_does(tmp_path: Path) -> None:
    import tensorflow as tf

    from kerasline.components.features import ColumnOptions, FeatureStep, Tokenizer
    from kerasline.components.transform.pieces import cut_into_pieces

    folder = bert(tmp_path / "preset")
    step = FeatureStep(
        name="review", kind="text", dtype="string", options=ColumnOptions(length=9),
        tokenizer=Tokenizer(folder=str(folder), digest="", size=len(WORDS)),
    )  # fmt: skip
    module = tf.Module()
    signature = [tf.TensorSpec([None], tf.string)]
    module.cut = tf.function(lambda texts: cut_into_pieces(texts, step), input_signature=signature)
    tf.saved_model.save(module, str(tmp_path / "saved"))
    texts = ["The film was unkindly GOOD!", "", "the " * 20]
    prepare = keras_hub.models.TextClassifierPreprocessor.from_preset(str(folder), sequence_length=9)
    wanted = prepare(texts)
    found = tf.saved_model.load(str(tmp_path / "saved")).cut(tf.constant(texts)).numpy()
    np.testing.assert_array_equal(found, np.where(wanted["padding_mask"], np.asarray(wanted["token_ids"]) + 1, 0))
