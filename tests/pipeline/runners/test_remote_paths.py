"""Paths of this machine that a compiled spec would take elsewhere."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path

import pytest

from kerasline.components.core.errors import ConfigError
from kerasline.components.datasets import resolve
from kerasline.components.datasets.description.options import DataOptions
from kerasline.pipeline.config.experiment import Experiment, parse_experiment
from kerasline.pipeline.runners.remote_paths import check_weights, data_remark, key_remark, mount_of, weights_remark
from kerasline.pipeline.runners.targets import check_target, engine_remark

ROOT = "gs://bucket/root"


def photos(weights: str) -> Experiment:
    """A recipe that starts from weights."""
    model = {"family": "transfer", "base": "squeezenet", "weights": weights}
    return parse_experiment({"name": "photos", "data": {"dataset": "digits"}, "model": model}, [], "photos.yaml")


def test_a_version_of_this_workspace_is_refused_with_what_to_copy(tmp_path: Path) -> None:
    file = tmp_path / "models" / "photos" / "2" / "formats" / "model.keras"
    version = file.parents[1]
    for left in (file, version / "saved_model.pb", version / "variables" / "variables.index"):
        left.parent.mkdir(parents=True, exist_ok=True)
        left.write_bytes(b"weights")
    (version / "version.json").write_text(json.dumps({"run_id": "20260101-000000"}))
    with pytest.raises(ConfigError) as refused:
        check_weights(photos("photos@2"), tmp_path, f"{ROOT}/")
    assert str(refused.value) == (
        "model.weights: expected weights that the steps can read, got photos@2, a version of this machine's workspace; "
        f"copy {file} to {ROOT}/weights/photos-2.keras and give that as model.weights"
    )
    with pytest.raises(ConfigError, match="model.weights: photos has no version 9"):
        check_weights(photos("photos@9"), tmp_path, ROOT)


def test_relative_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="got 'mine/base.keras', which is relative to a folder of this machine"):
        check_weights(photos("mine/base.keras"), tmp_path, ROOT)


@pytest.mark.parametrize("weights", ["imagenet", "none", "/gcs/bucket/base.keras", f"{ROOT}/weights/photos-2.keras"])
def test_weights_that_the_steps_find(tmp_path: Path, weights: str) -> None:
    check_weights(photos(weights), tmp_path, ROOT)


@pytest.mark.parametrize(
    "engine",
    [
        ["--runner=PortableRunner", "--job_endpoint=localhost:8099"],
        ["--runner=FlinkRunner", "--flink_master=http://127.0.0.1:8081"],
        ["--runner=SparkRunner", "--spark_master_url=spark://[::1]:7077"],
    ],
)
def test_an_engine_of_this_machine_is_none_to_a_step_unless_a_sidecar_is(engine: list[str]) -> None:
    recipe = {"name": "a", "data": {"dataset": "iris"}, "run": {"beam": engine}}
    experiment = parse_experiment(recipe, [], "a.yaml")
    with pytest.raises(ConfigError, match="run.beam: .*, which is the container of each step itself"):
        check_target(experiment, "vertex")
    check_target(experiment, "kubeflow")
    remark = engine_remark(experiment.run.engine())
    assert remark is not None and remark.startswith(
        f"{engine[1]} of run.beam is the pod of each step itself: a sidecar"
    )


def test_workers_in_a_pod_are_out_of_reach_of_an_engine_elsewhere() -> None:
    engine = ["--runner=PortableRunner", "--job_endpoint=jobs.beam:8099", "--environment_type=LOOPBACK"]
    remark = engine_remark(engine)
    assert remark is not None and "gives --job_endpoint=jobs.beam:8099 workers in the pod of each step" in remark
    beside = engine_remark([engine[2], "--job_endpoint=localhost:8099"])
    assert beside is not None and "a sidecar in it" in beside


@pytest.mark.parametrize("option", ["--job_endpoint=jobs.beam:8099", "--job_endpoint=embed", "--flink_master=[local]"])
def test_an_engine_elsewhere_is_not_remarked_on(option: str) -> None:
    assert engine_remark([option]) is None


def test_the_key_that_signs_is_named() -> None:
    recipe = {"name": "a", "data": {"dataset": "iris"}, "push": {"sign": {"key": "/mnt/keys/a.pem"}}}
    remark = key_remark(parse_experiment(recipe, [], "a.yaml"))
    assert remark is not None and remark.startswith("push signs with /mnt/keys/a.pem: a volume must have the key")
    assert key_remark(parse_experiment({**recipe, "push": {}}, [], "a.yaml")) is None


def test_other_families_have_no_weights(tmp_path: Path) -> None:
    check_weights(parse_experiment({"name": "a", "data": {"dataset": "iris"}}, [], "a.yaml"), tmp_path, ROOT)


@pytest.mark.parametrize(
    ("root", "mount"),
    [("gs://b/x/y", "/gcs/b"), ("s3://b", "/s3/b"), ("minio://b/x", "/minio/b"), ("/mnt/disk/", "/mnt/disk")],
)
def test_what_a_step_needs_mounted(root: str, mount: str) -> None:
    assert mount_of(root) == mount


def test_data_of_this_machine_is_named(tmp_path: Path) -> None:
    """Unless it lies where the steps find it."""
    for name in ("a", "b"):
        (tmp_path / f"{name}.csv").write_text("x,y\n" + "".join(f"{i},{i % 2}\n" for i in range(50)))
    options = DataOptions.model_validate({"csv": {"path": "*.csv", "label": "y"}})
    found = resolve(options, name="a", base_dir=tmp_path, data_dir=None)
    remark = data_remark(found, ROOT)
    assert remark is not None and remark.startswith(f"the steps read {tmp_path}/a.csv and 1 more: the image")
    assert data_remark(found, str(tmp_path)) is None
    bundled = resolve(DataOptions.model_validate({"dataset": "iris"}), name="a", base_dir=tmp_path, data_dir=None)
    assert data_remark(bundled, ROOT) is None


def test_rows_that_this_machine_keeps_are_said_to_be_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a query, as here of a database beside the recipe: nobody knows the place of its rows."""
    monkeypatch.setenv("KERASLINE_CACHE", str(tmp_path / "cache"))
    with contextlib.closing(sqlite3.connect(tmp_path / "shop.db")) as shop, shop:
        shop.execute("create table sales (x real, y text)")
        shop.executemany("insert into sales values (?, ?)", [(i, "no" if i % 2 else "yes") for i in range(50)])
    block = {"sql": {"url": "sqlite:///shop.db", "table": "sales", "label": "y"}}
    found = resolve(DataOptions.model_validate(block), name="a", base_dir=tmp_path, data_dir=None)
    remark = data_remark(found, ROOT)
    assert remark is not None and remark.startswith(f"the steps read {tmp_path}/cache/queries/")
    assert "copy it to an address such as gs://BUCKET/rows.parquet" in remark
    assert data_remark(found, str(tmp_path)) is None


def test_where_steps_look_for_imagenet_weights_is_said() -> None:
    """In the image, whatever this machine has."""
    said = weights_remark(photos("imagenet"))
    assert said is not None
    assert "ImageNet weights of squeezenet in ~/.keras/models of the image, which has no download" in said
    assert weights_remark(photos("none")) is None
    assert weights_remark(photos("/gcs/bucket/file.keras")) is None
