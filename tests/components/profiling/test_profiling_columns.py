"""What a column is taken for, by its values and its name."""

from __future__ import annotations

import random
from typing import Any

import pytest

from kerasline.components.datasets.values.date_forms import read_date
from kerasline.components.datasets.values.number_forms import read_number
from kerasline.components.profiling.guessing.columns import guess_column
from kerasline.components.profiling.guessing.guess import ColumnGuess
from kerasline.components.profiling.guessing.leaks import gives_away
from kerasline.components.profiling.sampling.sampling import SampledColumn

ROWS = 200


def guess(name: str, values: list[Any]) -> ColumnGuess:
    """Guesses a column whose type follows from its first value."""
    first = next((value for value in values if value is not None), "")
    dtype = "string" if isinstance(first, str) else "int" if isinstance(first, int) else "float"
    return guess_column(SampledColumn(name, dtype, values), len(values), complete=True)


@pytest.mark.parametrize(
    ("name", "values", "kind", "options"),
    [
        ("area", [i % 37 / 10 for i in range(ROWS)], "numeric", {}),
        ("pay", [1.0 + i % 30 for i in range(ROWS)] + [1e9], "numeric", {"scale": "log"}),
        ("load", [float(i % 9) for i in range(ROWS)] + [float("inf")], "numeric", {"indicator": True}),
        ("empty", [None] * ROWS, "drop", {}),
        ("same", ["x"] * ROWS, "drop", {}),
        ("same", [7] * ROWS, "drop", {}),
        ("mark", ["x", None] * 100, "categorical", {"kind": "categorical"}),
        ("number", list(range(ROWS)), "drop", {}),
        ("order_id", random.Random(0).sample(range(10**6), ROWS), "drop", {}),
        ("pay", random.Random(0).sample(range(10**6), ROWS), "numeric", {}),
        ("code", [f"A-{i}" for i in range(ROWS)], "drop", {}),
        ("zip_code", [1000 + i % 12 for i in range(ROWS)], "categorical", {"kind": "categorical"}),
        ("flag", [0, 1] * 100, "boolean", {"kind": "boolean"}),
        ("flag", ["Yes", "no"] * 100, "boolean", {"kind": "boolean"}),
        ("flag", ["Oui", "non"] * 100, "boolean", {"kind": "boolean"}),
        ("sex", ["f", "m"] * 100, "categorical", {}),
        ("icon", ["flags/up.png", "flags/down.PNG"] * 100, "categorical", {}),
        ("photo", [f"{i}.jpg" for i in range(9)], "drop", {}),
        ("photo", [f"{i % 150}.jpg" for i in range(ROWS)], "drop", {}),
        ("day", ["2024-01-31", "2024-02-01", "2024-02-03"] * 60, "date", {"kind": "date"}),
        ("day", ["31.01.2024", "01.02.2024", "3.2.24"] * 60, "date", {"kind": "date", "date_format": "dmy"}),
        ("day", ["01/31/2024", "2/1/2024 3:30 PM", "Feb 3, 2024"] * 60, "date",
         {"kind": "date", "date_format": "mdy"}),
        ("day", [20240131, 20240201, 20240203] * 60, "date", {"kind": "date"}),
        ("created_at", [1_700_000_000 + i for i in range(0, 4000, 20)], "date",
         {"kind": "date", "date_format": "unix"}),
        ("price", ["$1,200", "$80.50", "$3"] * 60, "numeric", {"kind": "numeric"}),
        ("rate", ["12,5", "3,1", "0,75"] * 60, "numeric", {"kind": "numeric", "decimal": ","}),
        ("size", ["12", "13", "15", "17"] * 49 + ["n.k."] * 4, "numeric", {"kind": "numeric", "indicator": True}),
        ("size", ["12 kg", "13 lb", "15 kg"] * 60, "numeric", {"kind": "numeric", "unit": "mass"}),
        ("size", ["12 kg", "13 ml", "15 kg"] * 60, "drop", {}),
        ("price", ["$12", "€13", "$15"] * 60, "drop", {}),
        ("company", [f"{'ABCDEFGHIJ'[i % 10]}cme {i} Trading Ltd" for i in range(ROWS)], "drop", {}),
        ("rare", [1.5, 2.5] + [None] * 298, "drop", {}),
        ("followers", ["900", "7.5k", "1.2M"] * 60, "numeric", {"kind": "numeric", "unit": "number"}),
        ("lasts", ["1h 30m", "90 min", "2 days"] * 60, "numeric", {"kind": "numeric", "unit": "duration"}),
        ("sold", ["1.295", "993", "2.005"] * 3 + [f"{i}.{i + 100}" for i in range(1, 60)], "numeric",
         {"kind": "numeric", "decimal": ","}),
        ("sold", ["3,730", "2,100", "9,005"] * 60, "numeric", {"kind": "numeric", "decimal": "."}),
        ("city", ["Bonn"] * 100 + ["Ulm"] * 90 + ["Trier", "Kiel"], "categorical", {"vocabulary_size": 2}),
        ("answer", ["I agree with most of it", "I do not agree with any of it"] * 60, "categorical", {}),
        ("note", [f"the red fox {i} jumps over it" for i in range(ROWS)], "text",
         {"kind": "text", "vocabulary_size": 10}),
    ],
)  # fmt: skip
def test_kinds(name: str, values: list[Any], kind: str, options: dict[str, Any]) -> None:
    found = guess(name, values)
    assert (found.kind, found.options) == (kind, options)


def test_thousands_of_categories_are_embedded_or_hashed() -> None:
    repeated = guess("product", [f"p{i % 1500}" for i in range(6000)])
    assert (repeated.kind, repeated.options) == ("categorical", {"kind": "categorical", "vocabulary_size": 1500})
    seldom = guess("product", [f"p{i % 5000}" for i in range(9000)])
    assert (seldom.kind, seldom.options["encode"]) == ("categorical", "hash")


def test_names_of_people_are_no_input_unless_they_repeat_often() -> None:
    for name in ("Surname", "LastName", "customer.last_name"):
        found = guess(name, [f"Ny{i % 150}" for i in range(600)])
        assert found.kind == "drop"
        assert found.why.startswith("150 names of about 4.0 rows each")
    assert guess("first_name", [f"Ny{i % 101}" for i in range(4000)]).kind == "categorical", "40 rows each"
    assert guess("street_name", [f"Ny{i % 150}" for i in range(600)]).kind == "categorical"


def test_an_id_that_repeats_belongs_to_a_group() -> None:
    found = guess("customer_id", [i % 100 + 5000 for i in range(400)])
    assert (found.kind, found.group, found.why) == ("drop", True, "an id of about 4.0 rows each")


def test_a_value_far_outside_is_remarked_on() -> None:
    found = guess("age", [20 + i % 50 for i in range(ROWS)] + [-999] * 5)
    assert found.remark.startswith("-999 stands far outside and may mean a missing value")


@pytest.mark.parametrize("code", [99, -9])
def test_an_answer_that_a_survey_codes_is_remarked_on(code: int) -> None:
    answers = [1 + i % 5 for i in range(ROWS)]
    assert guess("q2", [*answers, *[code] * 5]).remark.startswith(f"{code} stands far outside")
    assert guess("q2", [*answers, *range(6, 99), *[99] * 5]).remark == ""


def test_dates_that_could_be_read_both_ways_say_so() -> None:
    assert guess("day", ["01/02/2024", "03/04/2024", "05/06/2024"] * 60).remark.startswith(
        "could also be day first: dmy; no day is above 12"
    )


@pytest.mark.parametrize(
    ("cell", "decimal", "number"),
    [("$1,200.50", ".", 1200.5), ("12.5 %", ".", 12.5), ("(1,200)", ".", -1200.0), ("1.234,5 €", ",", 1234.5),
     ("3 kg", ".", 3.0), ("1,5", ".", None), ("1.2.3", ".", None), ("", ".", None), ("n/a", ",", None)],
)  # fmt: skip
def test_numbers_within_text(cell: str, decimal: str, number: float | None) -> None:
    assert read_number(cell, decimal) == number


@pytest.mark.parametrize(
    ("cell", "form", "date"),
    [("20240131", "ymd", (2024, 1, 31)), ("2024-01-31T10:00:00Z", "ymd", (2024, 1, 31)),
     ("31 Dec 69", "dmy", (2069, 12, 31)), ("31/12/70", "dmy", (1970, 12, 31)), ("2024-13-01", "ymd", None)],
)  # fmt: skip
def test_dates_within_text(cell: str, form: str, date: tuple[int, int, int] | None) -> None:
    assert read_date(cell, form) == date


def test_columns_that_give_the_label_away() -> None:
    chooser = random.Random(0)
    numbers = [chooser.random() for _ in range(800)]
    classes = ["a" if number > 0.5 else "b" for number in numbers]
    assert gives_away([2 * n + 1 for n in numbers], numbers, True) == "a correlation of 1.000 with the label"
    assert gives_away([f"{c}!" for c in classes], classes, False).startswith("it alone predicts the label (100.0%")
    assert gives_away([chooser.random() for _ in numbers], classes, False) == ""
    assert gives_away(numbers[:100], classes[:100], False) == "", "too few rows to tell a rule from luck"
    assert gives_away(classes[:100], classes[:100], False) != "", "a copy is one on few rows, too"


def test_what_only_one_class_has_gives_the_label_away() -> None:
    """A cause of death is missing for who lives: most cells have no value, and that they have one tells it."""
    died = [n % 4 == 0 for n in range(900)]
    cause = [("heart", "lungs", "accident")[n % 3] if dead else None for n, dead in enumerate(died)]
    told = gives_away(cause, ["yes" if dead else "no" for dead in died], False)
    assert told.startswith("it alone predicts the label")
    days = [float(n % 50) if dead else None for n, dead in enumerate(died)]
    assert gives_away(days, [int(dead) for dead in died], False).startswith("it alone predicts the label")


def test_numbers_of_sorted_rows_give_the_label_away() -> None:
    numbers = [n for n in range(150) if n % 4]
    species = [("setosa", "versicolor", "virginica")[n // 50] for n in numbers]
    assert gives_away(numbers, species, False) == "it numbers the rows, which are sorted by the label"
    chooser = random.Random(0)
    chooser.shuffle(species)
    assert gives_away(numbers, species, False) == ""
    assert gives_away([n * 1000 for n in numbers], sorted(species), False) == "", "no numbers of rows"


def test_names_that_begin_with_a_digit_are_no_numbers_of_several_units() -> None:
    places = SampledColumn("place", "string", ["3.NL", "5.NL", "1.SP", "5.SP", "7.SW", "8.SW"] * 20)
    assert guess_column(places, 120, complete=True).kind == "categorical"
    codes = SampledColumn("sponsor", "string", [f"{n % 45}{'ABCD'[n % 4]}" for n in range(360)])
    assert guess_column(codes, 360, complete=True).kind == "categorical"
    amounts = SampledColumn("amount", "string", [f"{n} {'stk' if n % 2 else 'fl'}" for n in range(120)])
    assert "cannot be compared" in guess_column(amounts, 120, complete=True).why
    for form in ("{} {}", "{}{}"):
        units = [form.format(n, ("g", "kg", "l", "ml", "oz", "cup")[n % 6]) for n in range(1, 301)]
        mixed = guess_column(SampledColumn("amount", "string", units), 300, complete=True)
        assert mixed.kind == "drop" and "cannot be compared" in mixed.why


def test_values_that_look_alike_are_remarked_on() -> None:
    for values, difference in (
        (["Red", "red", "blue"], "capital letters"),
        (["caf\u00e9", "cafe\u0301", "tea"], "how their letters are stored (Unicode)"),
        (["one\u00a0way", "one way", "back"], "how their letters are stored (Unicode)"),
    ):
        guess = guess_column(SampledColumn("c", "string", values * 20), 60, complete=True)
        assert guess.remark == f"some values differ in {difference} only"
    assert guess_column(SampledColumn("c", "string", ["red", "blue"] * 30), 60, complete=True).remark == ""


def test_names_of_variants_of_genes_are_no_rupees() -> None:
    names = [f"rs{10_907_175 + 13 * n}" for n in range(ROWS)]
    assert guess_column(SampledColumn("snp", "string", names), ROWS, complete=True).kind == "drop"
    assert guess_column(SampledColumn("snp", "string", names[:9] * 20), 180, complete=True).kind == "categorical"
    prices = [f"Rs.{n + 1}50" for n in range(ROWS)]
    assert guess_column(SampledColumn("price", "string", prices), ROWS, complete=True).kind == "numeric"


UUIDS = [f"{n * 2654435761 % 2**32:08x}-{n:04x}-4{n % 4096:03x}-a{n % 999:03d}-{n * 40503:012x}" for n in range(ROWS)]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (UUIDS, "drop"),
        ([f"DE{n % 89 + 10} 3704 0044 0532 {n + 1000}" for n in range(ROWS)], "drop"),
        ([f"10.0.{n % 4}.{n % 9}" for n in range(ROWS)], "categorical"),
        ([f"{n % 3}.{n % 11}.{n % 7}" for n in range(ROWS)], "drop"),
        ([f"sent {n % 9} parcels to town {n % 7}" for n in range(ROWS)], "text"),
    ],
)
def test_codes_of_several_parts_are_no_sentences(values: list[str], kind: str) -> None:
    assert guess("code", values).kind == kind


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([f"{n % 90 + 90}/{n % 60 + 50}" for n in range(ROWS)], "each cell holds several numbers, such as '90/50'"),
        ([f"{48 + n % 7}°{n % 60}'N" for n in range(ROWS)], "each cell holds several numbers"),
        ([f"{n / 7:.4f}, {n / 9:.4f}" for n in range(ROWS)], "each cell holds several numbers"),
        ([f"{n % 9 / 8:.2f} ± 0.3" for n in range(ROWS)], "each cell holds several numbers"),
        ([f"{n % 40 / 8:.2f}×10⁻³" for n in range(ROWS)], "each cell holds several numbers"),
        ([f"{n % 9} ¾" for n in range(ROWS)], "each cell holds several numbers"),
        ([f"{10 * (n % 9)}-{10 * (n % 9) + 9}" for n in range(ROWS)], "each cell holds several numbers"),
        ([f"{10 ** (n % 4)}-{10 ** (n % 4 + 1)}" for n in range(ROWS)], "each cell holds several numbers"),
        ([f"{n % 3 + 1920}x{n % 2 + 1080}" for n in range(ROWS)], "each cell holds several numbers"),
        ([f"030-{2127128 + n % 40}" for n in range(ROWS)], ""),
        ([f"{30 + n}-{10 ** (n % 3) * (n + 2000)}" for n in range(ROWS)], ""),
        ([f"{55131 + n % 40}-{1955 + n % 7}" for n in range(ROWS)], ""),
        ([f"{2010 + n % 12}/{n % 12 + 19}" for n in range(ROWS)], ""),
        (["<0.5" if n % 3 else f"{n / 8}" for n in range(ROWS)], "cells such as '<0.5' are numbers with a mark"),
        ([f"20{n % 9 + 10}-W{n % 50 + 1:02}" for n in range(ROWS)], "weeks such as '2010-W01' are read as no dates"),
        ([f"~{n % 30}" for n in range(ROWS)], "cells such as '~0' are numbers with a mark"),
        (["ab"[n % 2] + "c" * (n % 3) for n in range(ROWS)], ""),
        ([f"030 {n % 30} {n % 7}" for n in range(ROWS)], ""),
    ],
)
def test_numbers_that_are_not_read_are_remarked_on(values: list[str], told: str) -> None:
    found = guess("size", values)
    assert found.kind != "numeric"
    said = found.remark + found.why
    assert told in said and (told or not ("several" in said or "mark" in said))


def test_dates_that_are_written_in_several_ways_are_named() -> None:
    dates = [("2021-03-{:02}", "{:02}.04.2021", "May {}, 2022")[n % 3].format(n % 28 + 1) for n in range(ROWS)]
    found = guess("day", dates)
    assert (found.kind, "dates that are written in several ways, such as" in found.why) == ("drop", True)


def test_stopwatches_are_read_as_times() -> None:
    assert guess("lap", [f"{n % 9}:{n % 60:02}.{n % 10}" for n in range(ROWS)]).options["date_format"] == "time"
