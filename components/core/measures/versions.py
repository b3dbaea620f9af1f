"""The numbers of pushed versions as they are written: in the names of folders, and by users."""

from __future__ import annotations

import re

# Not ``str.isdigit``, which is also true of "²", nor ``\d``, which matches the digits of every script.
_VERSION = re.compile(r"0|[1-9][0-9]{0,17}")


def is_version(text: str) -> bool:
    """Says whether a text is a whole number as ``str`` writes it."""
    return _VERSION.fullmatch(text) is not None
