"""The places that a resolved dataset names: addresses while it travels, paths of copies where it is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from kerasline.components.core import address_of, copy_of, is_address
from kerasline.components.datasets.remote.copies import copied_file, copied_folder, parse

_Change = Callable[[str], str]
# Keys of shards and of a reader's options that hold a path, or several, and how a copy is had.
_KEYS: dict[str, _Change] = {
    "path": copied_file,
    "files": copied_file,
    "folder": copied_folder,
    "root": copied_folder,
    "unusable": lambda address: str(copy_of(parse(address))),  # these are not read
}


def as_addresses(options: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a shard, or a reader's options, with addresses in the place of paths of their copies."""
    return _changed(options, dict.fromkeys(_KEYS, lambda path: address_of(path) or path))


def as_paths(options: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a shard, or a reader's options, with paths of copies, which are made where they are not there."""
    return _changed(options, {key: partial(_if_address, find) for key, find in _KEYS.items()})


def _if_address(find: _Change, text: str) -> str:
    return find(text) if is_address(text) else text


def _changed(options: Mapping[str, Any], changes: Mapping[str, _Change]) -> dict[str, Any]:
    return {key: _each(value, changes[key]) if key in changes else value for key, value in options.items()}


def _each(value: Any, change: _Change) -> Any:
    """Changes text, and the text within lists and mappings."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {key: _each(item, change) for key, item in value.items()}
    return [_each(item, change) for item in value] if isinstance(value, list | tuple) else value
