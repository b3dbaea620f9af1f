"""What a user may not know of a table, kept in its copy so that no file is read for it again."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyarrow import Schema

_REMARK = b"kerasline.remark"  # of the schema of a copy


def with_remark(schema: Schema, remark: str) -> Schema:
    """Returns a schema that says what a user may not know of its table."""
    return schema.with_metadata({_REMARK: remark.encode()})


def remark_of(schema: Schema) -> str:
    """Says what of a file is not read, or is read otherwise than it stands there.

    Args:
      schema: Of a table of any format, as :func:`open_file` gives it.

    Returns:
      Phrases; empty for most tables.
    """
    remark: bytes = (schema.metadata or {}).get(_REMARK, b"")
    return remark.decode()
