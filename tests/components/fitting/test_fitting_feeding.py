"""The order of the rows follows from seed and epoch alone, and TensorFlow's batches are NumPy's."""

from __future__ import annotations

import numpy as np
import pytest

from kerasline.components.fitting.rows.feeding import Feed, FeedOrder, Share
from kerasline.components.fitting.rows.rows import Arrays, class_table, weigh_classes


@pytest.fixture
def rows() -> Arrays:
    """23 rows that say which they are."""
    numbers = np.arange(23)
    inputs = {"features": np.stack([numbers, -numbers], axis=1).astype(np.float32)}
    return Arrays(inputs, numbers % 3, (1 + numbers).astype(np.float32))


def which(feed: Feed) -> list[int]:
    return [int(value) for batch in feed for value in batch[0]["features"][:, 0]]


def test_every_epoch_holds_every_row_in_an_order_of_its_own(rows: Arrays) -> None:
    feed = Feed(rows, 5, seed=7)
    epochs = []
    for epoch in range(3):
        feed.start(epoch)
        epochs.append(which(feed))
    assert all(sorted(order) == list(range(23)) for order in epochs)
    assert epochs[0] != epochs[1] != epochs[2] != epochs[0]


def test_an_epoch_can_be_started_without_those_before_it(rows: Arrays) -> None:
    through, straight = Feed(rows, 5, seed=7), Feed(rows, 5, seed=7)
    for epoch in range(4):
        FeedOrder(through).on_epoch_begin(epoch)
    straight.start(3)
    assert which(through) == which(straight)
    straight.start(2)
    assert which(through) != which(straight)


def test_labels_and_weights_stay_with_their_rows(rows: Arrays) -> None:
    for inputs, labels, weights in Feed(rows, 5, seed=7, units=3):
        numbers = inputs["features"][:, 0].astype(int)
        np.testing.assert_array_equal(labels, np.eye(3, dtype=np.float32)[numbers % 3])
        np.testing.assert_array_equal(weights, 1 + numbers)


@pytest.mark.parametrize("mixup", [0.0, 0.3])
@pytest.mark.parametrize("units", [None, 3])
def test_tensorflow_reads_the_same_batches(rows: Arrays, units: int | None, mixup: float) -> None:
    if mixup and units is None:
        rows = Arrays(rows.inputs, rows.labels.astype(np.float32), rows.weights)
    feed = Feed(rows, 5, seed=7, units=units, mixup=mixup)
    stream = feed.to_tensorflow()
    assert int(stream.cardinality()) == len(feed) == 5
    for epoch in (0, 3):
        feed.start(epoch)
        for ours, theirs in zip(feed, stream.as_numpy_iterator(), strict=True):
            np.testing.assert_allclose(theirs[0]["features"], ours[0]["features"], rtol=1e-6)
            np.testing.assert_allclose(theirs[1], ours[1], rtol=1e-6)
            np.testing.assert_allclose(theirs[2], ours[2], rtol=1e-6)


def test_an_endless_stream_goes_on_from_the_epoch_that_was_started(rows: Arrays) -> None:
    feed = Feed(rows, 5, seed=7)
    stream = feed.to_tensorflow(is_endless=True)
    feed.start(3)
    batches = iter(stream.as_numpy_iterator())
    for epoch in (3, 4):
        feed.start(epoch)
        for inputs, labels, weights in feed:
            theirs = next(batches)
            np.testing.assert_array_equal(theirs[0]["features"], inputs["features"])
            np.testing.assert_array_equal(theirs[1], labels)
            np.testing.assert_array_equal(theirs[2], weights)


def test_mixup_blends_inputs_labels_and_weights_by_one_share(rows: Arrays) -> None:
    feed = Feed(rows, 23, seed=7, units=3, mixup=0.4)
    feed.start(1)
    ((inputs, labels, weights),) = list(feed)
    order, partners, shares = feed.draw(1)
    assert ((shares >= 0.5) & (shares <= 1)).all() and (shares < 0.99).any()
    np.testing.assert_allclose(inputs["features"][:, 0], shares * order + (1 - shares) * partners, rtol=1e-5)
    np.testing.assert_allclose(weights, shares * (1 + order) + (1 - shares) * (1 + partners), rtol=1e-5)
    np.testing.assert_allclose(labels.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(labels[np.arange(23), order % 3] >= shares - 1e-6, True)


def test_workers_share_each_batch_and_leave_out_what_cannot_be_divided(rows: Arrays) -> None:
    whole = Feed(rows, 6, seed=7)
    parts = [Feed(rows, 6, seed=7, share=Share(process, 2, 2)) for process in range(2)]
    assert len(parts[0]) == 4
    for index in range(4):
        pieces = [set(part[index][0]["features"][:, 0]) for part in parts]
        assert len(pieces[0]) == len(pieces[1])
        assert not pieces[0] & pieces[1]
        assert pieces[0] | pieces[1] <= set(whole[index][0]["features"][:, 0])
    assert sum(len(which(part)) for part in parts) == 22


def test_without_a_seed_rows_stand_as_they_are(rows: Arrays) -> None:
    feed = Feed(rows, 5)
    feed.start(4)
    assert which(feed) == list(range(23))


def test_balanced_weights_make_every_class_count_the_same() -> None:
    labels = np.array([0] * 6 + [1] * 2)
    table = class_table("balanced", ("no", "yes"), labels)
    weighed = weigh_classes(Arrays({}, labels, np.full(8, 2, np.float32)), table)
    assert weighed.weights is not None
    assert weighed.weights[labels == 0].sum() == pytest.approx(weighed.weights[labels == 1].sum())
    assert weighed.weights.mean() == pytest.approx(2)


def test_weights_by_name_follow_the_order_of_the_classes() -> None:
    table = class_table({"yes": 5.0}, ("no", "yes"), None)
    assert table is not None and table.tolist() == [1.0, 5.0]
