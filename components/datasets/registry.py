"""The named data sets and the readers: plain dicts, to which a new data set or format adds one entry."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from components.datasets import bundled, csv_table, idx, mnist
from components.datasets.files import Places
from components.datasets.found import Found
from components.datasets.spec import Dataset


@dataclass(frozen=True)
class NamedDataset:
    """A data set that a recipe can name.

    Attributes:
      find: describes it, given where to look and the config's ``options``.
      title: for people.
      source: citation.
      licence: of the data.
      description: rows, inputs and label in a sentence.
      options: names and defaults of what ``options`` may set.
    """

    find: Callable[[Places, Mapping[str, Any]], Found]
    title: str
    source: str
    licence: str
    description: str
    options: Mapping[str, Any] | None = None


def _bundled(name: str, places: Places, options: Mapping[str, Any]) -> Found:
    return bundled.find(name)


def _mnist(name: str, places: Places, options: Mapping[str, Any]) -> Found:
    return mnist.find(name, places)


_UCI = "UCI Machine Learning Repository, https://archive.ics.uci.edu, as bundled with scikit-learn"
_CC_BY = "CC BY 4.0"

DATASETS: dict[str, NamedDataset] = {
    "digits": NamedDataset(
        partial(_bundled, "digits"),
        "Handwritten digits",
        f"E. Alpaydin, C. Kaynak: Optical Recognition of Handwritten Digits, 1998. {_UCI}",
        _CC_BY,
        "1,797 grey images of 8×8 pixels, digits 0 to 9; the 17 grey levels 0 to 16 are stored times 15.",
    ),
    "iris": NamedDataset(
        partial(_bundled, "iris"),
        "Iris flowers",
        f"R. A. Fisher: The use of multiple measurements in taxonomic problems, 1936. {_UCI}",
        _CC_BY,
        "150 flowers, 4 measures in cm, 3 species.",
    ),
    "wine": NamedDataset(
        partial(_bundled, "wine"),
        "Wine recognition",
        f"S. Aeberhard, M. Forina: Wine, 1991. {_UCI}",
        _CC_BY,
        "178 wines, 13 chemical measures, 3 cultivars.",
    ),
    "breast_cancer": NamedDataset(
        partial(_bundled, "breast_cancer"),
        "Breast cancer Wisconsin (diagnostic)",
        f"W. Wolberg, O. Mangasarian, N. Street, W. Street, 1995. {_UCI}",
        _CC_BY,
        "569 cell samples, 30 measures of their nuclei, benign or malignant.",
    ),
    "diabetes": NamedDataset(
        partial(_bundled, "diabetes"),
        "Diabetes progression",
        "B. Efron, T. Hastie, I. Johnstone, R. Tibshirani: Least Angle Regression, 2004, as bundled with scikit-learn",
        "public, no licence stated",
        "442 patients, 10 measures in their own units, progression of the disease one year later (25 to 346).",
    ),
    "mnist": NamedDataset(
        partial(_mnist, "mnist"),
        "MNIST handwritten digits",
        "Y. LeCun, C. Cortes, C. J. C. Burges: The MNIST database of handwritten digits",
        "CC BY-SA 3.0",
        "60,000 + 10,000 grey images of 28×28 pixels, digits 0 to 9.",
    ),
    "fashion_mnist": NamedDataset(
        partial(_mnist, "fashion_mnist"),
        "Fashion-MNIST",
        "H. Xiao, K. Rasul, R. Vollgraf: Fashion-MNIST, arXiv:1708.07747, 2017",
        "MIT",
        "60,000 + 10,000 grey images of 28×28 pixels, 10 kinds of clothing.",
    ),
}

READERS: dict[str, Callable[[Dataset, Mapping[str, Any]], Iterator[dict[str, Any]]]] = {
    "bundled": bundled.read,
    "csv": csv_table.read,
    "idx": idx.read,
}
