"""What many images together are like: sizes, channels, depth, and a hash of their content."""

from __future__ import annotations

import hashlib

from kerasline.components.core import ConfigError, counted
from kerasline.components.datasets.description import Column
from kerasline.components.datasets.images.image_check import Checked

_SIXTEEN_BITS = 65_535
_COLOUR = 3
_CHANNELS = {1: "grey", 3: "colour", 4: "colour with alpha"}


class Survey:
    """Collects sizes, channels and content of the images that are looked at."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._first: tuple[int, int, int] | None = None
        self._channels: set[int] = set()
        self._heights: set[int] = set()
        self._widths: set[int] = set()
        self._levels: list[int] = []  # of the images of 16 bits a channel
        self._turned = 0

    def add(self, checked: Checked, name: str) -> None:
        """Takes in one image.

        Args:
          checked: What is known of it.
          name: Part of the fingerprint, beside its content.
        """
        self._digest.update(f"{name}\0{checked.digest}\0{checked.problem}\n".encode("utf-8", "surrogateescape"))
        if checked.shape is not None:
            self._first = self._first or checked.shape
            self._heights.add(checked.shape[0])
            self._widths.add(checked.shape[1])
            self._channels.add(checked.shape[2])
            if checked.levels is not None:
                self._levels.append(checked.levels)
            self._turned += checked.turned

    @property
    def digest(self) -> str:
        """The sha256 over names and contents."""
        return self._digest.hexdigest()

    @property
    def notes(self) -> tuple[str, ...]:
        """Says so where images differ, and what is done to them."""
        found = []
        if len(self._heights) > 1 or len(self._widths) > 1:
            low, high = (f"{pick(self._heights)}×{pick(self._widths)}" for pick in (min, max))
            found.append(f"images differ in size (height × width): from {low} to {high}")
        if len(self._channels) > 1:
            found.append(f"images differ in channels: {', '.join(_CHANNELS[c] for c in sorted(self._channels))}")
        if self._levels and max(self._levels) < _SIXTEEN_BITS:
            found.append(
                f"{counted(len(self._levels), 'image has', 'images have')} 16 bits a channel; their pixels are divided "
                f"by {max(self._levels):,}, the largest value of as many bits as they need"
            )
        if self._turned:
            found.append(
                f"{counted(self._turned, 'image is', 'images are')} turned as EXIF data says, here and by 'kerasline "
                "predict' and 'serve'; whoever sends images to another server of the model turns them before"
            )
        return tuple(found)

    def column(self) -> Column:
        """Describes the column: size of the first image, and channels that suit all of them.

        Raises:
          ConfigError: There is no image that can be used.
        """
        if self._first is None:
            raise ConfigError("None of the images can be used; see the reasons by setting images.empty_classes: skip.")
        alike = len(self._channels) == 1
        channels = next(iter(self._channels)) if alike else _COLOUR  # which grey becomes, and what alpha is cut from
        shape = (*self._first[:2], channels)
        return Column(name="image", dtype="image", shape=shape, levels=max(self._levels, default=None))
