"""What single layers give while a model runs, however deep they are nested in bases and blocks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any

import keras

Watched = dict[int, Any]  # by the id of the layer, in the order in which the layers ran


def every_layer(model: keras.Model) -> list[keras.layers.Layer]:
    """Lists the layers of a model and of the models inside it, without these models themselves."""
    found = []
    for layer in model.layers:
        found += every_layer(layer) if isinstance(layer, keras.Model) else [layer]
    return found


@contextmanager
def watch(layers: Sequence[keras.layers.Layer]) -> Iterator[Watched]:
    """Notes what layers give while the block runs.

    A symbolic model up to a nested layer cannot be made: that layer is joined to the input of its own base, and not to
    the input of the model around it. So the model runs as it is and its layers are listened to.
    """
    seen: Watched = {}
    try:
        for layer in layers:
            layer.call = _noting(layer, seen)
        yield seen
    finally:
        for layer in layers:
            vars(layer).pop("call", None)  # the method of the class is there again


def _noting(layer: keras.layers.Layer, seen: Watched) -> Any:
    call = layer.call

    @wraps(call)
    def noting(*args: Any, **kwargs: Any) -> Any:
        output = call(*args, **kwargs)
        seen.pop(id(layer), None)  # of a layer that runs twice the last time counts
        seen[id(layer)] = output
        return output

    return noting


def run_and_watch(model: keras.Model, inputs: Mapping[str, Any], layer: keras.layers.Layer) -> tuple[Any, Any]:
    """Runs a model on rows.

    Returns:
      What the model answers, and what the layer gave on the way.
    """
    with watch([layer]) as seen:
        answer = model(dict(inputs), training=False)
    return answer, seen[id(layer)]


def map_layers(model: keras.Model, inputs: Mapping[str, Any]) -> list[keras.layers.Layer]:
    """Lists the layers that give feature maps (height, width above 1), from the first convolution on.

    What comes before it (augmentation, resizing, the base's preprocessing) gives pixels and nothing that was learnt.

    Args:
      model: with or without bases inside it.
      inputs: name to [rows, ...]; the model runs on the first row.

    Returns:
      The layers in the order in which they run.
    """
    layers = every_layer(model)
    with watch(layers) as seen:
        model({name: values[:1] for name, values in inputs.items()}, training=False)
    by_id = {id(layer): layer for layer in layers}
    maps = [by_id[key] for key, output in seen.items() if _is_map(output)]
    first = next((index for index, layer in enumerate(maps) if _is_convolution(layer)), len(maps))
    return maps[first:]


def _is_map(output: Any) -> bool:
    shape = tuple(getattr(output, "shape", ()))
    return len(shape) == 4 and shape[1] > 1 and shape[2] > 1


def _is_convolution(layer: keras.layers.Layer) -> bool:
    kinds = keras.layers
    return isinstance(layer, (kinds.Conv2D, kinds.DepthwiseConv2D, kinds.SeparableConv2D, kinds.Conv2DTranspose))
