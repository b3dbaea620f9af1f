"""The same table in whatever format is the same to a model: features, labels, classes and rows."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather, orc

from kerasline.components.core import ConfigError
from kerasline.components.datasets.description.spec import Dataset
from kerasline.components.features.plan import plan_features
from tests.components.datasets.workbook import write_workbook

Resolve = Callable[..., Dataset]
Rows = Callable[[Dataset], list[dict[str, Any]]]
N = 40
BIG = 1_234_567_890_123_456_789


def both(
    resolve: Resolve, write: Callable[..., Path], column: list[Any], label: list[Any], **more: Any
) -> list[Dataset]:
    """Resolves a table of two columns from CSV, as Python writes it, and from Parquet."""
    others = [i * i % 1009 / 8 for i in range(N)]
    text = "\n".join(f"{x},{z},{y}" for x, z, y in zip(column, others, label, strict=True))
    path = write("t.csv", f"x,z,y\n{text}\n")
    pq.write_table(pa.table({"x": column, "z": others, "y": label}), path.with_name("t.parquet"))
    return [
        resolve(csv={"path": "t.csv", "label": "y"}, **more),
        resolve(parquet={"path": "t.parquet", "label": "y"}, **more),
    ]


@pytest.mark.parametrize(
    ("column", "kind", "value"),
    [
        ([i % 2 == 0 for i in range(N)], "boolean", "true"),
        (["TRUE" if i % 2 == 0 else "False" for i in range(N)], "boolean", "true"),
        (["WAHR" if i % 2 == 0 else "Falsch" for i in range(N)], "boolean", "true"),
        (["ИСТИНА" if i % 2 == 0 else "ЛОЖЬ" for i in range(N)], "boolean", "true"),
        (["DOĞRU" if i % 2 == 0 else "YANLIŞ" for i in range(N)], "boolean", "true"),
        (["TOSI" if i % 2 == 0 else "EPÄTOSI" for i in range(N)], "boolean", "true"),
        ([1 - i % 2 for i in range(N)], "numeric", 1),
        ([float(i % 3) for i in range(N)], "numeric", 0.0),
        ([f"${i * 1000:,}".replace(",", "") for i in range(N)], "numeric", "$0"),
        (["yes", "no"] * (N // 2), "categorical", "yes"),
    ],
)
def test_a_column(resolve: Resolve, rows: Rows, write: Any, column: list[Any], kind: str, value: Any) -> None:
    text, typed = both(resolve, write, column, ["a", "b", "c", "b"] * (N // 4))
    assert rows(text) == rows(typed)
    assert rows(text)[0]["x"] == value
    assert text.columns == typed.columns
    assert {plan_features(found, {}, "multiclass").steps[0].kind for found in (text, typed)} == {kind}


@pytest.mark.parametrize(
    ("label", "classes"),
    [
        ([i % 2 == 0 for i in range(N)], ("false", "true")),
        (["True", "FALSE"] * (N // 2), ("false", "true")),
        (["VRAI", "FAUX"] * (N // 2), ("false", "true")),
        ([i % 2 for i in range(N)], ("0", "1")),
        ([float(i % 3) for i in range(N)], ("0", "1", "2")),
        ([BIG + i % 3 for i in range(N)], tuple(str(BIG + i) for i in range(3))),
        ([f"{i * 37 + 4000} €" for i in range(N)], None),
    ],
)
def test_a_label(resolve: Resolve, rows: Rows, write: Any, label: list[Any], classes: tuple[str, ...] | None) -> None:
    text, typed = both(resolve, write, [i % 7 for i in range(N)], label)
    assert (text.label, text.label.classes) == (typed.label, classes)
    assert rows(text) == rows(typed)
    if classes is not None:
        assert {str(row["y"]) for row in rows(text)} == set(classes), "every row has a class that the model knows"


def test_labels_of_several_columns_may_be_booleans(resolve: Resolve, rows: Rows, write: Any) -> None:
    columns = {"x": [i % 7 for i in range(N)], "a": [i % 2 == 0 for i in range(N)], "b": [i % 3 == 0 for i in range(N)]}
    text = "\n".join(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))
    path = write("t.csv", f"x,a,b\n{text}\n")
    pq.write_table(pa.table(columns), path.with_name("t.parquet"))
    found = [
        resolve(csv={"path": "t.csv", "label": ["a", "b"]}),
        resolve(parquet={"path": "t.parquet", "label": ["a", "b"]}),
    ]
    labels = [[row["labels"].tolist() for row in rows(dataset)] for dataset in found]
    assert labels[0] == labels[1]
    assert labels[0][:3] == [[1, 1], [0, 0], [1, 0]]


def write_arrow(table: pa.Table, path: str) -> None:
    """Writes batches of a few rows into an Arrow file."""
    with pa.OSFile(path, "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=7)


def write_stream(table: pa.Table, path: str) -> None:
    """Writes batches of a few rows one after the other, without an index of them."""
    with pa.OSFile(path, "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=7)


def write_views(table: pa.Table, path: str) -> None:
    """Writes an Arrow file whose text is kept in views, as Polars does; that of the label in a dictionary of them."""
    text, day = (pa.array(table[name].to_pylist(), pa.string_view()) for name in ("text", "day"))
    label = table["y"].combine_chunks().dictionary_encode()
    classes = pa.array(label.dictionary.to_pylist(), pa.string_view())
    views = {"text": text, "day": day, "y": pa.DictionaryArray.from_arrays(label.indices, classes)}
    write_arrow(pa.table({name: views.get(name, table[name]) for name in table.column_names}), path)


def write_lines(table: pa.Table, path: str) -> None:
    """Writes an object for each row; every other one leaves out what has no value."""
    with open(path, "w", encoding="utf-8") as file:
        for number, row in enumerate(table.to_pylist()):
            kept = {key: value for key, value in row.items() if value is not None or number % 2 == 0}
            file.write(json.dumps(kept) + "\n")


def write_document(table: pa.Table, path: str) -> None:
    """Writes the rows as elements of one array, each over several lines."""
    Path(path).write_text(json.dumps(table.to_pylist(), indent=2, ensure_ascii=False), "utf-8")


def write_sheet(table: pa.Table, path: str) -> None:
    """Writes a sheet with the names of the columns above the rows."""
    rows = [list(row.values()) for row in table.to_pylist()]
    write_workbook(Path(path), {"Sheet1": [table.column_names, *rows]})


FORMATS: dict[str, Callable[[pa.Table, str], None]] = {
    "feather": feather.write_feather,
    "orc": orc.write_table,
    "arrow": write_arrow,
    "arrows": write_stream,
    "views": write_views,
    "jsonl": write_lines,
    "json": write_document,
    "xlsx": write_sheet,
}


def plain_table() -> pa.Table:
    """Columns that every format can hold."""
    return pa.table(
        {
            "whole": [None if i % 5 == 0 else i for i in range(N)],
            "part": [None if i % 7 == 3 else i / 7 for i in range(N)],
            "text": ["a", "bé", None, "", "2020-01-03"] * (N // 5),
            "day": [f"2020-01-{1 + i % 28:02}" for i in range(N)],
            "truth": [i % 3 == 0 for i in range(N)],
            "y": ["u", "v", "w", None] * (N // 4),
        }
    )


def pack(path: Path, packed: Path) -> None:
    """Packs a file as the name says that it is; an archive may hold what a Mac puts beside it."""
    codecs = {".zst": "zstd", ".lz4": "lz4", ".bz2": "bz2", ".gz": "gzip"}
    if packed.suffix != ".zip":
        with pa.CompressedOutputStream(str(packed), codecs[packed.suffix]) as stream:
            stream.write(path.read_bytes())
        return
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(path, f"data/{path.name}")
        archive.writestr(f"__MACOSX/data/._{path.name}", "of a Mac")


@pytest.mark.parametrize("packing", ["", ".zst", ".gz", ".zip"])
@pytest.mark.parametrize("form", FORMATS)
def test_a_table(resolve: Resolve, rows: Rows, tmp_path: Path, form: str, packing: str) -> None:
    pq.write_table(plain_table(), tmp_path / "t.parquet")
    path = tmp_path / f"t.{form}"
    FORMATS[form](plain_table(), str(path))
    if packing:
        pack(path, path.with_name(f"{path.name}{packing}"))
    typed = resolve(parquet={"path": "t.parquet", "label": "y"})
    found = resolve(parquet={"path": f"t.{form}{packing}", "label": "y"})
    assert rows(found) == rows(typed)
    assert (found.columns, found.label) == (typed.columns, typed.label)
    assert rows(found)[0] == {"whole": None, "part": 0.0, "text": "a", "day": "2020-01-01", "truth": "true", "y": "u"}


@pytest.mark.parametrize("form", ["feather", "arrow", "arrows"])
def test_values_of_fixed_types(resolve: Resolve, rows: Rows, tmp_path: Path, form: str) -> None:
    moments = [datetime(2024, 3, 1, 12) + timedelta(hours=i) for i in range(N)]
    table = pa.table(
        {
            "price": pa.array([Decimal(i) / 8 for i in range(N)], pa.decimal128(9, 3)),
            "town": pa.array(["Ulm", "Bonn"] * (N // 2)).dictionary_encode(),
            "at": pa.array(moments, pa.timestamp("s", "Europe/Berlin")),
            "on": [date(2024, 1, 1 + i % 28) for i in range(N)],
            "took": pa.array([timedelta(minutes=i) for i in range(N)], pa.duration("s")),
            "shape": pa.array([[i, 1.5] for i in range(N)], pa.list_(pa.float32(), 2)),
            "y": [i % 2 for i in range(N)],
        }
    )
    pq.write_table(table, tmp_path / "t.parquet")
    FORMATS[form](table, str(tmp_path / f"t.{form}"))
    typed, found = (resolve(parquet={"path": f"t.{name}", "label": "y"}) for name in ("parquet", form))
    assert found.columns == typed.columns
    shown = [[{**row, "shape": row["shape"].tolist()} for row in rows(dataset)] for dataset in (typed, found)]
    assert shown[0] == shown[1]
    assert (shown[1][1]["price"], shown[1][1]["town"], shown[1][1]["shape"]) == (0.125, "Bonn", [1.0, 1.5])


@pytest.mark.parametrize("packing", [".zst", ".lz4", ".bz2", ".gz", ".zip"])
def test_a_text_table_may_be_packed(resolve: Resolve, rows: Rows, write: Any, packing: str) -> None:
    path = write("t.csv", "x,y\n" + "".join(f"{i},{'uv'[i % 2]}\n" for i in range(40_000)))
    packed = path.with_name(f"t{packing}")
    pack(path, packed)
    plain, found = (resolve(csv={"path": name, "label": "y"}) for name in (path.name, packed.name))
    assert rows(found) == rows(plain)
    content = packed.read_bytes()
    packed.write_bytes(content[: len(content) // 2])
    with pytest.raises(ConfigError, match=r"(is damaged|ends too early).*; copy or download it again"):
        resolve(csv={"path": packed.name, "label": "y"})
    if packing == ".zip":
        packed.write_bytes(content[:200] + bytes(50) + content[250:])
        with pytest.raises(ConfigError, match="The packed file .*t.zip is damaged; copy or download it again"):
            resolve(csv={"path": packed.name, "label": "y"})
