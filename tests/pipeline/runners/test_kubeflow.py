"""Compiled specs: what the recipe's ``run:`` block puts into them, custom jobs of Vertex AI, and another span."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml

from kerasline.components.core.errors import ConfigError
from kerasline.pipeline.cli.commands.cloud import LOOK_UP_LATER
from kerasline.pipeline.config.experiment import parse_experiment
from kerasline.pipeline.container.artifact_types import KNOWN, title_of
from kerasline.pipeline.container.given_values import read_values
from kerasline.pipeline.container.runtime_parameters import put_in_place
from tests.end_to_end.kubeflow_launcher import Cluster
from tests.end_to_end.spec_execution import execute_task, parameters_of

pytestmark = pytest.mark.slow

ROOT = "gs://bucket/root"
Compile = Callable[..., dict[str, Any]]
SEARCH = {"algorithm": "random", "max_trials": 2, "max_epochs": 1}


@pytest.fixture
def compile_recipe(tmp_path: Path) -> Compile:
    """Compiles a recipe in this process, and returns what the file holds (a list, where it has several documents)."""
    from kerasline.pipeline.plan.planning import plan_run
    from kerasline.pipeline.runners.kubeflow import compile_pipeline

    def call(target: str, run: Mapping[str, Any], *, claim: str | None = None, **recipe: Any) -> Any:
        block = {"name": "flowers", "data": {"dataset": "iris"}, "run": run, **recipe}
        experiment = parse_experiment(block, [], str(tmp_path / "flowers.yaml"))
        plan = plan_run(experiment, tmp_path, None, tmp_path / "models" / "flowers")
        plan = dataclasses.replace(plan, baseline_version=LOOK_UP_LATER)
        output = tmp_path / "flowers.out"
        compile_pipeline(plan, target, "registry/k:1", f"{ROOT}/", output, base_dir=tmp_path, claim=claim)
        documents = list(yaml.safe_load_all(output.read_text()))
        return documents if claim else documents[0]

    return call


def container(spec: dict[str, Any], step: str) -> dict[str, Any]:
    """What runs a step."""
    return spec["deploymentSpec"]["executors"][f"{step}_executor"]["container"]


def parameters(spec: dict[str, Any], step: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """What TFX's entry point gets of a step's parameters."""
    inputs = spec["root"]["dag"]["tasks"][step]["inputs"]["parameters"]
    return put_in_place(
        {
            key: values[source["componentInputParameter"]]
            if "componentInputParameter" in source
            else source["runtimeValue"]["constant"]
            for key, source in inputs.items()
        }
    )


@pytest.fixture
def jobs(compile_recipe: Compile) -> dict[str, Any]:
    """A PipelineJob whose training and search are custom jobs."""
    run = {
        "labels": {"team": "plants"},
        "service_account": "robot@shop",
        "network": "projects/1/global/networks/n",
        "custom_jobs": {
            "train": {"machine": "a2-highgpu-1g", "accelerator": "NVIDIA_TESLA_A100", "spot": True, "disk_gb": 200},
            "tune": {"machine": "ct5lp-hightpu-4t", "tpu_topology": "2x2", "max_hours": 1.5},
        },
    }
    return compile_recipe("vertex", run, tuning=SEARCH)


def test_training_and_the_search_as_custom_jobs(jobs: dict[str, Any]) -> None:
    """The steps start TFX's executor of jobs, which gets machine, image and account; Google's messages take them."""
    from google.cloud import aiplatform_v1
    from google.protobuf import json_format
    from kfp.pipeline_spec import pipeline_spec_pb2

    assert (jobs["serviceAccount"], jobs["network"]) == ("robot@shop", "projects/1/global/networks/n")
    assert jobs["labels"]["team"] == "plants" and "tfx_version" in jobs["labels"]
    assert jobs["runtimeConfig"]["gcsOutputDirectory"] == ROOT
    spec = jobs["pipelineSpec"]
    json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())
    sides = [c.get(side, {}) for c in spec["components"].values() for side in ("inputDefinitions", "outputDefinitions")]
    types = [kind["artifactType"] for side in sides for kind in side.get("artifacts", {}).values()]
    assert {title_of(kind) for kind in types} == KNOWN, "the types that a step takes"
    executors = {step: container(spec, step)["args"][1] for step in ("train", "tune", "evaluate")}
    assert executors == {
        "train": "kerasline.components.training.cloud_job.FitJob",
        "tune": "kerasline.components.tuning.cloud_job.SearchJob",
        "evaluate": "tfx.components.evaluator.executor.Executor",
    }
    values = read_values(spec, [], {"project": "shop", "region": "europe-west4"})
    told = {step: json.loads(parameters(spec, step, values)["custom_config"]) for step in ("train", "tune")}
    for config in told.values():
        assert config["ai_platform_enable_vertex"] is True
        assert config["ai_platform_vertex_region"] == "europe-west4"
        assert config["ai_platform_training_args"].pop("project") == "shop"
        assert "settings" in config
    train, tune = (aiplatform_v1.CustomJob(told[step]["ai_platform_training_args"]) for step in ("train", "tune"))
    assert (train.display_name, dict(train.labels)) == ("flowers-train", {"team": "plants"})
    (pool,) = train.job_spec.worker_pool_specs
    assert (pool.replica_count, pool.container_spec.image_uri) == (1, "registry/k:1")
    assert (pool.machine_spec.machine_type, pool.machine_spec.accelerator_count) == ("a2-highgpu-1g", 1)
    assert pool.machine_spec.accelerator_type.name == "NVIDIA_TESLA_A100"
    assert pool.disk_spec.boot_disk_size_gb == 200
    assert train.job_spec.scheduling.strategy.name == "SPOT"
    assert (train.job_spec.service_account, train.job_spec.network) == (jobs["serviceAccount"], jobs["network"])
    (pool,) = tune.job_spec.worker_pool_specs
    assert (pool.machine_spec.machine_type, pool.machine_spec.tpu_topology) == ("ct5lp-hightpu-4t", "2x2")
    assert pool.machine_spec.accelerator_type.name == "ACCELERATOR_TYPE_UNSPECIFIED"
    assert tune.job_spec.scheduling.timeout.total_seconds() == 5400


class Jobs(BaseHTTPRequestHandler):
    """The part of Vertex AI's API that a custom job needs: it is taken, and has succeeded when one asks."""

    posted: ClassVar[list[tuple[str, Any]]]

    def do_POST(self) -> None:  # noqa: N802 (the library's name)
        """Takes it."""
        self.posted.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
        self._answer("JOB_STATE_PENDING")

    def do_GET(self) -> None:  # noqa: N802 (the library's name)
        """Tells of it."""
        self._answer("JOB_STATE_SUCCEEDED")

    def _answer(self, state: str) -> None:
        text = json.dumps({"name": "projects/1/locations/europe-west4/customJobs/7", "state": state}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Keeps the test's output clean."""


@pytest.mark.usefixtures("robot")
def test_the_step_starts_the_job_with_the_command_that_it_would_have_run(
    jobs: dict[str, Any],
    serve: Callable[[type[BaseHTTPRequestHandler]], str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Through TFX's executor and Google's client, whose address alone is another."""
    from tfx.extensions.google_cloud_ai_platform import training_clients
    from tfx.types import standard_artifacts
    from tfx.utils import import_utils

    from kerasline.pipeline.cloud.vertex import make_client

    class Fresh(Jobs):
        posted: ClassVar[list[tuple[str, Any]]] = []

    address = serve(Fresh)
    asked: set[str] = set()

    def client(client_options: Mapping[str, str]) -> Any:
        asked.add(client_options["api_endpoint"])
        return make_client("JobServiceClient", "europe-west4", address)

    monkeypatch.setattr(training_clients.gapic, "JobServiceClient", client)
    examples, results = standard_artifacts.Examples(), standard_artifacts.TunerResults()
    examples.uri, results.uri = "/gcs/bucket/examples", "/gcs/bucket/results"
    for step, module in (("tune", "kerasline.components.tuning.cloud_job.SearchInJob"),
                         ("train", "kerasline.components.training.cloud_job.FitInJob")):  # fmt: skip
        spec = jobs["pipelineSpec"]
        values = read_values(spec, ["epochs=9"], {"project": "shop", "region": "europe-west4"})
        executor = import_utils.import_class_by_path(container(spec, step)["args"][1])()
        executor.Do({"examples": [examples]}, {"tuner_results": [results]}, parameters(spec, step, values))
        path, body = Fresh.posted.pop()
        assert path.partition("?")[0] == "/v1/projects/shop/locations/europe-west4/customJobs"
        (pool,) = body["jobSpec"]["workerPoolSpecs"]
        assert pool["containerSpec"]["imageUri"] == "registry/k:1"
        command = pool["containerSpec"]["command"]
        assert command[:5] == ["python", "-m", "tfx.scripts.run_executor", "--executor_class_path", module]
        assert "/gcs/bucket/examples" in command[6] and "/gcs/bucket/results" in command[8]
        config = json.loads(json.loads(command[10])["custom_config"])
        assert json.loads(config["settings"])["training"]["epochs"] == 9, "what was submitted reaches the job"
    assert asked == {"europe-west4-aiplatform.googleapis.com"}


@pytest.mark.parametrize(
    ("target", "run", "message"),
    [
        ("vertex", {"custom_jobs": {"train": {"accelerator": "nvidia-tesla-t4"}}}, "Did you mean 'NVIDIA_TESLA_T4'"),
        ("vertex", {"custom_jobs": {"tune": {}}}, r"run.custom_jobs: expected steps of this recipe \(.*\), got 'tune'"),
        ("kubeflow", {"custom_jobs": {"train": {}}}, "run.custom_jobs: expected --target vertex, got kubeflow"),
        ("vertex", {"resources": {"train": {"accelerator": "TPU_V33"}}}, "run.resources.train.accelerator: .*'TPU_V3'"),
        ("kubeflow", {"resources": {"train": {"accelerator": "TPU_V3"}}}, "Kubernetes resource such as nvidia.com/gpu"),
        ("kubeflow", {"resources": {"trian": {"cpu": 2}}}, "run.resources: .* got 'trian'. Did you mean 'train'"),
    ],
)
def test_what_is_refused(
    compile_recipe: Compile, tmp_path: Path, target: str, run: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        compile_recipe(target, run)
    assert not list(tmp_path.glob("*flowers.out*")), "nothing is half-written"


def test_a_network_that_cannot_be_built_is_refused(
    compile_recipe: Compile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As before a run on this machine; over there the search or the fit would end, after seven steps."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "mine.py").write_text("def build(config, inputs, output):\n    return output.nothing\n")
    with pytest.raises(ConfigError, match="model.build mine:build raised AttributeError"):
        compile_recipe("vertex", {}, model={"family": "custom", "build": "mine:build"})
    assert not list(tmp_path.glob("*flowers.out*"))


def test_kubeflow_mounts_a_claim_in_every_step(compile_recipe: Compile) -> None:
    resources = {"train": {"cpu": 4, "memory_gb": 16, "accelerator": "nvidia.com/gpu", "accelerator_count": 2}}
    spec, platform = compile_recipe("kubeflow", {"resources": resources, "retries": 2, "cache": False}, claim="disk")
    assert container(spec, "train")["resources"] == {
        "cpuLimit": 4.0, "memoryLimit": 16.0, "accelerator": {"type": "nvidia.com/gpu", "count": "2"}
    }  # fmt: skip
    tasks = spec["root"]["dag"]["tasks"].values()
    waits = {"backoffDuration": "30s", "backoffFactor": 2.0, "backoffMaxDuration": "604800s"}
    assert all(task["retryPolicy"] == {"maxRetryCount": 2, **waits} for task in tasks), "as with 0 Argo tries none"
    assert {task["cachingOptions"]["enableCache"] for task in tasks} == {False}
    mounts = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert mounts.keys() == spec["deploymentSpec"]["executors"].keys()
    mount = {"mountPath": "/gcs/bucket", "pvcNameParameter": {"runtimeValue": {"constant": "disk"}}}
    assert all(executor == {"pvcMount": [mount]} for executor in mounts.values())
    (told,) = {container(spec, step)["env"][0]["value"] for step in spec["root"]["dag"]["tasks"]}
    assert json.loads(told).items() >= {"target": "kubeflow", "mount": "/gcs/bucket", "claim": "disk"}.items()


@pytest.mark.timeout(300)
def test_a_wide_table_fits_what_a_command_takes(compile_recipe: Compile, tmp_path: Path) -> None:
    """Every step is told of 400 columns in one argument of less than 128 KiB; a table of 200 did not begin."""
    header = [f"sensor_{i}_reading" for i in range(400)]
    rows = [",".join(f"{(i * 7 + row) % 13 / 10}" for i in range(400)) for row in range(40)]
    lines = [f"{text},{'yes' if row % 2 else 'no'}" for row, text in enumerate(rows)]
    (tmp_path / "wide.csv").write_text("\n".join([",".join([*header, "y"]), *lines]))
    spec = compile_recipe("kubeflow", {}, data={"csv": {"path": "wide.csv", "label": "y"}})
    for step in spec["root"]["dag"]["tasks"]:
        assert len(json.dumps(parameters_of(spec, step, {}))) < 48 * 1024, step
    cluster = Cluster(tmp_path / "cluster")
    examples = execute_task([spec], "ingest", {}, cluster)["examples"]
    assert json.loads(examples["metadata"]["split_names"]) == ["train", "eval", "test"]


@pytest.mark.timeout(300)
def test_ingest_reads_the_span_of_the_submission(compile_recipe: Compile, tmp_path: Path) -> None:
    """The spec was compiled when there were two spans; the third came later, and is what the step reads."""
    import tensorflow as tf

    def write(span: int, rows: int) -> None:
        folder = tmp_path / "in" / f"span-{span}"
        folder.mkdir(parents=True)
        lines = [f"{span}.{i:03d},{'yes' if i % 2 else 'no'}\n" for i in range(rows)]
        (folder / "a.csv").write_text("x,y\n" + "".join(lines))

    for span in (1, 2):
        write(span, 60)
    data = {"spans": {"pattern": "in/span-{SPAN}/*.csv", "label": "y", "window": 1}}
    spec = compile_recipe("kubeflow", {}, data=data)
    assert spec["root"]["inputDefinitions"]["parameters"]["span"]["defaultValue"] == "2"
    write(3, 80)
    values = read_values(spec, ["span=3"], {})
    cluster = Cluster(tmp_path / "cluster")
    folder = cluster.stored(execute_task([spec], "ingest", {}, cluster, values)["examples"]["uri"])
    records = tf.data.TFRecordDataset([str(p) for p in folder.glob("Split-*/*.gz")], "GZIP").as_numpy_iterator()
    rows = [tf.train.Example.FromString(record).features.feature["x"].float_list.value[0] for record in records]
    assert len(rows) == 80
    assert {int(x) for x in rows} == {3}
