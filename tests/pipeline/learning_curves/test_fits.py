"""The rows of a share: as many as asked for, the smaller within the larger, drawn anew by each seed."""

from __future__ import annotations

import numpy as np

from kerasline.components.fitting import Arrays, FitData
from kerasline.pipeline.learning_curves.fits import take_share


def rows(first: int, count: int) -> Arrays:
    numbers = np.arange(first, first + count)
    return Arrays({"number": numbers}, numbers.astype(np.float32), numbers.astype(np.float32))


def numbers(data: FitData) -> tuple[set[int], set[int]]:
    assert data.train is not None and data.validation is not None
    return set(data.train.inputs["number"].tolist()), set(data.validation.inputs["number"].tolist())


def test_shares_of_a_seed_lie_within_each_other() -> None:
    data = FitData(rows(0, 80), rows(80, 20), None, True)
    quarter, half = (take_share(data, share, 1) for share in (0.25, 0.5))
    (trained, held_out), (more, more_held_out) = numbers(quarter), numbers(half)
    assert (len(trained), len(held_out), len(more), len(more_held_out)) == (20, 5, 40, 10)
    assert trained < more < set(range(80)) and held_out < more_held_out < set(range(80, 100))
    assert numbers(take_share(data, 0.25, 2))[0] != trained
    assert take_share(data, 1.0, 1) is data


def test_labels_and_weights_stay_with_their_rows() -> None:
    train = take_share(FitData(rows(0, 80), None, None, False), 0.3, 7).train
    assert train is not None and train.weights is not None
    assert train.labels.tolist() == train.weights.tolist() == train.inputs["number"].tolist()


def test_the_smallest_share_has_a_row() -> None:
    train = take_share(FitData(rows(0, 3), None, None, False), 0.01, 7).train
    assert train is not None and len(train) == 1
