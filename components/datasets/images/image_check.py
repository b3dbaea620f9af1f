"""Looks at one image file: can it be decoded in the graph, and how large is it?"""

from __future__ import annotations

import hashlib
import io
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasline.components.datasets.files import GIT_LFS, HEIF, SVG, name_kind
from kerasline.components.datasets.images.png import is_whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SUFFIXES = (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".avif")
OTHER_SUFFIXES = (".heic", ".heif", ".jp2", ".jxl", ".svg", ".ico", ".dcm", ".ppm", ".tga", ".dng", ".cr2", ".nef")
_FORMATS = ("PNG", "JPEG", "MPO", "GIF", "BMP", "WEBP", "TIFF", "AVIF")  # MPO: a JPEG with more after it, by phones
_PLAIN = (b"\x89PNG", b"\xff\xd8")  # PNG and JPEG, which the graph decodes
_NARROW = (b"\x01", b"\x02", b"\x04")  # bits a pixel of PNG files
_CONVERTED = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")  # modes that Pillow makes RGB of
_DEEP_GREY = "I;16"  # how modes begin of grey pixels of 16 bits; the order of their bytes follows
_CHANNELS = {"1": 1, "L": 1, "LA": 1, "I": 1, "I;16": 1, "I;16B": 1, "F": 1, "RGBA": 4}
_THREADS = 4
_START_BYTES = 2048  # that tell what a file is which is no image
_EXIF_ORIENTATION, _EXIF_BYTES = 0x0112, 1 << 16
_TURNED, _LYING = range(2, 9), range(5, 9)  # of the orientations 1 to 8; lying images change their sides


@dataclass(frozen=True)
class Checked:
    """What is known of one file.

    Attributes:
      shape: (height, width, channels), channels 1 for grey, 3 for colour, 4 with alpha; None if it cannot be used.
      digest: sha256 of the bytes.
      problem: why it cannot be used.
      levels: of a file with 16 bits a channel, the largest value of a pixel of as many bits as its pixels need, 255 to
        65535; None of any other.
      turned: whether its EXIF data says that it is to be turned or mirrored; ``shape`` is that of the turned image.
    """

    shape: tuple[int, int, int] | None
    digest: str = ""
    problem: str = ""
    levels: int | None = None
    turned: bool = False


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
    problem = path_problem(path, inside)
    if problem:
        return Checked(None, problem=problem)
    try:
        content = path.read_bytes()
    except OSError as error:
        return Checked(None, problem=f"cannot be read ({error.strerror or error})")
    except ValueError:  # a name with a zero byte
        return Checked(None, problem="no name that a file may have")
    return examine(content, decode, max_pixels)


def path_problem(path: Path, inside: Path) -> str:
    """Says why a path is not opened, empty where it may be: a pipe would be waited for, and a link may lead anywhere.

    Args:
      path: of an image.
      inside: the folder, with its links followed, that a link may lead to.
    """
    try:
        if path.is_symlink() and not path.resolve().is_relative_to(inside):
            return "a link that leads out of the data folder"
        if path.is_file():
            return ""
        if path.is_dir():
            return "a folder and no image"
        if path.is_symlink():
            return "a link to nothing"
        return "no file but a pipe or a device" if path.exists() else ""
    except (OSError, RuntimeError):
        return "a link that leads in circles"


def examine(content: bytes, decode: bool, max_pixels: float) -> Checked:
    """Checks the bytes of one image."""
    from PIL import Image

    digest = hashlib.sha256(content).hexdigest()
    if not content:
        return Checked(None, digest, "empty file")
    try:
        with Image.open(io.BytesIO(content), formats=None) as image:
            unsuited = _unsuited(image)
            if unsuited:
                return Checked(None, digest, unsuited)
            width, height = image.size
            if width * height > max_pixels:
                return Checked(
                    None, digest, f"{width}×{height} pixels, above the limit of {max_pixels / 1e6:g} megapixels"
                )
            turned = _orientation(image, content)
            size = (width, height) if turned in _LYING else (height, width)
            shape = (*size, _channels(image.mode, image.info, image.palette))
            if decode:
                image.load()
            if image.format == "PNG" and not is_whole(content):  # the end of which TensorFlow asks for, and Pillow not
                raise OSError("image file is truncated")
            levels = _levels_if_deep(image, content, decode)
    except Image.DecompressionBombError:
        return Checked(None, digest, f"more pixels than the limit of {max_pixels / 1e6:g} megapixels")
    except Exception as error:  # decoders meet hostile bytes with any kind of exception
        return Checked(None, digest, f"cannot be decoded ({_reason(error, content)})")
    return Checked(shape, digest, levels=levels, turned=turned in _TURNED)


def is_deep(content: bytes) -> bool:
    """Says whether an image is a PNG of 16 bits a channel."""
    return content.startswith(b"\x89PNG") and content[24:25] == b"\x10"


def _levels_if_deep(image: Any, content: bytes, decode: bool) -> int | None:
    if not (is_deep(content) or image.mode.startswith(_DEEP_GREY)):
        return None
    return _levels(image) if decode else 0xFFFF  # an image that is not decoded may need all bits


def _unsuited(image: Any) -> str:
    """Says why an image is of a format or of pixels that are not read, empty where it is not."""
    if image.format not in _FORMATS:
        return f"is {image.format}; save it as PNG or JPEG"
    return "" if _has_levels(image) else f"its pixels are of the kind {image.mode}; save it as PNG of 8 or 16 bits"


def _has_levels(image: Any) -> bool:
    """Says whether pixels have 8 or 16 bits: of measurements in 32 bits or of floats nobody knows which is white."""
    if image.format == "PNG":
        return True
    return image.mode in _CONVERTED or image.mode.startswith(_DEEP_GREY)


def _levels(image: Any) -> int:
    """Returns the largest number of as many bits as the pixels of a deep image need, which is 4095 for a 12-bit camera.

    PIL gives all 16 bits of grey images alone, and the higher eight of the others. It has no extrema of those whose
    high byte comes first, as in TIFF.
    """
    import numpy as np

    largest = int(np.asarray(image).max())
    if not image.mode.startswith("I"):
        largest = largest << 8 | 0xFF
    return max(255, (1 << largest.bit_length()) - 1)


def _orientation(image: Any, content: bytes) -> int:
    """Returns how the image is to be turned, 1 for not at all; PIL gives TIFF upright by itself, its size as well.

    Of colours in 16 bits PIL keeps eight, so that they are left as they are.
    """
    if image.format == "TIFF" or (is_deep(content) and not image.mode.startswith(_DEEP_GREY)):
        return 1
    if image.format == "PNG" and b"eXIf" not in content[:_EXIF_BYTES]:
        return 1  # PIL would decode all pixels to look behind them
    return int(image.getexif().get(_EXIF_ORIENTATION, 1) or 1)


def plain_bytes(path: str | Path) -> bytes:
    """Reads an image for the graph; see :func:`plain_image`."""
    return plain_image(Path(path).read_bytes())


def plain_image(content: bytes) -> bytes:
    """Gives an image as the graph reads it: PNG and JPEG as they are, any other as a PNG of the same pixels.

    TensorFlow cannot convert the channels of GIF, WebP and BMP, reads few kinds of BMP and no TIFF or AVIF, does not
    turn images as their EXIF data says, makes no grey images of the four inks of a CMYK file, and makes pixels of fewer
    than 8 bits transparent where other images have an alpha channel. Of several frames or pages this is the first.

    Raises:
      OSError, ValueError, SyntaxError: It cannot be decoded.
    """
    if content.startswith(b"\x89PNG") and b"eXIf" not in content[:_EXIF_BYTES] and content[24:25] not in _NARROW:
        return content
    import numpy as np
    from PIL import Image, ImageOps

    from kerasline.components.datasets.images.png import encode_png

    with Image.open(io.BytesIO(content)) as image:
        if _is_read_as_it_is(image, content):
            return content
        channels = _channels(image.mode, image.info, image.palette)
        upright = ImageOps.exif_transpose(image) or image
        if upright.mode.startswith(_DEEP_GREY):
            return encode_png(np.asarray(upright))
        return encode_png(np.asarray(upright.convert({1: "L", 3: "RGB", 4: "RGBA"}[channels])))


def _is_read_as_it_is(image: Any, content: bytes) -> bool:
    """Says whether the graph gives the pixels of an image that PIL gives."""
    is_solid = content[24:25] in _NARROW and content.startswith(b"\x89PNG") and "transparency" not in image.info
    is_plain = content.startswith(_PLAIN) and image.mode != "CMYK" and not is_solid
    return is_plain and _orientation(image, content) not in _TURNED


def plain_or_same(content: bytes) -> bytes:
    """Gives an image as :func:`plain_image` does, and what cannot be decoded as it is: the graph refuses it."""
    with suppress(OSError, ValueError, SyntaxError):
        return plain_image(content)
    return content


def eight_bits(image: Any) -> Any:
    """Gives a grey PIL image of 16 bits eight, its own range being the whole; PIL would make all above 255 white."""
    if not image.mode.startswith("I"):
        return image
    levels = _levels(image)
    return image.point(lambda value: value * (255 / levels)).convert("L")


def _channels(mode: str, info: dict[Any, Any], palette: object) -> int:
    if mode == "P":  # TensorFlow gives palettes as RGB, or RGBA where a colour is transparent
        return 4 if "transparency" in info else 3
    return _CHANNELS.get(mode, 3)


def _reason(error: Exception, content: bytes) -> str:
    """Says why bytes are no image, and what they are instead where that is known."""
    text = (str(error).splitlines() or [""])[0]
    if "cannot identify image file" not in text:
        return text[:100] or type(error).__name__
    # PIL shows the address of the buffer, which would differ from run to run.
    kind = name_kind(content[:_START_BYTES])
    if kind is GIT_LFS:
        return f"{kind.what}; {kind.advice}"
    return f"it is {kind.what}" if kind in (HEIF, SVG) else "not an image"
