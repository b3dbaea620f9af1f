"""What a run was computed with: versions of the libraries, and the machine."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path

_LIBRARIES = ("kerasline", "tensorflow", "keras", "tfx", "tensorflow-transform", "tensorflow-model-analysis", "numpy")


def describe_environment() -> dict[str, str]:
    """Returns what to show, in order: title to text."""
    found = {"Python": platform.python_version()}
    for library in _LIBRARIES:
        try:
            found[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            continue
    found["machine"] = f"{platform.machine()}, {os.cpu_count()} processor cores{_memory()}"
    found["system"] = platform.platform(terse=True)
    return found


def _memory() -> str:
    try:
        first = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()[0]
    except OSError:  # not Linux
        return ""
    return f", {int(first.split()[1]) / 2**20:.0f} GiB of memory"
