"""Text tables that are taken in by the column are described, divided and read as the reader of rows does it."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings, strategies as st

from kerasline.components.core.errors import ConfigError
from kerasline.components.datasets import DataOptions, resolve as resolve_dataset
from kerasline.components.datasets.description.options import CsvOptions
from kerasline.components.datasets.description.spec import Dataset
from kerasline.components.datasets.tables.csv import (
    blocks as csv_blocks,
    columns as csv_columns,
    files as csv_files,
    scan as csv_scan,
)
from kerasline.components.datasets.tables.csv.text import body, header_of

Resolve = Callable[..., Dataset]

WHOLE = st.integers(-(10**20), 10**20).map(str)
SMALL = st.integers(-30, 2000).map(str)
DECIMAL = st.floats(allow_nan=False, width=32).map(repr)
WORD = st.sampled_from(["red", "Müller", "a b", "x", "0x1F", "nan(1)", "true", "FALSE", "yes", "1.2.3", "-"])
MISSING = st.sampled_from(["", "NA", "?", "-9", "nan", " ", "null"])
ODD = st.sampled_from(
    ["+5", "007", "-0", "1_000", "1e400", "inf", "-Infinity", "NaN", "1.", ".5", "+.5e3", "٣", "9223372036854775808",
     "-9223372036854775808", "1.295", "12.993", "3,5", "$4,893", "12 kg", "69.3%", "2024-01-31", "\xa05 ", "1E+05"]
)  # fmt: skip
KINDS = {
    "whole": SMALL, "large": WHOLE, "decimal": DECIMAL, "mixed numbers": SMALL | DECIMAL, "word": WORD,
    "pointed": st.sampled_from([f"{n}.{n + 100}" for n in range(1, 60)] + ["5", "700"]),
    "some missing": SMALL | DECIMAL | MISSING, "rare": SMALL | ODD, "anything": WORD | ODD | DECIMAL | MISSING,
}  # fmt: skip


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[list[str]]]:
    """Draws a table whose columns change their kind once, a label last."""
    count = draw(st.integers(1, 60))
    columns = []
    for _ in range(draw(st.integers(1, 3))):
        first, then = draw(st.sampled_from(sorted(KINDS))), draw(st.sampled_from(sorted(KINDS)))
        turn = draw(st.integers(0, count))
        cells = [draw(KINDS[first if row < turn else then]) for row in range(count)]
        columns.append(cells)
    label = draw(st.sampled_from(["word", "whole", "decimal", "some missing", "anything"]))
    columns.append([draw(KINDS[label]) for _ in range(count)])
    return [f"c{place}" for place in range(len(columns))], list(map(list, zip(*columns, strict=True)))


def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes a few rows as many as thousands are."""
    monkeypatch.setattr(csv_files, "_FEWEST_BYTES", 0)
    monkeypatch.setattr(csv_blocks, "_BLOCK_BYTES", 200)
    monkeypatch.setattr(csv_files, "_BYTES_PER_PIECE", 400)
    for module in (csv_scan, csv_columns):
        monkeypatch.setattr(module, "ROWS_PER_BLOCK", 8)
    monkeypatch.setattr(csv_columns, "_ROWS_AT_ONCE", 16)
    monkeypatch.setattr(csv_scan, "_MAX_DISTINCT", 12)


def answer(path: Path, label: str, /, **options: Any) -> Any:
    """Describes a table and reads it: everything but how it is divided, or what is said against it."""
    from kerasline.components.datasets.resolving import _read_rows

    table = {"path": path.name, "label": label, "delimiter": ";", **options}
    block = DataOptions.model_validate({"csv": table})
    try:
        found = resolve_dataset(
            block, name="t", base_dir=path.parent, data_dir=None, named={"c0": ["-9", "NA"]}, task="auto"
        )
    except ConfigError as error:
        return str(error)
    rows = [repr(row) for shard in found.shards for _, row in _read_rows(found, shard)]
    assert len(rows) == found.rows
    return found.model_dump(exclude={"shards"}), rows


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(tables(), st.booleans(), st.booleans())
@example((["c0", "c1"], [[str(n % 5), "a"] for n in range(20)] + [["x", "b"]] * 20), False, False)
@example((["c0", "c1"], [["1.500", "a"], ["7", "b"]] * 20 + [["1.5", "b"]]), False, True)
def test_the_form_of_columns_agrees_with_the_form_of_rows(
    tmp_path_factory: pytest.TempPathFactory, table: tuple[list[str], list[list[str]]], quoted: bool, twice: bool
) -> None:
    names, rows = table
    path = tmp_path_factory.mktemp("t") / "t.csv"
    mark = '"' if quoted else ""
    lines = [";".join(names), *(";".join(f"{mark}{cell}{mark}" for cell in row) for row in rows * (1 + twice))]
    path.write_text("\n".join(lines) + "\n")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("kerasline.components.datasets.planning._ROWS_TO_COUNT", 0)
        small_blocks(patched)
        by_columns = answer(path, names[-1])
        patched.setattr(csv_files, "_FEWEST_BYTES", 1 << 60)
        assert by_columns == answer(path, names[-1])


@pytest.mark.parametrize(
    ("header", "more"),
    [("c0;c1;y", {}), ("c0 ;c1;y", {}), (";;y", {}), ("a;b;z", {"columns": ["c0", "c1", "y"]})],
    ids=["names", "a space", "names that are not there", "other names in the recipe"],
)
def test_names_that_stand_among_the_rows_again_are_left_to_the_lines(
    tmp_path: Path, header: str, more: dict[str, Any]
) -> None:
    path = tmp_path / "t.csv"
    rows = [f"{n};w{n % 3};{'no' if n % 2 else 'yes'}" for n in range(100)]
    path.write_text("\n".join([header, *rows, header, *rows]) + "\n")
    with pytest.MonkeyPatch.context() as patched:
        small_blocks(patched)
        found, read = answer(path, "y", ragged_rows="skip", **more)
    assert found["rows"] == len(read) == 200
    assert found["columns"][0]["dtype"] == "int"
    assert found["skipped"] == ("t.csv: 1 line with the names of the columns again (line 102)",)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.text(st.sampled_from(['"', ";", "\n", "\r", " ", "a", "1", "\t", "é", "\x1f", "\x85"]), max_size=40))
@example('a;"b;c"\n1;2\n')
@example('"a";"b"\r\n"1;5";2\r\n\r\n')
@example('a;b\n"";"x"\n ;"y"')
def test_blocks_have_the_cells_of_the_lines_or_say_that_the_file_is_odd(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.mktemp("t") / "t.csv"
    path.write_bytes(f"c0;c1\n{text}".encode())
    options = CsvOptions(path="t.csv", label="c1").model_dump()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(csv_blocks, "_BLOCK_BYTES", 16)
        try:
            blocks = list(csv_blocks.read_blocks(path, options, ";", ["c0", "c1"]))
        except csv_blocks.OddFile:
            return
    found = [
        (block.line + place, list(row.values()))
        for block in blocks
        for place, row in enumerate(block.cells.to_pylist(), start=1)
    ]
    assert found == list(body(path, options, ";", 2))
    for block in blocks:
        part = (block.begin, block.end, block.line)
        assert (
            list(body(path, options, ";", 2, part=part))
            == [row for row in found if row[0] > block.line][: block.cells.num_rows]
        )


@pytest.mark.parametrize(
    ("head", "options"),
    [
        ("c0;c1\n", {}),
        ("\ufeffc0;c1\r\n", {}),
        ("sep=;\nc0;c1\n", {}),
        ("from a program\nc0;c1\n", {"skip_lines": 1}),
        ("", {"columns": ["c0", "c1"], "header": False}),
        ('"c0";"c1"\n', {"quoting": "none", "columns": ["c0", "c1"]}),
        ('"c\n0";"c1"\n', {"columns": ["c0", "c1"]}),
    ],
)
def test_rows_begin_where_the_header_ends(
    head: str, options: dict[str, Any], write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write("t.csv", head + "".join(f"{n};{'b' if n % 3 else 'a'}\n" for n in range(100)) + "101;?\n")
    small_blocks(monkeypatch)
    found, rows = answer(path, "c1", **options)
    assert (len(rows), rows[0], rows[-1]) == (100, "{'c0': 0, 'c1': 'a'}", "{'c0': 99, 'c1': 'a'}")
    line = head.count("\n") + 101
    assert found["skipped"] == (f"t.csv: 1 row whose label is '?' (line {line})",)


def test_a_file_is_divided_where_a_row_ends(
    resolve: Resolve, write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    content = "c0,c1\n" + "".join(f"{n},{'b' if n % 3 else 'a' if n % 2 else ''}\n" for n in range(300))
    path = write("t.csv", content)
    small_blocks(monkeypatch)
    dataset = resolve(csv={"path": "t.csv", "label": "c1"}, split={"method": "hash"})
    parts = [shard["part"] for shard in dataset.shards]
    assert len(parts) > 3
    assert (parts[0][0], parts[-1][1]) == (6, len(content))
    assert [part[0] for part in parts[1:]] == [part[1] for part in parts[:-1]]
    assert all(path.read_bytes()[end - 1 : end] == b"\n" for _, end, _ in parts)
    assert [shard["first"] for shard in dataset.shards[1:]] == [
        shard["first"] + shard["rows"] for shard in dataset.shards[:-1]
    ]


@pytest.mark.parametrize("odd", ['1,"a\nb"\n', '1,"say ""a"""\n', "1\n", "\n", "1,a,b\n", "1,\x1fa\n"])
def test_a_file_with_one_odd_line_stays_whole(
    odd: str, resolve: Resolve, write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [f"{n},{'b' if n % 3 else 'a'}\n" for n in range(300)]
    write("t.csv", "c0,c1\n" + "".join([*rows, odd, *rows]))
    small_blocks(monkeypatch)
    (shard,) = resolve(csv={"path": "t.csv", "label": "c1", "ragged_rows": "skip"}, split={"method": "hash"}).shards
    assert "part" not in shard


def test_a_packed_file_is_taken_in_by_the_column_and_stays_whole(
    resolve: Resolve, write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    content = "c0,c1\n" + "".join(f"{n},{'b' if n % 3 else 'a'}\n" for n in range(300))
    write("t.csv.gz", gzip.compress(content.encode()))
    small_blocks(monkeypatch)
    monkeypatch.setattr(csv_files, "scan", None)  # the scan of rows
    (shard,) = resolve(csv={"path": "t.csv.gz", "label": "c1"}, split={"method": "hash"}).shards
    assert (shard["rows"], "part" in shard) == (300, False)


def test_a_column_that_turns_after_a_file_of_odd_lines_is_scanned_by_rows_from_the_start(
    write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write("1.csv", "c0;c1\n" + "".join(f"{n / 2};{'b' if n % 3 else 'a'}\n" for n in range(100)))
    write("2.csv", "c0;c1\n" + "".join(f"3,{n};{'b' if n % 3 else 'a'}\n" for n in range(100)) + '4;"a\nb"\n')
    small_blocks(monkeypatch)
    every = {"path": ["1.csv", "2.csv"]}
    by_columns = answer(path, "c1", **every)
    monkeypatch.setattr(csv_files, "_FEWEST_BYTES", 1 << 60)
    assert by_columns == answer(path, "c1", **every)
    assert by_columns[0]["columns"][0]["dtype"] == "string"


def test_names_of_columns_come_from_each_file(write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    path = write("1.csv", "c0;c1\n" + "".join(f"{n};{'b' if n % 3 else 'a'}\n" for n in range(50)))
    write("2.csv", "c1;c0\n" + "".join(f"{'b' if n % 3 else 'a'};{n}\n" for n in range(50)))
    small_blocks(monkeypatch)
    _, rows = answer(path, "c1", path=["1.csv", "2.csv"])
    assert rows[:50] == rows[50:]
    assert header_of(path, CsvOptions(path="x", label="y").model_dump(), ";") == ["c0", "c1"]


@given(cells=st.text("019.,a\r\n", min_size=1, max_size=40), window=st.integers(1, 9))
@example(cells="a,\r\n01\n", window=3)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_lies_across_two_windows_is_seen(monkeypatch: pytest.MonkeyPatch, cells: str, window: int) -> None:
    monkeypatch.setattr(csv_blocks, "_WINDOW_BYTES", window)
    content = cells.encode()
    is_odd = re.search("^[\r\n]|\r(?!\n)|\n\r?\n", cells) is not None
    try:
        csv_blocks._check_lines(content, csv_blocks.dialect_of(CsvOptions(path="a.csv", label="a"), ","))
    except csv_blocks.OddFile:
        assert is_odd
    else:
        assert not is_odd
    assert csv_blocks._has_leading_zero(content) == (re.search("(?<![0-9.])0[0-9]", cells) is not None)
    assert csv_blocks._count_lines(content) == cells.count("\n")
