"""Looks at one image file: can it be decoded in the graph, and how large is it?"""

from __future__ import annotations

import hashlib
import io
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".bmp")
_FORMATS = ("PNG", "JPEG", "MPO", "GIF", "BMP")  # MPO: a JPEG with more after it, as phones write them
_CHANNELS = {"1": 1, "L": 1, "LA": 1, "I": 1, "I;16": 1, "I;16B": 1, "F": 1, "RGBA": 4}
_THREADS = 4


@dataclass(frozen=True)
class Checked:
    """What is known of one file.

    Attributes:
      shape: (height, width, channels), channels 1 for grey, 3 for colour, 4 with alpha; None if it cannot be used.
      digest: sha256 of the bytes.
      problem: why it cannot be used.
    """

    shape: tuple[int, int, int] | None
    digest: str = ""
    problem: str = ""


def check_all(root: Path, paths: Sequence[Path], decode: bool, max_pixels: float) -> Iterator[Checked]:
    """Checks files in order, a few at a time.

    Args:
      root: links that lead out of it are not followed.
      paths: the files.
      decode: whether to decode all pixels, which finds damage behind the header.
      max_pixels: larger images are not used.
    """
    inside = root.resolve()
    with warnings.catch_warnings(), ThreadPoolExecutor(_THREADS) as pool:
        warnings.simplefilter("ignore")  # PIL warns of sizes and metadata that are judged here
        for begin in range(0, len(paths), 256):
            block = paths[begin : begin + 256]
            yield from pool.map(lambda path: check(path, inside, decode, max_pixels), block)


def check(path: Path, inside: Path, decode: bool, max_pixels: float) -> Checked:
    """Checks one file; whatever is wrong with it becomes ``problem``."""
    if path.is_symlink() and not path.resolve().is_relative_to(inside):
        return Checked(None, problem="a link that leads out of the data folder")
    try:
        content = path.read_bytes()
    except OSError as error:
        return Checked(None, problem=f"cannot be read ({error.strerror or error})")
    return examine(content, decode, max_pixels)


def examine(content: bytes, decode: bool, max_pixels: float) -> Checked:
    """Checks the bytes of one image."""
    from PIL import Image

    digest = hashlib.sha256(content).hexdigest()
    if not content:
        return Checked(None, digest, "empty file")
    try:
        with Image.open(io.BytesIO(content), formats=None) as image:
            if image.format not in _FORMATS:
                return Checked(None, digest, f"is {image.format}; only PNG, JPEG, GIF and BMP can be decoded")
            width, height = image.size
            if width * height > max_pixels:
                return Checked(
                    None, digest, f"{width}×{height} pixels, above the limit of {max_pixels / 1e6:g} megapixels"
                )
            shape = (height, width, _channels(image.mode, image.info, image.palette))
            if decode:
                image.load()
    except Image.DecompressionBombError:
        return Checked(None, digest, f"more pixels than the limit of {max_pixels / 1e6:g} megapixels")
    except Exception as error:  # decoders meet hostile bytes with any kind of exception
        return Checked(None, digest, f"cannot be decoded ({_reason(error)})")
    return Checked(shape, digest)


def plain_bytes(path: str | Path) -> bytes:
    """Reads an image for the graph: PNG and JPEG as they are, the first frame of GIF and BMP as PNG.

    TensorFlow cannot convert the channels of GIF and BMP, and reads few kinds of BMP.
    """
    content = Path(path).read_bytes()
    if content.startswith((b"\x89PNG", b"\xff\xd8")):
        return content
    import numpy as np
    from PIL import Image

    from kerasline.components.datasets.png import encode_png

    with Image.open(io.BytesIO(content)) as image:
        channels = _channels(image.mode, image.info, image.palette)
        return encode_png(np.asarray(image.convert({1: "L", 3: "RGB", 4: "RGBA"}[channels])))


def _channels(mode: str, info: dict, palette: object) -> int:
    if mode == "P":  # TensorFlow gives palettes as RGB, or RGBA where a colour is transparent
        return 4 if "transparency" in info else 3
    return _CHANNELS.get(mode, 3)


def _reason(error: Exception) -> str:
    # PIL shows the address of the buffer, which would differ from run to run.
    text = (str(error).splitlines() or [""])[0]
    return "not an image" if "cannot identify image file" in text else text[:100] or type(error).__name__
