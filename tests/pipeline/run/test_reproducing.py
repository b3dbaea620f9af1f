"""What ``reproduce`` takes from a recorded run, and how it compares the repetition with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kerasline.components.core import ConfigError
from kerasline.components.registry import push_version
from kerasline.pipeline.run import reproducing

METRICS = {"mae": 1.25, "r2": None}


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A workspace with a version whose run has a report; its hyperparameters were searched for."""
    saved = tmp_path / "saved"
    (saved / "variables").mkdir(parents=True)
    for name in ("saved_model.pb", "variables/variables.index"):
        (saved / name).write_text("none")
    environment = {**reproducing.describe_environment(), "keras": "3.0.0"}
    record = {"recipe": "flats", "run_id": "1", "data_fingerprint": "f", "environment": environment}
    push_version(tmp_path / "models" / "flats", saved, record, keep=5)
    folder = tmp_path / "reports" / "flats" / "1"
    folder.mkdir(parents=True)
    (tmp_path / "flats.schema.pbtxt").write_text("schema")
    run = {"run_id": "1", "recipe": "flats", "status": "pushed", "report": str(folder / "index.html"),
           "metrics": METRICS, "training": {"weights_sha256": "w"}, "data_from": str(tmp_path), "seconds": {"total": 1},
           "tuning": {"changed": [{"key": "model.units", "untuned": [8], "tuned": [16, 8]}]},
           "schema_file": str(tmp_path / "flats.schema.pbtxt")}  # fmt: skip
    (folder / "run.json").write_text(json.dumps(run))
    figures = {"experiment": {"name": "flats", "tuning": {"max_trials": 3}}, "run": {"code_version": "old"}}
    (folder / "figures.json").write_text(json.dumps(figures))
    return tmp_path


def repeat(monkeypatch: pytest.MonkeyPatch, **repeated: Any) -> list[Any]:
    """Stands in for the run of minutes, and remembers what it was told; a test of the whole thing runs it."""
    told: list[Any] = []

    def run_again(recipe: Path, changes: list[str], data_from: Path, home: Path) -> dict[str, Any]:
        told.extend([recipe.read_text(), changes, data_from, sorted(path.name for path in home.iterdir())])
        return {"metrics": METRICS, "training": {"weights_sha256": "w"}, "data_fingerprint": "f", **repeated}

    monkeypatch.setattr(reproducing, "_run_again", run_again)
    return told


def test_the_recorded_config_runs_with_what_the_search_found(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = repeat(monkeypatch)
    found = reproducing.reproduce(workspace, "flats@1")
    text, changes, data_from, files = told
    assert "max_trials" not in text, "the search is not repeated"
    assert changes == ["--set", "model.units=[16, 8]"]
    assert (data_from, files) == (workspace, ["flats.schema.pbtxt", "flats.yaml"])
    assert (found.same_weights, found.same_metrics) == (True, True)
    assert found.differences[-1] == "the code of kerasline has changed since"
    assert any(line.startswith("keras was 3.0.0 and is 3.15") for line in found.differences)


def test_other_data_and_other_weights_are_told(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repeat(monkeypatch, training={"weights_sha256": "x"}, data_fingerprint="g", metrics={"mae": 1.2500001, "r2": None})
    found = reproducing.reproduce(workspace, "flats")
    assert (found.same_weights, found.same_metrics) == (False, True)
    assert found.differences[0] == "the data, or how it is read, has changed since: its fingerprint is another"
    repeat(monkeypatch, training={"weights_sha256": "x"}, metrics={"mae": 1.26, "r2": None})
    assert not reproducing.reproduce(workspace, "flats").same_metrics


def test_a_version_whose_run_is_gone_or_told_too_little_cannot_be_made_again(workspace: Path) -> None:
    outcome = workspace / "reports" / "flats" / "1" / "run.json"
    told = json.loads(outcome.read_text())
    outcome.write_text(json.dumps({name: told[name] for name in told if name != "data_from"}))
    with pytest.raises(
        ConfigError, match=r"an earlier release, .*; run its recipe again \(kerasline run RECIPE\), and"
    ):
        reproducing.reproduce(workspace, "flats@1")
    outcome.unlink()
    with pytest.raises(ConfigError, match="flats@1 was made by run 1, whose report is not in"):
        reproducing.reproduce(workspace, "flats@1")
