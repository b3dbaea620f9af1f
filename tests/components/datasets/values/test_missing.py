"""What counts as no value is decided column by column, for every reader alike."""

from __future__ import annotations

import re

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from pydantic import ValidationError

from kerasline.components.core.errors import ConfigError
from kerasline.components.datasets.description.options import CsvOptions
from kerasline.components.datasets.values.missing import missing_words
from kerasline.components.features.column_options import ColumnOptions, named_columns
from kerasline.components.features.plan import plan_features

pytestmark = pytest.mark.usefixtures("no_split_check")

COUNTRIES = ["NA", "DE", "FR", "ZA"]
CSV = {"path": "t.csv", "label": "y"}


def countries(cells: list[str], times: int = 30) -> str:
    return "a,y\n" + "".join(f"{n},{cells[n % len(cells)]}\n" for n in range(times * len(cells)))


def test_a_word_of_one_column_is_a_class_in_another(resolve, rows, write):
    write(
        "t.csv", "income,y\n" + "".join(f"{n if n % 3 else 'unknown'},{('yes', 'unknown')[n % 2]}\n" for n in range(60))
    )
    dataset = resolve(csv=CSV, named={"income": ["unknown"]})
    assert [(c.dtype, c.missing) for c in dataset.columns] == [("int", 20)]
    assert dataset.label.classes == ("unknown", "yes") and dataset.rows == 60
    assert rows(dataset)[0] == {"income": None, "y": "yes"}


def test_a_class_is_not_lost_for_a_word_that_nobody_chose(resolve, rows, write):
    write("t.csv", countries(COUNTRIES))
    told = "30 rows of .*t.csv (25%) would be left out because label 'y' says 'NA' there, which is read as missing"
    with pytest.raises(ConfigError, match=re.escape(told).replace(r"\.\*", ".*")):
        resolve(csv=CSV)
    kept = resolve(csv=CSV, named={"y": []})
    assert kept.label.classes == ("DE", "FR", "NA", "ZA") and kept.rows == 120 and kept.skipped == ()
    assert rows(kept)[0] == {"a": 0, "y": "NA"}
    left_out = resolve(csv=CSV, named={"y": ["NA"]})
    assert left_out.label.classes == ("DE", "FR", "ZA")
    assert left_out.skipped == ("t.csv: 30 rows whose label is 'NA' (lines 2, 6, 10, 14, 18, ...)",)
    with pytest.raises(ConfigError, match="if it is a class"):
        resolve(csv={**CSV, "missing_values": ["NA"]})  # which may be there for another column


def test_a_few_words_among_the_classes_are_left_out_and_named(resolve, write):
    write("t.csv", countries(["a", "b", "c"]) + "1,null\n2,null\n3,\n")
    assert resolve(csv=CSV).skipped == (
        "t.csv: 1 row without a label and 2 rows whose label is 'null' (lines 92, 93, 94)",
    )


@pytest.mark.parametrize("word", ["nan", "NaN", "null", "None", "inf", "?"])
def test_any_word_can_be_a_class(resolve, rows, write, word):
    write("t.csv", countries(["a", word]))
    dataset = resolve(csv=CSV, named={"y": []})
    assert dataset.label.classes == tuple(sorted(["a", word]))
    assert [row["y"] for row in rows(dataset)[:2]] == ["a", word]


def test_numbers_of_a_label_lose_nan_and_inf_whatever_its_words_are(resolve, write):
    write("t.csv", "a,y\n" + "".join(f"{n},{n / 7:.2f}\n" for n in range(60)) + "1,nan\n2,inf\n3,-9.00\n")
    dataset = resolve(csv=CSV, named={"y": ["-9"]})
    assert (dataset.label.minimum, dataset.rows) == (0.0, 60)
    assert dataset.skipped == ("t.csv: 2 rows without a label and 1 row whose label is '-9.00' (lines 62, 63, 64)",)


def test_numbers_of_csv_and_parquet_have_the_same_words(resolve, rows, write, tmp_path):
    values = [-999.0 if n % 4 == 0 else float(n) for n in range(40)]
    names = ["k.A." if n % 5 == 0 else f"n{n % 3}" for n in range(40)]
    write(
        "t.csv", "a,b,y\n" + "".join(f"{a},{b},{n % 2}\n" for n, (a, b) in enumerate(zip(values, names, strict=True)))
    )
    pq.write_table(pa.table({"a": values, "b": names, "y": [n % 2 for n in range(40)]}), tmp_path / "t.parquet")
    named = {"a": ["-999"], "b": ["k.A."]}
    text, typed = resolve(csv=CSV, named=named), resolve(parquet={"path": "t.parquet", "label": "y"}, named=named)
    assert [(c.name, c.missing) for c in text.columns] == [("a", 10), ("b", 8)]
    assert [(c.name, c.missing) for c in typed.columns] == [("a", 10), ("b", 8)]
    assert rows(text) == rows(typed)


def test_a_label_of_parquet(resolve, tmp_path):
    labels = [COUNTRIES[n % 4] for n in range(40)] + ["  ", None]
    pq.write_table(pa.table({"a": list(range(42)), "y": labels}), tmp_path / "t.parquet")
    block = {"path": "t.parquet", "label": "y"}
    kept = resolve(parquet=block)
    assert kept.label.classes == ("DE", "FR", "NA", "ZA")
    assert kept.skipped == ("t.parquet: 2 rows without a label",)
    left_out = resolve(parquet=block, named={"y": ["NA"]})
    assert left_out.label.classes == ("DE", "FR", "ZA")
    assert left_out.skipped == ("t.parquet: 2 rows without a label and 10 rows whose label is 'NA'",)


def test_values_that_parquet_holds_stay_values_in_a_text_table(resolve, tmp_path):
    pq.write_table(
        pa.table({"land": [COUNTRIES[n % 4] for n in range(40)], "y": [n % 2 for n in range(40)]}),
        tmp_path / "t.parquet",
    )
    reading = resolve(parquet={"path": "t.parquet", "label": "y"}).reader_options
    assert "NA" not in missing_words({"missing_values": ["NA"], **reading}, "land")
    assert "null" in missing_words({"missing_values": ["NA"], **reading}, "land")
    assert "NA" in missing_words({"missing_values": ["NA"], **reading}, "other")


def test_labels_of_images(resolve, rows, tmp_path):
    lines = []
    for n in range(16):
        Image.new("L", (4, 4), n).save(tmp_path / f"{n}.png")
        lines.append(f"{n}.png,{COUNTRIES[n % 4]}\n")
    (tmp_path / "labels.csv").write_text("path,label\n" + "".join(lines))
    block = {"path": ".", "labels_csv": "labels.csv"}
    with pytest.raises(ConfigError, match=r"4 rows of .*labels.csv \(25%\) would be left out .* says 'NA'"):
        resolve(images=block)
    kept = resolve(images=block, named={"label": []})
    assert kept.label.classes == ("DE", "FR", "NA", "ZA") and rows(kept)[0]["label"] == "NA"
    left_out = resolve(images=block, named={"label": ["NA"]})
    assert left_out.label.classes == ("DE", "FR", "ZA")
    assert left_out.skipped[0] == "labels.csv line 2, 0.png: row whose label is 'NA'"


@pytest.mark.parametrize("source", ["csv", "parquet"])
def test_each_of_several_labels_has_its_own_words(resolve, rows, tmp_path, source):
    table = pd.DataFrame({"x": range(40), "a": ["1", "0", "-", "1"] * 10, "b": ["0", "1", "1", "9"] * 10})
    if source == "csv":
        table.to_csv(tmp_path / "t.csv", index=False)
    else:
        table.to_parquet(tmp_path / "t.parquet")
    features = {"a": ColumnOptions(missing_values=["-"]), "b": ColumnOptions(missing_values=["9"])}
    dataset = resolve(**{source: {"path": f"t.{source}", "label": ["a", "b"]}}, named=named_columns(features))
    assert [row[dataset.label.name].tolist() for row in rows(dataset)[:3]] == [[1, 0], [0, 1], [1, 0]]
    assert dataset.rows == 20
    assert [step.name for step in plan_features(dataset, features, "multilabel").steps] == ["x"]
    with pytest.raises(ConfigError, match=r"features.a.scale: expected missing_values alone for one of several label"):
        plan_features(dataset, {"a": ColumnOptions(scale="log")}, "multilabel")


def test_words_are_for_tables(resolve):
    with pytest.raises(ConfigError, match=r"features.x.missing_values: expected a column of a text or Parquet table"):
        resolve(dataset="iris", named={"x": ["-"]})


def test_words_as_yaml_gives_them():
    assert CsvOptions(path="t.csv", label="y", missing_values=[None, -999, 1.5, " - "]).missing_values == [
        *("null", "-999", "1.5", " - "),
    ]
    assert named_columns({"a": ColumnOptions(missing_values=[-1]), "b": ColumnOptions()}) == {"a": ["-1"], "b": None}
    with pytest.raises(ValidationError, match="put quotes around the word"):
        ColumnOptions(missing_values=[False])
    with pytest.raises(ValidationError, match="expected a list of cells"):
        ColumnOptions(missing_values="NA")
