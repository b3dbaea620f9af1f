"""The reference of the documentation, written from the code: ``python -m tools.reference`` prints it.

The pages are made while the site is built and are not committed: so none can be out of date, and two changes of the
config never meet in a page that nobody wrote. Loads what the light commands load, and no TensorFlow.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer.main
import yaml

import kerasline
from kerasline.components.core import ConfigError, DataRejected
from kerasline.pipeline.cli.entry import app
from kerasline.pipeline.config import recipe_schema
from kerasline.pipeline.run.outcome import EXIT_CODES
from kerasline.pipeline.serving import GAUGES

ROOT = Path(__file__).resolve().parents[1]
METERS = ROOT / "pipeline" / "serving" / "metering.py"
_LONGEST_DEFAULT = 60
_BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
# What --json writes as the fields of a class: the command, and the file and name of the class.
_JSON_OF = {
    "plan (a list)": ("pipeline/workspace", "StepForecast"),
    "retrain": ("pipeline/retraining", "Decision"),
    "evaluate": ("pipeline/models", "Evaluation"),
    "reproduce": ("pipeline/run", "Reproduction"),
}

Schema = Mapping[str, Any]


def pages() -> dict[str, str]:
    """Writes all pages: file name below ``reference/`` -> Markdown."""
    return {
        "keys.md": keys_page(),
        "commands.md": commands_page(),
        "exit-codes.md": exit_codes_page(),
        "json.md": json_page(),
        "python.md": python_page(),
        "metrics.md": metrics_page(),
    }


def _cell(text: object) -> str:
    """Makes some text fit for a cell of a table."""
    return " ".join(str(text).split()).replace("|", "\\|").replace("<", "&lt;")


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _code(value: object) -> str:
    """Shows a value as YAML on one line has it."""
    return f"`{json.dumps(value, ensure_ascii=False)}`".replace("|", "\\|")


# Keys of the config


def _variants(part: Schema) -> list[Schema]:
    return [*part.get("anyOf", ()), *part.get("oneOf", ())] or [part]


def type_words(part: Schema) -> str:
    """Says what a key takes: kinds, choices and bounds. Text that stands for a number is not named apart."""
    found = list(dict.fromkeys(filter(None, (_one_type(each) for each in _variants(part)))))
    return " or ".join(found) or "any"


def _one_type(part: Schema) -> str:
    if "$ref" in part:
        return "block"
    if "const" in part:
        return _code(part["const"])
    if "enum" in part:
        return ", ".join(map(_code, part["enum"]))
    kinds = part.get("type", "")
    # A number, and a truth, may also come as text, as environment variables and the command line have it.
    kind = str(kinds[0] if isinstance(kinds, list) else kinds)
    if kind == "array":
        return f"list of {type_words(part['items'])}" if part.get("items") else "list"
    bounds = [f"{sign} {part[name]}" for name, sign in _BOUNDS.items() if name in part and kind != "boolean"]
    return " ".join([{"null": "nothing", "object": "mapping"}.get(kind, kind), *bounds])


def _blocks(part: Schema, way: str = "") -> Iterator[tuple[str, str]]:
    """Tells the blocks that a key may hold, in lists and mappings, too: the way to each below the key, and its name."""
    for each in _variants(part):
        if "$ref" in each:
            yield way, each["$ref"].rpartition("/")[2]
        for inner, more in (("items", ""), ("additionalProperties", ".NAME")):
            if isinstance(each.get(inner), Mapping):
                yield from _blocks(each[inner], way + more)


def examples() -> dict[str, Any]:
    """Takes for each key the first value that a shipped recipe gives it: dotted key -> value."""
    found: dict[str, Any] = {}

    def walk(path: str, value: Any) -> None:
        found.setdefault(path, value)
        for key, inner in value.items() if isinstance(value, dict) else ():
            walk(f"{path}.{key}" if path else str(key), inner)

    for recipe in sorted((ROOT / "pipeline" / "recipes").glob("*.yaml")):
        walk("", yaml.safe_load(recipe.read_text(encoding="utf-8")))
    return found


def _opened(definition: Schema) -> Schema:
    """Returns the mapping of a block that may also be a bare word."""
    return next((each for each in _variants(definition) if "properties" in each), definition)


def key_blocks() -> Iterator[tuple[str, str, Schema]]:
    """Walks the config: for each block its dotted path, a word for which of several it is, and its schema."""
    schema = recipe_schema()
    definitions = {name: _opened(block) for name, block in schema["$defs"].items()}
    waiting: list[tuple[str, str, Schema]] = [("", "", schema)]
    seen: set[tuple[str, str]] = set()
    while waiting:
        path, variant, block = waiting.pop(0)
        yield path, variant, block
        for key, part in block.get("properties", {}).items():
            inner = f"{path}.{key}" if path else key
            named = ("NAME", "COLUMN" if inner == "features" else "NAME")
            for place in dict.fromkeys((inner + way.replace(*named), name) for way, name in _blocks(part)):
                if place not in seen:
                    seen.add(place)
                    waiting.append((place[0], _family(definitions[place[1]]), definitions[place[1]]))


def _family(block: Schema) -> str:
    """Names the model family that a block is of, empty for other blocks."""
    return str(block.get("properties", {}).get("family", {}).get("const", ""))


def keys_page() -> str:
    """Writes every key of a recipe: type, default, an example, and what it says."""
    shown = examples()
    text = ["# Keys of a recipe\n", "Written from the code. Examples are values of shipped recipes.\n"]
    definitions = {name: _opened(block) for name, block in recipe_schema()["$defs"].items()}
    for path, variant, block in key_blocks():
        title = f"`{path}`" if path else "The recipe"
        text.append(f"## {title}{f', family {variant}' if variant else ''}\n\n{block.get('description', '')}\n")
        rows = []
        for key, part in block.get("properties", {}).items():
            dotted = f"{path}.{key}" if path else key
            rows.append(_key_row(dotted, part, definitions, shown, key in block.get("required", ())))
        text.append(_table(("key", "takes", "default", "example", ""), rows))
    return "\n".join(text)


def _key_row(
    dotted: str, part: Schema, definitions: Schema, shown: Mapping[str, Any], required: bool
) -> tuple[str, ...]:
    described = [definitions[name].get("description", "") for _, name in _blocks(part)]
    words = part.get("description") or next(iter(described), "")
    default = _code(part["default"]) if "default" in part and part["default"] is not None else ""
    if required:
        default = "required"
    if len(default) > _LONGEST_DEFAULT:
        default = "see the block"
    example = _code(shown[dotted]) if dotted in shown else ""
    return (f"`{dotted}`", type_words(part), default, example if len(example) <= _LONGEST_DEFAULT else "", _cell(words))


# Commands


def commands() -> Iterator[tuple[str, Any]]:
    """Walks the commands, those within groups too: the words to type -> the command."""
    waiting = [("kerasline", typer.main.get_command(app))]
    while waiting:
        words, command = waiting.pop(0)
        inner = getattr(command, "commands", {})
        if words != "kerasline" or not inner:
            yield words, command
        waiting = [*((f"{words} {name}", each) for name, each in inner.items()), *waiting]


def commands_page() -> str:
    """Writes every command with its arguments and options."""
    text = ["# Commands\n", "Written from the code; `kerasline COMMAND --help` says the same.\n"]
    for words, command in commands():
        arguments = [_argument(each) for each in command.params if each.param_type_name == "argument"]
        text.append(f"## {words.removeprefix('kerasline ')}\n\n`{' '.join([words, *arguments])}`\n\n{command.help}\n")
        shown = [each for each in command.params if not getattr(each, "hidden", False)]
        if shown:
            text.append(_table(("", "default", ""), [_option_row(each) for each in shown]))
    return "\n".join(text)


def _argument(parameter: Any) -> str:
    name = str(parameter.name).upper()
    return name if parameter.required else f"({name})"


def _option_row(parameter: Any) -> tuple[str, ...]:
    if parameter.param_type_name == "argument":
        names = _argument(parameter)
    else:
        names = ", ".join([*parameter.opts, *parameter.secondary_opts])
        names += f" {parameter.metavar}" if parameter.metavar else ""
    default = parameter.default
    told = "" if default in (None, False, [], ()) or callable(default) else f"`{getattr(default, 'value', default)}`"
    variable = f" Or the variable `{parameter.envvar}`." if parameter.envvar else ""
    return f"`{names}`", told, _cell(getattr(parameter, "help", "") or "") + variable


# Exit codes, JSON, Python, metrics


def exit_codes_page() -> str:
    """Writes the exit codes, and the status of a run that has each."""
    statuses: dict[int, list[str]] = {}
    for status, code in EXIT_CODES.items():
        statuses.setdefault(code, []).append(f"`{status}`")
    says = {
        0: "What was asked for is done.",
        ConfigError.exit_code: ConfigError.__doc__ or "",
        DataRejected.exit_code: DataRejected.__doc__ or "",
        4: "The model was not blessed, or `--fail-on-alarm` found one; what is in production stays there.",
        130: "Ctrl-C ended it; what is in production stays there.",
        1: "Anything else; the last line on stderr says what and what to do.",
    }
    rows = [(str(code), _cell(text), ", ".join(statuses.get(code, []))) for code, text in says.items()]
    return "# Exit codes\n\n" + _table(("code", "", "`status` of a run's JSON"), rows)


def _definitions(folder: Path) -> dict[str, ast.ClassDef | ast.FunctionDef]:
    """Finds the functions and classes at the top of the files of a folder, or of one file."""
    files = sorted(folder.rglob("*.py")) if folder.is_dir() else [folder.with_suffix(".py")]
    trees = (ast.parse(file.read_text(encoding="utf-8")) for file in files)
    return {node.name: node for tree in trees for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)}


def json_page() -> str:
    """Writes the fields of the JSON that comes from a class."""
    text = [
        "# Fields of JSON\n",
        "`--json FILE` writes them, `--json -` to standard output alone. What `run` writes stands on",
        "[its page](../commands.md#the-result-of-a-run-as-json); what `verdict`, `monitor`, `backtest` and `evaluate`",
        "write is also told on theirs.\n",
    ]
    for command, (folder, name) in _JSON_OF.items():
        node = _definitions(ROOT / folder)[name]
        told = dict(re.findall(r"(?ms)^  (\w+): (.*?)(?=^  \w+: |\Z)", _section(node, "Attributes")))
        fields = [each for each in node.body if isinstance(each, ast.AnnAssign)]
        names = [(ast.unparse(each.target), ast.unparse(each.annotation)) for each in fields]
        rows = [(f"`{field}`", _cell(kind), _cell(told.get(field, ""))) for field, kind in names]
        text.append(f"## kerasline {command}\n\n{_table(('field', 'type', ''), rows)}")
    return "\n".join(text)


def _section(node: ast.ClassDef | ast.FunctionDef, title: str) -> str:
    documented = ast.get_docstring(node) or ""
    found = re.search(rf"(?ms)^{title}:\n(.*?)(?=^\w|\Z)", documented)
    return found[1] if found else ""


def python_page() -> str:
    """Writes every public name of ``import kerasline`` with its arguments and docstring."""
    text = ["# Python\n", "`import kerasline as kl`. Written from the code.\n"]
    for room, names in sorted(kerasline._ROOMS.items()):
        found = _definitions(ROOT / room.removeprefix("kerasline.").replace(".", "/"))
        for name in (each for each in names if each in kerasline.__all__):
            text.append(f"## {name}\n\n{_described(found[name])}")
            methods = found[name].body if isinstance(found[name], ast.ClassDef) else []
            for method in methods:
                if isinstance(method, ast.FunctionDef) and not method.name.startswith("_"):
                    text.append(f"### {name}.{method.name}\n\n{_described(method)}")
    return "\n".join(text)


def _described(node: ast.ClassDef | ast.FunctionDef) -> str:
    arguments = f"({ast.unparse(node.args)})" if isinstance(node, ast.FunctionDef) else ""
    documented = (ast.get_docstring(node) or "").replace("``", "`")
    return f"```python\n{node.name}{arguments}\n```\n\n```text\n{documented}\n```\n"


def prometheus() -> list[tuple[str, str, str]]:
    """Finds what ``/metrics`` tells: name, kind and meaning."""
    strings = [
        node.value
        for node in ast.walk(ast.parse(METERS.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    written = "\n".join(strings)
    kinds = dict(re.findall(r"(?m)^# TYPE (\w+) (\w+)$", written))
    meanings = dict(re.findall(r"(?m)^# HELP (\w+) (.*)$", written))
    counted = [(name, kind, meanings[name]) for name, kind in kinds.items()]
    return sorted(counted + [(name, "gauge", meaning) for name, meaning in GAUGES.items()])


def metrics_page() -> str:
    """Writes the metrics of the server."""
    rows = [(f"`{name}`", kind, _cell(meaning)) for name, kind, meaning in prometheus()]
    return "# Metrics of the server\n\n`kerasline serve` answers `/metrics` for Prometheus.\n\n" + _table(
        ("metric", "kind", ""), rows
    )


def main() -> None:
    """Prints all pages."""
    print("\n".join(pages().values()))


if __name__ == "__main__":
    main()
