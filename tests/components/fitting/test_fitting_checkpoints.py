"""Checkpoints are replaced in one step, are read back whole or not at all, and belong to one fit only."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from kerasline.components.fitting.watching import checkpoints
from kerasline.components.fitting.watching.checkpoints import CheckpointFile, FitState, checkpoint_key


@pytest.fixture
def state() -> FitState:
    """A state with something of everything."""
    made = FitState(1, 7, True, {"loss": [0.5, 0.25], "val_loss": [0.6, float("nan")]})
    made.callbacks = {"EarlyStopping": {"wait": 2, "best": 0.125}}
    made.put("model", [np.arange(6, dtype=np.float32).reshape(2, 3), np.array([3, 4], np.uint32)])
    made.put("optimizer", [np.array(11, np.int32)])
    return made


@pytest.fixture(params=["folder", "ram"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A local folder, and an address that only TensorFlow's files reach, as an object store's."""
    return str(tmp_path / "checkpoints") if request.param == "folder" else f"ram://{tmp_path.name}/checkpoints"


def test_a_state_comes_back_as_it_was(folder: str, state: FitState) -> None:
    file = CheckpointFile(folder, "abc")
    assert file.load() is None
    file.save(state)
    found = CheckpointFile(folder, "abc").load()
    assert found is not None
    assert (found.phase, found.epoch, found.stopped, found.callbacks) == (1, 7, True, state.callbacks)
    assert found.history["loss"] == [0.5, 0.25] and np.isnan(found.history["val_loss"][1])
    assert [value.dtype for value in found.take("model")] == [np.float32, np.uint32]
    np.testing.assert_array_equal(found.take("model")[0], state.take("model")[0])
    assert found.take("optimizer")[0] == 11 and found.take("best") == []
    file.remove()
    assert file.load() is None


def test_more_than_ten_arrays_keep_their_order(tmp_path: Path, state: FitState) -> None:
    state.put("best", [np.array(n) for n in range(25)])
    file = CheckpointFile(str(tmp_path), "abc")
    file.save(state)
    found = file.load()
    assert found is not None and [int(value) for value in found.take("best")] == list(range(25))


def test_who_is_killed_while_writing_leaves_the_old_one(
    tmp_path: Path, state: FitState, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = CheckpointFile(str(tmp_path), "abc")
    file.save(state)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoints.os, "replace", die)
    state.epoch = 8
    with pytest.raises(KeyboardInterrupt):
        file.save(state)
    found = file.load()
    assert found is not None and found.epoch == 7


def test_a_file_cut_short_counts_as_none(tmp_path: Path, state: FitState) -> None:
    file = CheckpointFile(str(tmp_path), "abc")
    file.save(state)
    path = Path(file.path)
    path.write_bytes(path.read_bytes()[:200])
    assert file.load() is None


def test_the_end_of_a_fit_removes_old_ones_of_others(tmp_path: Path, state: FitState) -> None:
    for number in range(6):
        CheckpointFile(str(tmp_path), f"fit{number}").save(state)
        path = tmp_path / f"fit{number}.npz"
        path.touch()
        checkpoints.os.utime(path, (1000 + number, 1000 + number))
    CheckpointFile(str(tmp_path), "fit5").remove()
    assert sorted(path.stem for path in tmp_path.iterdir()) == ["fit2", "fit3", "fit4"]


def test_only_the_writer_of_several_workers_writes(tmp_path: Path, state: FitState) -> None:
    CheckpointFile(str(tmp_path), "abc", is_writer=False).save(state)
    assert list(tmp_path.iterdir()) == []


def test_the_key_follows_settings_graph_and_records(tmp_path: Path) -> None:
    graph, records = tmp_path / "graph", tmp_path / "data.gz"
    (graph / "assets").mkdir(parents=True)
    (graph / "assets" / "vocabulary").write_text("a\nb\n")
    records.write_bytes(gzip.compress(b"rows", mtime=0))

    def key(settings: str = "{}") -> str:
        return checkpoint_key([settings, "v1"], [str(graph)], [str(records)])

    keys = [key(), key('{"epochs": 2}')]
    (graph / "assets" / "vocabulary").write_text("a\nc\n")
    keys.append(key())
    records.write_bytes(gzip.compress(b"row5", mtime=0))
    keys.append(key())
    assert len(set(keys)) == 4
    assert key() == keys[-1]
    assert checkpoint_key(["ab", "c"], [], []) != checkpoint_key(["a", "bc"], [], [])
