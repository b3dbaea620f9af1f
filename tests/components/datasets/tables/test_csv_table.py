"""Text tables as they are found in the wild."""

from __future__ import annotations

import gzip
import os
import re

import pytest

from kerasline.components.core.errors import ConfigError
from kerasline.components.datasets import infer_task

pytestmark = pytest.mark.usefixtures("no_split_check")


def table(header: str, *lines: str, times: int = 20, newline: str = "\n") -> str:
    """Repeats lines, each time with its number in the place of ``#``."""
    body = [line.replace("#", str(n)) for n in range(times) for line in lines]
    return newline.join([header, *body]) + newline


def block(**options):
    return {"csv": {"path": "t.csv", "label": "y", **options}}


def test_types_values_and_classes(resolve, rows, write):
    write("t.csv", table("a,b,name,y", "#,1.5,x,yes", "-#,2,z,no"))
    dataset = resolve(**block())
    assert [(c.name, c.dtype, c.distinct, c.missing) for c in dataset.columns] == [
        ("a", "int", 39, 0),
        ("b", "float", 2, 0),
        ("name", "string", 2, 0),
    ]
    assert dataset.label.classes == ("no", "yes")
    assert infer_task(dataset.label) == "binary"
    found = rows(dataset)
    assert found[2] == {"a": 1, "b": 1.5, "name": "x", "y": "yes"}
    assert found[3] == {"a": -1, "b": 2.0, "name": "z", "y": "no"}
    assert [type(found[0][key]) for key in ("a", "b", "name")] == [int, float, str]


def test_missing_cells_are_none_and_counted(resolve, rows, write):
    write("t.csv", table("a,b,y", ",NA,1", "NaN,?,0", " null ,n/a,1", "7,x,0"))
    dataset = resolve(**block())
    assert [(c.name, c.dtype, c.missing) for c in dataset.columns] == [("a", "int", 60), ("b", "string", 60)]
    assert [(row["a"], row["b"]) for row in rows(dataset)[:4]] == [(None, None)] * 3 + [(7, "x")]


def test_own_missing_values(resolve, rows, write):
    write("t.csv", table("a,y", "-999,1", "NA,0"))
    dataset = resolve(**block(missing_values=["-999"]))
    assert dataset.columns[0].dtype == "string"
    assert [row["a"] for row in rows(dataset)[:2]] == [None, "NA"]


def test_rows_without_a_label_are_skipped_and_counted(resolve, rows, write):
    write("t.csv", table("a,y", "1,0", "2,", "3,1", "4,nan"))
    dataset = resolve(**block())
    assert dataset.rows == 40
    assert dataset.skipped == ("t.csv: 40 rows without a label (lines 3, 5, 7, 9, 11, ...)",)
    assert {row["a"] for row in rows(dataset)} == {1, 3}


def test_infinite_label_is_no_label(resolve, rows, write):
    write("t.csv", table("a,y", "1,#.5", "2,inf", "3,-Infinity"))
    dataset = resolve(**block())
    assert dataset.rows == 20 and dataset.label.maximum == 19.5
    assert "40 rows without a label" in dataset.skipped[0]
    assert {row["a"] for row in rows(dataset)} == {1}


def test_infinite_values_are_kept_and_noted(resolve, rows, write):
    write("t.csv", table("a,b,y", "1.5,1,0", "inf,2,1"))
    dataset = resolve(**block())
    assert dataset.columns[0].dtype == "float"
    assert dataset.notes == ("column 'a' has 20 infinite values, first in line 3",)
    assert rows(dataset)[1]["a"] == float("inf")


def test_odd_spellings_of_nan_are_missing_numbers(resolve, rows, write):
    write("t.csv", table("a,y", "1.5,0", "-nan,1"))
    dataset = resolve(**block())
    assert (dataset.columns[0].dtype, dataset.columns[0].missing) == ("float", 20)
    assert rows(dataset)[1]["a"] is None


def test_numbers_that_become_text_are_text_and_noted(resolve, rows, write):
    lines = "".join(f"{n},{n % 2}\n" for n in range(6000))
    write("t.csv", "a,y\n" + lines + "unknown,1\n5,0\n")
    dataset = resolve(**block())
    assert (dataset.columns[0].dtype, dataset.columns[0].strays) == ("string", 1)
    assert dataset.notes == (
        "column 'a' is text although all but 1 of its values are numbers: line 6002 of t.csv holds 'unknown'; kind: "
        "numeric under features takes the numbers",
    )
    found = rows(dataset)
    assert (found[0]["a"], found[-1]["a"]) == ("0", "5")


def test_a_column_that_is_text_from_its_middle_on(resolve, write):
    lines = "".join(f"{n if n < 3000 else f'w{n % 5}'},w{n % 7},{n % 2}\n" for n in range(9000))
    write("t.csv", "a,b,y\n" + lines)
    dataset = resolve(**block())
    assert [(column.dtype, column.strays) for column in dataset.columns] == [("string", 0), ("string", 0)]
    assert dataset.notes == ("column 'a' is text although it begins with numbers: line 3002 of t.csv holds 'w0'",)


def test_a_label_of_numbers_with_a_word_among_them_is_refused(resolve, write):
    write("t.csv", "a,y\n" + "".join(f"{n},{n / 7:.3f}\n" for n in range(90)) + "5,n/k\n")
    with pytest.raises(ConfigError, match="'y' of .* is numbers, but line 92 of t.csv holds 'n/k'; correct such rows"):
        resolve(**block())
    assert resolve(task="multiclass", **block()).label.dtype == "string"
    assert resolve(csv={"path": "t.csv", "label": "y", "missing_values": ["n/k"]}).label.dtype == "float"
    write("t.csv", "a,y\n" + "".join(f"{n},{['1', '2', '3', 'other'][n % 4]}\n" for n in range(90)))
    assert resolve(**block()).label.classes == ("1", "2", "3", "other")


def test_integers_that_become_floats_are_floats(resolve, rows, write):
    write("t.csv", "a,y\n" + "".join(f"{n},{n % 2}\n" for n in range(5000)) + "0.5,1\n")
    dataset = resolve(**block())
    assert dataset.columns[0].dtype == "float" and dataset.notes == ()
    assert rows(dataset)[1]["a"] == 1.0 and type(rows(dataset)[1]["a"]) is float


def test_decimal_commas_are_not_guessed(resolve, rows, write):
    write("t.csv", table("a;y", "1;0", "2,5;1"))
    dataset = resolve(**block())
    assert dataset.columns[0].dtype == "string"
    assert "line 3 of t.csv holds '2,5' (a decimal comma?)" in dataset.notes[0]


def test_codes_with_leading_zeros_stay_text(resolve, rows, write):
    write("t.csv", table("zip,small,big,under,y", "02139,0.5,12345678901234567890,1_0,0", "10115,0,1,2_0,1"))
    dataset = resolve(**block())
    assert [c.dtype for c in dataset.columns] == ["string", "float", "float", "string"]
    assert rows(dataset)[0] == {"zip": "02139", "small": 0.5, "big": 12345678901234567890.0, "under": "1_0", "y": 0}


def test_booleans_stay_words(resolve, rows, write):
    write("t.csv", table("on,y", "true,yes", "false,no"))
    dataset = resolve(**block())
    assert dataset.columns[0].dtype == "string"
    assert rows(dataset)[0] == {"on": "true", "y": "yes"}


@pytest.mark.parametrize("delimiter", [";", "\t", "|", ",", "\x01", "\x1f", "^", "~"])
def test_delimiter_is_found(resolve, rows, write, delimiter):
    write(
        "t.csv",
        table(
            "a b,text,y".replace(",", delimiter),
            '#,"x, y; z | w",1'.replace("#,", f"#{delimiter}").replace('",1', f'"{delimiter}1'),
            f"2{delimiter}q{delimiter}0",
        ),
    )
    dataset = resolve(**block())
    assert [c.name for c in dataset.columns] == ["a b", "text"]
    assert rows(dataset)[0] == {"a b": 0, "text": "x, y; z | w", "y": 1}


def test_given_delimiter_wins(resolve, write):
    write("t.csv", table("a;b,y", "1;2,0", "3;4,1"))
    assert [c.name for c in resolve(**block(delimiter=",")).columns] == ["a;b"]
    write("t.csv", table("a\ty", "1\t0", "2\t1"))
    assert [c.name for c in resolve(**block(delimiter="tab")).columns] == ["a"]


def test_gzip_bom_crlf_quotes_and_spaces(resolve, rows, write):
    text = table('a.b, "price, net" ,the label', ' 1 ,"3.5"," high, very "', '2,"4" ,low', newline="\r\n")
    plain = "\ufeff" + text
    write("t.csv", gzip.compress(plain.encode()))
    dataset = resolve(csv={"path": "t.csv", "label": "the label"})
    assert [(c.name, c.dtype) for c in dataset.columns] == [("a.b", "int"), ("price, net", "float")]
    assert dataset.label.classes == ("high, very", "low")
    assert rows(dataset)[0] == {"a.b": 1, "price, net": 3.5, "the label": "high, very"}


def test_other_encodings(resolve, rows, write):
    write("t.csv", table("größe,y", "é,1", "ü,0").encode("latin-1"))
    dataset = resolve(**block(encoding="latin-1"))
    assert rows(dataset)[0] == {"größe": "é", "y": 1}
    write("t.csv", table("a,y", "é,1", "ü,0").encode("utf-16"))
    assert rows(resolve(**block(encoding="utf-16")))[1]["a"] == "ü"


def test_wrong_encoding_names_byte_and_line(resolve, write):
    write("t.csv", b"a,y\nx,1\n\xe9,0\n")
    with pytest.raises(ConfigError, match=r"t.csv is not utf-8: byte 0xe9 in line 3; set csv.encoding"):
        resolve(**block())
    write("t.csv", table("a,y", "x,1").encode("utf-16"))
    with pytest.raises(ConfigError, match="is UTF-16, not utf-8; set csv.encoding: utf-16"):
        resolve(**block())


def test_without_header(resolve, rows, write):
    write("t.csv", table("5,1", "#,0", "#,1"))
    dataset = resolve(csv={"path": "t.csv", "label": "column_2", "header": False})
    assert dataset.rows == 41 and rows(dataset)[0] == {"column_1": 5, "column_2": 1}
    dataset = resolve(csv={"path": "t.csv", "label": "y", "header": False, "columns": ["x", "y"]})
    assert rows(dataset)[1] == {"x": 0, "y": 0}
    with pytest.raises(ConfigError, match="'columns' has 3 names, but .*t.csv has 2 columns"):
        resolve(csv={"path": "t.csv", "label": "y", "header": False, "columns": ["x", "y", "z"]})


def test_class_names(resolve, rows, write):
    write("t.csv", table("a,y", "1,0", "2,1", "3,2"))
    dataset = resolve(**block(class_names=["zero", "one", "apple"]))
    assert dataset.label.classes == ("zero", "one", "apple") and dataset.label.dtype == "string"
    assert [row["y"] for row in rows(dataset)[:3]] == ["zero", "one", "apple"]
    with pytest.raises(ConfigError, match="names the classes 0 to 1, but label 'y' of .* holds 2"):
        resolve(**block(class_names=["zero", "one"]))


def test_nameless_index_column_gets_a_name(resolve, write):
    write("t.csv", table(",a,y", "#,1,0", "#,2,1"))
    assert [c.name for c in resolve(**block()).columns] == ["column_1", "a"]
    assert [c.name for c in resolve(**block(drop=["column_1"])).columns] == ["a"]


def test_several_files_globs_and_column_order(resolve, rows, write):
    write("part/1.csv", table("a,b,y", "1,x,0"))
    write("part/2.csv", table("y;b;a", "1;z;2"))
    dataset = resolve(csv={"path": "part/*.csv", "label": "y"})
    assert [shard["first"] for shard in dataset.shards] == [0, 20]
    assert rows(dataset)[-1] == {"a": 2, "b": "z", "y": 1}
    write("part/3.csv", table("a,c,y", "1,x,0"))
    with pytest.raises(ConfigError, match=r"3.csv lacks column 'b', unlike .*1.csv"):
        resolve(csv={"path": "part/*.csv", "label": "y"})
    with pytest.raises(ConfigError, match=r"No file matches .*nothing\*.csv"):
        resolve(csv={"path": "nothing*.csv", "label": "y"})


def test_test_path_is_the_test_split(resolve, split_rows, write):
    write("t.csv", table("a,y", "#,0", "#,1"))
    write("later.csv", table("a,y", "-1,0", "-1,1", times=3))
    dataset = resolve(**block(test_path="later.csv"))
    assert dataset.split.method == "source"
    assert dataset.split.fractions == {"train": 0.9, "eval": 0.1, "test": 0.0}
    found = split_rows(dataset)
    assert [row["a"] for row in found["test"]] == [-1] * 6
    assert len(found["train"]) + len(found["eval"]) == 40 and len(found["eval"]) > 0


def test_multilabel(resolve, rows, write):
    write("t.csv", table("a,rain,wind", "1,0,1", "2,1,1", "3,0,0"))
    dataset = resolve(csv={"path": "t.csv", "label": ["rain", "wind"]})
    assert (dataset.label.name, dataset.label.dtype, dataset.label.classes) == ("labels", "multi", ("rain", "wind"))
    assert infer_task(dataset.label) == "multilabel"
    found = rows(dataset)[0]
    assert (
        found["labels"].tolist() == [0.0, 1.0] and found["labels"].dtype == "float32" and set(found) == {"a", "labels"}
    )
    write("t.csv", table("a,rain,wind", "1,0,2", "2,1,1"))
    with pytest.raises(ConfigError, match="Label column 'wind' must hold 0 and 1 only, .* instance 2"):
        resolve(csv={"path": "t.csv", "label": ["rain", "wind"]})


def test_columns_without_any_value_are_left_out(resolve, write):
    write("t.csv", table("a,empty,y", "1,,0", "2,NA,1"))
    dataset = resolve(**block())
    assert [c.name for c in dataset.columns] == ["a"]
    assert dataset.notes == ("column 'empty' has no value in any row and is left out",)


def test_thousands_of_categories(resolve, write):
    write("t.csv", "a,b,y\n" + "".join(f"id{n},{n % 3000},{n % 2}\n" for n in range(12_000)))
    dataset = resolve(**block())
    assert [(c.dtype, c.distinct) for c in dataset.columns] == [("string", None), ("int", 3000)]


def test_multi_line_cells_keep_line_numbers(resolve, rows, write):
    write("t.csv", 'a,y\n"two\nlines",1\n' + "x,0\n" * 20 + "x,0,1\n")
    with pytest.raises(ConfigError, match=r"Line 24 of .*t.csv has 3 cells where 2 are expected"):
        resolve(**block())
    dataset = resolve(**block(ragged_rows="skip"))
    assert rows(dataset)[0]["a"] == "two\nlines"
    assert dataset.skipped == ("t.csv: 1 line with too few or too many cells (line 24)",)


def test_names_that_stand_among_the_rows_again_are_no_row(resolve, rows, write):
    write("t.csv", "a,b,y\n" + "1,p,0\n" * 9 + "a,b,y\n" + "2,b,1\n" * 9)
    with pytest.raises(ConfigError, match=r"Line 11 of .*t.csv has the names of the columns again; correct"):
        resolve(**block())
    dataset = resolve(**block(ragged_rows="skip"))
    assert [row["a"] for row in rows(dataset)] == [1] * 9 + [2] * 9
    assert dataset.label.classes == ("0", "1")
    assert dataset.skipped == ("t.csv: 1 line with the names of the columns again (line 11)",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"t.csv is empty; check"),
        ("a,y\n", r"t.csv has a header but no rows"),
        ("a,y,a\n1,2,3\n", r"names column 'a' more than once"),
        ("a,z\n1,2\n", r"t.csv has no label column 'y'; its columns are a, z\."),
        ("a,Y\n1,2\n", r"its columns are a, Y\."),
        ("1,2\n3,4\n", r"The first line looks like data; set csv.header: false"),
        ("y\n1\n2\n", r"has no column left as input besides 'y'"),
        ("a,y\n1,\n2,NA\n", r"label 'y' of .*t.csv has no value in any row"),
        ("a,y\n1,ok\n2,ok\n", r"has only one class, 'ok'"),
        ("a,y\n1,0.5\n2,0.5\n", r"is 0.5 in every row"),
        ('a,y\n1,0\n"never closed,1\n', r"Line 3 of .* has 1 cell where 2"),
        (gzip.compress(b"a,y\n" + b"1,0\n2,1\n" * 5000, mtime=0)[:-20], r"The gzip file .*t.csv ends too early"),
        (gzip.compress(b"a,y\n1,0\n2,1\n", mtime=0)[:-8] + b"wrong!!!", r"The gzip file .*t.csv is damaged"),
    ],
)
def test_bad_files_are_config_errors(resolve, write, content, message):
    write("t.csv", content)
    with pytest.raises(ConfigError, match=message) as caught:
        resolve(**block())
    assert caught.value.exit_code == 2 and "\n" not in str(caught.value)


def test_empty_lines_are_passed_over(resolve, rows, write):
    write("t.csv", "a,y\n\n1,0\n   \n2,1\n\n" + "3,0\n" * 20 + "\n")
    dataset = resolve(**block())
    assert len(rows(dataset)) == 22 and dataset.skipped == ()


def test_task_decides_how_the_label_is_read(resolve, rows, write):
    write("t.csv", table("a,y", "1,#", "2,3"))
    as_number, as_class = resolve(task="regression", **block()), resolve(task="multiclass", **block())
    assert (type(rows(as_number)[0]["y"]), type(rows(as_class)[0]["y"])) == (float, int)
    assert as_class.label.classes == tuple(str(n) for n in range(20)) and as_number.label.classes is None
    assert as_number.fingerprint != as_class.fingerprint


def test_missing_file_names_the_nearest(resolve, write):
    write("sales.csv", "a,y\n")
    with pytest.raises(ConfigError, match=r"File not found: .*sale.csv; correct the path.* Did you mean 'sales.csv'\?"):
        resolve(csv={"path": "sale.csv", "label": "y"})
    with pytest.raises(ConfigError, match=r"File not found: .*no/where.csv \(the folder ends at"):
        resolve(csv={"path": "no/where.csv", "label": "y"})


def test_folder_instead_of_file(resolve, tmp_path):
    (tmp_path / "t.csv").mkdir()
    with pytest.raises(ConfigError, match=r"Expected a file at .*t.csv, but it is a folder"):
        resolve(**block())


def test_misspelt_label_names_the_nearest(resolve, write):
    write("t.csv", "price,size,city\n1,2,3\n")
    with pytest.raises(ConfigError, match=re.escape("Did you mean 'price'?")):
        resolve(csv={"path": "t.csv", "label": "prize"})
    with pytest.raises(ConfigError, match="no column of 'drop' 'town'"):
        resolve(csv={"path": "t.csv", "label": "price", "drop": ["town"]})


def test_a_file_that_changes_after_resolving_is_noticed(resolve, rows, write):
    path = write("t.csv", table("a,y", "1,0", "2,1"))
    dataset = resolve(**block())
    path.write_text(table("a,y", "1,0", "2,1", times=21))
    with pytest.raises(ConfigError, match=r"t.csv changed while the run was reading it \(\d+ bytes before, \d+ now\)"):
        rows(dataset)


def test_data_dir_comes_before_the_recipe(resolve, rows, write, tmp_path):
    write("t.csv", table("a,y", "1,0", "1,1"))
    write("elsewhere/t.csv", table("a,y", "2,0", "2,1"))
    assert rows(resolve(data_dir=tmp_path / "elsewhere", **block()))[0]["a"] == 2
    (tmp_path / "empty").mkdir()
    assert rows(resolve(data_dir=tmp_path / "empty", **block()))[0]["a"] == 1
    with pytest.raises(ConfigError, match="--data-dir: expected a folder, but .*nowhere does not exist"):
        resolve(data_dir=tmp_path / "nowhere", **block())


def test_fingerprint_follows_content_and_reading_but_not_place_or_time(resolve, write, tmp_path):
    first = resolve(**block(), data_dir=None) if write("t.csv", table("a,b,y", "1,1,0", "2,2,1")) else None
    write("copy/t.csv", table("a,b,y", "1,1,0", "2,2,1"))
    assert resolve(data_dir=tmp_path / "copy", **block()).fingerprint == first.fingerprint
    assert len(first.fingerprint) == 64
    others = [
        resolve(**block(drop=["b"])),
        resolve(**block(missing_values=["2"])),
        resolve(**block(label="a")),
        resolve(limit=10, **block()),
    ]
    write("t.csv", table("a,b,y", "1,1,0", "2,3,1"))
    others.append(resolve(**block()))
    assert len({first.fingerprint, *(other.fingerprint for other in others)}) == 6


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/dev/zero", "Expected a file at /dev/zero, but it is a device or a pipe"),
        ("pipe", "but it is a device or a pipe"),
        ("a" * 3000, "Cannot read .*: File name too long; name another file"),
        ("nul\0.csv", "File not found"),
    ],
)
def test_what_can_be_no_table_is_not_opened(resolve, tmp_path, path, sentence):
    """Reading a device or a pipe would never end."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match=sentence):
        resolve(csv={"path": path, "label": "y"})
