"""Looks at one image file: can it be decoded in the graph, and how large is it?"""

from __future__ import annotations

import hashlib
import io
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasline.components.datasets.files import GIT_LFS, HEIF, SVG, name_kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".bmp")
OTHER_SUFFIXES = (".webp", ".tif", ".tiff", ".heic", ".heif", ".avif", ".jp2", ".svg", ".ico", ".dcm", ".ppm", ".tga")
_FORMATS = ("PNG", "JPEG", "MPO", "GIF", "BMP")  # MPO: a JPEG with more after it, as phones write them
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
      levels: the largest value of a pixel, of as many bits as the pixels need: 255, or up to 65535 where the file has
        16 bits a channel.
      turned: whether its EXIF data says that it is to be turned or mirrored; ``shape`` is that of the turned image.
    """

    shape: tuple[int, int, int] | None
    digest: str = ""
    problem: str = ""
    levels: int = 255
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
            if image.format not in _FORMATS:
                return Checked(None, digest, f"is {image.format}; only PNG, JPEG, GIF and BMP can be decoded")
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
            levels = 255 if not is_deep(content) else _levels(image) if decode else 0xFFFF
    except Image.DecompressionBombError:
        return Checked(None, digest, f"more pixels than the limit of {max_pixels / 1e6:g} megapixels")
    except Exception as error:  # decoders meet hostile bytes with any kind of exception
        return Checked(None, digest, f"cannot be decoded ({_reason(error, content)})")
    return Checked(shape, digest, levels=levels, turned=turned in _TURNED)


def is_deep(content: bytes) -> bool:
    """Says whether an image is a PNG of 16 bits a channel."""
    return content.startswith(b"\x89PNG") and content[24:25] == b"\x10"


def _levels(image: Any) -> int:
    """Returns the largest number of as many bits as the pixels of a deep image need, which is 4095 for a 12-bit camera.

    PIL gives all 16 bits of grey images alone, and the higher eight of the others.
    """
    extrema = image.getextrema()
    largest = max(high for _, high in extrema) << 8 | 0xFF if isinstance(extrema[0], tuple) else int(extrema[1])
    return max(255, (1 << largest.bit_length()) - 1)


def _orientation(image: Any, content: bytes) -> int:
    """Returns how the image is to be turned, 1 for not at all."""
    if image.format == "PNG" and b"eXIf" not in content[:_EXIF_BYTES]:
        return 1  # PIL would decode all pixels to look behind them
    return int(image.getexif().get(_EXIF_ORIENTATION, 1) or 1)


def plain_bytes(path: str | Path) -> bytes:
    """Reads an image for the graph: PNG and JPEG as they are, what the graph cannot read as a PNG of the same pixels.

    TensorFlow cannot convert the channels of GIF and BMP, reads few kinds of BMP, does not turn images as their EXIF
    data says, and makes no grey images of the four inks of a CMYK file. Of a GIF this is the first frame.
    """
    content = Path(path).read_bytes()
    is_png = content.startswith(b"\x89PNG")
    if is_png and (is_deep(content) or b"eXIf" not in content[:_EXIF_BYTES]):
        return content
    import numpy as np
    from PIL import Image, ImageOps

    from kerasline.components.datasets.images.png import encode_png

    with Image.open(io.BytesIO(content)) as image:
        is_jpeg = content.startswith(b"\xff\xd8")
        if (is_png or is_jpeg) and image.mode != "CMYK" and _orientation(image, content) not in _TURNED:
            return content
        channels = _channels(image.mode, image.info, image.palette)
        upright = ImageOps.exif_transpose(image) or image
        return encode_png(np.asarray(upright.convert({1: "L", 3: "RGB", 4: "RGBA"}[channels])))


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
