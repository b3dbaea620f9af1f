"""The transform graph: a table with a column of every kind, analysed by Beam, its outputs worked out by hand."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kerasline.components.datasets.description.spec import Column, Dataset, Label, SplitPlan
from kerasline.components.features.column_options import ColumnOptions
from kerasline.components.features.plan import FeaturePlan, plan_features
from kerasline.components.models.description.spec import Task

pytestmark = pytest.mark.slow


def png(pixels: Any) -> bytes:
    """Encodes pixels (height, width[, 3]) of 0..255."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(np.array(pixels, np.uint8)).save(stream, "PNG")
    return stream.getvalue()


GRADIENT = [[0, 7, 30, 80], [9, 3, 41, 99], [120, 90, 60, 13], [200, 201, 5, 255]]
# What stands in the raw columns, row by row; None is a missing value.
TABLE: dict[str, list[Any]] = {
    "z": [1.0, 2.0, 3.0, 4.0, None, float("nan")],
    "log": [0.0, math.e - 1, 1 - math.e, 0.0, None, math.inf],
    "min_max": [10, 20, 30, None, 10, 30],
    "plain": [5, -7, 0, 2, 3, None],
    "buckets": [1, 2, 3, 4, 5, 6],
    "ranked": [0.0, 0.0, 1.0, 2.0, None, 1000.0],
    "median": [1.0, 2.0, 100.0, None, 2.0, 1.0],
    "word": ["b", "a", "a", None, " a ", "c"],
    "code": [7, 7, 9, None, 8, 7],
    "city": ["Bonn", "Köln", "Bonn", "Ulm", None, "Köln"],
    "hashed": ["x", "y", "x", None, "x", "y"],
    "smokes": ["Sí", "no", "WAHR", None, "0", "1"],
    "flag": [1, 0, None, 1, 0, 1],
    "day": ["2024-02-29", "2024-03-01T13:45:00", "1999-12-31 23:59", None, "2024-13", "2000-01-01"],
    "seen": ["2024-02-29", "2024-03-01", "1999-12-31", None, "2024-13", "2000-01-01"],
    "note": ["Good, good work", "bad WORK", "", None, "good", "été bad"],
    "story": ["one two two", "two", "", None, "three two one", "one one"],
    "scan": [
        png([[0, 51], [102, 255]]), png(GRADIENT), png([[0, 0], [0, 0]]), png([[51] * 3] * 5),
        png([[[255, 255, 255]] * 2] * 2), png([[10, 20], [30, 40]]),
    ],
    "photo": [png([[[255, 0, 51]] * 3] * 3)] * 6,
    "pulse": [np.array([[i, 2 * i], [0.5, 1.0]], np.float32) for i in range(6)],
    "ids": [np.array([i, 4, 0], np.int64) for i in range(6)],
    "kind": ["m", "z", "a", "a", "z", "m"],
}  # fmt: skip
FEATURES: dict[str, dict[str, Any]] = {
    "log": {"scale": "log"},
    "min_max": {"scale": "min_max", "impute": 25.0},
    "plain": {"scale": "none", "impute": 9.0, "indicator": False},
    "buckets": {"scale": "buckets", "buckets": 2},
    "ranked": {"scale": "piecewise", "impute": 2.0},
    "median": {"scale": "none", "impute": "median"},
    "code": {"kind": "categorical", "vocabulary_size": 2, "oov_buckets": 1},
    "city": {"encode": "embedding"},
    "hashed": {"encode": "hash", "hash_buckets": 4},
    "smokes": {"kind": "boolean"},
    "flag": {"kind": "boolean"},
    "day": {"kind": "date"},
    "seen": {"kind": "date", "scale": "piecewise"},
    "note": {"kind": "text", "vocabulary_size": 3},
    "story": {"kind": "text", "encode": "tokens", "vocabulary_size": 2, "length": 4},
    "photo": {"normalise": "standard"},
    "word_code": {"cross": ["word", "code"], "hash_buckets": 8},
    "both": {"cross": ["city", "word"], "encode": "embedding", "hash_buckets": 4096},
}
ROWS = [dict(zip(TABLE, values, strict=True)) for values in zip(*TABLE.values(), strict=True)]
SHAPES: dict[str, tuple[str, tuple[int, ...]]] = {
    "scan": ("image", (2, 2, 1)), "photo": ("image", (3, 3, 3)), "pulse": ("array", (2, 2)), "ids": ("tokens", (3,)),
}  # fmt: skip


def column(name: str) -> Column:
    """Describes a column of the table as a source would."""
    if name in SHAPES:
        dtype, shape = SHAPES[name]
        return Column(name=name, dtype=dtype, shape=shape, vocabulary_size=10 if name == "ids" else None)
    values = [v for v in TABLE[name] if v is not None]
    dtype = "string" if isinstance(values[0], str) else "int" if isinstance(values[0], int) else "float"
    missing = sum(1 for v in TABLE[name] if v is None or v != v)
    return Column(name=name, dtype=dtype, missing=missing, distinct=len({str(v).strip() for v in values}))


def plan_of(columns: Sequence[str], label: Label, task: Task, features: dict[str, dict[str, Any]]) -> FeaturePlan:
    """Settles the features of some columns of the table."""
    dataset = Dataset(
        name="table", kind="table", columns=tuple(column(name) for name in columns), label=label, rows=len(ROWS),
        reader="csv", shards=({"first": 0, "rows": 6},), split=SplitPlan(method="hash", fractions={"train": 1.0}),
        fingerprint="0",
    )  # fmt: skip
    return plan_features(dataset, {k: ColumnOptions.model_validate(v) for k, v in features.items()}, task)


PLAN = plan_of(
    [name for name in TABLE if name != "kind"],
    Label(name="kind", dtype="string", classes=("z", "a", "m")),
    "multiclass",
    FEATURES,
)


def transform(graph: Path, plan: FeaturePlan, rows: Sequence[dict[str, Any]]) -> dict[str, np.ndarray]:
    """Applies a graph to rows as readers and servers do: through serialized examples."""
    import tensorflow as tf
    import tensorflow_transform as tft

    from kerasline.components.example_gen.shards import encode_row

    output = tft.TFTransformOutput(str(graph))
    parsed = tf.io.parse_example([encode_row(row) for row in rows], output.raw_feature_spec())
    return {name: np.asarray(value) for name, value in output.transform_features_layer()(dict(parsed)).items()}


@pytest.fixture(scope="module")
def graph(analyse: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The table's graph."""
    return analyse(ROWS, PLAN, tmp_path_factory.mktemp("table"))


@pytest.fixture(scope="module")
def outputs(graph: Path) -> dict[str, np.ndarray]:
    """The transformed table."""
    return transform(graph, PLAN, ROWS)


@pytest.fixture(scope="module")
def dense(outputs: dict[str, np.ndarray]) -> dict[str, list[float]]:
    """The values of the dense input by name."""
    names = PLAN.inputs()[0].columns
    assert outputs["features"].dtype == np.float32
    assert outputs["features"].shape == (6, len(names))
    return {name: outputs["features"][:, i].tolist() for i, name in enumerate(names)}


def z_scores(values: list[float]) -> list[float]:
    """Scales values; NaN counts as missing and becomes the mean."""
    known = np.array([v for v in values if math.isfinite(v)])
    filled = np.array([v if math.isfinite(v) else known.mean() for v in values])
    return ((filled - known.mean()) / known.std()).tolist()


NAN = math.nan


def test_outputs_are_what_the_plan_promises(outputs: dict[str, np.ndarray]) -> None:
    assert set(outputs) == {spec.name for spec in PLAN.inputs()} | {"label"}
    for spec in PLAN.inputs():
        assert outputs[spec.name].shape == (6, *spec.shape), spec.name
        assert outputs[spec.name].dtype == spec.dtype, spec.name
        assert np.isfinite(outputs[spec.name]).all(), spec.name
        if spec.vocabulary_size:
            assert outputs[spec.name].min() >= 0
            assert outputs[spec.name].max() < spec.vocabulary_size


def test_z_score(dense: dict[str, list[float]]) -> None:
    root = math.sqrt(1.25)
    assert dense["z"] == pytest.approx([-1.5 / root, -0.5 / root, 0.5 / root, 1.5 / root, 0, 0], abs=1e-6)
    assert dense["z missing"] == [0, 0, 0, 0, 1, 1]


def test_piecewise_is_the_distance_in_quartile_ranges_and_the_rank(dense: dict[str, list[float]]) -> None:
    ranks = dense["ranked rank"]
    assert ranks[0] == ranks[1], "rows that share a value share its rank"
    assert 0 <= ranks[0] < ranks[2] < ranks[3] == ranks[4] < ranks[5] == 1
    scaled = dense["ranked"]
    assert scaled[0] < scaled[2] <= 0 <= scaled[3] == scaled[4] < scaled[5] < 20, "the largest does not rule the others"
    straight = [3 * math.sinh(value / 3) for value in scaled]
    share = (straight[5] - straight[0]) / (straight[3] - straight[0])
    assert share == pytest.approx(500, rel=1e-4), "how far out it lies is not lost"
    assert dense["ranked missing"] == [0, 0, 0, 0, 1, 0]


def test_log(dense: dict[str, list[float]]) -> None:
    assert dense["log"] == pytest.approx(z_scores([0, 1, -1, 0, NAN, NAN]), abs=1e-6)
    assert dense["log missing"] == [0, 0, 0, 0, 1, 1], "infinity is no number to learn from"


def test_min_max_with_a_number_for_what_is_missing(dense: dict[str, list[float]]) -> None:
    assert dense["min_max"] == pytest.approx([0, 0.5, 1, 0.75, 0, 1])
    assert dense["min_max missing"] == [0, 0, 0, 1, 0, 0]


def test_numbers_that_are_left_alone(dense: dict[str, list[float]]) -> None:
    assert dense["plain"] == [5, -7, 0, 2, 3, 9]
    assert "plain missing" not in dense


def test_buckets(dense: dict[str, list[float]]) -> None:
    assert dense["buckets [0]"] == [1, 1, 1, 0, 0, 0]
    assert dense["buckets [1]"] == [0, 0, 0, 1, 1, 1]


def test_the_median_stands_for_what_is_missing(dense: dict[str, list[float]]) -> None:
    assert dense["median"] == [1, 2, 100, 2, 2, 1]
    assert dense["median missing"] == [0, 0, 0, 1, 0, 0]


def test_one_hot_by_frequency_with_a_place_for_the_unknown(dense: dict[str, list[float]]) -> None:
    assert dense["word #0"] == [0, 1, 1, 0, 1, 0], "a, spaces around it do not count"
    assert [dense["word #1"][0] + dense["word #2"][0], dense["word #1"][5] + dense["word #2"][5]] == [1, 1]
    assert dense["word #1"] != dense["word #2"]
    assert dense["word #3"] == [0, 0, 0, 1, 0, 0], "a missing value is outside the vocabulary"


def test_numbers_as_categories(dense: dict[str, list[float]]) -> None:
    assert dense["code #0"] == [1, 1, 0, 0, 0, 1], "7 is the most frequent"
    kept = [dense["code #1"][2], dense["code #1"][4]]
    assert sorted(kept) == [0, 1], "two are kept of three"
    assert dense["code #2"] == [0, 0, 1 - kept[0], 1, 1 - kept[1], 0]


def test_embedding_ids(outputs: dict[str, np.ndarray]) -> None:
    bonn, koeln, bonn_again, ulm, missing, koeln_again = outputs["city"][:, 0].tolist()
    assert (bonn, koeln) == (bonn_again, koeln_again)
    assert {bonn, koeln} == {0, 1}
    assert (ulm, missing) == (2, 3)


def test_hashes_are_equal_where_values_are(dense: dict[str, list[float]]) -> None:
    rows = np.array([dense[f"hashed #{i}"] for i in range(4)]).T
    assert rows.sum(axis=1).tolist() == [1] * 6
    assert (rows[[0, 2, 4]] == rows[0]).all()
    assert (rows[1] == rows[5]).all()


def test_crosses(dense: dict[str, list[float]], outputs: dict[str, np.ndarray], graph: Path) -> None:
    hashed = np.array([dense[f"word_code #{i}"] for i in range(8)]).T
    assert hashed.sum(axis=1).tolist() == [1] * 6
    pairs = [{"city": "Bonn", "word": "a"}, {"city": "Bonn", "word": "c"}, {"city": "Ulm", "word": "a"}]
    ids = transform(graph, PLAN, [{**ROWS[0], **pair} for pair in pairs])["both"][:, 0].tolist()
    assert len(set(ids)) == 3
    assert outputs["both"][2, 0] == ids[0], "Bonn with a"


def test_booleans_as_text_and_as_numbers(dense: dict[str, list[float]]) -> None:
    assert dense["smokes"] == [1, 0, 1, 0, 0, 1]
    assert dense["smokes missing"] == [0, 0, 0, 1, 0, 0]
    assert dense["flag"] == [1, 0, 0, 1, 0, 1]
    assert dense["flag missing"] == [0, 0, 1, 0, 0, 0]


def test_dates(dense: dict[str, list[float]]) -> None:
    days = [datetime(2024, 2, 29), datetime(2024, 3, 1, 13, 45), datetime(1999, 12, 31, 23, 59), None, None,
            datetime(2000, 1, 1)]  # fmt: skip
    parts = {
        "year": lambda day: day.year, "month": lambda day: day.month, "day": lambda day: day.day,
        "weekday": lambda day: (day.weekday() + 1) % 7, "hour": lambda day: day.hour,
    }  # fmt: skip
    for part, read in parts.items():
        wanted = z_scores([NAN if day is None else read(day) for day in days])
        assert dense[f"day.{part}"] == pytest.approx(wanted, abs=1e-4), part
    assert dense["day missing"] == [0, 0, 0, 1, 1, 0], "2024-13 is no date"


def test_parts_of_a_date_bring_their_ranks(dense: dict[str, list[float]]) -> None:
    assert [name for name in dense if name.startswith("seen")] == [
        *(f"seen.{part}" for part in ("year", "month", "day", "weekday", "hour")),
        *(f"seen.{part} rank" for part in ("year", "month", "day", "weekday", "hour")),
        "seen missing",
    ]
    years, months = dense["seen.year rank"], dense["seen.month rank"]
    assert 0 <= years[2] < years[5] < years[0] == years[1] == 1
    assert 0 <= months[5] < months[0] < months[1] < months[2] == 1
    assert dense["seen.year"][2] < dense["seen.year"][5] < dense["seen.year"][0], "beside the year itself"
    assert set(dense["seen.hour"]) == {0} and len(set(dense["seen.hour rank"])) == 1, "all are at midnight"
    assert dense["seen missing"] == [0, 0, 0, 1, 1, 0]


def test_bag_of_words(dense: dict[str, list[float]]) -> None:
    # good 3 times; bad and work twice, in an order that Transform chooses; été is outside the three that are kept.
    assert dense["note #0"] == [1, 0, 0, 0, 1, 0]
    both = sorted([dense["note #1"], dense["note #2"]])
    assert both == [[0, 1, 0, 0, 0, 1], [1, 1, 0, 0, 0, 0]]
    assert dense["note #3"] == [0, 0, 0, 0, 0, 1]


@pytest.mark.parametrize("text", ["", None, "..."])
def test_a_text_without_words_is_no_words_even_alone(graph: Path, text: str | None) -> None:
    alone = transform(graph, PLAN, [{**ROWS[0], "note": text, "story": text}])
    start = PLAN.inputs()[0].columns.index("note #0")
    assert alone["features"][0, start : start + 4].tolist() == [0, 0, 0, 0]
    assert alone["story"].tolist() == [[0, 0, 0, 0]]


def test_token_ids(outputs: dict[str, np.ndarray]) -> None:
    # two (4 times) is 2, one (4 times) 3 or the other way round; three is outside the vocabulary of two words: 1.
    rows = outputs["story"].tolist()
    two = rows[1][0]
    one = 5 - two
    assert rows == [[one, two, two, 0], [two, 0, 0, 0], [0] * 4, [0] * 4, [1, two, one, 0], [one, one, 0, 0]]


def test_images_are_decoded_resized_and_scaled(outputs: dict[str, np.ndarray]) -> None:
    import tensorflow as tf

    scans = outputs["scan"][..., 0]
    assert scans[0].tolist() == pytest.approx(np.array([[0, 0.2], [0.4, 1.0]]), abs=1e-6)
    smaller = np.asarray(tf.image.resize(np.array(GRADIENT, np.uint8)[..., None], (2, 2), antialias=True))[..., 0]
    assert (smaller % 1 > 0.5).any(), "rounding makes a difference"
    assert (scans[1] * 255).tolist() == pytest.approx(smaller.round(), abs=1e-3), "4x4 becomes 2x2, in whole levels"
    assert scans[3].tolist() == pytest.approx(np.full((2, 2), 0.2), abs=1e-6), "5x3 becomes 2x2"
    assert scans[4].tolist() == [[1.0, 1.0], [1.0, 1.0]], "colour becomes grey"
    assert scans[5].tolist() == pytest.approx(np.array([[10, 20], [30, 40]]) / 255, abs=1e-6)


def test_images_are_standardised_one_by_one(outputs: dict[str, np.ndarray]) -> None:
    pixel = np.array([255, 0, 51]) / 255
    wanted = (pixel - pixel.mean()) / pixel.std()
    assert outputs["photo"][0, 1, 2].tolist() == pytest.approx(wanted.tolist(), abs=1e-5)


def test_arrays_and_ids_stay_as_they_are(outputs: dict[str, np.ndarray]) -> None:
    assert outputs["pulse"][3].tolist() == [[3, 6], [0.5, 1]]
    assert outputs["ids"][3].tolist() == [3, 4, 0]


def test_labels_are_places_in_the_order_of_the_classes(outputs: dict[str, np.ndarray]) -> None:
    assert outputs["label"].tolist() == [2, 0, 1, 1, 0, 2]


def test_a_class_that_nobody_knows_is_minus_one(graph: Path) -> None:
    assert transform(graph, PLAN, [{**ROWS[0], "kind": "q"}])["label"].tolist() == [-1]


def test_values_that_the_analysis_never_saw(graph: Path) -> None:
    unseen = transform(graph, PLAN, [{**ROWS[0], "word": "new", "city": "Rom", "note": "unheard", "buckets": 1000}])
    values = dict(zip(PLAN.inputs()[0].columns, unseen["features"][0].tolist(), strict=True))
    assert [values[f"word #{i}"] for i in range(4)] == [0, 0, 0, 1]
    assert unseen["city"].tolist() == [[3]]
    assert [values[f"note #{i}"] for i in range(4)] == [0, 0, 0, 1]
    assert [values["buckets [0]"], values["buckets [1]"]] == [0, 1]


@pytest.mark.parametrize(
    ("options", "labels", "shift", "scale"),
    [({}, [-1.2247449, 0.0, 1.2247449], 200.0, 81.64966), ({"price": {"scale": "none"}}, [100, 200, 300], 0.0, 1.0),
     ({"price": {"scale": "log"}}, [-1.316267, 0.2102709, 1.1059961], 5.2085119, 0.4508138)],
)  # fmt: skip
def test_the_label_of_a_regression(
    analyse: Any, tmp_path: Path, options: dict[str, Any], labels: list[float], shift: float, scale: float
) -> None:
    rows = [{"z": float(i), "price": 100 * (i + 1)} for i in range(3)]
    plan = plan_of(["z"], Label(name="price", dtype="int", minimum=100, maximum=300), "regression", options)
    outputs = transform(analyse(rows, plan, tmp_path), plan, rows)
    assert outputs["label"].tolist() == pytest.approx(labels, abs=1e-5)
    assert outputs["label_shift"].tolist() == pytest.approx([shift] * 3, rel=1e-6)
    assert outputs["label_scale"].tolist() == pytest.approx([scale] * 3, rel=1e-6)


def test_the_labels_of_a_multilabel_task(analyse: Any, tmp_path: Path) -> None:
    wanted = [[1, 0], [0, 1], [1, 1]]
    rows = [{"z": float(i), "labels": np.array(row, np.float32)} for i, row in enumerate(wanted)]
    plan = plan_of(["z"], Label(name="labels", dtype="multi", classes=("old", "new")), "multilabel", {})
    outputs = transform(analyse(rows, plan, tmp_path), plan, rows)
    assert outputs["label"].tolist() == wanted
    assert outputs["label"].dtype == np.float32
