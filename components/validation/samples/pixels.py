"""Pixel statistics of a sample of images: histogram, brightness and contrast of every channel."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from kerasline.components.datasets.images import eight_bits
from kerasline.components.validation.samples.distances import chance_jensen_shannon, jensen_shannon

_BINS = 16
_LARGEST_SIDE = 256  # larger images are reduced first; their histogram stays the same
_HISTOGRAMS = ("pixels", "brightness", "contrast")


def profile_images(images: Iterable[bytes]) -> dict[str, Any]:
    """Measures encoded images.

    Args:
      images: Bytes of images in any format that Pillow reads; what cannot be decoded does not count.

    Returns:
      ``n`` images, ``channels`` and, for each channel, ``mean`` and ``std`` of all pixels (0 to 255) and three
      histograms of 16 bins: ``pixels`` (shares), ``brightness`` (images by mean) and ``contrast`` (images by deviation,
      0 to 128).
    """
    decoded = [pixels for pixels in map(_decode, images) if pixels is not None]
    channels = max((pixels.shape[1] for pixels in decoded), default=1)
    profile: dict[str, Any] = {"kind": "image", "n": len(decoded), "channels": channels}
    if decoded:
        profile |= _measure([_with_channels(pixels, channels) for pixels in decoded])
    return profile


def _with_channels(pixels: np.ndarray, channels: int) -> np.ndarray:
    """Gives an image, uint8 [pixels, own], so many channels: a grey one is as good as one with three that are equal."""
    return pixels if pixels.shape[1] == channels else np.repeat(pixels[:, :1], channels, 1)


def _measure(decoded: Sequence[np.ndarray]) -> dict[str, Any]:
    """Measures images, each uint8 [pixels, channels] with as many channels; see :func:`profile_images`."""
    means = np.array([pixels.mean(axis=0) for pixels in decoded])
    deviations = np.array([pixels.std(axis=0) for pixels in decoded])
    return {
        "mean": _rounded(means.mean(axis=0)),
        "std": _rounded(np.sqrt((deviations**2 + means**2).mean(axis=0) - means.mean(axis=0) ** 2)),
        "pixels": [_rounded(channel) for channel in _shares(decoded, means.shape[1])],
        "brightness": [_counts(channel, 256) for channel in means.T],
        "contrast": [_counts(channel, 128) for channel in deviations.T],
    }


def _shares(decoded: Sequence[np.ndarray], channels: int) -> np.ndarray:
    """Sums the histograms of images, each a uint8 array [pixels, channels], as shares of its own pixels.

    Returns:
      float64 [channels, bins].
    """
    shares = np.zeros((channels, _BINS))
    for pixels in decoded:
        for channel in range(channels):
            counts = np.bincount(pixels[:, channel] >> 4, minlength=_BINS)
            shares[channel] += counts / counts.sum()
    return shares


def image_distance(first: Mapping[str, Any], second: Mapping[str, Any]) -> tuple[float, float, str]:
    """Compares two profiles of images.

    Args:
      first: What :func:`profile_images` measured of the images in question.
      second: What it measured of those that they are compared with.

    Returns:
      The largest Jensen-Shannon divergence of any histogram of any channel, what chance allows it, and which it is.
    """
    if first["channels"] != second["channels"]:
        return 1.0, 0.0, f"{second['channels']} channels became {first['channels']}"
    chance = chance_jensen_shannon(_BINS, first["n"], second["n"])
    worst = (0.0, chance, "pixels")
    for name in _HISTOGRAMS:
        for channel in range(first["channels"]):
            one, other = np.array(first[name][channel]), np.array(second[name][channel])
            divergence = jensen_shannon(one, other)
            if divergence > worst[0]:
                worst = (divergence, chance, name if first["channels"] == 1 else f"{name} of channel {channel}")
    return worst


def _decode(encoded: bytes) -> np.ndarray | None:
    """Decodes to uint8 [pixels, channels], or None for what cannot be decoded: the reader has told of it already."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(encoded)) as image:
            image.draft("RGB", (_LARGEST_SIDE, _LARGEST_SIDE))  # JPEG decodes fewer pixels at once
            image.thumbnail((_LARGEST_SIDE, _LARGEST_SIDE), Image.Resampling.NEAREST)
            grey = image.mode in ("1", "L", "LA", "I", "I;16", "F")
            pixels = np.asarray(eight_bits(image).convert("L" if grey else "RGB"), np.uint8)
    except (OSError, ValueError, SyntaxError):
        return None
    return pixels.reshape(-1, 1 if grey else 3)


def _counts(values: np.ndarray, top: float) -> list[int]:
    """Counts values from 0 to ``top``, float64 [images], by bins of equal width."""
    bins = np.clip((values * _BINS / top).astype(int), 0, _BINS - 1)
    return [int(count) for count in np.bincount(bins, minlength=_BINS)]


def _rounded(values: np.ndarray) -> list[float]:
    """Cuts numbers to six digits, so that profiles stay short."""
    return [float(f"{value:.6g}") for value in values]
