"""Ingest by the column writes the files that ingest by rows writes, byte by byte."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings, strategies as st

from kerasline.components.core.errors import ConfigError
from kerasline.components.datasets import DataOptions, read_columns, resolve
from kerasline.components.datasets.description.spec import Dataset, SplitPlan
from kerasline.components.datasets.splits import assign_splits
from kerasline.components.datasets.splits.splits import assign_split, row_key
from kerasline.components.datasets.splits.splits_of_columns import contents_of
from kerasline.components.datasets.tables.csv import blocks as csv_blocks, files as csv_files
from kerasline.components.example_gen import ColumnRule, RowRules
from kerasline.components.example_gen.column_rules import may_judge_columns
from kerasline.components.example_gen.encoding import encode_row, encode_rows
from kerasline.components.example_gen.shards import write_shard

NUMBER = st.floats(allow_nan=False) | st.just(None)
WHOLE = st.integers(-(2**63) + 1, 2**63 - 1) | st.integers(-200, 200) | st.just(None)
TEXT = st.text(st.characters(codec="utf-8"), max_size=20) | st.sampled_from(["x" * 127, "é" * 100, "y" * 20_000, None])
NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=5) | st.just("long" * 60)


@st.composite
def batches(draw: st.DrawFn) -> pa.RecordBatch:
    """Draws columns of every type; the last has a value in every row."""
    count = draw(st.integers(1, 12))
    kinds = draw(st.lists(st.sampled_from(["float", "int", "string"]), min_size=1, max_size=4))
    names = draw(st.lists(NAMES, min_size=len(kinds), max_size=len(kinds), unique=True))
    values = {"float": (NUMBER, pa.float64()), "int": (WHOLE, pa.int64()), "string": (TEXT, pa.string())}
    arrays = [pa.array([draw(values[kind][0]) for _ in range(count)], values[kind][1]) for kind in kinds]
    arrays[-1] = arrays[-1].fill_null("" if kinds[-1] == "string" else 0)
    # Rows of a Parquet file are slices of longer arrays.
    return pa.RecordBatch.from_arrays(arrays, names).slice(draw(st.integers(0, count - 1)))


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@example(pa.RecordBatch.from_pydict(dict.fromkeys(("a", "ab", "abc", "b", "é", "éa", "aé", "a\x00", "", "ab "), [0.5])))
@given(batches())
def test_rows_are_encoded_and_hashed_by_the_column_as_one_by_one(rows: pa.RecordBatch) -> None:
    import hashlib

    listed = rows.to_pylist()
    with np.errstate(over="ignore"):
        assert encode_rows(rows).to_pylist() == [encode_row(row) for row in listed]
    digests = [hashlib.sha256(content).digest() for content in contents_of(rows).to_pylist()]
    assert digests == [row_key(row) for row in listed]


PLANS = {
    "hash": SplitPlan(method="hash", fractions={"train": 0.6, "eval": 0.2, "test": 0.2}, seed=3),
    "stratified": SplitPlan(
        method="stratified", fractions={"train": 0.6, "eval": 0.2, "test": 0.2}, column="y", cuts={"a": (0.3, 0.6)}
    ),
    "all of one class": SplitPlan(
        method="stratified", fractions={"train": 0.6, "eval": 0.4, "test": 0.0}, cuts={"": (0.3, 1.0)}
    ),
    "group": SplitPlan(method="group", fractions={"train": 0.6, "eval": 0.2, "test": 0.2}, column="who", seed=-1),
    "time": SplitPlan(
        method="time", fractions={"train": 0.6, "eval": 0.2, "test": 0.2}, column="when", boundaries=(3, 7)
    ),
    "source": SplitPlan(method="source", fractions={"train": 1.0, "eval": 0.0, "test": 0.0}, column="part"),
}


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_rows_reach_the_split_that_they_reach_one_by_one(plan: SplitPlan) -> None:
    rows = pa.RecordBatch.from_pydict(
        {
            "when": [None if place % 9 == 0 else place % 11 for place in range(300)],
            "who": [None if place % 7 == 0 else f"p{place % 40}" for place in range(300)],
            "part": [("train", "Val", " TEST")[place % 3] for place in range(300)],
            "x": [place / 7 for place in range(300)],
            "y": [("a", "b")[place % 2] for place in range(300)],
        }
    )
    found = assign_splits(plan, rows, rows)
    assert found.tolist() == [assign_split(plan, row) for row in rows.to_pylist()]
    assert len(set(found)) > 1


def table(folder: Path, monkeypatch: pytest.MonkeyPatch, rows: int = 400, **blocks: Any) -> Dataset:
    """A table that is read in small pieces, with missing values, words among the labels, and truth."""
    weights = ["NA" if n % 7 == 0 else n / 4 for n in range(rows)]
    lines = [
        f"{n},{weight},{'North' if n % 3 else ' Süd'},{n % 2 == 0},{'?' if n % 50 == 0 else n % 3}"
        for n, weight in enumerate(weights)
    ]
    (folder / "t.csv").write_text("\n".join(["id,weight,region,young,ill", *lines]) + "\n")
    monkeypatch.setattr(csv_files, "_FEWEST_BYTES", 0)
    monkeypatch.setattr(csv_blocks, "_BLOCK_BYTES", 900)
    monkeypatch.setattr(csv_files, "_BYTES_PER_PIECE", 1800)
    options = DataOptions.model_validate({"csv": {"path": "t.csv", "label": "ill"}, **blocks})
    return resolve(options, name="patients", base_dir=folder, data_dir=None, seed=3)


def by_rows(dataset: Dataset) -> Dataset:
    """The same data whose shards are read row by row."""
    shards = [{key: value for key, value in shard.items() if key != "by_columns"} for shard in dataset.shards]
    return dataset.model_copy(update={"shards": tuple(shards)})


def written(dataset: Dataset, uri: Path, rules: RowRules) -> dict[str, Any]:
    """Ingests every shard; returns the content of every file, and the counts."""
    counts = [write_shard(place, dataset.to_json(), str(uri), rules.to_json()) for place in range(len(dataset.shards))]
    files = {str(path.relative_to(uri)): path for path in uri.rglob("*") if path.is_file()}
    return {
        "counts": counts,
        **{n: pq.read_table(p).to_pylist() if n.endswith("parquet") else p.read_bytes() for n, p in files.items()},
    }


@pytest.mark.parametrize(
    "blocks",
    [
        {},
        {"split": {"method": "stratified"}},
        {"split": {"method": "group", "column": "id"}},
        {"split": {"method": "time", "column": "id"}, "csv": {"path": "t.csv", "label": "ill", "drop": ["id"]}},
        {"csv": {"path": "t.csv", "label": "weight"}},
        {"csv": {"path": "t.csv", "label": "young"}},
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "rules",
    [
        RowRules(),
        RowRules(columns=(ColumnRule(name="weight", required=True, minimum=3, maximum=90),), finite=True),
        RowRules(columns=(ColumnRule(name="region", values=("North",)), ColumnRule(name="id", cast="string"))),
        RowRules(columns=(ColumnRule(name="id", cast="float", minimum=5), ColumnRule(name="gone", required=False))),
    ],
    ids=["none", "numbers", "text", "float"],
)
def test_the_files_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blocks: dict[str, Any], rules: RowRules
) -> None:
    dataset = table(tmp_path, monkeypatch, **blocks)
    assert len(dataset.shards) > 2
    assert all(read_columns(dataset, shard) is not None for shard in dataset.shards)
    found = written(dataset, tmp_path / "columns", rules)
    assert found == written(by_rows(dataset), tmp_path / "rows", rules)
    assert sum(sum(counts.values()) for counts in found["counts"]) > 90


TYPED = {
    "whole": pa.array([None if n % 9 == 0 else n * 3 for n in range(400)], pa.int32()),
    "large": pa.array([2**63 + n for n in range(400)], pa.uint64()),
    "single": pa.array([float("nan") if n % 11 == 0 else n / 7 for n in range(400)], pa.float32()),
    "text": pa.array([(None, " ", " Süd ", "NA", "North")[n % 5] for n in range(400)], pa.large_string()),
    "word": pa.array([("a", "b", "-9")[n % 3] for n in range(400)]).dictionary_encode(),
    "truth": pa.array([None if n % 13 == 0 else n % 2 == 0 for n in range(400)]),
    "said": pa.array([("TRUE", "false")[n % 2] for n in range(400)]),
    "id": pa.array(range(400), pa.int64()),
    "score": pa.array([float("inf") if n == 5 else None if n == 7 else float(n % 3) for n in range(400)]),
}


@pytest.mark.parametrize("label", ["score", "text", "truth", "said", "word", "single"])
def test_the_files_of_a_parquet_table_are_the_same(tmp_path: Path, label: str) -> None:
    pq.write_table(pa.table(TYPED), tmp_path / "t.parquet", row_group_size=150)
    options = DataOptions.model_validate({"parquet": {"path": "t.parquet", "label": label}})
    named = {"word": ["-9"], "whole": ["9"]}
    dataset = resolve(options, name="typed", base_dir=tmp_path, data_dir=None, named=named)
    assert all(read_columns(dataset, shard) is not None for shard in dataset.shards)
    rules = RowRules(columns=(ColumnRule(name="id", cast="float", minimum=5),), finite=True)
    found = written(dataset, tmp_path / "columns", rules)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("kerasline.components.example_gen.shards.read_columns", lambda dataset, shard: None)
        assert found == written(dataset, tmp_path / "rows", rules)
    assert sum(sum(counts.values()) for counts in found["counts"]) > 200


@pytest.mark.parametrize(
    "values",
    [
        pa.array([f"{n}.5" for n in range(400)]).cast(pa.float64()).cast(pa.decimal128(9, 2)),
        pa.array(range(400), pa.date32()),
        pa.array([[n, 1.5] for n in range(400)], pa.list_(pa.float32(), 2)),
    ],
    ids=str,
)
def test_other_types_are_read_by_rows(tmp_path: Path, values: pa.Array) -> None:
    pq.write_table(pa.table({"x": values, "y": TYPED["said"]}), tmp_path / "t.parquet")
    options = DataOptions.model_validate({"parquet": {"path": "t.parquet", "label": "y"}})
    dataset = resolve(options, name="typed", base_dir=tmp_path, data_dir=None)
    assert [read_columns(dataset, shard) for shard in dataset.shards] == [None]


def test_rules_that_python_has_to_judge_are_asked_row_by_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = table(tmp_path, monkeypatch)
    for rule, may in (
        (ColumnRule(name="id", cast="float"), True),
        (ColumnRule(name="region", cast="float"), False),
        (ColumnRule(name="weight", cast="string"), False),
    ):
        assert may_judge_columns(RowRules(columns=(rule,)), dataset) is may


@pytest.mark.parametrize(
    "block",
    [
        {"label": "ill", "class_names": ["no", "yes", "perhaps"]},
        {"label": ["young"]},
        {"label": "weight", "label_decimal": "."},
    ],
)
def test_other_labels_are_read_by_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: dict[str, Any]) -> None:
    dataset = table(tmp_path, monkeypatch, csv={"path": "t.csv", **block})
    is_odd = len(dataset.reader_options["labels"]) > 1 or block.get("class_names") or block.get("label_decimal")
    assert all((read_columns(dataset, shard) is None) is bool(is_odd) for shard in dataset.shards)
    found = written(dataset, tmp_path / "columns", RowRules())
    assert found == written(by_rows(dataset), tmp_path / "rows", RowRules())


def test_a_part_of_the_rows_is_read_by_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = table(tmp_path, monkeypatch, limit=100)
    counts = written(dataset, tmp_path / "out", RowRules())["counts"]
    assert sum(sum(each.values()) for each in counts) == 100


def test_a_file_that_changed_and_kept_its_size_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = table(tmp_path, monkeypatch)
    path = tmp_path / "t.csv"
    path.write_bytes(path.read_bytes()[:-40] + b'"' * 40)
    with pytest.raises(ConfigError, match=r"t.csv changed while the run was reading it; run again"):
        written(dataset, tmp_path / "out", RowRules())
    assert not list((tmp_path / "out").rglob("*.part"))
