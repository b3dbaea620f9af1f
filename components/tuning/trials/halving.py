"""Hyperband's successive halving: a trial that is promoted continues the fit of the one that it was promoted from.

So its early epochs are not run again. The state of a fit stays only as long as the trial may still be promoted.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from keras_tuner.engine import oracle as oracle_module, trial as trial_module

from kerasline.components.fitting import CheckpointFile, FitSettings


def checkpoint_of(
    trial: trial_module.Trial, execution: int, settings: FitSettings, folder: Path
) -> CheckpointFile | None:
    """Returns where a trial's fit keeps its state, with that of its predecessor in it; None where it keeps none.

    Args:
      trial: A trial of any algorithm; only Hyperband's have predecessors.
      execution: Number of the trial's fit, from 0.
      settings: Model and training options; the epochs of a second phase depend on those of the first, so such a fit
        starts anew.
      folder: Folder of all states of the search.
    """
    values = trial.hyperparameters.values
    if "tuner/epochs" not in values or settings.training.fine_tune is not None:
        return None
    file = CheckpointFile(str(folder), f"{trial.trial_id}-{execution}")
    predecessor = values.get("tuner/trial_id")
    if predecessor is not None and not os.path.exists(file.path):
        before = CheckpointFile(str(folder), f"{predecessor}-{execution}").path
        if os.path.exists(before):
            os.replace(before, file.path)
    return file


def remove_lost(oracle: oracle_module.Oracle, folder: Path) -> None:
    """Removes the states of trials that will not be promoted any more."""
    if folder.is_dir():
        needed = _needed(oracle)
        for path in folder.iterdir():
            if path.name.split("-")[0] not in needed:
                path.unlink(missing_ok=True)


def _needed(oracle: Any) -> set[str]:
    """Lists the trials whose state somebody may ask for.

    A chief asks without the oracle's lock, which KerasTuner never lets go again after an error.
    """
    # Those that run, or were cut off and wait to be run again, and what they continue.
    waiting = [oracle.trials[number] for number in list(oracle._retry_queue)]
    current = [*list(oracle.ongoing_trials.values()), *waiting]
    needed = {trial.trial_id for trial in current}
    needed |= {trial.hyperparameters.values.get("tuner/trial_id") for trial in current} - {None}
    for bracket in list(getattr(oracle, "_brackets", [])):
        rounds = bracket["rounds"]
        for number, following in enumerate(rounds[1:], start=1):
            if len(following) < oracle._get_size(bracket["bracket_num"], number):
                ended = [entry["id"] for entry in rounds[number - 1]]
                needed |= {one for one in ended if oracle.trials[one].status != trial_module.TrialStatus.FAILED}
    return needed
