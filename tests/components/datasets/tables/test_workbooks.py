"""The table on a sheet of a workbook is read as what its cells are, and what is no table is named."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from kerasline.components.core import ConfigError
from tests.components.datasets.workbook import write_workbook

Resolve = Callable[..., Any]
HEAD = ["area", "sold", "y"]


def body(rows: int = 40) -> list[list[Any]]:
    """Rows under ``HEAD``."""
    return [[50.5 + i, date(2024, 1, 1 + i % 28), "uv"[i % 2]] for i in range(rows)]


BESIDE = [[area, None, y] for area, _, y in body()]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of the test's own."""
    monkeypatch.setenv("KERASLINE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def sheet(resolve: Resolve, tmp_path: Path) -> Callable[..., Any]:
    """Resolves the table of a workbook with one sheet, or with those that are given."""

    def call(rows: list[list[Any]], label: str = "y", merged: Sequence[str] = (), **sheets: Any) -> Any:
        write_workbook(tmp_path / "t.xlsx", {"Flats": rows, **sheets}, hidden=["Hidden"], merged=merged)
        return resolve(parquet={"path": "t.xlsx", "label": label})

    return call


@pytest.mark.parametrize(
    ("cells", "dtype", "first", "missing"),
    [
        ([1, 2, 3, None], "int", 1, 10),
        ([1, 2.5, "n/a", None], "float", 1.0, 20),
        ([1, 2.5, "#N/A", 4], "float", 1.0, 10),
        ([True, False, None, True], "string", "true", 10),
        ([date(2024, 2, 29), datetime(2024, 1, 2, 8, 30), date(2024, 1, 3), None], "string", "2024-02-29", 10),
        ([time(8, 30), time(9, 15), time(17), time(12)], "string", "08:30:00", 0),
        ([timedelta(hours=26, minutes=30), timedelta(hours=1), timedelta(hours=2), None], "string", "26:30:00", 10),
        (["7", 2.5, "about 3", 4], "string", "7", 0),
        (["007", "008", "011", " a "], "string", "007", 0),
    ],
)
def test_a_column_has_the_type_of_its_cells(
    sheet: Any, rows: Any, cells: list[Any], dtype: str, first: Any, missing: int
) -> None:
    found = sheet([HEAD, *([cell, *row[1:]] for cell, row in zip(cells * 10, body(), strict=True))])
    column = next(column for column in found.columns if column.name == "area")
    assert (column.dtype, column.missing) == (dtype, missing)
    assert str(rows(found)[0]["area"]).startswith(str(first))


def test_letters_of_two_bytes_and_nuls_that_pad_text_are_read(sheet: Any, rows: Any) -> None:
    genre, numbered = ("".join(f"_x{byte:04x}_" for byte in text.encode("utf-16-le")) for text in ("Жанр", "Жанр 1"))
    cells = [genre, numbered, "abc_x0000_", "ab_x0000_", "a\tb\n", "é_x0000_é_x0000_"]
    found = sheet([HEAD, *([cell, *row[1:]] for cell, row in zip(cells * 5, body(30), strict=True))])
    assert [row["area"] for row in rows(found)[:6]] == ["Жанр", "Жанр 1", "abc", "ab", "a\tb\n", "éé"]


def test_titles_above_empty_rows_and_columns_are_passed_over(sheet: Any, rows: Any) -> None:
    shifted = [[None, "area ", "sold", None, "y"], *([None, row[0], row[1], None, row[2]] for row in body())]
    found = sheet([[], [None, "Flats of 2024"], [], *shifted[:20], [], *shifted[20:]])
    assert [column.name for column in found.columns] == ["area", "sold"]
    assert rows(found)[0] == {"area": 50.5, "sold": "2024-01-01", "y": "u"}
    assert found.rows == 40


def test_the_first_visible_sheet_with_cells_is_read_and_others_are_named(sheet: Any, tmp_path: Path) -> None:
    write_workbook(
        tmp_path / "t.xlsx",
        {"Hidden": [["x"]], "Empty": [], "Flats": [HEAD, *body()], "Notes": [["hello"]]},
        hidden=["Hidden"],
    )
    found = sheet([HEAD, *body()], Notes=[["hello"]], Hidden=[["x"]], Empty=[])
    assert "the sheet 'Flats' of t.xlsx is read, and 'Notes' not; save another one" in " ".join(found.notes)


def test_a_sheet_that_is_a_chart_is_none(resolve: Resolve, tmp_path: Path) -> None:
    write_workbook(tmp_path / "plain.xlsx", {"Chart": [["x"], [1]], "Flats": [HEAD, *body()]})
    with zipfile.ZipFile(tmp_path / "plain.xlsx") as plain, zipfile.ZipFile(tmp_path / "t.xlsx", "w") as archive:
        for name in plain.namelist():
            content = plain.read(name).replace(
                b'/worksheet" Target="worksheets/sheet1', b'/chartsheet" Target="charts/1'
            )
            archive.writestr(name.replace("worksheets/sheet1", "charts/1"), content)
    found = resolve(parquet={"path": "t.xlsx", "label": "y"})
    assert found.rows == 40
    assert not any("Chart" in note for note in found.notes)


@pytest.mark.parametrize(("lines", "read"), [(3, "data"), (20, "Flats")])
def test_a_sheet_that_tells_of_the_table_is_passed_over(sheet: Any, lines: int, read: str) -> None:
    told = [["about this file"], *(["a line"] for _ in range(lines - 1))]
    with pytest.raises(ConfigError) if read == "Flats" else nullcontext():
        found = sheet(told, data=[HEAD, *body()])
        assert f"the sheet {read!r} of t.xlsx is read, and 'Flats' not" in " ".join(found.notes)


def test_a_row_that_adds_others_up_is_named(sheet: Any) -> None:
    found = sheet([HEAD, *body(), [None, None, None], ["Total", None, "u"], ["Source: the office"]])
    assert found.notes[-1] == "a row at the end of t.xlsx begins with 'Total'; remove it if it adds others up"


def test_years_name_columns(sheet: Any) -> None:
    found = sheet([["y", 2023, 2024], *(["uv"[i % 2], i / 4, i / 8] for i in range(40))])
    assert [column.name for column in found.columns] == ["2023", "2024"]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([[50.5, "u", 1], *body()], "a column in row 1 of the sheet 'Flats' of .*t.xlsx, got '50.5' in its cell 1"),
        ([["area", None, "y"], [1.5, "see", "u"], *BESIDE], "'Flats' of .*t.xlsx, got nothing in its cell 2"),
        ([["area", "area", "y"], *body()], "Row 1 of .*t.xlsx names a column more than once; rename one of them"),
        ([HEAD], "t.xlsx has no rows; check that the right file was named"),
        ([], "t.xlsx has no sheet with cells; name the workbook that holds the table"),
    ],
)  # fmt: skip
def test_what_is_no_table_is_named(sheet: Any, rows: list[list[Any]], expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        sheet(rows)


def test_a_damaged_workbook_is_named(resolve: Resolve, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "t.xlsx", "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook")
    with pytest.raises(ConfigError, match="t.xlsx is damaged, or no workbook that can be read; save its sheet as CSV"):
        resolve(parquet={"path": "t.xlsx", "label": "y"})
    (tmp_path / "t.xls").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(900))
    with pytest.raises(ConfigError, match="t.xls is damaged, or no workbook that can be read"):
        resolve(parquet={"path": "t.xls", "label": "y"})


def test_an_archive_that_would_fill_the_memory_is_refused(
    resolve: Resolve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "t.xlsx"
    write_workbook(path, {"Flats": [HEAD, *body()]})
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/more.xml", bytes(1 << 26))
    monkeypatch.setattr("kerasline.components.datasets.tables.typed.workbooks._MOST_BYTES", 1 << 25)
    with pytest.raises(ConfigError, match="t.xlsx would take 64 MB unpacked, which no sheet needs; save the sheet as"):
        resolve(parquet={"path": "t.xlsx", "label": "y"})


def test_a_workbook_is_no_text(resolve: Resolve, tmp_path: Path) -> None:
    write_workbook(tmp_path / "t.xlsx", {"Flats": [HEAD, *body()]})
    with pytest.raises(
        ConfigError, match="is a workbook of Excel or OpenDocument, no text table; name it under data.parquet"
    ):
        resolve(csv={"path": "t.xlsx", "label": "y"})


NUMBERS = [[50.5 + i, i % 7, "uv"[i % 2]] for i in range(40)]


@pytest.mark.parametrize(
    ("above", "merged"),
    [
        ([["Sizes", None, "Answer"], ["area", "rooms", "y"]], ["A1:B1"]),
        ([["Report", None, None], ["of June"], ["area", "rooms", "y"]], ["A1:C1"]),
        ([["some", None, "words"], ["or", "two", None], ["area", "rooms", "y"]], []),
        ([["Report", None, None, None, None, "legend"], [None] * 5 + ["red"], ["area", "rooms", "y"]], []),
    ],
)
def test_names_below_the_names_of_groups_and_titles(
    sheet: Any, rows: Any, above: list[list[Any]], merged: list[str]
) -> None:
    found = sheet([*above, *NUMBERS], merged=merged)
    assert [(column.name, column.dtype) for column in found.columns] == [("area", "float"), ("rooms", "int")]
    assert len(rows(found)) == 40


def test_names_of_groups_over_some_columns(sheet: Any) -> None:
    above = [["area", "Counts", None, "y"], [None, "rooms", "floors", None]]
    found = sheet(
        [*above, *([*row[:2], 3 + row[1] % 4, row[2]] for row in NUMBERS)], merged=["A1:A2", "B1:C1", "D1:D2"]
    )
    assert [column.name for column in found.columns] == ["area", "rooms", "floors"]


def test_a_cell_that_is_merged_over_rows_is_the_value_of_each(sheet: Any, rows: Any) -> None:
    body = [["ab"[i // 20] if i % 20 == 0 else None, *row] for i, row in enumerate(NUMBERS)]
    found = sheet([["group", "area", "rooms", "y"], *body], merged=["A2:A21", "A22:A41"])
    assert [row["group"] for row in rows(found)] == ["a"] * 20 + ["b"] * 20


@pytest.mark.parametrize(
    ("left", "merged"), [([None], ["A1:A4", "A2:B2"]), ([], ["E1:E4", "C50:C52", "B60:D61"]), ([], ["B2:B6"])]
)
def test_cells_that_are_merged_beside_the_table_are_none_of_it(
    sheet: Any, rows: Any, left: list[None], merged: list[str]
) -> None:
    found = sheet([[*left, *row] for row in (["area", "rooms", "y"], *NUMBERS)], merged=merged)
    assert [[row[name] for name in ("area", "rooms", "y")] for row in rows(found)] == NUMBERS


@pytest.mark.parametrize(
    "body",
    [
        [["north" if i % 2 else "south", f"item {i // 2}", "yes" if i % 3 else "no", None] for i in range(40)],
        [["north" if i % 2 else "south", f"item {i // 2}", "yes" if i % 3 else "no", "a"] for i in range(40)],
        [[f"town {i}", f"item {i}", "yes" if i % 3 else "no", None] for i in range(40)],
    ],
)
def test_rows_of_words_below_a_wide_name_are_rows(sheet: Any, rows: Any, body: list[list[Any]]) -> None:
    found = sheet([["region", "product", "answer"], *body], label="answer", merged=["C1:D1"])
    assert [column.name for column in found.columns][:2] == ["region", "product"]
    assert [row["answer"] for row in rows(found)] == [row[2] for row in body]


def test_an_index_without_a_name_is_a_column(sheet: Any) -> None:
    for first in ([50, 7, "u"], ["a", "small", "u"], ["flat 1", "unknown", "not sold"]):
        found = sheet([[None, "rooms", "y"], first, *NUMBERS, [51, "small", "u"]])
        assert [column.name for column in found.columns] == ["column_1", "rooms"]


def test_units_below_names_without_that_of_an_index_are_no_names(sheet: Any, rows: Any) -> None:
    found = sheet([[None, "area", "y"], ["id", "m2", "class"], *([i, *row[::2]] for i, row in enumerate(NUMBERS))])
    assert [column.name for column in found.columns] == ["column_1", "area"]
    assert len(rows(found)) == 40


def test_a_row_of_words_below_names_of_which_one_is_missing_is_a_row(sheet: Any, rows: Any) -> None:
    words = [[f"town {i}", f"item {i}", i / 2, "uv"[i % 2]] for i in range(40)]
    found = sheet([["town", None, "area", "y"], ["Ulm", "chair", "unknown", "none"], *words])
    assert [column.name for column in found.columns] == ["town", "column_2", "area"]
    assert len(rows(found)) == 41


def test_what_stands_beside_a_table_is_passed_over(sheet: Any, rows: Any) -> None:
    beside = [[None, "uv"[i], i * 4.5] for i in range(2)]
    found = sheet(
        [["area", "rooms", "y"], *([*row, *more] for row, more in zip(NUMBERS[:2], beside, strict=True)), *NUMBERS[2:]]
    )
    assert [[row[name] for name in ("area", "rooms", "y")] for row in rows(found)] == NUMBERS
    assert any("t.xlsx: 2 columns without a name beside the table are passed over" in note for note in found.notes)


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ([["m²", "number", "class"], *NUMBERS], "1 row of words where the others have numbers is passed over"),
        (
            [["How large?", "And rooms?", "Which?"], ["Q1", "Q2", "Q3"], *NUMBERS],
            "2 rows of words where the others have numbers are passed over",
        ),
        ([*NUMBERS[:20], ["area", "rooms", "y"], *NUMBERS[20:]], "1 row with the names of the columns again is passed"),
        ([*NUMBERS, [], ["* from the office"], ["printed in June"]], "2 rows of notes at the end are passed over"),
    ],
)
def test_rows_that_are_none_are_passed_over_and_noted(sheet: Any, rows: Any, table: list[list[Any]], told: str) -> None:
    found = sheet([["area", "rooms", "y"], *table])
    assert [(column.name, column.dtype) for column in found.columns] == [("area", "float"), ("rooms", "int")]
    assert [row["y"] for row in rows(found)] == [row[2] for row in NUMBERS]
    assert any(f"t.xlsx: {told}" in note for note in found.notes)


@pytest.mark.parametrize("first", [["unknown", 3, "u"], ["n/a", "n/a", "u"], [7.5, None, "u"]])
def test_a_first_row_with_odd_cells_stays_a_row(sheet: Any, first: list[Any]) -> None:
    assert sheet([["area", "rooms", "y"], first, *NUMBERS]).rows == 41
