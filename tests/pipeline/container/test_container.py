"""The container's entry point: buckets reached as folders, and named as buckets again."""

from __future__ import annotations

import json
import os
import pwd
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from kerasline.components.beam import choose_batches
from kerasline.components.core import CACHE_VARIABLE, cache_folder, prepare_libraries
from kerasline.components.core.errors import ConfigError
from kerasline.components.datasets import resolve
from kerasline.components.datasets.description.options import DataOptions
from kerasline.pipeline.container import entry as container
from kerasline.pipeline.container.compiled_for import VARIABLE, describe
from kerasline.pipeline.container.data_places import check_data
from kerasline.pipeline.container.own_disk import settle_cache
from kerasline.pipeline.container.runtime_parameters import COMPILED


def test_uris_become_paths_and_paths_uris(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At any depth, and inside JSON that is text; where the launcher has made no folder, nothing is changed."""
    monkeypatch.setattr(container, "MOUNTS", str(tmp_path))
    (tmp_path / "gcs").mkdir()
    (tmp_path / "minio").mkdir()
    asked = {"a": ["gs://bucket/x", 3, None, "minio://b/z", "s3://b/z"], "b": {"c": '{"folder": "gs://bucket/y"}'}}
    changed = container.change_strings(asked, container.to_folder)
    assert changed == {
        "a": [f"{tmp_path}/gcs/bucket/x", 3, None, f"{tmp_path}/minio/b/z", "s3://b/z"],
        "b": {"c": f'{{"folder": "{tmp_path}/gcs/bucket/y"}}'},
    }
    assert container.change_strings(changed["a"], container.to_uri) == asked["a"]


def test_what_only_looks_like_a_place_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Classes of a label, the schema's text and a query, at any depth, and in JSON within JSON."""
    monkeypatch.setattr(container, "MOUNTS", str(tmp_path))
    (tmp_path / "gcs").mkdir()
    plan = json.dumps({"classes": ["gs://high", "low"], "missing_words": {"a": ["gs://"]}, "weights": "gs://b/w.keras"})
    asked = {"parameterValues": {
        "classes": '["gs://high", "low"]', "schema": 'value: "gs://high"', "custom_config": json.dumps({"plan": plan}),
        "dataset": json.dumps({"label": {"classes": ["gs://high"]}, "query": "SELECT 'gs://b/x'"}),
    }}  # fmt: skip
    told = container.with_folders(asked, {"target": "vertex"})["parameterValues"]
    changed = told.pop("custom_config")
    assert told == {name: text for name, text in asked["parameterValues"].items() if name != "custom_config"}
    assert json.loads(json.loads(changed)["plan"]) == {**json.loads(plan), "weights": f"{tmp_path}/gcs/b/w.keras"}


def test_what_a_step_writes_is_told_as_uris(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The entry point sees paths, the backend URIs."""
    monkeypatch.setattr(container, "MOUNTS", str(tmp_path))
    (tmp_path / "gcs").mkdir()
    compiled = {"values": {"pipeline_root": "gs://bucket/root"}}
    values = {"models": "gs://bucket/root/models/x", "pipeline_root": "gs://bucket/new", COMPILED: json.dumps(compiled)}
    request = {
        "inputs": {"parameterValues": values},
        "outputs": {"outputFile": "gs://bucket/out.json", "artifacts": {"x": {"uri": "gs://bucket/x"}}},
    }
    monkeypatch.setattr(sys, "argv", ["container", "--json_serialized_invocation_args", json.dumps(request)])
    seen: dict[str, object] = {}

    def entry_point(module: str, **_: object) -> None:
        seen.update(json.loads(sys.argv[2]), module=module)
        (tmp_path / "gcs" / "bucket").mkdir()
        (tmp_path / "gcs" / "bucket" / "out.json").write_text(json.dumps({"uri": f"{tmp_path}/gcs/bucket/x"}))

    monkeypatch.setattr(container.runpy, "run_module", entry_point)
    container.main()
    assert seen["module"] == "tfx.orchestration.kubeflow.v2.container.kubeflow_v2_run_executor"
    assert seen["outputs"]["artifacts"]["x"]["uri"] == f"{tmp_path}/gcs/bucket/x"  # type: ignore[index]
    given = seen["inputs"]["parameterValues"]  # type: ignore[index]
    assert given == {"models": f"{tmp_path}/gcs/bucket/new/models/x"}, "TFX hears of no parameter but its own"
    assert json.loads((tmp_path / "gcs" / "bucket" / "out.json").read_text()) == {"uri": "gs://bucket/x"}


def test_data_that_the_step_does_not_find_are_said_before_anything_loads(tmp_path: Path) -> None:
    """By the step that reads them alone: the others are told of them, too."""
    reader = "kerasline.components.example_gen.component.DatasetExampleGen_Executor"
    options = DataOptions.model_validate({"csv": {"path": "a.csv", "label": "y"}})
    (tmp_path / "a.csv").write_text("x,y\n" + "".join(f"{i},{i % 2}\n" for i in range(50)))
    told = {"dataset": resolve(options, name="a", base_dir=tmp_path, data_dir=None).to_json()}
    check_data(reader, told)
    (tmp_path / "a.csv").unlink()
    check_data("kerasline.components.report.component.Report_Executor", told)
    with pytest.raises(
        ConfigError, match=rf"expected the data at {tmp_path}/a\.csv, as where .* address such as gs://"
    ):
        check_data(reader, told)
    bundled = resolve(DataOptions.model_validate({"dataset": "iris"}), name="a", base_dir=tmp_path, data_dir=None)
    check_data(reader, {"dataset": bundled.to_json()})


def run_step(
    executor: str, bucket: Path, monkeypatch: pytest.MonkeyPatch, step: Callable[[Path], None]
) -> dict[str, object]:
    """Runs a step of Vertex AI that writes into the folder of its output ``graph``; returns what it has told."""
    monkeypatch.setattr(container, "MOUNTS", str(bucket.parent.parent))
    monkeypatch.setenv(VARIABLE, describe("vertex", "", None))
    graph = {"uri": GRAPH, "type": {"schemaTitle": "tfx.TransformGraph"}}
    request = {
        "inputs": {},
        "outputs": {"outputFile": "gs://bucket/out.json", "artifacts": {"graph": {"artifacts": [graph]}}},
    }
    options = ["--executor_class_path", executor, "--json_serialized_invocation_args", json.dumps(request)]
    monkeypatch.setattr(sys, "argv", ["container", *options])

    def entry_point(*_: object, **__: object) -> None:
        artifacts = json.loads(sys.argv[4])["outputs"]["artifacts"]
        step(Path(artifacts["graph"]["artifacts"][0]["uri"]))
        told = {"graph": {"artifacts": [{"uri": artifacts["graph"]["artifacts"][0]["uri"]}]}}
        (bucket / "out.json").write_text(json.dumps({"artifacts": told}))
        sys.exit(0)  # as absl ends a program

    monkeypatch.setattr(container.runpy, "run_module", entry_point)
    container.main()
    return dict(json.loads((bucket / "out.json").read_text()))


GRAPH = "gs://bucket/run/graph"
TRANSFORM = "tfx.components.transform.executor.Executor"


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    """A bucket's folder below the mount."""
    folder = tmp_path / "gcs" / "bucket"
    folder.mkdir(parents=True)
    return folder


def test_what_transform_renames_is_on_the_machines_own_disk(bucket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def transform(output: Path) -> None:
        assert bucket not in output.parents
        (output / "temporary").mkdir(parents=True)
        (output / "temporary" / "saved_model.pb").write_text("graph")
        (output / "temporary").rename(output / "transform_fn")

    told = run_step(TRANSFORM, bucket, monkeypatch, transform)
    assert (bucket / "run" / "graph" / "transform_fn" / "saved_model.pb").read_text() == "graph"
    assert told == {"artifacts": {"graph": {"artifacts": [{"uri": GRAPH}]}}}


def test_other_steps_write_to_the_bucket_itself(bucket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def train(output: Path) -> None:
        assert output == bucket / "run" / "graph"

    run_step("tfx.components.trainer.executor.GenericExecutor", bucket, monkeypatch, train)


@pytest.mark.parametrize("executor", ["kerasline.components.example_gen.executor.Executor", TRANSFORM])
def test_what_a_killed_try_has_left_is_gone(executor: str, bucket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A try that follows writes to the same folder, of which later steps read whatever is there."""
    folder, other = bucket / "run" / "graph" / "Split-train", bucket / "run" / "other" / "data"
    for file in (folder / ".0a1b.part", folder / "data", folder.parent / "half", other):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("half")

    def step(output: Path) -> None:
        assert not output.exists() or list(output.iterdir()) == []
        (output / "Split-train").mkdir(parents=True)
        (output / "Split-train" / "data").write_text("whole")

    run_step(executor, bucket, monkeypatch, step)
    assert [path.name for path in folder.iterdir()] == ["data"]
    assert (folder / "data").read_text() == "whole"
    assert not (folder.parent / "half").exists()
    assert other.is_file()


def test_a_transform_that_fails_leaves_nothing_in_the_bucket(bucket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def transform(output: Path) -> None:
        output.mkdir(parents=True)
        (output / "half").write_text("graph")
        sys.exit(3)

    with pytest.raises(SystemExit) as ended:
        run_step(TRANSFORM, bucket, monkeypatch, transform)
    assert ended.value.code == 3
    assert list(bucket.iterdir()) == []


@pytest.mark.parametrize(("columns", "least"), [(12, 1), (5000, 20 * 2**20)])
def test_a_step_takes_the_rows_of_a_wide_table_in_large_batches(
    columns: int, least: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a run on this machine does."""
    from tfx_bsl.coders import batch_util

    monkeypatch.setenv(VARIABLE, describe("vertex", "", None, columns=columns))
    monkeypatch.setattr(sys, "argv", ["container"])
    seen: list[int] = []

    def entry_point(*_: object, **__: object) -> None:
        seen.append(batch_util.GetBatchElementsKwargs(None)["min_batch_size"])

    monkeypatch.setattr(container.runpy, "run_module", entry_point)
    container.main()
    choose_batches(1)
    assert seen == [least]


def test_a_step_whose_job_service_is_not_there_does_not_begin(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """TFX's entry point would end in gRPC's words."""
    monkeypatch.setattr("kerasline.components.beam.engine_reach.WAIT_SECONDS", 0)
    options = ["--runner=PortableRunner", "--job_endpoint=127.0.0.1:1", "--environment_type=LOOPBACK"]
    monkeypatch.setattr(sys, "argv", ["container", "--executor_class_path", "x.Executor", *options])
    with pytest.raises(SystemExit) as ended:
        container.main()
    assert ended.value.code == 2
    waiting, missing = capsys.readouterr().err.splitlines()
    assert missing.startswith("kerasline: run.beam: expected Beam's job service at 127.0.0.1:1, but nothing answers")
    assert waiting == f"{missing}; waiting for it up to 0 s"


def test_without_a_mount_nothing_is_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Kubeflow with a volume, URIs are paths already."""
    monkeypatch.setattr(container, "MOUNTS", str(tmp_path))
    asked = {"inputs": {"parameterValues": {"uri": "gs://bucket/x"}}, "outputs": {"outputFile": "/none/out.json"}}
    arguments = ["container", "--json_serialized_invocation_args", json.dumps(asked)]
    monkeypatch.setattr(sys, "argv", list(arguments))
    monkeypatch.setattr(container.runpy, "run_module", lambda *_, **__: None)
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    container.main()
    assert sys.argv == arguments
    assert os.environ["KERAS_BACKEND"] == "tensorflow", "as in a run on this machine, whatever the image says"


def test_data_on_kubeflow_is_fetched_from_its_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The launcher makes the folders of buckets whatever lies in them, and copies artifacts there alone."""
    monkeypatch.setattr(container, "MOUNTS", str(tmp_path))
    (tmp_path / "gcs").mkdir()
    dataset = json.dumps({"shards": [{"path": "gs://bucket/in/a.csv"}]})
    span = json.dumps({"values": {}, "data": {"options": {"spans": {"pattern": "gs://bucket/in/{SPAN}/*.csv"}}}})
    asked = {
        "inputs": {"parameterValues": {"dataset": dataset, "models": "gs://bucket/models/x"}},
        "outputs": {"outputFile": "/tmp/answer.json"},
    }
    told = container.prepare_request(asked, {}, {"target": "kubeflow"})["inputs"]["parameterValues"]
    assert told == {"dataset": dataset, "models": f"{tmp_path}/gcs/bucket/models/x"}
    told = container.prepare_request(asked, {}, {"target": "vertex"})["inputs"]["parameterValues"]
    assert json.loads(told["dataset"])["shards"] == [{"path": f"{tmp_path}/gcs/bucket/in/a.csv"}]
    values = container.with_folders({"parameterValues": {COMPILED: span}}, {"target": "kubeflow"})["parameterValues"]
    assert json.loads(values[COMPILED]) == json.loads(span), "and so are the spans of a later submission"


def test_a_profile_on_kubeflow_is_fetched_unless_it_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That of a version is always below the claim; one that the recipe names may lie anywhere."""
    monkeypatch.setattr(container, "MOUNTS", str(tmp_path))
    (tmp_path / "gcs" / "disk").mkdir(parents=True)
    (tmp_path / "gcs" / "disk" / "there.json").touch()

    def told(path: str, name: str, target: str = "kubeflow") -> str:
        asked = {"parameterValues": {"reference": path, "reference_name": name}}
        return str(container.with_folders(asked, {"target": target})["parameterValues"]["reference"])

    assert told("gs://other/p.json", "gs://other/p.json") == "gs://other/p.json"
    assert told("gs://other/p.json", "gs://other/p.json", "vertex") == f"{tmp_path}/gcs/other/p.json"
    assert told("gs://disk/there.json", "gs://disk/there.json") == f"{tmp_path}/gcs/disk/there.json"
    assert told("gs://disk/models/x/4/profile.json", "version 4") == f"{tmp_path}/gcs/disk/models/x/4/profile.json"


@pytest.mark.parametrize("home", ["writable", "file/home"])
def test_a_step_without_a_home_has_a_cache(home: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on OpenShift, where the user of a pod is any number and owns nothing of the image."""
    (tmp_path / "writable").mkdir()
    (tmp_path / "file").touch()
    for name in (CACHE_VARIABLE, "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("HOME", str(tmp_path / home))
    before = cache_folder()
    settle_cache()
    assert cache_folder().is_dir() and os.access(cache_folder(), os.W_OK)
    assert (cache_folder() == before) is (home == "writable")


def test_a_user_whom_nothing_gives_a_home_has_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the environment nor the list of users: jedi, which Keras loads through IPython, ends without one."""

    def find(user: int) -> None:
        raise KeyError(user)

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", find)
    with pytest.raises(RuntimeError):
        Path.home()
    prepare_libraries()
    assert Path.home() == Path(tempfile.gettempdir())


def test_a_cache_that_came_with_the_image_is_kept_though_it_may_not_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cache").mkdir()
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setattr(os, "access", lambda *_: False)  # to root all is open
    settle_cache()
    assert cache_folder() == tmp_path / "cache"
    (tmp_path / "file").touch()
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "file" / "cache"))
    settle_cache()
    assert cache_folder().is_dir(), "where the one that was named cannot be"
