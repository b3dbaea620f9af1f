"""Tables as programs and people leave them: a first recipe reads their rows, and says of folders what they hold."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from PIL import Image

from kerasline.components.core.errors import ConfigError
from kerasline.components.datasets import DataOptions, read_shard, resolve
from kerasline.components.datasets.tables.csv import Dialect
from kerasline.components.profiling.drafting import draft_recipe
from kerasline.components.profiling.sampling import sample_table, sampling
from kerasline.components.profiling.sampling.places import rows_further_on
from tests.components.datasets.workbook import write_workbook

ROWS = [(n % 7, n * 2.5, "uv"[n % 2]) for n in range(40)]


def drafted(path: Path, label: str) -> tuple[dict, list[dict]]:
    """The recipe of a first look, and the rows that it reads."""
    recipe = yaml.safe_load(draft_recipe(path, [label], "t", str(path)).text)
    named = {name: (options or {}).get("missing_values") for name, options in recipe["features"].items()}
    options = DataOptions.model_validate(recipe["data"])
    dataset = resolve(options, name="t", base_dir=path.parent, data_dir=None, named=named)
    return recipe, [row for shard in dataset.shards for _, row in read_shard(dataset, shard)]


@pytest.mark.parametrize("delimiter", ["\t", ",", " ", ";"])
@pytest.mark.parametrize("name", ["{}", "row {}"])
def test_names_of_rows_without_a_name_of_their_own(tmp_path: Path, delimiter: str, name: str) -> None:
    """As R writes a table by default: the header has a cell less than each row."""
    lines = [delimiter.join(map('"{}"'.format, ("a", "b", "y")))]
    lines += [delimiter.join((f'"{name.format(n)}"', str(a), str(b), f'"{y}"')) for n, (a, b, y) in enumerate(ROWS)]
    (tmp_path / "t.txt").write_text("\n".join(lines) + "\n")
    recipe, rows = drafted(tmp_path / "t.txt", "y")
    assert recipe["data"]["csv"]["columns"] == ["row_name", "a", "b", "y"]
    assert recipe["data"]["csv"]["drop"] == ["row_name"]
    assert [(row["a"], row["b"], row["y"]) for row in rows] == ROWS


@pytest.mark.parametrize("name", ["{1}", "gene{0}"])
def test_names_of_rows_without_quotes_stand_in_front_of_numbers(tmp_path: Path, name: str) -> None:
    below = [f"{name.format(n, n + 1)};{a};{b}" for n, (a, b, _) in enumerate(ROWS)]
    (tmp_path / "t.csv").write_text("\n".join(["a;y", *below]))
    recipe, rows = drafted(tmp_path / "t.csv", "y")
    assert recipe["data"]["csv"]["columns"] == ["row_name", "a", "y"]
    assert [row["y"] for row in rows] == [b for _, b, _ in ROWS]


@pytest.mark.parametrize(
    "row", ["{0};{a};{b};{y}", "{0};{a};{b};3.5", "{1};{a};{b};{y}", "id{0};{a};{b};{y}", '"{1}";"{a}";"{b}";"{y}"']
)
def test_columns_are_not_shifted_where_the_last_may_lack_its_name(tmp_path: Path, row: str) -> None:
    below = [row.format(n, n + 1, a=a, b=b, y=y) for n, (a, b, y) in enumerate(ROWS)]
    (tmp_path / "t.csv").write_text("\n".join(["a;b;y", *below]))
    with pytest.raises(ConfigError, match="t.csv has 3 names and each row a cell more; write a name for the first"):
        draft_recipe(tmp_path / "t.csv", ["y"], "t", "t.csv")


@pytest.mark.parametrize("name", ["t.csv", "t.xlsx"])
@pytest.mark.parametrize(("last", "is_left_out"), [(1950.0, True), (1975.5, False)])
def test_a_sum_below_the_label_is_no_row(tmp_path: Path, name: str, last: float, is_left_out: bool) -> None:
    below: list[list[object]] = [[f"d{n % 9}", y, a] for n, (a, y, _) in enumerate(ROWS)]
    lines = [["day", "y", "a"], *below, ["Total", last, 117]]
    (tmp_path / "t.csv").write_text("\n".join(";".join(map(str, line)) for line in lines) + "\n;;\n")
    write_workbook(tmp_path / "t.xlsx", {"sales": lines})
    recipe, read = drafted(tmp_path / name, "y")
    assert [row["y"] for row in read] == [y for _, y, _ in ROWS] + [last] * (not is_left_out)
    assert bool(recipe["features"].get("y")) is is_left_out


@pytest.mark.parametrize(("last", "is_left_out"), [("97.5", True), ("", True), ("98.5", False)])
def test_a_sum_is_told_where_it_is_read_as_a_row(tmp_path: Path, last: str, is_left_out: bool) -> None:
    below = "".join(f"d{n},{n * 2.5}\n" for n in range(1, 9))
    (tmp_path / "t.csv").write_text(f'day,y\n{below}d9,7.5\n"Total",{last}\n')
    draft = draft_recipe(tmp_path / "t.csv", ["y"], "t", "t.csv")
    recipe = yaml.safe_load(draft.text)
    words = (recipe["features"].get("y") or {}).get("missing_values")
    options = DataOptions.model_validate(recipe["data"])
    dataset = resolve(options, name="t", base_dir=tmp_path, data_dir=None, named={"y": words} if words else {})
    for notes in (draft.summary, dataset.notes):
        assert any("is read as a row" in note for note in notes) is not is_left_out


def test_lists_of_numbers_are_no_sums(tmp_path: Path) -> None:
    lists = pa.FixedSizeListArray.from_arrays(pa.array(range(3 * len(ROWS)), pa.float64()), 3)
    pq.write_table(pa.table({"v": lists, "y": [y for _, y, _ in ROWS]}), tmp_path / "t.parquet")
    _, rows = drafted(tmp_path / "t.parquet", "y")
    assert rows[1]["v"].tolist() == [3.0, 4.0, 5.0]


@pytest.mark.parametrize(
    ("label", "why"),
    [("v", "it holds lists of numbers"), ("o", "struct<.*> cannot be an input, nor"), ("b", "binary cannot be an inp")],
)
def test_a_label_of_several_parts_or_of_bytes_is_refused(tmp_path: Path, label: str, why: str) -> None:
    objects = [{"n": y, "m": "a"} for _, y, _ in ROWS]
    lists = pa.FixedSizeListArray.from_arrays(pa.array(range(3 * len(ROWS)), pa.float64()), 3)
    table = pa.table({"v": lists, "o": objects, "b": [b"0"] * len(ROWS), "a": [a for a, *_ in ROWS]})
    pq.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(ConfigError, match=f"--label: '{label}' cannot be predicted: {why}.*; name one column, or"):
        draft_recipe(tmp_path / "t.parquet", [label], "t", "t.parquet")


def test_a_folder_of_several_tables_is_named_as_one(tmp_path: Path) -> None:
    frame = pd.DataFrame(ROWS, columns=["a", "b", "y"])
    frame.to_csv(tmp_path / "train.csv", index=False)
    frame[["a", "b"]].to_csv(tmp_path / "test.csv", index=False)
    frame[["a", "y"]].to_csv(tmp_path / "sample_submission.csv", index=False)
    (tmp_path / "data_description.txt").write_text("a: the first\n")
    for labels in (["y"], []):
        with pytest.raises(
            ConfigError, match="several tables: sample_submission.csv has a, y; .* such as .*/train.csv"
        ):
            draft_recipe(tmp_path, labels, "t", "t")
    for name, columns in (("test.csv", ["a", "b", "y"]), ("sample_submission.csv", ["a", "y"])):
        frame[columns].to_csv(tmp_path / name, index=False)
    with pytest.raises(ConfigError, match="has column 'b', unlike .*sample_submission.csv; files of one table"):
        drafted(tmp_path, "y")
    frame.to_csv(tmp_path / "sample_submission.csv", index=False)
    assert len(drafted(tmp_path, "y")[1]) == 3 * len(ROWS)


@pytest.mark.parametrize("folder", ["", "year=1/"])
def test_every_file_that_is_counted_is_read(tmp_path: Path, folder: str) -> None:
    for name in ("a.csv", "b.CSV"):
        (tmp_path / folder).mkdir(exist_ok=True)
        pd.DataFrame(ROWS, columns=["a", "b", "y"]).to_csv(tmp_path / folder / name, index=False)
    assert len(drafted(tmp_path, "y")[1]) == 2 * len(ROWS)


def test_addresses_of_persons_are_no_sentences(tmp_path: Path) -> None:
    frame = pd.DataFrame(ROWS, columns=["a", "b", "y"]).assign(mail=[f"jo.{n}@a{n % 3}.example.org" for n in range(40)])
    frame.to_csv(tmp_path / "t.csv", index=False)
    recipe, _ = drafted(tmp_path / "t.csv", "y")
    assert recipe["data"]["csv"]["drop"] == ["mail"]


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"<stata_dta><header>\0", "a file of Stata, no text table; .*read_stata"),
        (b"r\x02\x01\0\x05", "a file of Stata"),
        (b"$FL2@(#) SPSS\0", "a file of SPSS"),
        (bytes(12) + b"\xc2\xea\x81\x60" + bytes(80), "a file of SAS"),
        (b"RDX3\nX\n\0\0", "a file of R"),
        (b"MATLAB 5.0 MAT-file\0", "a file of MATLAB"),
        (b"MATLAB 7.3 MAT-file" + bytes(493) + b"\x89HDF\r\n\x1a\n", "a file of MATLAB"),
        *((bytes([length, *bytes(7)]) + b"sums\n" + bytes(length), "a TFRecord file") for length in b"z{[|"),
        (b"SQLite format 3\0", "an SQLite database, no text table; name it in the recipe: data: {sql: {url"),
    ],
)
def test_files_of_other_programs_are_named(tmp_path: Path, content: bytes, what: str) -> None:
    (tmp_path / "t.dat").write_bytes(content)
    with pytest.raises(ConfigError, match=f"t.dat is {what}"):
        draft_recipe(tmp_path / "t.dat", ["y"], "t", "t.dat")


def test_names_of_images_are_no_words_and_lead_to_the_images(tmp_path: Path) -> None:
    frame = pd.DataFrame(ROWS, columns=["a", "b", "y"]).assign(file=[f"pics/red cat {n}.JPG" for n in range(40)])
    frame.to_csv(tmp_path / "t.csv", index=False)
    assert drafted(tmp_path / "t.csv", "y")[0]["data"]["csv"]["drop"] == ["file"]
    frame[["file", "y"]].to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(ConfigError, match="'file' names of images, .*images: {path: FOLDER, labels_csv: this"):
        draft_recipe(tmp_path / "t.csv", ["y"], "t", "t.csv")
    (tmp_path / "pics").mkdir()
    Image.new("L", (4, 4)).save(tmp_path / "pics" / "red cat 1.jpg")
    with pytest.raises(ConfigError, match="1 folder has images; .* if t.csv has a label for each, name it under"):
        draft_recipe(tmp_path, [], "t", "t")


@pytest.mark.parametrize("row", ["{},{}\n", '"{}","д{}"\r\n'])
def test_rows_are_counted_by_bytes_and_none_is_looked_at_twice(
    tmp_path: Path, row: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "_MOST_ROWS", 2_000)
    (tmp_path / "t.csv").write_text("n,y\n" + "".join(row.format(n, n % 3) for n in range(10_000, 20_000)), newline="")
    sample = sample_table([tmp_path / "t.csv"])
    numbers = sample.columns[0].values
    assert len(set(numbers)) == len(numbers) and max(numbers) > 19_000
    assert sample.rows == pytest.approx(10_000, rel=0.3)


@pytest.mark.parametrize("read", [0.0, 0.5, 0.999, 1.0])
def test_no_row_is_looked_at_twice(tmp_path: Path, read: float) -> None:
    (tmp_path / "t.csv").write_text("".join(f"{n},{n % 3}\n" for n in range(10_000, 15_000)))
    found = [int(n) for n, _ in rows_further_on(tmp_path / "t.csv", Dialect(","), 2, round(40_000 * read))]
    assert len(set(found)) == len(found)
    assert not found or min(found) >= 10_000 + round(5_000 * read)
    assert read > 0.99 or max(found) > 14_900, "up to the end"


def test_the_only_input_is_kept_though_it_gives_the_label_away(tmp_path: Path) -> None:
    """As the voltage of a battery and the time do: a run that is told so learns it, by default it would stop."""
    (tmp_path / "t.csv").write_text("volts,hours\n" + "".join(f"{9 - n / 50},{n / 2}\n" for n in range(60)))
    text = draft_recipe(tmp_path / "t.csv", ["hours"], None, "t.csv").text
    assert yaml.safe_load(text)["validation"] == {"leakage": "warn"}
    assert "# volts: gives the label away: a correlation of 1.000 with the label" in text
    (tmp_path / "t.csv").write_text("volts,box,hours\n" + "".join(f"{9 - n / 50},{n % 7},{n / 2}\n" for n in range(60)))
    recipe = yaml.safe_load(draft_recipe(tmp_path / "t.csv", ["hours"], None, "t.csv").text)
    assert recipe["data"]["csv"]["drop"] == ["volts"] and "validation" not in recipe


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (["1,2", "3,4", "5,9", "7,3", "8,8"], "has 5 rows with a label, too few to train, evaluate and test with"),
        ([f"{n},name{n}" for n in range(10)], "holds text that hardly repeats"),
        ([f"{n},same" for n in range(10)], "has only one class, 'same'"),
        ([f"{n}," for n in range(10)], "has no value in any row"),
    ],
)
def test_tables_too_small_to_divide_are_refused(tmp_path: Path, rows: list[str], said: str) -> None:
    (tmp_path / "t.csv").write_text("\n".join(["a,y", *rows]) + "\n")
    with pytest.raises(ConfigError, match=said):
        draft_recipe(tmp_path / "t.csv", ["y"], None, "t.csv")
