"""``kerasline verdict`` from answers to a move of production: what is judged, what is done, and who is refused."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import kerasline as kl
from kerasline.components.core import KeraslineError
from kerasline.components.monitoring import Capture, Exchange
from kerasline.components.registry import (
    Challenger,
    current_version,
    move_pointer,
    push_version,
    read_challenger,
    read_events,
    read_history,
    read_pointer,
    set_challenger,
)
from kerasline.pipeline.cli.entry import app
from kerasline.pipeline.models import commands, label_answers

RECORD: dict[str, Any] = {
    "recipe": "flats",
    "task": "regression",
    "classes": None,
    "arguments": {"area": "area"},
    "columns": [{"name": "area", "dtype": "float"}],
    "label": {"name": "rent", "columns": ["rent"]},
    "main_metric": "mae",
    "measured": ["mae"],
}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with two versions of a model, of which the first one is in production."""
    # Whether a version answers is tried in other tests.
    monkeypatch.setattr(commands, "try_version", lambda *_: commands.Trial(0.1, 1, 1))
    for number in (1, 2):
        push(tmp_path, number, RECORD)
    move_pointer(tmp_path / "models" / "flats", 1, "by hand", previous=2, action="promote")
    return tmp_path


def push(root: Path, number: int, record: dict[str, Any], finish: Any = None) -> None:
    """Pushes what looks like a SavedModel."""
    model = root / f"exported-{number}"
    (model / "variables").mkdir(parents=True)
    (model / "saved_model.pb").write_text(str(number))
    (model / "variables" / "variables.index").write_text("")
    push_version(root / "models" / "flats", model, record, 5, finish)


def answer(root: Path, off: tuple[float, ...], rows: int = 400, role: str = "shadow", later: float = 0) -> None:
    """Captures what the versions answer, off by so much in the mean, and gives the labels."""
    random, capture = np.random.default_rng(0), Capture(root / "captured", 1.0)
    for number in range(rows):
        at = time.time() - 1000 + later + number
        for version, far in enumerate(off, start=1):
            value = {"value": np.array([1000 + far * random.normal()], np.float32)}
            capture.take(
                Exchange(
                    "flats",
                    version,
                    RECORD,
                    f"f{number}",
                    at,
                    float("nan") if role == "logged" else 0.01,
                    200,
                    {"area": np.ones(1)},
                    value,
                    role=role if version == 2 or role == "logged" else "",
                )  # fmt: skip
            )
    capture.close()
    (root / "rents.csv").write_text("id,rent\n" + "".join(f"f{number},1000\n" for number in range(rows)))
    label_answers(root, "flats", str(root / "rents.csv"), "id")


def run(root: Path, *words: str) -> Any:
    """Runs the command."""
    return CliRunner().invoke(app, ["verdict", *words, "--workspace", str(root)])


@pytest.mark.parametrize("since", ["2026-01-01T00:00:00+00:00", "2099-01-01T00:00:00+00:00"], ids=["past", "future"])
def test_the_better_one_is_promoted_with_the_evidence(root: Path, since: str) -> None:
    """Also where the clock was ahead when the challenge began: by the clock of now, no answer comes after it."""
    folder = root / "models" / "flats"
    set_challenger(folder, Challenger(2, "shadow"), "pushed by a run")
    stored = json.loads((folder / "challenger.json").read_text())
    (folder / "challenger.json").write_text(json.dumps({**stored, "since": since}))
    answer(root, (50, 10))
    found = kl.verdict("flats", root)
    assert {"verdict", "challenger", "incumbent", "rows", "evidence"} <= found.keys()
    assert (found["verdict"], found["rows"], found["applied"]) == ("better", 400, None)
    assert current_version(folder) == 1, "nobody asked for more"
    result = run(root, "flats", "--apply", "--json", str(root / "verdict.json"))
    assert result.exit_code == 0, result.output
    assert "flats@2 beside flats@1, shadow: BETTER" in result.output
    assert "promote: version 2 is in production, before it was 1" in result.output
    written = json.loads((root / "verdict.json").read_text())
    assert (written["name"], written["verdict"], written["applied"]["version"]) == ("flats", "better", 2)
    move = read_history(folder)[-1]
    assert (move["version"], move["replaced"], move["action"]) == (2, 1, "promote")
    assert move["reason"].startswith("verdict: better; its mae is ") and move["evidence"]["metric"]["rows"] == 400
    assert read_challenger(folder) is None
    again = run(root, "flats")
    assert isinstance(again.exception, kl.ConfigError) and "expected a challenger of flats@2" in str(again.exception)


def test_the_worse_one_is_dropped(root: Path) -> None:
    folder = root / "models" / "flats"
    answer(root, (10, 50))
    unregistered = kl.verdict("flats", root, apply=True)
    assert (unregistered["verdict"], unregistered["applied"]) == ("worse", None), "there is nothing to drop"
    set_challenger(folder, Challenger(2, "manual"), "pushed by a run")
    found = kl.verdict("flats", root, apply=True)
    assert (found["verdict"], found["kind"], found["applied"]["action"]) == ("worse", "shadow", "drop")
    assert read_challenger(folder) is None and current_version(folder) == 1
    assert read_events(folder)[-1]["evidence"]["metric"]["rows"] == 400


def test_of_two_that_promote_at_once_one_does(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = root / "models" / "flats"
    answer(root, (50, 10))

    def meanwhile(*_: Any) -> commands.Trial:
        move_pointer(folder, 2, "by somebody else", previous=1, action="promote")
        return commands.Trial(0.1, 1, 1)

    monkeypatch.setattr(commands, "try_version", meanwhile)
    with pytest.raises(KeraslineError, match=r"moved flats to version 2 meanwhile \(by somebody else\)"):
        kl.verdict("flats", root, apply=True)
    pointer = read_pointer(folder)
    assert pointer is not None and pointer["reason"] == "by somebody else"


def test_what_cannot_be_judged_is_said(root: Path) -> None:
    folder = root / "models" / "flats"
    for name, words in (
        ("flat", "Did you mean 'flats'"),
        ("flats", "expected a challenger of flats@1, but no version is registered as one, and none was served"),
        (
            "flats@2",
            "was given by flats@2 as one; serve one with: kerasline serve --shadow flats@2",
        ),
        ("flats@1", "flats@1 is in production itself"),
        ("flats@7", "flats has no version 7"),
    ):
        with pytest.raises(kl.ConfigError, match=words):
            kl.verdict(name, root)
    set_challenger(folder, Challenger(2, "shadow"), "pushed by a run")
    nothing = kl.verdict("flats", root, apply=True)
    assert (nothing["verdict"], nothing["rows"], nothing["applied"]) == ("undecided", 0, None)
    assert "no answer of version 2 was captured" in nothing["reasons"][0]
    assert "flats@2 beside flats@1, shadow: undecided" in run(root, "flats").output
    push(root, 3, {**RECORD, "columns": [], "arguments": {}})
    move_pointer(folder, 1, "by hand", previous=3, action="promote")
    set_challenger(folder, Challenger(3, "manual"), "pushed by a run")
    with pytest.raises(kl.ConfigError, match=r"flats@3 cannot be compared with version 1.*takes the columns none"):
        kl.verdict("flats", root)
    push(root, 4, {})
    move_pointer(folder, 1, "by hand", previous=3, action="promote")
    set_challenger(folder, Challenger(4, "shadow"), "pushed by a run")
    with pytest.raises(kl.ConfigError, match="flats@4 was pushed without a description of its task"):
        kl.verdict("flats", root)


@pytest.mark.parametrize(("name", "role"), [("accuracy_drop", ""), ("metric_drop", "logged")])
def test_a_version_in_its_watch_is_rolled_back_by_its_limits(root: Path, name: str, role: str) -> None:
    folder = root / "models" / "flats"
    watch = {"days": 7, "rollback_on": {name: 20, "error_rate": 0.5}}

    def finish(version: Path) -> None:
        truths = np.full(500, 1000, np.float32)
        errors = np.random.default_rng(1).normal(0, 10, 500)
        np.savez(version / "answers-eval.npz", predictions=(truths + errors)[:, None].astype(np.float32), labels=truths)

    push(root, 3, {**RECORD, "watch": watch}, finish)
    quiet = kl.verdict("flats", root, apply=True)
    assert (quiet["verdict"], quiet["kind"], quiet["challenger"], quiet["incumbent"]) == ("undecided", "watch", 3, 1)
    assert quiet["reasons"] == ["no limit of its watch is crossed"] and current_version(folder) == 3
    assert "flats@3 in production, watch: undecided" in run(root, "flats").output
    answer(root, (1, 1, 60), rows=600, role=role, later=2000)
    found = kl.verdict("flats", root, apply=True)
    assert (found["verdict"], found["labelled"]) == ("worse", 600)
    assert f"rollback_on.{name}" in found["reasons"][0]
    assert found["evidence"]["metric"]["challenger"] > 40 > 12 > found["evidence"]["metric"]["incumbent"]
    move = read_history(folder)[-1]
    assert (move["action"], move["version"], move["replaced"]) == ("rollback", 1, 3)
    assert move["evidence"]["limits"][1]["name"] == name
    with pytest.raises(kl.ConfigError, match="expected a challenger"):
        kl.verdict("flats", root)
