"""Whether a column stands for the label: not by chance, however many classes and however few rows there are."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from kerasline.components.features.column_options import ColumnOptions
from kerasline.components.features.plan import FeaturePlan, FeatureStep
from kerasline.components.leaks.copies import copy_of_class, copy_of_number
from kerasline.components.validation.checks.leakage import check_leakage
from kerasline.components.validation.policy.options import LeakageCheck
from kerasline.components.validation.samples.sampling import Column

LIMIT = 0.99


def classes_of(numbers: np.ndarray) -> Column:
    return Column("categorical", np.array([f"class {number}" for number in numbers], object))


def number(values: np.ndarray) -> Column:
    return Column("numeric", values.astype(np.float64))


Draw = Callable[[np.random.Generator, int], np.ndarray]
HARMLESS: dict[str, Draw] = {
    "normal": lambda random, rows: random.normal(size=rows),
    "long tail": lambda random, rows: random.pareto(0.5, rows),
    "one huge value": lambda random, rows: np.where(np.arange(rows) == 3, 1e9, random.normal(size=rows)),
    "few values": lambda random, rows: random.integers(0, 3, rows).astype(float),
    "mostly zero": lambda random, rows: np.where(random.random(rows) < 0.02, 5.0, 0.0),
}


@pytest.mark.parametrize("name", list(HARMLESS))
@pytest.mark.parametrize(("rows", "classes"), [(130, 120), (150, 120), (24, 20), (400, 200), (2000, 120), (20, 2)])
def test_a_harmless_number_is_no_copy_of_many_classes(name: str, rows: int, classes: int) -> None:
    for seed in range(25):
        random = np.random.default_rng(seed)
        label = classes_of(random.permutation(np.arange(rows) % classes))
        assert copy_of_class(number(HARMLESS[name](random, rows)), label) < 0.95


@pytest.mark.parametrize(("rows", "classes"), [(130, 120), (150, 120), (24, 20), (400, 200), (2000, 120)])
@pytest.mark.parametrize("values", [2, 30, 10_000])
def test_a_harmless_category_is_no_copy_of_many_classes(rows: int, classes: int, values: int) -> None:
    for seed in range(10):
        random = np.random.default_rng(seed)
        label = classes_of(random.permutation(np.arange(rows) % classes))
        assert copy_of_class(classes_of(random.integers(0, values, rows)), label) < 0.5


@pytest.mark.parametrize(("rows", "classes"), [(60, 2), (300, 3), (150, 120), (400, 200), (2000, 120)])
@pytest.mark.parametrize("form", ["code", "noisy code", "scattered code", "name"])
def test_a_copy_of_the_classes_is_found_among_any_number_of_them(rows: int, classes: int, form: str) -> None:
    random = np.random.default_rng(0)
    codes = random.permutation(np.arange(rows) % classes)
    scattered = random.permutation(classes)[codes]
    columns = {
        "code": number(codes),
        "noisy code": number(codes + random.normal(0, 0.02, rows)),
        "scattered code": number(scattered),
        "name": classes_of(scattered),
    }
    assert copy_of_class(columns[form], classes_of(codes)) > LIMIT


def test_a_copy_of_a_rare_class_is_found() -> None:
    codes = (np.arange(1000) % 100 == 0).astype(int)
    assert copy_of_class(number(codes * 7.0), classes_of(codes)) > LIMIT


def test_a_column_beside_counts_that_are_classes_is_found() -> None:
    random = np.random.default_rng(1)
    goals = random.poisson(40, 500)
    label = Column("categorical", np.array([str(value) for value in goals], object))
    assert copy_of_class(number(goals + random.normal(0, 0.4, 500)), label) > LIMIT


def test_a_column_that_is_mostly_missing_is_no_copy() -> None:
    codes = np.arange(300) % 3
    values = np.where(np.arange(300) % 10 == 0, codes, np.nan)
    assert copy_of_class(number(values), classes_of(codes)) < 0.2
    assert copy_of_class(number(np.full(300, np.nan)), classes_of(codes)) == 0.0


def test_numbers_correlate() -> None:
    line = np.arange(50.0)
    assert copy_of_number(number(line**3), number(line)) == pytest.approx(1.0)
    assert copy_of_number(number(np.full(50, 1.0)), number(line)) == 0.0


def test_a_harmless_table_of_many_classes_does_not_stop_the_run() -> None:
    """The column that stopped a run: with 120 classes on few rows its correlation ratio was 0.99."""
    from kerasline.components.validation.samples.sampling import SplitSample

    random = np.random.default_rng(6)
    codes = random.permutation(np.arange(160) % 120)
    columns = {"size": number(random.pareto(0.4, 160)), "twin": number(codes * 3.0), "species": classes_of(codes)}
    plan = FeaturePlan(
        steps=tuple(
            FeatureStep(name=name, kind="numeric", dtype="float", options=ColumnOptions()) for name in ("size", "twin")
        ),
        label="species", label_dtype="string", classes=tuple(sorted(set(columns["species"].values))),
        label_scale="none", task="multiclass",
    )  # fmt: skip
    sample = SplitSample(160, np.zeros(0, np.int64), columns)
    found = {finding.column: finding.status for finding in check_leakage(sample, plan, LeakageCheck())}
    assert found == {"size": "passed", "twin": "failed"}
