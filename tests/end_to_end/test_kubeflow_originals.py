"""A compiled spec, executed by Kubeflow's own driver and launcher.

``python -m tools.kubeflow CHECKOUT`` builds them from the sources of kubeflow/pipelines; ``tools/kubeflow.py`` says how
far this goes. It needs root, for the pods' own root folders, and ``openssl``.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.kubeflow_launcher import Cluster
from tests.end_to_end.kubeflow_originals import Originals
from tests.end_to_end.kubeflow_services import running_services
from tests.end_to_end.spec_execution import execute_task
from tests.end_to_end.test_compiled_spec import CHANGES, compile_recipe, run_here
from tools.kubeflow import are_there, programs_folder

pytestmark = [
    pytest.mark.slow,
    pytest.mark.long,
    pytest.mark.skipif(not are_there(), reason="python -m tools.kubeflow has not built Kubeflow's driver and launcher"),
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
]


def form_of(asked: Any) -> Any:
    """What a step was given, with names of kinds in place of what differs from run to run."""
    if isinstance(asked, dict):
        return {key: form_of(value) for key, value in asked.items() if key != "executor-logs"}
    if isinstance(asked, list):
        return [form_of(value) for value in asked]
    return type(asked).__name__


@pytest.mark.timeout(3600)
def test_kubeflows_own_programs_push_the_model_that_a_local_run_pushes(tmp_path: Path) -> None:
    """With a claim, and a fit that is killed and tried again; another run takes what has not changed from the first."""
    changes = [*CHANGES, "training.epochs=3", "training.deterministic=true"]
    documents = compile_recipe("digits_mlp", changes, tmp_path, "--claim", "disk")
    with running_services(tmp_path) as services:
        cluster = Originals(programs_folder(), tmp_path, services)
        root = cluster.claim("disk") / "root"
        cluster.execute(documents, kill={"train": lambda _: any((root / "checkpoints").glob("*.npz"))})
        assert (root / "models" / "digits_mlp" / "1" / "saved_model.pb").is_file()
        (report,) = services.store.glob("mlpipeline/v2/artifacts/digits-mlp/*/report/*/report/figures.json")
        figures = json.loads(report.read_text())
        result = run_here("digits_mlp", changes, tmp_path)
        assert figures["blessed"] is True
        assert figures["metrics"] == pytest.approx(result["metrics"], abs=1e-6)
        assert figures["test_metrics"] == pytest.approx(result["test_metrics"], abs=1e-6)

        again = Originals(programs_folder(), tmp_path, services)
        again.begin(documents)
        for step in ("ingest", "statistics", "schema", "transform", "baseline"):
            again.run_task(documents, step)
        assert again.cached == {"ingest", "statistics", "schema", "transform"}, "production is looked up anew"


@pytest.mark.timeout(1200)
def test_the_imitation_gives_a_step_what_the_originals_give(tmp_path: Path) -> None:
    """The same keys, with values of the same kinds."""
    documents = compile_recipe("iris_mlp", [], tmp_path)
    with running_services(tmp_path) as services:
        originals = Originals(programs_folder(), tmp_path, services)
        originals.begin(documents)
        imitation = Cluster(tmp_path / "cluster", publishes_logs=True)
        outputs: dict[str, Any] = {}
        for step in ("ingest", "statistics"):
            originals.run_task(documents, step)
            outputs[step] = execute_task(documents, step, outputs, imitation)
            assert form_of(imitation.asked[step]) == form_of(originals.asked[step])
