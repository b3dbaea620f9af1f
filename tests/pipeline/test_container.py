"""The container's entry point: buckets reached as folders, and named as buckets again."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from pipeline import container


def test_uris_become_paths_and_paths_uris(monkeypatch: pytest.MonkeyPatch) -> None:
    """At any depth, and inside JSON that is text."""
    monkeypatch.setattr(container, "MOUNT", "/mnt/gcs")
    asked = {"a": ["gs://bucket/x", 3, None], "b": {"c": '{"folder": "gs://bucket/y"}'}}
    changed = container.change_strings(asked, container.to_folder)
    assert changed == {"a": ["/mnt/gcs/bucket/x", 3, None], "b": {"c": '{"folder": "/mnt/gcs/bucket/y"}'}}
    assert container.change_strings(changed["a"], container.to_uri) == asked["a"]


def test_what_a_step_writes_is_told_as_uris(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The entry point sees paths, the backend URIs."""
    monkeypatch.setattr(container, "MOUNT", str(tmp_path))
    request = {"outputs": {"outputFile": "gs://bucket/out.json", "artifacts": {"x": {"uri": "gs://bucket/x"}}}}
    monkeypatch.setattr(sys, "argv", ["container", "--json_serialized_invocation_args", json.dumps(request)])
    seen: dict[str, object] = {}

    def entry_point(module: str, **_: object) -> None:
        seen.update(json.loads(sys.argv[2]), module=module)
        (tmp_path / "bucket").mkdir()
        (tmp_path / "bucket" / "out.json").write_text(json.dumps({"uri": f"{tmp_path}/bucket/x"}))

    monkeypatch.setattr(container.runpy, "run_module", entry_point)
    container.main()
    assert seen["module"] == "tfx.orchestration.kubeflow.v2.container.kubeflow_v2_run_executor"
    assert seen["outputs"]["artifacts"]["x"]["uri"] == f"{tmp_path}/bucket/x"  # type: ignore[index]
    assert json.loads((tmp_path / "bucket" / "out.json").read_text()) == {"uri": "gs://bucket/x"}


def test_without_a_mount_nothing_is_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Kubeflow with a volume, URIs are paths already."""
    monkeypatch.setattr(container, "MOUNT", str(tmp_path / "absent"))
    arguments = ["container", "--json_serialized_invocation_args", '{"uri": "gs://bucket/x"}']
    monkeypatch.setattr(sys, "argv", list(arguments))
    monkeypatch.setattr(container.runpy, "run_module", lambda *_, **__: None)
    container.main()
    assert sys.argv == arguments
