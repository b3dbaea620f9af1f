"""What each output of a step consisted of when the step ended, so that a file which is lost later is noticed.

Names and sizes stand beside the outputs, in ``pipelines/NAME/STEP/.contents``, and so go where they go.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from kerasline.components.core import write_at_once

_FOLDER = ".contents"


def note_contents(place: Path) -> None:
    """Keeps the names and sizes of the files of an output; without them only its folder is looked for later.

    Args:
      place: Folder of the output, ``STEP/OUTPUT/EXECUTION``.
    """
    note = _note(place)
    with suppress(OSError):
        note.parent.mkdir(exist_ok=True)
        write_at_once(note, json.dumps(_sizes(place)), lasting=False)


def find_loss(place: Path) -> str | None:
    """Looks whether all that a step has left is there, without reading it.

    Args:
      place: Folder of the output.

    Returns:
      What is not as the step left it, in words that follow its place; None where nothing is missing.
    """
    if not place.exists():
        return "is gone"
    try:
        noted = json.loads(_note(place).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # an earlier version left the output, or a kill came before the note
        return None
    if not isinstance(noted, dict):
        return None
    found = _sizes(place)
    for name, size in noted.items():
        if name not in found:
            return f"has lost {name}"
        if found[name] != size:
            return f"has {name} with {found[name]} bytes instead of {size}"
    return None


def noted_places(step: Path) -> Iterator[Path]:
    """Lists the outputs of a step whose contents were noted, also those that are gone.

    Args:
      step: Folder of the step.
    """
    for note in sorted((step / _FOLDER).glob("[!.]*.json")):
        output, _, execution = note.stem.rpartition("-")
        yield step / output / execution


def _note(place: Path) -> Path:
    return place.parents[1] / _FOLDER / f"{place.parent.name}-{place.name}.json"


def _sizes(place: Path) -> dict[str, int]:
    """Returns the size of each file below a folder, in bytes, by its path within the folder."""
    sizes = {}
    for file in (Path(folder, name) for folder, _, names in os.walk(place) for name in names):
        with suppress(FileNotFoundError):  # a step that runs may take its own files away
            sizes[str(file.relative_to(place))] = file.lstat().st_size
    return sizes
