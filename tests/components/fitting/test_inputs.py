"""Reading examples through a transform graph: from memory and as a stream, and which rows are validation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kerasline.components.core.errors import KeraslineError
from kerasline.components.features.column_options import ColumnOptions
from kerasline.components.features.plan import FeaturePlan, FeatureStep
from kerasline.components.fitting.rows.examples import ExamplesReader
from kerasline.components.fitting.rows.reading import read_fit_data
from kerasline.components.fitting.rows.rows import validation_mask
from kerasline.components.fitting.rows.streaming import count_train_rows, deal_rows, stream_rows
from kerasline.components.fitting.settings.settings import FitSettings

pytestmark = pytest.mark.slow

Stream = Callable[..., Any]

CLASSES = ("low", "high")
ROWS = [{"x": float(i), "word": "ab"[i % 2], "size": CLASSES[int(i >= 900)]} for i in range(1500)]
FRACTION, SEED = 0.2, 11


def scale_of(name: str, scale: str) -> FeatureStep:
    """A numeric column that is scaled."""
    return FeatureStep(name=name, kind="numeric", dtype="float", options=ColumnOptions.model_validate({"scale": scale}))


PLAN = FeaturePlan(
    steps=(
        scale_of("x", "none"),
        FeatureStep(
            name="word", kind="categorical", dtype="string", options=ColumnOptions(encode="embedding"), size=2
        ),
    ),
    label="size", label_dtype="string", classes=CLASSES, label_scale="none", task="binary",
)  # fmt: skip


@pytest.fixture(scope="module")
def place(analyse: Any, write_split: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds the transform graph, and the rows in three files."""
    folder = tmp_path_factory.mktemp("inputs")
    analyse(ROWS[:100], PLAN, folder)
    write_split(ROWS, folder / "examples", "train", files=3)
    return folder


@pytest.fixture(scope="module")
def reader(place: Path) -> ExamplesReader:
    """Reads the rows."""
    return ExamplesReader(str(place / "graph"), PLAN)


@pytest.fixture(scope="module")
def files(place: Path) -> list[str]:
    """The pattern of the train split."""
    return [str(place / "examples" / "Split-train" / "*")]


def rows_of(stream: Any) -> tuple[list[float], list[int], list[int]]:
    """Collects a stream: x, the embedding ids of the words, and the labels."""
    x, words, labels = [], [], []
    for inputs, label, *_ in stream.as_numpy_iterator():
        assert set(inputs) == {"features", "word"}
        x += inputs["features"][:, 0].tolist()
        words += inputs["word"][:, 0].tolist()
        labels += label.tolist()
    return x, words, labels


def test_memory_holds_every_row_in_the_order_of_the_files(reader: ExamplesReader, files: list[str]) -> None:
    arrays = reader.load(files)
    assert arrays is not None
    assert len(arrays) == 1500
    assert arrays.inputs["features"].dtype == np.float32
    assert arrays.inputs["features"][:, 0].tolist() == [row["x"] for row in ROWS]
    assert arrays.labels.dtype == np.int64
    assert arrays.labels.tolist() == [int(i >= 900) for i in range(1500)]
    first = arrays.take(np.array([3, 0]))
    assert first.inputs["features"].tolist() == [[3.0], [0.0]]
    assert first.labels.tolist() == [0, 0]


@pytest.fixture
def stream(reader: ExamplesReader, files: list[str], monkeypatch: pytest.MonkeyPatch) -> Stream:
    """Streams a part of the rows from piles of some hundred."""
    monkeypatch.setattr("kerasline.components.fitting.rows.streaming.piles_for", lambda compressed_bytes: 5)

    def read(part: str, batch_size: int = 64, fraction: float = FRACTION, seed: int = SEED, epoch: int = 0) -> Any:
        piles = deal_rows(reader, files, fraction, seed)
        assert sum(piles.rows) == 1500 and all(100 < rows < 400 for rows in piles.rows[1:])
        return stream_rows(reader, piles, part, batch_size, seed, lambda: epoch)

    return read


def test_the_stream_gives_the_same_records(reader: ExamplesReader, files: list[str], stream: Stream) -> None:
    arrays = reader.load(files)
    assert arrays is not None
    x, words, labels = rows_of(stream("train"))
    held_out = rows_of(stream("validation"))
    order = np.argsort(x + held_out[0])
    assert np.array(x + held_out[0])[order].tolist() == arrays.inputs["features"][:, 0].tolist()
    assert np.array(words + held_out[1])[order].tolist() == arrays.inputs["word"][:, 0].tolist()
    assert np.array(labels + held_out[2])[order].tolist() == arrays.labels.tolist()


def test_validation_is_the_same_part_from_memory_and_from_the_stream(
    reader: ExamplesReader, files: list[str], stream: Stream
) -> None:
    arrays = reader.load(files)
    assert arrays is not None
    mask = validation_mask(1500, FRACTION, SEED)
    x, _, labels = rows_of(stream("validation"))
    held_out = arrays.take(mask)
    assert x == held_out.inputs["features"][:, 0].tolist(), "validation rows keep their order"
    assert labels == held_out.labels.tolist()
    rest, _, _ = rows_of(stream("train"))
    assert sorted(rest) == arrays.take(~mask).inputs["features"][:, 0].tolist()
    assert rest != sorted(rest), "training rows are shuffled"
    assert not set(rest) & set(x)
    assert count_train_rows(deal_rows(reader, files, FRACTION, SEED)) == len(rest)


def test_rows_that_stream_can_all_be_trained_on(reader: ExamplesReader, files: list[str]) -> None:
    settings = FitSettings.model_validate(
        {
            "plan": PLAN,
            "model": {"family": "mlp", "units": [4]},
            "training": {"validation_fraction": FRACTION},
            "seed": SEED,
        }
    )
    chosen = settings.training.model_copy(update={"memory_limit_mb": 0})
    data = read_fit_data(reader, files, settings.model_copy(update={"training": chosen}))
    assert data.stream is not None and data.has_validation
    whole = data.whole()
    assert whole.stream is not None and not whole.has_validation
    assert (data.rows, whole.rows) == (1500 - validation_mask(1500, FRACTION, SEED).sum(), 1500)
    x, _, labels = rows_of(whole.stream("train", 64, lambda: 0))
    assert sorted(x) == [row["x"] for row in ROWS]
    assert whole.train_labels().tolist() == sorted(labels)
    assert sorted(data.train_labels().tolist()) == sorted(rows_of(data.stream("train", 64, lambda: 0))[2])
    few = data.only(["features"]).whole()
    assert few.stream is not None and few.rows == 1500
    inputs, _ = next(iter(few.stream("train", 64, lambda: 0)))
    assert set(inputs) == {"features"}


def test_the_shuffle_follows_the_seed_and_the_epoch(stream: Stream) -> None:
    def order(seed: int, epoch: int = 0) -> list[float]:
        return rows_of(stream("train", fraction=0.0, seed=seed, epoch=epoch))[0]

    assert order(1) == order(1)
    assert order(1) != order(2)
    assert order(1) != order(1, epoch=1)
    assert sorted(order(1)) == sorted(order(1, epoch=1))


def test_rows_that_were_sorted_are_dealt_out_over_the_whole_epoch(stream: Stream) -> None:
    """The files hold the rows in ascending order, all of one class before the other."""
    x, _, labels = rows_of(stream("train", fraction=0.0))
    for part in np.split(np.array(labels), 10):
        assert part.mean() == pytest.approx(0.4, abs=0.15)
    assert abs(np.corrcoef(x, np.arange(1500))[0, 1]) < 0.1


def test_batches_have_the_size_that_was_asked_for(stream: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    def sizes(batch_size: int) -> list[int]:
        return [len(label) for _, label, *_ in stream("train", batch_size, fraction=0.0).as_numpy_iterator()]

    assert sizes(400) == [400, 400, 400, 300]
    monkeypatch.setattr("kerasline.components.fitting.rows.streaming._MOST_BYTES", 20 * 7)
    assert sizes(400) == [400, 400, 400, 300], "also where the graph is given seven rows at once"
    assert sizes(4) == [4] * 375


def test_data_beyond_the_limit_is_not_kept_in_memory(reader: ExamplesReader, files: list[str]) -> None:
    row_bytes = 4 + 8 + 8  # x, the id of the word, the label
    assert reader.load(files, limit_bytes=1500 * row_bytes - 1) is None
    assert reader.load(files, limit_bytes=1500 * row_bytes) is not None


def test_labels_alone(reader: ExamplesReader, files: list[str]) -> None:
    assert reader.load_labels(files).tolist() == [int(i >= 900) for i in range(1500)]
    assert reader.load_labels([files[0] + ".absent"]).tolist() == []


def test_a_split_without_files_is_empty(reader: ExamplesReader, files: list[str]) -> None:
    arrays = reader.load([files[0] + ".absent"])
    assert arrays is not None
    assert len(arrays) == 0


def test_a_label_that_the_plan_does_not_know_stops_the_fit(
    place: Path, reader: ExamplesReader, write_split: Any
) -> None:
    pattern = write_split([*ROWS[:3], {**ROWS[0], "size": "huge"}], place / "strange", "train")
    with pytest.raises(KeraslineError) as caught:
        reader.load(pattern)
    assert str(caught.value) == (
        "expected every label to be one of 2 classes, but 1 row holds another value; the data changed while the run "
        "was reading it, so run again"
    )


@pytest.mark.parametrize("fraction", [0.0, 0.05, 0.1, 0.5, 0.89])
def test_validation_is_spread_evenly(fraction: float) -> None:
    mask = validation_mask(10_000, fraction, 3)
    assert mask.sum() == pytest.approx(10_000 * fraction, abs=2)
    for part in np.split(mask, 100):
        assert part.sum() == pytest.approx(100 * fraction, abs=3)


def test_validation_follows_the_seed() -> None:
    first = validation_mask(1000, 0.1, 1)
    assert (validation_mask(1000, 0.1, 1) == first).all()
    assert (validation_mask(1000, 0.1, 2) != first).any()


def test_the_units_of_a_regression_label(analyse: Any, write_split: Any, tmp_path: Path) -> None:
    rows = [{"x": float(i), "price": 50.0 + 10 * i} for i in range(3)]
    plan = FeaturePlan(
        steps=(scale_of("x", "none"),), label="price", label_dtype="float", classes=None, label_scale="z_score",
        task="regression",
    )  # fmt: skip
    reader = ExamplesReader(str(analyse(rows, plan, tmp_path)), plan)
    files = write_split(rows, tmp_path / "examples", "train")
    arrays = reader.load(files)
    assert arrays is not None
    units = reader.label_units(files)
    assert units == (pytest.approx(8.1649658), pytest.approx(60.0), False)
    assert units.restore(arrays.labels, np).tolist() == pytest.approx([50.0, 60.0, 70.0], rel=1e-6)
    assert reader.load_labels(files).tolist() == [50.0, 60.0, 70.0], "labels alone are in their own units"
