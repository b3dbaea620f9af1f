"""Which bytes are text, and in which encoding."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import IO, Any

from kerasline.components.core import ConfigError
from kerasline.components.datasets.files import is_packed, name_kind, open_bytes
from kerasline.components.datasets.tables.csv.alphabets import tell_language
from kerasline.components.datasets.values import LINES_LOOKED_AT, total_word

_BYTES_LOOKED_AT = 4096
_FULL_BLOCKS = 1 << 26
_BYTES_FOR_WORDS = 1 << 16
# Encodings of other scripts that spreadsheets and older programs write: East Asian, Cyrillic, Greek, ...
_OF_TWO_BYTES = ("cp932", "euc_jp", "gb18030", "big5", "cp949")
SCRIPTS = (*_OF_TWO_BYTES, "cp1251", "koi8_r", "cp1253", "cp1255", "cp1256", "cp874")
_MOST_WHOLE, _FEWEST_LETTERS = 0.9, 4
_FEWEST_LONG = 1 / 3  # of the words in two bytes a letter; columns such as 男 and 女 have words of one letter, too
_HALF_WIDTH = frozenset(map(chr, range(0xFF61, 0xFFA0)))  # of Katakana, which single letters with accents look like


def without_bom(encoding: str) -> str:
    """Names the encoding that passes over the mark which Excel writes in front of UTF-8."""
    return "utf-8-sig" if encoding.lower().replace("_", "-") in ("utf-8", "utf8") else encoding


def check_is_text(raw: IO[bytes], path: str | Path, encoding: str) -> None:
    """Refuses files that are no text, by their first bytes, so that none of them reaches a message.

    Args:
      raw: the file, unpacked; nothing is taken from it.
      path: of the file.
      encoding: that it is said to be in.

    Raises:
      ConfigError: what the file is instead, and what to do.
    """
    start = _peek(raw)
    if encoding.lower().replace("_", "-").startswith(("utf-16", "utf-32")):
        return
    kind = name_kind(start)
    if kind is not None:
        raise ConfigError(f"{path} is {kind.what}, no text table; {kind.advice}.")
    marked = _encoding_by_mark(start)
    if marked:
        raise ConfigError(f"{path} is {marked.upper()}, not {encoding}; set csv.encoding: {marked}.")
    found = utf_16_of(start)
    if found:
        raise ConfigError(f"{path} is UTF-16 without a mark that says so, not {encoding}; set csv.encoding: {found}.")
    if b"\0" in start:
        raise ConfigError(f"{path} is a binary file, no text table; check that the right file was named.")


def utf_16_of(start: bytes) -> str | None:
    """Tells UTF-16 without a mark by the zeros beside its letters: ``utf-16-le``, ``utf-16-be``, or None."""
    pairs = len(start) // 2
    if pairs < 2:
        return None
    zeros = start[0 : 2 * pairs : 2].count(0), start[1 : 2 * pairs : 2].count(0)
    if zeros[1] > 0.7 * pairs and not zeros[0]:
        return "utf-16-le"
    return "utf-16-be" if zeros[0] > 0.7 * pairs and not zeros[1] else None


def detect_encoding(path: Path) -> str:
    """Finds the encoding of a text table.

    That is UTF-8, UTF-32 or UTF-16 by its mark, UTF-16 without, one of another script than the Latin one by its words,
    cp1250 or cp1254 where the letters are those of one language that is written so and of no Western one, cp1252, or
    else latin-1.
    """
    with open_bytes(path) as stream:
        start = _peek(stream)
        found = _encoding_by_mark(start) or utf_16_of(start)
        if found:
            return found
        check_is_text(stream, path, "utf-8")
        decoder, left = codecs.getincrementaldecoder("utf-8")(), _FULL_BLOCKS
        try:
            while left > 0 and (block := stream.read(1 << 20)):
                decoder.decode(block)
                left -= len(block)
        except UnicodeDecodeError:
            return _encoding_by_words(path) or _encoding_by_letters(path)
    return "utf-8"


def _encoding_by_mark(start: bytes) -> str:
    """Returns utf-32 or utf-16 where a file begins with the mark of one, else nothing."""
    if start.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    return "utf-16" if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else ""


def _encoding_by_words(path: Path) -> str:
    """Returns the encoding of another script in which the words of a text make sense, else nothing."""
    from charset_normalizer import from_bytes

    with open_bytes(path) as stream:
        sample = stream.read(_BYTES_FOR_WORDS).rpartition(b"\n")[0]
    found = from_bytes(sample, cp_isolation=[*SCRIPTS, "cp1252", "cp1250", "cp1254"]).best()
    if found is None or found.encoding not in SCRIPTS or not _decodes(path, found.encoding):
        return ""
    return found.encoding if _is_of_one_script(str(found), found.encoding) else ""


def _encoding_by_letters(path: Path) -> str:
    """Returns the encoding of Latin letters that a text seems to have."""
    language = _language_of(path)
    encodings = (*(language[:1] if language else ()), "cp1252")
    return next((encoding for encoding in encodings if _decodes(path, encoding)), "latin-1")


def _language_of(path: Path) -> tuple[str, str] | None:
    """Returns the encoding and the language that the letters of a text tell, None where they are Western ones."""
    with open_bytes(path) as stream:
        return tell_language(stream.read(_BYTES_FOR_WORDS))


def encoding_reason(path: Path, encoding: str) -> str:
    """Says what an encoding was found by, in words that go on; empty where nothing but the bytes told it."""
    if encoding in SCRIPTS:
        return ", and its words look like this"
    language = _language_of(path)
    return f", and its letters are those of {language[1]}" if language and language[0] == encoding else ""


def _is_of_one_script(text: str, encoding: str) -> bool:
    """Says whether the words with letters beyond ASCII have no others, which Latin letters read wrongly have."""
    words = [word for word in re.findall(r"[^\W\d_]+", text) if not word.isascii()]
    whole = [word for word in words if not any(character.isascii() or character in _HALF_WIDTH for character in word)]
    return bool(words) and len(whole) >= _MOST_WHOLE * len(words) and _are_long_enough(text, encoding)


def _are_long_enough(text: str, encoding: str) -> bool:
    """Says whether letters beyond ASCII stand side by side, as signs such as those of units and currencies do not."""
    lengths = list(map(len, set(re.findall(r"[^\x00-\x7f]+", text))))
    if encoding in _OF_TWO_BYTES:
        return sum(length > 1 for length in lengths) >= _FEWEST_LONG * len(lengths)
    return max(lengths) >= _FEWEST_LETTERS


def undecodable(path: str | Path, encoding: str) -> ConfigError:
    """Finds the first byte that is not in the encoding, line by line."""
    with open_bytes(path) as raw:
        for number, line in enumerate(raw, start=1):
            try:
                line.decode(encoding)
            except UnicodeDecodeError as error:
                language = _language_of(Path(path))
                seems = f"{language[0]}, as {language[1]} is written" if language else "cp1252 or latin-1"
                return ConfigError(
                    f"{path} is not {encoding}: byte 0x{line[error.start]:02x} in line {number}; set "
                    f"csv.encoding, for instance to {seems}."
                )
            except UnicodeError:
                break
    return ConfigError(f"{path} is not {encoding}; set csv.encoding, for instance to utf-8 or cp1252.")


def _decodes(path: Path, encoding: str) -> bool:
    try:
        with open_bytes(path) as stream:
            stream.read(_FULL_BLOCKS).decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _peek(raw: Any) -> bytes:
    """Returns the first bytes of a file that was just opened, and leaves them there."""
    start: bytes = raw.read(_BYTES_LOOKED_AT)
    raw.seek(0)
    return start


def find_total(path: Path, encoding: str, delimiter: str, left_out: Mapping[int, Collection[str]]) -> str:
    """Says so where one of the last lines of a table begins with a word for a sum, empty for any other.

    Args:
      path: of a table; of a packed one nothing is said.
      encoding: of its text.
      delimiter: between its cells.
      left_out: by the places of labels, what means no value there: of a row without a label nothing is said.
    """
    if is_packed(path) or encoding.lower().startswith(("utf-16", "utf-32")):
        return ""
    with open(path, "rb") as stream:
        stream.seek(max(0, path.stat().st_size - _BYTES_LOOKED_AT))
        end = stream.read().decode(encoding, errors="replace").rstrip()
    last = list(filter(str.strip, re.split(r"[\r\n]", end)))[-LINES_LOOKED_AT:]
    word = total_word([line for line in last if not _lacks_label(line, delimiter, left_out)])
    if word is None:
        return ""
    return f"a line at the end of {path.name} begins with {word!r} and is read as a row; remove it if it adds others up"


def _lacks_label(line: str, delimiter: str, left_out: Mapping[int, Collection[str]]) -> bool:
    cells = dict(enumerate(map(str.strip, next(csv.reader([line], delimiter=delimiter)))))
    return any(cells.get(place) in words for place, words in left_out.items())
