"""What a version keeps of its answers to eval rows, for what it answers later to be compared with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kerasline.components.pushing.executor import keep_answers


@pytest.mark.parametrize(("rows", "classes", "kept"), [(30, 3, 30), (25_000, 3, 10_000), (5_000, 1_000, 2_000)])
def test_answers_keep_their_labels_and_a_bounded_size(tmp_path: Path, rows: int, classes: int, kept: int) -> None:
    labels = np.arange(rows)
    predictions = np.repeat(labels[:, None], classes, axis=1).astype(np.float32)
    np.savez(tmp_path / "predictions.npz", predictions=predictions, labels=labels)
    keep_answers(tmp_path / "predictions.npz", tmp_path / "answers.npz")
    with np.load(tmp_path / "answers.npz") as stored:
        assert stored["predictions"].shape == (kept, classes)
        assert (stored["predictions"][:, 0] == stored["labels"]).all()
        assert (stored["labels"][0], stored["labels"][-1]) == (0, rows - 1)
        assert np.diff(stored["labels"]).max() <= rows // kept + 1


def test_without_predictions_there_are_no_answers(tmp_path: Path) -> None:
    keep_answers(tmp_path / "predictions.npz", tmp_path / "answers.npz")
    assert list(tmp_path.iterdir()) == []
