"""What can be told of a user's function without running it: whether it is there, and takes what it is given."""

from __future__ import annotations

import ast
import importlib.machinery
import importlib.util
import math
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from kerasline.components.core import ConfigError, nearest
from kerasline.components.own_code.loading import path_for

_OF_NO_USE = {"test", "turtle", "this", "antigravity"}  # modules of Python that no program imports


def check_function(key: str, dotted: str, base_dir: Path, arguments: Sequence[str] | None) -> None:
    """Refuses a function that is not there, needs a package that is not there, or takes other arguments.

    The module is read and not run. What only running it would tell, such as a function that a call makes, passes.

    Args:
      key: The recipe's key that names the function.
      dotted: Its name, ``package.module:function``.
      base_dir: The recipe's folder, where the module may lie.
      arguments: What it is called with, in this order; None where that depends on more than the name.

    Raises:
      ConfigError: says what is missing, and where it was looked for.
    """
    module, _, name = dotted.partition(":")
    _check_is_seen(key, module, base_dir)
    _check_hides_nothing(key, base_dir)
    path = _source_of(key, module, base_dir)
    if path is None or path.suffix != ".py":
        return
    tree = _parse(key, path)
    names = _defined(tree)
    if names is not None and name not in names:
        raise ConfigError(
            f"{key}: expected a function {name} in {path}, but {_functions_of(tree)}.{nearest(name, sorted(names))}"
        )
    _check_packages(key, tree, path, base_dir)
    if arguments is not None:
        _check_arguments(key, name, tree, path, arguments)


def _check_is_seen(key: str, module: str, base_dir: Path) -> None:
    """Refuses a module beside the recipe where Python would import another one of that name."""
    top = module.split(".")[0]
    mine = _file_in(base_dir, top, [])
    if mine is None:
        return
    found = _found_before(top, base_dir)
    if found is not None and Path(found).resolve() != mine.resolve():
        raise ConfigError(
            f"{key}: expected {mine} to be imported as {top}, but Python finds {found} first; rename the one beside "
            "the recipe"
        )


def _found_before(top: str, base_dir: Path) -> str | None:
    """Returns what Python finds under a name in the working folder or on its path; None if nothing."""
    if top in sys.builtin_module_names:
        return f"its own {top}"
    here = _file_in(Path.cwd(), top, [])
    if here is not None:
        return str(here)
    mine = str(base_dir.resolve())
    others = [path for path in path_for(mine) if path != mine]
    place = importlib.machinery.PathFinder.find_spec(top, others)
    return None if place is None else place.origin  # a folder without __init__.py has none, and gives way


def _check_hides_nothing(key: str, base_dir: Path) -> None:
    """Refuses files beside the recipe that have names of Python's own modules.

    The processes that steps start look beside the recipe first, so Python itself would import them.
    """
    beside = {file.stem: file.name for file in base_dir.glob("*.py")}
    beside |= {file.parent.name: file.parent.name for file in base_dir.glob("*/__init__.py")}
    hiding = sorted(beside[name] for name in beside.keys() & sys.stdlib_module_names - _OF_NO_USE)
    if hiding:
        raise ConfigError(
            f"{key}: expected no file beside the recipe that is called as one of Python's own modules, got "
            f"{', '.join(hiding)} in {base_dir.resolve()}, which the processes that steps start would import in its "
            "place; rename it"
        )


def _parse(key: str, path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_bytes(), filename=str(path))
    except (SyntaxError, ValueError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        raise ConfigError(f"{key}: expected Python in {path}{line}, but it does not parse; mend the file") from None


def _functions_of(tree: ast.Module) -> str:
    functions = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    return f"it defines {', '.join(functions[:20])}" if functions else "it defines no function"


def _check_packages(key: str, tree: ast.Module, path: Path, base_dir: Path) -> None:
    """Refuses a module whose imports need a package that this environment lacks; those within a ``try`` may."""
    for name in _imported(tree):
        if _file_in(path.parent, name, []) or _file_in(base_dir, name, []) or _is_installed(name, []):
            continue
        if not any(_file_in(Path(folder or "."), name, []) for folder in (os.getcwd(), *path_for(str(base_dir)))):
            raise ConfigError(
                f"{key}: {path} imports {name}, which is neither installed here nor beside it; install the package "
                "here and wherever steps run, or leave the import out"
            )


def _imported(tree: ast.Module) -> Iterator[str]:
    """Gives the first names of what a module imports whenever it is loaded."""
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


def _check_arguments(key: str, name: str, tree: ast.Module, path: Path, arguments: Sequence[str]) -> None:
    """Refuses a plain function that cannot be called with so many arguments."""
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name]
    if len(functions) != 1 or functions[0].decorator_list:
        return
    taken = functions[0].args
    places = [*taken.posonlyargs, *taken.args]
    most = math.inf if taken.vararg else len(places)
    named = any(default is None for default in taken.kw_defaults)
    if len(places) - len(taken.defaults) <= len(arguments) <= most and not named:
        return
    raise ConfigError(
        f"{key}: expected {name}({', '.join(arguments)}) in {path}, line {functions[0].lineno}, but it is "
        f"{name}({ast.unparse(taken)}); give it these arguments, in this order"
    )


def _source_of(key: str, module: str, base_dir: Path) -> Path | None:
    """Finds a module's file as Python will, also beside the recipe and in the working folder; imports nothing of it."""
    top, *rest = module.split(".")
    for folder in (os.getcwd(), *path_for(str(base_dir)), str(base_dir)):
        file = _file_in(Path(folder or "."), top, rest)
        if file is not None:
            return file
    if _is_installed(top, rest):
        return None
    raise ConfigError(
        f"{key}: expected a module {module} that Python can find, but it is neither installed nor in "
        f"{os.getcwd()} nor beside the recipe in {base_dir.resolve()}; correct the name, or set PYTHONPATH"
    )


def _file_in(folder: Path, top: str, rest: Sequence[str]) -> Path | None:
    path = folder.joinpath(top, *rest)
    return next((file for file in (path.with_name(f"{path.name}.py"), path / "__init__.py") if file.is_file()), None)


def _is_installed(top: str, rest: Sequence[str]) -> bool:
    """Says whether a module that is no plain file of a folder on the path is there: built in, compiled, or hooked."""
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return False
    if spec is None or not rest:
        return spec is not None
    folders = [Path(location) for location in spec.submodule_search_locations or ()]
    return any(
        found for folder in folders for found in folder.glob(f"{rest[0]}*") if found.stem.split(".")[0] == rest[0]
    )


def _defined(tree: ast.Module) -> set[str] | None:
    """Lists the names that a module defines, or None where only running it would tell."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if _may_define_more(node):
            return None
        names |= _names_of(node)
    return names


def _may_define_more(node: ast.AST) -> bool:
    """Whether a statement may define names that do not stand in it."""
    match node:
        case ast.ImportFrom(names=imported):
            return any(alias.name == "*" for alias in imported)
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return name == "__getattr__"
        case ast.Call(func=ast.Name(id=called)):
            return called in ("globals", "exec")
    return False


def _names_of(node: ast.AST) -> set[str]:
    """Returns the names that a statement defines."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return {name}
        case ast.Import(names=imported) | ast.ImportFrom(names=imported):
            return {(alias.asname or alias.name).split(".")[0] for alias in imported}
        case ast.Name(id=name, ctx=ast.Store()):
            return {name}
    return set()
