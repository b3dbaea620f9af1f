"""The fits of a learning curve: on shares of the rows that a run has transformed, measured on all of its eval rows."""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from kerasline.components.core import ConfigError, TrainingFailed, code_version
from kerasline.components.evaluation import measure_with_intervals
from kerasline.components.fitting import Arrays, ExamplesReader, FitData, FitSettings, make_reader, read_fit_data
from kerasline.components.training import fit_whole, write_predictions
from kerasline.pipeline.workspace import Workspace, run_artifacts

_SEEDS_APART = 100  # an ensemble takes the seeds behind its first


@dataclass(frozen=True)
class Fits:
    """What every fit goes by.

    Attributes:
      settings: Those of the run, with what a search has found.
      data: The train rows, in memory.
      reader: Reads the eval rows.
      files: Patterns of the train rows' files, and of the eval rows'.
      record: ``task``, and which metrics are measured.
      origin: What changes with the rows, with their transform graph, and with the user's code.
    """

    settings: FitSettings
    data: FitData
    reader: ExamplesReader
    files: tuple[list[str], list[str]]
    record: Mapping[str, Any]
    origin: tuple[str, ...]

    def key(self, share: float, number: int) -> str:
        """Names a fit by all that decides what comes of it."""
        told = [self.settings.model_dump_json(), json.dumps(self.record, sort_keys=True), *self.origin]
        told += [f"{share:.9g}", str(number), code_version("kerasline.pipeline.learning_curves.fits")]
        return hashlib.sha256("\n".join(told).encode()).hexdigest()[:16]

    def fit_share(self, share: float, number: int) -> dict[str, Any]:
        """Fits one share of the rows; a fit that fails says so and leaves the others alone.

        Returns:
          ``share``, ``seed``, ``rows``, ``metrics`` (name to ``value``, ``low``, ``high``), ``seconds``, ``message``.
        """
        seed = self.settings.seed + _SEEDS_APART * number
        settings = self.settings.model_copy(update={"seed": seed})
        data = take_share(self.data, share, seed)
        rows = data.rows + (len(data.validation) if data.validation is not None else 0)
        started = time.monotonic()
        try:
            metrics, message = self._measure(settings, data), ""
        except TrainingFailed as error:
            metrics, message = {}, str(error)
        seconds = round(time.monotonic() - started, 2)
        return {"share": share, "seed": seed, "rows": rows, "metrics": metrics, "seconds": seconds, "message": message}

    def _measure(self, settings: FitSettings, data: FitData) -> dict[str, Any]:
        model = fit_whole(settings, data).model
        train, held_out = self.files
        with tempfile.TemporaryDirectory(prefix="kerasline-curve-") as folder:
            answers = Path(folder, "answers.npz")
            write_predictions(str(answers), model, self.reader, held_out, self.reader.label_units(train))
            with np.load(answers) as arrays:
                return dict(measure_with_intervals(self.record, arrays["labels"], arrays["predictions"]))


def take_share(data: FitData, share: float, seed: int) -> FitData:
    """Draws a share of the rows in memory, held out ones too; a larger share of a seed holds the smaller one."""
    if share >= 1:
        return data
    return replace(data, train=_draw(data.train, share, seed), validation=_draw(data.validation, share, seed))


def _draw(rows: Arrays | None, share: float, seed: int) -> Arrays | None:
    if rows is None:
        return None
    order = np.random.default_rng(seed).permutation(len(rows))
    return rows.take(np.sort(order[: max(round(share * len(rows)), 1)]))


def open_fits(home: Workspace, run_id: str, record: Mapping[str, Any], origin: Sequence[str]) -> Fits:
    """Reads the rows and the settings that a run's ``train`` step had.

    Args:
      home: The workspace of the run.
      run_id: Of the run.
      record: Which metrics are measured.
      origin: The fingerprint of the data, and the version of the user's code.

    Raises:
      ConfigError: The train rows do not fit in ``training.memory_limit_mb``.
    """
    artifacts = run_artifacts(home, run_id)
    examples, graph = artifacts["ingest"]["examples"].uri, artifacts["transform"]["transform_graph"].uri
    run = Path(artifacts["train"]["model_run"].uri)
    told = json.loads((run / "summary.json").read_text(encoding="utf-8"))["settings"]
    plan = json.loads((run / "plan.json").read_text(encoding="utf-8"))
    settings = FitSettings.model_validate({**told, "plan": plan})
    train, held_out = ([f"{examples}/Split-{split}/*"] for split in ("train", "eval"))
    reader = make_reader(graph, settings)
    data = read_fit_data(reader, train, settings)
    if data.train is None:
        raise ConfigError(
            "a learning curve takes its shares from memory, but the train rows do not fit in "
            f"training.memory_limit_mb: {settings.training.memory_limit_mb}; raise it"
        )
    record = {**record, "task": settings.plan.task}
    # Folders have numbers, which come again where a workspace begins anew.
    return Fits(settings, data, reader, (train, held_out), record, (*origin, examples, graph))
