"""Whether a file of weights is the one that a run was planned with."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from kerasline.components.core import ConfigError, file_facts


def weights_digest(path: Path) -> str:
    """Returns the SHA-256 of a file of weights; a plan asks several times, and reads it once."""
    return _digest(path, file_facts(path))


@lru_cache(maxsize=64)
def _digest(path: Path, facts: tuple[int, ...]) -> str:
    """Reads a file; one that has other facts is another."""
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def check_same_weights(path: Path, expected: str | Sequence[str] | None) -> None:
    """Refuses a file of weights that is another than was meant.

    Args:
      path: Of the file; one that is not there is left to whoever loads it.
      expected: Its SHA-256, or several that it may have; None for any.

    Raises:
      ConfigError: It has another one.
    """
    if not expected or not path.is_file():
        return
    meant = [expected] if isinstance(expected, str) else list(expected)
    found = weights_digest(path)
    if found not in meant:
        raise ConfigError(
            f"model.weights_digest: expected weights with the SHA-256 {' or '.join(meant)} in {path}, got {found}: the "
            "file has changed; plan the run anew, or mend the recipe"
        )
