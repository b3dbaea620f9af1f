"""The search itself: each trial is the Trainer's own fit of the config with a few keys changed."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np
from keras_tuner.engine import base_tuner, trial as trial_module
from pydantic import ValidationError
from tfx.components.trainer.fn_args_utils import FnArgs
from tfx.components.tuner.component import TunerFnResult

from kerasline.components.core import TrainingFailed, progress, rounded
from kerasline.components.fitting import (
    FitData,
    FitSettings,
    KeptModel,
    decode_hyperparameters,
    explain_refusal,
    fit,
    make_reader,
    read_fit_data,
    score,
)
from kerasline.components.tuning.space import TuningOptions, combinations
from kerasline.components.tuning.trials import (
    best_score,
    checkpoint_of,
    choose_winner,
    count_folds,
    forgetting,
    keep_trial,
    make_oracle,
    read_trials,
    remove_lost,
    take_fold,
)

PROJECT = "oracle"
_MOST_COUNTED = 10_001


def tuner_fn(fn_args: FnArgs) -> TunerFnResult:
    """Prepares the search on the train split; its validation part scores the trials.

    Args:
      fn_args: TFX's arguments; ``custom_config`` holds ``settings`` (:class:`FitSettings`) and ``tuning``
        (:class:`TuningOptions`) as JSON, ``start`` (an earlier winner's values by config key, as JSON),
        ``code_version``, and ``searches``, the folder where a search that is killed leaves its trials.

    Raises:
      TrainingFailed: no rows are held out, or the rows of a parallel search do not fit into memory.
    """
    custom = fn_args.custom_config
    settings = FitSettings.model_validate_json(custom["settings"])
    options = TuningOptions.model_validate_json(custom["tuning"])
    reader = make_reader(fn_args.transform_graph_path, settings, [one.plan for one in settings.alternatives])
    data = read_fit_data(reader, fn_args.train_files, settings)
    if not data.has_validation:
        raise TrainingFailed(
            "tuning scores its trials on validation rows, but there are none: set training.validation_fraction above "
            "0, or give the train split more rows"
        )
    if data.train is None and options.parallel > 1:
        raise TrainingFailed(
            "tuning.parallel: expected rows that fit into memory, since all trials read the same, but the data is "
            "larger than training.memory_limit_mb and streams; raise that limit, or use tuning.parallel: 1"
        )
    # How many trials run at a time does not decide what they are.
    wanted = options.model_dump_json(exclude={"parallel"})
    decisive = [custom["settings"], wanted, custom["start"], custom["code_version"]]
    # The folder of the transform graph stands for the data that it was analysed on.
    key = hashlib.sha256(json.dumps([*decisive, fn_args.transform_graph_path]).encode()).hexdigest()[:16]
    folder = os.path.join(custom["searches"], key)
    tuner = ConfigTuner(settings, options, data, folder, json.loads(custom["start"]))
    return TunerFnResult(tuner=tuner, fit_kwargs={})


class ConfigTuner(base_tuner.BaseTuner):
    """Searches over config keys; what it has found so far is in its folder, and a search that was killed goes on.

    Where KerasTuner's environment variables name a chief, it is one of the chief's workers.
    """

    def __init__(
        self,
        settings: FitSettings,
        options: TuningOptions,
        data: FitData,
        folder: str,
        start: Mapping[str, Any] | None = None,
    ) -> None:
        self.settings, self.options, self.data, self.start = settings, options, data, dict(start or {})
        self.folds = count_folds(options.folds, data)
        self.record, self.states = Path(folder, "trials"), Path(folder, "states")
        earlier = self.trials
        spent = sum(entry["seconds"] for entry in earlier) / options.parallel
        super().__init__(
            oracle=make_oracle(settings, options, start, spent),
            directory=folder,
            project_name=PROJECT,
            overwrite=False,
        )
        if self._is_worker():
            self._follow_the_chief()
        elif earlier:
            progress.report("trial", len(earlier), options.max_trials, "taken up again", permanent=True)

    @property
    def trials(self) -> list[dict[str, Any]]:
        """The trials that ended, by number; see :func:`~kerasline.components.tuning.trials.record.keep_trial`."""
        return read_trials(self.record)

    def winner(self) -> dict[str, Any]:
        """Returns the trial to train with; see :func:`~kerasline.components.tuning.trials.record.choose_winner`."""
        return choose_winner(self.trials, self.options.way())

    def get_best_hyperparameters(self, num_trials: int = 1) -> list[keras_tuner.HyperParameters]:
        """Returns the winner's values, which TFX's Tuner hands on, and nothing of others."""
        return [self.oracle.get_trial(self.winner()["trial_id"]).hyperparameters]

    def run_trial(self, trial: trial_module.Trial, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Fits the config with a trial's values; returns the metrics of the weights that it ends with.

        They are averaged over its fits.

        Raises:
          FailedTrialError: a fit failed; KerasTuner records it and goes on.
        """
        objective = self.options.objective
        values = decode_hyperparameters(trial.hyperparameters.values)
        entry: dict[str, Any] = {"trial_id": trial.trial_id, "values": values, "reason": "", "history": {}}
        started = time.monotonic()
        try:
            fits, kept = [], KeptModel() if self.folds > 1 else None
            count = self.options.executions_per_trial * self.folds
            with forgetting():
                for index in range(count):
                    if index % self.folds == 0:
                        # What Keras remembers of earlier models would otherwise add up.
                        keras.backend.clear_session(free_memory=True)
                    with progress.within(self._inside(int(trial.trial_id), index, count)):
                        fits.append(self._execute(values, trial, index, kept))
        except Exception as error:
            self.keep(entry | {"status": "FAILED", "score": None, "reason": _first_line(error)}, started)
            raise keras_tuner.errors.FailedTrialError(str(error)) from error
        metrics = {name: float(np.mean([one["metrics"][name] for one in fits])) for name in fits[0]["metrics"]}
        entry |= {"status": "COMPLETED", "score": metrics[objective], "history": fits[0]["history"]}
        entry["scores"] = [one["metrics"][objective] for one in fits]
        self.keep(entry, started)
        return metrics

    def _execute(
        self, values: dict[str, Any], trial: trial_module.Trial, index: int, kept: KeptModel | None
    ) -> dict[str, Any]:
        epochs = trial.hyperparameters.values.get("tuner/epochs") or self.options.max_epochs
        settings = self.settings.with_changes(values | ({"training.epochs": epochs} if epochs else {}))
        execution, fold = divmod(index, self.folds)
        inputs = [spec.name for spec in settings.plan.inputs()]
        fitted, scored = take_fold(self.data.only(inputs), fold, self.folds, settings)
        settings = settings.model_copy(update={"seed": settings.seed + execution})
        checkpoint = checkpoint_of(trial, index, settings, self.states)
        model, history = fit(settings, fitted, checkpoint=checkpoint, kept=kept)
        metrics = score(model, settings, scored)
        objective = self.options.objective
        if objective not in metrics:
            raise TrainingFailed(
                f"tuning.objective: expected one of the training metrics ({', '.join(metrics)}), got {objective!r}"
            )
        if not np.isfinite(metrics[objective]):
            raise TrainingFailed(f"{objective} is {metrics[objective]}; try a lower training.learning_rate")
        return {"metrics": metrics, "history": history}

    def keep(self, entry: dict[str, Any], started: float) -> None:
        """Records a trial that has ended, and tells of it.

        Args:
          entry: What is kept of the trial, see :func:`kerasline.components.tuning.trials.record.keep_trial`, where
            ``seconds`` are filled in.
          started: When it started, by ``time.monotonic``.
        """
        entry["seconds"] = round(time.monotonic() - started, 3)
        keep_trial(self.record, entry)
        best = best_score(self.trials, self.options.way())
        score = f"failed: {entry['reason']}" if entry["score"] is None else f"{entry['score']:<9.4g}"
        so_far = "" if best is None else f"best {best:<9.4g}"
        values = "  ".join(f"{key} {_show(value)}" for key, value in entry["values"].items())
        text = f"{self.options.objective} {score}  {so_far}  {entry['seconds']:.1f} s  {values}"
        progress.report("trial", int(entry["trial_id"]) + 1, self.options.max_trials, text, permanent=True)

    def _inside(self, number: int, index: int, fits: int) -> Callable[[progress.Progress], progress.Progress]:
        """Tells of the epochs of a trial as a part of it, with the best score so far and the time that is left."""
        ended = self.trials
        best = best_score(ended, self.options.way())
        text = "" if best is None else f"  best {rounded(best)}"
        left = self.options.max_trials - len(ended)
        if ended and left > 0:
            seconds = sum(entry["seconds"] for entry in ended) / len(ended) * left / self.options.parallel
            limit = self.options.budget_seconds()
            text += f"  about {seconds if limit is None else min(seconds, limit):.0f} s left"

        def change(said: progress.Progress) -> progress.Progress:
            if said.activity != "epoch":
                return said
            which = f"fit {index + 1}/{fits}  " if fits > 1 else ""
            inner = f"{which}epoch {said.done}/{said.total}  {said.text}{text}"
            return progress.Progress("trial", number + 1, self.options.max_trials, inner)

        return change

    def on_trial_end(self, trial: trial_module.Trial) -> None:
        """Tells the oracle, and removes what trials that lost have left."""
        super().on_trial_end(trial)
        if not self._is_worker():
            remove_lost(self.oracle, self.states)

    def search(self, *args: Any, **kwargs: Any) -> None:
        """Runs the trials that are left.

        Raises:
          TrainingFailed: no trial completed; TFX's Tuner would hand on arbitrary values.
        """
        if self._is_worker():
            super().search(*args, **kwargs)
            return
        if self.options.algorithm == "grid":
            self._tell_grid()
        if self.options.parallel > 1:
            from kerasline.components.tuning.chief import search_in_parallel

            self.save()
            search_in_parallel(self)
        else:
            super().search(*args, **kwargs)
        trials = self.trials
        broken = getattr(self.oracle, "broken", None)
        if broken is not None:
            raise TrainingFailed(
                f"tuning.algorithm {self.options.algorithm}: expected values for trial {len(trials)}, got "
                f"{type(broken).__name__}: {_first_line(broken)}; use another algorithm"
            ) from broken
        if len(trials) == 1 < self.options.max_trials and self.options.budget is not None:
            text = f"took {trials[0]['seconds']:.0f} s, the whole budget of {self.options.budget}; no other was started"
            progress.report("trial", 1, self.options.max_trials, text, permanent=True)
        if not any(trial["status"] == "COMPLETED" for trial in trials):
            reason = trials[0]["reason"] if trials else "no trial was started"
            raise TrainingFailed(
                f"expected at least one completed trial, but all {len(trials)} failed; the first said: {reason}"
            )

    def _tell_grid(self) -> None:
        """Says how much of the grid the search will see."""
        count = sum(1 for _ in itertools.islice(combinations(self.oracle.get_space().space), _MOST_COUNTED))
        if count + 1 > self.options.max_trials:
            many = f"more than {count - 1}" if count == _MOST_COUNTED else str(count)
            wanted = self.options.max_trials
            text = f"the grid has {many} combinations, of which tuning.max_trials {wanted} takes the first {wanted - 1}"
            progress.report("trial", len(self.trials), wanted, text, permanent=True)

    def _follow_the_chief(self) -> None:
        """Takes trials as the chief has written them: on the way through gRPC numbers lose half of their digits."""
        create = self.oracle.create_trial

        def create_trial(tuner_id: str) -> trial_module.Trial:
            while (trial := create(tuner_id)).status == trial_module.TrialStatus.IDLE:
                time.sleep(0.2)  # KerasTuner asks again at once
            if trial.status == trial_module.TrialStatus.RUNNING:
                stored = trial_module.Trial.load(os.path.join(self.get_trial_dir(trial.trial_id), "trial.json"))
                trial.hyperparameters = stored.hyperparameters
            return trial

        self.oracle.create_trial = create_trial

    def load_model(self, trial: trial_module.Trial) -> keras.Model:
        """Is not part of this search: trials keep no models, and the Trainer fits the winner anew."""
        raise keras_tuner.errors.FatalTypeError("trials keep no models; the Trainer fits the winner's values")


def _first_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return explain_refusal(error)
    return str(error).split("\n")[0] or type(error).__name__


def _show(value: Any) -> str:
    return rounded(value) if isinstance(value, float) else str(value)
