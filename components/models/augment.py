"""Random changes to training images, as layers inside the model; outside training they do nothing."""

from __future__ import annotations

from typing import Any

import keras

from kerasline.components.models.description import AugmentationOptions


@keras.saving.register_keras_serializable("kerasline")
class RandomCutout(keras.layers.Layer):
    """Blanks a square of each training image at a random place.

    Args:
      size: Side of the square as a fraction of the image's shorter side.
      seed: Seed of the places.
    """

    def __init__(self, size: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not 0 <= size < 1:
            raise ValueError(f"size must be a fraction in [0, 1), not {size}; 0.25 blanks a quarter of the side")
        self.size = size
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, images: keras.KerasTensor, training: bool = False) -> keras.KerasTensor:
        """Args: images (batch, height, width, channels). Returns: the same shape."""
        if not training:
            return images
        ops = keras.ops
        batch = ops.shape(images)[0]
        height, width = images.shape[1], images.shape[2]
        half = max(1, round(self.size * min(height, width))) / 2
        places = keras.random.uniform((batch, 2), seed=self.seed_generator)
        centre_y = places[:, 0] * height
        centre_x = places[:, 1] * width
        rows = ops.arange(height, dtype="float32") + 0.5
        columns = ops.arange(width, dtype="float32") + 0.5
        in_rows = ops.abs(rows[None, :] - centre_y[:, None]) < half
        in_columns = ops.abs(columns[None, :] - centre_x[:, None]) < half
        inside = ops.logical_and(in_rows[:, :, None], in_columns[:, None, :])
        return ops.where(inside[..., None], ops.zeros_like(images), images)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Returns the shape unchanged."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Returns what the constructor takes."""
        return {**super().get_config(), "size": self.size, "seed": self.seed}


def build_augmentation(options: AugmentationOptions) -> list[keras.layers.Layer]:
    """Returns the layers that the options ask for, in order; none where nothing is asked for.

    They read and give images float32 (batch, height, width, channels) in [0, 1].
    """
    layers = keras.layers
    fill = {"fill_mode": options.fill, "fill_value": 0.0}
    made: list[keras.layers.Layer] = []
    if options.flip != "none":
        mode = "horizontal_and_vertical" if options.flip == "both" else options.flip
        made.append(layers.RandomFlip(mode, name="augment_flip"))
    if options.rotate:
        made.append(layers.RandomRotation(options.rotate / 360, name="augment_rotate", **fill))
    if options.zoom:
        made.append(layers.RandomZoom(options.zoom, name="augment_zoom", **fill))
    if options.translate:
        made.append(layers.RandomTranslation(options.translate, options.translate, name="augment_translate", **fill))
    if options.contrast:
        made.append(layers.RandomContrast(options.contrast, value_range=(0, 1), name="augment_contrast"))
    if options.cutout:
        made.append(RandomCutout(options.cutout, name="augment_cutout"))
    return made


@keras.saving.register_keras_serializable("kerasline")
class Augmentation(keras.layers.Layer):
    """Applies the layers of :func:`build_augmentation` in training and nothing otherwise.

    Keras' own layers change images wherever nobody says ``training=False``, an exported model included.

    Args:
      options: :class:`AugmentationOptions`, or a dict of them.
    """

    def __init__(self, options: AugmentationOptions | dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.options = AugmentationOptions.model_validate(options)
        self.changes = build_augmentation(self.options)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Builds the layers inside; none of them changes the shape."""
        for change in self.changes:
            change.build(input_shape)

    def call(self, images: keras.KerasTensor, training: bool = False) -> keras.KerasTensor:
        """Args: images (batch, height, width, channels) in [0, 1]. Returns: the same shape."""
        if training:
            for change in self.changes:
                images = change(images, training=True)
        return images

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Returns the shape unchanged."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Returns what the constructor takes."""
        return {**super().get_config(), "options": self.options.model_dump()}


def augmented(images: keras.KerasTensor, options: AugmentationOptions) -> keras.KerasTensor:
    """Returns ``images`` after :class:`Augmentation`, or as they are where nothing is asked for."""
    return Augmentation(options, name="augmentation")(images) if options.active else images
