"""TFX's Tuner with an executor that also keeps the trials that failed, and cleans up after a search that ended."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING, Any, cast

from tfx import types
from tfx.components.tuner import component, executor
from tfx.dsl.components.base import executor_spec
from tfx.types import artifact_utils

from kerasline.components.tuning.trials import TRIALS_FILE

if TYPE_CHECKING:
    from kerasline.components.tuning.tuner import ConfigTuner


class SearchExecutor(executor.Executor):
    """Does what TFX's Tuner does.

    Inputs:
      examples, transform_graph: what the trials are fitted on.

    Outputs:
      best_hyperparameters: the winner's values by config key.
      tuner_results: TFX's ``tuner_results.json``, and ``trials.json``: ``best``, the winner's id, and ``trials``, each
        as :func:`kerasline.components.tuning.trials.record.keep_trial` describes it.

    Execution properties:
      tuner_fn: dotted path.
      custom_config: see :func:`kerasline.components.tuning.tuner.tuner_fn`.
    """

    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Searches, and writes the winner and all trials."""
        found = executor.search(input_dict, exec_properties, self._get_tmp_dir(), print_tuning_summary=False)
        # TFX loads the module of tuner_fn anew, so its class is not the very one that is imported here.
        tuner = cast("ConfigTuner", found)
        executor.write_best_hyperparameters(tuner, output_dict)
        folder = artifact_utils.get_single_uri(output_dict["tuner_results"])
        with open(os.path.join(folder, TRIALS_FILE), "w", encoding="utf-8") as file:
            json.dump({"best": tuner.winner()["trial_id"], "trials": tuner.trials}, file)
        shutil.rmtree(tuner.directory, ignore_errors=True)


class ConfigSearch(component.Tuner):
    """TFX's Tuner, whose trials change config keys."""

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(SearchExecutor)
