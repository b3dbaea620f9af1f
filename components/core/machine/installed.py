"""What installed packages are: users' functions import them, and what these compute follows from them."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

_RECORD, _TOPS = "RECORD", "top_level.txt"


def describe_packages(modules: Iterable[str]) -> list[str]:
    """Returns a line for each package that modules are installed from, which is another for another state of it.

    The line has the name, the version, and a hash of the package's sources as its installer wrote them down: a package
    of one's own is often installed again under the same version.

    Args:
      modules: First names of modules, ``scipy`` or ``sklearn``; those of Python itself are left out.
    """
    places = {place for module in modules if module not in sys.stdlib_module_names for place in _places_of(module)}
    return sorted(f"{place.stem} {_sources_of(place / _RECORD)}" for place in places)


def is_listed(place: Path) -> bool:
    """Says whether a package in the folder of a module has it; the user's own modules may lie beside those installed.

    Args:
      place: Folder of a package, or file of a module without its suffix.
    """
    site = place.parent
    return site.is_dir() and any(place.name in modules for _, modules in _modules_in(site, site.stat().st_mtime_ns))


def _places_of(module: str) -> Iterator[Path]:
    """Gives the folders that packages with a module left of themselves."""
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return
    if spec is None:
        return
    # A package without __init__.py may have come with several others, and has no file of its own.
    places = spec.submodule_search_locations or ([spec.origin] if spec.origin else [])
    for site in {Path(place).parent for place in places}:
        if site.is_dir():
            found = _modules_in(site, site.stat().st_mtime_ns)
            yield from (place for place, modules in found if module in modules)


@lru_cache
def _modules_in(site: Path, modified: int) -> list[tuple[Path, frozenset[str]]]:
    """Reads which modules the packages in a folder have; one that is installed meanwhile changes the folder."""
    return [(place, _modules_of(place)) for place in site.glob("*.dist-info")]


def _modules_of(place: Path) -> frozenset[str]:
    """Returns the first names of the modules of a package."""
    tops = _read(place / _TOPS).split()
    return frozenset(tops or (_path_of(line).split("/")[0].removesuffix(".py") for line in _lines(place / _RECORD)))


def _sources_of(record: Path) -> str:
    """Hashes the lines of Python's sources: what is beside them differs from installer to installer."""
    lines = sorted(line for line in _lines(record) if _path_of(line).endswith(".py") and not line.startswith(".."))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def _lines(record: Path) -> list[str]:
    return _read(record).splitlines()


def _path_of(line: str) -> str:
    return line.split(",", 1)[0]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:  # not every installer writes it
        return ""
