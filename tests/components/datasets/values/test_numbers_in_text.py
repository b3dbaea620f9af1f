"""Numbers that are text: Python and the transform graph read them alike, in the form that the whole column has."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kerasline.components.core.errors import ConfigError, DataRejected
from kerasline.components.datasets.description.spec import Dataset
from kerasline.components.datasets.values.number_evidence import NumberEvidence, evidence_of
from kerasline.components.datasets.values.number_forms import NumberForm, read_number
from kerasline.components.features.column_options import ColumnOptions
from kerasline.components.features.plan import plan_features

Resolve = Callable[..., Dataset]
Rows = Callable[[Dataset], list[dict[str, Any]]]
Write = Callable[..., Path]

# Cell, decimal sign, unit, and the number that it is.
CELLS: list[tuple[str, str, str | None, float | None]] = [
    ("3,730", ".", "", 3730), ("3,730", ",", "", 3.73), ("3.730", ",", "", 3730), ("1,23,456", ".", "", 123_456),
    ("3 730", ".", "", 3730), ("3\u202f730,5", ",", "", 3730.5), ("3'730.5", ".", "", 3730.5), ("12 34", ".", "", None),
    ("0,125", ".", "", None), ("0,125", ",", "", 0.125), ("1.234.567,8", ",", "", 1_234_567.8), ("1,5", ".", "", None),
    ("−5", ".", "", -5), ("5-", ".", "", -5), ("'-5", ".", "", -5), ("'1,200.5", ".", "", 1200.5),
    ("'a", ".", "", None), ("(1,200)", ".", "", -1200), ("+5", ".", "", 5), ("--5", ".", "", None),
    ("1e5", ".", "", 1e5), ("1E+05", ".", "", 1e5), ("1e400", ".", "", None), ("0x1F", ".", "", None),
    ("inf", ".", "", None), ("<5", ".", "", None), (">=3", ".", "", None), ("~7", ".", "", None),
    ("10-20", ".", "", None), ("1.2.3", ".", "", None), ("10:30", ".", "", None), ("1２", ".", "", None),
    ("$1,200.50", ".", "$", 1200.5), ("-$5", ".", "$", -5), ("$(5)", ".", "$", -5), ("5 USD", ".", "$", 5),
    ("€5", ".", "$", None), ("€5", ".", None, 5), ("$1.2M", ".", "$", 1.2e6), ("1.234,5 €", ",", "€", 1234.5),
    ("69.3%", ".", "%", 69.3), ("69,3 %", ",", "%", 69.3), ("69.3%", ".", "", None),
    ("7.5k", ".", "", 7500), ("12K", ".", "", 12_000), ("1.2 million", ".", "", 1.2e6), ("1.5 lakh", ".", "", 150_000),
    ("2 crore", ".", "", 2e7), ("3bn", ".", "", 3e9), ("1.2M", ".", "", None), ("1.2M", ".", "number", 1.2e6),
    ("3 kg", ".", "mass", 3), ("500 g", ".", "mass", 0.5), ("500 g", ".", None, None), ("500", ".", "mass", None),
    ("3 kg", ".", None, 3), ("1h 30m", ".", "duration", 5400), ("90 min", ".", "duration", 5400),
    ("2 days", ".", "duration", 172_800), ("1 day, 2 hours", ".", "duration", 93_600), ("0", ".", "duration", 0),
    ("1.5 GB", ".", "byte", 1.5e9), ("512 KiB", ".", "byte", 524_288), ("5 km", ".", "length", 5000),
    ("1st", ".", "ordinal", 1), ("22nd", ".", "ordinal", 22), ("72 bpm", ".", "bpm", 72), ("72 kg", ".", "bpm", None),
    ("29,2 Mio.", ",", "", 2.92e7), ("350 Tsd. €", ",", "€", 350_000), ("0,4 Mrd. USD", ",", "$", 4e8),
    ("5 Std.", ".", "duration", 18_000), ("1 hr. 5 min.", ".", "duration", 3900), ("500 g.", ".", "mass", 0.5),
    ("12 Stk.", ".", None, 12), ("500 g.", ".", None, None), ("839,-", ",", "", 839), ("3.730,-- €", ",", "€", 3730),
    ("5.-", ".", "", 5), ("5.–", ".", "", 5), ("$ -", ".", "$", 0), ("- €", ",", "€", 0), ("$-", ".", None, 0),
    ("-", ".", "$", None), ("- -", ".", "", None), ("5,-3", ",", "", None),
    ("", ".", "", None), ("()", ".", None, None), (".", ".", None, None), (",5", ",", "", 0.5),
]  # fmt: skip


@pytest.mark.parametrize(("cell", "decimal", "unit", "number"), CELLS)
def test_a_cell_is_the_number_that_it_says(cell: str, decimal: Any, unit: str | None, number: float | None) -> None:
    found = read_number(cell, NumberForm(decimal, unit))
    assert found == (None if number is None else pytest.approx(number))


@pytest.mark.slow
def test_the_graph_reads_every_cell_as_python_does() -> None:
    import tensorflow as tf

    from kerasline.components.transform.reading import read_written_numbers

    text = tf.constant([[cell] for cell, *_ in CELLS])
    for form in dict.fromkeys(NumberForm("," if decimal == "," else ".", unit) for _, decimal, unit, _ in CELLS):
        for (cell, *_), number in zip(CELLS, read_written_numbers(text, form).numpy()[:, 0].tolist(), strict=True):
            wanted = read_number(cell, form)
            assert (wanted, cell, form) == (None if math.isnan(number) else number, cell, form)


def thousands(low: int, high: int, mark: str = ",") -> list[str]:
    """Whole numbers with a mark between thousands."""
    chooser = random.Random(0)
    return [f"{chooser.randrange(low, high):,}".replace(",", mark) for _ in range(300)]


@pytest.mark.parametrize(
    ("cells", "decimal", "unit", "certain"),
    [
        (thousands(1_000, 99_999), ".", "", False),
        (thousands(1, 9_999), ".", "", True),
        (thousands(1_000, 9_999_999), ".", "", True),
        (thousands(1, 9_999, "."), ",", "", True),
        (thousands(1_000, 9_999, " "), ".", "", True),
        ([*thousands(1_000, 9_999), "12,5"], ".", "", True),
        (["1,23,456", "12,345", "7,890"], ".", "", True),
        (["12,5", "3,730", "8"], ",", "", True),
        (["1,234.5", "3,730"], ".", "", True),
        (["0,125", "3,730"], ",", "", True),
        (["$900", "$7.5k", "$1.2M"], ".", "$", True),
        (["900", "7.5k", "12k"], ".", "", True),
        (["900", "1.2M", "3B"], ".", "number", True),
        (["3 kg", "500 g"], ".", "mass", True),
        (["3 kg", "5"], ".", "kg", True),
        (["1,2 Mio. €", "350 Tsd. €"], ",", "€", True),
        (["6.096,-", "5,-", "5.618,--"], ",", "", True),
        (["$ -", "$ 1,200.50", "$-", "$ (5.00)"], ".", "$", True),
        (["5 Std. 20 Min.", "3 Tage"], ".", "duration", True),
        (["5 m", "7 m"], ".", "m", True),
        (["1 bed", "2 beds"], ".", "bed", True),
    ],
)
def test_the_form_follows_from_all_cells(cells: list[str], decimal: str, unit: str, certain: bool) -> None:
    numbers = evidence_of(cells)
    assert numbers is not None
    assert (numbers.decimal, numbers.unit, numbers.certain, numbers.problem) == (decimal, unit, certain, "")


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        (["$5", "€7"] * 9, "it mixes '$' and '€'"),
        (["3 kg", "5 ml"] * 9, "it mixes 'kg' and 'ml'"),
        (["50%", "0.5"] * 9, "9 of its 18 cells lack the % of the others"),
        (["900", "1.2m"] * 9, "'m' behind some of its numbers may mean a million or a unit"),
    ],
)
def test_what_cannot_be_compared_is_named(cells: list[str], problem: str) -> None:
    numbers = evidence_of(cells)
    assert numbers is not None and numbers.problem == problem


@pytest.mark.parametrize("cells", [["02139", "10115"], ["10-20", "5"], ["4x4", "2x4"], ["1.2.3", "1.2.4"], ["a", "b"]])
def test_codes_ranges_and_words_are_no_numbers(cells: list[str]) -> None:
    assert evidence_of(cells) is None


def test_zeros_that_fill_all_cells_up_to_one_width_make_them_codes() -> None:
    postcodes = [f"{n:05}" for n in range(1_067, 99_999, 200)]
    assert sum(cell[0] == "0" for cell in postcodes) < 0.1 * len(postcodes) and evidence_of(postcodes) is None
    assert evidence_of([*postcodes, "unknown"]) is None
    strays = evidence_of([*map(str, range(1_000, 1_100)), "0100", "12,000"])
    assert strays is not None and 0.98 < strays.share < 1


def test_codes_in_later_parts_of_a_table_are_seen_beside_numbers_that_programs_read() -> None:
    evidence = NumberEvidence()
    evidence.add_parsed(["10115", "99998"], [10115, 99998])
    evidence.add(["01067", *map(str, range(20_000, 20_040))])
    assert evidence.settle() is None
    evidence.add_parsed(["512"], [512])
    assert evidence.settle() is not None


def table(cells: list[str], label: bool) -> str:
    """A table with the cells as its label, or as a column."""
    rows = enumerate(cells)
    return "".join(f'{i % 7},"{cell}"\n' if label else f'"{cell}",{i % 2}\n' for i, cell in rows)


@pytest.mark.parametrize(
    ("cells", "low", "high"),
    [
        ([f"${i * 37 + 4_000:,}" for i in range(200)], 4_000, 11_363),
        ([f"{i / 3 + 1:.1f}%" for i in range(200)], 1.0, 67.3),
        (thousands(1, 9_999), 2, 9_999),
        (thousands(1, 9_999, "."), 2, 9_999),
        ([f"{i}.5k" for i in range(200)], 500, 199_500),
        ([f"{i},5" for i in range(200)], 0.5, 199.5),
    ],
)
def test_a_label_is_the_numbers_that_it_says(
    resolve: Resolve, rows: Rows, write: Write, cells: list[str], low: float, high: float
) -> None:
    write("t.csv", "x,y\n" + table(cells, label=True))
    dataset = resolve(csv={"path": "t.csv", "label": "y"})
    values = [row["y"] for row in rows(dataset)]
    assert (dataset.label.dtype, dataset.label.classes) == ("float", None)
    assert (min(values), max(values)) == (dataset.label.minimum, dataset.label.maximum)
    assert min(values) == pytest.approx(low, abs=5) and max(values) == pytest.approx(high, rel=0.01)


def test_a_label_of_more_values_than_are_counted_has_its_range(resolve: Resolve, rows: Rows, write: Write) -> None:
    write("t.csv", "x,y\n" + table([f"${i + 1_000:,}" for i in range(12_000)] + ["$7"], label=True))
    dataset = resolve(csv={"path": "t.csv", "label": "y"})
    assert (dataset.label.dtype, dataset.label.minimum, dataset.label.maximum) == ("float", 7, 12_999)
    assert [row["y"] for row in rows(dataset)[:2]] == [1000.0, 1001.0]


def test_an_even_label_is_refused_until_the_recipe_says_which(resolve: Resolve, rows: Rows, write: Write) -> None:
    write("t.csv", "x,y\n" + table(["3,730", *thousands(1_000, 9_999)], label=True))
    with pytest.raises(ConfigError, match=r"as in 1,\d+. Set csv.label_decimal: '.' where the comma stands between"):
        resolve(csv={"path": "t.csv", "label": "y"})
    for decimal, value in ((".", 3730), (",", 3.73)):
        found = resolve(csv={"path": "t.csv", "label": "y", "label_decimal": decimal})
        assert rows(found)[0]["y"] == value, decimal


def test_a_label_of_two_currencies_is_refused(resolve: Resolve, write: Write) -> None:
    write("t.csv", "x,y\n" + table([f"{'$€'[i % 2]}{i}" for i in range(99)], label=True))
    with pytest.raises(ConfigError, match="cannot be compared: it mixes '\\$' and '€'"):
        resolve(csv={"path": "t.csv", "label": "y"})


def test_ordinals_that_repeat_stay_classes_unless_the_task_is_regression(resolve: Resolve, write: Write) -> None:
    write("t.csv", "x,y\n" + table(["1st", "2nd", "3rd"] * 30, label=True))
    block = {"path": "t.csv", "label": "y"}
    assert resolve(csv=block).label.classes == ("1st", "2nd", "3rd")
    assert resolve(csv=block, task="regression").label.maximum == 3


def test_a_column_without_a_recipe_is_the_numbers_that_it_says(resolve: Resolve, write: Write) -> None:
    write("t.csv", "x,y\n" + table(thousands(1, 9_999), label=False))
    dataset = resolve(csv={"path": "t.csv", "label": "y"})
    (step,) = plan_features(dataset, {}, "binary").steps
    assert (step.kind, step.number_form) == ("numeric", NumberForm(".", ""))
    assert dataset.notes[0].startswith("column 'x' is text that holds numbers: a decimal point, every comma stands")
    write("t.csv", "x,y\n" + table([f"{'$€'[i % 2]}{i}" for i in range(99)], label=False))
    dataset = resolve(csv={"path": "t.csv", "label": "y"})
    numeric = {"x": ColumnOptions(kind="numeric")}
    with pytest.raises(ConfigError, match="has others: it mixes '\\$' and '€'; .* set features.x.unit to the one unit"):
        plan_features(dataset, numeric, "binary")
    (step,) = plan_features(dataset, {"x": ColumnOptions(kind="numeric", unit="$")}, "binary").steps
    assert step.number_form == NumberForm(".", "$")


@pytest.mark.parametrize("options", [{}, {"kind": "numeric"}])
def test_a_column_that_would_be_a_guess_is_an_anomaly(resolve: Resolve, write: Write, options: dict[str, Any]) -> None:
    for cells in (thousands(1_000, 9_999), [f"€{cell}" for cell in thousands(1_000, 9_999)]):
        write("t.csv", "x,y\n" + table(cells, label=False))
        dataset = resolve(csv={"path": "t.csv", "label": "y"})
        with pytest.raises(
            DataRejected, match="may be read in two ways: .*100% of its values hang on it; set features.x"
        ):
            plan_features(dataset, {"x": ColumnOptions(**options)}, "binary")
        for decimal in (".", ","):
            (step,) = plan_features(dataset, {"x": ColumnOptions(**options, decimal=decimal)}, "binary").steps
            assert (step.kind, step.number_form.decimal) == ("numeric", decimal)
        (step,) = plan_features(dataset, {"x": ColumnOptions(kind="categorical")}, "binary").steps
        assert step.kind == "categorical"


def test_a_few_cells_that_hang_on_a_guess_are_none(resolve: Resolve, write: Write) -> None:
    write("t.csv", "x,y\n" + table([*map(str, range(99)), "1,234"], label=False))
    dataset = resolve(csv={"path": "t.csv", "label": "y"})
    (step,) = plan_features(dataset, {"x": ColumnOptions(kind="numeric")}, "binary").steps
    assert step.number_form == NumberForm(".", "")
