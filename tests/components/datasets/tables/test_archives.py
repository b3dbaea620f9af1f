"""Zip archives in the place of a table: what is not the one file of one is named."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kerasline.components.core import ConfigError
from kerasline.components.datasets.files import read_bytes


def archive(*names: str, encrypted: bool = False) -> bytes:
    """A zip archive of small files; encrypted ones are those that the directory of the archive calls so."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as written:
        for name in names:
            written.writestr(name, "a,y\n1,0\n2,1\n")
        for info in written.infolist():
            info.flag_bits |= encrypted
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK\x03\x04rest", r"The zip archive .*t.csv is damaged or ends too early; copy or download it again"),
        (archive("a.csv", "b/c.csv"), r"t.csv is a zip archive with 'a.csv', 'b/c.csv'; unpack it and name the file"),
        (archive("a.csv").replace(b"a.csv", b"b.csv", 1), r"The zip archive .*t.csv is damaged or ends too early"),
        (archive("b.zip"), "t.csv holds another zip archive; unpack it and name the file inside"),
        (
            gzip.compress(gzip.compress(b"a,y\n1,0\n", mtime=0), mtime=0),
            "t.csv is packed twice, no text table; unpack it once",
        ),
        (
            b"PK\x05\x06" + bytes(18),
            "t.csv is an empty zip archive, no text table; check that the right file was named",
        ),
        (archive("x.npy"), r"is a file of NumPy arrays with 'x.npy'; name it in the recipe: data: {npz"),
        (archive("a.csv", encrypted=True), r"t.csv needs a password"),
    ],
)
def test_other_archives_are_refused(
    resolve: Callable[..., Any], write: Callable[..., Path], content: bytes, message: str
) -> None:
    write("t.csv", content)
    with pytest.raises(ConfigError, match=message):
        resolve(csv={"path": "t.csv", "label": "y"})


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_packed_table_in_an_archive_is_read(write: Callable[..., Path], pack: Callable[[bytes], bytes]) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as written:
        written.writestr("t.csv.packed", pack(b"a,y\n1,u\n"))
    assert read_bytes(write("t.zip", stream.getvalue())) == b"a,y\n1,u\n"
