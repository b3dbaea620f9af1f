"""KerasTuner's algorithms, each with the untuned config as its first trial and with an end by count and by time."""

from __future__ import annotations

import itertools
import time
from typing import Any

import keras_tuner
from keras_tuner.engine import oracle as oracle_module
from keras_tuner.engine import trial as trial_module

from components.models.heads import direction
from components.options import TuningOptions
from components.settings import FitSettings
from components.tuning.space import declare_space, untuned_values


class ProductOracle(oracle_module.Oracle):
    """Every combination, the last key changing fastest. KerasTuner's own grid loses its place when it is reloaded."""

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Gives the combination that follows from the number of trials so far; trial 0 is not part of the grid."""
        space = self.get_space().space
        combinations = itertools.product(*(hyperparameter.values for hyperparameter in space))
        index = len(self.start_order) - 1
        chosen = next(itertools.islice(combinations, index, None), None)
        if chosen is None:
            return {"status": trial_module.TrialStatus.STOPPED, "values": None}
        names = [hyperparameter.name for hyperparameter in space]
        return {"status": trial_module.TrialStatus.RUNNING, "values": dict(zip(names, chosen, strict=True))}


_ORACLES: dict[str, Any] = {
    "random": keras_tuner.oracles.RandomSearchOracle,
    "grid": ProductOracle,
    "bayesian": keras_tuner.oracles.BayesianOptimizationOracle,
    "hyperband": keras_tuner.oracles.HyperbandOracle,
}


def make_oracle(settings: FitSettings, options: TuningOptions) -> oracle_module.Oracle:
    """Makes the oracle of the configured algorithm.

    Args:
      settings: the config as it is, which becomes trial 0.
      options: algorithm, space, objective and limits.

    Returns:
      An oracle that stops after ``max_trials`` trials or when the budget is spent, whichever is first; the trial that
      runs then is finished.
    """
    arguments: dict[str, Any] = {
        "objective": keras_tuner.Objective(options.objective, direction(options.objective)),
        "hyperparameters": declare_space(options.space),
        "allow_new_entries": False,
        "tune_new_entries": False,
        "seed": settings.seed if options.seed is None else options.seed,
        # A trial that fails is recorded and the search goes on; that none completed is found at the end.
        "max_consecutive_failed_trials": options.max_trials + 1,
    }
    if options.algorithm == "hyperband":
        arguments["max_epochs"] = options.max_epochs or settings.training.epochs
        # Brackets are started anew until the number of trials is reached.
        arguments["hyperband_iterations"] = options.max_trials
    else:
        arguments["max_trials"] = options.max_trials
    base = _ORACLES[options.algorithm]
    untuned = untuned_values(settings, options.space)
    seconds = options.budget_seconds()
    deadline = None if seconds is None else time.monotonic() + seconds

    class UntunedFirst(base):  # type: ignore[misc, valid-type]
        """The algorithm's oracle, whose first trial is the config as it is."""

        def populate_space(self, trial_id: str) -> dict[str, Any]:
            if not self.start_order:
                return {"status": trial_module.TrialStatus.RUNNING, "values": dict(untuned)}
            if len(self.start_order) >= options.max_trials or (deadline is not None and time.monotonic() > deadline):
                return {"status": trial_module.TrialStatus.STOPPED, "values": None}
            return super().populate_space(trial_id)

    oracle = UntunedFirst(**arguments)
    # TFX asks the oracle for its best max_trials trials, which Hyperband's does not set.
    oracle.max_trials = options.max_trials
    return oracle
