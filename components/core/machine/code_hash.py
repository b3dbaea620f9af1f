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
import os
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from itertools import chain, takewhile
from pathlib import Path

from kerasline.components.core.addresses import cache_folder
from kerasline.components.core.machine.code_state import code_state
from kerasline.components.core.machine.installed import describe_packages, is_listed
from kerasline.components.core.machine.libraries import LIBRARIES
from kerasline.components.core.machine.writing import keep_newest, write_at_once

_ROOT = Path(__file__).resolve().parents[3]
_PACKAGE = "kerasline"
_COMPONENTS = f"{_PACKAGE}.components."
# A module's dotted name, or the name of a file; users name files in folders, and modules from where they are, too.
_NAME = re.compile(r"[\w.]+")
_PATH = re.compile(r"(?!/)[\w./-]{1,200}")
# Files that are written to by a run are no part of its code: what these name first, or are methods of.
_WRITERS = {
    *("CSVLogger", "ModelCheckpoint", "BackupAndRestore", "TensorBoard", "FileHandler"),
    *("save", "savez", "savez_compressed", "savetxt", "savefig", "to_csv", "to_parquet", "to_json", "to_pickle"),
}
_WRITING_METHODS = {"write_text", "write_bytes"}
_MODE = re.compile(r"[rwxabtU+]{1,4}")
_BLOCK = 1 << 20  # bytes read at once
_PYTHON = Path(ast.__file__).parent
_KNOWN_LIBRARIES: set[str] = set()
_MOST_KEPT = 20  # states of the code whose sources are known


def code_version(*modules: str, data: bool = True) -> str:
    """Returns 16 hexadecimal digits that change with the code that modules run.

    Args:
      *modules: Dotted names of modules of ``components``, and of users' modules with functions that recipes name.
      data: Whether files of data that users' modules name count, too.
    """
    ours = tuple(module for module in modules if module.startswith(f"{_PACKAGE}."))
    others = [module for module in modules if module not in ours]
    if not others:
        return _version_of_ours(ours)
    # A user's module may be edited while this process runs.
    own = set[Path]().union(*(_local_sources(module, data=data) for module in others))
    return _version_of(own.union(*map(_sources_of_ours, ours)), _packages_of(others, own))


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


def _version_of(paths: set[Path], packages: Sequence[str] = ()) -> str:
    digest = hashlib.sha256()
    for library in (*(f"{library}={metadata.version(library)}" for library in LIBRARIES), *packages):
        digest.update(f"{library}\n".encode())
    for path in sorted(paths):
        digest.update(path.name.encode() + b"\0")
        with path.open("rb") as file:  # a user's module may name large ones
            while block := file.read(_BLOCK):
                digest.update(block)
        digest.update(b"\0")
    return digest.hexdigest()[:16]


def _local_sources(module: str, *, data: bool = True) -> set[Path]:
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
        waiting += [] if _is_ours(path) else _packages_above(path)
        if path.suffix == ".py":
            names = _known_references(path).names
            waiting += map(_source_file, (name for name in names if not _is_library(name)))
            waiting += _files_named(path, data=data)
    return found


def _is_ours(path: Path) -> bool:
    """Says whether a file is of this project, and not of a user who works in its folder."""
    return any(path.is_relative_to(_ROOT / folder) for folder in ("components", "pipeline"))


def _packages_above(path: Path) -> list[Path]:
    """Lists what Python runs before a module of a package: the packages that it lies in, outermost last."""
    inits = (folder / "__init__.py" for folder in path.parents)
    return list(takewhile(Path.is_file, inits))


def _packages_of(modules: Iterable[str], sources: Iterable[Path]) -> list[str]:
    """Describes the installed packages that users' modules are in, or import."""
    read = [path for path in sources if path.suffix == ".py" and not _is_ours(path)]
    named = chain(modules, *(_known_references(path).names for path in read))
    return describe_packages({name.split(".")[0] for name in named if _is_library(name)})


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
    """Locates a user's own module (custom models) without running it; installed libraries do not count."""
    top, *inner = module.split(".")
    bases = [place.joinpath(*inner) for place in _user_places(top)]
    files = [file for base in bases for file in (base / "__init__.py", base.with_suffix(".py"))]
    return next((file for file in files if file.is_file()), None)


def _user_places(top: str) -> tuple[Path, ...]:
    """Returns where a module or a package of the user's lies, a module without its suffix; none of a library.

    Only what is found stays so: a user's may be written, or another folder come onto the path, while this process runs.
    """
    if top in _KNOWN_LIBRARIES:
        return ()
    found = _places_of(top)
    if found is None:
        return ()
    own = tuple(place for place in found if not _is_installed(place))
    if not own:
        _KNOWN_LIBRARIES.add(top)
    return own


def _is_installed(place: Path) -> bool:
    """Says whether a module is Python's, or an installer has put it where it lies, also with ``--target``."""
    is_in_place = place.is_relative_to(_PYTHON) or {"site-packages", "dist-packages"}.intersection(place.parts)
    return bool(is_in_place) or is_listed(place)


def _places_of(top: str) -> list[Path] | None:
    """Returns the folders of a package or the file of a module without its suffix; None if Python does not find it."""
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError, AttributeError):
        return None
    if spec is None:
        return None
    # A folder without __init__.py is a package, too, and has no file of its own.
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
    if not folders and spec.origin and spec.origin.endswith(".py"):
        return [Path(spec.origin).with_suffix("")]
    return folders


@dataclass(frozen=True)
class _References:
    """What the text of a file names. Which of it is there is looked up each time: files come and go.

    Attributes:
      names: Modules that it imports.
      relative: Files that its relative imports may mean.
      texts: That may name modules, or files of code.
      opened: Those of them that may name files of data.
    """

    names: list[str]
    relative: list[Path]
    texts: list[str]
    opened: list[str]


def _known_references(path: Path) -> _References:
    facts = path.stat()
    return _references(path, facts.st_mtime_ns, facts.st_size)


@lru_cache(maxsize=4096)
def _references(path: Path, modified: int, size: int) -> _References:
    """Reads what a file names; most files are behind several steps, and each is parsed once.

    Args:
      path: Of the file.
      modified: When it was written; a file that was edited meanwhile is read again.
      size: Of it, in bytes.
    """
    nodes = list(ast.walk(_parse(path)))
    texts = {id(node): text for node in nodes if (text := _text_of(node))}
    written = {id(inner) for node in nodes for outer in _written(node) for inner in ast.walk(outer)}
    return _References(
        names=_modules_imported(nodes, texts.values()),
        relative=_relative_files(path, nodes),
        texts=list(texts.values()),
        opened=[texts[node] for node in texts.keys() - written],
    )


def _text_of(node: ast.AST) -> str:
    """Returns a text that may name a module or a file; empty where a node is none."""
    value = node.value if isinstance(node, ast.Constant) else None
    return value if isinstance(value, str) and _PATH.fullmatch(value) else ""


def _modules_imported(nodes: Iterable[ast.AST], texts: Iterable[str]) -> list[str]:
    names: list[str] = []
    for node in nodes:
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names += _imported_names(node)
    # Registries name modules as text ("kerasline.components.models.mlp") to import them late.
    return names + [text for text in texts if _NAME.fullmatch(text) and text.startswith(_COMPONENTS)]


def _parse(path: Path) -> ast.AST:
    """Parses a file; one that is no Python of this version names nothing, and counts by its bytes."""
    try:
        return ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, RecursionError):
        return ast.Module([], [])


def _written(node: ast.AST) -> list[ast.AST]:
    """Lists the parts of a call in which it names files that it writes to and does not read."""
    if not isinstance(node, ast.Call):
        return []
    name = getattr(node.func, "attr", getattr(node.func, "id", ""))
    if name in _WRITING_METHODS:
        return [node.func]
    if name in _WRITERS:
        return [*node.args[:1], *node.keywords]
    return [node] if name == "open" and _opens_to_write(node) else []


def _opens_to_write(node: ast.Call) -> bool:
    """Says whether a call of ``open`` has a mode in which nothing is read; a path's method is given no path before."""
    first = 0 if isinstance(node.func, ast.Attribute) else 1
    given = (*node.args[first:2], *(key.value for key in node.keywords if key.arg == "mode"))
    texts = [str(value.value) for value in given if isinstance(value, ast.Constant)]
    mode = next((text for text in reversed(texts) if _MODE.fullmatch(text)), "r")
    return bool(set(mode) & set("wx")) or ("a" in mode and "+" not in mode)


def _files_named(path: Path, *, data: bool) -> list[Path]:
    """Finds the files that the text of a file names: templates and scripts beside one of ours, or a user's.

    Args:
      path: Of the file.
      data: Whether files of data that a user's module names count.
    """
    known = _known_references(path)
    named = _beside(path, known.texts) if _is_ours(path) else _named_by_a_user(path, known, data=data)
    return [file for file in (*known.relative, *named) if _is_readable(file)]


def _beside(path: Path, texts: Iterable[str]) -> list[Path]:
    return [path.parent / text for text in texts if "." in text and _NAME.fullmatch(text)]


def _named_by_a_user(path: Path, known: _References, *, data: bool) -> list[Path]:
    outer = path.parents[len(_packages_above(path))]
    modules = [text for text in known.texts if _NAME.fullmatch(text)]
    files = [file for text in modules for file in _modules_named(text, path, outer)]
    return files + (_data_named(known.opened, {path.parent, outer}) if data else [])


def _data_named(texts: Iterable[str], folders: Iterable[Path]) -> list[Path]:
    """Lists what texts may mean as files below folders."""
    below = [Path(text) for text in texts if ".." not in Path(text).parts]
    return [folder / text for folder in folders for text in below]


def _modules_named(text: str, path: Path, outer: Path) -> list[Path]:
    """Lists the files that a text may mean as a module, as in ``import_module("..round", __package__)``.

    Args:
      text: The text.
      path: File that it stands in.
      outer: Folder that the file's package lies in.
    """
    inner = text.lstrip(".")
    above = path.parents[min(max(len(text) - len(inner) - 1, 0), len(path.parents) - 1)]
    module = inner.replace(".", "/")
    folders = {path.parent, above, outer} if inner else set()
    return [folder / name for folder in folders for name in (f"{module}.py", f"{module}/__init__.py")]


def _is_readable(path: Path) -> bool:
    """Says whether there is a file that may be read; what a text names may lie where this user may not look."""
    try:
        return path.is_file() and os.access(path, os.R_OK)
    except OSError:
        return False


def _imported_names(node: ast.ImportFrom) -> list[str]:
    """Lists the modules that ``from MODULE import ...`` may mean."""
    # "from keras import layers" names a module in its alias, too.
    inner = [*(alias.name for alias in node.names), *_behind_door(node)]
    return [str(node.module), *(f"{node.module}.{name}" for name in inner)]


def _is_library(name: str) -> bool:
    """Says whether a module is neither one of these components nor a user's own."""
    return not name.startswith(f"{_PACKAGE}.components") and not _user_places(name.split(".")[0])


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


def _relative_files(path: Path, nodes: Iterable[ast.AST]) -> list[Path]:
    """Lists what ``from .layers import block`` and ``from . import layers`` may mean in a user's package."""
    files: list[Path] = []
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.level:
            base = path.parents[node.level - 1].joinpath(*(node.module or "").split("."))
            candidates = [base, *(base / alias.name for alias in node.names)]
            files += [file for each in candidates for file in (each.with_suffix(".py"), each / "__init__.py")]
    return files
