"""What a step keeps outside its artifacts: where it is shared, and what is said where it is not."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kerasline.components.core.errors import ConfigError
from kerasline.pipeline.container.shared_places import check_mount, find_losses, find_overlap, is_shared, shared_folders

FACTS = {"target": "kubeflow", "mount": "/gcs/bucket"}
CLAIMED = {**FACTS, "claim": "disk"}


@pytest.fixture
def mounts(tmp_path: Path) -> Path:
    """A pod's file system with a claim at /gcs/bucket."""
    (tmp_path / "disk").mkdir()
    pod = tmp_path / "pod"
    (pod / "gcs").mkdir(parents=True)
    (pod / "gcs" / "bucket").symlink_to(tmp_path / "disk")
    (pod / "gcs" / "other").mkdir()
    return pod


def parameters(root: str) -> dict[str, Any]:
    """Of a step that fits, searches and pushes."""
    custom = {"checkpoints": f"{root}/checkpoints", "searches": f"{root}/searches", "settings": "{}"}
    push = {"filesystem": {"base_directory": f"{root}/models/x"}}
    return {"custom_config": json.dumps(custom), "push_destination": json.dumps(push)}


def test_what_is_kept_outside_the_artifacts() -> None:
    assert shared_folders(parameters("/r")) == {
        "checkpoints": "/r/checkpoints", "searches": "/r/searches", "models": "/r/models/x"
    }  # fmt: skip
    assert shared_folders({"models": "/r/models/x"}) == {"production": "/r/models/x"}
    assert shared_folders({"custom_config": "null", "models": ""}) == {}


def test_only_what_is_mounted_below_the_pods_own_folders_is_shared(mounts: Path) -> None:
    """/gcs itself is the pod's own, also where it is a mount point."""
    assert is_shared(str(mounts / "gcs" / "bucket" / "root" / "models"), str(mounts))
    assert not is_shared(str(mounts / "gcs" / "other" / "root"), str(mounts))
    assert not is_shared(str(mounts / "gcs" / "new" / "root"), str(mounts))
    assert is_shared("/proc/self", "/"), "a volume at a path that names no bucket"
    assert is_shared("/proc/self", str(mounts)), "a path that no bucket's folder stands for is what it is"
    assert not is_shared("gs://bucket/root", str(mounts))


def test_a_step_without_a_claim_says_what_is_lost(mounts: Path) -> None:
    folder = mounts / "gcs" / "other"
    losses = find_losses(FACTS, parameters(str(folder)), str(mounts))
    assert len(losses) == 3
    assert all("lies in this step's own file system" in loss and "compile with --claim" in loss for loss in losses)
    assert find_losses(CLAIMED, parameters(str(mounts / "gcs" / "bucket")), str(mounts)) == []
    (loss,) = find_losses(CLAIMED, {"models": str(folder)}, str(mounts))
    assert "the claim disk is mounted at /gcs/bucket: keep pipeline_root below that" in loss
    assert find_losses({"target": "vertex"}, parameters(str(folder)), str(mounts)) == []
    assert find_losses({}, parameters(str(folder)), str(mounts)) == [], "a spec of an earlier version"


def test_a_place_that_may_not_be_written(mounts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A volume that belongs to root, where the image's user is another."""
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(ConfigError, match=r"expected to write to .*/models/x, but user \d+ may not; .* fsGroup"):
        find_losses(CLAIMED, {"models": str(mounts / "gcs" / "bucket" / "models" / "x")}, str(mounts))


def test_the_mount_that_the_spec_was_compiled_for(mounts: Path) -> None:
    check_mount(CLAIMED, str(mounts))
    check_mount({**FACTS, "mount": "/gcs/none"}, str(mounts))
    check_mount({}, str(mounts))
    check_mount({"target": "vertex", "mount": "/gcs/other"}, str(mounts))
    with pytest.raises(ConfigError, match="expected the claim disk mounted at /gcs/other"):
        check_mount({**CLAIMED, "mount": "/gcs/other"}, str(mounts))
    with pytest.raises(ConfigError, match="expected the bucket at /gcs/none, where Vertex AI mounts it"):
        check_mount({"target": "vertex", "mount": "/gcs/none"}, str(mounts))


def can_mount(folder: Path) -> bool:
    """Says whether this process may mount folders, in a mount namespace of its own."""
    words = ["unshare", "--mount", "mount", "--bind", str(folder), str(folder)]
    return shutil.which("unshare") is not None and subprocess.run(words, capture_output=True).returncode == 0


def test_a_volume_on_the_pods_own_disk_is_a_mount(tmp_path: Path) -> None:
    """As the volumes of a cluster with one machine are, whose device is that of the pod's folders."""
    if not can_mount(tmp_path):
        pytest.skip("may not mount a folder")
    (tmp_path / "disk").mkdir()
    (tmp_path / "pod" / "gcs" / "a bucket").mkdir(parents=True)
    code = (
        f"from {is_shared.__module__} import is_shared\n"
        f"pod = '{tmp_path}/pod'\n"
        "print(*(is_shared(f'{pod}/gcs/{bucket}/models', pod) for bucket in ('a bucket', 'other')))"
    )
    script = f"mount --bind {tmp_path}/disk '{tmp_path}/pod/gcs/a bucket' && exec \"$@\""
    words = ["unshare", "--mount", "sh", "-c", script, "sh", sys.executable, "-c", code]
    told = subprocess.run(words, capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["True", "False"]


def test_artifacts_in_the_claim_are_said(mounts: Path) -> None:
    """Kubeflow would write a step's inputs anew while another reads them."""

    def request(uri: str) -> dict[str, Any]:
        return {"outputs": {"artifacts": {"x": {"artifacts": [{"uri": uri}]}}}}

    inside, outside = f"{mounts}/gcs/bucket/runs/x", f"{mounts}/minio/mlpipeline/x"
    assert "give the run a root in another bucket" in str(find_overlap(CLAIMED, request(inside), str(mounts)))
    assert find_overlap(CLAIMED, request(outside), str(mounts)) is None
    assert find_overlap(FACTS, request(inside), str(mounts)) is None
