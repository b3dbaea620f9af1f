"""Reads features of GeoJSON, a line each, as rows: their properties are the columns."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import IO, Any

from kerasline.components.core import ConfigError
from kerasline.components.datasets.tables.typed.json_decoding import decoder


def without_geometry(path: Path, stream: IO[bytes], unit: str) -> tuple[IO[bytes], str]:
    """Gives the properties alone of lines that are features, by the first of them; all others as they are.

    Args:
      path: Of the file, for messages.
      stream: Lines in UTF-8.
      unit: What messages call a line.

    Returns:
      The lines; and a remark where they are others than before.

    Raises:
      ConfigError: the first line is a feature, and another one is none.
    """
    first = next(filter(bytes.strip, stream), b"")
    stream.seek(0)
    if not _is_feature(_decoded(json.JSONDecoder(), first)):
        return stream, ""
    decode = decoder(path)
    written = tempfile.TemporaryFile()  # noqa: SIM115 - its reader closes it
    for number, line in enumerate(stream, start=1):
        feature = _decoded(decode, line)
        if feature and not _is_feature(feature):
            raise ConfigError(
                f"{unit} {number} of {path} is no feature of GeoJSON with properties, as the first is; leave it out."
            )
        written.write(json.dumps(feature["properties"] or {}).encode() + b"\n" if feature else line)
    written.seek(0)
    return written, f"of the features of {path.name} the properties are read, and the geometry not"


def _decoded(decode: json.JSONDecoder, line: bytes) -> Any:
    """Returns what stands in a line; None where that is nothing, or no JSON, which whoever reads the lines says."""
    try:
        return decode.decode(line.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None


def _is_feature(value: Any) -> bool:
    return isinstance(value, dict) and value.get("type") == "Feature" and "properties" in value
