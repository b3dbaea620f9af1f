"""``kerasline init`` on files of many formats: tables get a recipe, others are named with what to do."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from kerasline.components.datasets import resolve
from kerasline.pipeline.config.experiment import load_experiment
from tests.components.datasets.workbook import write_workbook

Init = Callable[..., tuple[int, str, str]]


def arrow(form: str) -> bytes:
    """A table in one of Arrow's other formats."""
    import pyarrow as pa
    from pyarrow import feather, orc

    stream = pa.BufferOutputStream()
    {"feather": feather.write_feather, "orc": orc.write_table}[form](pa.table({"x": [1, 2], "y": [0, 1]}), stream)
    return stream.getvalue().to_pybytes()


def workbook() -> bytes:
    """What there is of an Excel workbook in a zip archive."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("t.json", lambda: b'{"x": {"a": 2}, "y": [0, 1]}', "t.json is a JSON document without rows; turn it into"),
        ("t.jsonl", lambda: b'{"x": 1, "y": 0}\n[2, 1]\n', "Line 2 of t.jsonl is no JSON object, got '[2, 1]'"),
        ("t.feather", lambda: arrow("feather")[:60], "t.feather is damaged or ends too early; copy or write it again"),
        ("t.orc", lambda: arrow("orc")[:60], "t.orc is damaged or ends too early; copy or write it again"),
        ("t.xlsx", workbook, "t.xlsx is damaged, or no workbook that can be read; save its sheet as CSV"),
        ("t.bin", lambda: bytes(range(256)) * 9, "t.bin is a binary file, no text table"),
        ("t.csv", lambda: b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "is a PNG image, no text table; put images"),
        ("mnist/train-images-idx3-ubyte.gz", lambda: gzip.compress(b"\0\0\x08\x03"), "with idx: {path: FOLDER}"),
        ("f/t.npz", lambda: b"PK", "with npz: {path: FILE} under data"),
        ("f/cat/1.heic", lambda: b"", "the images in f end in .heic, and only .png, .jpg,"),
        ("f/cat/1.JP2", lambda: b"", "the images in f end in .jp2, and only"),
        ("f/year=2023/part.csv", lambda: b"x,y\n", "f/year=2023/part.csv has a header but no rows"),
        ("f/part-0.json", lambda: b"[[1, 2], [3, 4]]", "f/part-0.json is a JSON document, no text table; turn"),
        ("f/part-0.geojson", lambda: b"[[1, 2], [3, 4]]", "f/part-0.geojson is a JSON document, no text table; turn"),
        ("f/.hidden", lambda: b"", "expected images or CSV or Parquet files in f, but it has neither"),
    ],
)  # fmt: skip
def test_other_data_is_named_with_what_to_do(
    init: Init, tmp_path: Path, name: str, content: Callable[[], bytes], expected: str
) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(content())
    code, out, err = init(name.split("/")[0], "--label", "y", "-o", "draft.yaml")
    assert (code, out, expected in err, (tmp_path / "draft.yaml").exists()) == (2, "", True, False), err
    assert len(err.splitlines()) == 1 and err.strip().isprintable()


@pytest.mark.parametrize("name", ["t.feather", "t.orc", "t.jsonl"])
def test_other_formats_of_tables_get_a_recipe(init: Init, tmp_path: Path, name: str) -> None:
    import pyarrow as pa
    from pyarrow import feather, orc

    table = pa.table({"x": [i % 7 / 4 for i in range(60)], "town": ["Ulm", "Bonn"] * 30, "y": [0, 1, 1] * 20})
    if name == "t.jsonl":
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))
    else:
        {"t.feather": feather.write_feather, "t.orc": orc.write_table}[name](table, str(tmp_path / name))
    code, _, err = init(name, "--label", "y", "-o", "draft.yaml")
    assert code == 0, err
    experiment, _ = load_experiment(str(tmp_path / "draft.yaml"))
    assert experiment.data.parquet is not None and experiment.data.parquet.path == name
    dataset = resolve(experiment.data, name="t", base_dir=tmp_path, data_dir=None)
    assert (dataset.rows, [column.name for column in dataset.columns]) == (60, ["x", "town"])


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_folders_of_years_are_columns_of_a_recipe(init: Init, tmp_path: Path, kind: str) -> None:
    import pyarrow as pa
    import pyarrow.dataset as ds

    table = pa.table({
        "x": [i * 7 % 97 / 4 for i in range(600)], "year": [2020 + i % 3 for i in range(600)],
        "town": [["Ulm", "São Paulo/SP"][i % 5 % 2] for i in range(600)], "y": ["ab"[i % 2] for i in range(600)],
    })  # fmt: skip
    parts = ds.partitioning(pa.schema([("year", pa.int64()), ("town", pa.string())]), flavor="hive")
    ds.write_dataset(table, tmp_path / "sales", format=kind, partitioning=parts)
    (tmp_path / "sales" / "_SUCCESS").touch()
    code, output, err = init("sales", "--label", "y", "-o", "draft.yaml")
    assert (code, "4 columns" in output) == (0, True), err
    experiment, _ = load_experiment(str(tmp_path / "draft.yaml"))
    block = getattr(experiment.data, kind)
    assert block.path == f"sales/**/*.{kind}"
    dataset = resolve(experiment.data, name="t", base_dir=tmp_path, data_dir=None)
    found = [(column.name, column.dtype) for column in dataset.columns]
    assert (dataset.rows, found) == (600, [("x", "float"), ("year", "int"), ("town", "string")])


def test_a_folder_of_workbooks_is_a_table(init: Init, tmp_path: Path) -> None:
    rows = [[i / 4, "uv"[i % 2]] for i in range(40)]
    for name in ("a.xlsx", "b.xlsx"):
        write_workbook(tmp_path / name, {"Sheet1": [["x", "y"], *rows]})
    (tmp_path / "~$a.xlsx").write_bytes(b"\x05Somebody")  # who has it open in Excel
    code, output, _ = init(str(tmp_path), "--label", "y")
    assert code == 0
    assert "about 80 rows, 2 columns" in output
