"""How a CSV names images: from which folder on, with which slashes, composed letters, and endings such as .png."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, product
from pathlib import Path
from typing import Literal

from kerasline.components.core import counted, nearest
from kerasline.components.datasets.images.class_folders import image_names
from kerasline.components.datasets.images.image_check import SUFFIXES

_CELLS_TO_TRY = 100
_FOLDERS_TO_TRY = 100
_FOLDERS_ABOVE = 3
_NEARLY_ALL = 0.9
_ENDINGS = ("", *SUFFIXES, *(suffix.upper() for suffix in SUFFIXES))

Form = Literal["NFC", "NFD"]


@dataclass(frozen=True)
class Naming:
    """How all cells of a CSV are read as paths.

    Attributes:
      root: Folder of the images.
      within: Folders at the start of every cell that lead to ``root``, such as ``data/photos``.
      backslashes: Whether a backslash stands between folders, as Windows writes them.
      ending: What the cells lack of the names of files, such as ``.png``.
      form: Of Unicode, NFC or NFD, in which the files compose their letters; empty where that of the cells is theirs.
    """

    root: str
    within: str = ""
    backslashes: bool = False
    ending: str = ""
    form: Form | None = None

    def path(self, cell: str) -> Path:
        """Returns the file that a cell names."""
        name = cell.replace("\\", "/") if self.backslashes else cell
        if self.within:
            name = name.removeprefix("./").removeprefix(f"{self.within}/")
        if self.form:
            name = unicodedata.normalize(self.form, name)
        return Path(self.root, name + self.ending)


def settle_naming(root: Path, cells: Iterable[str]) -> Naming:
    """Finds out how a CSV names images: the plainest way in which the most of its first cells lead to files.

    Args:
      root: Folder of the images, in which all files must lie; the paths may start there, from a folder above it, or
        from folders of another machine.
      cells: Those of the column of paths.
    """
    tried = list(islice(filter(None, cells), _CELLS_TO_TRY))
    inside, best, most = root.resolve(), Naming(str(root)), 0
    for naming in _namings(root, tried):
        found = sum(not place_problem(cell, naming.path(cell), inside) for cell in tried)
        if found > most:
            best, most = naming, found
        if most == len(tried):
            break
    return best


def _namings(root: Path, cells: Sequence[str]) -> Iterator[Naming]:
    """Yields the ways in which cells may name images, the plainest first."""
    has_backslashes = any("\\" in cell for cell in cells)
    is_ascii = all(map(str.isascii, cells))
    forms: tuple[Form | None, ...] = (None,) if is_ascii else (None, "NFC", "NFD")
    for ending, backslashes in product(_ENDINGS, (False, True) if has_backslashes else (False,)):
        for within, form in product(_starts(root, cells, backslashes), forms):
            yield Naming(str(root), within, backslashes, ending, form)


def _starts(root: Path, cells: Sequence[str], backslashes: bool) -> list[str]:
    """Lists the folders that cells may begin with: none, those above the root, and those that nearly all have."""
    above = root.absolute().parts[-_FOLDERS_ABOVE:]
    starts = ["", *("/".join(above[place:]) for place in range(len(above)))]
    names = [cell.replace("\\", "/") if backslashes else cell for cell in cells]
    folders = names[0].split("/")[:-1] if names else []
    shared = ["/".join(folders[: count + 1]) for count in range(len(folders))]
    return starts + [
        start for start in shared
        if start.strip("./") and sum(name.startswith(f"{start}/") for name in names) >= _NEARLY_ALL * len(names)
    ]  # fmt: skip


def place_problem(cell: str, path: Path, inside: Path) -> str:
    """Says why a cell leads to no file, empty where it leads to one.

    Args:
      cell: Of the CSV.
      path: The file that it names.
      inside: Folder of the images, with its links followed.
    """
    if not cell:
        return "no image is named"
    if "://" in cell:
        return "an address of the network; fetch the images into the folder"
    try:
        if not path.resolve().is_relative_to(inside):
            return "outside of the data folder"
        return "" if path.exists() else f"File not found: {path}"
    except RuntimeError:
        return "a link that leads in circles"
    except (OSError, ValueError):
        return "no name that a file may have"


def hint_at_file(cell: str, naming: Naming, root: Path) -> str:
    """Says where the file of a cell may be that is not where the cell says, or nothing."""
    path = naming.path(cell)
    name = cell.replace("\\", "/").rpartition("/")[2]
    for folder in islice(_folders(root), _FOLDERS_TO_TRY):
        if folder == path.parent:
            continue
        there = next((ending for ending in _ENDINGS if (folder / f"{name}{ending}").is_file()), None)
        if there is not None:
            return f" There is {folder / f'{name}{there}'}: name its folder under images.path, or correct the paths."
    return nearest(path.name, image_names(path.parent)) if path.parent.is_dir() else ""


def _folders(root: Path) -> Iterator[Path]:
    """Yields a folder, those in it, and those in these."""
    yield root
    for folder in sorted(entry for entry in root.iterdir() if entry.is_dir()):
        yield folder
        yield from sorted(entry for entry in folder.iterdir() if entry.is_dir())


def listing_notes(rows: Sequence[Sequence[str]], kept: Iterable[Path], naming: Naming, table: Path) -> list[str]:
    """Notes the images that a CSV lists more than once, and those beside them that it does not list.

    Args:
      rows: Path and label of all rows.
      kept: The images that are used.
      naming: How the paths are read.
      table: The CSV.
    """
    listed = {naming.path(row[0]) for row in rows}
    unlisted = sum(
        place / name not in listed for place in {path.parent for path in kept} for name in image_names(place)
    )
    notes = [*_elsewhere(naming, table), *_repeated(rows, table)]
    if unlisted:
        notes.append(f"{counted(unlisted, 'image', 'images')} beside those that {table.name} lists have no row there")
    return notes


def _elsewhere(naming: Naming, table: Path) -> list[str]:
    """Notes that paths begin with folders which are not those of the images."""
    if not naming.within or f"{Path(naming.root).absolute()}/".endswith(f"/{naming.within}/"):
        return []
    return [f"{table.name} names images from {naming.within} on, which is taken for {naming.root}"]


def _repeated(rows: Sequence[Sequence[str]], table: Path) -> list[str]:
    times = Counter(row[0] for row in rows)
    again = sum(count > 1 for count in times.values())
    if not again:
        return []
    labels = Counter(path for path, _ in {(row[0], row[1]) for row in rows})
    different = sum(count > 1 for count in labels.values())
    more = f", {different:,} of them with different labels" if different else ""
    return [f"{counted(again, 'image is', 'images are')} listed more than once in {table.name}{more}"]
