"""Which reader gives the rows of each kind of input."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from kerasline.components.prediction.reading.archives import read_archive
from kerasline.components.prediction.reading.blocks import Block
from kerasline.components.prediction.reading.encoded import read_images, read_records
from kerasline.components.prediction.reading.planning import PredictionPlan
from kerasline.components.prediction.reading.tables import read_csv, read_parquet

READERS: dict[str, Callable[[PredictionPlan, Mapping[str, Any]], Iterator[Block]]] = {
    "csv": read_csv,
    "parquet": read_parquet,
    "images": read_images,
    "tfrecord": read_records,
    "npz": read_archive,
}
