"""The search itself: each trial is the Trainer's own fit of the config with a few keys changed."""

from __future__ import annotations

import hashlib
import json
import os
import time
from typing import Any

import keras
import keras_tuner
import numpy as np
from keras_tuner.engine import base_tuner
from keras_tuner.engine import trial as trial_module
from tfx.components.trainer.fn_args_utils import FnArgs
from tfx.components.tuner.component import TunerFnResult

from components import progress
from components.errors import TrainingFailed
from components.fitting.fit import fit
from components.fitting.reading import make_reader, read_fit_data
from components.fitting.rows import FitData
from components.models.heads import direction
from components.options import TuningOptions
from components.settings import FitSettings, decode_hyperparameters
from components.tuning.oracles import make_oracle

TRIALS_FILE = "trials.json"


def tuner_fn(fn_args: FnArgs) -> TunerFnResult:
    """Prepares the search on the train split; its validation part scores the trials.

    Args:
      fn_args: TFX's arguments; ``custom_config`` holds ``settings`` (:class:`FitSettings`) and ``tuning``
        (:class:`TuningOptions`) as JSON, ``code_version``, and ``searches``, the folder where a search that is killed
        leaves its trials.
    """
    custom = fn_args.custom_config
    settings = FitSettings.model_validate_json(custom["settings"])
    options = TuningOptions.model_validate_json(custom["tuning"])
    reader = make_reader(fn_args.transform_graph_path, settings)
    data = read_fit_data(reader, fn_args.train_files, settings)
    if not data.has_validation:
        raise TrainingFailed(
            "tuning scores its trials on validation rows, but there are none: set training.validation_fraction above "
            "0, or give the train split more rows"
        )
    decisive = [custom[key] for key in ("settings", "tuning", "code_version")]
    # The folder of the transform graph stands for the data that it was analysed on.
    key = hashlib.sha256(json.dumps([*decisive, fn_args.transform_graph_path]).encode()).hexdigest()[:16]
    tuner = ConfigTuner(settings, options, data, os.path.join(custom["searches"], key))
    return TunerFnResult(tuner=tuner, fit_kwargs={})


class ConfigTuner(base_tuner.BaseTuner):
    """Searches over config keys; what it has found so far is in its folder, and a search that was killed goes on.

    Attributes:
      trials: a dict for each finished trial, in the order in which they ran: ``trial_id``, ``status`` (COMPLETED or
        FAILED), ``score`` (None where it failed), ``values``, ``reason``, ``seconds`` and ``history``.
    """

    def __init__(self, settings: FitSettings, options: TuningOptions, data: FitData, folder: str) -> None:
        self._settings, self._options, self._data = settings, options, data
        self._record = os.path.join(folder, TRIALS_FILE)
        self.trials: list[dict[str, Any]] = []
        super().__init__(
            oracle=make_oracle(settings, options), directory=folder, project_name="oracle", overwrite=False
        )
        if os.path.isfile(self._record):
            with open(self._record, encoding="utf-8") as file:
                self.trials = json.load(file)
            progress.report("trial", len(self.trials), options.max_trials, "taken up again", permanent=True)

    def run_trial(self, trial: trial_module.Trial, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Fits the config with a trial's values; returns the metrics of the best epoch, averaged over executions."""
        objective, total = self._options.objective, self._options.max_trials
        values = decode_hyperparameters(trial.hyperparameters.values)
        entry: dict[str, Any] = {"trial_id": trial.trial_id, "values": values, "reason": "", "history": {}}
        shown = "  ".join(f"{key} {_show(value)}" for key, value in values.items())
        number, started = int(trial.trial_id), time.monotonic()
        progress.report("trial", number, total, shown)
        try:
            executions = [self._execute(values, trial, index) for index in range(self._options.executions_per_trial)]
        except Exception as error:
            entry |= {"status": "FAILED", "score": None, "reason": str(error).split("\n")[0]}
            self._keep(entry, started)
            progress.report("trial", number + 1, total, f"failed: {entry['reason']}  {shown}", permanent=True)
            # KerasTuner records the trial as failed and goes on.
            raise keras_tuner.errors.FailedTrialError(str(error)) from error
        metrics = {name: float(np.mean([e["metrics"][name] for e in executions])) for name in executions[0]["metrics"]}
        entry |= {"status": "COMPLETED", "score": metrics[objective], "history": executions[0]["history"]}
        self._keep(entry, started)
        text = f"{objective} {metrics[objective]:.4g} (best {self.best_score():.4g})  {shown}"
        progress.report("trial", number + 1, total, text, permanent=True)
        return metrics

    def _execute(self, values: dict[str, Any], trial: trial_module.Trial, index: int) -> dict[str, Any]:
        keras.backend.clear_session(free_memory=True)
        settings = self._settings.with_changes(values)
        settings = settings.model_copy(update={"seed": settings.seed + index})
        epochs = trial.hyperparameters.values.get("tuner/epochs") or self._options.max_epochs
        _, history = fit(settings, self._data, epochs)
        objective = self._options.objective
        if objective not in history:
            raise TrainingFailed(
                f"tuning.objective: expected one of the training metrics ({', '.join(history)}), got {objective!r}"
            )
        series = history[objective]
        best = int(np.argmax(series) if direction(objective) == "max" else np.argmin(series))
        return {"metrics": {name: values_[best] for name, values_ in history.items()}, "history": history}

    def _keep(self, entry: dict[str, Any], started: float) -> None:
        """Writes the finished trials, as a whole or not at all."""
        entry["seconds"] = round(time.monotonic() - started, 3)
        # A trial that was cut off is run again under its own number.
        self.trials = [t for t in self.trials if t["trial_id"] != entry["trial_id"]] + [entry]
        temporary = f"{self._record}.part"
        with open(temporary, "w", encoding="utf-8") as file:
            json.dump(self.trials, file)
        os.replace(temporary, self._record)

    def best_score(self) -> float:
        """Returns the best score so far."""
        scores = [trial["score"] for trial in self.trials if trial["score"] is not None]
        return float(max(scores) if direction(self._options.objective) == "max" else min(scores))

    def search(self, *args: Any, **kwargs: Any) -> None:
        """Runs the trials that are left.

        Raises:
          TrainingFailed: no trial completed; TFX's Tuner would hand on arbitrary values.
        """
        super().search(*args, **kwargs)
        if not any(trial["status"] == "COMPLETED" for trial in self.trials):
            reason = self.trials[0]["reason"] if self.trials else "no trial was started"
            raise TrainingFailed(
                f"expected at least one completed trial, but all {len(self.trials)} failed; the first said: {reason}"
            )

    def load_model(self, trial: trial_module.Trial) -> keras.Model:
        """Is not part of this search: trials keep no models, and the Trainer fits the winner anew."""
        raise keras_tuner.errors.FatalTypeError("trials keep no models; the Trainer fits the winner's values")


def _show(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
