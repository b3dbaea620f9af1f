"""Words for a missing value: what a first recipe makes of them, column by column."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from pyarrow import csv

from kerasline.components.core import ConfigError
from kerasline.components.datasets import DataOptions, resolve
from kerasline.components.datasets.description.options import MISSING_VALUES
from kerasline.components.profiling.drafting import draft_recipe
from kerasline.components.profiling.sampling.missing import decide_words

USUAL = [word for word in MISSING_VALUES if word]


def draft(tmp_path: Path, columns: dict[str, list[Any]], *labels: str) -> tuple[dict[str, Any], str]:
    lines = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(lines) + "\n")
    text = draft_recipe(path, list(labels or ["y"]), None, "t.csv").text
    return yaml.safe_load(text), text


def test_a_word_among_numbers_is_missing_in_that_column_alone(tmp_path: Path) -> None:
    rows = range(600)
    recipe, text = draft(
        tmp_path,
        {
            "income": ["unknown" if n % 9 == 0 else 1000 + 7 * n for n in rows],
            "job": [("clerk", "unknown", "cook")[n % 3] for n in rows],
            "y": ["unknown" if n % 8 < 3 else "yes" for n in rows],
        },
    )
    assert "missing_values" not in recipe["data"]["csv"]
    assert recipe["features"] == {"income": {"missing_values": [*USUAL, "unknown"]}}
    assert "'unknown' among numbers: no value in 67 rows" in text
    assert "'unknown' is a class here (225 rows)" in text


@pytest.mark.parametrize(
    ("slip", "is_left_out"), [("70.6\\", True), ("<0.5", True), ("1.234.567", True), ("1 200", False)]
)
@pytest.mark.parametrize("rows", [100, 400])
def test_a_slip_among_numbers_makes_no_classes_of_them(tmp_path: Path, slip: str, is_left_out: bool, rows: int) -> None:
    recipe, text = draft(
        tmp_path,
        {"x": [n * n % 17 for n in range(rows)], "y": [slip if n == 60 else f"{n / 7:.1f}" for n in range(rows)]},
    )
    assert "label: y  # regression" in text
    assert (f"1 row whose label is {slip!r} is left out" in text) is is_left_out
    assert ("y" in recipe["features"]) is is_left_out


@pytest.mark.parametrize("missing", ["", "1.5"])
def test_a_column_that_has_no_value_where_there_is_a_label_is_no_input(tmp_path: Path, missing: str) -> None:
    """As in a file of measurements of two kinds: a run, which leaves out rows without a label, never sees it."""
    lines = [f"{n % 7},,{n % 11}" if n % 3 else f"{n % 7},{n / 4},{missing}" for n in range(90)]
    (tmp_path / "t.csv").write_text("a,b,y\n" + "\n".join(lines) + "\n")
    recipe = draft_recipe(tmp_path / "t.csv", ["y"], None, "t.csv").text
    assert ("- b  # no value in any row that has a label" in recipe) == (missing == "")


def test_rows_that_lack_one_of_several_labels_have_none(tmp_path: Path) -> None:
    ones = {"y": ["", 1, 0, 0] * 100, "z": ["", 0, "", 1] * 100}
    recipe, text = draft(tmp_path, {"x": [n * n % 17 for n in range(400)], **ones}, "y", "z")
    assert "50.0% of the rows have no label and are left out" in text and "a table of 200 rows with a label" in text
    data = DataOptions.model_validate(recipe["data"])
    assert resolve(data, name="t", base_dir=tmp_path, data_dir=None, task="auto", seed=0).rows == 200
    ones["z"] = ["" if cell != "" else 1 for cell in ones["y"]]
    with pytest.raises(ConfigError, match="^--label: no row of .* has a value in each label column"):
        draft(tmp_path, {"x": [n * n % 17 for n in range(400)], **ones}, "y", "z")


AMOUNTS = [f"${37 * n + 1000:,}.50" for n in range(200)]


@pytest.mark.parametrize(
    ("cells", "word"),
    [
        (AMOUNTS, "-"),
        ([f"{n / 7:.1f} %" for n in range(200)], "unknown"),
        ([f"{n}.5 kg" for n in range(200)], "on request"),
    ],
)
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_word_among_numbers_in_writing_is_missing(tmp_path: Path, cells: list[str], word: str, kind: str) -> None:
    column = [word if n % 5 == 0 else cell for n, cell in enumerate(cells)]
    table = pa.table({"a": column, "y": ["no", "yes"] * 100})
    path = tmp_path / f"t.{kind}"
    pq.write_table(table, path) if kind == "parquet" else csv.write_csv(table, path)
    for label, other in (("y", "a"), ("a", "y")):
        recipe = yaml.safe_load(draft_recipe(path, [label], None, path.name).text)
        found = recipe["features"]["a"]
        assert found["missing_values"][-1] == word
        assert found.get("kind", "numeric") == "numeric"
        data = DataOptions.model_validate(recipe["data"])
        named = {"a": found["missing_values"], other: None}
        dataset = resolve(data, name="t", base_dir=tmp_path, data_dir=None, task="auto", seed=0, named=named)
        assert dataset.rows == (200 if label == "y" else 160)
        assert label == "y" or dataset.label.dtype == "float"


@pytest.mark.parametrize("words", [["on request", "sold", "see text", "by phone"], ["K5", "-"]])
def test_words_among_numbers_in_writing_may_be_values(words: list[str]) -> None:
    counts = {cell: 1 for cell in AMOUNTS} | {word: 20 for word in words}
    assert "sold" not in (decide_words(counts, [], is_label=False).own or ())
    assert "K5" not in (decide_words(counts, [], is_label=False).own or ())


def test_namibia_is_a_country(tmp_path: Path) -> None:
    codes = ["NA", "DE", "FR", "ZA", "AO", "ZM"]
    columns = {"a": list(range(0, 1200, 2)), "land": [codes[n % 5] for n in range(600)]}
    recipe, text = draft(tmp_path, {**columns, "y": [codes[(n // 2) % 6] for n in range(600)]})
    without = [word for word in USUAL if word != "NA"]
    assert recipe["features"]["y"] == {"missing_values": without}
    assert recipe["features"]["land"]["missing_values"] == without
    assert "NA 17%" in text and "'NA' is one of the column's values, as" in text


@pytest.mark.parametrize(
    ("counts", "own", "told"),
    [
        ({"a": 90, "b": 90, "NA": 20}, USUAL, "20 rows whose label is 'NA' (10.0%); if that is a class"),
        ({"a": 90, "b": 90, "NA": 2}, None, "2 rows whose label is 'NA' (1.1%); if that is a class"),
        ({"a": 9999, "b": 9999, "NA": 1}, None, "1 row whose label is 'NA' (<0.1%); if that is a class"),
        ({"a": 90, "b": 90, "null": 90, "": 3}, [w for w in USUAL if w != "null"], ""),
        ({".": 9, ",": 9, "!": 9, "?": 9}, [w for w in USUAL if w != "?"], ""),
        ({"DE": 90, "FR": 90, "US": 9, "unknown": 90, "NA": 90}, [w for w in USUAL if w != "NA"], ""),
        ({"1": 50, "2": 50, "3": 50, "unknown": 50}, None, ""),
        (
            {"1": 50, "2": 50, "3": 50, "unknown": 2},
            [*USUAL, "unknown"],
            "2 rows whose label is 'unknown' are left out",
        ),
        ({f"{n}.5": 2 for n in range(50)} | {"s/d": 40}, [*USUAL, "s/d"], "40 rows whose label is 's/d' are left out"),
        ({f"{n}.5": 2 for n in range(50)} | {"ikke malt": 9}, [*USUAL, "ikke malt"], "9 rows whose label"),
    ],
)
def test_a_label_never_loses_a_word_in_silence(counts: dict[str, int], own: list[str] | None, told: str) -> None:
    words = decide_words(counts, [], is_label=True)
    assert words.own == (None if own is None else tuple(own))
    assert told in words.remark and (told or not words.remark)


@pytest.mark.parametrize(
    ("counts", "own"),
    [
        ({"a": 9, "NA": 3}, None),
        ({"1": 5, "2": 5, "-": 3}, (*USUAL, "-")),
        ({"1": 5, "2": 5, "k.A.": 3, "–": 1}, (*USUAL, "k.A.", "–")),
        ({str(n): 2 for n in range(20)} | {"fehlt": 9}, (*USUAL, "fehlt")),
        ({str(n): 2 for n in range(20)} | {"<5": 9}, None),
        ({str(n): 2 for n in range(20)} | {"fehlt": 90}, None),
        ({str(n): 2 for n in range(20)} | dict.fromkeys("abcd", 1), None),
        ({"1": 5, "2": 5, "low": 3}, None),
    ],
)
def test_words_of_inputs(counts: dict[str, int], own: tuple[str, ...] | None) -> None:
    assert decide_words(counts, [], is_label=False).own == own


def test_what_spreadsheets_write_is_missing_in_every_column(tmp_path: Path) -> None:
    columns = {"a": ["#NV", *range(98), "<null>"], "b": [("x", "z", "#N/A", "z")[n % 4] for n in range(100)]}
    recipe, text = draft(tmp_path, {**columns, "y": ["u", "v"] * 50})
    assert recipe["data"]["csv"]["missing_values"] == [*MISSING_VALUES, "#N/A", "#NV", "<null>"]
    assert recipe["features"] == {}
