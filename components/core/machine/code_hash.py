"""A hash of the code behind a step, for its cache key.

TFX hashes neither the function behind a dotted path nor the libraries under it, so each step carries this version
among its execution properties: when a source file that the step's module imports (directly or not) changes, or the
lock does, the step runs again, and steps whose code is the same stay cached.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
import re
from contextlib import suppress
from functools import lru_cache
from importlib import metadata
from pathlib import Path

from kerasline.components.core.addresses import cache_folder
from kerasline.components.core.machine.code_state import code_state
from kerasline.components.core.machine.libraries import LIBRARIES
from kerasline.components.core.machine.writing import keep_newest, write_at_once

_ROOT = Path(__file__).resolve().parents[3]
_PACKAGE = "kerasline"
# A module's dotted name, or the name of a file.
_NAME = re.compile(r"[\w.]+")
_MOST_KEPT = 20  # states of the code whose sources are known


def code_version(*modules: str) -> str:
    """Returns 16 hexadecimal digits that change with the code that modules run.

    Args:
      *modules: Dotted names of modules of ``components``, and of users' modules with functions that recipes name.
    """
    ours = tuple(module for module in modules if module.startswith(f"{_PACKAGE}."))
    others = [module for module in modules if module not in ours]
    if not others:
        return _version_of_ours(ours)
    # A user's module may be edited while this process runs.
    return _version_of(set().union(*map(_sources_of_ours, ours), *map(_local_sources, others)))


@lru_cache
def _version_of_ours(modules: tuple[str, ...]) -> str:
    return _version_of(set().union(*map(_sources_of_ours, modules)))


def _sources_of_ours(module: str) -> set[Path]:
    """Finds the files behind a module of ours, and keeps their names: to read all of them takes two seconds.

    A folder that cannot be written, and a file that cannot be read, cost this time and nothing else.
    """
    try:
        kept = cache_folder() / "sources" / f"{code_state(_ROOT)}.json"
    except RuntimeError:  # a user without a home
        return _local_sources(module)
    known = _read_names(kept)
    if module in known:
        return {_ROOT / name for name in known[module]}
    found = _local_sources(module)
    # A user's file could change without our code being another.
    if all(path.is_relative_to(_ROOT) for path in found):
        known[module] = sorted(str(path.relative_to(_ROOT)) for path in found)
        with suppress(OSError):
            kept.parent.mkdir(parents=True, exist_ok=True)
            write_at_once(kept, json.dumps(known), lasting=False)
            keep_newest(kept.parent, most_files=_MOST_KEPT)
    return found


def _read_names(kept: Path) -> dict[str, list[str]]:
    """Reads which files are behind modules; those that are not all there are not known."""
    try:
        known = json.loads(kept.read_text(encoding="utf-8"))
        return {module: names for module, names in known.items() if all((_ROOT / name).is_file() for name in names)}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _version_of(paths: set[Path]) -> str:
    digest = hashlib.sha256()
    for library in LIBRARIES:
        digest.update(f"{library}={metadata.version(library)}\n".encode())
    for path in sorted(paths):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _local_sources(module: str) -> set[Path]:
    """Finds the files of ``module`` and of everything of ours that it imports, wherever the import stands.

    A package stands for all of its files: its ``__init__.py`` need not import them.
    """
    found: set[Path] = set()
    start = _source_file(module)
    waiting = [start, *(start.parent.rglob("*.py") if start is not None and start.name == "__init__.py" else [])]
    while waiting:
        path = waiting.pop()
        if path is None or path in found:
            continue
        found.add(path)
        if path.suffix == ".py":
            facts = path.stat()
            names, files = _references(path, facts.st_mtime_ns, facts.st_size)
            waiting += [*map(_source_file, names), *files]
    return found


def _source_file(module: str) -> Path | None:
    """Locates a module below the project without importing it; others (libraries) give None."""
    top, *inner = module.split(".")
    # The folders of the package kerasline stand at the top of the project.
    base = _ROOT.joinpath(*inner) if top == _PACKAGE and inner else _ROOT.joinpath(*module.split("."))
    for path in (base / "__init__.py", base.with_suffix(".py")):
        if path.is_file():
            return path
    if top == _PACKAGE:
        return None
    return _user_module(module)


def _user_module(module: str) -> Path | None:
    """Locates a user's own module (custom models); installed libraries do not count."""
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError, AttributeError):
        return None
    if spec is None or not spec.origin or "site-packages" in spec.origin or not spec.origin.endswith(".py"):
        return None
    path = Path(spec.origin)
    return None if path.is_relative_to(Path(ast.__file__).parent) else path


@lru_cache(maxsize=4096)
def _references(path: Path, modified: int, size: int) -> tuple[list[str], list[Path]]:
    """Returns the modules that a file imports, and the files beside it that it names (templates, scripts).

    Most files are behind several steps, and each is parsed once.

    Args:
      path: Of the file.
      modified: When it was written; a file that was edited meanwhile is read again.
      size: Of it, in bytes.
    """
    names: list[str] = []
    files: list[Path] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level:
            files += _relative_files(path.parents[node.level - 1], node)
        elif isinstance(node, ast.ImportFrom):
            names += _imported_names(node)
        elif isinstance(node, ast.Constant):
            named, beside = _named_in_text(node.value, path.parent)
            names += named
            files += beside
    return [name for name in names if not _is_library(name)], files


def _named_in_text(value: object, folder: Path) -> tuple[list[str], list[Path]]:
    """Returns the module or the file in a folder that a constant names, either in a list of one."""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        return [], []
    # Registries name modules as text ("kerasline.components.models.mlp") to import them late.
    if value.startswith(f"{_PACKAGE}.components."):
        return [value], []
    return [], [folder / value] if "." in value and (folder / value).is_file() else []


def _imported_names(node: ast.ImportFrom) -> list[str]:
    """Lists the modules that ``from MODULE import ...`` may mean."""
    # "from keras import layers" names a module in its alias, too.
    inner = [*(alias.name for alias in node.names), *_behind_door(node)]
    return [str(node.module), *(f"{node.module}.{name}" for name in inner)]


def _is_library(name: str) -> bool:
    """Says whether a module is neither one of these components nor a user's own."""
    return not name.startswith(f"{_PACKAGE}.components") and _is_third_party(name)


def _behind_door(node: ast.ImportFrom) -> list[str]:
    """Lists the modules of a room in which the imported names stand; the room's door says which."""
    module = node.module or ""
    # Only our rooms have doors, and looking for another library's submodule would import the library.
    room = _source_file(module) if module.split(".")[0] == _PACKAGE else None
    if room is None or not room.with_suffix(".pyi").is_file():
        return []
    door = _read_door(room.with_suffix(".pyi"))
    return [door[alias.name] for alias in node.names if alias.name in door]


@lru_cache
def _read_door(stub: Path) -> dict[str, str]:
    """Maps each name that a room offers in its ``__init__.pyi`` to the module that it stands in."""
    imports = [node for node in ast.parse(stub.read_text(encoding="utf-8")).body if isinstance(node, ast.ImportFrom)]
    return {alias.name: node.module or alias.name for node in imports for alias in node.names}


def _relative_files(folder: Path, node: ast.ImportFrom) -> list[Path]:
    """Finds what ``from .layers import block`` and ``from . import layers`` name in a user's package."""
    base = folder.joinpath(*(node.module or "").split("."))
    candidates = [base, *(base / alias.name for alias in node.names)]
    return [f for c in candidates for f in (c.with_suffix(".py"), c / "__init__.py") if f.is_file()]


@lru_cache
def _is_third_party(name: str) -> bool:
    top = name.split(".")[0]
    return _user_module(top) is None
