"""Looks at labelled data before anything is loaded: what is to be measured, and whether its labels are there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kerasline.components.core import ConfigError
from kerasline.components.prediction.reading.finding import find_files
from kerasline.components.prediction.reading.planning import PredictionPlan, plan_prediction


def plan_evaluation(
    source: str,
    model: Path,
    version: str,
    record: Mapping[str, Any],
    kind: str | None = None,
    slices: Sequence[str] = (),
) -> PredictionPlan:
    """Checks labelled data as :func:`plan_prediction` checks what is to be predicted.

    Args:
      source: A file, a folder of images in folders named as their classes, or a glob.
      model: The version's folder.
      version: ``NAME@VERSION``.
      record: What was recorded with it.
      kind: Of the input, or None to go by its name.
      slices: Columns whose values are measured apart.

    Raises:
      ConfigError: The input is not there, is empty, or lacks what the model reads, its label or a slice's column.
    """
    _, found = find_files(source, record, kind)
    keys = [] if found == "images" else list(dict.fromkeys([*record["label"]["columns"], *slices]))
    if found == "images" and slices:
        raise ConfigError(f"slices: images in a folder have no columns, got {', '.join(slices)}")
    try:
        return plan_prediction(source, model, version, record, None, keys, found, "warn")
    except ConfigError as error:
        what = "the label or a slice" if slices else "the label"
        raise ConfigError(str(error).replace("--key:", f"{what}:")) from None
