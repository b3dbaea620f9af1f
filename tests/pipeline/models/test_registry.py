"""The registry: what it lists, and what it takes for a version to go into production by hand."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from kerasline.components.core.errors import ConfigError, KeraslineError
from kerasline.components.registry import current_version, list_versions, push_version, read_history, read_pointer
from kerasline.pipeline.models import commands as registry, describe_models, describe_versions

Command = Any


@pytest.fixture
def models(workspace: Path) -> Path:
    """The models of the workspace."""
    return workspace / "models"


@pytest.fixture
def untried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes versions on trust, to test all but the trial."""
    monkeypatch.setattr(registry, "try_version", lambda folder, version: registry.Trial(0.1, 2, 4))


def test_models_are_listed_with_what_is_in_production(workspace: Path) -> None:
    (workspace / "models" / "empty").mkdir()
    (found,) = describe_models(workspace)
    assert (found["name"], found["versions"], found["production"]["version"]) == ("doubler", 3, 3)


def test_versions_are_listed_with_their_figures_and_states(workspace: Path, models: Path, untried: None) -> None:
    registry.roll_back(models, "doubler", "it was worse")
    registry.pin(models, "doubler", 1, "reference")
    (models / "doubler" / "1" / "fingerprint.pb").unlink()
    first, second, third = describe_versions(workspace, "doubler")
    assert [v["state"] for v in (first, second, third)] == ["previous", "production", "rolled back"]
    assert (first["pinned"], second["pinned"]) == ("reference", None)
    assert (first["problem"], second["problem"]) == ("fingerprint.pb is missing", None)
    assert second["metrics"] == {"mae": 1.75}
    assert second["test_metrics"] == {"mae": 2.75}
    assert (second["run_id"], second["main_metric"]) == ("20261121-000002", "mae")
    assert second["data_fingerprint"] == "0123456789abcdef"
    assert second["pushed_at"].endswith("+00:00")
    assert second["size_bytes"] > 1000


def test_a_version_without_a_report_is_listed_without_figures(workspace: Path) -> None:
    shutil.rmtree(workspace / "reports")
    assert [v["metrics"] for v in describe_versions(workspace, "doubler")] == [{}, {}, {}]


def test_promote_moves_production_and_says_who_and_why(models: Path, untried: None) -> None:
    move, _ = registry.promote(models, "doubler", 1, "the   new one\nwas slow")
    assert (move["version"], move["previous"], move["replaced"], move["action"]) == (1, 3, 3, "promote")
    assert move["reason"] == "the new one was slow"
    assert read_pointer(models / "doubler") == move
    assert read_history(models / "doubler")[-1] == move


def test_rollback_of_a_promotion_goes_to_what_was_there_before(models: Path, untried: None) -> None:
    registry.promote(models, "doubler", 1, "try the old one")
    assert registry.roll_back(models, "doubler", "no better")[0]["version"] == 3
    assert registry.roll_back(models, "doubler", "nor that")[0]["version"] == 2


def test_what_cannot_be_promoted(models: Path, untried: None) -> None:
    cases = {
        (
            "dubler",
            1,
            "x",
        ): "expected the name of a pushed model.*got 'dubler'; there are doubler. Did you mean 'doubler'",
        ("doubler", 7, "x"): "doubler has no version 7; it has 1, 2, 3",
        ("doubler", 3, "x"): "version 3 of doubler is in production already",
        ("doubler", 1, "  "): "--reason: expected a few words",
    }
    for (name, version, reason), message in cases.items():
        with pytest.raises(ConfigError, match=message):
            registry.promote(models, name, version, reason)
    (models / "doubler" / "2" / "variables" / "variables.index").unlink()
    with pytest.raises(ConfigError, match="version 2 of doubler cannot be used: variables/variables.index is missing"):
        registry.promote(models, "doubler", 2, "x")
    (models / "doubler" / "1" / "saved_model.pb").write_bytes(b"half")
    with pytest.raises(ConfigError, match="version 1 .* saved_model.pb has 4 bytes, and .* were pushed"):
        registry.promote(models, "doubler", 1, "x")
    assert current_version(models / "doubler") == 3
    assert len(read_history(models / "doubler")) == 3


def test_a_rollback_needs_somewhere_to_go(tmp_path: Path, doublers: list[Path]) -> None:
    models = tmp_path / "models"
    push_version(models / "single", doublers[0], {}, 5)
    with pytest.raises(ConfigError, match="single has no earlier version to go back to from version 1"):
        registry.roll_back(models, "single", "x")


def test_references_to_versions(models: Path) -> None:
    assert registry.find_version(models, "doubler") == (models / "doubler", 3)
    assert registry.find_version(models, "doubler@1") == (models / "doubler", 1)
    for reference, message in {
        "doubler@": "expected NAME or NAME@VERSION with a number such as doubler@1",
        "doubler@new": "expected NAME or NAME@VERSION with a number such as doubler@1",
        "doubler@²": "expected NAME or NAME@VERSION with a number such as doubler@1, got 'doubler@²'",
        "doubler@" + "9" * 5000: "such as doubler@1, got 'doubler@9+…'",
        "doubler@9": "doubler has no version 9; it has 1, 2, 3",
        "other": "expected the name of a pushed model",
    }.items():
        with pytest.raises(ConfigError, match=message):
            registry.find_version(models, reference)
    (models / "doubler" / "current.json").unlink()
    (models / "doubler" / "history.jsonl").unlink()
    with pytest.raises(ConfigError, match="doubler has no version in production; name one, such as doubler@3"):
        registry.find_version(models, "doubler")


def test_pins_come_and_go(models: Path) -> None:
    registry.pin(models, "doubler", 1, "reference")
    with pytest.raises(ConfigError, match="version 2 of doubler is not pinned; pinned are: 1"):
        registry.pin(models, "doubler", 2, None)
    registry.pin(models, "doubler", 1, None)
    with pytest.raises(ConfigError, match="pinned are: none"):
        registry.pin(models, "doubler", 1, None)
    with pytest.raises(ConfigError, match="doubler has no version 8"):
        registry.pin(models, "doubler", 8, "x")


def test_of_two_who_move_production_at_once_one_wins(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    both_tried = threading.Barrier(2)

    def try_together(folder: Path, version: int) -> registry.Trial:
        both_tried.wait(timeout=30)
        return registry.Trial(0.1, 1, 1)

    monkeypatch.setattr(registry, "try_version", try_together)
    outcomes: dict[int, Any] = {}

    def promote(version: int) -> None:
        try:
            outcomes[version] = registry.promote(models, "doubler", version, f"I want {version}")[0]
        except KeraslineError as error:
            outcomes[version] = error

    threads = [threading.Thread(target=promote, args=(version,)) for version in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = [version for version, outcome in outcomes.items() if isinstance(outcome, dict)]
    assert current_version(models / "doubler") == winner
    assert f"moved doubler to version {winner} meanwhile (I want {winner})" in str(outcomes[3 - winner])
    assert [move["version"] for move in read_history(models / "doubler")] == [1, 2, 3, winner]


def test_a_version_that_does_not_load_stays_out_of_production(models: Path) -> None:
    graph = models / "doubler" / "1" / "saved_model.pb"
    graph.write_bytes(b"\xff" * graph.stat().st_size)
    with pytest.raises(KeraslineError, match="version 1 of doubler to load and answer.*everything is as it was"):
        registry.promote(models, "doubler", 1, "x")
    assert current_version(models / "doubler") == 3


def test_the_list_is_printed_and_written(workspace: Path, kerasline: Command, tmp_path: Path) -> None:
    shown = kerasline("models", "--workspace", workspace, "--json", tmp_path / "models.json")
    assert shown.returncode == 0
    cells = shown.stdout.splitlines()[1].split()
    assert [*cells[:5], cells[6]] == ["doubler", "3", "3", "mae", "1.167", "01234567"]
    assert json.loads((tmp_path / "models.json").read_text())[0]["name"] == "doubler"
    versions = kerasline("models", "doubler", "--workspace", workspace)
    assert "20261121-000002" in versions.stdout
    assert "push of version 3 by" in versions.stdout
    unknown = kerasline("models", "dubler", "--workspace", workspace)
    assert unknown.returncode == 2
    assert unknown.stderr.startswith("kerasline: expected the name of a pushed model")
    nothing = kerasline("models", "--workspace", tmp_path / "nowhere")
    assert (nothing.returncode, "no models in" in nothing.stdout) == (0, True)
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.slow
@pytest.mark.long
def test_commands_move_production_of_a_trained_model(
    trained_workspace: Path, tmp_path: Path, kerasline: Command
) -> None:
    workspace = tmp_path / "workspace"
    shutil.copytree(trained_workspace, workspace)
    folder = workspace / "models" / "iris_mlp"
    shutil.copytree(folder / "1", tmp_path / "other")
    (tmp_path / "other" / "assets.extra" / "note").write_text("another digest")
    (tmp_path / "other" / "variables" / "note").write_text("another digest")
    assert push_version(folder, tmp_path / "other", {}, 5) == 2
    back = kerasline("rollback", "iris_mlp", "--workspace", workspace, "--reason", "it was worse")
    assert back.returncode == 0, back.stderr
    assert "iris_mlp: version 1 is in production, before it was 2" in back.stdout
    assert "answered 2 requests" in back.stdout
    no_reason = kerasline("promote", "iris_mlp", "2", "--workspace", workspace)
    assert no_reason.returncode == 2
    assert "--reason" in no_reason.stderr
    forth = kerasline("promote", "iris_mlp", "2", "--workspace", workspace, "--reason", "it was not")
    assert forth.returncode == 0, forth.stderr
    assert [m["reason"] for m in read_history(folder)][1:] == ["pushed by a run", "it was worse", "it was not"]


@pytest.mark.slow
def test_two_processes_that_promote_at_once_leave_one_winner(workspace: Path) -> None:
    root = Path(__file__).resolve().parents[3]
    children = {}
    for version in (1, 2):
        command = [sys.executable, "-m", "kerasline", "promote", "doubler", str(version)]
        command += ["--reason", f"I want {version}", "--workspace", str(workspace)]
        children[version] = subprocess.Popen(command, cwd=root, stderr=subprocess.PIPE, text=True)
    stderr = {version: child.communicate()[1] for version, child in children.items()}
    codes = {version: child.returncode for version, child in children.items()}
    folder = workspace / "models" / "doubler"
    assert list_versions(folder) == [1, 2, 3]
    moves = [move["version"] for move in read_history(folder)]
    assert moves[-1] == current_version(folder)
    # Whoever begins after the other has ended sees its move and is allowed one of its own.
    if sorted(codes.values()) == [0, 1]:
        (loser,) = [version for version, code in codes.items() if code == 1]
        assert "meanwhile" in stderr[loser]
        assert moves == [1, 2, 3, 3 - loser]
    else:
        assert list(codes.values()) == [0, 0]
        assert sorted(moves[-2:]) == [1, 2]
