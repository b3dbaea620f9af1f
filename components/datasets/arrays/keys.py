"""Which arrays of an archive are what, by their names."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from kerasline.components.core import ConfigError, nearest
from kerasline.components.datasets.description import NpzOptions

_TRAIN = ("train",)
_SPLITS = {"eval": ("val", "valid", "validation", "dev", "eval"), "test": ("test",)}


@dataclass(frozen=True)
class Keys:
    """Which arrays of an archive are what.

    Attributes:
      features: Key of each column's array, by the column's name.
      label: Key of the labels.
      test_features: The same columns of the test split, or None.
      test_label: Key of the labels of the test split.
      eval_features: The same columns of the eval split, or None.
      eval_label: Key of the labels of the eval split.
    """

    features: dict[str, str]
    label: str
    test_features: dict[str, str] | None = None
    test_label: str | None = None
    eval_features: dict[str, str] | None = None
    eval_label: str | None = None

    @property
    def splits(self) -> list[str | None]:
        """The splits that the archive has, None for training."""
        found = {None: self.features, "test": self.test_features, "eval": self.eval_features}
        return [split for split, features in found.items() if features]

    @property
    def used(self) -> set[str]:
        """The arrays that are read."""
        features = (self.features, self.test_features or {}, self.eval_features or {})
        labels = (self.label, self.test_label, self.eval_label)
        return {key for keys in features for key in keys.values()} | {label for label in labels if label}


def choose_keys(options: NpzOptions, known: Sequence[str], path: Path, *, takes_eval: bool) -> Keys:
    """Finds the arrays that the options mean, and those of the same names of the other splits.

    Args:
      options: Of the recipe.
      known: The arrays of the archive.
      path: Of the archive.
      takes_eval: Whether arrays of the eval split are looked for.

    Raises:
      ConfigError: an array is not there, or the label is one of the inputs.
    """
    features = {bare(found): found for found in (_key(key, known, path) for key in _listed(options.features))}
    label = _key(options.label, known, path)
    if label in features.values():
        raise ConfigError(f"npz.features lists {label!r}, which is the label; a model would only copy it. Take it out.")
    asked = options.test_features is not None or options.test_label is not None
    test = _asked_test(options, features, label, known, path) if asked else _of_split("test", features, label, known)
    evaluated = _of_split("eval", features, label, known) if takes_eval else None
    return Keys(features, label, *(test or (None, None)), *(evaluated or (None, None)))


def bare(key: str) -> str:
    """Returns an array's name without the word for training."""
    return key.removesuffix("_train").removeprefix("train_")


def named_alike(name: str, known: Collection[str]) -> str | None:
    """Returns the array of a name, in other capitals if need be; None where there is none, or more than one."""
    return _first_of([name], known)


def _listed(keys: str | list[str]) -> list[str]:
    return [keys] if isinstance(keys, str) else keys


def _key(key: str, known: Collection[str], path: Path) -> str:
    """Finds an array by its name, with the word for training or without, in capitals or not."""
    found = _first_of([key, *_spellings(key, _TRAIN)], known)
    if found is None:
        raise ConfigError(
            f"{path} has no array {key!r}; its arrays are {', '.join(known)}.{nearest(key, known)} Name those of the "
            "inputs and labels under npz.features and npz.label."
        )
    return found


def _spellings(key: str, words: Sequence[str]) -> list[str]:
    return [spelling for word in words for spelling in (f"{key}_{word}", f"{word}_{key}")]


def _first_of(spellings: Sequence[str], known: Collection[str]) -> str | None:
    """Returns the first spelling that is there; or the only name that is one of them in other capitals."""
    exact = [spelling for spelling in spellings if spelling in known]
    lower = {spelling.lower() for spelling in spellings}
    alike = [name for name in known if name.lower() in lower]
    return exact[0] if exact else alike[0] if len(alike) == 1 else None


def _of_split(
    split: str, features: dict[str, str], label: str, known: Collection[str]
) -> tuple[dict[str, str], str] | None:
    """Finds the same arrays of another split; None where not all of them are there."""
    words = _SPLITS[split]
    found = {name: _first_of(_spellings(name, words), known) for name in features}
    labels = _first_of(_spellings(bare(label), words), known)
    complete = {name: key for name, key in found.items() if key is not None}
    return (complete, labels) if labels is not None and len(complete) == len(features) else None


def _asked_test(
    options: NpzOptions, features: dict[str, str], label: str, known: Collection[str], path: Path
) -> tuple[dict[str, str], str]:
    """Finds the arrays of the test split that the recipe names, at least in part."""
    tests = _listed(options.test_features or [f"{name}_test" for name in features])
    if len(tests) != len(features):
        raise ConfigError(f"npz.test_features has {len(tests)} keys, but npz.features has {len(features)}.")
    named = {name: _key(key, known, path) for name, key in zip(features, tests, strict=True)}
    return named, _key(options.test_label or f"{bare(label)}_test", known, path)
