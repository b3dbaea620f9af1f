"""The command predict: every row of a table, every image of a folder, or every record of TFRecord files."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from kerasline.components.core import ConfigError, counted, cut, nearest, printable, rounded
from kerasline.pipeline.cli.shared import (
    WORKSPACE,
    CaptureOption,
    DebugOption,
    JsonOption,
    ModelOption,
    OnUnseenOption,
    WorkspaceOption,
    check_on_unseen,
    open_json,
)
from kerasline.pipeline.console import print_table

_ROWS_SHOWN = 10
_COLUMNS_SHOWN = 6
_LONGEST_CELL = 40


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""
    app.command()(predict)


def predict(
    source: Annotated[str, typer.Argument(metavar="INPUT", help="A file, a folder of images, or a quoted glob.")],
    model: ModelOption,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="A .parquet, .csv or .jsonl file; without it the first answers are shown."),
    ] = None,
    keys: Annotated[
        list[str], typer.Option("--key", metavar="COLUMN", help="Repeat this column of the input; default: all.")
    ] = [],  # noqa: B006 (typer's way)
    kind: Annotated[
        str | None, typer.Option("--format", help="csv, parquet, images, tfrecord or npz; default: by the name.")
    ] = None,
    on_unseen: OnUnseenOption = "warn",
    explain: Annotated[
        bool, typer.Option("--explain", help="Add how far each column moved each answer; for few rows.")
    ] = False,
    capture: CaptureOption = None,
    workspace: WorkspaceOption = WORKSPACE,
    json_file: JsonOption = None,
    beam: Annotated[
        list[str], typer.Option(metavar="OPTION", help="Of Beam: --beam=--direct_num_workers=2; default: run.beam.")
    ] = [],  # noqa: B006
    debug: DebugOption = False,
) -> None:
    """Predict every row of a table, every image of a folder, or every record of TFRecord files."""
    from kerasline.components.beam import join_options
    from kerasline.components.prediction import KINDS
    from kerasline.pipeline.models import predict_file

    if kind is not None and kind not in KINDS:
        raise ConfigError(f"--format: expected one of {', '.join(KINDS)}, got {kind!r}.{nearest(kind, KINDS)}")
    if explain and (capture or beam):
        raise ConfigError("--explain: expected neither --capture nor --beam; predict once more without it for these")
    write_json = open_json(json_file)
    check_on_unseen(on_unseen)
    try:
        engine = join_options(beam)
    except ValueError as error:
        raise ConfigError(f"--beam: {error}") from error
    with _place_of(output) as path:
        result = predict_file(
            source,
            model,
            path,
            keys=keys,
            kind=kind,
            on_unseen=on_unseen,
            workspace=workspace,
            beam_arguments=engine,
            capture=capture,
            explain=explain,
            debug=debug,
            is_kept=output is not None,
        )
        if output is None:
            _show_answers(path)
    write_json(result)


@contextmanager
def _place_of(output: Path | None) -> Iterator[Path]:
    """Gives the file to write: the one that was named, or one that is gone when its rows have been shown."""
    if output is not None:
        yield output
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "answers.parquet"


def _show_answers(path: Path) -> None:
    """Shows the first rows of a Parquet file of answers, with some of what each was read from."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        rows = next(file.iter_batches(_ROWS_SHOWN))
        everything = file.metadata.num_rows
    names = _columns_shown(rows.schema.names)
    table = Table(box=None, header_style="bold")
    for name in names:
        table.add_column(Text(_in_cell(name)))
    for row in rows.select(names).to_pylist():
        table.add_row(*(Text(_in_cell(row[name])) for name in names))
    print_table(table)
    said = f"the first {rows.num_rows} of {counted(everything, 'row')}" if everything > rows.num_rows else "every row"
    print(f"{said}; -o answers.csv writes all rows and columns")


def _columns_shown(names: Sequence[str]) -> list[str]:
    """Chooses the first columns of the input and the first ones of the answer, which begins at what was predicted."""
    from kerasline.components.prediction import PREDICTED

    first = max(names.index(name) for name in PREDICTED if name in names)
    answers = [name for name in names[first:] if name != "model_version"]
    return [*names[:first][:_COLUMNS_SHOWN], *answers[:_COLUMNS_SHOWN]]


def _in_cell(value: Any) -> str:
    if isinstance(value, list):
        return cut(", ".join(map(_in_cell, value)), _LONGEST_CELL)
    if value is None or value != value:  # a missing number
        return ""
    text = rounded(value) if isinstance(value, float) else str(value)
    return cut(printable(" ".join(text.split())), _LONGEST_CELL)
