"""A learning curve by its command: every share is fitted and kept, a second command fits nothing, nothing is pushed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.long]

SHARES = ("--share", "0.25", "--share", "1", "--seeds", "2")


def curve(workspace: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "kerasline", "learning-curve", "iris_mlp", *words, "--workspace", str(workspace)]
    return subprocess.run(command, capture_output=True, text=True, timeout=600)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], str]:
    """The workspace, the JSON, and what was printed."""
    folder = tmp_path_factory.mktemp("curve")
    done = curve(folder / "workspace", *SHARES, "--json", str(folder / "curve.json"))
    assert done.returncode == 0, done.stderr
    return folder / "workspace", json.loads((folder / "curve.json").read_text()), done.stdout


def test_every_share_is_measured_with_every_seed(made: tuple[Path, dict[str, Any], str]) -> None:
    workspace, found, printed = made
    small, all_of_them = found["shares"]
    assert small["share"] == 0.25 and all_of_them["share"] == 1.0
    assert 0.2 * all_of_them["rows"] < small["rows"] < 0.3 * all_of_them["rows"]
    assert found["metric"] == "accuracy" and found["higher_is_better"]
    for one in (small, all_of_them):
        assert len(one["seeds"]) == 2 and one["value"] == pytest.approx(sum(one["seeds"]) / 2)
        assert one["low"] <= one["value"] <= one["high"]
    assert all_of_them["value"] > 0.8
    assert found["gain"]["to"] == all_of_them["rows"] and found["reason"] in printed
    assert "more rows" in Path(found["page"]).read_text() and Path(found["page"]).is_relative_to(workspace)
    assert not list((workspace / "models").glob("iris_mlp/*"))
    run = json.loads((workspace / "reports" / "iris_mlp" / found["run_id"] / "run.json").read_text())
    assert (run["status"], run["made_for"]) == ("partial", "learning-curve"), "so that it is not the newest by its name"


def test_what_was_fitted_is_kept(made: tuple[Path, dict[str, Any], str]) -> None:
    workspace, found, _ = made
    kept = {file: file.stat().st_mtime_ns for file in (workspace / "learning_curves/iris_mlp/fits").iterdir()}
    assert len(kept) == 4
    again = curve(workspace, *SHARES, "--json", "-")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["shares"] == found["shares"]
    assert {file: file.stat().st_mtime_ns for file in next(iter(kept)).parent.iterdir()} == kept


@pytest.mark.parametrize(("words", "told"), [(("--share", "1.5"), "1.5"), (("--share", "0.5"), "two shares")])
def test_shares_that_are_none_are_refused(tmp_path: Path, words: tuple[str, ...], told: str) -> None:
    done = curve(tmp_path / "workspace", *words)
    assert done.returncode == 2
    assert told in done.stderr.splitlines()[-1]
    assert not (tmp_path / "workspace").exists()
