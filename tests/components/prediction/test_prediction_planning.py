"""What is checked of an input before a model is loaded."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kerasline.components.core.errors import ConfigError
from kerasline.components.prediction.reading.planning import PredictionPlan, output_columns, plan_prediction
from kerasline.components.prediction.reading.tables import read_csv


def column(name: str, dtype: str, shape: tuple[int, ...] = (), missing: int = 0) -> dict[str, Any]:
    """A column as a version records it."""
    return {"name": name, "dtype": dtype, "shape": list(shape), "missing": missing}


TABLE: dict[str, Any] = {
    "task": "binary",
    "classes": ["cheap", "dear"],
    "columns": [column("area", "float"), column("rooms", "int"), column("town", "string")],
    "label": {"name": "rent", "columns": ["rent"]},
    "reading": {},
}
IMAGES: dict[str, Any] = {**TABLE, "columns": [column("image", "image", (8, 8, 1))]}
ARRAYS: dict[str, Any] = {**TABLE, "columns": [column("x", "array", (2,)), column("area", "float")]}


def plan(tmp_path: Path, source: Path | str, record: dict[str, Any] = TABLE, **more: Any) -> PredictionPlan:
    """Plans into ``out.csv``."""
    output = more.pop("output", tmp_path / "out.csv")
    return plan_prediction(str(source), tmp_path / "1", "flats@1", record, output, **more)


def write(path: Path, text: str) -> Path:
    """Writes a file, and its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_text_table_with_its_label_and_a_column_of_its_own(tmp_path: Path) -> None:
    source = write(tmp_path / "in.csv", "id;area;rooms;town;rent\n7;50,2;2;Ulm;dear\n")
    planned = plan(tmp_path, source)
    assert planned.kind == "csv"
    assert planned.keys == ("id", "area", "rooms", "town", "rent")
    assert planned.notes == ("columns that the model does not read: id",)
    assert planned.shards == (
        {"path": str(source), "delimiter": ";", "names": ["id", "area", "rooms", "town", "rent"]},
    )


def test_files_of_a_folder_or_a_glob_are_shards(tmp_path: Path) -> None:
    for number in (2, 1):
        write(tmp_path / "in" / f"{number}.csv", "area,rooms,town\n1,2,x\n")
    write(tmp_path / "in" / "_SUCCESS", "")
    for source in (tmp_path / "in", str(tmp_path / "in" / "*.csv")):
        names = [Path(shard["path"]).name for shard in plan(tmp_path, source).shards]
        assert names == ["1.csv", "2.csv"]


def test_a_table_without_header_is_read_as_training_read_it(tmp_path: Path) -> None:
    reading = {
        "header": False,
        "columns": ["area", "rooms", "rent", "town"],
        "encoding": "utf-8",
        "missing_values": [""],
    }
    record = {**TABLE, "reading": reading}
    assert plan(tmp_path, write(tmp_path / "a.csv", "1,2,dear,Ulm\n"), record).keys == ("area", "rooms", "rent", "town")
    assert plan(tmp_path, write(tmp_path / "b.csv", "1,2,Ulm\n"), record).keys == ("area", "rooms", "town")
    with pytest.raises(ConfigError, match="'columns' has 4 names, but .* has 2 columns"):
        plan(tmp_path, write(tmp_path / "c.csv", "1,2\n"), record)


def test_a_header_counts_where_training_had_none_for_all_columns(tmp_path: Path) -> None:
    """A table of R lacks a name for the names of rows; another one with the same columns names them all."""
    reading = {"header": False, "skip_lines": 1, "columns": ["row_name", "area", "rooms", "town", "rent"]}
    record = {**TABLE, "reading": {"encoding": "utf-8", "missing_values": [""], **reading}}

    def keys(text: str) -> tuple[str, ...]:
        return plan(tmp_path, write(tmp_path / "a.csv", text), record).keys

    assert keys("area,rooms,town,rent\n1,50.5,2,Ulm,dear\n") == tuple(reading["columns"])
    assert keys("area,rooms,town\n1,50.5,2,Ulm\n") == tuple(reading["columns"][:-1])
    assert keys("town,area,rooms,id\nUlm,50.5,2,7\n") == ("town", "area", "rooms", "id")


def test_row_groups_of_parquet_are_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kerasline.components.prediction.reading.planning._ROWS_PER_SHARD", 4)
    table = pa.table({"area": [1.0] * 10, "rooms": [1] * 10, "town": ["a"] * 10, "photo": [b"x"] * 10})
    pq.write_table(table, tmp_path / "in.parquet", row_group_size=3)
    planned = plan(tmp_path, tmp_path / "in.parquet", output=tmp_path / "out.parquet")
    assert [shard["groups"] for shard in planned.shards] == [[0, 1], [2, 3]]
    assert planned.keys == ("area", "rooms", "town"), "bytes are not repeated"


def test_images_below_a_folder(tmp_path: Path) -> None:
    for name in ("b/2.PNG", "a/1.jpg", "3.bmp", ".hidden/4.png", "@eaDir/1.jpg", "notes.md"):
        write(tmp_path / "in" / name, "x")
    planned = plan(tmp_path, tmp_path / "in", IMAGES)
    assert (planned.kind, planned.keys) == ("images", ("path",))
    assert [name for shard in planned.shards for name in shard["names"]] == ["3.bmp", "a/1.jpg", "b/2.PNG"]
    assert planned.notes == ("1 file is no image by its name",)
    assert plan(tmp_path, tmp_path / "in" / "3.bmp", IMAGES).shards[0]["names"] == ["3.bmp"]


def test_names_tell_the_kind_and_format_says_it_otherwise(tmp_path: Path) -> None:
    source = write(tmp_path / "rows.dat", "area,rooms,town\n1,2,x\n")
    with pytest.raises(ConfigError, match=r"tells what .*rows.dat is .*--format csv\|parquet\|images\|tfrecord"):
        plan(tmp_path, source)
    assert plan(tmp_path, source, kind="csv").kind == "csv"
    packed = tmp_path / "rows.csv.gz"
    packed.write_bytes(gzip.compress(source.read_bytes()))
    assert plan(tmp_path, packed).kind == "csv"
    write(tmp_path / "part.tfrecord-00000-of-00001", "x")
    assert plan(tmp_path, tmp_path / "part.tfrecord-00000-of-00001").kind == "tfrecord"


def test_archives_and_documents_are_told_by_what_they_hold(tmp_path: Path) -> None:
    table, rows = "area,rooms,town\n1,2,x\n", '[{"area": 1.5, "rooms": 2, "town": "x"}]'
    kinds = {}
    for name, content in {"t.csv": table, "t.json": rows, "t.geojson": rows}.items():
        for folder in (tmp_path / name, tmp_path / f"{name}.packed"):
            folder.mkdir()
        write(tmp_path / name / name, content)
        with zipfile.ZipFile(tmp_path / f"{name}.packed" / "in.zip", "w") as archive:
            archive.writestr(name, content)
        for source in (f"{name}/{name}", name, f"{name}.packed/in.zip", f"{name}.packed"):
            kinds[source] = plan(tmp_path, tmp_path / source).kind
    assert kinds == {source: "csv" if source.startswith("t.csv") else "parquet" for source in kinds}
    write(tmp_path / "t.csv" / "about.json", "[]")
    assert len(plan(tmp_path, tmp_path / "t.csv").shards) == 1, "JSON beside tables tells about them"
    write(tmp_path / "t.json" / "plot.png", "x")
    assert len(plan(tmp_path, tmp_path / "t.json").shards) == 1
    write(tmp_path / "t.json" / "t.json", '{"columns": {"area": [1]}}')
    with pytest.raises(ConfigError, match="expected files of one kind"):
        plan(tmp_path, tmp_path / "t.json", kind="csv")


@pytest.mark.parametrize(
    ("members", "bytes_kept", "message"),
    [
        ({"m.csv": "area,rooms,town\n1,2,x\n"}, 60, "mar.zip is damaged or ends too early"),
        (
            {"m.csv": "area,rooms,town\n1,2,x\n", "readme": "of March"},
            None,
            "mar.zip is a zip archive with 'm.csv', 'readme'",
        ),
        ({"readme": "of March"}, None, "expected a table in .*mar.zip, .* and found readme"),
        ({}, 0, "expected a table in .*mar.zip, .* and found none"),
    ],
)
@pytest.mark.parametrize("kind", [None, "csv"])
def test_no_archive_among_others_is_lost(
    tmp_path: Path, members: dict[str, str], bytes_kept: int | None, message: str, kind: str | None
) -> None:
    for name, held in {"jan": {"j.csv": "area,rooms,town\n1,2,x\n"}, "mar": members}.items():
        with zipfile.ZipFile(tmp_path / f"{name}.zip", "w") as archive:
            for member, text in held.items():
                archive.writestr(member, text)
    content = (tmp_path / "mar.zip").read_bytes()
    (tmp_path / "mar.zip").write_bytes(content[:bytes_kept])
    with pytest.raises(ConfigError, match=message):
        plan(tmp_path, tmp_path, kind=kind)


def test_the_columns_that_are_added() -> None:
    assert output_columns(TABLE) == ["predicted_class", "score_cheap", "score_dear", "model_version"]
    assert output_columns({"task": "multilabel", "classes": ["a"]}) == ["predicted_labels", "score_a", "model_version"]
    assert output_columns({"task": "regression", "classes": None}) == ["predicted_value", "model_version"]


def test_the_fingerprint_follows_files_and_arguments(tmp_path: Path) -> None:
    source = write(tmp_path / "in.csv", "id,area,rooms,town\n7,50,2,Ulm\n")
    first = plan(tmp_path, source).fingerprint()
    assert plan(tmp_path, source).fingerprint() == first
    assert plan(tmp_path, source, keys=["id"]).fingerprint() != first
    assert plan(tmp_path, source, output=tmp_path / "out.jsonl").fingerprint() != first
    write(source, "id,area,rooms,town\n7,51,2,Ulm\n8,1,1,x\n")
    assert plan(tmp_path, source).fingerprint() != first


HEADER = "area,rooms,town\n"


@pytest.mark.parametrize(
    ("name", "text", "more", "message"),
    [
        ("in.csv", "", {}, "in.csv is empty"),
        ("in.csv", "aera,rooms,town\n1,2,x\n", {}, "has no column 'area', which the model reads.*Did you mean 'aera'"),
        ("in.csv", "town\nx\n", {}, r"has no column 'area' \(and 1 more\)"),
        ("in.csv", HEADER + "1,2,x\n", {"keys": ["twon"]}, "--key: .* has no column 'twon'.*Did you mean 'town'"),
        (
            "in.csv",
            "model_version," + HEADER,
            {},
            "'model_version' of the input has the name of a predicted one",
        ),
        (
            "in.csv",
            HEADER,
            {"output": Path("out.xlsx")},
            "--output: expected a name that ends in .parquet, .csv",
        ),
        (
            "in.csv",
            HEADER,
            {"output": Path("/nowhere/out.csv")},
            "--output: .* folder that exists, but /nowhere",
        ),
        ("in.parquet", "no parquet", {}, "in.parquet is not a Parquet file"),
        ("in.csv", HEADER, {"kind": "images"}, "the model does not read images alone but area .float., rooms"),
        ("in.csv", HEADER, {"record": ARRAYS}, "reads 'x', of type array, which a text table cannot hold"),
        ("in.csv", HEADER, {"record": {"recipe": "flats"}}, "pushed without a description of its columns.*run flats"),
    ],
)
def test_what_is_refused(tmp_path: Path, name: str, text: str, more: dict[str, Any], message: str) -> None:
    source = write(tmp_path / name, text)
    with pytest.raises(ConfigError, match=message):
        plan(tmp_path, source, **more)


def test_paths_that_do_not_exist_or_are_the_output(tmp_path: Path) -> None:
    source = write(tmp_path / "flats.csv", HEADER + "1,2,x\n")
    with pytest.raises(ConfigError, match="File not found: .*flat.csv.*Did you mean 'flats.csv'"):
        plan(tmp_path, tmp_path / "flat.csv")
    with pytest.raises(ConfigError, match="no file matches .*x.csv"):
        plan(tmp_path, tmp_path / "*x.csv")
    with pytest.raises(ConfigError, match="flats.csv is the input; name another file"):
        plan(tmp_path, source, output=source)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="expected files of one kind .* in the folder .*empty, and found none"):
        plan(tmp_path, tmp_path / "empty")
    with pytest.raises(ConfigError, match="empty has no file that ends in .png"):
        plan(tmp_path, tmp_path / "empty", IMAGES)
    write(tmp_path / "mixed" / "a.csv", HEADER)
    write(tmp_path / "mixed" / "b.parquet", "")
    with pytest.raises(ConfigError, match="found csv, parquet; name a file or a glob"):
        plan(tmp_path, tmp_path / "mixed")


def test_parquet_files_that_differ_or_cannot_be_repeated(tmp_path: Path) -> None:
    rows = {"area": [1.0], "rooms": [1], "town": ["a"]}
    pq.write_table(pa.table({**rows, "tags": [["x"]]}), tmp_path / "nested.parquet")
    assert plan(tmp_path, tmp_path / "nested.parquet").keys == ("area", "rooms", "town")
    assert "tags" in plan(tmp_path, tmp_path / "nested.parquet", output=tmp_path / "out.parquet").keys
    with pytest.raises(ConfigError, match="--key: column 'tags' is list<.*>, which .csv cannot hold"):
        plan(tmp_path, tmp_path / "nested.parquet", keys=["tags"])
    pq.write_table(pa.table(rows), tmp_path / "p1.parquet")
    pq.write_table(pa.table({**rows, "rooms": [1.5]}), tmp_path / "p2.parquet")
    with pytest.raises(ConfigError, match="column 'rooms' is double in .*p2.parquet and int64 in .*p1.parquet"):
        plan(tmp_path, tmp_path / "p*.parquet")
    pq.write_table(pa.table({**rows, "area": [{"m2": 1.0}]}), tmp_path / "struct.parquet")
    with pytest.raises(ConfigError, match="Column 'area' of .* is struct"):
        plan(tmp_path, tmp_path / "struct.parquet")
    pq.write_table(pa.table(rows).slice(0, 0), tmp_path / "none.parquet")
    with pytest.raises(ConfigError, match="none.parquet has no rows"):
        plan(tmp_path, tmp_path / "none.parquet")


def test_a_quote_that_swallows_rows_is_found_before_anything_is_loaded(tmp_path: Path) -> None:
    rows = [f"{i},{i % 5},Ulm" for i in range(100)]
    rows[40] = '1,"2,Ulm'
    source = write(tmp_path / "in.csv", "area,rooms,town\n" + "\n".join(rows) + "\n")
    with pytest.raises(ConfigError, match=r"opens column 2 \('rooms'\) in line 42 of .* takes 59 more lines") as told:
        plan(tmp_path, source)
    assert str(told.value).endswith("remove the quote."), "a prediction has no key to set"
    assert plan(tmp_path, source, {**TABLE, "reading": {"quoting": "none"}}).kind == "csv"


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-16-le"])
def test_a_file_of_another_encoding_is_named_with_what_to_do(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "in.csv").write_text("area,rooms,town\n1,2,Köln\n", encoding=encoding)
    with pytest.raises(ConfigError, match="not utf-8.*; write the file again in utf-8, as those of training are\\.$"):
        plan(tmp_path, tmp_path / "in.csv")


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("1,2,Köln\n", r"byte 0xf6 in line 20002; write the file again in utf-8, as those of training are\.$"),
        ('1,2,"Ulm\n' + "3,4,Bonn\n" * 60, r"in line 20002 of .* takes 60 more lines.* remove the quote\.$"),
    ],
)
def test_no_keys_of_recipes_are_told_of_what_the_plan_did_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, row: str, told: str
) -> None:
    monkeypatch.setattr("kerasline.components.prediction.reading.texts._BYTES_READ_AHEAD", 0)
    (tmp_path / "in.csv").write_text("area,rooms,town\n" + "1,2,Ulm\n" * 20_000 + row, "latin-1")
    planned = plan(tmp_path, tmp_path / "in.csv")
    with pytest.raises(ConfigError, match=told):
        list(read_csv(planned, planned.shards[0]))


def test_other_formats_are_named(tmp_path: Path) -> None:
    source = write(tmp_path / "in.json", "[[1, 2]]")
    with pytest.raises(ConfigError, match="in.json is a JSON document; turn it into Parquet"):
        plan(tmp_path, source)
    pq.write_table(pa.table([[1.0], [2.0]], names=["area", "area"]), tmp_path / "in.parquet")
    with pytest.raises(ConfigError, match="in.parquet names column 'area' more than once"):
        plan(tmp_path, tmp_path / "in.parquet")


def test_an_output_that_cannot_be_written_is_refused_first(tmp_path: Path) -> None:
    source = write(tmp_path / "in.csv", "area,rooms,town\n1,2,Ulm\n")
    with pytest.raises(ConfigError, match="--output: expected a file that can be written, but /proc/out.csv cannot be"):
        plan(tmp_path, source, output=Path("/proc/out.csv"))
