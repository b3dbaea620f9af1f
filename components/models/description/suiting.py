"""Whether a model can be built at all: its inputs, its function, its weights; light, so that it is told at once."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from kerasline.components.core import ConfigError, nearest, shown
from kerasline.components.models.description.options import (
    AugmentationOptions,
    CnnOptions,
    CustomOptions,
    MlpOptions,
    ModelOptions,
    SequenceOptions,
    TabularOptions,
    TransferOptions,
)
from kerasline.components.models.description.spec import InputSpec

ALSO = {
    "image": "cnn or transfer",
    "array": "cnn or sequence",
    "tokens": "sequence",
    "dense": "mlp",
    "ids": "mlp",
}
SIDE_KINDS = ("dense", "ids")
SQUEEZENET_FILE = "squeezenet_imagenet_notop.h5"
WEIGHT_FILES = (".h5", ".keras")
_DOWNLOADS = ("storage.googleapis.com", 443)
_SECONDS = 1.0


def main_input(family: str, inputs: Sequence[InputSpec], kinds: tuple[str, ...]) -> InputSpec:
    """Returns the one input of these kinds; all others must be side columns (dense, ids).

    Raises:
      ConfigError: there is none, more than one, or an input of another kind; says which family would suit.
    """
    found = [spec for spec in inputs if spec.kind in kinds]
    others = [spec for spec in inputs if spec.kind not in (*kinds, *SIDE_KINDS)]
    wanted = " or ".join(kinds)
    if others:
        raise ConfigError(
            f"model.family {family} takes one {wanted} input, but {others[0].name!r} is of kind "
            f"{others[0].kind}; use family {ALSO[others[0].kind]}."
        )
    if not found:
        kinds_given = ", ".join(sorted({spec.kind for spec in inputs}))
        raise ConfigError(
            f"model.family {family} takes one {wanted} input, but the data has only {kinds_given} "
            "inputs; use family mlp."
        )
    if len(found) > 1:
        names = ", ".join(repr(spec.name) for spec in found)
        raise ConfigError(
            f"model.family {family} takes one {wanted} input, but the data has {len(found)} ({names}); "
            "leave one of them in the features, or use family custom."
        )
    return found[0]


def check_augmentation(options: AugmentationOptions, inputs: Sequence[InputSpec]) -> None:
    """Raises ConfigError where changes to images are asked for, but no input is one."""
    if options.active and not any(spec.kind == "image" for spec in inputs):
        kinds = ", ".join(sorted({spec.kind for spec in inputs}))
        raise ConfigError(
            f"model.augmentation changes images, but the data has only {kinds} inputs; leave model.augmentation out."
        )


def check_inputs(options: ModelOptions, inputs: Sequence[InputSpec]) -> None:
    """Refuses a family that does not read what the data has.

    Raises:
      ConfigError: says which family would suit.
    """
    if isinstance(options, CnnOptions):
        main_input("cnn", inputs, ("image", "array"))
        check_augmentation(options.augmentation, inputs)
    elif isinstance(options, SequenceOptions):
        main_input("sequence", inputs, ("array", "tokens"))
    elif isinstance(options, TransferOptions):
        main_input("transfer", inputs, ("image",))
    elif isinstance(options, MlpOptions):
        refuse_tokens(inputs)
        check_augmentation(options.augmentation, inputs)
    elif isinstance(options, TabularOptions):
        refuse_others(inputs)


def refuse_others(inputs: Sequence[InputSpec]) -> None:
    """Raises ConfigError where an input of the tabular family is no column of a table."""
    for spec in inputs:
        if spec.kind not in SIDE_KINDS:
            raise ConfigError(
                f"model.family tabular takes columns of a table, but {spec.name!r} is of kind {spec.kind}; "
                f"use family {ALSO[spec.kind]}."
            )


def refuse_tokens(inputs: Sequence[InputSpec]) -> None:
    """Raises ConfigError where an input holds tokens, whose order a flat vector would lose."""
    for spec in inputs:
        if spec.kind == "tokens":
            raise ConfigError(
                f"model.family mlp takes columns, images and arrays, but {spec.name!r} holds tokens; "
                "use family sequence."
            )


def check_parts(options: ModelOptions, base_dir: Path) -> None:
    """Refuses a function that is not there, and weights that neither are there nor can be fetched.

    Args:
      options: Options of one family.
      base_dir: The recipe's folder, where the function's module may lie.

    Raises:
      ConfigError: names what is missing, and where it was looked for.
    """
    if isinstance(options, CustomOptions):
        _check_function(options.build, base_dir)
    elif isinstance(options, TransferOptions):
        _check_weights(options)


def _check_function(dotted: str, base_dir: Path) -> None:
    module, _, name = dotted.partition(":")
    path = _source_of(module, base_dir)
    if path is None or path.suffix != ".py":
        return
    try:
        tree = ast.parse(path.read_bytes(), filename=str(path))
    except (SyntaxError, ValueError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        raise ConfigError(
            f"model.build: expected Python in {path}{line}, but it does not parse; mend the file"
        ) from None
    names = _defined(tree)
    if names is not None and name not in names:
        raise ConfigError(
            f"model.build: expected a function {name} in {path}, but {_functions_of(tree)}."
            f"{nearest(name, sorted(names))}"
        )


def _functions_of(tree: ast.Module) -> str:
    functions = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    return f"it defines {', '.join(functions[:20])}" if functions else "it defines no function"


def _source_of(module: str, base_dir: Path) -> Path | None:
    """Finds a module's file as Python will, also beside the recipe and in the working folder; imports nothing of it."""
    top, *rest = module.split(".")
    for folder in (os.getcwd(), *sys.path, str(base_dir)):
        path = Path(folder or ".", top)
        for part in rest:
            path /= part
        for file in (path.with_name(f"{path.name}.py"), path / "__init__.py"):
            if file.is_file():
                return file
    if _is_installed(top, rest):
        return None
    raise ConfigError(
        f"model.build: expected a module {module} that Python can find, but it is neither installed nor in "
        f"{os.getcwd()} nor beside the recipe in {base_dir.resolve()}; correct the name, or set PYTHONPATH"
    )


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


def keras_models() -> Path:
    """Returns the folder in which Keras keeps pretrained weights."""
    return Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser() / "models"


def squeezenet_weights() -> Path:
    """Returns where SqueezeNet's ImageNet weights lie; Keras has no download for them.

    Raises:
      ConfigError: they are not there; names the file and the folder.
    """
    path = keras_models() / SQUEEZENET_FILE
    if not path.is_file():
        raise ConfigError(
            f"SqueezeNet's ImageNet weights are not at {path}, and Keras offers no download of them; put the "
            f"file {SQUEEZENET_FILE} into {path.parent}, give its path as model.weights, or use weights: "
            "none."
        )
    return path


def _check_weights(options: TransferOptions) -> None:
    if options.weights == "none":
        return
    if options.weights != "imagenet":
        _check_file(Path(options.weights).expanduser())
    elif options.base == "squeezenet":
        squeezenet_weights()
    elif not _has_imagenet(options.base) and not _is_online():
        raise ConfigError(
            f"model.weights: expected ImageNet weights of {options.base} in {keras_models()} or a network to fetch "
            f"them through, but they are not there and {_DOWNLOADS[0]} does not answer; put Keras' file for "
            f"{options.base} without its top there, give its path as model.weights, or use weights: none"
        )


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise ConfigError(
            f"model.weights must be imagenet, none, the path of a file or NAME@VERSION, but {shown(str(path))} does "
            "not exist; check the path."
        )
    if path.suffix not in WEIGHT_FILES:
        raise ConfigError(f"model.weights must end in .h5, .weights.h5 or .keras, got {path.name!r}; convert the file.")


def _has_imagenet(base: str) -> bool:
    """Says whether Keras' file of a base lies where Keras keeps it; their names differ in signs alone."""
    wanted = _plain(base)
    names = [_plain(path.name) for path in keras_models().glob("*.h5")]
    return any(wanted in name and "notop" in name for name in names)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _is_online() -> bool:
    """Says whether weights can be fetched; a proxy is believed."""
    if any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")):
        return True
    try:
        with socket.create_connection(_DOWNLOADS, timeout=_SECONDS):
            return True
    except OSError:
        return False
