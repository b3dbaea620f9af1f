"""``kerasline init`` finds the names of a table's columns, and what beside them is no row."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kerasline.components.datasets import resolve
from kerasline.components.datasets.tables.csv import Dialect, detect_delimiter
from kerasline.pipeline.config.experiment import load_experiment

Init = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize(
    ("below", "lines_above"),
    [
        ("How old are you?,And your income?,Where?,Result\n", 2),
        ('"How\nold?","Your ""income""",Where?,Result\n"{""Id"":1}","{""Id"":2}","{""Id"":3}","{""Id"":4}"\n', 4),
        ("years,EUR,,\n", 2),
        ("int,float,string,string\n", 2),
        ("---,---:,---,:--\n", 2),
    ],
)
def test_lines_below_the_names_are_no_rows(init: Init, tmp_path: Path, below: str, lines_above: int) -> None:
    rows = "".join(f"{18 + i % 60},{i * 31 % 977}.5,{'abc'[i % 3]},{['no', 'yes'][i % 2]}\n" for i in range(200))
    (tmp_path / "t.csv").write_text("age,income,town,y\n" + below + rows)
    code, out, err = init("t.csv", "--label", "y")
    assert (code, err) == (0, "")
    assert f"csv.skip_lines: {lines_above} (" in out and "below the names of the columns" in out
    experiment, _ = load_experiment(str(tmp_path / "t.yaml"))
    dataset = resolve(experiment.data, name="t", base_dir=tmp_path, data_dir=None)
    assert (dataset.rows, dataset.label.classes) == (200, ("no", "yes"))
    assert [(column.name, column.dtype) for column in dataset.columns] == [
        ("age", "int"), ("income", "float"), ("town", "string"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("names", "above"),
    [("2019,2020,where,y", ""), (",,where,y", ""), ("1,2,,y", "Report of June\n"), ("2019,2020,2021,y", "of,July\n\n")],
)
def test_a_line_that_names_the_label_is_the_header(init: Init, tmp_path: Path, names: str, above: str) -> None:
    rows = "".join(f"{18 + i % 60},{i * 31 % 977}.5,{'abc'[i % 3]},{['no', 'yes'][i % 2]}\n" for i in range(200))
    (tmp_path / "t.csv").write_text(f"{above}{names}\n{rows}")
    assert init("t.csv", "--label", "y")[::2] == (0, "")
    experiment, _ = load_experiment(str(tmp_path / "t.yaml"))
    dataset = resolve(experiment.data, name="t", base_dir=tmp_path, data_dir=None)
    wanted = [name or f"column_{place}" for place, name in enumerate(names.split(",")[:-1], start=1)]
    assert (dataset.rows, [column.name for column in dataset.columns]) == (200, wanted)


@pytest.mark.parametrize("above", ["y\n\n", ",,,y\n", "y,size,,\n", "Report: y\n"])
def test_a_title_or_a_group_that_holds_the_labels_word_is_no_header(init: Init, tmp_path: Path, above: str) -> None:
    rows = "".join(f"{18 + i % 60},{i * 31 % 977}.5,{'abc'[i % 3]},{['no', 'yes'][i % 2]}\n" for i in range(200))
    (tmp_path / "t.csv").write_text(f"{above}age,income,town,y\n{rows}")
    assert init("t.csv", "--label", "y")[::2] == (0, "")
    experiment, _ = load_experiment(str(tmp_path / "t.yaml"))
    dataset = resolve(experiment.data, name="t", base_dir=tmp_path, data_dir=None)
    assert (dataset.rows, [column.name for column in dataset.columns]) == (200, ["age", "income", "town"])


def test_tables_that_were_joined_are_read_without_the_names_in_their_midst(init: Init, tmp_path: Path) -> None:
    table = "n,word,y\n" + "".join(f"{i * 7 % 97},{'abc'[i % 3]},{i % 2}\n" for i in range(500))
    (tmp_path / "t.csv").write_text(table * 2)
    code, out, _ = init("t.csv", "--label", "y")
    assert (code, "csv.ragged_rows: skip (1 line has the names of the columns again;" in out) == (0, True)
    experiment, _ = load_experiment(str(tmp_path / "t.yaml"))
    dataset = resolve(experiment.data, name="t", base_dir=tmp_path, data_dir=None)
    assert (dataset.rows, dataset.label.classes) == (1000, ("0", "1"))


@pytest.mark.parametrize("first", ["unknown,1.5,a,no\n", ",,a,no\n", "NA,NA,a,no\n", "17,x,a,no\n"])
def test_a_first_row_with_odd_cells_stays_a_row(init: Init, tmp_path: Path, first: str) -> None:
    rows = "".join(f"{18 + i % 60},{i * 31 % 977}.5,{'abc'[i % 3]},{['no', 'yes'][i % 2]}\n" for i in range(200))
    (tmp_path / "t.csv").write_text("age,income,town,y\n" + first + rows)
    assert init("t.csv", "--label", "y")[0] == 0
    assert "skip_lines" not in (tmp_path / "t.yaml").read_text()


@pytest.mark.parametrize(("names", "label"), [("  age income  town y", "y"), ("", "column_4")])
def test_spaces_may_part_the_cells(init: Init, tmp_path: Path, names: str, label: str) -> None:
    rows = [f"{18 + i % 60:5}  {i * 31 % 977:8.2f} {'abc'[i % 3]}   {['no', 'yes'][i % 2]}  " for i in range(200)]
    (tmp_path / "t.txt").write_text("\n".join(filter(None, [names, *rows])) + "\n")
    assert init("t.txt", "--label", label)[::2] == (0, "")
    experiment, _ = load_experiment(str(tmp_path / "t.yaml"))
    dataset = resolve(experiment.data, name="t", base_dir=tmp_path, data_dir=None)
    assert (dataset.rows, [column.dtype for column in dataset.columns]) == (200, ["int", "float", "string"])
    assert dataset.label.classes == ("no", "yes")
    assert detect_delimiter(tmp_path / "t.txt", Dialect(",")) == " ", "predict asks the file alone"


def test_a_column_of_sentences_is_not_parted(init: Init, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a b\n" + "big house\nold town\n" * 50)
    code, _, err = init("t.csv", "--label", "b")
    assert (code, "its columns are a b." in err) == (2, True)


def test_files_of_one_class_each_are_one_table(init: Init, tmp_path: Path) -> None:
    for number, (name, day, rows) in enumerate([("no", "2024-01-01", 60), ("yes", "2024-01-02", 90), ("", "", 30)]):
        head, shape = ("y,x,day", "{2},{0},{1}") if number else ("x,day,y", "{0},{1},{2}")
        lines = [shape.format(n * 7 % 97, day or "2024-01-03", name or ("no", "yes")[n % 2]) for n in range(rows)]
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / f"{number}.csv").write_text("\n".join([head, *lines]) + "\n")
    (tmp_path / "in" / "3.csv").write_text("x,day,y\n")
    code, out, err = init("in", "--label", "y")
    assert (code, err) == (0, "")
    assert "binary, 2 classes: yes 58%, no 42%" in out
    assert "always '2024" not in (tmp_path / "in.yaml").read_text()


@pytest.mark.parametrize("sizes", [(6, 300_000), (100_000, 1)])
def test_a_small_file_beside_a_large_one_gives_rows(init: Init, tmp_path: Path, sizes: tuple[int, int]) -> None:
    small = sizes.index(min(sizes))
    (tmp_path / "in").mkdir()
    for number, rows in enumerate(sizes):
        classes = "ba" if number == small else "a"
        lines = [f"{n % 97},{classes[n % len(classes)]},1" for n in range(rows)]
        (tmp_path / "in" / f"{number}.csv").write_text("\n".join(["x,y,day", *lines]) + "\n")
    code, out, err = init("in", "--label", "y")
    assert (code, err, "binary, 2 classes" in out) == (0, "", True)


def test_files_of_one_class_are_named_together(init: Init, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in "pqr":
        (tmp_path / "in" / f"{name}.csv").write_text("x,y\n" + "".join(f"{n},a\n" for n in range(60)))
    assert "of in/p.csv and 2 other files has only one class, 'a'" in " ".join(init("in", "--label", "y")[2].split())
