"""The options of every model family, as they stand under ``model:`` in a config; light: imports no Keras.

One class a family, told apart by ``family``. Field descriptions become the JSON schema that editors show.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from kerasline.components.core import nearest, refuse_boolean
from kerasline.components.models.description.bases import BASES
from kerasline.components.own_code import OwnName

Activation = Literal[
    "relu", "relu6", "leaky_relu", "elu", "selu", "gelu", "silu", "swish", "mish", "tanh", "sigmoid",
    "hard_sigmoid", "softplus", "softsign", "exponential", "linear",
]  # fmt: skip
Initializer = Literal[
    "glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_uniform", "lecun_normal",
    "orthogonal", "random_normal", "random_uniform", "truncated_normal",
]  # fmt: skip
Count = Annotated[int, Field(ge=1, le=1_000_000, strict=True)]
NotBoolean = BeforeValidator(partial(refuse_boolean, float))
Rate = Annotated[float, Field(ge=0, lt=1), NotBoolean]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Penalty = Annotated[float, Field(ge=0), NotBoolean]


def _as_tuple(value: Any) -> Any:
    """Lets a single number stand for a list of one."""
    return (value,) if isinstance(value, int) and not isinstance(value, bool) else value


Counts = Annotated[tuple[Count, ...], BeforeValidator(_as_tuple, json_schema_input_type=Count | list[Count])]
SomeCounts = Annotated[Counts, Field(min_length=1)]
CountEach = Count | tuple[Count, ...]
RateEach = Rate | tuple[Rate, ...]
EmbeddingDim = Annotated[int, Field(ge=1, le=4096, strict=True)] | Literal["auto"]


def per_layer(value: Any, layers: int) -> tuple[Any, ...]:
    """Returns one value for each layer: a single value is repeated, a list is returned as it is."""
    return tuple(value) if isinstance(value, tuple) else (value,) * layers


def _name_the_bases(schema: dict[str, Any]) -> None:
    """Adds the names of the bases to a JSON schema."""
    schema["enum"] = sorted(BASES)


class _Options(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    def _require_length(self, name: str, of: str) -> None:
        """Refuses a list that does not have one value for each entry of the field ``of``."""
        value, layers = getattr(self, name), len(getattr(self, of))
        if isinstance(value, tuple) and len(value) != layers:
            raise ValueError(
                f"{name} must be one number or a list of {layers} (one for each of {of}), not a list of {len(value)}"
            )

    def _require_dropout(self) -> None:
        """Refuses a list of rates that does not have one for each entry of ``dense``."""
        dense, dropout = (getattr(self, name) for name in ("dense", "dropout"))
        if dense:
            self._require_length("dropout", "dense")
        elif isinstance(dropout, tuple):
            raise ValueError("dropout must be one number where dense is empty, not a list")


class AugmentationOptions(_Options):
    """Random changes to training images; evaluation and serving see images as they are."""

    flip: Literal["none", "horizontal", "vertical", "both"] = "none"
    """Mirror images at random along these axes."""
    rotate: Annotated[float, Field(ge=0, le=180), NotBoolean] = 0.0
    """Rotate by up to this many degrees either way."""
    zoom: Annotated[float, Field(ge=0, lt=1), NotBoolean] = 0.0
    """Zoom in or out by up to this fraction."""
    translate: Annotated[float, Field(ge=0, lt=1), NotBoolean] = 0.0
    """Move by up to this fraction of height and width."""
    contrast: Annotated[float, Field(ge=0, lt=1), NotBoolean] = 0.0
    """Change the contrast by up to this fraction."""
    cutout: Annotated[float, Field(ge=0, lt=1), NotBoolean] = 0.0
    """Blank a square whose side is this fraction of the image's shorter side."""
    fill: Literal["constant", "nearest", "reflect", "wrap"] = "constant"
    """What rotation, zoom and translation put where no pixel is; ``constant`` is 0."""

    @property
    def active(self) -> bool:
        """Whether anything would change at all."""
        return self.flip != "none" or any((self.rotate, self.zoom, self.translate, self.contrast, self.cutout))


class _FamilyOptions(_Options):
    """What every family has; declared here so that ``family`` comes first wherever options are shown."""

    family: str


class DenseOptions(_FamilyOptions):
    """What the fully connected layers of every family share."""

    activation: Activation = "relu"
    """Activation of the hidden layers; the last layer's follows from the task."""
    batch_normalization: bool = False
    """Normalise each hidden layer before its activation."""
    l1: Penalty = 0.0
    """L1 penalty on the hidden layers' kernels."""
    l2: Penalty = 0.0
    """L2 penalty on the hidden layers' kernels."""
    initializer: Initializer = "glorot_uniform"
    """How the hidden layers' kernels start."""
    embedding_dim: EmbeddingDim = "auto"
    """Width of each ids column's embedding; ``auto`` grows with the vocabulary (10 values: 6, 1,000: 64)."""


class MlpOptions(DenseOptions):
    """A stack of dense layers, for tables and for whatever can be flattened."""

    family: Literal["mlp"] = "mlp"
    """Dense layers."""
    units: Counts = (64, 32)
    """Width of each hidden layer; an empty list makes a linear model."""
    dropout: RateEach = 0.0
    """Dropout after each hidden layer: one rate for all, or a list with one for each."""
    augmentation: AugmentationOptions = AugmentationOptions()
    """Random changes to training images."""

    @model_validator(mode="after")
    def _check(self) -> MlpOptions:
        self._require_length("dropout", "units")
        return self


class TabularOptions(DenseOptions):
    """Several networks that share their weights and answer together, for tables; numbers are embedded."""

    family: Literal["tabular"] = "tabular"
    """Members that share dense layers."""
    units: SomeCounts = (192, 192)
    """Width of each hidden layer."""
    members: Annotated[int, Field(ge=1, le=256, strict=True)] = 8
    """Networks that share the layers' weights and answer with their mean."""
    bins: Annotated[int, Field(ge=2, le=256, strict=True)] = 16
    """Bins of each number with scale piecewise, of equal shares of the rows."""
    embedding_dim: EmbeddingDim = 8
    """Width of each ids column's embedding; ``auto`` grows with the vocabulary (10 values: 6, 1,000: 64)."""
    number_dim: Annotated[int, Field(ge=1, le=256, strict=True)] = 8
    """Width of the embedding of each such number."""
    dropout: RateEach = 0.1
    """Dropout after each hidden layer: one rate for all, or a list with one for each."""
    ensemble: Annotated[int, Field(ge=1, le=32, strict=True)] = 1
    """Networks of other seeds, each fitted alone, whose mean is the one model's answer."""

    @model_validator(mode="after")
    def _check(self) -> TabularOptions:
        self._require_length("dropout", "units")
        return self


class CnnOptions(DenseOptions):
    """Convolutions in one, two or three dimensions by the input's rank, then dense layers."""

    family: Literal["cnn"] = "cnn"
    """Convolutions."""
    filters: SomeCounts = (32, 64, 64)
    """Filters of each stage."""
    kernel_size: CountEach = 3
    """Side of the kernels: one number for all stages, or a list with one for each."""
    convolutions: CountEach = 1
    """Convolutions in a stage, before its pooling: one number, or a list with one for each stage."""
    padding: Literal["same", "valid"] = "same"
    """``same`` keeps the size through a convolution, ``valid`` loses the border."""
    pooling: CountEach = 2
    """Pooling factor: one number pools after every stage but the last, a list has one for each (1: none)."""
    pooling_kind: Literal["max", "average"] = "max"
    """What pooling keeps of each window."""
    convolution_dropout: RateEach = 0.0
    """Dropout after each stage: one rate, or a list with one for each stage."""
    global_pooling: Literal["none", "average", "max"] = "none"
    """How the last stage becomes a vector: ``none`` flattens, the others pool each filter to one value."""
    dense: Counts = (64,)
    """Width of each dense layer after the convolutions; an empty list has none."""
    dropout: RateEach = 0.0
    """Dropout after each dense layer (if there is none, before the last layer): one rate, or one for each."""
    augmentation: AugmentationOptions = AugmentationOptions()
    """Random changes to training images."""

    @model_validator(mode="after")
    def _check(self) -> CnnOptions:
        for name in ("kernel_size", "convolutions", "pooling", "convolution_dropout"):
            self._require_length(name, "filters")
        self._require_dropout()
        return self


class SequenceOptions(DenseOptions):
    """Recurrent layers or convolutions along time, for series (steps, channels) and for token ids."""

    family: Literal["sequence"] = "sequence"
    """Series and texts."""
    layer: Literal["simple_rnn", "lstm", "gru", "conv1d"] = "lstm"
    """What walks along the steps."""
    units: SomeCounts = (64,)
    """Width of each of these layers (filters for conv1d)."""
    bidirectional: bool = False
    """Read the steps in both directions; doubles the width, and has no meaning for conv1d."""
    recurrent_dropout: Rate = 0.0
    """Dropout on the recurrent state; keeps a GPU from its fast kernel."""
    kernel_size: Count = 5
    """conv1d only: steps under one kernel."""
    pooling: Count = 2
    """conv1d only: pooling factor after every layer but the last."""
    reduce: Literal["auto", "last", "average", "max"] = "auto"
    """How the steps become one vector; ``auto``: last state of recurrent layers, maximum of conv1d."""
    token_dim: EmbeddingDim = 64
    """Width of the embedding of token ids."""
    mask: bool = True
    """Skip padding (token 0)."""
    dense: Counts = ()
    """Width of each dense layer after that."""
    dropout: Rate = 0.0
    """Dropout after each layer."""

    @model_validator(mode="after")
    def _check(self) -> SequenceOptions:
        if self.layer == "conv1d" and (self.bidirectional or self.recurrent_dropout):
            raise ValueError(
                "bidirectional and recurrent_dropout go with simple_rnn, lstm and gru; leave them out for layer: conv1d"
            )
        if self.layer == "conv1d" and self.reduce == "last":
            raise ValueError("reduce must be average or max for layer: conv1d, not last")
        return self


class TransferOptions(DenseOptions):
    """A network trained on ImageNet (or your own weights) under a new head, for photographs."""

    family: Literal["transfer"] = "transfer"
    """A pretrained base under a new head."""
    base: str = Field(default="mobilenet_v2", json_schema_extra=_name_the_bases)
    """The base network: squeezenet, or one of keras.applications in snake case."""
    weights: str = "imagenet"
    """``imagenet``, ``none`` (random), the path of an .h5, .weights.h5 or .keras file, or a version of the registry
    as ``NAME@VERSION``."""
    weights_digest: Sha256 | tuple[Sha256, ...] | None = None
    """SHA-256 of the file of weights, or of each one that a search tries; where the recipe gives it, other files are
    refused. The plan finds it out."""
    freeze: str = "auto"
    """``all``, ``none``, the last layer to freeze, or ``auto``: all, but none where weights are random."""
    input_size: Count | tuple[Count, Count] | Literal["auto"] = "auto"
    """Side, or height and width, in pixels; ``auto`` is from 96 to the size that the base was trained at."""
    alpha: Annotated[float, Field(gt=0, le=2), NotBoolean] = 1.0
    """Width multiplier, mobilenet and mobilenet_v2 only."""
    pooling: Literal["average", "max", "flatten"] = "average"
    """How the base's last feature map becomes a vector."""
    dense: Counts = ()
    """Width of each dense layer between base and last layer."""
    dropout: RateEach = 0.2
    """Dropout after each dense layer (if there is none, before the last layer): one rate, or one for each."""
    augmentation: AugmentationOptions = AugmentationOptions()
    """Random changes to training images."""

    @field_validator("base")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in BASES:
            raise ValueError(f"base must be one of {', '.join(sorted(BASES))}, not {value!r}.{nearest(value, BASES)}")
        return value

    @model_validator(mode="after")
    def _check(self) -> TransferOptions:
        self._require_dropout()
        if self.alpha != 1.0 and self.base not in ("mobilenet", "mobilenet_v2"):
            raise ValueError(f"alpha goes with mobilenet and mobilenet_v2; leave it out for base: {self.base}")
        return self


class HubOptions(DenseOptions):
    """A pretrained network of KerasHub under a new head, for texts and photographs; needs ``make setup HUB=1``."""

    family: Literal["hub"] = "hub"
    """A preset of KerasHub."""
    preset: Annotated[str, Field(min_length=1)]
    """A folder that ``save_to_preset`` has written, relative to the recipe, or a handle: ``hf://USER/NAME@REVISION`` or
    ``kaggle://USER/MODEL/keras/NAME``. Of texts, presets of BERT, DistilBERT and ELECTRA."""
    digest: Sha256 | None = None
    """SHA-256 of the preset's files; where the recipe gives it, other files are refused. The plan finds it out."""
    trainable: bool = True
    """Whether the network's own weights are fitted, too, or the head alone."""
    pooling: Literal["auto", "first", "average"] = "auto"
    """How the network's answer becomes one vector; ``auto``: its own vector of the whole, where it has one."""
    dense: Counts = ()
    """Width of each dense layer between network and last layer."""
    dropout: RateEach = 0.1
    """Dropout after each dense layer (if there is none, before the last layer): one rate, or one for each."""
    augmentation: AugmentationOptions = AugmentationOptions()
    """Random changes to training images."""

    @model_validator(mode="after")
    def _check(self) -> HubOptions:
        self._require_dropout()
        return self


class CustomOptions(_FamilyOptions):
    """A model that a function of yours builds."""

    family: Literal["custom"] = "custom"
    """Your own function."""
    build: OwnName
    """``package.module:function``: takes (config, inputs, output) and returns an uncompiled keras.Model."""
    config: dict[str, Any] = {}
    """Handed to the function as it is; a tuning space reaches into it with ``model.config.KEY``."""
    features: Literal["joined", "apart"] = "joined"
    """How the function sees the columns of a table: side by side in one tensor, or each as an input of its own."""


ModelOptions = Annotated[
    MlpOptions | TabularOptions | CnnOptions | SequenceOptions | TransferOptions | HubOptions | CustomOptions,
    Field(discriminator="family"),
]
