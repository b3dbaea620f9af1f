"""The user's module of part (b): ``preprocessing_fn`` and ``run_fn`` as TFX's MNIST example has them.

After tfx/examples/mnist/mnist_utils_native_keras.py of TFX 1.21.0, which was written for Keras 2. What had
to change for Keras 3, or was changed so that the three parts of the benchmark do the same work, is marked
"Changed".
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
import tensorflow_transform as tft
from tfx.components.trainer.fn_args_utils import FnArgs
from tfx_bsl.tfxio import dataset_options

from benchmarks.plain_mnist import BATCH_SIZE, build_model

IMAGE, LABEL = "image_floats", "image_class"


def preprocessing_fn(inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Scales the pixels by the smallest and largest of the data (which they already are), and passes the label on."""
    return {f"{IMAGE}_xf": tft.scale_by_min_max(inputs[IMAGE], -0.5, 0.5), f"{LABEL}_xf": inputs[LABEL]}


def run_fn(fn_args: FnArgs) -> None:
    """Trains on the materialised examples and exports a SavedModel that takes raw serialized tf.Examples."""
    transform_output = tft.TFTransformOutput(fn_args.transform_output)
    # Changed: batches of 128 and not of 40, and no validation during the fit, as in the other two parts.
    options = dataset_options.TensorFlowDatasetOptions(batch_size=BATCH_SIZE, label_key=f"{LABEL}_xf")
    schema = transform_output.transformed_metadata.schema
    dataset = fn_args.data_accessor.tf_dataset_factory(fn_args.train_files, options, schema).repeat()

    with tf.distribute.MirroredStrategy().scope():
        model = named_model()
    log = keras.callbacks.TensorBoard(log_dir=fn_args.model_run_dir, update_freq="epoch")
    epochs = fn_args.custom_config["epochs"]
    started = time.monotonic()
    model.fit(dataset, steps_per_epoch=fn_args.train_steps // epochs, epochs=epochs, callbacks=[log], verbose=0)
    fit_seconds = time.monotonic() - started
    export(model, transform_output, fn_args.serving_model_dir)
    Path(fn_args.custom_config["fit_file"]).write_text(
        json.dumps({"fit": fit_seconds, "parameters": model.count_params()})
    )


def named_model() -> keras.Model:
    """The MLP behind an input with the feature's name.

    Changed: the benchmark's MLP and its Adam instead of the example's 64-64-10 and RMSprop; and a
    functional model, since a Keras 3 Sequential takes no dictionary of features.
    """
    inner = build_model()
    image = keras.Input((784,), name=f"{IMAGE}_xf")
    model = keras.Model({f"{IMAGE}_xf": image}, inner(image))
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def export(model: keras.Model, transform_output: tft.TFTransformOutput, folder: str) -> None:
    """Saves the model with the signature ``serving_default``.

    Changed: Keras 3 models are no tf.Modules, so a tf.Module carries the variables, the layer and the
    function; and the transformed features are copied into a plain dict, since Keras 3 refuses the layer's
    own.
    """
    module = tf.Module()
    module.variables_of_model = [variable.value for variable in model.variables]
    module.transform_layer = transform_output.transform_features_layer()

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve(examples: tf.Tensor) -> dict[str, Any]:
        feature_spec = transform_output.raw_feature_spec()
        feature_spec.pop(LABEL)
        features = module.transform_layer(tf.io.parse_example(examples, feature_spec))
        return {"output_0": model(dict(features), training=False)}

    module.serve = serve
    tf.saved_model.save(module, folder, signatures={"serving_default": serve})
