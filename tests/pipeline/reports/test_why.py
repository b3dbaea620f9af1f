"""``kerasline why``: what stopped a run, and what made a version."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kerasline.components.core import ConfigError
from kerasline.components.registry import drop_challenger, move_pointer, push_version
from kerasline.pipeline.reports import describe_why, find_pair, find_report, why_run, why_version
from kerasline.pipeline.retraining.decisions import Decision, append_decision, schedule_folder

PASSED = {"part": "threshold", "title": "accuracy", "slice": "", "value": 0.91, "text": "at least 0.8", "detail": ""}
PASSED |= {"status": "passed", "passed": True}
REFUSED = PASSED | {"slice": "sex=f", "value": 0.7, "status": "failed", "passed": False, "detail": "40 rows"}


def leave_run(workspace: Path, run_id: str, status: str, **more: Any) -> None:
    """Leaves what a run of ``flats`` leaves beside its report, and a log."""
    folder = workspace / "reports" / "flats" / run_id
    folder.mkdir(parents=True)
    log = workspace / f"{run_id}.log"
    log.write_text("INFO begun\nE0000 failed call to cuInit: CUDA error\nTraceback\nValueError: a bad day\n")
    run = {"run_id": run_id, "recipe": "flats", "status": status, "message": "", "gate": [], "diagnosis": [],
           "log": str(log), "report": str(folder / "index.html"), "seconds": {"total": 3.0}}  # fmt: skip
    (folder / "run.json").write_text(json.dumps({**run, **more}))


def test_a_failed_run_is_told_with_its_step_and_the_lines_that_matter(tmp_path: Path) -> None:
    leave_run(tmp_path, "20260101-000000", "failed", failed_step="train", message="the loss became nan")
    found = why_run(tmp_path, "flats")
    assert found["reasons"] == ["the run failed in step train", "the loss became nan"]
    assert found["log_lines"] == ["ValueError: a bad day"]
    assert describe_why(found)[0] == "flats, run 20260101-000000: the run failed in step train"
    assert "  ValueError: a bad day" in describe_why(found)


def test_what_the_gate_refused_is_named_and_the_log_left_alone(tmp_path: Path) -> None:
    leave_run(tmp_path, "20260101-000000", "pushed")
    diagnosis = [{"title": "Underfitting", "level": "hint", "evidence": ["It learnt too little."]},
                 {"title": "Good fit", "level": "good", "evidence": ["Skill."]}]  # fmt: skip
    leave_run(tmp_path, "20260102-000000", "not_blessed", gate=[PASSED, REFUSED], diagnosis=diagnosis, message="No.")
    found = why_run(tmp_path, "flats")
    assert found["run_id"] == "20260102-000000", "the newest"
    assert found["reasons"] == [
        "the model gate refused the model",
        "failed: accuracy of sex=f is 0.7, asked: at least 0.8 (40 rows)",
        "Underfitting: It learnt too little.",
    ]
    assert found["log_lines"] == []
    assert why_run(tmp_path, "20260101-000000")["reasons"] == ["a model was blessed and pushed"]


def test_a_version_tells_its_data_code_decisions_and_what_became_of_it(tmp_path: Path) -> None:
    saved = tmp_path / "saved"
    (saved / "variables").mkdir(parents=True)
    for name in ("saved_model.pb", "variables/variables.index"):
        (saved / name).write_text("none")
    record = {"recipe": "flats", "run_id": "20260101-000000", "run_key": "k", "data_fingerprint": "f" * 64,
              "data": {"title": "flats", "rows": 1200}, "environment": {"keras": "3.15.1", "lock_sha256": "a" * 64},
              "baseline_version": 0, "spans": "spans 1 to 3"}  # fmt: skip
    models = tmp_path / "models" / "flats"
    push_version(models, saved, record, keep=5)
    (saved / "saved_model.pb").write_text("another")
    push_version(models, saved, record | {"run_id": "20260102-000000", "baseline_version": 1}, keep=5)
    move_pointer(models, 1, "it was worse", previous=None, action="rollback", replaced=2)
    of_an_earlier_release = {name: value for name, value in PASSED.items() if name != "detail"}
    leave_run(tmp_path, "20260101-000000", "pushed", gate=[of_an_earlier_release])
    began = Decision("2026-01-01T00:00:00+00:00", True, "12 new rows", "f", status="pushed", run_id="20260101-000000")
    append_decision(schedule_folder(tmp_path, "flats"), began)

    first, second = (why_version(tmp_path, f"flats@{number}") for number in (1, 2))
    assert first["decisions"] == ["it began since 12 new rows", "passed: accuracy is 0.91, asked: at least 0.8"]
    assert (first["compared_with"], second["compared_with"]) == (None, 1)
    assert [line.partition("  ")[2].partition(" by ")[0] for line in first["since"]] == [
        "into production, push",
        "version 2 took its place, push",
        "into production, rollback",
    ]
    assert second["decisions"] == [], "its report is gone"
    told = describe_why(first)
    assert told[1] == f"data    flats, 1,200 rows, spans 1 to 3, fingerprint {'f' * 16}"
    assert told[2] == f"code    keras 3.15.1; lock {'a' * 16}"
    assert "  the run's report is gone" in describe_why(second)
    (models / "1" / "saved_model.pb").unlink()
    assert why_run(tmp_path, "flats@1")["run_id"] == "20260101-000000", "the run is there, though its model is not"
    with pytest.raises(ConfigError, match="flats has no version 9; it has 1, 2"):
        why_run(tmp_path, "flats@9")


def test_a_challenger_tells_how_that_began_and_ended(tmp_path: Path) -> None:
    for content in ("a", "b"):
        model = tmp_path / content
        (model / "variables").mkdir(parents=True)
        (model / "saved_model.pb").write_text(content)
        (model / "variables" / "variables.index").write_text("")
        shadow = {"kind": "shadow", "share": 0.0, "rollback_on": {}}
        push_version(tmp_path / "models" / "flats", model, {"run_id": content}, 5, challenge=shadow)
    drop_challenger(tmp_path / "models" / "flats", "verdict: worse")
    since = why_version(tmp_path, "flats@2")["since"]
    assert [line.partition("  ")[2].partition(" by ")[0] for line in since] == [
        "began to challenge production", "challenged no more",
    ]  # fmt: skip
    assert since[1].endswith(": verdict: worse")
    assert len(why_version(tmp_path, "flats@1")["since"]) == 1


def test_the_newest_run_is_one_of_the_users_own(tmp_path: Path) -> None:
    """What a learning curve ran for itself is found by its id, and where there is no other."""
    for run_id in ("20260103-000000", "20260101-000000", "20260102-000000"):
        leave_run(tmp_path, run_id, "partial", made_for="learning-curve" if "0103" in run_id else None)
        (tmp_path / "reports" / "flats" / run_id / "index.html").touch()
        assert find_report(tmp_path, "flats").name == run_id == find_report(tmp_path).name
        assert why_run(tmp_path, "flats")["run_id"] == run_id
    assert find_report(tmp_path, "20260103-000000").name == "20260103-000000"
    assert [folder.name[:8] for folder in find_pair(tmp_path, "flats")] == ["20260101", "20260102"]


def test_what_is_not_there_is_named_beside_what_is(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no runs in .* yet; start one with: kerasline run"):
        why_run(tmp_path, "flats")
    leave_run(tmp_path, "20260101-000000", "pushed")
    with pytest.raises(ConfigError, match=r"a recipe that has run \(flats\), got 'flat'. Did you mean 'flats'\?"):
        why_run(tmp_path, "flat")
    with pytest.raises(ConfigError, match="expected the name of a pushed model"):
        why_version(tmp_path, "flats@1")
