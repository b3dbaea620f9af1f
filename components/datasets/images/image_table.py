"""Images that a CSV lists with their labels: classes, or numbers to regress."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from kerasline.components.core import ConfigError, counted
from kerasline.components.datasets.description import (
    CsvOptions,
    Dataset,
    Found,
    ImageOptions,
    LabelFacts,
    LabelNumbers,
    SplitColumn,
    assign_roles,
    indices_of,
)
from kerasline.components.datasets.files import Places, check_unchanged, digest_file, size_of
from kerasline.components.datasets.images.image_check import check_all
from kerasline.components.datasets.images.image_folder import alike_notes, read_image, shortened
from kerasline.components.datasets.images.listed_paths import (
    Naming,
    hint_at_file,
    listing_notes,
    place_problem,
    settle_naming,
)
from kerasline.components.datasets.images.survey import Survey
from kerasline.components.datasets.tables.csv import (
    INFINITIES,
    NANS,
    ColumnScan,
    body,
    detect_delimiter,
    detect_encoding,
    dialect_of,
    header_of,
    parse,
)
from kerasline.components.datasets.values import Named, check_lost, describe_lost, missing_words, own_words

_IMAGES_PER_SHARD = 1024
_MOST_NAMES = 20  # in a message
_NO_NUMBERS = INFINITIES | NANS

_Row = tuple[int, list[str]]  # number of the line, and the cells of the wanted columns


def find(options: ImageOptions, places: Places, split: SplitColumn | None, named: Named) -> Found:
    """Describes the images that ``labels_csv`` lists.

    The CSV is looked for within the image folder first. Rows without a label, and images that are absent, damaged, too
    large or outside the folder, are listed in ``skipped``. ``split`` may name a column of the CSV.

    Raises:
      ConfigError: the CSV lacks a column, or no image can be used.
    """
    root = places.find(options.path, folder=True)
    table = _table_of(options, root, places)
    reading = {**_reading(table), "missing_in": own_words(named)}
    wanted = _wanted_columns(options, reading["names"], split, table)
    rows, broken = _rows(table, reading, wanted)
    naming = settle_naming(root, (cells[0] for _, cells in rows))
    decided = named.get(options.label_column) is not None
    labels = [cells[1] for _, cells in rows]
    no_label = _no_label(labels, missing_words(reading, options.label_column), decided)
    survey = Survey()
    kept, unusable, skipped = _usable_rows(options, root, naming, table, rows, no_label, survey)
    if not kept:
        raise _none_usable(table, rows, naming, root, skipped)
    label = _label(options.label_column, kept, table)
    if label.dtype == "string" and not decided:
        lost = Counter(cell for cell in labels if cell in no_label)
        check_lost(options.label_column, lost, len(kept), str(table))
    return Found(
        kind="image",
        columns=(survey.column(),),
        label=label,
        reader="image_table",
        reader_options={
            "path": str(table),
            "bytes": size_of(table),
            **asdict(naming),
            "reading": reading,
            "columns": wanted,
            "label_type": label.dtype,
            "label_form": asdict(label.written.form) if label.written else None,
            "extra_type": _extra_type(kept, split),
            "unusable": unusable,
        },
        shards=_shards(len(kept)),
        digest=f"{survey.digest},{digest_file(table)}",
        title=root.name,
        skipped=shortened([*skipped, *broken]),
        notes=(*survey.notes, *alike_notes(label.counts or ()), *_listing_notes(rows, kept, naming, table)),
    )


def _rows(table: Path, reading: Mapping[str, Any], wanted: Sequence[str]) -> tuple[list[_Row], list[str]]:
    """Reads the wanted columns of all rows; and says which rows have more or fewer cells than there are columns."""
    places = [reading["names"].index(name) for name in wanted]
    broken: list[str] = []

    def skipped(told: str, lines: list[int]) -> None:
        broken.extend(f"{table.name} line {number}: {told}, expected {counted(width, 'cell')}" for number in lines)

    width = len(reading["names"])
    found = body(table, reading, reading["delimiter"], width, skipped=skipped)
    rows = [(number, [cells[place] for place in places]) for number, cells in found]
    return rows, broken


def _listing_notes(rows: Sequence[_Row], kept: Sequence[_Row], naming: Naming, table: Path) -> list[str]:
    return listing_notes([cells for _, cells in rows], [naming.path(cells[0]) for _, cells in kept], naming, table)


def _none_usable(table: Path, rows: Sequence[_Row], naming: Naming, root: Path, skipped: Sequence[str]) -> ConfigError:
    if not rows:
        return ConfigError(f"{table} lists no image; check that the right file was named.")
    hint = hint_at_file(rows[0][1][0], naming, root) if "File not found" in skipped[0] else ""
    return ConfigError(f"No image of {table} can be used; correct its paths. The first: {skipped[0]}.{hint}")


def _extra_type(rows: Sequence[_Row], split: SplitColumn | None) -> str | None:
    """Returns the type of the column that only the splits need, None where there is none."""
    if split is None:
        return None
    return parse([cells[2] for _, cells in rows if cells[2]] or ["-"])[0]


def _shards(rows: int) -> list[dict[str, Any]]:
    starts = range(0, rows, _IMAGES_PER_SHARD)
    return [{"first": first, "rows": min(_IMAGES_PER_SHARD, rows - first)} for first in starts]


def _table_of(options: ImageOptions, root: Path, places: Places) -> Path:
    """Finds the CSV that lists the images, within their folder first."""
    assert options.labels_csv is not None
    if options.test_path is not None:
        raise ConfigError("images.test_path is for folders of classes; with labels_csv use split.method: source.")
    table = root / options.labels_csv
    return table if table.is_file() else places.find(options.labels_csv)


def _wanted_columns(options: ImageOptions, names: Sequence[str], split: SplitColumn | None, table: Path) -> list[str]:
    """Names the columns of the CSV that are read: those of the paths, of the label, and the one that splits need."""
    if options.path_column not in names:
        raise ConfigError(
            f"{table} has no column {options.path_column!r} of image paths; set images.path_column. Its columns are "
            f"{', '.join(names[:_MOST_NAMES])}."
        )
    roles = assign_roles(names, options.label_column, [], split, str(table))
    if len(roles.labels) != 1 or options.path_column == options.label_column:
        raise ConfigError("images.label_column and images.path_column must be two different columns.")
    return [options.path_column, options.label_column, *([split.name] if split else [])]


def _usable_rows(
    options: ImageOptions,
    root: Path,
    naming: Naming,
    table: Path,
    rows: Sequence[_Row],
    no_label: Collection[str],
    survey: Survey,
) -> tuple[list[_Row], list[int], list[str]]:
    """Looks at the image of every row.

    Args:
      options: Of the recipe.
      root: Folder of the images.
      naming: How the paths are read.
      table: The CSV.
      rows: All rows.
      no_label: Cells that mean that a row has no label.
      survey: Takes what the images that can be used are like.

    Returns:
      The rows that can be used; the numbers of the others, and in words why.
    """
    kept: list[_Row] = []
    unusable: list[int] = []
    skipped: list[str] = []
    inside = root.resolve()
    paths = [naming.path(cells[0]) for _, cells in rows]
    checks = check_all(root, paths, options.check == "decode", options.max_megapixels * 1e6)
    for (number, cells), path, checked in zip(rows, paths, checks, strict=True):
        if cells[1] in no_label:
            problem = describe_lost({cells[1]: 1}, "").removeprefix("1 ")
        else:
            problem = place_problem(cells[0], path, inside) or checked.problem
        if problem:
            unusable.append(number)
            skipped.append(f"{table.name} line {number}, {cells[0]}: {problem}")
        else:
            kept.append((number, cells))
            survey.add(checked, "\0".join(cells))
    return kept, unusable, skipped


def read(dataset: Dataset, shard: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yields the rows of a shard: encoded bytes, the label, and the column that splits need."""
    options = dataset.reader_options
    check_unchanged(options["path"], options["bytes"])
    table, names = Path(options["path"]), options["reading"]["names"]
    naming = Naming(options["root"], options["within"], options["backslashes"], options["ending"], options["form"])
    positions = [names.index(name) for name in options["columns"]]
    unusable = set(options["unusable"])
    wanted = set(indices_of(shard))
    usable = (cells for number, cells in _body(table, options["reading"]) if number not in unusable)
    for index, cells in enumerate(usable):
        if index >= shard["first"] + shard["rows"]:
            return
        if index in wanted:
            path, label, *extra = (cells[position] for position in positions)
            row = {"image": read_image(naming.path(path)), dataset.label.name: _value(label, options["label_type"])}
            if extra:
                column = options["columns"][2]
                known = extra[0] not in missing_words(options["reading"], column)
                row[column] = _value(extra[0], options["extra_type"]) if known else None
            yield row


def _reading(table: Path) -> dict[str, Any]:
    """Finds out how the CSV is written; a row of another width is left out, as one without an image is."""
    options = CsvOptions(
        path=str(table), label="label", encoding=detect_encoding(table), ragged_rows="skip"
    ).model_dump(include={"header", "columns", "encoding", "missing_values", "ragged_rows", "quoting", "skip_lines"})
    delimiter = detect_delimiter(table, dialect_of(options, ","))
    return {**options, "delimiter": delimiter, "names": header_of(table, options, delimiter)}


def _body(table: Path, reading: Mapping[str, Any]) -> Iterator[tuple[int, list[str]]]:
    return body(table, reading, reading["delimiter"], len(reading["names"]))


def _label(name: str, rows: Sequence[_Row], table: Path) -> LabelFacts:
    """Describes the labels as those of a text table: numbers, also such as $1,234, or classes."""
    column = ColumnScan(name, frozenset(), file=table.name, label_numbers=LabelNumbers())
    column.add([cells[1] for _, cells in rows], [number for number, _ in rows])
    column.finish()
    return column.label(len(rows), str(table))


def _no_label(cells: Sequence[str], missing: frozenset[str], decided: bool) -> frozenset[str]:
    """Returns the cells that are no label; where the recipe lists them, classes may be called nan or inf."""
    known = [cell for cell in cells if cell not in missing and cell not in _NO_NUMBERS]
    return missing if decided and known and parse(known)[0] == "string" else missing | _NO_NUMBERS


def _value(cell: str, dtype: str | None) -> Any:
    return int(cell) if dtype == "int" else float(cell) if dtype == "float" else cell
