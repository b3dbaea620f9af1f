"""Values of a request that training has never shown: counted for whoever watches, or refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import numpy as np
import tensorflow as tf

from kerasline.components.prediction import features_of, find_marker, first_unseen, news_only
from kerasline.pipeline.serving.json_body import BadRequest
from kerasline.pipeline.serving.models import LoadedVersion

_HEADER = "X-Kerasline-Unseen"  # clients of TensorFlow Serving pass it over
_MOST_NAMED = 20


def find_unseen(
    loaded: LoadedVersion, signature: str, parts: Sequence[Mapping[str, tf.Tensor]], *, refuse_them: bool
) -> dict[str, int]:
    """Counts what training has never shown.

    Args:
      loaded: the version that is asked.
      signature: what of it.
      parts: the rows of the request, as tensors by input.
      refuse_them: whether such a row is an error of the request.

    Returns:
      How many values, by column; nothing for a version that was pushed without marks.

    Raises:
      BadRequest: there is one, and it is to be refused; the message names row, column and value.
    """
    marker = find_marker(loaded.model, loaded.record, signature)
    counts: Counter[str] = Counter()
    if marker is None:
        return counts
    watched = loaded.record["watched"]
    first_row = 0
    for part in parts:
        marks = marker(part["examples"] if "examples" in part else dict(part)).numpy()
        marks = news_only(loaded.record, marks)
        if refuse_them and marks.any():
            row = int(marks.any(axis=1).argmax())
            raise BadRequest(f"row {first_row + row}: {first_unseen(watched, marks[row], _values(loaded, part), row)}")
        counts.update({watched[place]: int((marks[:, place] > 0).sum()) for place in np.flatnonzero(marks.any(axis=0))})
        first_row += len(marks)
    return counts


def name_counts(counts: Mapping[str, int]) -> dict[str, str]:
    """Writes counts as a header of the answer: ``column=2, other%20column=1``; none where there are none."""
    listed = [f"{quote(name)}={count}" for name, count in sorted(counts.items())[:_MOST_NAMED]]
    return {_HEADER: ", ".join(listed)} if listed else {}


def _values(loaded: LoadedVersion, part: Mapping[str, tf.Tensor]) -> Mapping[str, Any]:
    if "examples" in part:
        return features_of(part["examples"].numpy().tolist())
    return {name: part[argument].numpy() for name, argument in loaded.record["arguments"].items() if argument in part}
