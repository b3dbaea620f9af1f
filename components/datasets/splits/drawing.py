"""How splits were drawn, as it is recorded beside a version, and whether rows that trained it measure it now."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from kerasline.components.datasets.description import Dataset

_BY_CONTENT = ("hash", "stratified")  # where a row goes depends on all of its cells
_DRAWN = (*_BY_CONTENT, "row", "group")  # by a number that comes of the seed
_SAME = 1e-9  # shares that are so near are equal


def split_record(dataset: Dataset) -> dict[str, Any]:
    """Returns what decides which rows of a dataset train, for :func:`why_train_rows_measure`."""
    plan = dataset.split
    of_columns = [(column.name, column.dtype) for column in dataset.columns]
    cells = sorted([*of_columns, (dataset.label.name, dataset.label.dtype)])
    return {
        "method": plan.method,
        "column": plan.column,
        "seed": plan.seed,
        "train": plan.fractions.get("train", 0.0),
        "eval_from": plan.boundaries[0] if plan.boundaries else None,
        "cells": hashlib.sha256(json.dumps(cells).encode()).hexdigest()[:16],  # names and types
    }


def say_flattered(versions: Iterable[tuple[str, Mapping[str, Any] | None]], now: Mapping[str, Any]) -> str:
    """Says which version may have been fitted on rows that measure it now, and why; empty where none was.

    Args:
      versions: the name of each in words, and the record of its splits.
      now: the record of today's splits.
    """
    for name, before in versions:
        if why := why_train_rows_measure(before, now):
            return f"{name} may have been fitted on some of these rows, which would flatter it: {why}"
    return ""


def why_train_rows_measure(before: Mapping[str, Any] | None, now: Mapping[str, Any]) -> str:
    """Says why rows that trained a version may stand among those that are held out now.

    It goes by how splits are drawn, and does not look at rows: those that move since the cuts of a stratified split
    follow the data, or since they stand elsewhere in a file that is split by place, are not seen.

    Args:
      before: the record of the splits that the version was fitted on; None where there is none.
      now: the record of today's splits.

    Returns:
      A clause; empty where the rows that trained still do, or where nothing is known.
    """
    if before is None or not before.keys() >= now.keys():  # a release before this one wrote it
        return ""
    reasons = (ask(before, now) for ask in (_why_by_method, _why_by_draw, _why_by_share))
    return next(filter(None, reasons), "")


def _why_by_method(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    if _way(before) == _way(now):
        return ""
    return f"its splits were drawn {_way(before)}, and are drawn {_way(now)} now"


def _why_by_draw(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Compares what a row's place between 0 and 1 comes of: the seed, and the row's cells."""
    if now["method"] in _DRAWN and before["seed"] != now["seed"]:
        return (
            f"its splits were drawn with seed {before['seed']}, and are drawn with seed {now['seed']} now; "
            f"data.split.seed: {before['seed']} keeps them"
        )
    if now["method"] in _BY_CONTENT and before["cells"] != now["cells"]:
        had = "had" if before["cells"] else "may have had"
        return f"its table {had} other columns or types, and a row's cells decide where it goes"
    return ""


def _why_by_share(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    if now["method"] in _DRAWN and now["train"] < before["train"] - _SAME:
        return f"its train split was {before['train']:.1%} of the rows, and is {now['train']:.1%} now"
    if now["method"] == "time" and _is_earlier(now["eval_from"], before["eval_from"]):
        return "its eval split began at a later time than it begins now"
    return ""


def _way(record: Mapping[str, Any]) -> str:
    return f"by {record['method']}" + (f" of {record['column']!r}" if record["column"] is not None else "")


def _is_earlier(one: Any, other: Any) -> bool:
    return type(one) is type(other) and one is not None and one < other
