"""The hyperparameter search: the Tuner's tuner_fn, which runs the Trainer's own fit for each trial."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import keras
import keras_tuner
from keras_tuner.engine import base_tuner
from keras_tuner.engine import oracle as oracle_module
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


def tuner_fn(fn_args: FnArgs) -> TunerFnResult:
    """Prepares the search on the train split; its validation part scores the trials.

    Args:
      fn_args: TFX's arguments; ``custom_config`` holds ``settings`` (:class:`FitSettings`) and ``tuning``
        (:class:`TuningOptions`) as JSON.
    """
    settings = FitSettings.model_validate_json(fn_args.custom_config["settings"])
    options = TuningOptions.model_validate_json(fn_args.custom_config["tuning"])
    reader = make_reader(fn_args.transform_graph_path, settings)
    data = read_fit_data(reader, fn_args.train_files, settings)
    if not data.has_validation:
        raise TrainingFailed(
            "tuning scores its trials on validation rows, but there are none: set training.validation_fraction above "
            "0, or give the train split more rows"
        )
    return TunerFnResult(tuner=ConfigTuner(settings, options, data, fn_args.working_dir), fit_kwargs={})


class ConfigTuner(base_tuner.BaseTuner):
    """Searches over config keys; trial 0 is the config as it is."""

    def __init__(self, settings: FitSettings, options: TuningOptions, data: FitData, directory: str) -> None:
        self._settings, self._options, self._data = settings, options, data
        self._reasons: dict[str, str] = {}
        super().__init__(
            oracle=make_oracle(settings, options),
            directory=directory,
            project_name="search",
            overwrite=True,
        )

    def run_trial(self, trial: trial_module.Trial, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Fits the config with a trial's values and returns the metrics of its best epoch."""
        keras.backend.clear_session(free_memory=True)
        number, total = len(self.oracle.trials) - 1, self._options.max_trials
        changes = decode_hyperparameters(trial.hyperparameters.values)
        shown = "  ".join(f"{key} {_show(value)}" for key, value in changes.items())
        progress.report("trial", number, total, shown)
        try:
            settings = self._settings.with_changes(changes)
            _, history = fit(settings, self._data, self._options.max_epochs)
        except Exception as error:
            self._reasons[trial.trial_id] = str(error)
            progress.report("trial", number + 1, total, f"{shown}  failed: {error}", permanent=True)
            # KerasTuner counts the trial as invalid and goes on.
            raise keras_tuner.errors.FailedTrialError(str(error)) from error
        objective = self._options.objective
        if objective not in history:
            raise TrainingFailed(
                f"tuning.objective: expected one of the training metrics ({', '.join(history)}), got {objective!r}"
            )
        series = history[objective]
        best = max(series) if direction(objective) == "max" else min(series)
        progress.report("trial", number + 1, total, f"{objective} {best:.4g}  {shown}", permanent=True)
        epoch = series.index(best)
        return {name: values[epoch] for name, values in history.items()}

    def search(self, *args: Any, **kwargs: Any) -> None:
        """Runs every trial.

        Raises:
          TrainingFailed: no trial completed; TFX's Tuner would hand on arbitrary values.
        """
        try:
            super().search(*args, **kwargs)
        except RuntimeError as error:
            if not self._reasons:
                raise
            raise self._no_result() from error
        if not any(trial.status == "COMPLETED" for trial in self.oracle.trials.values()):
            raise self._no_result()

    def _no_result(self) -> TrainingFailed:
        reason = next(iter(self._reasons.values()), "no trial was started")
        return TrainingFailed(
            f"expected at least one completed trial, but all {len(self.oracle.trials)} failed; the first said: {reason}"
        )

    def load_model(self, trial: trial_module.Trial) -> keras.Model:
        """Is not part of this search: the Trainer fits the winner anew."""
        raise keras_tuner.errors.FatalTypeError("trials keep no models; the Trainer fits the winner's values")


def _show(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def make_oracle(settings: FitSettings, options: TuningOptions) -> oracle_module.Oracle:
    """Makes the oracle of the configured algorithm, with the untuned config as its first trial."""
    seed = options.seed if options.seed is not None else settings.seed
    arguments: dict[str, Any] = {
        "objective": keras_tuner.Objective(options.objective, direction(options.objective)),
        "hyperparameters": declare_space(options.space),
        "allow_new_entries": False,
        "tune_new_entries": False,
        "seed": seed,
        "max_trials": options.max_trials,
    }
    base = _ORACLES[options.algorithm]
    untuned = untuned_values(settings, options.space)

    class UntunedFirst(base):  # type: ignore[misc, valid-type]
        """The algorithm's oracle, whose first trial is the config as it is."""

        def populate_space(self, trial_id: str) -> dict[str, Any]:
            if not self.start_order:
                return {"status": trial_module.TrialStatus.RUNNING, "values": dict(untuned)}
            return super().populate_space(trial_id)

    return UntunedFirst(**arguments)


_ORACLES: dict[str, Any] = {
    "random": keras_tuner.oracles.RandomSearchOracle,
    "grid": keras_tuner.oracles.GridSearchOracle,
    "bayesian": keras_tuner.oracles.BayesianOptimizationOracle,
}


def declare_space(space: Mapping[str, Mapping[str, Any]]) -> keras_tuner.HyperParameters:
    """Turns the recipe's space into KerasTuner's hyperparameters, named by config key."""
    hyperparameters = keras_tuner.HyperParameters()
    for key, spec in space.items():
        if "choice" in spec:
            hyperparameters.Choice(key, [encode_choice(value) for value in spec["choice"]])
        elif "float" in spec:
            low, high = spec["float"]
            hyperparameters.Float(
                key, low, high, step=spec.get("step"), sampling="log" if spec.get("log") else "linear"
            )
        elif "int" in spec:
            low, high = spec["int"]
            sampling = "log" if spec.get("log") or spec.get("scale") == "log" else "linear"
            hyperparameters.Int(key, low, high, step=spec.get("step"), sampling=sampling)
        else:
            hyperparameters.Boolean(key)
    return hyperparameters


def encode_choice(value: Any) -> Any:
    """Gives a list or mapping the form of JSON text, since KerasTuner knows numbers, text and booleans only."""
    return json.dumps(value) if isinstance(value, (list, tuple, dict)) else value


def untuned_values(settings: FitSettings, space: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the config's own value for each key of the space."""
    config = settings.model_dump(mode="json")
    values = {}
    for key in space:
        place: Any = config
        for part in key.split("."):
            place = place.get(part) if isinstance(place, dict) else None
        values[key] = encode_choice(place)
    return values
