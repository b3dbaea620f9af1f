"""The named data sets and the readers: plain dicts, to which a new data set or format adds one entry."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from kerasline.components.core import ConfigError, nearest
from kerasline.components.datasets.arrays import idx, npz, tfrecord
from kerasline.components.datasets.description import DataOptions, Dataset, Found
from kerasline.components.datasets.files import Places
from kerasline.components.datasets.images import image_folder, image_table
from kerasline.components.datasets.named import bundled, cifar, housing, mnist, sequences, surface
from kerasline.components.datasets.tables.csv import rows as csv_rows
from kerasline.components.datasets.tables.typed import rows as typed_rows
from kerasline.components.models import Task


@dataclass(frozen=True)
class NamedDataset:
    """A data set that a recipe can name.

    Attributes:
      find: describes it, given where to look and the config's ``options``.
      title: for people.
      source: citation.
      licence: of the data.
      description: rows, inputs and label in a sentence.
      task: that its label makes.
      options: names and defaults of what ``options`` may set.
    """

    find: Callable[[Places, Mapping[str, Any]], Found]
    title: str
    source: str
    licence: str
    description: str
    task: Task
    options: Mapping[str, Any] | None = None


def _bundled(name: str, places: Places, options: Mapping[str, Any]) -> Found:
    return bundled.find(name)


def _mnist(name: str, places: Places, options: Mapping[str, Any]) -> Found:
    return mnist.find(name, places)


def _cifar(name: str, places: Places, options: Mapping[str, Any]) -> Found:
    return cifar.find(name, places, options)


def _sequences(name: str, places: Places, options: Mapping[str, Any]) -> Found:
    return sequences.find(name, places, options)


_UCI = "UCI Machine Learning Repository, https://archive.ics.uci.edu, as bundled with scikit-learn"
_CIFAR = "A. Krizhevsky: Learning Multiple Layers of Features from Tiny Images, 2009"
_CC_BY = "CC BY 4.0"

DATASETS: dict[str, NamedDataset] = {
    "digits": NamedDataset(
        partial(_bundled, "digits"),
        "Handwritten digits",
        f"E. Alpaydin, C. Kaynak: Optical Recognition of Handwritten Digits, 1998. {_UCI}",
        _CC_BY,
        "1,797 grey images of 8×8 pixels, digits 0 to 9; the 17 grey levels 0 to 16 are stored times 15.",
        "multiclass",
    ),
    "iris": NamedDataset(
        partial(_bundled, "iris"),
        "Iris flowers",
        f"R. A. Fisher: The use of multiple measurements in taxonomic problems, 1936. {_UCI}",
        _CC_BY,
        "150 flowers, 4 measures in cm, 3 species.",
        "multiclass",
    ),
    "wine": NamedDataset(
        partial(_bundled, "wine"),
        "Wine recognition",
        f"S. Aeberhard, M. Forina: Wine, 1991. {_UCI}",
        _CC_BY,
        "178 wines, 13 chemical measures, 3 cultivars.",
        "multiclass",
    ),
    "breast_cancer": NamedDataset(
        partial(_bundled, "breast_cancer"),
        "Breast cancer Wisconsin (diagnostic)",
        f"W. Wolberg, O. Mangasarian, N. Street, W. Street, 1995. {_UCI}",
        _CC_BY,
        "569 cell samples, 30 measures of their nuclei, benign or malignant.",
        "binary",
    ),
    "diabetes": NamedDataset(
        partial(_bundled, "diabetes"),
        "Diabetes progression",
        "B. Efron, T. Hastie, I. Johnstone, R. Tibshirani: Least Angle Regression, 2004, as bundled with scikit-learn",
        "public, no licence stated",
        "442 patients, 10 measures in their own units, progression of the disease one year later (25 to 346).",
        "regression",
    ),
    "mnist": NamedDataset(
        partial(_mnist, "mnist"),
        "MNIST handwritten digits",
        "Y. LeCun, C. Cortes, C. J. C. Burges: The MNIST database of handwritten digits",
        "CC BY-SA 3.0",
        "60,000 + 10,000 grey images of 28×28 pixels, digits 0 to 9.",
        "multiclass",
    ),
    "fashion_mnist": NamedDataset(
        partial(_mnist, "fashion_mnist"),
        "Fashion-MNIST",
        "H. Xiao, K. Rasul, R. Vollgraf: Fashion-MNIST, arXiv:1708.07747, 2017",
        "MIT",
        "60,000 + 10,000 grey images of 28×28 pixels, 10 kinds of clothing.",
        "multiclass",
    ),
    "cifar10": NamedDataset(
        partial(_cifar, "cifar10"),
        "CIFAR-10",
        _CIFAR,
        "public, no licence stated",
        "50,000 + 10,000 photographs of 32×32 pixels, 10 classes.",
        "multiclass",
    ),
    "cifar100": NamedDataset(
        partial(_cifar, "cifar100"),
        "CIFAR-100",
        _CIFAR,
        "public, no licence stated",
        "50,000 + 10,000 photographs of 32×32 pixels, 100 classes (label_mode fine) or 20 (coarse).",
        "multiclass",
        cifar.OPTIONS_100,
    ),
    "imdb": NamedDataset(
        partial(_sequences, "imdb"),
        "IMDB film reviews",
        "A. Maas et al.: Learning Word Vectors for Sentiment Analysis, ACL 2011, as prepared by Keras",
        "public, no licence stated",
        "25,000 + 25,000 reviews as word ids, positive or negative.",
        "binary",
        sequences.OPTIONS,
    ),
    "reuters": NamedDataset(
        partial(_sequences, "reuters"),
        "Reuters newswires",
        "D. Lewis: Reuters-21578, 1987, as prepared by Keras",
        "free for research",
        "11,228 newswires as word ids, 46 topics.",
        "multiclass",
        sequences.OPTIONS,
    ),
    "boston_housing": NamedDataset(
        housing.find_boston,
        "Boston housing",
        "D. Harrison, D. Rubinfeld: Hedonic housing prices and the demand for clean air, 1978",
        "public, no licence stated",
        "506 districts of 1970, 13 inputs, median value of homes (medv) in $1000; its column b assumes that "
        "segregation by race sets prices, so use it for teaching only.",
        "regression",
    ),
    "california_housing": NamedDataset(
        housing.find_california,
        "California housing",
        "R. K. Pace, R. Barry: Sparse Spatial Autoregressions, 1997, by scikit-learn's download",
        "public, no licence stated",
        "20,640 districts of 1990, 8 inputs, median value of houses in $100,000.",
        "regression",
    ),
    "iris_csv": NamedDataset(
        housing.find_iris_csv,
        "Iris flowers, the workshop's files",
        "R. A. Fisher: The use of multiple measurements in taxonomic problems, 1936",
        _CC_BY,
        "120 + 30 flowers in two CSV files without headers, 4 measures in cm, 3 species.",
        "multiclass",
    ),
    "regression_surface": NamedDataset(
        surface.find,
        "Regression surface",
        "Keras workshop; generated as 18 (x1 - 0.3)² + 5 sin²(5 (x2 - 0.45)) with noise",
        "made here, free",
        "x1, x2 from 0 to 1 -> y: parabolic along one axis, sinusoidal along the other; the workshop's 110 "
        "+ 40 points where the data folder has them.",
        "regression",
        surface.OPTIONS,
    ),
}


def check_named(options: DataOptions) -> NamedDataset:
    """Returns the data set that a block names, without looking for its files.

    Raises:
      ConfigError: there is none of that name, or it takes no such option.
    """
    entry = DATASETS.get(options.dataset or "")
    if entry is None:
        raise ConfigError(
            f"There is no data set named {options.dataset!r}; the names are "
            f"{', '.join(DATASETS)}.{nearest(options.dataset or '', DATASETS)}"
        )
    known = dict(entry.options or {})
    for key in options.options:
        if key not in known:
            takes = f"takes {', '.join(known)}" if known else "takes none"
            raise ConfigError(f"data.options has {key!r}, but {options.dataset} {takes}.{nearest(key, known)}")
    return entry


READERS: dict[str, Callable[[Dataset, Mapping[str, Any]], Iterator[dict[str, Any]]]] = {
    "bundled": bundled.read,
    "cifar": cifar.read,
    "csv": csv_rows.read,
    "housing": housing.read,
    "idx": idx.read,
    "image_table": image_table.read,
    "images": image_folder.read,
    "npz": npz.read,
    "parquet": typed_rows.read,
    "sequences": sequences.read,
    "surface": surface.read,
    "tfrecord": tfrecord.read,
}
