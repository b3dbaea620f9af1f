"""KerasTuner's algorithms, each with the untuned config as its first trial and with an end by count and by time."""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras_tuner
import numpy as np
from keras_tuner.engine import oracle as oracle_module, trial as trial_module

from kerasline.components.fitting import FitSettings
from kerasline.components.tuning.space import (
    TuningOptions,
    combinations,
    declare_space,
    fit_into,
    start_values,
    untuned_values,
)

_MOST_HALVINGS = 3  # so that a first trial has a 27th of the epochs, and says something about the last
_SEED_FOR_0 = 2**31 - 1  # KerasTuner takes 0 for no seed


class ProductOracle(oracle_module.Oracle):
    """Every combination, the last key changing fastest. KerasTuner's own grid loses its place when it is reloaded."""

    first = 1  # the number of the trial that takes the first combination

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Gives the combination that follows from the number of trials so far."""
        index = len(self.start_order) - self.first
        chosen = next(itertools.islice(combinations(self.get_space().space), index, None), None)
        if chosen is None:
            return {"status": trial_module.TrialStatus.STOPPED, "values": None}
        return {"status": trial_module.TrialStatus.RUNNING, "values": chosen}


_ORACLES: dict[str, Any] = {
    "random": keras_tuner.oracles.RandomSearchOracle,
    "grid": ProductOracle,
    "bayesian": keras_tuner.oracles.BayesianOptimizationOracle,
    "hyperband": keras_tuner.oracles.HyperbandOracle,
}


def make_oracle(
    settings: FitSettings, options: TuningOptions, start: Mapping[str, Any] | None = None, spent_seconds: float = 0.0
) -> oracle_module.Oracle:
    """Makes the oracle of the configured algorithm.

    Args:
      settings: The config as it is, which becomes trial 0.
      options: Algorithm, space, objective and limits.
      start: Values by config key that become trial 1 where they differ from the untuned ones.
      spent_seconds: Part of the budget that an interrupted search has used up.

    Returns:
      An oracle that stops after ``max_trials`` trials or when the budget is spent, whichever is first; trials that run
      then are finished.
    """
    seconds = options.budget_seconds()
    begun = time.monotonic() - spent_seconds
    course = _Course(
        given=_first_values(settings, options, start),
        most=options.max_trials,
        begun=begun,
        deadline=None if seconds is None else begun + seconds,
        halves=options.algorithm == "hyperband",
    )
    oracle = _untuned_first(_ORACLES[options.algorithm], course)(**_arguments(settings, options))
    if isinstance(oracle, ProductOracle):
        oracle.first = len(course.given)
    # TFX asks the oracle for its best max_trials trials, which Hyperband's does not set.
    oracle.max_trials = options.max_trials
    oracle.verbose = 0  # the tuner itself tells of trials
    return oracle


def _arguments(settings: FitSettings, options: TuningOptions) -> dict[str, Any]:
    """Returns what KerasTuner's oracles are made with."""
    seed = settings.seed if options.seed is None else options.seed
    arguments: dict[str, Any] = {
        "objective": keras_tuner.Objective(options.objective, options.way()),
        "hyperparameters": declare_space(options.space),
        "allow_new_entries": False,
        "tune_new_entries": False,
        "seed": seed or _SEED_FOR_0,
        # A trial that fails is recorded and the search goes on; that none completed is found at the end.
        "max_consecutive_failed_trials": options.max_trials + 1,
    }
    if options.algorithm == "hyperband":
        arguments["max_epochs"] = options.max_epochs or settings.training.epochs
        # Brackets are started anew until the number of trials is reached.
        arguments["hyperband_iterations"] = options.max_trials
    else:
        arguments["max_trials"] = options.max_trials
    return arguments


def _first_values(
    settings: FitSettings, options: TuningOptions, start: Mapping[str, Any] | None
) -> list[dict[str, Any]]:
    """Returns the values of the trials that no algorithm chooses: the untuned ones, and where the search starts."""
    untuned = untuned_values(settings, options.space)
    started = start_values(untuned, start, options.space) if start else untuned
    return [untuned] if started == untuned else [untuned, started]


@dataclass(frozen=True)
class _Course:
    """How a search begins, and when it ends.

    Attributes:
      given: Values of the first trials.
      most: Number of trials after which it ends.
      begun: When it began, by ``time.monotonic``.
      deadline: After which no trial begins; None for none.
      halves: Whether trials go on from others, in Hyperband's brackets.
    """

    given: Sequence[Mapping[str, Any]]
    most: int
    begun: float
    deadline: float | None
    halves: bool

    def ends_before(self, number: int) -> bool:
        """Whether a trial of this number is one too many; the first runs however late it is."""
        is_late = self.deadline is not None and time.monotonic() > self.deadline
        return number >= self.most or (number > 0 and is_late)

    def trials_left(self, number: int, is_timed: bool) -> int:
        """Counts the trials that will run from this number on.

        Args:
          number: Number of the next trial, above 0.
          is_timed: Whether all trials before it have ended, so that it is known how long they took.
        """
        left = self.most - number
        if self.deadline is None or not is_timed:
            return left
        now = time.monotonic()
        return min(left, int((self.deadline - now) / (now - self.begun) * number))


def _untuned_first(base: Any, course: _Course) -> Any:
    """Makes a class of oracles that begin with given values and end in time.

    Args:
      base: KerasTuner's class of the algorithm.
      course: How the search begins, and when it ends.
    """

    class UntunedFirst(base):
        """The algorithm's oracle, whose first trial is the config as it is.

        Attributes:
          broken: What the algorithm raised where it could not choose values, which ends the search.
        """

        broken: Exception | None = None

        def populate_space(self, trial_id: str) -> dict[str, Any]:
            number = len(self.start_order)
            if course.ends_before(number):
                return {"status": trial_module.TrialStatus.STOPPED, "values": None}
            if number < len(course.given):
                return {"status": trial_module.TrialStatus.RUNNING, "values": dict(course.given[number])}
            if hasattr(self, "_random_state"):
                # KerasTuner does not keep this state; so a search that was killed goes on as if it had not been.
                self._random_state = np.random.RandomState((self.seed + number) % 2**32)
            if course.halves and number == len(course.given):
                _halve_for(self, course.trials_left(number, is_timed=not self.ongoing_trials))
            try:
                values: dict[str, Any] = super().populate_space(trial_id)
                return values
            except Exception as error:
                # Not here: KerasTuner would keep its lock, and every worker would wait for it.
                self.broken = error
                return {"status": trial_module.TrialStatus.STOPPED, "values": None}

        @keras_tuner.synchronized
        def end_trial(self, trial: trial_module.Trial) -> None:
            # What comes back from another process has lost digits on the way.
            trial.hyperparameters = self.trials[trial.trial_id].hyperparameters
            super().end_trial(trial)
            # KerasTuner saves before it takes the trial off the list of those that run, and would run it again.
            self.save()

        def _vectorize_trials(self) -> Any:
            """Computes with the nearest values of the space where the given trials lie outside of it."""
            given = self.start_order[: len(course.given)]
            kept = {number: self.trials[number].hyperparameters.values for number in given}
            try:
                for number, values in kept.items():
                    self.trials[number].hyperparameters.values = fit_into(values, self.get_space().space)
                return super()._vectorize_trials()
            finally:
                for number, values in kept.items():
                    self.trials[number].hyperparameters.values = values

    return UntunedFirst


def _halve_for(oracle: Any, trials: int) -> None:
    """Lets Hyperband's first bracket be the one of most halvings that ends within a number of trials of all epochs.

    KerasTuner's begins with trials of an epoch or two, hundreds of them where the last have hundreds of epochs, of
    which none would go on before the search ends.
    """

    def count(bracket: int) -> int:
        return sum(oracle._get_size(bracket, number) for number in range(bracket + 1))

    possible = range(min(_MOST_HALVINGS + 1, oracle._get_num_brackets()))
    first = max((bracket for bracket in possible if count(bracket) <= trials), default=0)
    oracle.min_epochs = int(oracle.max_epochs / oracle.factor**first)
    oracle._brackets, oracle._current_bracket = [], first
    oracle._start_new_bracket()
