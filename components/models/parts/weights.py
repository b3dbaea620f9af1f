"""Loads weights from files, layer by layer, so that an error can name the layer and both shapes."""

from __future__ import annotations

from pathlib import Path

import h5py
import keras
import numpy as np

from kerasline.components.core import ConfigError
from kerasline.components.models.description import check_archive, check_weights_file, open_weights
from kerasline.components.models.parts.layers import layer_name

Arrays = dict[str, list[np.ndarray]]


def load_weights(model: keras.Model, path: str | Path) -> None:
    """Loads weights into ``model``.

    Args:
      model: A network whose layers get the values.
      path: File of a Keras model (``.keras``), Keras weights (``.weights.h5``), or HDF5 of the classic layout
        (``.h5``: weights or a whole model), with or without more layers, such as a top, than ``model`` has.

    Raises:
      ConfigError: the file is missing or unreadable, takes values from other files of this machine, or does not fit;
        names the layer and both shapes.
    """
    path = Path(path).expanduser()
    check_weights_file(path)
    _assign(model, _from_keras(path) if path.suffix == ".keras" else _from_hdf5(path), path)


def leaf_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """Returns the layers with weights, those of nested models in their place."""
    leaves: list[keras.layers.Layer] = []
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            leaves.extend(leaf_layers(layer))
        elif layer.weights:
            leaves.append(layer)
    return leaves


def _assign(model: keras.Model, arrays: Arrays, path: Path) -> None:
    """Sets each layer's weights; either all of them or, with an error, none."""
    layers = [layer for layer in leaf_layers(model) if _values(layer)]
    values = _values_of_layers([layer.name for layer in layers], arrays, model.name, path)
    for layer, given in zip(layers, values, strict=True):
        _check_shapes(layer, given, model.name, path)
    for layer, given in zip(layers, values, strict=True):
        for weight, value in zip(_values(layer), given, strict=True):
            weight.assign(value)


def _values_of_layers(names: list[str], arrays: Arrays, network: str, path: Path) -> list[list[np.ndarray]]:
    """Finds the values of each layer by its name, or by order where no name but their number agrees.

    Args:
      names: Names of the layers.
      arrays: What the file has, by the names in it.
      network: Name of the model, for messages.
      path: The file, for messages.

    Raises:
      ConfigError: the file has nothing for a layer.
    """
    missing = [name for name in names if name not in arrays]
    if len(missing) == len(names) == len(arrays):
        return list(arrays.values())
    if missing:
        has = (", ".join(list(arrays)[:8]) or "none") + (", ..." if len(arrays) > 8 else "")
        raise ConfigError(
            f"Weights {path.name!r} have nothing for layer {missing[0]!r} of {network} ({len(missing)} of "
            f"{len(names)} layers are missing; the file has layers {has}); give weights of the same network."
        )
    return [arrays[name] for name in names]


def _check_shapes(layer: keras.layers.Layer, given: list[np.ndarray], network: str, path: Path) -> None:
    """Refuses values of other shapes than those of a layer's weights."""
    wanted, came = [tuple(weight.shape) for weight in _values(layer)], [value.shape for value in given]
    if wanted != came:
        raise ConfigError(
            f"Weights {path.name!r} do not fit layer {layer.name!r} of {network}: it has shapes "
            f"{_text(wanted)}, the file has {_text(came)}; give weights of the same network, or change "
            "model.base and its options."
        )


def _values(layer: keras.layers.Layer) -> list[keras.Variable]:
    """Returns what a weights file holds of a layer: not the state of its random numbers."""
    return [weight for weight in layer.weights if "seed_generator_state" not in weight.path]


def _text(shapes: list[tuple[int, ...]]) -> str:
    return ", ".join(str(shape) for shape in shapes) or "none"


def _from_keras(path: Path) -> Arrays:
    """Reads a whole Keras model and returns the values of its layers."""
    check_archive(path)
    try:
        model = keras.saving.load_model(path, compile=False)
    except (ValueError, TypeError, OSError, KeyError) as error:
        raise ConfigError(f"Weights {path.name!r} cannot be read as a Keras model ({error}); save it again.") from error
    return {
        layer.name: [keras.ops.convert_to_numpy(weight) for weight in _values(layer)] for layer in leaf_layers(model)
    }


def _from_hdf5(path: Path) -> Arrays:
    """Reads HDF5, of the classic layout or of Keras 3's ``.weights.h5``, and returns the values of its layers."""
    try:
        with open_weights(path) as file:
            group = file.get("model_weights", file)
            names = _names(group, "layer_names")
            if not names:
                return _from_keras_weights(file)
            return {
                layer_name(name): values
                for name in names
                if (values := [np.asarray(group[name][key]) for key in _names(group[name], "weight_names")])
            }
    except (OSError, KeyError) as error:
        raise ConfigError(f"Weights {path.name!r} cannot be read as HDF5 ({error}); fetch the file again.") from error


def _from_keras_weights(file: h5py.File) -> Arrays:
    """Reads the groups ``vars`` of ``.weights.h5``: each has its layer's name as an attribute."""
    arrays: Arrays = {}

    def visit(_: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Group) and "name" in item.attrs and len(item):
            arrays[str(item.attrs["name"])] = [np.asarray(item[str(number)]) for number in range(len(item))]

    file.visititems(visit)
    return arrays


def _names(group: h5py.Group, attribute: str) -> list[str]:
    """Returns a list of names; h5py splits long ones into ``name0``, ``name1``, ..."""
    if attribute in group.attrs:
        parts = [group.attrs[attribute]]
    else:
        keys = sorted((k for k in group.attrs if k.startswith(attribute)), key=lambda k: int(k[len(attribute) :]))
        parts = [group.attrs[key] for key in keys]
    return [name.decode() if isinstance(name, bytes) else str(name) for part in parts for name in part]
