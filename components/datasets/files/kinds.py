"""Tells by its first bytes what a file is that is neither text nor one of the formats that are read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain


@dataclass(frozen=True)
class FileKind:
    """A format of files.

    Attributes:
      what: Its name, with an article.
      advice: What to do with such a file.
      source: The block of a recipe that reads it as a table, empty for any other.
    """

    what: str
    advice: str
    source: str = ""


def _to_parquet(read: str) -> str:
    return f"turn it into Parquet, such as pandas.{read}(FILE).to_parquet('table.parquet')"


def _table(what: str, read: str) -> FileKind:
    return FileKind(what, _to_parquet(read))


def _typed(what: str) -> FileKind:
    return FileKind(what, "name it under data.parquet", "parquet")


WORKBOOK = _typed("a workbook of Excel or OpenDocument")
ARRAYS = FileKind("a file of NumPy arrays", "name it in the recipe: data: {npz: {path: FILE}}")
ARCHIVE = FileKind("a zip archive", "unpack it and name the file inside")
_PACKED_TWICE = FileKind("packed twice", "unpack it once and name the file inside")
_IMAGE = "put images, with endings such as .png, into one folder a class, and name the folder under data.images"
# The first bytes of a file, longest first where one begins another.
_BEGINNINGS: tuple[tuple[bytes, FileKind], ...] = (
    (b"PAR1", _typed("a Parquet file")),
    (b"ARROW1", _typed("an Arrow or Feather file")),
    (b"FEA1", _typed("a Feather file")),
    (b"\xff\xff\xff\xff", _typed("an Arrow stream")),
    (b"ORC", _typed("an ORC file")),
    (b"Obj\x01", FileKind("an Avro file", "turn it into Parquet or CSV first")),
    (b"\x89HDF\r\n\x1a\n", _table("an HDF5 file", "read_hdf")),
    (
        b"SQLite format 3\0",
        FileKind(
            "an SQLite database",
            "name it in the recipe: data: {sql: {url: 'sqlite:///FILE', table: TABLE, label: COLUMN}}",
        ),
    ),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", WORKBOOK),
    (b"PK\x03\x04", WORKBOOK),  # other archives are refused before their bytes are looked at
    (
        b"\x93NUMPY",
        FileKind("a NumPy array", "save inputs x and labels y with numpy.savez, for data.npz"),
    ),
    (b"PK\x05\x06", FileKind("an empty zip archive", "check that the right file was named")),
    *((start, _PACKED_TWICE) for start in (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18")),
    (b"<stata_dta>", _table("a file of Stata", "read_stata")),
    *(
        (bytes([version]) + order + b"\1\0", _table("a file of Stata", "read_stata"))
        for version in (113, 114, 115)
        for order in (b"\1", b"\2")
    ),
    (
        b"$FL2",
        FileKind("a file of SPSS", "turn it into Parquet, such as with pandas.read_spss(FILE), which needs pyreadstat"),
    ),
    (b"\0" * 12 + b"\xc2\xea\x81\x60", _table("a file of SAS", "read_sas")),
    (b"HEADER RECORD*******LIBRARY", _table("a transport file of SAS", "read_sas")),
    (b"RDX", FileKind("a file of R", "write its table as Parquet, such as with arrow::write_parquet, or as CSV")),
    (b"X\n\0\0\0", FileKind("a file of R", "write its table as Parquet, such as with arrow::write_parquet, or as CSV")),
    *(
        (start, FileKind("a file of MATLAB", "write its table as CSV, or its arrays with numpy.savez for data.npz"))
        for start in (b"MATLAB 5.0", b"MATLAB 7.3")
    ),
    (b"7z\xbc\xaf\x27\x1c", FileKind("a 7z archive", "unpack it, and name the file inside")),
    (b"Rar!\x1a\x07", FileKind("a RAR archive", "unpack it, and name the file inside")),
    (b"%PDF", FileKind("a PDF document", "save its table as CSV")),
    (b"\x80\x02", _table("a Python pickle", "read_pickle")),
    (b"\x80\x03", _table("a Python pickle", "read_pickle")),
    (b"\x80\x04", _table("a Python pickle", "read_pickle")),
    (b"\x80\x05", _table("a Python pickle", "read_pickle")),
    (b"\x89PNG", FileKind("a PNG image", _IMAGE)),
    (b"\xff\xd8\xff", FileKind("a JPEG image", _IMAGE)),
    (b"GIF8", FileKind("a GIF image", _IMAGE)),
    (b"II*\0", FileKind("a TIFF image", _IMAGE)),
    (b"MM\0*", FileKind("a TIFF image", _IMAGE)),
)
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_IDX_TYPES = (8, 9, 11, 12, 13, 14)
IDX = FileKind("an IDX file of MNIST's kind", "name its folder in the recipe: data: {idx: {path: FOLDER}}")
TFRECORD = FileKind("a TFRecord file", "name it in the recipe: data: {tfrecord: {path: FILES, label: FEATURE}}")
JSON_OBJECTS = _typed("a file of JSON objects")
JSON_ROWS = _typed("a JSON document of rows")
JSON = FileKind("a JSON document", f"{_to_parquet('read_json')}, or write its rows alone, as [{{...}}, {{...}}]")
_ARRAYS_OF = {b"{": JSON_ROWS, b"[": JSON, b"]": JSON_ROWS}  # by how the first element begins, or there is none
_FIRST = re.compile(rb"\[\s*(?:null\s*(?:,\s*|(?=\])))*(.)", re.DOTALL)  # that is no null
SVG = FileKind("an SVG drawing", f"save it as PNG, and {_IMAGE}")
HEIF = FileKind("a HEIC or AVIF image", f"save it as PNG or JPEG, and {_IMAGE}")
GIT_LFS = FileKind("a pointer of Git LFS in the place of a file", "fetch the file with: git lfs pull")
XML = FileKind("an XML or HTML document", "save its table as CSV")
SPARSE = FileKind("a file of LibSVM's kind", "turn it into Parquet, such as with sklearn.datasets.load_svmlight_file")
_SPARSE_LINE = re.compile(rb"[-+]?[0-9.]+(?: +[0-9]+:[-+.0-9e]+)*\s*")
_CLOCK = re.compile(rb"[0-9]{1,2}:[0-5][0-9]")
# Formats of text that are no table, by how their first lines look.
_TEXTS: tuple[tuple[re.Pattern[bytes], FileKind], ...] = (
    (
        re.compile(rb"(?:%[^\n]*\s+)*@relation\s", re.IGNORECASE),
        FileKind(
            "an ARFF file of Weka", "save the lines below @data as CSV, under a line with the names of the columns"
        ),
    ),
    (
        re.compile(
            rb"(?:(?:--|/\*|SET )[^\n]*\s+)*(?:CREATE (?:TABLE|DATABASE)|INSERT INTO|DROP TABLE) +"
            rb"(?:IF (?:NOT )?EXISTS +)?[^\s,;(]+ *(?:[(;\r\n]|$|/\*|(?:AS|VALUES|SELECT|CASCADE)\b)",
            re.IGNORECASE,
        ),
        FileKind("an SQL script", "run it in a database, and name that under data.sql"),
    ),
    (re.compile(rb"\[(?:-?[0-9.]+|\"[^\"\n]*\"|null|true|false)(?:, ?[^\n]*)?\]?,?\s*(?:\n|$)"), JSON),
)


def name_kind(start: bytes) -> FileKind | None:
    """Names the format of a file by its first bytes; None for text, and for what is not known.

    Args:
      start: Up to some thousand bytes.
    """
    if _CONTROL.search(start[:1024]) is None:  # a table may have a column ORCID
        return _name_text(start.removeprefix(b"\xef\xbb\xbf").lstrip())
    if (text := _wide_json(start)) is not None:
        return _name_text(text)
    for beginning, kind in _BEGINNINGS:
        if start.startswith(beginning):
            return kind
    for looks_so, kind in _LOOKS:
        if looks_so(start):
            return kind
    return None


def _wide_json(start: bytes) -> bytes | None:
    """Returns as UTF-8 what begins as JSON does in an encoding of two or four bytes a letter; None for all else.

    JSON has no control characters, but a TFRecord file begins with the length of a record, which 123 writes as {.
    """
    encoding = json.detect_encoding(start)
    text = b"" if encoding.startswith("utf-8") else start.decode(encoding, "ignore").lstrip().encode()
    return text if text.startswith((b"{", b"[")) and _CONTROL.search(text) is None else None


def _is_webp(start: bytes) -> bool:
    return start[:4] == b"RIFF" and start[8:12] == b"WEBP"


def _is_heif(start: bytes) -> bool:
    """Tells by the brand of a media file, as phones and cameras write it."""
    return start[4:8] == b"ftyp" and start[8:12] in (b"heic", b"heix", b"mif1", b"msf1", b"avif", b"avis")


def _is_tar(start: bytes) -> bool:
    return start[257:262] == b"ustar"


def _is_idx(start: bytes) -> bool:
    return len(start) > 4 and start[:2] == b"\0\0" and start[2] in _IDX_TYPES and 1 <= start[3] <= 4


def _is_tfrecord(start: bytes) -> bool:
    """Tells by the length of the first record in eight bytes, behind which a checksum and a message follow."""
    length, message = start[:8], start[12:]
    return length[4:] == b"\0\0\0\0" and length[:4] != b"\0\0\0\0" and message[:1] == b"\n"


# Formats that are known by more than how they begin.
_LOOKS: tuple[tuple[Callable[[bytes], bool], FileKind], ...] = (
    (_is_webp, FileKind("a WebP image", _IMAGE)),
    (_is_heif, HEIF),
    (_is_tar, FileKind("a tar archive", "unpack it, and name the file inside")),
    (_is_idx, IDX),
    (_is_tfrecord, TFRECORD),
)


def _name_text(start: bytes) -> FileKind | None:
    """Names formats of text that are no table."""
    if start.startswith(b"version https://git-lfs"):
        return GIT_LFS
    if start[:1] == b"{":
        return JSON_OBJECTS
    if (first := _FIRST.match(start)) and first[1] in _ARRAYS_OF:
        return _ARRAYS_OF[first[1]]
    if _is_sparse(start):
        return SPARSE
    known = next((kind for pattern, kind in _TEXTS if pattern.match(start)), None)
    return known or _name_markup(start[:1024].lower())


def _is_sparse(start: bytes) -> bool:
    """Says whether the first two lines have values behind numbers of columns that rise, and no times of a day."""
    lines = start.split(b"\n")[:3]
    if len(lines) < 3:
        lines.append(lines.pop().rpartition(b" ")[0])  # its last cell may be cut off
    if not all(map(_SPARSE_LINE.fullmatch, lines[:2])):
        return False
    cells = [line.split()[1:] for line in lines[:2]]
    are_several = max(map(len, cells)) > 1
    return are_several and all(map(_rise, cells)) and not all(map(_CLOCK.fullmatch, chain(*cells)))


def _rise(cells: Sequence[bytes]) -> bool:
    places = [int(cell.partition(b":")[0]) for cell in cells]
    return places == sorted(set(places))


def _name_markup(start: bytes) -> FileKind | None:
    if start.startswith((b"<?xml", b"<svg")) and b"<svg" in start:
        return SVG
    return XML if start.startswith((b"<?xml", b"<html", b"<!doc", b"<tabl")) else None


def name_zip(names: Iterable[str]) -> FileKind:
    """Names what a zip archive is by the names of its members."""
    listed = list(names)
    if any(name.startswith("xl/") for name in listed) or "content.xml" in listed:
        return WORKBOOK
    return ARRAYS if listed and all(name.endswith(".npy") for name in listed) else ARCHIVE
