"""Encodes arrays as PNG, and says whether a PNG file is whole.

Twenty lines instead of an imaging library, because the bytes go into fingerprints and splits: they must not
change with a library's version, and small images by the ten thousand must encode fast.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

_SIGNATURE_BYTES, _CHUNK_BYTES = 8, 12  # a chunk without its content
_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # channels -> grey, grey + alpha, RGB, RGBA


def encode_png(pixels: np.ndarray) -> bytes:
    """Encodes one image without loss.

    Args:
      pixels: uint8 or uint16 (height, width) or (height, width, channels), channels 1 to 4.
    """
    import numpy as np

    height, width = pixels.shape[:2]
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    depth = pixels.dtype.itemsize
    levels = np.ascontiguousarray(pixels, ">u2" if depth == 2 else np.uint8).view(np.uint8)
    lines = np.zeros((height, 1 + width * channels * depth), np.uint8)  # each line starts with its filter: 0, none
    lines[:, 1:] = levels.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8 * depth, _COLOUR_TYPES[channels], 0, 0, 0)
    body = zlib.compress(lines.tobytes(), 1)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def is_whole(content: bytes) -> bool:
    """Says whether the chunks of a PNG are there to the last, those that its pixels need undamaged."""
    begin = _SIGNATURE_BYTES
    while True:
        end = begin + _CHUNK_BYTES + int.from_bytes(content[begin : begin + 4], "big")
        kind, checksum = content[begin + 4 : begin + 8], content[end - 4 : end]
        if end > len(content):
            return False
        if kind.isupper() and zlib.crc32(content[begin + 4 : end - 4]) != int.from_bytes(checksum, "big"):
            return False
        if kind == b"IEND":
            return True
        begin = end


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
