"""Every key that a config may have, for finding the one that was meant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from pydantic import BaseModel

from kerasline.components.core import nearest
from kerasline.components.models import MODEL_FAMILIES

# What other tools call it.
SYNONYMS = {
    "lr": "training.learning_rate",
    "callbacks": "training.early_stopping' or 'training.reduce_on_plateau",
    "layers": "model.units",
    "hidden_layers": "model.units",
    "neurons": "model.units",
    "architecture": "model.family",
    "target": "data.csv.label",
    "y": "data.csv.label",
    "file": "data.csv.path",
    "separator": "data.csv.delimiter",
    "sep": "data.csv.delimiter",
    "validation_split": "training.validation_fraction",
    "test_size": "data.split.test",
    "hyperparameters": "tuning.space",
    "search_space": "tuning.space",
    "n_trials": "tuning.max_trials",
    "random_state": "seed",
    "random_seed": "seed",
}


def known_keys(root: type[BaseModel], parents: Sequence[str], family: str) -> list[str]:
    """Lists the keys that the block at a place of the config has.

    Args:
      root: the type of the whole config.
      parents: the keys that lead to the block.
      family: of the model.
    """
    block = root
    if list(parents[:1]) == ["model"] and family in MODEL_FAMILIES:
        block, parents = MODEL_FAMILIES[family].options, parents[1:]
    for parent in parents:
        nested = _block_of(block.model_fields[parent].annotation) if parent in block.model_fields else None
        block = nested or block
    return list(block.model_fields)


def elsewhere(root: type[BaseModel], word: str) -> str:
    """Returns a hint such as `` Did you mean 'training.epochs'?`` for a key that stands in the wrong block."""
    plain = word.lower().replace("-", "_")
    if plain in SYNONYMS:
        return f" Did you mean {_quoted(SYNONYMS[plain])}?"
    same = _paths_that_end_with(plain, key_names(root))
    if not same:
        return ""
    least = min(path.count(".") for path in same)
    highest = [path for path in same if path.count(".") == least]
    return f" Did you mean {' or '.join(map(_quoted, highest[:3]))}?"


def _paths_that_end_with(word: str, paths: Sequence[str]) -> list[str]:
    """Finds the paths whose last key is a word, or else the key that is nearest to it."""
    same = [path for path in paths if path.rpartition(".")[2] == word]
    if same:
        return same
    hint = nearest(word, {path.rpartition(".")[2] for path in paths}, 0.85)
    if not hint:
        return []
    meant = hint.split("'")[1]
    return [path for path in paths if path.rpartition(".")[2] == meant]


def _quoted(path: str) -> str:
    return f"'{path}'"


@cache
def key_names(root: type[BaseModel]) -> tuple[str, ...]:
    """Lists every key of a config with the keys that lead to it, such as ``training.epochs``."""
    return tuple(dict.fromkeys(_paths(root, "")))


def _paths(block: type[BaseModel], prefix: str) -> Iterator[str]:
    nested = []
    for name, field in block.model_fields.items():
        yield f"{prefix}{name}"
        if name == "model" and not prefix:
            nested += [(f"{name}.", entry.options) for entry in MODEL_FAMILIES.values()]
        elif (inner := _block_of(field.annotation)) is not None and not _is_by_name(field.annotation):
            nested.append((f"{prefix}{name}.", inner))
    for start, inner in nested:
        yield from _paths(inner, start)


def _is_by_name(annotation: Any) -> bool:
    """Says whether the blocks of a key stand below names of the user's, which no path can tell."""
    return getattr(annotation, "__origin__", None) is dict


def _block_of(annotation: Any) -> type[BaseModel] | None:
    """Returns the type of block that an annotation holds, whatever it is wrapped in."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    arguments = getattr(annotation, "__args__", ())
    return next((block for one in arguments if (block := _block_of(one)) is not None), None)
