"""The exported model: a SavedModel that answers raw data, with the transform graph inside it.

Signatures:
  serving_default: serialized tf.Examples, string [batch].
  serving_raw: one tensor for each column that the model reads, [batch]; NaN, "" and the smallest int64 stand for a
    missing value, and so do the words that stand for one in the training data. Arrays and token ids have their shape,
    images are encoded bytes.
  evaluation: serialized tf.Examples to ``prediction``: the model's output with regression in the label's units.
  label_index: serialized tf.Examples with labels to ``label_index``, the class index that ``evaluation`` counts in.
The first calls its tensor ``examples``; the two that the Evaluator reads call it :data:`EVALUATION_ARGUMENT`.

The serving signatures return, for classification, ``scores`` float32 [batch, classes], ``classes`` string
[batch, classes] and ``class`` string [batch]; for multilabel ``scores`` and ``classes``; for regression ``value``
float32 [batch] in the label's units.

Beside the signatures, which are what clients see, the module has the functions ``unseen_default`` and ``unseen_raw``
where the transform graph marks values: they take what ``serving_default`` and ``serving_raw`` take, and return int64
[batch, columns]: which values of ``FeaturePlan.watched_columns()`` training has never shown, and why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import keras
import tensorflow as tf
import tensorflow_transform as tft

from kerasline.components.features import UNSEEN, FeaturePlan, FeatureStep, LabelUnits, encode_label
from kerasline.components.training.missing_words import Raw, drop_missing

Transform = Callable[[Raw], dict[str, tf.Tensor]]
Model = Callable[[dict[str, tf.Tensor]], tf.Tensor]

# TFMA hands a signature the column that is named like its argument, and the serialized rows only where there is none.
EVALUATION_ARGUMENT = "serialized_examples_for_evaluation"


class ServingModule(tf.Module):
    """A Keras model with its transform graph and the names of its classes."""

    def __init__(
        self,
        model: keras.Model,
        graph: tft.TFTransformOutput,
        plan: FeaturePlan,
        label_units: LabelUnits,
        words: Mapping[str, Sequence[str]],
    ) -> None:
        super().__init__()
        self._words = {name: list(listed) for name, listed in words.items()}
        self._plan = plan
        self._spec = {name: spec for name, spec in graph.raw_feature_spec().items() if name in _columns(plan)}
        self._label_spec = {plan.label: graph.raw_feature_spec()[plan.label]}
        self._names = [spec.name for spec in plan.inputs()]
        self._marks = plan.input_name(UNSEEN)
        self._can_mark = self._marks in graph.transformed_feature_spec()
        self._units = label_units
        layer = graph.transform_features_layer()
        # Hidden in functions: a module saves every part of what hangs on it, and whoever loads it waits for each.
        self._transform: Transform = lambda raw: dict(layer(raw))
        self._model: Model = lambda inputs: tf.cast(model(inputs, training=False), tf.float32)
        self.variables_of_model = model.variables
        self.vocabularies = [*_resources(layer), *_resources(model)]

    def predict(self, raw: Raw) -> tf.Tensor:
        """Runs raw columns through transform and model: float32 [batch, units]."""
        transformed = self._transform(raw)
        output = self._model({name: transformed[name] for name in self._names})
        return self._units.restore(output, tf.math)

    def mark(self, raw: Raw) -> tf.Tensor:
        """Marks values that training has never shown: int64 [batch, columns]."""
        return self._transform(raw)[self._marks]

    def answer(self, output: tf.Tensor) -> dict[str, tf.Tensor]:
        """Gives what a client reads of a model's output, float32 [batch, units]: scores with class names, or values."""
        task, classes = self._plan.task, self._plan.classes
        if classes is None:
            return {"value": tf.reshape(output, (-1,))}
        scores = tf.concat([1.0 - output, output], axis=1) if task == "binary" else output
        names = tf.constant(classes)
        tiled = tf.tile(names[tf.newaxis, :], (tf.shape(scores)[0], 1))
        if task == "multilabel":
            return {"scores": scores, "classes": tiled}
        return {"scores": scores, "classes": tiled, "class": tf.gather(names, tf.argmax(scores, axis=1))}

    def signatures(self) -> dict[str, tf.types.experimental.ConcreteFunction]:
        """Traces the signatures; without autograph, which would rewrite code that has nothing for it."""
        serialized = tf.TensorSpec([None], tf.string, name="examples")
        evaluated = tf.TensorSpec([None], tf.string, name=EVALUATION_ARGUMENT)

        @tf.function(input_signature=[serialized], autograph=False)
        def read_examples(examples: tf.Tensor) -> Raw:
            return drop_missing(tf.io.parse_example(examples, self._spec), self._words)

        @tf.function(input_signature=[serialized], autograph=False)
        def predict_examples(examples: tf.Tensor) -> tf.Tensor:
            return self.predict(read_examples(examples))

        @tf.function(input_signature=[serialized], autograph=False)
        def serving_default(examples: tf.Tensor) -> dict[str, tf.Tensor]:
            return self.answer(predict_examples(examples))

        @tf.function(input_signature=[evaluated], autograph=False)
        def evaluation(examples: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"prediction": predict_examples(examples)}

        @tf.function(input_signature=[evaluated], autograph=False)
        def label_index(examples: tf.Tensor) -> dict[str, tf.Tensor]:
            raw = tf.io.parse_example(examples, self._label_spec)
            return {"label_index": encode_label(self._plan, raw[self._plan.label])}

        arguments = self._plan.raw_arguments()

        @tf.function(input_signature=[raw_input_specs(self._plan)], autograph=False)
        def read_raw(columns: dict[str, tf.Tensor]) -> Raw:
            sparse = {name: self._to_raw(name, columns[key]) for name, key in arguments.items()}
            return drop_missing(sparse, self._words)

        @tf.function(input_signature=[raw_input_specs(self._plan)], autograph=False)
        def serving_raw(columns: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
            return self.answer(self.predict(read_raw(columns)))

        @tf.function(input_signature=[serialized], autograph=False)
        def unseen_default(examples: tf.Tensor) -> tf.Tensor:
            return self.mark(read_examples(examples))

        @tf.function(input_signature=[raw_input_specs(self._plan)], autograph=False)
        def unseen_raw(columns: dict[str, tf.Tensor]) -> tf.Tensor:
            return self.mark(read_raw(columns))

        if self._can_mark:
            marking = {"unseen_default": unseen_default, "unseen_raw": unseen_raw}
            self.marking = {name: function.get_concrete_function() for name, function in marking.items()}
        answering = {
            "serving_default": serving_default,
            "serving_raw": serving_raw,
            "evaluation": evaluation,
            "label_index": label_index,
        }
        return {name: function.get_concrete_function() for name, function in answering.items()}

    def _to_raw(self, name: str, values: tf.Tensor) -> tf.Tensor | tf.SparseTensor:
        """Gives a dense column the form that the transform graph reads."""
        spec = self._spec[name]
        if not isinstance(spec, tf.io.VarLenFeature):
            return tf.cast(tf.reshape(values, [-1, *spec.shape]), spec.dtype)
        if values.dtype == tf.string:
            present = tf.not_equal(values, "")
        elif values.dtype.is_floating:
            present = tf.math.is_finite(values)
        else:
            present = tf.not_equal(values, values.dtype.min)
        indices = tf.where(present)
        return tf.SparseTensor(
            tf.concat([indices, tf.zeros_like(indices)], axis=1),
            tf.cast(tf.gather_nd(values, indices), spec.dtype),
            tf.concat([tf.shape(values, tf.int64), [1]], axis=0),
        )


def raw_input_specs(plan: FeaturePlan) -> dict[str, tf.TensorSpec]:
    """Lists the arguments of ``serving_raw``: numbers are float32 so that NaN can stand for a missing one."""
    specs, arguments = {}, plan.raw_arguments()
    # A column that a cross reads may be an input of its own, whose form then counts.
    for step in sorted(plan.steps, key=lambda step: step.kind != "cross"):
        for index, name in enumerate(step.columns):
            shape, dtype = _raw_shape_and_type(step, index)
            specs[arguments[name]] = tf.TensorSpec(shape, dtype, name=arguments[name])
    return specs


def _raw_shape_and_type(step: FeatureStep, index: int) -> tuple[list[int | None], tf.DType]:
    if step.kind == "cross":
        return [None], tf.string if step.sources[index] == "string" else tf.int64
    if step.kind == "array":
        return [None, *step.shape], tf.float32
    if step.kind == "tokens":
        return [None, *step.shape], tf.int64
    if step.dtype in ("string", "image"):
        return [None], tf.string
    if step.kind in ("numeric", "boolean") or step.dtype == "float":
        return [None], tf.float32
    return [None], tf.int64


def _resources(root: tf.Module) -> list[object]:
    """Lists what functions of a model or a transform graph read besides variables of Keras: tables, files and such."""
    kinds = (tf.saved_model.experimental.TrackableResource, tf.saved_model.Asset, tf.Variable)
    learning = getattr(root, "optimizer", None)
    left_out = {id(part) for part in _parts(learning)} if learning is not None else set()
    return [part for part in _parts(root) if isinstance(part, kinds) and id(part) not in left_out]


def _parts(root: object) -> list[object]:
    return list(tf.train.TrackableView(root).descendants())


def _columns(plan: FeaturePlan) -> set[str]:
    return {name for step in plan.steps for name in step.columns}


def export(
    path: str,
    model: keras.Model,
    graph: tft.TFTransformOutput,
    plan: FeaturePlan,
    label_units: LabelUnits,
    words: Mapping[str, Sequence[str]] | None = None,
) -> ServingModule:
    """Writes the SavedModel with every signature.

    Args:
      path: Folder that receives the model, made anew.
      model: The fitted model.
      graph: The transform graph that it was fitted on.
      plan: The features and classes.
      label_units: What gives a regression label its own units.
      words: Words for a missing value, by column; they are in no row of the training data.
    """
    module = ServingModule(model, graph, plan, label_units, words or {})
    tf.saved_model.save(module, path, signatures=module.signatures())
    return module
