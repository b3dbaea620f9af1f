"""Tables of other formats than Parquet: what is wrong with them is named, and each is copied once."""

from __future__ import annotations

import gzip
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather, orc

from kerasline.components.core import ConfigError
from kerasline.components.datasets.tables.typed import json_lines, open_file, parquet_of, remark_of

Resolve = Callable[..., Any]
LINES = "".join(json.dumps({"x": i, "y": "uv"[i % 2]}) + "\n" for i in range(40))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own."""
    monkeypatch.setenv("KERASLINE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("[1, 2]\n", r"Line 41 of .*t.jsonl is no JSON object, got '\[1, 2\]'; write one object"),
        ("null 1\n", "Line 41 of .*t.jsonl is no JSON object, got 'null 1'"),
        ('{"x": 1, "y"', "Line 41 of .*t.jsonl is no JSON object"),
        ('\n\n{"x": "much", "y": "u"}\n', r"Line 43 .* holds text \('much'\) under 'x', and line 1 holds a number"),
        ('{"x": {"z": 1}, "y": "u"}\n', "Line 41 .* holds an object under 'x', and line 1 holds a number"),
        ('{"x": true, "y": "u"}\n', "Line 41 .* holds truth .* under 'x', and line 1 holds a number"),
        ('{"x": 1, "x": 2, "y": "u"}\n', "Line 41 of .* has the key 'x' twice; leave one of them out"),
    ],
)
def test_a_line_that_is_no_row_is_named(resolve: Resolve, write: Any, more: str, expected: str) -> None:
    write("t.jsonl", LINES + more)
    with pytest.raises(ConfigError, match=expected):
        resolve(parquet={"path": "t.jsonl", "label": "y"})


def test_a_line_of_another_encoding_is_named(resolve: Resolve, write: Any) -> None:
    write("t.jsonl", LINES.encode() + '{"x": 1, "y": "ü"}\n'.encode("latin-1"))
    with pytest.raises(ConfigError, match="Line 41 of .*t.jsonl is not UTF-8"):
        resolve(parquet={"path": "t.jsonl", "label": "y"})


def test_keys_of_some_lines_are_columns_with_missing_values(resolve: Resolve, rows: Any, write: Any) -> None:
    write("t.jsonl", LINES + '{"x": 0.5, "z": "new", "y": "u"}\n{"y": "v"}\n')
    dataset = resolve(parquet={"path": "t.jsonl", "label": "y"})
    assert [(column.name, column.dtype, column.missing) for column in dataset.columns] == [
        ("x", "float", 1),
        ("z", "string", 41),
    ]
    assert rows(dataset)[-2:] == [{"x": 0.5, "z": "new", "y": "u"}, {"x": None, "z": None, "y": "v"}]


def test_nested_columns_are_refused_by_name(resolve: Resolve, write: Any) -> None:
    write("t.jsonl", "".join(json.dumps({"x": {"a": i}, "y": "uv"[i % 2]}) + "\n" for i in range(40)))
    with pytest.raises(ConfigError, match=r"Column 'x' of .*t.jsonl is struct<a: int64>, which cannot be an input"):
        resolve(parquet={"path": "t.jsonl", "label": "y"})


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "utf-32"])
@pytest.mark.parametrize(("form", "rows"), [("[null, {},{}, null]", 4), ("{}\n{}\r\n{{}}", 3)])
def test_json_is_read_in_every_encoding_that_it_may_have(write: Any, form: str, rows: int, encoding: str) -> None:
    written = [{"x": i, "y": y} for i, y in enumerate("üv")]
    path = write("t.table", form.format(*(json.dumps(row, ensure_ascii=False) for row in written)).encode(encoding))
    read = pq.read_table(parquet_of(path)).to_pylist()
    assert [row for row in read if row["y"]] == written
    assert len(read) == rows


@pytest.mark.parametrize("null", ["null", " null", "\tnull ", "null\rnull"])
def test_lines_that_are_null_are_rows_without_values(write: Any, monkeypatch: pytest.MonkeyPatch, null: str) -> None:
    """Also where one begins a block, which ends the process of whoever asks Arrow to read it."""
    monkeypatch.setattr(json_lines, "_BLOCK_BYTES", 800)
    lines = ['{"a": 1}', *[null] * 300, '{"a": 2}', *[null] * 3]
    read = pq.read_table(parquet_of(write("t.jsonl", "\r\n".join(lines))))
    assert read.num_rows == 2 + 303 * null.count("null")
    assert read["a"].drop_null().to_pylist() == [1, 2]


@pytest.mark.parametrize("write_table", [pq.write_table, feather.write_feather, orc.write_table])
def test_packed_tables_are_unpacked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_table: Any) -> None:
    def stay(*_: Any) -> None:
        raise AssertionError("each step back reads the archive from its beginning")

    write_table(pa.table({"x": range(9), "y": [0, 1, 1] * 3}), str(tmp_path / "t.table"))
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        archive.write(tmp_path / "t.table", "t.table")
    monkeypatch.setattr(zipfile.ZipExtFile, "seek", stay)
    assert pq.read_table(parquet_of(tmp_path / "t.zip")).num_rows == 9


ROWS = [{"x": i, "y": "uv"[i % 2]} for i in range(40)]


@pytest.mark.parametrize(
    ("document", "remark"),
    [
        ({"count": 40, "next": None, "results": ROWS}, "the rows under 'results' of t.json are read"),
        (
            {"header": {"status": 0}, "response": {"found": 40, "docs": ROWS}},
            "the rows under 'response.docs' of t.json",
        ),
        ({"schema": {"fields": [{"name": "x"}]}, "data": ROWS}, "the rows under 'data' of t.json are read"),
        ({"result": {"fields": [{"id": "x"}], "records": ROWS}}, "the rows under 'result.records' of t.json are read"),
        (
            {
                "type": "FeatureCollection",
                "features": [{"type": "Feature", "geometry": {"type": "Point"}, "properties": row} for row in ROWS],
            },
            "of the features of t.json the properties are read, and the geometry not",
        ),
        ({"x": [row["x"] for row in ROWS], "y": [row["y"] for row in ROWS]}, "each list of t.json is read as a column"),
        ({name: {str(i): row[name] for i, row in enumerate(ROWS)} for name in ("x", "y")}, ""),
        ({str(i): row for i, row in enumerate(ROWS)}, ""),
        ({"columns": ["x", "y"], "index": list(range(40)), "data": [list(row.values()) for row in ROWS]}, ""),
        (
            {name: {str(i - 1): row[name] for i, row in enumerate(ROWS)} for name in ("x", "y")},
            "the keys of the rows of t.json, such as '-1', are not read",
        ),
        ({str(i + 7): row for i, row in enumerate(ROWS)}, "the keys of the rows of t.json, such as '7', are not read"),
        (
            {"columns": ["x", "y"], "index": [*"ab"] * 20, "data": [list(row.values()) for row in ROWS]},
            "the keys of the rows of t.json, such as 'a', are not read",
        ),
        (
            {"errors": [], "log": ["ok"], "result": {"links": [], "records": ROWS}},
            "the rows under 'result.records' of t.json",
        ),
        ([{"type": "Feature", "geometry": None, "properties": row} for row in ROWS], "of the features of t.json the"),
    ],
)
@pytest.mark.parametrize("indent", [None, 1])
def test_rows_are_found_in_documents_of_services_and_programs(
    write: Any, document: Any, remark: str, indent: int | None
) -> None:
    file = open_file(write("t.json", json.dumps(document, indent=indent) + "\n"))
    assert file.read().to_pylist() == ROWS
    assert remark_of(file.schema_arrow).startswith(remark)
    assert bool(remark_of(file.schema_arrow)) is bool(remark)


@pytest.mark.parametrize("content", ['{"x": [1, 2], "y": "u"}\n', '{"x": [1,\n 2], "y": "u"}'])
def test_a_single_object_is_a_row(write: Any, content: str) -> None:
    assert pq.read_table(parquet_of(write("t.json", content))).to_pylist() == [{"x": [1, 2], "y": "u"}]


@pytest.mark.parametrize("name", ["t.jsonl", "t.NDJSON", "t.jsonlines", "t.jsonl.gz", "t.zip"])
@pytest.mark.parametrize("more", [{"meta": {"a": 2}}, {"tags": [{"a": 2}, {"a": 3}]}, {"x": [1.0, 2.0], "y": [1, 0]}])
def test_one_line_of_a_file_of_lines_is_that_row(tmp_path: Path, name: str, more: dict[str, Any]) -> None:
    row, path = {"x": 1, **more}, tmp_path / name
    content = json.dumps(row).encode() + b"\n"
    if name == "t.zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("rows/t.jsonl", content)
    else:
        path.write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    assert pq.read_table(parquet_of(path)).to_pylist() == [row]


@pytest.mark.parametrize("end", ["", "\n", "\n \n"])
@pytest.mark.parametrize("most", [2, 2000])
def test_how_a_document_ends_and_how_long_it_is_does_not_matter(write: Any, end: str, most: int) -> None:
    document = {"count": most, "columns": ["x", "y"], "data": [[i, i + 1] for i in range(most)]}
    for count in ({"count": most}, {"note": "x" * 5000}):
        read = pq.read_table(parquet_of(write("t.json", json.dumps(count | document) + end)))
        assert read.to_pydict() == {"x": list(range(most)), "y": list(range(1, most + 1))}


def test_rows_of_an_object_that_are_null_have_no_values(write: Any) -> None:
    path = write("t.json", '{"results": [null, {"x": 1}, null, {"x": 2}]}')
    assert pq.read_table(parquet_of(path)).to_pydict() == {"x": [None, 1, None, 2]}


@pytest.mark.parametrize("lines", [1, 40])
def test_features_by_lines_are_their_properties(write: Any, lines: int) -> None:
    """Whatever their geometries are, of which Arrow could not make one column."""
    shapes = [{"type": "Point", "coordinates": [1, 2]}, {"type": "LineString", "coordinates": [[1, 2], [3, 4]]}, None]
    features = [
        {"type": "Feature", "properties": row, "geometry": shapes[place % 3]} for place, row in enumerate(ROWS[:lines])
    ]
    file = open_file(write("t.geojsonl", "\n\n".join(map(json.dumps, features))))
    assert file.read().to_pylist() == ROWS[:lines]
    assert remark_of(file.schema_arrow) == "of the features of t.geojsonl the properties are read, and the geometry not"


def test_objects_over_several_lines_are_rows(write: Any) -> None:
    path = write("t.json", "\n".join(json.dumps(row, indent=2) for row in ROWS))
    assert pq.read_table(parquet_of(path)).to_pylist() == ROWS


@pytest.mark.parametrize(
    ("kind", "plain", "value"),
    [
        (pa.list_(pa.string_view()), pa.list_(pa.large_string()), ["a", None]),
        (pa.large_list(pa.list_(pa.binary_view(), 1)), pa.large_list(pa.list_(pa.large_binary(), 1)), [[b"a"], [b"b"]]),
        (pa.struct([("a", pa.string_view())]), pa.struct([("a", pa.large_string())]), {"a": "x"}),
    ],
    ids=str,
)
def test_views_within_lists_and_objects_are_read(
    tmp_path: Path, kind: pa.DataType, plain: pa.DataType, value: Any
) -> None:
    table = pa.table({"x": pa.array([value, None], kind)})
    with pa.ipc.new_file(str(tmp_path / "t.arrow"), table.schema) as file:
        file.write_table(table)
    found = open_file(tmp_path / "t.arrow")
    (batch,) = found.iter_batches(10, row_groups=[0], columns=["x"])
    assert (batch.schema.field("x").type, batch.column("x").to_pylist()) == (plain, [value, None])


@pytest.mark.parametrize("cut", [0.3, 0.9])
@pytest.mark.parametrize("write_table", [feather.write_feather, orc.write_table])
def test_what_is_cut_off_is_damaged(resolve: Resolve, tmp_path: Path, write_table: Any, cut: float) -> None:
    path = tmp_path / "t.table"
    write_table(pa.table({"x": range(99), "y": [0, 1, 1] * 33}), str(path))
    content = path.read_bytes()
    path.write_bytes(content[: int(cut * len(content))])
    with pytest.raises(ConfigError, match="t.table is damaged or ends too early; copy or write it again") as refused:
        resolve(parquet={"path": "t.table", "label": "y"})
    assert "rrow" not in str(refused.value)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "t.feather is empty; check that the right file was named"),
        (b"x,y\n1,2\n", "nor Feather, Arrow, ORC, JSON or a workbook; name a text table under data.csv"),
        (b'{"x": [1], "y": [0, 1]}', "t.feather is a JSON document without rows; turn it into Parquet, such as"),
        (b'{"type": "Topology", "objects": {"a": {"b": [{}]}}, "arcs": [[1]]}', "is a JSON document without rows"),
        (b'{"fields": [{"name": "x"}], "data": [[1], [2]]}', "t.feather is a JSON document without rows"),
        (b'{"fields": [{"name": "x"}, {"name": "y"}], "rows": [[1, 2], [3, 4]]}', "is a JSON document without rows"),
        (b'{"x": [[1, 2], [3, 4]], "y": [0, 1]}', "is a JSON document without rows"),
        (b'{"next": null, "results": []}', "is a JSON document without rows"),
        (b'{"columns": ["x", "y"], "data": [[1, 2], [3]]}', "is a JSON document without rows"),
        (b"{}", "is a JSON document without rows"),
        (
            b'{"columns": ["x", "x"], "data": [[1, 2]]}',
            r"a name of its own for each column, got .*x., .x.. under 'columns'",
        ),
        (b'{"columns": [["x", "a"], ["x", "b"]], "data": [[1, 2]]}', "needs a name of its own for each column, got"),
        (b'{"data": [{"x": 1, "x": 2}]}', "An object in .*t.feather has the key 'x' twice; leave one of them out"),
        (b'{"x": [1, 2], "x": [3, 4]}', "An object in .*t.feather has the key 'x' twice; leave one of them out"),
        (b'{"x": [1, -1e400]}', "t.feather holds -1e400, too large for a number; leave it out, or write it as text"),
        (b'{"x": [1, ' + b"1" * 5000 + b"]}", "t.feather holds a number of thousands of digits; leave it out, or"),
        (b'{"x": {"a": 1, "b": 2}, "y": {"a": 3, "b": 4}}', "t.feather does not say which of its keys are columns"),
        (b'{"0": {"0": 1, "1": 2}, "1": {"0": 3, "1": 4}}', "t.feather does not say which of its keys are columns"),
        (b'{"results": [null, {"x": 1}, 3]}', "Element 3 of .*t.feather is no JSON object, got '3'"),
        (
            b'{"type": "Feature", "properties": {"x": 1}}\n{"x": 2}\n',
            "Line 2 of .* is no feature of GeoJSON with properties",
        ),
        (b'{"a": [{"x": 1}],\n "b": [{"x": 2}]}', "t.feather holds several lists of rows, 'a', 'b'; write one alone"),
        (b"[[1, 0]]", "is not a Parquet file that can be read but a JSON document; turn it into Parquet"),
        (b'[{"x": 1, "y": 0}, 3]', "Element 2 of .*t.feather is no JSON object, got '3'"),
        (
            b'[{"x": 1, "y": 0},\n{"x": "a", "y": 0}]',
            r"Element 2 of .* holds text .* under 'x', and element 1",
        ),
        (b'[{"x": 1, "y": 0},\n{"x": 1', "is no whole JSON document: line 2, column 8: Expecting ',' delimiter; write"),
        (b'[{"x": ' + b"[" * 100_000, "t.feather nests values too deeply for a table; write one object a row"),
        (b'[{"x": 1, "y": 0}] [', "is no whole JSON document: line 1, column 20: Extra data; write it again"),
        (b'[{"x": 1, "y": "\xfc"}]', "t.feather is not UTF-8; write the file again in UTF-8"),
        (b" [ ]\n", "t.feather has no rows; check that the right file was named"),
        (b"[null, null]", "t.feather has no values in any row; check that the right file was named"),
        ('[{"x": "\u00fc"}]'.encode("utf-16")[:-1], "t.feather is damaged, or no UTF-16; write the file again"),
        ('{"x": 1}\n{"y": 2'.encode("utf-16")[:-1], "t.feather is damaged, or no UTF-16"),
        (b"PAR1" + bytes(90), "is not a Parquet file that can be read: it is damaged or ends too early"),
    ],
)
def test_what_is_no_typed_table_is_named(resolve: Resolve, write: Any, content: bytes, expected: str) -> None:
    write("t.feather", content)
    with pytest.raises(ConfigError, match=expected):
        resolve(parquet={"path": "t.feather", "label": "y"})


def test_a_file_is_copied_once_while_it_is_current(cache: Path, tmp_path: Path) -> None:
    path = tmp_path / "t.feather"
    feather.write_feather(pa.table({"x": [1, 2]}), str(path))
    first = parquet_of(path)
    written = first.stat().st_ino
    assert (parquet_of(path), first.stat().st_ino) == (first, written)
    for rows in ([1, 2, 3], [1, 2, 3, 4]):
        feather.write_feather(pa.table({"x": rows * 100}), str(path))
        assert open_file(path).metadata.num_rows == 100 * len(rows)
    assert len(list((cache / "tables").rglob("*"))) == 3, "a folder with the last two copies"
    newest = parquet_of(path)
    assert parquet_of(newest) == newest, "Parquet is read as it is"


def test_a_file_of_the_same_size_and_time_is_copied_anew(cache: Path, tmp_path: Path) -> None:
    """As archives and `cp --preserve` leave one in place of another."""
    path = tmp_path / "t.jsonl"
    path.write_text('{"x": 1}\n')
    before = path.stat()
    assert open_file(path).read().to_pydict() == {"x": [1]}
    path.write_text('{"x": 2}\n')
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert open_file(path).read().to_pydict() == {"x": [2]}


def test_a_copy_that_nobody_read_for_a_month_goes(cache: Path, tmp_path: Path) -> None:
    for name in ("old", "used", "new"):
        feather.write_feather(pa.table({"x": [1, 2]}), str(tmp_path / name))
    old, used = parquet_of(tmp_path / "old"), parquet_of(tmp_path / "used")
    for path in (old, used):
        os.utime(path, (0, 0))
    assert parquet_of(tmp_path / "used") == used
    new = parquet_of(tmp_path / "new")
    assert sorted((cache / "tables").rglob("*.parquet")) == sorted([used, new])
