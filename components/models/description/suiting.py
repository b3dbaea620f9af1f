"""Whether a model can be built at all: its inputs, its function, its weights; light, so that it is told at once."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Sequence
from pathlib import Path

from kerasline.components.core import ConfigError, lack_of_file, shown
from kerasline.components.models.description.options import (
    AugmentationOptions,
    CnnOptions,
    HubOptions,
    MlpOptions,
    ModelOptions,
    SequenceOptions,
    TabularOptions,
    TransferOptions,
    per_layer,
)
from kerasline.components.models.description.presets import check_packages, read_preset
from kerasline.components.models.description.spec import InputSpec

ALSO = {
    "image": "cnn or transfer",
    "array": "cnn or sequence",
    "tokens": "sequence",
    "dense": "mlp",
    "ids": "mlp",
}
SIDE_KINDS = ("dense", "ids")
SQUEEZENET_FILE = "squeezenet_imagenet_notop.h5"
WEIGHT_FILES = (".h5", ".keras")
_DOWNLOADS = ("storage.googleapis.com", 443)
_SECONDS = 1.0


def main_input(family: str, inputs: Sequence[InputSpec], kinds: tuple[str, ...]) -> InputSpec:
    """Returns the one input of these kinds; all others must be side columns (dense, ids).

    Raises:
      ConfigError: there is none, more than one, or an input of another kind; says which family would suit.
    """
    found = [spec for spec in inputs if spec.kind in kinds]
    others = [spec for spec in inputs if spec.kind not in (*kinds, *SIDE_KINDS)]
    wanted = " or ".join(kinds)
    if others:
        raise ConfigError(
            f"model.family {family} takes one {wanted} input, but {others[0].name!r} is of kind "
            f"{others[0].kind}; use family {ALSO[others[0].kind]}."
        )
    if not found:
        kinds_given = ", ".join(sorted({spec.kind for spec in inputs}))
        raise ConfigError(
            f"model.family {family} takes one {wanted} input, but the data has only {kinds_given} "
            "inputs; use family mlp."
        )
    if len(found) > 1:
        names = ", ".join(repr(spec.name) for spec in found)
        raise ConfigError(
            f"model.family {family} takes one {wanted} input, but the data has {len(found)} ({names}); "
            "leave one of them in the features, or use family custom."
        )
    return found[0]


def check_augmentation(options: AugmentationOptions, inputs: Sequence[InputSpec]) -> None:
    """Raises ConfigError where changes to images are asked for, but no input is one."""
    if options.active and not any(spec.kind == "image" for spec in inputs):
        kinds = ", ".join(sorted({spec.kind for spec in inputs}))
        raise ConfigError(
            f"model.augmentation changes images, but the data has only {kinds} inputs; leave model.augmentation out."
        )


def check_inputs(options: ModelOptions, inputs: Sequence[InputSpec]) -> None:
    """Refuses a family that does not read what the data has.

    Raises:
      ConfigError: says which family would suit.
    """
    if isinstance(options, CnnOptions):
        check_size(options, main_input("cnn", inputs, ("image", "array")))
        check_augmentation(options.augmentation, inputs)
    elif isinstance(options, SequenceOptions):
        main_input("sequence", inputs, ("array", "tokens"))
    elif isinstance(options, TransferOptions):
        main_input("transfer", inputs, ("image",))
    elif isinstance(options, HubOptions):
        check_preset(options, inputs)
    elif isinstance(options, MlpOptions):
        refuse_tokens(inputs)
        check_augmentation(options.augmentation, inputs)
    elif isinstance(options, TabularOptions):
        refuse_others(inputs)


def pooling_sizes(options: CnnOptions) -> tuple[int, ...]:
    """Returns the pooling factor of each stage, 1 where it has none."""
    if isinstance(options.pooling, tuple):
        return options.pooling
    return (options.pooling,) * (len(options.filters) - 1) + (1,)


def check_size(options: CnnOptions, spec: InputSpec) -> None:
    """Raises ConfigError where a stage would be left with less than one position along an axis."""
    axes = spec.shape[:-1] if len(spec.shape) > 1 else spec.shape
    sides = list(axes)
    stages = len(options.filters)
    kernels, repeats = per_layer(options.kernel_size, stages), per_layer(options.convolutions, stages)
    for stage, pool in enumerate(pooling_sizes(options)):
        before = "x".join(str(side) for side in sides)
        if options.padding == "valid":
            sides = [side - repeats[stage] * (kernels[stage] - 1) for side in sides]
        sides = [side // pool for side in sides]
        if min(sides) < 1:
            raise ConfigError(
                f"Input {spec.name!r} of {'x'.join(str(side) for side in axes)} is too small for "
                f"model.family cnn: stage {stage + 1} of {stages} is left with {before}, less than its "
                f"kernel of {kernels[stage]} and pooling of {pool} need; use fewer filters, padding: same, "
                "or smaller kernel_size and pooling."
            )


def check_preset(options: HubOptions, inputs: Sequence[InputSpec]) -> None:
    """Raises ConfigError where the data has no input that a preset, which is a folder by now, reads."""
    preset = read_preset(Path(options.preset))
    check_augmentation(options.augmentation, inputs)
    if preset.kind == "tokens" and not any(spec.kind == "tokens" for spec in inputs):
        raise ConfigError(
            f"model.preset: {preset.backbone} reads text, but no column of the data is one; give the one that is "
            "meant as features: {COLUMN: text}"
        )
    spec = main_input("hub", inputs, (preset.kind,))
    if preset.kind == "tokens" and spec.vocabulary_size != (preset.vocabulary_size or 0) + 1:
        raise ConfigError(
            f"model.preset: {preset.backbone} reads word pieces of its own, but features.{spec.name} has others; leave "
            "its encode out, or give pieces"
        )
    if preset.kind == "tokens" and preset.longest and spec.shape[0] > preset.longest:
        raise ConfigError(
            f"features.{spec.name}.length: expected at most {preset.longest}, which {preset.backbone} reads, got "
            f"{spec.shape[0]}; give a smaller one"
        )


def refuse_others(inputs: Sequence[InputSpec]) -> None:
    """Raises ConfigError where an input of the tabular family is no column of a table."""
    for spec in inputs:
        if spec.kind not in SIDE_KINDS:
            raise ConfigError(
                f"model.family tabular takes columns of a table, but {spec.name!r} is of kind {spec.kind}; "
                f"use family {ALSO[spec.kind]}."
            )


def refuse_tokens(inputs: Sequence[InputSpec]) -> None:
    """Raises ConfigError where an input holds tokens, whose order a flat vector would lose."""
    for spec in inputs:
        if spec.kind == "tokens":
            raise ConfigError(
                f"model.family mlp takes columns, images and arrays, but {spec.name!r} holds tokens; "
                "use family sequence."
            )


def check_parts(options: ModelOptions) -> None:
    """Refuses weights that neither are there nor can be fetched.

    Args:
      options: Options of one family.

    Raises:
      ConfigError: names what is missing, and where it was looked for.
    """
    if isinstance(options, TransferOptions):
        _check_weights(options)
    elif isinstance(options, HubOptions):
        check_packages()


def keras_models() -> Path:
    """Returns the folder in which Keras keeps pretrained weights."""
    return Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser() / "models"


def squeezenet_weights() -> Path:
    """Returns where SqueezeNet's ImageNet weights lie; Keras has no download for them.

    Raises:
      ConfigError: they are not there; names the file and the folder.
    """
    path = keras_models() / SQUEEZENET_FILE
    if not path.is_file():
        raise ConfigError(
            f"SqueezeNet's ImageNet weights are not at {path}, and Keras offers no download of them; put the "
            f"file {SQUEEZENET_FILE} into {path.parent}, give its path as model.weights, or use weights: "
            "none."
        )
    return path


def _check_weights(options: TransferOptions) -> None:
    if options.weights == "none":
        return
    if options.weights != "imagenet":
        check_weights_file(Path(options.weights).expanduser())
    elif options.base == "squeezenet":
        squeezenet_weights()
    elif not _has_imagenet(options.base) and not _is_online():
        raise ConfigError(
            f"model.weights: expected ImageNet weights of {options.base} in {keras_models()} or a network to fetch "
            f"them through, but they are not there and {_DOWNLOADS[0]} does not answer; put Keras' file for "
            f"{options.base} without its top there, give its path as model.weights, or use weights: none"
        )


def check_weights_file(path: Path) -> None:
    """Refuses a path that is no file of weights by its name, or where no file is.

    Raises:
      ConfigError: says what is there.
    """
    if not path.is_file():
        raise ConfigError(
            f"model.weights must be imagenet, none, the path of a file or NAME@VERSION, but {shown(str(path))} "
            f"{lack_of_file(path)}."
        )
    if path.suffix not in WEIGHT_FILES:
        raise ConfigError(f"model.weights must end in .h5, .weights.h5 or .keras, got {path.name!r}; convert the file.")


def _has_imagenet(base: str) -> bool:
    """Says whether Keras' file of a base lies where Keras keeps it; their names differ in signs alone."""
    wanted = _plain(base)
    names = [_plain(path.name) for path in keras_models().glob("*.h5")]
    return any(wanted in name and "notop" in name for name in names)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _is_online() -> bool:
    """Says whether weights can be fetched; a proxy is believed."""
    if any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")):
        return True
    try:
        with socket.create_connection(_DOWNLOADS, timeout=_SECONDS):
            return True
    except OSError:
        return False
