"""The tabular family: dense layers in several members that share their weights, over embedded numbers and categories.

Each member scales what goes in and out of the shared weights by numbers of its own; they train as if each were alone
and answer together.

Source: Gorishniy et al., TabM (ICLR 2025), and On Embeddings for Numerical Features (NeurIPS 2022).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from kerasline.components.models.description import InputSpec, OutputSpec, TabularOptions, per_layer, refuse_others
from kerasline.components.models.parts import HEADS, activated, join, layer_name, make_inputs, regularizer, side_vectors


def build(options: TabularOptions, inputs: Sequence[InputSpec], output: OutputSpec) -> keras.Model:
    """Builds the members over dense inputs and ids.

    Raises:
      ConfigError: an input is an image, an array or tokens.
    """
    refuse_others(inputs)
    tensors = make_inputs(inputs)
    vectors = side_vectors(inputs, tensors, options)
    vectors += [embed_ranks(tensors[spec.name], spec, options) for spec in inputs if spec.ranks]
    joined = join(vectors)
    spread = keras.layers.RepeatVector(options.members, name="members")(joined)
    rates = per_layer(options.dropout, max(1, len(options.units)))
    # From the first step on each member looks at the columns in its own way.
    start = keras.initializers.RandomNormal(stddev=1.0) if options.members > 1 else "ones"
    value = MemberScale(start, name="members_start")(spread)
    for number, (width, rate) in enumerate(zip(options.units, rates, strict=False), start=1):
        value = member_layer(value, width, rate, options, number)
    return keras.Model(tensors, answer(value, output, options), name="tabular")


def embed_ranks(dense: keras.KerasTensor, spec: InputSpec, options: TabularOptions) -> keras.KerasTensor:
    """Returns each rank as a vector that bends between the bins, and all of them side by side.

    Args:
      dense: The dense input (batch, width); its values at ``spec.ranks`` are the share of the train rows below them.
      spec: Description of that input.
      options: ``bins`` and ``number_dim``.

    Returns:
      (batch, ranks * number_dim).
    """
    name, count = layer_name(spec.name), len(spec.ranks)
    places = [place for place in spec.ranks for _ in range(options.bins)]
    ranks = keras.layers.Reshape((count, options.bins), name=f"{name}_ranks")(keras.ops.take(dense, places, axis=1))
    # Bin i fills from 0 to 1 while the rank passes through it.
    offsets = [-float(i) for i in range(options.bins)]
    filled = keras.layers.Rescaling([float(options.bins)] * options.bins, offsets, name=f"{name}_bins")(ranks)
    filled = keras.layers.ReLU(max_value=1.0, name=f"{name}_filled")(filled)
    embedded = keras.layers.EinsumDense(
        "brp,rpd->brd",
        output_shape=(count, options.number_dim),
        bias_axes="rd",
        kernel_initializer=keras.initializers.RandomNormal(stddev=options.bins**-0.5),
        name=f"{name}_numbers",
    )(filled)
    return keras.layers.Flatten(name=f"{name}_flat")(embedded)


def member_layer(
    value: keras.KerasTensor, width: int, rate: float, options: TabularOptions, number: int
) -> keras.KerasTensor:
    """Adds a dense layer whose kernel all members share, with its dropout.

    Args:
      value: What each member knows, (batch, members, own width).
      width: Width of the layer.
      rate: Rate of the dropout.
      options: The ``model:`` block.
      number: Number of the layer, for the names of its parts.

    Returns:
      Tensor (batch, members, width).
    """
    name = f"dense{number}"
    value = keras.layers.Dense(
        width,
        use_bias=False,
        kernel_initializer=options.initializer,
        kernel_regularizer=regularizer(options),
        name=name,
    )(value)
    value = activated(MemberScale(use_bias=True, name=f"{name}_members")(value), options, name)
    return keras.layers.Dropout(rate, name=f"{name}_dropout")(value) if rate else value


def answer(value: keras.KerasTensor, output: OutputSpec, options: TabularOptions) -> keras.KerasTensor:
    """Returns what the members say together: float32 (batch, units), as the task's last layer gives it.

    Classes come from the mean of the logits, numbers are the mean of the members' own.
    """
    task = output.task
    logits = keras.layers.EinsumDense(
        "bkd,kdu->bku",
        output_shape=(options.members, output.units),
        bias_axes="ku",
        dtype="float32",
        name="members_answer",
    )(value)
    activation = HEADS[task].activation
    if task == "bounded_regression":  # each member answers with a number, and those are what is averaged
        logits = keras.layers.Activation(activation, dtype="float32", name="members_bounded")(logits)
        activation = "linear"
    if options.members > 1:
        logits = EachMember(task, dtype="float32", name="each_member")(logits)
    mean = keras.layers.GlobalAveragePooling1D(dtype="float32", name="members_mean")(logits)
    return keras.layers.Activation(activation, dtype="float32", name="output")(mean)


@keras.saving.register_keras_serializable("kerasline")
class MemberScale(keras.layers.Layer):
    """Multiplies what each member holds by its own numbers, and perhaps adds others.

    An EinsumDense does the same, at twice the time of a whole step on a CPU; see :meth:`plain`.

    Args:
      initializer: Initializer of the factors.
      use_bias: Whether to add a number as well.
    """

    def __init__(self, initializer: Any = "ones", *, use_bias: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.initializer = keras.initializers.get(initializer)
        self.use_bias = use_bias

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes (members, width) factors, and as many numbers to add."""
        shape = tuple(input_shape[1:])
        self.factors = self.add_weight(shape=shape, initializer=self.initializer, name="factors")
        self.bias = self.add_weight(shape=shape, initializer="zeros", name="bias") if self.use_bias else None

    def call(self, values: keras.KerasTensor) -> keras.KerasTensor:
        """Args: values (batch, members, width). Returns: the same shape."""
        scaled = values * self.factors
        return scaled if self.bias is None else scaled + self.bias

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Returns the shape unchanged."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Returns what the constructor takes."""
        initializer = keras.initializers.serialize(self.initializer)
        return {**super().get_config(), "initializer": initializer, "use_bias": self.use_bias}

    def plain(self) -> keras.layers.Layer:
        """Returns a layer of Keras' own that gives the same, for files that others load."""
        shape = tuple(self.factors.shape)
        same = keras.layers.EinsumDense(
            "bkd,kd->bkd", output_shape=shape, bias_axes="kd" if self.use_bias else None, name=self.name
        )
        same.build((None, *shape))
        same.set_weights(self.get_weights())
        return same


@keras.saving.register_keras_serializable("kerasline")
class EachMember(keras.layers.Layer):
    """Makes the loss of the common answer the mean of the members' losses, by adding what lies between them.

    For the tasks' own losses that difference is how far the members are apart, and labels have no part in it: for
    squared errors their variance; for crossentropies the mean of their log normalisers less that of the mean logits.
    Where rows are weighed the difference is not. Outside training the layer does nothing.

    Source: Wood et al., A Unified Theory of Diversity in Ensemble Learning (JMLR 2023).

    Args:
      task: Task whose default loss is meant.
    """

    def __init__(self, task: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.task = task

    def call(self, answers: keras.KerasTensor, training: bool = False) -> keras.KerasTensor:
        """Args: answers (batch, members, units). Returns: the same."""
        if training:
            self.add_loss(keras.ops.mean(disagreement(answers, self.task)))
        return answers

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Returns the shape unchanged."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Returns what the constructor takes."""
        return {**super().get_config(), "task": self.task}


def disagreement(answers: keras.KerasTensor, task: str) -> keras.KerasTensor:
    """Returns the mean of the members' losses less the loss of their mean answer, for each row (and output).

    Args:
      answers: Logits of classes or numbers, (batch, members, units).
      task: Task whose default loss is meant.
    """
    ops = keras.ops
    mean = ops.mean(answers, axis=1)
    if task == "multiclass":
        return ops.mean(ops.logsumexp(answers, axis=-1), axis=1) - ops.logsumexp(mean, axis=-1)
    if task in ("binary", "multilabel"):
        return ops.mean(ops.softplus(answers), axis=1) - ops.softplus(mean)
    return ops.mean(ops.square(answers - mean[:, None, :]), axis=1)
