"""The room that turns the config's ``data:`` block into a resolved :class:`Dataset` and reads its rows.

Its one door: :data:`DATASETS` and :data:`READERS` are the registries, :func:`resolve` describes the data
before the graph exists, :func:`read_shard` gives a worker its rows, :func:`find_spans` lists data that arrives piece by
piece. Nothing here imports TensorFlow, and
pandas, pyarrow, scikit-learn and PIL only when a source needs them.
"""

from __future__ import annotations

from kerasline.components.datasets.files import Places, check_data_dir
from kerasline.components.datasets.labels import infer_task
from kerasline.components.datasets.options import DataOptions
from kerasline.components.datasets.peeking import Peek, peek, task_of_named
from kerasline.components.datasets.registry import DATASETS, READERS, NamedDataset
from kerasline.components.datasets.resolving import read_shard, resolve
from kerasline.components.datasets.spans import Span, Spans, find_spans
from kerasline.components.datasets.spec import SPLITS, Column, Dataset, Label, SplitPlan
from kerasline.components.datasets.splits import assign_split, row_key

__all__ = [
    "DATASETS",
    "READERS",
    "SPLITS",
    "Column",
    "DataOptions",
    "Dataset",
    "Label",
    "NamedDataset",
    "Peek",
    "Places",
    "Span",
    "Spans",
    "SplitPlan",
    "assign_split",
    "check_data_dir",
    "find_spans",
    "infer_task",
    "peek",
    "read_shard",
    "resolve",
    "row_key",
    "task_of_named",
]
