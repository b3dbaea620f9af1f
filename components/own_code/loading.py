"""Imports users' modules: from the recipe's folder, in the state that the run was planned with."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from kerasline.components.core import ConfigError, code_version, nearest

_ONLY_AS_PROGRAM = "put what is to run as a program below if __name__ == '__main__':, or "
# The code that modules were planned with; and with which they were loaded, with and without the data that it names.
_PLANNED: dict[str, str] = {}
_LOADED: dict[str, tuple[str, str]] = {}
_FOLDERS: list[str] = []  # on the path for a recipe, at most one


def use_folder(folder: Path, modules: Iterable[str]) -> None:
    """Lets Python find a recipe's modules beside it, here and in the processes that steps start.

    Args:
      folder: The recipe's.
      modules: Those that the recipe names; from now on they may not change until the run is over.
    """
    modules = list(modules)
    if not modules:
        return
    _put_on_path(str(folder.resolve()))
    importlib.invalidate_caches()
    for name in modules:
        # A notebook may run a recipe again after its module was edited.
        if name in _LOADED and _LOADED[name] != _state_of(name):
            _forget(name)
        _PLANNED[name] = code_version(name, data=False)


def _state_of(name: str) -> tuple[str, str]:
    return code_version(name), code_version(name, data=False)


def path_for(folder: str) -> list[str]:
    """Returns Python's path without the folder of the recipe before, as it is when another recipe's is put on it.

    Args:
      folder: That other recipe's, which stays where it is there already.
    """
    return [path for path in sys.path if path == folder or path not in _FOLDERS]


def _put_on_path(folder: str) -> None:
    """Puts a folder at the end of the path, in place of another recipe's."""
    for other in [one for one in _FOLDERS if one != folder]:
        _take_off_path(other)
    if folder not in sys.path:
        sys.path.append(folder)
        _FOLDERS.append(folder)
    _hand_on(folder)


def _take_off_path(folder: str) -> None:
    """Takes a recipe's folder off the path, here and of processes that start from now on, with its modules."""
    if folder in sys.path:
        sys.path.remove(folder)
    _FOLDERS.remove(folder)
    _set_handed_on(path for path in _handed_on() if path != folder)
    for name in [name for name in _LOADED if _lies_in(name, folder)]:
        _forget(name)


def _hand_on(folder: str) -> None:
    """Lets the processes that this one starts find the folder's modules, too."""
    inherited = _handed_on()
    if folder not in inherited:
        _set_handed_on([*inherited, folder])


def _handed_on() -> list[str]:
    return [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]


def _set_handed_on(folders: Iterable[str]) -> None:
    os.environ["PYTHONPATH"] = os.pathsep.join(folders)


def _lies_in(module: str, folder: str) -> bool:
    file = getattr(sys.modules.get(module), "__file__", None)
    return bool(file) and Path(str(file)).is_relative_to(folder)


def _forget(module: str) -> None:
    """Lets the next import read a module again, and what lies beside it."""
    file = getattr(sys.modules.get(module), "__file__", None)
    folder = Path(str(file)).parent if file else None
    for name, loaded in list(sys.modules.items()):
        path = getattr(loaded, "__file__", None)
        if name == module or (folder and path and Path(path).parent == folder and name in _LOADED):
            del sys.modules[name]
            _LOADED.pop(name, None)
    _LOADED.pop(module, None)


def load_function(key: str, dotted: str, signature: str) -> Callable[..., Any]:
    """Imports a function, from the working folder too.

    Args:
      key: The recipe's key that names it, for messages.
      dotted: Name of the function as ``package.module:function``.
      signature: What it is called with and returns, for messages.

    Raises:
      ConfigError: the module or the function is not there, the module fails, or it is another than was planned.
    """
    module_name, _, name = dotted.partition(":")
    module = _import(key, module_name)
    function = getattr(module, name, None)
    if not callable(function):
        public = [one for one, value in vars(module).items() if callable(value) and not one.startswith("_")]
        raise ConfigError(
            f"{key}: module {module_name} has no function {name!r}.{nearest(name, public)} Define {name}{signature}."
        )
    found: Callable[..., Any] = function
    return found


def _import(key: str, name: str) -> ModuleType:
    """Imports a user's module.

    Raises:
      ConfigError: it, or a package that it needs, is not there, or it fails.
    """
    if os.getcwd() not in sys.path and "" not in sys.path:
        sys.path.append(os.getcwd())  # a console script, unlike `python -m`, does not look there
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        is_the_module = bool(error.name) and f"{name}.".startswith(f"{error.name}.")
        if not is_the_module:
            raise ConfigError(
                f"{key}: module {name} needs {error.name!r}; install that package here, and wherever steps run."
            ) from error
        raise ConfigError(
            f"{key} names the module {name}, which Python cannot find; install it, or run "
            f"in the folder that holds {name.split('.')[0]!r} (now {os.getcwd()}), or set PYTHONPATH to it; workers "
            "of Beam and images of steps elsewhere need it, too."
        ) from error
    except (Exception, SystemExit) as error:
        hint = _ONLY_AS_PROGRAM if isinstance(error, SystemExit) else ""
        raise ConfigError(
            f"{key}: importing {name} raised {type(error).__name__}: {error}; {hint}mend the module."
        ) from error
    _check_unchanged(key, name)
    return module


def _check_unchanged(key: str, name: str) -> None:
    """Refuses a module that was edited after the run was planned: its results would be kept under the old one's key.

    A file of data that it names may be written to by the run itself.
    """
    if name not in _LOADED:
        _LOADED[name] = _state_of(name)
    planned = _PLANNED.get(name)
    if planned is not None and planned != _LOADED[name][1]:
        raise ConfigError(
            f"{key}: the code of module {name} has changed since this run was planned; run again, and what it decides "
            "is computed anew"
        )
