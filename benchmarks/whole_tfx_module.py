"""The user's module of TFX's own way in ``whole_table``: ``preprocessing_fn`` and ``run_fn`` like its guides."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
import tensorflow_transform as tft
from tfx.components.trainer.fn_args_utils import FnArgs
from tfx_bsl.tfxio import dataset_options

NUMBERS, CATEGORIES, LABEL = [f"x{index}" for index in range(6)], ["town", "trade"], "label"


def preprocessing_fn(inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Scales numbers, numbers the values of categories, and passes the label on."""
    outputs = {f"{name}_xf": tft.scale_to_z_score(inputs[name]) for name in NUMBERS}
    outputs |= {f"{name}_xf": tft.compute_and_apply_vocabulary(inputs[name], num_oov_buckets=1) for name in CATEGORIES}
    return outputs | {f"{LABEL}_xf": inputs[LABEL]}


def run_fn(fn_args: FnArgs) -> None:
    """Fits for one epoch on the materialised examples and exports a model of raw serialized tf.Examples."""
    graph = tft.TFTransformOutput(fn_args.transform_output)
    options = dataset_options.TensorFlowDatasetOptions(batch_size=64, label_key=f"{LABEL}_xf", num_epochs=1)
    schema = graph.transformed_metadata.schema
    dataset = fn_args.data_accessor.tf_dataset_factory(fn_args.train_files, options, schema)
    model = build_model(graph)
    model.fit(dataset, epochs=1, verbose=0)

    module = tf.Module()
    module.variables_of_model = [variable.value for variable in model.variables]
    module.transform_layer = graph.transform_features_layer()

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve(examples: tf.Tensor) -> dict[str, Any]:
        spec = graph.raw_feature_spec()
        spec.pop(LABEL)
        features = dict(module.transform_layer(tf.io.parse_example(examples, spec)))
        return {"output_0": model({name: features[name] for name in model.input}, training=False)}

    module.serve = serve
    tf.saved_model.save(module, fn_args.serving_model_dir, signatures={"serving_default": serve})


def build_model(graph: tft.TFTransformOutput) -> keras.Model:
    """The MLP of 16 units behind scaled numbers and categories as one-hot vectors."""
    inputs = {f"{name}_xf": keras.Input((1,), name=f"{name}_xf") for name in NUMBERS}
    words = {f"{name}_xf": keras.Input((1,), name=f"{name}_xf", dtype="int64") for name in CATEGORIES}
    encoded = list(inputs.values())
    for name, word in words.items():
        size = graph.vocabulary_size_by_name(_vocabulary(graph, name)) + 1
        encoded.append(keras.layers.CategoryEncoding(size, output_mode="one_hot")(word))
    hidden = keras.layers.Dense(16, activation="relu")(keras.layers.Concatenate()(encoded))
    model = keras.Model(inputs | words, keras.layers.Dense(1, activation="sigmoid")(hidden))
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
    return model


def _vocabulary(graph: tft.TFTransformOutput, name: str) -> str:
    """Both vocabularies are named by Transform, in the order of the columns."""
    place = [f"{category}_xf" for category in CATEGORIES].index(name)
    return "vocab_compute_and_apply_vocabulary" + (f"_{place}_vocabulary" if place else "_vocabulary")
