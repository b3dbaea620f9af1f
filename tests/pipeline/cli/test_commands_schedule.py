"""What ``retrain`` says at its end."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from kerasline.pipeline import retraining
from kerasline.pipeline.cli.commands import schedule as commands_schedule
from kerasline.pipeline.retraining.decisions import Decision


@pytest.mark.parametrize(
    ("decision", "expected"),
    [
        (Decision("now", True, "new data", "f", "pushed"), "retrained: new data (pushed)"),
        (Decision("now", True, "new data", "f", "not_blessed"), "trained, but not blessed: new data (not_blessed)"),
        (
            Decision("now", True, "new data", "f", "data_rejected", exit_code=3),
            "not retrained, the data gate stopped the run: new data (data_rejected)",
        ),
        (Decision("now", False, "no new data", "f"), "up to date: no new data (up_to_date)"),
        (Decision("now", False, "no files", "", "failed", exit_code=2), "not retrained: no files (failed)"),
    ],
)
def test_only_what_was_trained_is_called_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], decision: Decision, expected: str
) -> None:
    monkeypatch.setattr(retraining, "retrain", lambda *arguments: decision)
    with pytest.raises(typer.Exit) as ended:
        commands_schedule.retrain_recipe("iris_mlp", [], None, Path("w"), None)
    assert ended.value.exit_code == decision.exit_code
    assert capsys.readouterr().out == f"{expected}\n"
