"""Quotes in text tables: cells of several lines are read, quotes that swallow rows are refused where they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from kerasline.components.core.errors import ConfigError
from kerasline.components.datasets.tables.csv.quotes import StrayQuote
from kerasline.components.datasets.tables.csv.text import Dialect, detect_delimiter, lines


def table(rows: int = 1000, **changed: str) -> list[str]:
    """Lines of a table of numbers and words, some of them replaced: ``l500`` is line 500 of the file."""
    found = ["n,word,y", *(f"{i * 7 % 97},{'abc'[i % 3]},{i % 2}" for i in range(rows))]
    for key, line in changed.items():
        found[int(key[1:]) - 1] = line
    return found


def read(path: Path, found: list[str] | str, dialect: Dialect | None = None, end: str = "\n") -> list[list[str]]:
    """Writes lines and reads the rows."""
    text = found if isinstance(found, str) else end.join(found) + end
    path.write_text(text, encoding="utf-8", newline="")
    return [cells for _, cells in lines(path, dialect or Dialect(","))]


@pytest.mark.parametrize(
    ("changed", "where", "end"),
    [
        ({"l500": '1,"a,0'}, "opens column 2 ('word') in line 500", "never closed and takes 502 more lines"),
        ({"l500": '"1,a,0'}, "opens column 1 ('n') in line 500", "never closed and takes 502 more lines"),
        ({"l500": '1,a,"0'}, "opens column 3 ('y') in line 500", "never closed and takes 502 more lines"),
        ({"l500": '1, "a,0'}, "opens column 2 ('word') in line 500", "never closed and takes 502 more lines"),
        ({"l300": '1,"a,0', "l600": '1,"b,0'}, "in line 300", "closed only in line 600 and takes 300 more"),
        ({"l300": '1,"a,0', "l600": '1,b",0'}, "in line 300", "closed only in line 600 and takes 300 more"),
        ({"l300": '1,"a,0', "l301": '1,"b,0'}, "column 2 ('word') in line 300", "closed only in line 301 and takes 1 "),
        ({"l300": '1,"a,0', "l600": '1,"b,c",0'}, "column 2 ('word') in line 300", "only in line 600 and takes 300 "),
        ({"l2": '1,"a,0'}, "column 2 ('word') in line 2 of", "never closed and takes 1,000 more lines"),
        ({"l1": 'n,"word,y'}, "column 2 in line 1 of", "never closed and takes 1,001 more lines"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_a_stray_quote_is_found_where_it_opens(
    tmp_path: Path, changed: dict[str, str], where: str, end: str, line_end: str
) -> None:
    with pytest.raises(StrayQuote) as refused:
        read(tmp_path / "t.csv", table(1001, **changed), end=line_end)
    assert where in str(refused.value) and end in str(refused.value), str(refused.value)
    assert "set csv.quoting: none" in str(refused.value)


def test_quotes_can_be_part_of_the_text(tmp_path: Path) -> None:
    rows = read(tmp_path / "t.csv", table(l300='1,"a,0', l600='1,"b,0'), Dialect(",", quoting="none"))
    assert (len(rows), rows[299], rows[599]) == (1001, ["1", '"a', "0"], ["1", '"b', "0"])


def test_quotes_can_be_taken_at_their_word(tmp_path: Path) -> None:
    rows = read(tmp_path / "t.csv", table(20, l3='1,"a,0', l5='1,b",0'), Dialect(",", quoting="standard"))
    assert (len(rows), rows[2]) == (19, ["1", "a,0\n" + table(20)[3] + "\n1,b", "0"])


@pytest.mark.parametrize(
    "text",
    [
        "Dear all,\nthank you, and goodbye",
        "one\n\n\ntwo",
        "first, second\nthird, fourth\nfifth, sixth\n",
        "a quote: \"\"never\"\", he said\nand left",
        "\n".join(f"line {i}, of a long letter, which goes on" for i in range(300)),
    ],
)  # fmt: skip
def test_texts_of_several_lines_are_one_cell(tmp_path: Path, text: str) -> None:
    found = ["n,note,y", *(f'{i},"{text}",{i % 2}' for i in range(30))]
    rows = read(tmp_path / "t.csv", found)
    assert {len(cells) for cells in rows} == {3}
    assert {cells[1] for cells in rows[1:]} == {text.replace('""', '"').strip()}


def test_the_last_cell_of_a_file_may_end_with_an_empty_line_but_not_be_open(tmp_path: Path) -> None:
    assert read(tmp_path / "t.csv", 'n,note\n1,"a\n"\n')[-1] == ["1", "a"]
    with pytest.raises(StrayQuote, match=r"opens column 2 \('note'\) in line 3 of .* is never closed and takes 2 more"):
        read(tmp_path / "t.csv", 'n,note\n1,a\n2,"and so\nit\nends\n')


@pytest.mark.parametrize(
    ("line", "cells"),
    [('1,5" pipe,0', ["1", '5" pipe', "0"]), ('1,"5"" pipe",0', ["1", '5" pipe', "0"]),
     ('1, "a, b" ,0', ["1", "a, b", "0"]), ("1,'a,0", ["1", "'a", "0"]), ("1,a\\,0", ["1", "a\\", "0"]),
     ('1,"",0', ["1", "", "0"]), ('1,6\'2",0', ["1", "6'2\"", "0"])],
)  # fmt: skip
def test_other_quotes_are_what_they_look_like(tmp_path: Path, line: str, cells: list[str]) -> None:
    rows = read(tmp_path / "t.csv", table(l400=line))
    assert (len(rows), rows[399]) == (1001, cells)


def test_excels_first_line_names_the_delimiter(tmp_path: Path) -> None:
    for first in ("sep=;", '"sep=;"', "SEP=;", "\ufeffsep=;"):
        written = [first, "a,b;c", "1,5;2", "3,5;4"]
        (tmp_path / "t.csv").write_text("\r\n".join(written) + "\r\n", encoding="utf-8", newline="")
        assert detect_delimiter(tmp_path / "t.csv", Dialect(",")) == ";"
        assert list(lines(tmp_path / "t.csv", Dialect(";"))) == [
            (2, ["a,b", "c"]),
            (3, ["1,5", "2"]),
            (4, ["3,5", "4"]),
        ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a,b\n1,2\n".encode("utf-16-le"), "is UTF-16 without a mark that says so, .* set csv.encoding: utf-16-le"),
        ("a,b\n1,2\n".encode("utf-16-be"), "set csv.encoding: utf-16-be"),
        ("a,b\n1,2\n".encode("utf-16"), "is UTF-16, not utf-8; set csv.encoding: utf-16"),
        (b'{"a": 1, "y": 0}\n{"a": 2, "y": 1}\n', "is a file of JSON objects, no text table; name it under data"),
        (b'[{"a": 1, "y": 0}]', "is a JSON document of rows, no text table; name it under data.parquet"),
        (b'[1.5, "a"]\n[2.5, "b"]\n', "is a JSON document, no text table"),
        (b"% iris\n@RELATION iris\n@attribute x numeric\n@data\n1\n", "is an ARFF file of Weka, no text table; save"),
        (b"+1 1:0.5 3:-2e-3\n-1 2:1\n", "is a file of LibSVM's kind, no text table; turn it into Parquet"),
        (b"+1 1:0.5 3:-2e-3 7:" + b"0" * 5000, "is a file of LibSVM's kind"),
        (b"-- dump\nCREATE TABLE t (x int);\n", "is an SQL script, no text table; run it in a database"),
        (b"DROP TABLE IF EXISTS `t`;\n", "is an SQL script"),
        (b"INSERT INTO t VALUES (1, 2);\n", "is an SQL script"),
        (b"create table shop.t\n(\nx int);\n", "is an SQL script"),
        (b"ARROW1\0\0\xff\xff", "is an Arrow or Feather file, no text table; name it under data.parquet"),
        (b"ORC\x0a\x03\0", "is an ORC file"),
        (b"\x1b[31mred\0\x07", "is a binary file, no text table"),
        (b"\0\0\x08\x03\0\0\xea\x60", r"is an IDX file of MNIST's kind.*data: \{idx: \{path: FOLDER\}\}"),
    ],
)  # fmt: skip
def test_what_is_no_text_is_named(tmp_path: Path, content: bytes, expected: str) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    for look in (lambda path: detect_delimiter(path, Dialect(",")), lambda path: list(lines(path, Dialect(",")))):
        with pytest.raises(ConfigError, match=expected) as refused:
            look(tmp_path / "t.csv")
        assert str(refused.value).isprintable()


def test_a_column_may_begin_like_a_format(tmp_path: Path) -> None:
    assert read(tmp_path / "t.csv", "ORCID,PAR1\n1,2\n") == [["ORCID", "PAR1"], ["1", "2"]]


@pytest.mark.parametrize("first", ["[a],b", "@id,b", "set a,b", "create table,b", "1 1:x,b", "[1] x,b"])
def test_a_column_may_be_called_like_other_texts(tmp_path: Path, first: str) -> None:
    (tmp_path / "t.csv").write_text(f"{first}\n1,2\n")
    assert next(lines(tmp_path / "t.csv", Dialect(",")))[1] == first.split(",")


@pytest.mark.parametrize(
    "content",
    [
        "5 10:30\n6 11:00\n", "1 08:30\n2 09:15\n", "1 8:30 10:45\n2 9:15 11:00\n", "4 7:2.5 3:1\n5 8:1 2:1\n",
        "1 2:1 3:4\nred blue green\n", "drop table lamp,3\nchair,4\n", "create table lamps,3\nchair,4\n",
    ],
)  # fmt: skip
def test_rows_that_begin_as_no_table_does_are_rows(tmp_path: Path, content: str) -> None:
    (tmp_path / "t.csv").write_text(content)
    delimiter = "," if "," in content else " "
    found = [cells for _, cells in lines(tmp_path / "t.csv", Dialect(delimiter))]
    assert found == [line.split(delimiter) for line in content.splitlines()]
