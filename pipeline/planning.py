"""Resolves an experiment before its graph is built: data, task, features and the baseline become plain values.

Because they are settled here, the same graph runs on every target and every cache key is right.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.datasets import infer_task, resolve
from components.datasets.spec import Dataset
from components.errors import ConfigError
from components.features import FeaturePlan, plan_features
from components.metrics import settle_evaluation
from components.models import MODEL_FAMILIES
from components.options import EvaluationOptions
from components.production import current_version, read_record
from components.settings import FitSettings
from pipeline.config import Experiment


@dataclass(frozen=True)
class RunPlan:
    """Everything that the graph is built from.

    Attributes:
      experiment: the config.
      dataset: the resolved data.
      features: what the transform graph does with each column.
      evaluation: settled metrics, slices and thresholds.
      baseline_version: the version to compare with, 0 where there is none.
      key: hash of all that decides the outcome of the run, apart from the baseline.
    """

    experiment: Experiment
    dataset: Dataset
    features: FeaturePlan
    evaluation: EvaluationOptions
    baseline_version: int
    key: str

    def fit_settings(self) -> FitSettings:
        """Returns what the Tuner and the Trainer are told."""
        return FitSettings(
            plan=self.features,
            model=self.experiment.model,
            training=self.experiment.training,
            seed=self.experiment.seed,
        )

    def training_module(self) -> str:
        """Names the module whose code decides the weights."""
        return "components.training"

    def held_out_splits(self) -> list[str]:
        """Lists the splits that the model is not fitted on."""
        return [split for split in self.dataset.splits() if split != "train"]

    def beam_arguments(self) -> list[str]:
        """Returns Beam's options: one process unless the recipe says otherwise, the fastest for small data."""
        given = self.experiment.run.beam
        defaults = ["--runner=DirectRunner", "--direct_running_mode=in_memory", "--direct_num_workers=1"]
        names = {argument.split("=")[0] for argument in given}
        return [argument for argument in defaults if argument.split("=")[0] not in names] + given

    def record(self) -> dict[str, Any]:
        """Returns what is written beside a pushed version: where it comes from, and how to read data for it."""
        arguments, data = self.features.raw_arguments(), self.dataset
        columns = [c.model_dump(mode="json", exclude={"distinct"}) for c in data.columns if c.name in arguments]
        reading = data.reader_options if data.reader == "csv" else {}
        return {
            "recipe": self.experiment.name,
            "task": self.features.task,
            "classes": self.features.classes,
            "arguments": arguments,
            "columns": columns,
            "label": {"name": data.label.name, "columns": list(data.reader_options.get("labels", [data.label.name]))},
            "reading": {key: reading[key] for key in ("header", "columns", "encoding", "missing_values") if reading},
            "main_metric": self.evaluation.metrics[0],
            "data": {"title": data.title or data.name, "kind": data.kind, "rows": data.rows},
            "spans": next((note for note in data.notes if note.startswith("spans ")), None),
            "data_fingerprint": self.dataset.fingerprint,
            "run_key": self.key,
            "baseline_version": self.baseline_version,
        }


def plan_run(experiment: Experiment, base_dir: Path, data_dir: Path | None, models: Path) -> RunPlan:
    """Resolves data, task, features and baseline.

    Args:
      experiment: the config.
      base_dir: where relative paths of the recipe start.
      data_dir: ``--data-dir``, or None.
      models: ``MODELS/NAME``.

    Returns:
      The plan.

    Raises:
      ConfigError: the data cannot be read, or the config does not suit it.
    """
    dataset = resolve(
        experiment.data, name=experiment.name, base_dir=base_dir, data_dir=data_dir, task=experiment.task,
        seed=experiment.seed,
    )  # fmt: skip
    task = infer_task(dataset.label) if experiment.task == "auto" else experiment.task
    features = plan_features(dataset, experiment.features, task)
    columns = [column.name for column in dataset.columns] + [dataset.label.name]
    evaluation = settle_evaluation(experiment.evaluation, task, columns)
    if experiment.model.family not in MODEL_FAMILIES:
        raise ConfigError(f"model.family: expected one of {', '.join(MODEL_FAMILIES)}, got {experiment.model.family}")
    key = _run_key(experiment, dataset)
    return RunPlan(experiment, dataset, features, evaluation, _baseline_version(models, key), key)


def _run_key(experiment: Experiment, dataset: Dataset) -> str:
    from components.code_version import code_version

    decisive = {
        "experiment": experiment.model_dump(mode="json", exclude={"run", "schedule", "description"}),
        "data": dataset.fingerprint,
        "code": code_version("pipeline.graph"),
    }
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:16]


def _baseline_version(models: Path, key: str) -> int:
    """Chooses the version in production, unless it came from this very run: then the one that it was compared with.

    Without the exception, repeating a run would compare its model with itself, and nothing would ever be cached.
    """
    current = current_version(models)
    if current is None:
        return 0
    record = read_record(models, current)
    return int(record["baseline_version"]) if record.get("run_key") == key else current
