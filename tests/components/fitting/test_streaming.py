"""Fits on rows that stream: as good as from memory however the table was sorted, and the same after a kill."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from kerasline.components.core import TrainingFailed
from kerasline.components.fitting.one_fit import fit
from kerasline.components.fitting.rows.reading import make_reader, read_fit_data
from kerasline.components.fitting.scoring import score
from kerasline.components.fitting.settings.settings import FitSettings
from kerasline.components.fitting.watching.checkpoints import CheckpointFile

pytestmark = pytest.mark.slow

Make = Callable[..., FitSettings]
CLASSES = ("setosa", "versicolor", "virginica")
COLUMNS = [f"x{number}" for number in range(4)]
NUMBER = 45_000  # of 24 bytes: more than a megabyte


@pytest.fixture(scope="module")
def place(analyse: Any, write_split: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds a transform graph, and the same rows sorted by their label, and not."""
    from kerasline.components.features.plan import FeaturePlan

    generator = np.random.default_rng(4)
    labels = generator.integers(0, 3, NUMBER)
    values = generator.normal(size=(NUMBER, 4)) + 1.5 * np.eye(4)[labels]
    rows = [
        {**dict(zip(COLUMNS, line, strict=True)), "species": CLASSES[label]}
        for line, label in zip(values.tolist(), labels.tolist(), strict=True)
    ]
    steps = [{"name": name, "kind": "numeric", "dtype": "float", "options": {}} for name in COLUMNS]
    plan = {"steps": steps, "label": "species", "label_dtype": "string", "classes": CLASSES, "label_scale": "none"}
    folder = tmp_path_factory.mktemp("streaming")
    analyse(rows[:200], FeaturePlan.model_validate({**plan, "task": "multiclass"}), folder)
    write_split(rows, folder / "random", "train", files=3)
    write_split(sorted(rows, key=lambda row: row["species"]), folder / "sorted", "train")
    return folder


def read(place: Path, order: str, settings: FitSettings) -> Any:
    """Reads the rows of one order; with a limit of one megabyte they stream."""
    pattern = str(place / order / "Split-train" / "*")
    return read_fit_data(make_reader(str(place / "graph"), settings), [pattern], settings)


def test_a_table_that_is_sorted_by_its_label_trains_as_one_that_is_not(
    settings: Make, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kerasline.components.fitting.rows.streaming.piles_for", lambda compressed_bytes: 7)
    accuracy = {}
    for order, limit in (("random", 2048), ("random", 1), ("sorted", 1)):
        chosen = settings(epochs=1, batch_size=32, learning_rate=0.01, memory_limit_mb=limit)
        data = read(place, order, chosen)
        assert (data.train is None) == (limit == 1)
        accuracy[order, limit] = score(fit(chosen, data)[0], chosen, data)["val_accuracy"]
    # The best that there is, see norms of the three clouds, is some 0.80; of 4,500 rows: two standard errors are 0.015.
    assert accuracy["random", 2048] > 0.75
    assert accuracy["random", 1] == pytest.approx(accuracy["random", 2048], abs=0.02)
    assert accuracy["sorted", 1] == pytest.approx(accuracy["random", 2048], abs=0.02)


def test_weights_are_looked_at_where_rows_stream_too(settings: Make, place: Path) -> None:
    said = []
    for limit in (2048, 1):
        with pytest.raises(TrainingFailed) as caught:
            read(place, "random", settings(sample_weight="x0", memory_limit_mb=limit))
        said.append(str(caught.value))
    assert said[0] == said[1]
    assert said[0].startswith("training.sample_weight: expected numbers of 0 and more in x0, but it holds -")


@pytest.mark.long
def test_a_stream_whose_steps_are_made_together_continues_after_a_kill(
    settings: Make, place: Path, tmp_path: Path
) -> None:
    class Killed(Exception):
        pass

    class KillAfterTwo(keras.callbacks.Callback):
        calls = 0

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            if epoch == 2:
                raise Killed

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.calls += 1

    chosen = settings(epochs=4, batch_size=500, memory_limit_mb=1, mixup=0.2, deterministic=True)
    file, kill = CheckpointFile(str(tmp_path), "key"), KillAfterTwo()
    with pytest.raises(Killed):
        fit(chosen, read(place, "sorted", chosen), [kill], checkpoint=file)
    steps = -(-read(place, "sorted", chosen).stream_rows // 500)
    assert kill.calls == 2 * -(-steps // 8)
    model, history = fit(chosen, read(place, "sorted", chosen), checkpoint=file)
    whole, expected = fit(chosen, read(place, "sorted", chosen))
    assert history == expected
    assert len(history["loss"]) == 4
    for mine, theirs in zip(model.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
