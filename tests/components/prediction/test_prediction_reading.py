"""Rows as they reach the model, and those that do not."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather, orc

from kerasline.components.core import written_at_once
from kerasline.components.core.errors import ConfigError
from kerasline.components.datasets.tables.csv import blocks as csv_blocks_of_files
from kerasline.components.prediction.reading import tables
from kerasline.components.prediction.reading.blocks import Block
from kerasline.components.prediction.reading.encoded import read_images
from kerasline.components.prediction.reading.planning import PredictionPlan, plan_prediction
from kerasline.components.prediction.reading.tables import read_csv, read_parquet
from kerasline.components.prediction.writing import (
    PartWriter,
    join_parts,
    prediction_table,
    rejected_line,
)


def column(name: str, dtype: str, shape: tuple[int, ...] = ()) -> dict[str, Any]:
    """A column as a version records it."""
    return {"name": name, "dtype": dtype, "shape": list(shape), "missing": 0}


def record(*columns: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A version's record."""
    label = {"name": "rent", "columns": ["rent"]}
    return {"task": "regression", "classes": None, "columns": list(columns), "label": label, "reading": {}, **more}


FLATS = record(column("area", "float"), column("rooms", "int"), column("town", "string"))


def plan(tmp_path: Path, source: Path, flats: dict[str, Any] = FLATS, suffix: str = ".csv") -> PredictionPlan:
    """Plans into ``out`` with a suffix."""
    return plan_prediction(str(source), tmp_path / "1", "flats@1", flats, tmp_path / f"out{suffix}")


def csv_blocks(tmp_path: Path, text: str, suffix: str = ".csv", flats: dict[str, Any] = FLATS) -> list[Block]:
    """Reads a text table."""
    (tmp_path / "in.csv").write_text(text)
    planned = plan(tmp_path, tmp_path / "in.csv", flats, suffix)
    return list(read_csv(planned, planned.shards[0]))


def test_cells_become_values(tmp_path: Path) -> None:
    (block,) = csv_blocks(tmp_path, "id,town,rooms,area\n007, Ulm ,2,50.5\n008,NA,,\n009,x,3.0,inf\n")
    assert block.columns["town"] == ["Ulm", None, "x"]
    assert block.columns["rooms"] == [2, None, 3]
    assert block.columns["area"][0] == 50.5
    assert math.isnan(block.columns["area"][1]) and math.isinf(block.columns["area"][2])
    assert list(block.places) == [2, 3, 4]
    assert block.keys.to_pylist()[1] == {"id": "008", "town": "NA", "rooms": "", "area": ""}


def test_keys_have_types_where_the_output_has(tmp_path: Path) -> None:
    (block,) = csv_blocks(tmp_path, "id,town,rooms,area\n007,Ulm,2,50.5\n008,NA,,\n", ".parquet")
    assert block.keys.to_pylist() == [
        {"id": "007", "town": "Ulm", "rooms": 2, "area": 50.5},
        {"id": "008", "town": "NA", "rooms": None, "area": None},
    ]


def test_rows_that_do_not_fit_are_set_aside_with_reasons(tmp_path: Path) -> None:
    text = "id,town,rooms,area\n1,a,2,x1\n2,b,2.5,1\n3,c,2,1\n4,d\n5,e,many,5\n6,f,2,1,9\n"
    (block,) = csv_blocks(tmp_path, text)
    assert block.columns["town"] == ["c"]
    reasons = {row["place"]: row["reason"] for row in block.rejected}
    assert reasons == {
        2: "'x1' in column 'area' is no number",
        3: "2.5 in column 'rooms' is no whole number",
        5: "2 cells where 4 are expected",
        6: "'many' in column 'rooms' is no number",
        7: "5 cells where 4 are expected",
    }
    assert block.rejected[0]["keys"] == {"id": "4", "town": "d"}
    assert block.rejected[0]["file"] == str(tmp_path / "in.csv")


@pytest.mark.parametrize("size", [4, 1 << 24])
@pytest.mark.parametrize("header", ["town,rooms,area", "town ,rooms,area", "town, rooms,area"])
def test_names_that_stand_among_the_rows_again_are_set_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, header: str
) -> None:
    monkeypatch.setattr(csv_blocks_of_files, "_BLOCK_BYTES", size)
    blocks = csv_blocks(tmp_path, f"{header}\na,1,1\n{header}\ntown,2,2\n")
    assert [town for block in blocks for town in block.columns["town"]] == ["a", "town"]
    told = [(row["place"], row["reason"]) for block in blocks for row in block.rejected]
    assert told == [(3, "the names of the columns again")]


def test_a_table_of_bad_rows_only_gives_an_empty_block(tmp_path: Path) -> None:
    (block,) = csv_blocks(tmp_path, "town,rooms,area\na,2\nb\n")
    assert (len(block), len(block.rejected), block.keys.num_rows) == (0, 2, 0)


def test_long_tables_come_in_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "ROWS_PER_BLOCK", 4)
    blocks = csv_blocks(tmp_path, 'town,rooms,area\n"a",1,1\n' + "a,1,1\n" * 9)
    assert [list(block.places) for block in blocks] == [[2, 3, 4, 5], [6, 7, 8, 9], [10, 11]]
    blocks = csv_blocks(tmp_path, 'town,rooms,area\n"a\nb",1,1\n' + "a,1,1\n" * 9)
    assert [list(block.places) for block in blocks] == [[3, 4, 5, 6], [7, 8, 9, 10], [11, 12]]
    monkeypatch.setattr(csv_blocks_of_files, "_BLOCK_BYTES", 32)
    blocks = csv_blocks(tmp_path, "town,rooms,area\n" + "a,1,1\n" * 10)
    assert [list(block.places) for block in blocks] == [[2, 3, 4, 5], [6], [7, 8, 9, 10], [11]]


def test_rows_behind_the_first_block_keep_their_texts_and_numbers(tmp_path: Path) -> None:
    rows = [f"{'NA' if i % 7 == 0 else f't{i}'},{'' if i % 5 == 0 else i % 9},{i / 8}" for i in range(40_000)]
    blocks = csv_blocks(tmp_path, "town,rooms,area\n" + "\n".join(rows) + "\n")
    assert [len(block) for block in blocks] == [16384, 16384, 7232]
    towns, rooms, areas = ([v for block in blocks for v in block.columns[name]] for name in ("town", "rooms", "area"))
    assert towns == [None if i % 7 == 0 else f"t{i}" for i in range(40_000)]
    assert rooms == [None if i % 5 == 0 else i % 9 for i in range(40_000)]
    assert areas == [i / 8 for i in range(40_000)]
    assert [key["town"] for block in blocks for key in block.keys.to_pylist()] == [row.split(",")[0] for row in rows]


SIMPLE = [
    "id,town,rooms,area\n007, Ulm ,2,50.5\n008,NA,,\n009,x,3.0,inf\n010,x,3.5,many\n",
    "id,town,rooms,area\r\n1,Münster,2,5\r\n2,b,-7,1e3\r\n",
    "id,town,rooms,area\n1,a,2,5\n2,b\n3,c,2,5,9\n4,d,1,1",
    "\nid,town,rooms,area\n1,a,2,5\n\n\n2,b,2,6\n   \n3,c,2,7\n",
    "\ufeffid,town,rooms,area\n1,a, 2 ,\t5\n2,b,9223372036854775807,nan\n3,b,1_000,2_000\n",
    "id,town,rooms,area\n" + "".join(f"{i},t{i % 7},{i % 5},{i / 3}\n" for i in range(500)) + "500,end,1\n",
    'id,town,rooms,area\n1,"a, b",2,5\n2,"b",3,"6"\n"3",c,4,7\n',
    "id,town,rooms,area\n" + "1,a,2,5\n" * 9 + '2,"two\nlines",3,6\n' + '3,"he said ""hi""",4,7\n' * 9,
    "id,town,rooms,area\n" + "1,a,2,5\n" * 9 + "2,a\rb,3,6\n" + "3,a,2,5\n" * 9,
]
KINDS = ["numbers", "windows", "ragged", "gaps", "bom", "long", "quotes", "lines in cells", "returns"]


def listed(blocks: list[Block]) -> dict[str, Any]:
    """What blocks say about their rows, whatever their number."""
    rejected = [row for block in blocks for row in block.rejected]
    return {
        "keys": [row for block in blocks for row in block.keys.to_pylist()],
        "places": [place for block in blocks for place in block.places],
        "columns": {
            name: [repr(value) for block in blocks for value in np.asarray(block.columns[name], object).tolist()]
            for name in blocks[0].columns
        },
        "rejected": sorted(rejected, key=lambda row: row["place"]),
    }


@pytest.mark.parametrize("block_bytes", [1 << 24, 64])
@pytest.mark.parametrize("text", SIMPLE, ids=KINDS)
def test_the_fast_reader_reads_what_the_careful_one_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, block_bytes: int
) -> None:
    monkeypatch.setattr(csv_blocks_of_files, "_BLOCK_BYTES", block_bytes)
    (tmp_path / "in.csv").write_bytes(text.encode())
    planned = plan(tmp_path, tmp_path / "in.csv")
    (shard,) = planned.shards
    expected = listed(list(tables._read_lines(planned, shard, tables._lines_after(planned, shard, None))))
    assert listed(list(read_csv(planned, shard))) == expected
    assert expected["places"]


def test_a_cell_in_quotes_does_not_make_a_file_slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "lines", None)  # which would fail
    (block,) = csv_blocks(tmp_path, 'id,town,rooms,area\n1,"a, b",2,5\n')
    assert block.columns["town"] == ["a, b"]


def test_a_header_without_rows_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="in.csv has a header but no rows"):
        csv_blocks(tmp_path, "town,rooms,area\n")


def test_the_recipe_says_what_is_missing_and_how_text_is_encoded(tmp_path: Path) -> None:
    reading = {"header": True, "columns": None, "encoding": "latin-1", "missing_values": ["-"]}
    (tmp_path / "in.csv").write_bytes("town,rooms,area\nMünster,-,-\nNA,1,1\n".encode("latin-1"))
    planned = plan(tmp_path, tmp_path / "in.csv", {**FLATS, "reading": reading})
    (block,) = read_csv(planned, planned.shards[0])
    assert block.columns["town"] == ["Münster", "NA"]
    assert block.columns["rooms"] == [None, 1]


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        ("sep=;\ntown;rooms;area\nUlm;2;3\n", {}),
        ("A report\n\ntown,rooms,area\nUlm,2,3\n", {"skip_lines": 2}),
        ("town,rooms,area\nUlm,2,3,\n", {}),
        ("town,rooms,area,\nUlm,2,3\n", {}),
        ("town,rooms,area\rUlm,2,3\r", {}),
        ('\ufeff"town","rooms","area"\n"Ulm","2","3"\n', {}),
    ],
)
def test_tables_as_spreadsheets_save_them(tmp_path: Path, text: str, reading: dict[str, Any]) -> None:
    (tmp_path / "in.csv").write_bytes(text.encode())
    planned = plan(tmp_path, tmp_path / "in.csv", {**FLATS, "reading": reading})
    (block,) = read_csv(planned, planned.shards[0])
    values = [list(block.columns[name]) for name in ("town", "rooms", "area")]
    assert (values, block.rejected) == ([["Ulm"], [2], [3]], [])


_SURVEY = {"skip_lines": 2, "header": False, "columns": ["rent", "town", "rooms", "area"]}


def test_a_survey_is_read_with_and_without_its_label(tmp_path: Path) -> None:
    for text in ("rent,town,rooms,area\nRent?,Where?,How many?,m2\n9,Ulm,2,3\n", "town,rooms,area\na,b,c\nUlm,2,3\n"):
        (block,) = csv_blocks(tmp_path, text, flats={**FLATS, "reading": _SURVEY})
        assert [list(block.columns[name]) for name in ("town", "rooms", "area")] == [["Ulm"], [2], [3]]


@pytest.mark.parametrize("text", ["town,rooms,area\nUlm,2,3\nBonn,1,5\n", "Ulm,2,3\nBonn,1,5\nBern,4,4\n"])
def test_rows_are_not_passed_over_where_the_lines_of_a_survey_are_not_there(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="expected 2 lines above the rows, .* but line . looks like a row"):
        csv_blocks(tmp_path, text, flats={**FLATS, "reading": _SURVEY})


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_columns_have_their_own_words_for_a_missing_value(tmp_path: Path, suffix: str) -> None:
    reading = {"missing_values": ["-"], "missing_in": {"area": ["-999", "unknown"], "town": []}}
    table = pa.table({"area": [-999.0, 5.0, 1.0], "rooms": [-999, 2, 3], "town": ["NA", "-", " "]})
    if suffix == ".csv":
        (tmp_path / "in.csv").write_text("area,rooms,town\n-999.00,-999,NA\n5,2,-\n1,3,  \n")
    else:
        pq.write_table(table, tmp_path / "in.parquet")
    planned = plan(tmp_path, tmp_path / f"in{suffix}", {**FLATS, "reading": reading})
    (block,) = (read_csv if suffix == ".csv" else read_parquet)(planned, planned.shards[0])
    assert math.isnan(block.columns["area"][0]) and list(block.columns["area"][1:]) == [5, 1]
    assert list(block.columns["rooms"]) == [-999, 2, 3]
    assert block.columns["town"] == ["NA", "-", None]


@pytest.mark.parametrize("name", ["in.feather", "in.orc", "in.jsonl", "in.of_no_known_name"])
def test_other_formats_are_read_as_parquet_is(tmp_path: Path, name: str) -> None:
    table = pa.table({"area": [1.5, None], "rooms": [2, 3], "town": ["Ulm", None]})
    if name == "in.jsonl":
        (tmp_path / name).write_text('{"area": 1.5, "rooms": 2, "town": "Ulm"}\n{"area": null, "rooms": 3}\n')
    else:
        {"in.orc": orc.write_table}.get(name, feather.write_feather)(table, str(tmp_path / name))
    planned = plan(tmp_path, tmp_path / name)
    assert planned.kind == "parquet"
    (block,) = read_parquet(planned, planned.shards[0])
    assert (list(block.columns["rooms"]), block.columns["town"]) == ([2, 3], ["Ulm", None])
    assert block.columns["area"][0] == 1.5 and math.isnan(block.columns["area"][1])
    assert block.keys.to_pylist() == table.to_pylist()


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())], ids=str)
def test_text_keeps_its_spaces_and_loses_words_for_a_missing_value(tmp_path: Path, kind: Any) -> None:
    cells = [" Ulm ", " NA ", None, "  ", "", "São Paulo"]
    table = pa.table({"town": pa.array(cells).cast(kind), "rooms": [1] * 6, "area": [1.5] * 6})
    pq.write_table(table, tmp_path / "in.parquet")
    planned = plan(tmp_path, tmp_path / "in.parquet")
    (block,) = read_parquet(planned, planned.shards[0])
    assert block.columns["town"] == [" Ulm ", None, None, None, None, "São Paulo"]


def test_parquet_values_of_many_types(tmp_path: Path) -> None:
    table = pa.table(
        {
            "area": pa.array(["50.5", None, "x", " 7 "]),
            "rooms": pa.array([2.0, None, 3.5, 1.0]),
            "town": pa.array(["a", None, "", "b"]).dictionary_encode(),
            "moved": pa.array([1, 2, 3, 4], pa.timestamp("s")),
        }
    )
    pq.write_table(table, tmp_path / "in.parquet")
    planned = plan(tmp_path, tmp_path / "in.parquet", suffix=".jsonl")
    (block,) = read_parquet(planned, planned.shards[0])
    assert block.columns["town"] == ["a", None, "b"]
    assert block.columns["rooms"] == [2, None, 1]
    assert block.columns["area"].tolist()[::2] == [50.5, 7.0]
    assert [(row["place"], row["reason"]) for row in block.rejected] == [(3, "'x' in column 'area' is no number")]
    assert str(block.keys.schema.field("moved").type) == "timestamp[ms]"


def test_lists_become_arrays_of_their_shape(tmp_path: Path) -> None:
    table = pa.table({"x": [[1, 2, 3, 4], [1, 2], None, [5, 6, 7, 8]]})
    pq.write_table(table, tmp_path / "in.parquet")
    planned = plan(tmp_path, tmp_path / "in.parquet", record(column("x", "array", (2, 2))))
    (block,) = read_parquet(planned, planned.shards[0])
    assert [row["reason"] for row in block.rejected] == ["column 'x' does not hold 4 numbers"]
    first, none, last = block.columns["x"]
    assert none is None
    assert first.dtype == np.float32 and first.tolist() == [[1, 2], [3, 4]] and last.tolist() == [[5, 6], [7, 8]]


def test_rows_of_later_groups_have_their_own_places(tmp_path: Path) -> None:
    pq.write_table(
        pa.table({"area": [1.0] * 6, "rooms": [1] * 6, "town": ["a"] * 6}), tmp_path / "in.parquet", row_group_size=2
    )
    planned = plan(tmp_path, tmp_path / "in.parquet")
    (block,) = read_parquet(planned, {**planned.shards[0], "groups": [1, 2]})
    assert block.places == [3, 4, 5, 6]


def test_images_that_are_none_are_set_aside(tmp_path: Path) -> None:
    from PIL import Image

    folder = tmp_path / "in"
    folder.mkdir()
    Image.new("L", (4, 4), 200).save(folder / "1.png")
    Image.new("RGB", (4, 4)).save(folder / "2.bmp")
    (folder / "3.png").write_bytes(b"")
    (folder / "4.jpg").write_text("no image")
    (tmp_path / "outside.png").write_bytes((folder / "1.png").read_bytes())
    (folder / "5.png").symlink_to(tmp_path / "outside.png")
    Image.new("L", (8000, 8000)).save(folder / "6.png")
    planned = plan(tmp_path, folder, record(column("image", "image", (4, 4, 1))))
    (block,) = read_images(planned, planned.shards[0])
    assert block.places == ["1.png", "2.bmp"]
    assert [content[:4] for content in block.columns["image"]] == [b"\x89PNG", b"\x89PNG"]
    assert {row["place"]: row["reason"] for row in block.rejected} == {
        "3.png": "empty file",
        "4.jpg": "cannot be decoded (not an image)",
        "5.png": "a link that leads out of the folder",
        "6.png": "8000×8000 pixels, above the limit of 50 megapixels",
    }


def table_of(tmp_path: Path, flats: dict[str, Any], answer: dict[str, Any], suffix: str) -> Any:
    """Predictions for two rows with the key ``id``."""
    (tmp_path / "in.csv").write_text("area,rooms,town\n1,2,x\n")
    planned = plan(tmp_path, tmp_path / "in.csv", flats, suffix)
    keys = pa.table({"id": ["a,1", 'b"2']})
    return prediction_table(keys, {name: np.array(value, np.float32) for name, value in answer.items()}, planned)


def written(table: Any, suffix: str) -> str:
    """What a part of one table holds."""
    file = io.BytesIO()
    writer = PartWriter(file, suffix)
    writer.write(table)
    writer.close()
    return file.getvalue().decode()


def test_classes_and_their_scores(tmp_path: Path) -> None:
    flats = {**FLATS, "task": "binary", "classes": ["cheap", "very dear"]}
    table = table_of(tmp_path, flats, {"scores": [[0.1, 0.9], [0.75, 0.25]]}, ".csv")
    assert written(table, ".csv").splitlines() == [
        "id,predicted_class,score_cheap,score_very dear,model_version",
        '"a,1",very dear,0.1,0.9,flats@1',
        '"b""2",cheap,0.75,0.25,flats@1',
    ]
    assert written(table, ".jsonl").splitlines()[0] == (
        '{"id": "a,1", "predicted_class": "very dear", "score_cheap": 0.1, "score_very dear": 0.9, '
        '"model_version": "flats@1"}'
    )


def test_several_labels_and_values(tmp_path: Path) -> None:
    flats = {**FLATS, "task": "multilabel", "classes": ["new", "loud"]}
    scores = {"scores": [[0.6, 0.7], [0.5, 0.2]]}
    assert table_of(tmp_path, flats, scores, ".csv").column("predicted_labels").to_pylist() == ["new|loud", ""]
    assert table_of(tmp_path, flats, scores, ".jsonl").column("predicted_labels").to_pylist() == [["new", "loud"], []]
    values = table_of(tmp_path, FLATS, {"value": [1.1, -2]}, ".csv")
    assert written(values, ".csv").splitlines()[1:] == ['"a,1",1.1,flats@1', '"b""2",-2,flats@1']


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_parts_are_joined_in_order(tmp_path: Path, suffix: str) -> None:
    parts = []
    for number in range(3):
        parts.append(tmp_path / f"part-{number}{suffix}")
        with written_at_once(parts[-1]) as file:
            writer = PartWriter(file, suffix, header=number == 0)
            writer.write(pa.table({"a\nb": [number, number + 10], "t": ["ä", None]}))
            writer.close()
    join_parts(parts, tmp_path / f"out{suffix}", suffix)
    if suffix == ".parquet":
        assert pq.read_table(tmp_path / "out.parquet").column(0).to_pylist() == [0, 10, 1, 11, 2, 12]
    elif suffix == ".csv":
        assert (tmp_path / "out.csv").read_text() == '"a\nb",t\n0,ä\n10,\n1,ä\n11,\n2,ä\n12,\n'
    else:
        assert (tmp_path / "out.jsonl").read_text().splitlines()[3] == '{"a\\nb": 11, "t": null}'


def test_json_has_no_infinity(tmp_path: Path) -> None:
    table = pa.table({"x": pa.array([1.5, math.inf, None, math.nan])})
    with written_at_once(tmp_path / "out.jsonl") as file:
        PartWriter(file, ".jsonl").write(table)
    lines = (tmp_path / "out.jsonl").read_text().splitlines()
    assert lines == ['{"x": 1.5}', '{"x": null}', '{"x": null}', '{"x": null}']
    row = {"file": "a.csv", "place": 3, "reason": "no number", "keys": {"x": -math.inf, "y": 2.0}}
    expected = '{"file": "a.csv", "place": 3, "reason": "no number", "keys": {"x": null, "y": 2.0}}\n'
    assert rejected_line(row).decode() == expected
