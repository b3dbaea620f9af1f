"""Finding, opening and fingerprinting the files of a source; every failure names the file and what to do."""

from __future__ import annotations

import bz2
import glob
import gzip
import hashlib
import lzma
import os
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePath
from typing import IO, Any

from kerasline.components.core import ConfigError, copy_of, is_address, nearest
from kerasline.components.datasets.files.archives import ZIP_MAGIC, is_workbook_archive, member_name, open_archive
from kerasline.components.datasets.files.partitions import files_below
from kerasline.components.datasets.files.unpacking import open_unpacked
from kerasline.components.datasets.remote import fetch_file, fetch_folder, fetch_matching, parse

_GZIP_MAGIC = b"\x1f\x8b"
# What unpacks a stream of bytes, and what needs a file.
_STREAMS: dict[bytes, Callable[..., Any]] = {_GZIP_MAGIC: gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
_PACKINGS: dict[bytes, Callable[..., Any]] = {
    **_STREAMS,
    b"\x28\xb5\x2f\xfd": partial(open_unpacked, "zstd"),
    b"\x04\x22\x4d\x18": partial(open_unpacked, "lz4"),
}
# What reading a damaged packed file raises; OSError is gzip.BadGzipFile's base, and what bz2 raises.
PACKING_ERRORS = (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, OSError)
PACKED = (".gz", ".bz2", ".xz", ".zst", ".lz4", ".zip")  # what their names end in
_WORKBOOKS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
_LINES = (".jsonl", ".ndjson", ".jsonlines", ".geojsonl")
TYPED = (".parquet", ".pq", ".feather", ".arrow", ".arrows", ".ipc", ".orc", *_LINES, *_WORKBOOKS)


_LONGEST_PATH = 300  # in messages


@dataclass(frozen=True)
class Places:
    """Where relative paths and named data sets are looked for.

    Attributes:
      base_dir: The recipe's folder.
      data_dir: ``--data-dir``, which comes first, or None.
      advice: What to do about a path that leads nowhere; not every command has a ``--data-dir``.
    """

    base_dir: Path
    data_dir: Path | None
    advice: str = "correct the path or --data-dir"

    def candidates(self, path: str) -> list[Path]:
        """Lists where a path of the config may lie, first choice first; an address, where its copy does."""
        if is_address(path):
            return [copy_of(parse(path))]
        expanded = Path(os.path.expanduser(path))
        if expanded.is_absolute():
            return [expanded]
        roots = [root for root in (self.data_dir, self.base_dir) if root is not None]
        return [(Path(os.path.expanduser(root)) / expanded).absolute() for root in roots]

    def roots(self, *patterns: str | Iterable[str] | None) -> list[str]:
        """Lists where paths and globs of the config may lie, as they are written there."""
        listed = [[each] if isinstance(each, str) else each or () for each in patterns]
        return [str(path) for each in listed for pattern in each for path in self.candidates(pattern)]

    def find(self, path: str, *, folder: bool = False) -> Path:
        """Returns the file (or folder) that a path of the config names.

        Raises:
          ConfigError: there is none; the message names the nearest file of the folder.
        """
        if is_address(path):
            return fetch_folder(path) if folder else fetch_file(path)
        tried = self.candidates(path)
        for candidate in tried:
            if _is_there(candidate, folder):
                return candidate
        for candidate in tried:
            _check_kind(candidate, path, folder)
        raise ConfigError(missing_file(tried[0], tried[1:], self.advice))

    def find_all(self, patterns: str | Iterable[str]) -> list[Path]:
        """Returns the files that paths and globs name, each once, sorted within a glob.

        Raises:
          ConfigError: a path does not exist or a glob matches nothing.
        """
        found: dict[Path, None] = {}
        for pattern in [patterns] if isinstance(patterns, str) else patterns:
            found.update(dict.fromkeys(self._matches(pattern)))
        return list(found)

    def find_splits(
        self, block: str, path: str | Iterable[str], test_path: str | Iterable[str] | None
    ) -> list[tuple[Path, str | None]]:
        """Returns the files of a block, each with the split that the source gives it; a glob may match both kinds.

        Args:
          block: The block's name, for messages.
          path: Its ``path``.
          test_path: Its ``test_path``, whose files are the test split.

        Raises:
          ConfigError: as ``find_all``; also where no file is left to train with.
        """
        tests = [] if test_path is None else self.find_all(test_path)
        files = [file for file in self.find_all(path) if file not in tests]
        if not files:
            raise ConfigError(
                f"Every file of {block}.path is also in {block}.test_path; name the files for training as 'path'."
            )
        return [(file, None) for file in files] + [(file, "test") for file in tests]

    def _matches(self, pattern: str) -> list[Path]:
        """Returns the files that one path or glob names; a file may be called as a glob is, such as data[1].csv.

        A folder is one of a table whose columns are kept in the names of folders such as year=2023.
        """
        if is_address(pattern):
            return _matching(pattern)
        tried = self.candidates(pattern)
        if not glob.has_magic(pattern) or any(path.is_file() for path in tried):
            return _files_below_first(tried) or [self.find(pattern)]
        found = next(filter(None, map(_files_of_glob, tried)), None)
        if found is not None:
            return found
        raise ConfigError(f"No file matches {tried[0]}; correct the pattern in 'data' or --data-dir.")


def _files_of_glob(pattern: Path) -> list[Path]:
    """Lists the files that a glob matches, sorted."""
    return [Path(match) for match in sorted(glob.glob(str(pattern), recursive=True)) if os.path.isfile(match)]


def _files_below_first(folders: Iterable[Path]) -> list[Path]:
    """Lists the files of the first folder that is a table in folders such as year=2023; none where there is none."""
    return next(filter(None, map(files_below, filter(os.path.isdir, folders))), [])


def _is_there(path: Path, folder: bool) -> bool:
    try:
        return path.is_dir() if folder else path.is_file()
    except OSError as error:
        raise _unreadable(path, error) from None


def _check_kind(candidate: Path, path: str, folder: bool) -> None:
    """Refuses what lies in the place of a file or folder; ``path`` is how the config writes it."""
    if candidate.is_dir():
        there, hint = "a folder", f"; for the files in it write {path.rstrip('/')}/*"
    elif candidate.exists():
        there, hint = "a file" if candidate.is_file() else "a device or a pipe", ""
    elif candidate.is_symlink():
        raise ConfigError(f"{candidate} is a link to nothing; correct the link or the path in 'data'.")
    else:
        return
    wanted = "a folder" if folder else "a file"
    raise ConfigError(f"Expected {wanted} at {candidate}, but it is {there}; correct the path in 'data'{hint}.")


def _matching(pattern: str) -> list[Path]:
    matches = fetch_matching(pattern)
    if not matches:
        raise ConfigError(f"No file matches {pattern}; correct the pattern in 'data'.")
    return matches


def check_data_dir(data_dir: Path | None) -> None:
    """Refuses a ``--data-dir`` that is no folder, before anything is looked for in it, or fetched in its place.

    Raises:
      ConfigError: says what it is.
    """
    if data_dir is None or data_dir.expanduser().is_dir():
        return
    there = "is no folder" if data_dir.expanduser().exists() else "does not exist"
    raise ConfigError(f"--data-dir: expected a folder, but {data_dir} {there}; correct the path, or leave it out")


def missing_file(path: Path, others: Iterable[Path] = (), advice: str = Places.advice) -> str:
    """Words the error for a file that does not exist, with the nearest name in its folder."""
    also = "".join(f" nor {other}" for other in others)
    folder = path.parent
    if not folder.is_dir():
        while not folder.is_dir() and folder != folder.parent:
            folder = folder.parent
        return f"File not found: {path}{also} (the folder ends at {folder}); {advice}."
    names = sorted(entry.name for entry in folder.iterdir())
    return f"File not found: {path}{also}; {advice}.{nearest(path.name, names)}"


def open_bytes(path: str | Path) -> IO[bytes]:
    """Opens a file for reading, unpacking gzip, bzip2, xz, zstd, lz4 and zip by its first bytes and not by its name.

    Raises:
      ConfigError: the file is gone, may not be read, has no end, or is a zip archive with more than one file.
    """
    try:
        if not Path(path).is_file() and Path(path).exists():
            raise ConfigError(f"Expected a file at {path}, but it is a folder, a device or a pipe; name a file.")
        plain = open(path, "rb")  # noqa: SIM115 - the caller closes it
        magic = plain.read(6)
        plain.seek(0)
    except FileNotFoundError:
        raise ConfigError(missing_file(Path(path))) from None
    except OSError as error:
        raise _unreadable(path, error) from None
    if magic.startswith(ZIP_MAGIC):
        return _unpacked(open_archive(path, plain))
    return _unpack_by(_PACKINGS, magic, plain)


def _unpack_by(packings: Mapping[bytes, Callable[..., Any]], start: bytes, stream: IO[bytes]) -> IO[bytes]:
    """Unpacks a stream that begins as one of the packings does; any other is as it is."""
    unpack = next((unpack for magic, unpack in packings.items() if start.startswith(magic)), None)
    return stream if unpack is None else unpack(stream, "rb")


def _unpacked(member: IO[bytes]) -> IO[bytes]:
    """Unpacks the file of an archive that is packed once more, as t.csv.gz is; damage is told when it is read."""
    try:
        start = member.peek(6)  # type: ignore[attr-defined]
    except PACKING_ERRORS:
        return member
    return _unpack_by(_STREAMS, start, member)


def is_packed(path: str | Path) -> bool:
    """Tells gzip, bzip2, xz, zstd and lz4 by their first bytes, and zip archives that are no workbooks."""
    with open(path, "rb") as stream:
        start = stream.read(6)
    return start.startswith(tuple(_PACKINGS)) or (start.startswith(ZIP_MAGIC) and not is_workbook_archive(path))


def holds_lines(path: Path) -> bool:
    """Says whether a file, packed or not, is called as one that holds an object a line; or the one in an archive."""
    names = (path.name.lower(), member_name(path).lower())
    return any({*PurePath(name).suffixes} & {*_LINES} for name in names)


def is_gzip(path: str | Path) -> bool:
    """Tells gzip by its first bytes."""
    with open(path, "rb") as stream:
        return stream.read(2) == _GZIP_MAGIC


def read_bytes(path: str | Path) -> bytes:
    """Reads a whole file, unpacking it.

    Raises:
      ConfigError: as :func:`open_bytes`, or the packed data is damaged.
    """
    with open_bytes(path) as stream:
        try:
            return stream.read()
        except PACKING_ERRORS as error:
            raise damaged_packing(path, error) from None


def damaged_packing(path: str | Path, error: Exception) -> ConfigError:
    """Words the error for packed data that ends early or fails its checksum."""
    state = "ends too early" if isinstance(error, EOFError) else "is damaged"
    what = "gzip " if is_gzip(path) else "packed " if is_packed(path) else ""
    return ConfigError(f"The {what}file {path} {state}; copy or download it again.")


def digest_file(path: str | Path) -> str:
    """Returns the sha256 of a file's bytes as they lie on disk."""
    try:
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise _unreadable(path, error) from None


def check_unchanged(path: str | Path, size_bytes: int) -> None:
    """Refuses a file whose size is no longer what it was when the dataset was resolved.

    Raises:
      ConfigError: the file is gone or its size differs.
    """
    try:
        now = os.stat(path).st_size
    except OSError:
        raise ConfigError(missing_file(Path(path))) from None
    if now != size_bytes:
        raise ConfigError(
            f"{path} changed while the run was reading it ({size_bytes} bytes before, {now} now); run again."
        )


def size_of(path: str | Path) -> int:
    """Returns a file's size in bytes."""
    return os.stat(path).st_size


def _unreadable(path: str | Path, error: OSError) -> ConfigError:
    advice = "check its permissions" if isinstance(error, PermissionError) else "name another file, or copy it again"
    shown = f"{str(path)[:_LONGEST_PATH]}…" if len(str(path)) > _LONGEST_PATH else path
    return ConfigError(f"Cannot read {shown}: {error.strerror or error}; {advice}.")
