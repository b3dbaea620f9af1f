"""What the benchmarks of monitoring look at: a version as a push leaves it, and rows as a server captures them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kerasline.components.leaks import Column
from kerasline.components.registry import push_version
from kerasline.components.validation import profile_columns

NAME = "watched"
FIRST_DAY = datetime(2026, 9, 1, tzinfo=UTC)
_PART = "0123abcd-00000001-00000001.parquet"


@dataclass(frozen=True)
class Rows:
    """Rows with what a model answers: values of the columns, whether each is of the second class, and its score."""

    frame: pd.DataFrame
    labels: np.ndarray
    scores: np.ndarray


def record_of(frame: pd.DataFrame) -> dict[str, Any]:
    """Returns what a push would record of a model with two classes over these columns."""
    kinds = {name: "float" if frame[name].dtype.kind in "iuf" else "string" for name in frame}
    return {
        "recipe": NAME,
        "task": "binary",
        "classes": ["no", "yes"],
        "arguments": {name: name for name in kinds},
        "columns": [{"name": name, "dtype": kind} for name, kind in kinds.items()],
        "label": {"name": "label", "columns": ["label"]},
        "reading": {},
        "main_metric": "accuracy",
        "measured": ["accuracy"],
    }


def write_known(folder: Path, train: pd.DataFrame, evaluated: Rows) -> None:
    """Leaves in a version's folder what its rows are compared with."""
    columns = {
        name: Column("numeric", values.to_numpy(np.float64))
        if values.dtype.kind in "iuf"
        else Column("categorical", values.to_numpy(object))
        for name, values in train.items()
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "profile.json").write_text(json.dumps({"columns": profile_columns(columns, None)}))
    predictions = evaluated.scores[:, None].astype(np.float32)
    np.savez(folder / "answers-eval.npz", predictions=predictions, labels=evaluated.labels.astype(np.float32))


def push(workspace: Path, train: pd.DataFrame, evaluated: Rows) -> None:
    """Pushes a version whose model is empty: nobody asks it."""
    model = workspace.parent / "exported"
    (model / "variables").mkdir(parents=True, exist_ok=True)
    (model / "saved_model.pb").write_text("empty")
    (model / "variables" / "variables.index").write_text("")
    folder = workspace / "models" / NAME
    push_version(folder, model, record_of(train), 5, lambda version: write_known(version, train, evaluated))


def capture_day(captured: Path, number: int, rows: Rows, labelled: float = 0.0) -> str:
    """Writes the answers of a day, and labels of a share of them, as a server and ``kerasline label`` do.

    Args:
      captured: ``captured/NAME`` of a workspace.
      number: of the day.
      rows: that were asked.
      labelled: share of them that has its label.

    Returns:
      The day's name.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    day, count = FIRST_DAY + timedelta(days=number), len(rows.frame)
    name = f"day={day.date().isoformat()}"
    times = (day.timestamp() * 1e6 + np.arange(count) * (80_000e6 / count)).astype(np.int64)
    ids = [f"{number}-{row}" for row in range(count)]
    answered = {
        "request_id": pa.array(ids, pa.string()),
        "time": pa.array(times, pa.int64()).cast(pa.timestamp("us", tz="UTC")),
        "version": pa.array(np.full(count, 1), pa.int32()),
        "code": pa.array(np.full(count, 200), pa.int16()),
        "latency_ms": pa.array(np.full(count, 2.5), pa.float32()),
    }
    answered |= {f"input.{column}": pa.array(values) for column, values in rows.frame.items()}
    both = np.stack([1 - rows.scores, rows.scores], axis=1).astype(np.float32)
    answered["class"] = pa.array(np.where(rows.scores > 0.5, "yes", "no"), pa.string())
    answered["scores"] = pa.ListArray.from_arrays(np.arange(0, 2 * count + 1, 2), pa.array(both.ravel()))
    folder = captured / "answers" / "version=1" / name
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(answered), folder / _PART, compression="zstd")
    if labelled:
        chosen = np.arange(round(labelled * count))
        _label(captured, name, [ids[row] for row in chosen], rows.labels[chosen], day + timedelta(days=11))
    return day.date().isoformat()


def _label(captured: Path, day: str, ids: list[str], labels: np.ndarray, at: datetime) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    came = pa.array([at] * len(ids), pa.timestamp("us", tz="UTC"))
    words = pa.array(np.where(labels > 0, "yes", "no"), pa.string())
    folder = captured / "labels" / "version=1" / day
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(
        pa.table({"request_id": pa.array(ids, pa.string()), "label": words, "labelled_at": came}),
        folder / "labels.parquet",
        compression="zstd",
    )
