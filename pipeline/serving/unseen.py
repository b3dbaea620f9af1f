"""Values of a request that training has never shown: counted for whoever watches, or refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import numpy as np
import tensorflow as tf

from kerasline.components.prediction import features_of, first_unseen, news_only
from kerasline.pipeline.serving.json_body import BadRequest
from kerasline.pipeline.serving.models import LoadedVersion

_HEADER = "X-Kerasline-Unseen"  # clients of TensorFlow Serving pass it over
_MOST_NAMED = 20


def count_unseen(
    loaded: LoadedVersion,
    parts: Sequence[Mapping[str, tf.Tensor]],
    marked: Sequence[tf.Tensor | None],
    *,
    refuse_them: bool,
) -> dict[str, int]:
    """Counts what training has never shown.

    Args:
      loaded: the version that is asked.
      parts: the rows of the request, as tensors by input.
      marked: the marks of each part, int64 [rows, watched columns], or None of a version that was pushed without.
      refuse_them: whether such a row is an error of the request.

    Returns:
      How many values, by column.

    Raises:
      BadRequest: there is one, and it is to be refused; the message names row, column and value.
    """
    counts: Counter[str] = Counter()
    first_row = 0
    for part, tensor in zip(parts, marked, strict=True):
        if tensor is None:
            continue
        marks = tensor.numpy()
        if np.count_nonzero(marks):  # which hardly a request has
            marks = news_only(loaded.record, marks)
            counts.update(_count(loaded, marks))
            if refuse_them and marks.any():
                row = int(marks.any(axis=1).argmax())
                reason = first_unseen(loaded.record["watched"], marks[row], _values(loaded, part), row)
                raise BadRequest(f"row {first_row + row}: {reason}")
        first_row += len(marks)
    return counts


def _count(loaded: LoadedVersion, marks: np.ndarray) -> dict[str, int]:
    watched = loaded.record["watched"]
    return {watched[place]: int((marks[:, place] > 0).sum()) for place in np.flatnonzero(marks.any(axis=0))}


def name_counts(counts: Mapping[str, int]) -> dict[str, str]:
    """Writes counts as a header of the answer: ``column=2, other%20column=1``; none where there are none."""
    listed = [f"{quote(name)}={count}" for name, count in sorted(counts.items())[:_MOST_NAMED]]
    return {_HEADER: ", ".join(listed)} if listed else {}


def _values(loaded: LoadedVersion, part: Mapping[str, tf.Tensor]) -> Mapping[str, Any]:
    if "examples" in part:
        return features_of(part["examples"].numpy().tolist())
    return {name: part[argument].numpy() for name, argument in loaded.record["arguments"].items() if argument in part}
