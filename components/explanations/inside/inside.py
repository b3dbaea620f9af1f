"""Pictures of what happens inside a model of images: its filters, its maps, what excites them, and where it looks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from kerasline.components.explanations.inside.images import activation_maps, first_filters, heat_maps, saliency_maps
from kerasline.components.explanations.inside.maximising import maximising_images
from kerasline.components.explanations.showing import overlay, picture, small
from kerasline.components.models import InputSpec, Task

MOST_EXCITED = 12  # maps whose exciting images are sought
SMALL_IMAGE = 96  # pixels; larger images take long and fill the page
Inputs = Mapping[str, np.ndarray]
Layers = Sequence[keras.layers.Layer]
Save = Callable[[str, bytes], str]  # a file's name and its PNG; returns where it is


def draw_filters(model: keras.Model, image: InputSpec, save: Save) -> dict[str, Any] | None:
    """Draws the filters of the first layer that reads pixels; None where it has none."""
    filters = first_filters(model, image)
    if filters is None:
        return None
    name, kernels = filters
    files = [save(f"filter-{i}.png", picture(_drawable(kernel))) for i, kernel in enumerate(kernels)]
    return {"layer": name, "shape": list(kernels.shape[1:]), "images": files}


def draw_activations(
    model: keras.Model, layers: Layers, inputs: Inputs, image: str, row: int, save: Save
) -> list[dict[str, Any]]:
    """Draws the strongest maps of the first and the last layer with maps, for one row.

    Returns:
      For each layer its name, ``row``, ``seen`` (the row's own image), ``maps`` (their numbers) and ``images``.
    """
    first_row = {name: values[:1] for name, values in inputs.items()}
    drawn = []
    seen = save("seen.png", small(picture(_drawable(first_row[image][0])))) if layers else None
    for index, layer in enumerate([layers[0], *layers[-1:]] if len(layers) > 1 else layers):
        strongest, maps = activation_maps(model, first_row, layer)
        files = [save(f"map-{index}-{i}.png", small(picture(map_))) for i, map_ in enumerate(maps)]
        drawn.append({"layer": layer.name, "row": row, "seen": seen, "maps": strongest, "images": files})
    return drawn


def draw_exciting(
    model: keras.Model, layer: keras.layers.Layer, strongest: Sequence[int], inputs: Inputs, image: str, save: Save
) -> dict[str, Any]:
    """Draws images that excite the strongest maps of a layer."""
    is_small = max(inputs[image].shape[1:3]) <= SMALL_IMAGE
    wanted = list(strongest[: MOST_EXCITED if is_small else MOST_EXCITED // 2])
    excited = maximising_images(model, layer, wanted, inputs, image)
    files = [save(f"excites-{i}.png", small(picture(_drawable(pixels)))) for i, pixels in enumerate(excited)]
    return {"layer": layer.name, "maps": wanted, "images": files}


def draw_heats(
    model: keras.Model,
    layers: Layers,
    inputs: Inputs,
    image: str,
    task: Task,
    entries: list[dict[str, Any]],
    save: Save,
) -> str:
    """Draws where the model looks in the image of each entry, which gets ``heat`` and ``saliency``.

    Returns:
      How the heat was found, in words.
    """
    method, heats = heat_maps(model, inputs, image, task)
    salient = saliency_maps(model, inputs, image, task) if layers else [None] * len(heats)
    for entry, pixels, heat, saliency in zip(entries, inputs[image], heats, salient, strict=False):
        low, high = float(pixels.min()), float(pixels.max())
        shown = (pixels - low) / (high - low) if low < 0 or high > 1 else pixels
        entry["heat"] = save(f"heat-{entry['row']}.png", small(overlay(shown, heat)))
        if saliency is not None:
            entry["saliency"] = save(f"saliency-{entry['row']}.png", small(picture(saliency)))
    return method


def _drawable(pixels: np.ndarray) -> np.ndarray:
    """Gives a kernel or an image one or three channels: the mean of more says where it looks, if not at which."""
    return pixels if pixels.shape[-1] in (1, 3) else pixels.mean(axis=-1)
