"""A compiled spec, executed as Kubeflow Pipelines and Vertex AI do, ends in the model of a run on this machine.

``KERASLINE_SPECS=iris_mlp,photos10`` names further recipes that the last test takes through the same, as shipped
or with changes: ``KERASLINE_SPECS_SET='data.limit=2000;training.epochs=2'``, also with the artifacts of a Kubeflow
without ML Metadata: ``KERASLINE_SPECS_RELEASE=next``.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.end_to_end.kubeflow_launcher import Cluster, TaskFailed
from tests.end_to_end.spec_execution import Documents, execute_spec, execute_task
from tests.end_to_end.vertex_backend import Project, build_library, execute_job

pytestmark = [pytest.mark.slow, pytest.mark.long]

COMMAND = [sys.executable, "-m", "kerasline"]
CHANGES = [
    "data.limit=600",
    "evaluation.thresholds={accuracy: {min: 0.2}}",
    "validation.duplicates=off",
]
# The spec is compiled with the first and submitted with the second, which the local run has in its config.
COMPILED = ["training.epochs=1", "training.learning_rate=0.0001"]
SUBMITTED = {"epochs": 3, "learning_rate": 0.002, "pipeline_root": "gs://bucket/elsewhere"}
LOCAL = ["training.epochs=3", "training.learning_rate=0.002"]


def compile_recipe(recipe: str, changes: list[str], folder: Path, *more: str, target: str = "kubeflow") -> Documents:
    """What ``kerasline compile`` writes."""
    words = [
        "--set",
        "run.retries=1",
        "--target",
        target,
        "--image",
        "kerasline:1",
        "--pipeline-root",
        "gs://bucket/root",
    ]
    file = folder / "spec.yaml"
    command = [*COMMAND, "compile", recipe, *shared_words(changes, folder), *words, "-o", str(file), *more]
    subprocess.run(command, check=True, cwd=folder)
    text = file.read_text()
    return [json.loads(text)] if target == "vertex" else list(yaml.safe_load_all(text))


def run_here(recipe: str, changes: list[str], folder: Path) -> dict[str, Any]:
    """The outcome of ``kerasline run``, blessed or not."""
    outcome = folder / "outcome.json"
    command = [*COMMAND, "run", recipe, *shared_words(changes, folder), "--json", str(outcome)]
    subprocess.run(command, check=False, cwd=folder)
    return dict(json.loads(outcome.read_text()))


def shared_words(changes: list[str], folder: Path) -> list[str]:
    """Options of both commands."""
    data = ["--data-dir", os.environ["KERASLINE_DATA"]] if "KERASLINE_DATA" in os.environ else []
    return [*(part for change in changes for part in ("--set", change)), "--workspace", str(folder / "ws"), *data]


def figures_of(cluster: Cluster | Project, outputs: dict[str, Any]) -> dict[str, Any]:
    """The figures of a run's report."""
    return dict(json.loads((cluster.stored(outputs["report"]["report"]["uri"]) / "figures.json").read_text()))


def drift_of(cluster: Cluster, gate: dict[str, Any]) -> list[dict[str, Any]]:
    """What a step of the gate said about drift."""
    checks = json.loads((cluster.stored(gate["verdict"]["uri"]) / "verdict.json").read_text())["checks"]
    return [line for line in checks if line["check"] == "drift"]


@pytest.mark.timeout(1800)
def test_the_spec_pushes_the_model_that_a_local_run_pushes(tmp_path: Path) -> None:
    """With a claim, and a fit that is killed: the next pod continues from the checkpoint that the claim kept."""
    documents = compile_recipe("digits_mlp", [*CHANGES, *COMPILED], tmp_path, "--claim", "disk")
    assert documents[0]["schemaVersion"] == "2.1.0"
    cluster = Cluster(tmp_path / "cluster", claims=("disk",))
    root = cluster.claim("disk") / "elsewhere"

    def has_checkpoint(_: Path) -> bool:
        return any((root / "checkpoints").glob("*.npz"))

    outputs = execute_spec(documents, cluster, SUBMITTED, kill={"train": has_checkpoint})

    assert outputs["push"]["pushed_model"]["metadata"]["pushed"] == 1
    models = root / "models" / "digits_mlp"
    assert [path.name for path in cluster.claim("disk").iterdir()] == ["elsewhere"], "it follows the submission's root"
    assert (models / "1" / "saved_model.pb").is_file()
    assert json.loads((models / "current.json").read_text())["version"] == 1
    assert not any(log for log in cluster.logs.values() if "lies in this step's own file system" in log)
    drift = drift_of(cluster, outputs["validate"])
    assert [(line["status"], line["column"]) for line in drift] == [("skipped", "")], "nothing was in production yet"

    again = execute_task(documents, "validate", outputs, cluster, SUBMITTED)
    text = drift_of(cluster, again)[0]["text"]
    assert "version 1, in production" in text, "the gate looks production up when it runs"
    salt = outputs["push"]["pushed_model"]["uri"].split("/")[-2]
    pushed = execute_task(documents, "push", outputs, cluster, SUBMITTED, salt=salt)["pushed_model"]
    assert pushed["metadata"]["pushed_version"] == "1", "a push that Argo starts again finds its version"

    figures = figures_of(cluster, outputs)
    assert figures["blessed"] is True
    training = figures["experiment"]["training"]
    assert (training["epochs"], training["learning_rate"]) == (3, 0.002), "the report says what was submitted"
    assert len(figures["history"]["loss"]) == 3

    result = run_here("digits_mlp", [*CHANGES, *LOCAL], tmp_path)
    assert figures["metrics"] == pytest.approx(result["metrics"], abs=1e-4)
    assert figures["test_metrics"] == pytest.approx(result["test_metrics"], abs=1e-4)
    assert {step["id"] for step in result["steps"]} == set(outputs)


@pytest.mark.timeout(1800)
def test_the_job_pushes_from_a_bucket_what_a_local_run_pushes(tmp_path: Path) -> None:
    """Whose folders cannot be renamed, which has neither locks nor appends, and which forgets empty folders.

    The recipe is that of a table, since Transform gives what it analyses its name at the end.
    """
    recipe, changes = "wine_mlp", ["training.deterministic=true"]
    library = build_library(tmp_path)
    if library is None:
        pytest.skip("needs a C compiler")
    (job,) = compile_recipe(recipe, changes, tmp_path, target="vertex")
    project = Project(tmp_path / "project", library)
    with pytest.raises(TaskFailed, match="expected the bucket at /gcs/bucket, where Vertex AI mounts it"):
        execute_job(job, project)
    (project.folder / "gcs" / "bucket").mkdir(parents=True)
    (project.folder / "gcs" / "bucket" / "README").touch()

    outputs = execute_job(job, project)

    models = project.folder / "gcs" / "bucket" / "root" / "models" / recipe
    assert outputs["push"]["pushed_model"]["metadata"]["pushed"] == 1
    assert (models / "1" / "saved_model.pb").is_file()
    assert json.loads((models / "current.json").read_text())["version"] == 1
    figures = figures_of(project, outputs)
    result = run_here(recipe, changes, tmp_path)
    assert figures["metrics"] == pytest.approx(result["metrics"], abs=1e-4)
    assert figures["test_metrics"] == pytest.approx(result["test_metrics"], abs=1e-4)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("release", "root", "publishes_logs"),
    [("2.14", "s3://company/kfp", False), ("next", "gs://bucket/runs", True)],
)
def test_the_first_steps_at_other_roots_and_in_other_releases(
    release: str, root: str, publishes_logs: bool, tmp_path: Path
) -> None:
    """The answer in /tmp, as 2.14 wants it; the administrator's logs as an artifact; a cached task's outputs."""
    documents = compile_recipe("iris_mlp", [], tmp_path)
    cluster = Cluster(tmp_path / "cluster", root, release=release, publishes_logs=publishes_logs)
    ingested = {"ingest": execute_task(documents, "ingest", {}, cluster)}
    examples = ingested["ingest"]["examples"]
    assert examples["uri"].startswith(f"{cluster.run_root}/ingest/")
    assert json.loads(examples["metadata"]["split_names"]) == ["train", "eval", "test"]

    another_run = execute_task(documents, "statistics", ingested, cluster)
    folder = cluster.stored(another_run["statistics"]["uri"])
    assert {path.name for path in folder.iterdir()} == {"Split-train", "Split-eval", "Split-test"}


@pytest.mark.timeout(300)
def test_what_does_not_fit_is_said_before_anything_runs(tmp_path: Path) -> None:
    """Without the file's second document, with a claim that is not there, and at a root that has no folder."""
    documents = compile_recipe("iris_mlp", [], tmp_path, "--claim", "disk")
    cluster = Cluster(tmp_path / "cluster", claims=("disk",))
    container = documents[0]["deploymentSpec"]["executors"]["ingest_executor"]["container"]
    facts = json.loads(container["env"][0]["value"])
    container["env"][0]["value"] = json.dumps({**facts, "libraries": {**facts["libraries"], "keras": "3.14.0"}})
    with pytest.raises(TaskFailed, match="expected the claim disk mounted at /gcs/bucket.*both of its documents") as e:
        execute_task(documents[:1], "ingest", {}, cluster)
    assert e.value.code == 2
    assert f"this image has keras {facts['libraries']['keras']} and not 3.14.0, with which" in e.value.text
    with pytest.raises(TaskFailed, match='persistentvolumeclaim "disk" not found'):
        execute_task(documents, "ingest", {}, Cluster(tmp_path / "cluster"))
    with pytest.raises(TaskFailed, match="unsupported scheme"):
        execute_task(documents, "ingest", {}, Cluster(tmp_path / "cluster", "hdfs://host/runs", claims=("disk",)))
    container["env"][0]["value"] = json.dumps({**facts, "version": "99.1"})
    with pytest.raises(TaskFailed, match=r"expected an image with kerasline 99\.1.* but this image has") as e:
        execute_task(documents, "ingest", {}, cluster)
    assert e.value.code == 2


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("recipe", [name for name in os.environ.get("KERASLINE_SPECS", "").split(",") if name])
def test_a_recipe_ends_as_it_does_here(recipe: str, tmp_path: Path) -> None:
    """Without a claim: every step does its work, one killed and tried again; what is lost with a pod is said there."""
    changes = ["training.deterministic=true"]
    changes += [change for change in os.environ.get("KERASLINE_SPECS_SET", "").split(";") if change]
    documents = compile_recipe(recipe, changes, tmp_path)
    cluster = Cluster(tmp_path / "cluster", release=os.environ.get("KERASLINE_SPECS_RELEASE", "2.16"))

    def has_checkpoint(pod: Path) -> bool:
        return any((pod / "gcs" / "bucket" / "root" / "checkpoints").glob("*.npz"))

    figures = figures_of(cluster, execute_spec(documents, cluster, kill={"train": has_checkpoint}))
    assert "a fit that is killed begins anew" in cluster.logs["train"]
    assert "version that is pushed there is lost with the step" in cluster.logs["push"]
    shutil.rmtree(cluster.folder)
    result = run_here(recipe, changes, tmp_path)
    assert figures["blessed"] is (result["status"] == "pushed")
    assert figures["metrics"] == pytest.approx(result["metrics"], abs=1e-3)
    assert figures["test_metrics"] == pytest.approx(result["test_metrics"], abs=1e-3)
