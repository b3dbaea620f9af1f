"""Versions of code as a process finds them that begins now."""

from __future__ import annotations

from kerasline.components.core.machine import code_hash as module
from kerasline.components.core.machine.code_hash import code_version
from kerasline.components.core.machine.code_state import code_state


def version(name: str) -> str:
    """The version of a module's code as a process finds it that begins now."""
    module._version_of_ours.cache_clear()
    code_state.cache_clear()
    return code_version(name)
