"""Where outputs lie in a workspace that was moved since they were noted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kerasline.pipeline.workspace.history import list_runs
from kerasline.pipeline.workspace.places import figures_here, place_here


@pytest.mark.parametrize(
    ("name", "root", "noted", "found"),
    [
        ("flats", "/new", "/old/pipelines/flats/train/model_run/5", "/new/pipelines/flats/train/model_run/5"),
        ("flats", "/new", "/new/pipelines/flats/train/model_run/5", "/new/pipelines/flats/train/model_run/5"),
        (
            "pipelines",
            "/new",
            "/old/pipelines/pipelines/ingest/examples/5",
            "/new/pipelines/pipelines/ingest/examples/5",
        ),
        ("pipelines", "/new", "/pipelines/pipelines/pipelines/gate/x/5", "/new/pipelines/pipelines/gate/x/5"),
        ("flats", "/new", "/old/reports/flats/5", "/old/reports/flats/5"),
    ],
)
def test_an_output_lies_in_the_workspace_as_it_is_now(name: str, root: str, noted: str, found: str) -> None:
    assert place_here(Path(root, "pipelines", name), noted) == found


def test_a_moved_workspace_reads_its_own_outputs_and_reports(tmp_path: Path) -> None:
    """And not those of another one, which may lie where it was."""
    old, new = tmp_path / "old", tmp_path / "new"
    report = new / "reports" / "flats" / "1"
    report.mkdir(parents=True)
    run = {"run_id": "1", "recipe": "flats", "report": f"{old}/reports/flats/1/index.html"}
    (report / "run.json").write_text(json.dumps(run))
    artifacts = {"examples": f"{old}/pipelines/flats/ingest/examples/1", "model_run": "gs://bucket/x/model_run"}
    (report / "figures.json").write_text(json.dumps({"task": "binary", "artifacts": artifacts}))
    assert figures_here(report) == {
        "task": "binary",
        "artifacts": {**artifacts, "examples": f"{new}/pipelines/flats/ingest/examples/1"},
    }
    assert list_runs(new)[0]["report"] == str(report / "index.html")
