"""Columns that name rows, persons or places are no quantities."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from kerasline.components.datasets.description.row_names import row_name_notes
from kerasline.components.datasets.description.spec import Column
from kerasline.components.profiling.guessing.columns import guess_column
from kerasline.components.profiling.guessing.panels import mark_panels
from kerasline.components.profiling.guessing.repeats import equal_rows
from kerasline.components.profiling.sampling.sampling import SampledColumn

GAPS = [n for n in range(300) if n % 3]
CHOOSER = random.Random(0)


@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        ("Unnamed: 0", GAPS, "drop"),
        ("index", GAPS, "drop"),
        ("rownames", GAPS, "drop"),
        ("column_1", GAPS, "drop"),
        ("X", GAPS, "drop"),
        ("x", GAPS, "numeric"),
        ("rownames", list(range(1, 13)), "drop"),
        ("dose", list(range(1, 13)), "numeric"),
        ("X", list(range(1, 13)), "numeric"),
        ("pay", GAPS, "numeric"),
        ("schid", GAPS, "drop"),
        ("SCHID", [17 * (n % 80) for n in range(400)], "drop"),
        ("pidnum", GAPS, "drop"),
        ("pupilNR", GAPS, "drop"),
        ("acid", GAPS, "numeric"),
        ("n", list(range(300)), "drop"),
        ("day_id", list(range(300)), "drop"),
        ("day", list(range(43_831, 44_131)), "numeric"),
        ("year", list(range(1871, 1971)), "numeric"),
        ("Model Year", list(range(1901, 1960)), "numeric"),
        ("t", list(range(300)), "numeric"),
        ("Sample code number", [CHOOSER.randrange(645) * 1013 + 10**6 for _ in range(20)] + GAPS * 2, "numeric"),
        ("id", [*range(1000, 1645), *range(1000, 1054)], "drop"),
        ("area", [17_031_000_000 + 13 * n for n in range(200)], "drop"),
        ("tract", [17_031_000_000 + 13 * (n % 40) for n in range(400)], "categorical"),
        ("income", [CHOOSER.randrange(10**8, 10**9) for _ in range(200)], "numeric"),
        ("seen", [1_700_000_000 + 40 * n * n for n in range(200)], "numeric"),
    ],
)
def test_numbers_that_are_names(name: str, values: list[int], kind: str) -> None:
    assert guess_column(SampledColumn(name, "int", values), len(values), complete=True).kind == kind


def test_names_of_the_few_rows_of_a_short_table_are_no_inputs() -> None:
    names = SampledColumn("rownames", "string", ["Control", "Captan", "Folpet"])
    assert guess_column(names, 3, complete=True).kind == "drop"
    assert guess_column(replace(names, name="drug"), 3, complete=True).kind == "categorical"


def test_what_counts_time_is_remarked_on() -> None:
    def remark(name: str, values: list[int]) -> str:
        return guess_column(SampledColumn(name, "int", values), len(values), complete=True).remark

    assert "split by {method: time, column: week}" in remark("week", list(range(1, 201)))
    assert remark("week", [n % 52 for n in range(200)]) == ""


def test_persons_over_years_belong_together() -> None:
    columns: list[tuple[str, str, list[Any]]] = [
        ("person", "int", [13 + 7 * (n // 8) for n in range(480)]),
        ("land", "string", [f"land {n // 8}" for n in range(480)]),
        ("year", "int", [1980 + n % 8 for n in range(480)]),
        ("hours", "int", [CHOOSER.randrange(60) for _ in range(480)]),
    ]
    sampled = [SampledColumn(*column) for column in columns]
    guesses = [guess_column(column, 480, complete=True) for column in sampled]
    mark_panels(sampled, guesses)
    assert [(guess.kind, guess.group) for guess in guesses] == [
        *(("drop", True), ("categorical", True), ("numeric", False), ("numeric", False)),
    ]
    assert guesses[0].why == "numbers persons or things: about 8.0 rows of each, one for each year"


def test_rows_that_are_mostly_equal_are_counted() -> None:
    def found(*columns: list[Any]) -> int:
        sampled = [SampledColumn(f"c{number}", "string", values) for number, values in enumerate(columns)]
        return equal_rows([*sampled, SampledColumn("id", "int", list(range(len(columns[0]))))], {"c0", "c1"})

    few = [CHOOSER.choice("abc") for _ in range(1000)]
    many = [f"{CHOOSER.randrange(300)}" for _ in range(1000)]
    assert found(few, few) == 3
    assert found(few, many) == 0, "about 600 different rows, each a few times, divide well enough"
    assert found(["a"] * 600 + many[:400], few) > 200, "however many others there are, three kinds have most rows"
    assert found([str(n) for n in range(40)], few[:40]) == 0


def test_a_recipe_without_init_is_told_of_row_names() -> None:
    columns = [
        Column(name="Unnamed: 0", dtype="int", distinct=200),
        Column(name="index", dtype="int", distinct=5),
        Column(name="column_1", dtype="int", distinct=None),
    ]
    notes = row_name_notes(columns, 200)
    assert [note.split(" seems")[0] for note in notes] == ["column 'Unnamed: 0'", "column 'column_1'"]
    assert len(row_name_notes(columns, 200, has_header=False)) == 1
