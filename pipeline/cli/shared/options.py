"""What several commands are told: the workspace, recipes, changes of keys, and where to write JSON."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from kerasline.components.core import ConfigError, check_output, nearest, write_output
from kerasline.pipeline.cli.shared import completion

STANDARD_OUTPUT = Path("-")
WORKSPACE = Path("workspace")

WorkspaceOption = Annotated[
    Path,
    typer.Option(
        envvar="KERASLINE_WORKSPACE",
        help="The folder of metadata, artifacts, models and reports.",
        callback=lambda given: Path(given).expanduser(),  # of a file that sets the variable no shell has read the ~
    ),
]
RecipeArgument = Annotated[
    str,
    typer.Argument(help="A shipped recipe's name, or the path of a YAML file.", autocompletion=completion.recipes),
]
SetOption = Annotated[
    list[str],
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change a config key, such as training.epochs=5.",
        autocompletion=completion.keys,
    ),
]
ModelArgument = Annotated[
    str,
    typer.Argument(
        metavar="NAME[@VERSION]", help="Without a version: what is in production.", autocompletion=completion.models
    ),
]
ModelOption = Annotated[
    str,
    typer.Option(
        metavar="NAME[@VERSION]", help="Without a version: what is in production.", autocompletion=completion.models
    ),
]
RUN_HELP = "A run's id, a recipe for its newest run, or NAME@VERSION for the run that made it."
RunArgument = Annotated[str, typer.Argument(help=RUN_HELP, autocompletion=completion.runs)]
DataOption = Annotated[Path | None, typer.Option(help="Where the files of the data set are.")]
OnUnseenOption = Annotated[
    str, typer.Option(metavar="warn|reject", help="Tell of values that training has never shown, or refuse them.")
]
SignatureOption = Annotated[
    Path | None,
    typer.Option(
        "--require-signature", metavar="PUBLIC-KEY", help="Refuse a version that is not what this key's holder signed."
    ),
]
CaptureOption = Annotated[
    float | None,
    typer.Option(min=0, max=1, metavar="SHARE", help="Keep this part of what is answered; default: serve.capture."),
]
DebugOption = Annotated[bool, typer.Option("--debug", help="Show tracebacks.")]
JsonOption = Annotated[
    Path | None,
    typer.Option("--json", metavar="FILE|-", help="Write what came of it to this file; - for standard output."),
]


def check_on_unseen(chosen: str) -> None:
    """Refuses a word that ``--on-unseen`` does not know.

    Raises:
      ConfigError: which words it knows.
    """
    from kerasline.components.prediction import ON_UNSEEN

    if chosen not in ON_UNSEEN:
        raise ConfigError(
            f"--on-unseen: expected {' or '.join(ON_UNSEEN)}, got {chosen!r}.{nearest(chosen, ON_UNSEEN)}"
        )


def open_json(path: Path | None) -> Callable[[Any], None]:
    """Makes ready what writes a command's JSON.

    With ``-`` only the JSON goes to standard output, so that a program can read it; what a person reads goes to
    standard error from here on.

    Args:
      path: The file, ``-``, or None to write nothing.

    Returns:
      A function that writes its argument.

    Raises:
      ConfigError: The file cannot be written.
    """
    if path == STANDARD_OUTPUT:
        sys.stdout.flush()  # what was said before still goes there
        kept = os.dup(1)
        os.dup2(2, 1)
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(line_buffering=True)  # as standard error is, or a program would see all at the end
        return lambda value: _write_all(kept, f"{_text(value)}\n")
    check_output(path, "--json")
    return lambda value: None if path is None else _write_file(path, value)


def _text(value: Any) -> str:
    return json.dumps(value, indent=1)


def _write_file(path: Path, value: Any) -> None:
    write_output(path, _text(value))


def _write_all(descriptor: int, text: str) -> None:
    with os.fdopen(os.dup(descriptor), "w", encoding="utf-8") as file:
        file.write(text)
