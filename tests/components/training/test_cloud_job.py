"""What a custom job of Vertex AI runs is told what the step was told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tfx.extensions.google_cloud_ai_platform.trainer import executor
from tfx.types import standard_artifacts

from kerasline.components.core.packing import unpack_properties
from kerasline.components.training.cloud_job import FitInJob, FitJob
from kerasline.components.tuning.cloud_job import SearchInJob, SearchJob

SETTINGS = json.dumps([{"name": f"reading {number}", "kind": "numeric"} for number in range(2_000)])
JOB = {"ai_platform_enable_vertex": True, "ai_platform_training_args": {"project": "p", "job_spec": {}}}
MOST_BYTES = 128 * 1024  # of an argument


@pytest.mark.parametrize(("job", "inside"), [(FitJob, FitInJob), (SearchJob, SearchInJob)])
def test_a_command_of_many_columns_fits(job: type, inside: type, monkeypatch: pytest.MonkeyPatch) -> None:
    """TFX's own executor starts it; what follows is the service."""
    started: list[Any] = []
    monkeypatch.setattr(executor.runner, "start_cloud_training", lambda *told: started.extend(told))
    properties = {"run_fn": "module:function", "custom_config": json.dumps({**JOB, "settings": SETTINGS})}
    assert len(SETTINGS) < MOST_BYTES < len(json.dumps(properties)), "which is quoted twice"
    job().Do({}, {}, properties)
    told, path, arguments = started[2:5]
    assert path == f"{inside.__module__}.{inside.__qualname__}"
    assert arguments == JOB["ai_platform_training_args"]
    assert len(json.dumps(told)) < MOST_BYTES / 4
    assert json.loads(unpack_properties(told)["custom_config"]) == {**JOB, "settings": SETTINGS}


def test_the_job_trains_with_what_the_step_was_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "module_of_a_test.py").write_text(
        "import json, pathlib\n"
        "def run_fn(told):\n"
        "    for folder in (told.serving_model_dir, told.model_run_dir):\n"
        "        pathlib.Path(folder).mkdir(parents=True)\n"
        "    pathlib.Path(told.model_run_dir, 'told.json').write_text(json.dumps(told.custom_config))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    examples, model, record = standard_artifacts.Examples(), standard_artifacts.Model(), standard_artifacts.ModelRun()
    examples.split_names = '["train", "eval"]'
    for artifact, name in ((examples, "examples"), (model, "model"), (record, "model_run")):
        artifact.uri = str(tmp_path / name)
    step = {"run_fn": "module_of_a_test.run_fn", "custom_config": json.dumps({**JOB, "settings": SETTINGS})}
    packed: list[Any] = []
    monkeypatch.setattr(executor.runner, "start_cloud_training", lambda *told: packed.append(told[2]))
    FitJob().Do({}, {}, step)

    outputs = {"model": [model], "model_run": [record]}
    FitInJob().Do({"examples": [examples]}, outputs, {**packed[0], "train_args": "{}", "eval_args": "{}"})
    assert json.loads((tmp_path / "model_run" / "told.json").read_text()) == {**JOB, "settings": SETTINGS}
