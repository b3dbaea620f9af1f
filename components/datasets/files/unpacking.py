"""Reads files packed with zstd or lz4, for which Python itself has no reader."""

from __future__ import annotations

import io
from typing import IO, Any

_BLOCK_BYTES = 1 << 20


def open_unpacked(codec: str, plain: IO[bytes], mode: str = "rb") -> IO[bytes]:
    """Opens a packed file as :func:`gzip.open` does.

    Args:
      codec: zstd or lz4.
      plain: File as it lies on disk, which is closed.
      mode: Of reading, the only one there is.

    Returns:
      The unpacked bytes; going back in them reads the file again from its beginning.
    """
    plain.close()
    return io.BufferedReader(_Unpacked(plain.name, codec), _BLOCK_BYTES)


class _Unpacked(io.RawIOBase):
    """The unpacked bytes of a file, without a buffer."""

    def __init__(self, path: str, codec: str) -> None:
        super().__init__()
        self._path, self._codec = path, codec
        self._begin()

    def _begin(self) -> None:
        import pyarrow as pa

        self._stream, self._at = pa.CompressedInputStream(pa.OSFile(self._path), self._codec), 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        block = self._stream.read(len(buffer))
        buffer[: len(block)] = block
        self._at += len(block)
        return len(block)

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        target = self._size() + offset if whence == io.SEEK_END else offset + self._at * (whence == io.SEEK_CUR)
        if target < self._at:
            self._stream.close()
            self._begin()
        while self._at < target and (block := self._stream.read(min(_BLOCK_BYTES, target - self._at))):
            self._at += len(block)
        return self._at

    def _size(self) -> int:
        while block := self._stream.read(_BLOCK_BYTES):
            self._at += len(block)
        return self._at

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
        super().close()
