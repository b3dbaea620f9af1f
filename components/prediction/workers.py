"""Predicts shards in Beam's workers, wherever they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from kerasline.components.beam import CheckWorker, hasten_construction
from kerasline.components.prediction.answering import ServedModel
from kerasline.components.prediction.keeping import Keeper
from kerasline.components.prediction.reading import PredictionPlan
from kerasline.components.prediction.shards import begin_to_load, predict_shard


def predict_in_workers(
    plan: PredictionPlan, parts: Path, waiting: Sequence[int], arguments: Sequence[str], keeper: Keeper | None = None
) -> None:
    """Predicts shards by a pipeline of Beam.

    Args:
      plan: What is predicted.
      parts: Folder for what each shard writes.
      waiting: Numbers of the shards.
      arguments: Beam's options, complete.
      keeper: Keeps the rows of the output, too; None where nothing is kept.
    """
    hasten_construction()
    with beam.Pipeline(options=PipelineOptions(list(arguments))) as pipeline:
        (
            pipeline
            | "Shards" >> beam.Create(waiting)
            | "Spread" >> beam.Reshuffle()
            | "CheckWorker" >> beam.ParDo(CheckWorker())
            | "Predict" >> beam.ParDo(PredictShard(plan, str(parts), keeper))
        )


class PredictShard(beam.DoFn):
    """Reads a shard, predicts it and writes its part; the model is loaded once for each worker."""

    def __init__(self, plan: PredictionPlan, parts: str, keeper: Keeper | None = None) -> None:
        super().__init__()
        self._plan, self._parts, self._keeper = plan, parts, keeper
        self._model: Future[ServedModel] | None = None

    def setup(self) -> None:
        """Begins to load the model; the first rows are read meanwhile."""
        self._model = begin_to_load(self._plan)

    def process(self, index: int) -> Iterator[int]:
        """Predicts a shard and yields how many rows were written."""
        assert self._model is not None
        yield predict_shard(self._plan, Path(self._parts), index, self._model, self._keeper)
