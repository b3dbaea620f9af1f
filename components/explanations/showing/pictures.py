"""Pictures small enough for a page: thumbnails of images in the data, and arrays drawn as images."""

from __future__ import annotations

import base64
import io

import numpy as np

from kerasline.components.datasets.images import eight_bits

LONGEST_SIDE = 160  # pixels of a thumbnail
_PIXELS_KEPT_SHARP = 64  # smaller images are enlarged by whole factors, so that their pixels stay squares


def thumbnail(encoded: bytes) -> bytes | None:
    """Makes a PNG of at most LONGEST_SIDE pixels of an encoded image, None where it cannot be read."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(encoded)) as image:
            image.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
            grey = image.mode in ("1", "L", "I;16", "I")
            small = eight_bits(image).convert("L" if grey else "RGB")
    except (OSError, ValueError, Image.DecompressionBombError):
        return None
    small.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    return _png(small)


def picture(values: np.ndarray) -> bytes:
    """Makes a PNG of an array.

    Args:
      values: [height, width], [height, width, 1] or [height, width, 3]; stretched so that its least value is black
        and its greatest white.
    """
    from PIL import Image

    plain = np.asarray(values, np.float64)
    plain = plain[:, :, 0] if plain.ndim == 3 and plain.shape[2] == 1 else plain
    low, high = float(np.nanmin(plain)), float(np.nanmax(plain))
    scaled = (plain - low) / (high - low) if high > low else np.zeros_like(plain)
    return _png(Image.fromarray((np.nan_to_num(scaled) * 255).round().astype(np.uint8)))


def small(png: bytes) -> bytes:
    """Makes a picture no larger than a thumbnail."""
    return thumbnail(png) or png


def overlay(image: np.ndarray, heat: np.ndarray) -> bytes:
    """Makes a PNG of an image with a heat map over it.

    Args:
      image: [height, width, 1 or 3], 0..1.
      heat: [rows, columns], 0..1; enlarged to the image.
    """
    from PIL import Image

    height, width = image.shape[:2]
    map_ = Image.fromarray((np.clip(heat, 0, 1) * 255).astype(np.uint8)).resize(
        (width, height), Image.Resampling.BILINEAR
    )
    share = np.asarray(map_, np.float64)[:, :, np.newaxis] / 255
    grey = image.mean(axis=2, keepdims=True).clip(0, 1)
    # From grey to orange: both ends differ in lightness too, so that colours are not all that tells.
    hot = np.array([1.0, 0.62, 0.1])
    mixed = grey * 0.75 * (1 - share) + (0.35 + 0.65 * grey) * hot * share
    return _png(Image.fromarray((mixed.clip(0, 1) * 255).round().astype(np.uint8)))


def data_uri(png: bytes | None) -> str | None:
    """Puts a PNG into an address that holds it."""
    return None if png is None else "data:image/png;base64," + base64.b64encode(png).decode()


def _png(image: object) -> bytes:
    from PIL import Image

    assert isinstance(image, Image.Image)
    longest = max(image.size)
    if longest <= _PIXELS_KEPT_SHARP:
        factor = max(1, _PIXELS_KEPT_SHARP // longest)
        image = image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
