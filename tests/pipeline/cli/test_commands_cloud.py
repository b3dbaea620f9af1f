"""compile: what is refused before anything loads."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from kerasline.components.core.errors import ConfigError
from kerasline.pipeline.cli import entry as cli
from kerasline.pipeline.container.buckets import check_reachable
from kerasline.pipeline.container.compiled_for import check_image
from kerasline.pipeline.container.given_values import check_pipeline_root
from kerasline.pipeline.container.shared_places import check_claim


@pytest.mark.parametrize("image", ["kerasline", "registry:5000/kerasline", "registry/kerasline:", ""])
def test_an_image_needs_a_tag(image: str) -> None:
    """A port is no tag."""
    with pytest.raises(ConfigError, match="--image: expected an image with a tag or digest"):
        check_image(image)


@pytest.mark.parametrize("image", ["kerasline:1", "registry:5000/a/kerasline:1.0-gpu", f"r/k@sha256:{'0' * 64}"])
def test_good_images(image: str) -> None:
    """A tag or a digest, with or without a registry."""
    check_image(image)


def test_a_pipeline_root_is_a_uri() -> None:
    """A bucket's name alone is not one; an absolute path is a volume that every step mounts."""
    for root in ("bucket/path", "gs:/x", "", "gs://"):
        with pytest.raises(ConfigError, match="expected a URI such as gs://BUCKET/PATH"):
            check_pipeline_root(root)
    for root in ("/", "//"):
        with pytest.raises(
            ConfigError, match=r"--param pipeline_root: .* such as /mnt/kerasline, got '/+', which is a"
        ):
            check_pipeline_root(root, "--param pipeline_root")
    for name in ("..", "../a:/", ".", "{{x}}", "$(HOME)", "a$$b", "x[1]", "a*", "a\nb", "a?b"):
        with pytest.raises(ConfigError, match="expected folders with plain names, got"):
            check_pipeline_root(f"gs://bucket/{name}/runs")
    check_pipeline_root("gs://bucket/a path.1/..x")
    check_pipeline_root("/mnt/volume/")


def test_a_root_is_one_that_the_steps_reach() -> None:
    """As a folder: of a bucket, or of a volume."""
    for root in ("gs://bucket/path", "s3://b/p", "minio://b/p", "/mnt/volume"):
        check_reachable(root, "kubeflow")
    check_reachable("gs://bucket/path", "vertex")
    for root in ("s3://b/p", "/mnt/volume", "hdfs://host/p"):
        with pytest.raises(ConfigError, match="--pipeline-root: expected a bucket's URI such as gs://BUCKET/PATH, got"):
            check_reachable(root, "vertex")
    for root in ("hdfs://host/p", "oci://b/p", "file:///x", "bucket/path", ""):
        with pytest.raises(ConfigError, match=r"expected gs://, s3://, minio:// or an absolute path of a volume"):
            check_reachable(root, "kubeflow")


@pytest.mark.parametrize("claim", ["", "My Claim", "Disk", "-disk", "disk-", "a_b", "d" * 254])
def test_a_claim_has_a_name_that_kubernetes_takes(claim: str) -> None:
    """Pods would wait for ever for any other."""
    with pytest.raises(ConfigError, match="--claim: expected the name of a PersistentVolumeClaim") as refusal:
        check_claim(claim)
    assert repr(claim) in str(refusal.value)
    check_claim("team-a.disk-1")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("data={csv: {path: /no/flats.csv, label: rent}}", "File not found: /no/flats.csv"),
        ("data={csv: {path: 'http://127.0.0.1:9/flats.csv', label: rent}}", "cannot be fetched: nothing answers at"),
        ("features.size=drop", "features.size: expected a column of iris"),
        ("model={family: custom, build: 'no_such_module:build'}", "expected a module no_such_module that Python can"),
        ("run.beam=[--runner=PortableRunner]", "run.beam: expected --sdk_container_image=IMAGE with PortableRunner"),
        ("run.beam=[--direct_num_worker=2]", "run.beam: Beam knows no option --direct_num_worker. Did you mean"),
        ("run.custom_jobs={train: {}}", "run.custom_jobs: expected --target vertex, got kubeflow"),
        ("run.resources={train: {accelerator: TPU_V3}}", "expected a Kubernetes resource such as nvidia.com/gpu"),
        ("run.resources={trian: {cpu: 2}}", "run.resources: expected steps of this recipe (ingest, "),
        ("run.resources={tune: {cpu: 2}}", "got 'tune'"),
    ],
)
def test_what_can_be_told_at_once_is_told_before_anything_loads(
    change: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--target", "kubeflow", "--image", "k:1", "--pipeline-root", "gs://b/r", "-o", str(tmp_path / "out.yaml")]
    given = ["compile", "iris_mlp", *words, "--workspace", str(tmp_path), "--set", change]
    monkeypatch.setattr(sys, "argv", ["kerasline", *given])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    told = capsys.readouterr()
    assert (ended.value.code, told.out) == (2, ""), "not even that TensorFlow is loaded"
    assert sentence in told.err
    assert not (tmp_path / "out.yaml").exists()
