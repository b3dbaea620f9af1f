"""Reads the text of a recipe: bounded in size, with the line of every key, and with problems in plain words.

What is read is YAML 1.2's core: 1e-3 is a number; off, 010, 1:30 and 2024-01-31 are text. Keys are text as they are
written. Nothing in a recipe is executed, and no small file can grow into a large one.
"""

from __future__ import annotations

import codecs
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from kerasline.components.core import ConfigError, shown
from kerasline.pipeline.config.yaml_words import plain_problem

MOST_BYTES = 1_000_000
MOST_NODES = 50_000  # values, those counted again that an alias repeats
MOST_DEPTH = 40  # blocks within blocks
MOST_CHARACTERS = 20_000  # of one value

Location = tuple[str, ...]

_CORE = "tag:yaml.org,2002:"
_BOOLEAN, _FLOAT, _INTEGER, _MERGE = (f"{_CORE}{name}" for name in ("bool", "float", "int", "merge"))
_TAGS = {f"{_CORE}{name}" for name in ("bool", "float", "int", "merge", "null", "str", "map", "seq", "timestamp")}
_WORDS = {"bool": "true or false", "float": "a number", "int": "a whole number", "null": "nothing"}
_WORDS |= {"timestamp": "a date such as 2024-01-31"}
_RESOLVERS = {
    _BOOLEAN: (r"(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    _INTEGER: (r"[-+]?(?:0|[1-9][0-9_]*|0o[0-7]+|0x[0-9a-fA-F]+)$", "-+0123456789"),
    _FLOAT: (
        r"(?:[-+]?(?:\d[\d_]*\.?\d*|\.\d+)[eE][-+]?\d+|[-+]?(?:\d[\d_]*\.\d*|\.\d+)"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$",
        "-+.0123456789",
    ),
}


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The reader whose scalars are those of YAML 1.2."""


_NOT_CORE = {*_RESOLVERS, f"{_CORE}timestamp", f"{_CORE}value"}
_Loader.yaml_implicit_resolvers = {
    first: [resolver for resolver in resolvers if resolver[0] not in _NOT_CORE]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _tag, (_pattern, _first) in _RESOLVERS.items():
    _Loader.add_implicit_resolver(_tag, re.compile(_pattern), list(_first))


class _Dumper(yaml.SafeDumper):
    """The writer that quotes what this reader, or one of YAML 1.1, takes for something else than text."""


_Dumper.yaml_implicit_resolvers = {
    first: [*yaml.SafeDumper.yaml_implicit_resolvers.get(first, []), *_Loader.yaml_implicit_resolvers.get(first, [])]
    for first in {*yaml.SafeDumper.yaml_implicit_resolvers, *_Loader.yaml_implicit_resolvers}
}


@dataclass(frozen=True)
class Origin:
    """Where the keys of a config come from, for messages.

    Attributes:
      name: the file, or other words for it.
      lines: each key's line, by its place in the config.
      changes: the keys of ``--set``, by the place that each changes; not their values, which may hold a password.
    """

    name: str = "the recipe"
    lines: dict[Location, int] = field(default_factory=dict)
    changes: dict[Location, str] = field(default_factory=dict)

    def place(self, location: Location) -> str:
        """Says where a key stands: its line, or that of the block that should have it."""
        above = [location[:end] for end in range(len(location), 0, -1)]
        for one in above:
            if one in self.changes:
                return f"--set {shown(self.changes[one], plain=True)}"
        line = next((self.lines[one] for one in above if one in self.lines), None)
        return self.name if line is None else f"{self.name}, line {line}"

    def line(self, location: Location) -> int:
        """Returns the line for putting findings in order; those of ``--set`` come last."""
        above = [location[:end] for end in range(len(location), 0, -1)]
        if any(one in self.changes for one in above):
            return 1_000_000
        return next((self.lines[one] for one in above if one in self.lines), 0)


def read_file(path: Path) -> tuple[dict[str, Any], Origin]:
    """Reads a recipe's file.

    Args:
      path: of the file.

    Returns:
      What it says, and where.

    Raises:
      ConfigError: it cannot be read, is no YAML, is too large, or is no block of keys.
    """
    return read_recipe(_decode(_read(path), str(path)), str(path))


def read_recipe(text: str, name: str) -> tuple[dict[str, Any], Origin]:
    """Reads the text of a recipe.

    Args:
      text: YAML.
      name: where it came from, for messages.

    Returns:
      What it says, and where.

    Raises:
      ConfigError: it is no YAML, is too large, or is no block of keys.
    """
    lines: dict[Location, int] = {}
    raw = read_text(text, name, lines)
    if not isinstance(raw, dict):
        came = "an empty file" if raw is None else "a list" if isinstance(raw, list) else shown(raw)
        raise ConfigError(f"expected keys such as name, data and model in {name}, got {came}")
    return raw, Origin(name, lines)


def read_text(text: str, name: str, lines: dict[Location, int] | None = None) -> Any:
    """Reads one value from YAML.

    Args:
      text: of a file, or behind the sign of a ``--set``.
      name: where it came from, for messages.
      lines: takes the line of each key.

    Raises:
      ConfigError: it is no YAML, or too large.
    """
    try:
        _check_growth(text, name)
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            return None if node is None else _value(node, loader, name, (), {} if lines is None else lines)
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        raise _refusal(error, text, name) from error


def write_text(value: Any) -> str:
    """Writes a value as YAML that `read_text` reads as the same value."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"expected a readable file, but {path} cannot be read: {error.strerror}") from error
    if len(content) > MOST_BYTES:
        raise ConfigError(
            f"expected a recipe of at most {MOST_BYTES:,} bytes, but {path} is larger; put data and long lists into "
            "files that the recipe names"
        )
    return content


def _decode(content: bytes, name: str) -> str:
    is_utf16 = content[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    try:
        text = content.decode("utf-16" if is_utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ConfigError(
            f"{name}, line {line}: expected text in UTF-8, but byte {error.start + 1} of the file is none of it; "
            "save the recipe as UTF-8, and check that it is a text file"
        ) from None
    odd = next((c for c in text if ord(c) < 32 and c not in "\t\n\r"), None)
    if odd is not None:
        line = text.count("\n", 0, text.index(odd)) + 1
        raise ConfigError(
            f"{name}, line {line}: expected a text file, but it holds the control character {ord(odd)}; check that it "
            "is a recipe, saved as UTF-8"
        )
    return text


def _check_growth(text: str, name: str) -> None:
    """Counts what the text would become, alias by alias, before anything is built."""
    growth, documents = _Growth(), 0
    for event in yaml.parse(text, Loader=_Loader):
        place = f"{name}, line {event.start_mark.line + 1 if event.start_mark else 1}"
        documents += isinstance(event, yaml.DocumentStartEvent)
        if documents > 1:
            raise ConfigError(f"{place}: expected one recipe in a file, but --- begins another one")
        if isinstance(event, yaml.ScalarEvent) and len(event.value) > MOST_CHARACTERS:
            raise ConfigError(
                f"{place}: expected at most {MOST_CHARACTERS:,} characters in a value, got {len(event.value):,}: "
                f"{shown(event.value)}"
            )
        problem = growth.add(event)
        if problem:
            raise ConfigError(f"{place}: {problem}")


@dataclass
class _Growth:
    """What has been read of a text: values and depth, with aliases counted as what they repeat.

    Attributes:
      values: so far.
      open: the blocks that have not ended: anchor, values before it, depth of what is in it.
      anchors: values and depth of what each anchor names.
    """

    values: int = 0
    open: list[list[Any]] = field(default_factory=list)
    anchors: dict[str, tuple[int, int]] = field(default_factory=dict)

    def add(self, event: Any) -> str:
        """Counts one event, and returns what is wrong with it, or an empty string."""
        if isinstance(event, yaml.AliasEvent):
            if event.anchor in {anchor for anchor, _, _ in self.open}:
                return f"expected a block that ends, but *{shown(event.anchor, plain=True)} repeats it in itself"
            values, depth = self.anchors.get(event.anchor or "", (1, 0))
            self.values += values
            self._deepen(depth)
        elif isinstance(event, yaml.ScalarEvent):
            self.values += 1
            self._name(event.anchor, 1, 0)
        elif isinstance(event, yaml.CollectionStartEvent):
            self.open.append([event.anchor, self.values, 1])
            self.values += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before, depth = self.open.pop()
            self._name(anchor, self.values - before, depth)
            self._deepen(depth)
        return self._problem()

    def _name(self, anchor: str | None, values: int, depth: int) -> None:
        if anchor:
            self.anchors[anchor] = (values, depth)

    def _deepen(self, depth: int) -> None:
        if self.open:
            self.open[-1][2] = max(self.open[-1][2], depth + 1)

    def _problem(self) -> str:
        deepest = len(self.open) + (self.open[-1][2] - 1 if self.open else 0)
        if deepest > MOST_DEPTH:
            return f"expected at most {MOST_DEPTH} blocks within blocks, but they go too deep"
        if self.values > MOST_NODES:
            return (
                f"expected at most {MOST_NODES:,} values in a recipe, aliases counted as what they repeat, got more; "
                "put long lists into files that the recipe names"
            )
        return ""


def _value(node: Any, loader: Any, name: str, location: Location, lines: dict[Location, int]) -> Any:
    if node.tag not in _TAGS:
        tag = shown(node.tag.replace(_CORE, "!!"), plain=True)
        raise ConfigError(f"{_at(node, name)}: expected a plain value, got the tag {tag}; leave the tag out")
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node, loader, name, location)
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            lines.setdefault((*location, str(index)), item.start_mark.line + 1)
        return [_value(item, loader, name, (*location, str(i)), lines) for i, item in enumerate(node.value)]
    merged, own = _keys(node, name)
    result: dict[str, Any] = {}
    for key, key_node, value_node in (*merged, *own):
        place = (*location, key)
        lines[place] = key_node.start_mark.line + 1
        result[key] = _value(value_node, loader, name, place, lines)
    return result


Entries = list[tuple[str, Any, Any]]


def _keys(node: Any, name: str) -> tuple[Entries, Entries]:
    """Returns the entries that ``<<`` brings in, and a block's own, which go before them."""
    merged: dict[str, tuple[str, Any, Any]] = {}
    own: dict[str, tuple[str, Any, Any]] = {}
    for key_node, value_node in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            raise ConfigError(
                f"{_at(key_node, name)}: expected a word as key, got a block; quote it, or mend the indent"
            )
        if key_node.tag == _MERGE:
            for entry in _merged(value_node, name):
                merged.setdefault(entry[0], entry)
        elif key_node.value in own:
            first = own[key_node.value][1].start_mark.line + 1
            raise ConfigError(
                f"{_at(key_node, name)}: the key {shown(key_node.value)} stands twice, first in line {first}; keep one"
            )
        else:
            own[key_node.value] = (key_node.value, key_node, value_node)
    return [entry for key, entry in merged.items() if key not in own], list(own.values())


def _merged(node: Any, name: str) -> Iterator[tuple[str, Any, Any]]:
    sources = node.value if isinstance(node, yaml.SequenceNode) else [node]
    for source in sources:
        if not isinstance(source, yaml.MappingNode):
            raise ConfigError(f"{_at(source, name)}: expected << with a block or a list of blocks; name an anchor")
        merged, own = _keys(source, name)
        yield from (*own, *merged)


def _scalar(node: Any, loader: Any, name: str, location: Location) -> Any:
    try:
        value = loader.construct_object(node)
    except (ValueError, KeyError, AttributeError, TypeError, IndexError, OverflowError):
        wanted = _WORDS.get(node.tag.removeprefix(_CORE), "a plain value")
        raise ConfigError(f"{_at(node, name)}: expected {wanted}, got {shown(node.value)}") from None
    if isinstance(value, float) and not math.isfinite(value):
        key = f"{'.'.join(location)}: " if location else ""
        raise ConfigError(f"{_at(node, name)}: {key}expected a finite number, got {shown(node.value, plain=True)}")
    # A date is the text that stands there.
    return node.value if node.tag == f"{_CORE}timestamp" else value


def _at(node: Any, name: str) -> str:
    return f"{name}, line {node.start_mark.line + 1}"


def _refusal(error: yaml.YAMLError, text: str, name: str) -> ConfigError:
    """Words a problem of the parser, with the line that it stands in and a mark below the place."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    lines = text.splitlines()
    if mark is None or not lines:
        return ConfigError(f"{name}: expected YAML, but it cannot be read; check its indents, quotes and brackets")
    number, column = mark.line, mark.column
    if number >= len(lines):  # what is missing is missed at the end
        number, column = len(lines) - 1, len(lines[-1])
    line = lines[number].replace("\t", "→")
    problem = plain_problem(str(getattr(error, "problem", "")), lines[number], column)
    start = max(0, column - 60)
    part = line[start : start + 100]
    details = (f"{name}, line {number + 1}:", f"  {part}", f"  {' ' * (min(column, len(line)) - start)}^")
    return ConfigError(f"{name}, line {number + 1}, column {column + 1}: expected YAML, but {problem}", details=details)
