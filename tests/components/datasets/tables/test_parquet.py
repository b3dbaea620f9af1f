"""Parquet tables."""

from __future__ import annotations

import datetime
import decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kerasline.components.core.errors import ConfigError
from kerasline.components.datasets import infer_task, read_shard


@pytest.fixture
def save(tmp_path):
    """Writes columns as a Parquet file."""

    def call(name: str, row_group_size: int | None = None, **columns):
        pq.write_table(pa.table(columns), tmp_path / name, row_group_size=row_group_size)

    return call


@pytest.mark.parametrize(
    ("zones", "known"),
    [(["Europe/Berlin"], "Europe/Berlin"), (["UTC", "UTC"], "UTC"), (["+02:00"], None), ([None], None),
     (["UTC", "Europe/Berlin"], None)],
)  # fmt: skip
def test_the_zone_of_times_is_known_where_all_files_have_one(resolve, save, zones, known):
    for number, zone in enumerate(zones):
        times = pa.array([datetime.datetime(2024, 6, 1, n % 24) for n in range(60)], pa.timestamp("us", zone))
        save(f"t{number}.parquet", t=times, y=pa.array([f"k{n % 2}" for n in range(60)]))
    assert resolve(parquet={"path": "t*.parquet", "label": "y"}).columns[0].zone == known


def test_types_and_values(resolve, rows, save):
    n = range(60)
    save(
        "t.parquet",
        i=pa.array([None if v == 3 else v for v in n], pa.int32()),
        f=pa.array([float("nan") if v == 4 else v / 2 for v in n], pa.float32()),
        d=pa.array([decimal.Decimal(v) / 4 for v in n]),
        s=pa.array([None if v == 5 else "" if v == 6 else f"v{v}" for v in n]),
        c=pa.array([f"c{v % 3}" for v in n]).dictionary_encode(),
        b=pa.array([v % 2 == 0 for v in n]),
        t=pa.array([datetime.date(2024, 1, 1) + datetime.timedelta(v) for v in n]),
        e=pa.FixedSizeListArray.from_arrays(pa.array(np.arange(120.0)), 2),
        none=pa.nulls(60),
        y=pa.array([f"k{v % 2}" for v in n]),
    )
    dataset = resolve(parquet={"path": "t.parquet", "label": "y"})
    assert [(c.name, c.dtype, c.missing, c.distinct) for c in dataset.columns] == [
        ("i", "int", 1, 59),
        ("f", "float", 1, 59),
        ("d", "float", 0, 60),
        ("s", "string", 2, 58),
        ("c", "string", 0, 3),
        ("b", "string", 0, 2),
        ("t", "string", 0, 60),
        ("e", "array", 0, None),
    ]
    assert dataset.columns[-1].shape == (2,) and dataset.kind == "array"
    assert dataset.notes == ("column 'none' has no value in any row and is left out",)
    found = rows(dataset)
    assert {key: found[3][key] for key in "ifdscbty"} == {
        "i": None, "f": 1.5, "d": 0.75, "s": "v3", "c": "c0", "b": "false", "t": "2024-01-04", "y": "k1",
    }  # fmt: skip
    assert found[3]["e"].tolist() == [6.0, 7.0] and found[3]["e"].dtype == np.float32
    assert (found[4]["f"], found[5]["s"], found[6]["s"]) == (None, None, None)


def test_row_groups_files_and_missing_labels(resolve, rows, save, monkeypatch):
    monkeypatch.setattr("kerasline.components.datasets.tables.typed.table._ROWS_PER_SHARD", 40)
    save("a.parquet", row_group_size=25, x=list(range(100)), y=[None if v % 10 == 0 else v / 3 for v in range(100)])
    save("b.parquet", y=[0.5] * 10, x=list(range(100, 110)))
    dataset = resolve(parquet={"path": ["a.parquet", "b.parquet"], "label": "y"})
    assert infer_task(dataset.label) == "regression"
    assert dataset.skipped == ("a.parquet: 10 rows without a label",)
    assert [(shard["first"], shard["rows"]) for shard in dataset.shards] == [
        (0, 22),
        (22, 23),
        (45, 22),
        (67, 23),
        (90, 10),
    ]
    assert [row["x"] for row in rows(dataset)] == [v for v in range(110) if v % 10 or v >= 100]
    assert len(rows(resolve(parquet={"path": "a.parquet", "label": "y"}, limit=20))) == 20


def test_integers_in_one_file_and_floats_in_another(resolve, rows, save):
    save("a.parquet", x=list(range(20)), y=[v % 2 for v in range(20)])
    save("b.parquet", x=[v / 2 for v in range(20)], y=[v % 2 for v in range(20)])
    for path in (["a.parquet", "b.parquet"], ["b.parquet", "a.parquet"]):
        dataset = resolve(parquet={"path": path, "label": "y"})
        assert dataset.columns[0].dtype == "float"
        assert {type(row["x"]) for row in rows(dataset)} == {float}


def test_test_files_multilabel_and_group(resolve, split_rows, save):
    save("a.parquet", x=list(range(80)), who=[v % 20 for v in range(80)], p=[v % 2 for v in range(80)], q=[1, 0] * 40)
    save("t.parquet", x=[-1] * 5, who=[99] * 5, p=[0] * 5, q=[1] * 5)
    dataset = resolve(
        parquet={"path": "a.parquet", "test_path": "t.parquet", "label": ["p", "q"], "drop": ["who"]},
        split={"method": "group", "column": "who"},
    )
    assert infer_task(dataset.label) == "multilabel" and [c.name for c in dataset.columns] == ["x"]
    found = split_rows(dataset)
    assert len(found["test"]) == 5 and found["test"][0]["labels"].tolist() == [0.0, 1.0]
    assert not {row["x"] % 20 for row in found["train"]} & {row["x"] % 20 for row in found["eval"]}


def test_infinite_values_are_noted_and_infinite_labels_skipped(resolve, rows, save):
    save("t.parquet", x=[float("inf"), 1.0] * 20, y=[float("-inf") if v == 1 else v / 3 for v in range(40)])
    dataset = resolve(parquet={"path": "t.parquet", "label": "y"})
    assert dataset.notes == ("column 'x' has 20 infinite values",)
    assert dataset.skipped == ("t.parquet: 1 row without a label",) and len(rows(dataset)) == 39
    save("t.parquet", x=[float("inf"), *range(39)], y=[v / 3 for v in range(40)])
    assert resolve(parquet={"path": "t.parquet", "label": "y"}).notes == ("column 'x' has 1 infinite value",)


def test_bad_parquet(resolve, save, write, tmp_path):
    save("t.parquet", x=pa.array([[1], [2, 3]]), y=[0, 1])
    with pytest.raises(ConfigError, match=r"Column 'x' of .* is list<.*int64>, which cannot be an input; drop it"):
        resolve(parquet={"path": "t.parquet", "label": "y"})
    with pytest.raises(ConfigError, match=r"has no label column 'z'; its columns are x, y"):
        resolve(parquet={"path": "t.parquet", "label": "z"})
    save("empty.parquet", x=pa.array([], pa.int64()), y=pa.array([], pa.int64()))
    with pytest.raises(ConfigError, match=r"empty.parquet has no rows"):
        resolve(parquet={"path": "empty.parquet", "label": "y"})
    write("cut.parquet", (tmp_path / "t.parquet").read_bytes()[:-30])
    write("text.parquet", b"a,b\n1,2\n")
    for name in ("cut", "text"):
        with pytest.raises(ConfigError, match=rf"{name}.parquet is not a Parquet file that can be read"):
            resolve(parquet={"path": f"{name}.parquet", "label": "y"})
    save("s.parquet", x=["a", "b"], y=[0, 1])
    save("u.parquet", x=[1, 2], y=[0, 1])
    with pytest.raises(ConfigError, match=r"Column 'x' is int in .*u.parquet but string in .*s.parquet"):
        resolve(parquet={"path": ["s.parquet", "u.parquet"], "label": "y"})


def test_a_row_group_is_read_piece_by_piece(resolve, tmp_path, monkeypatch):
    monkeypatch.setattr("kerasline.components.datasets.tables.typed.opening._MOST_READ_BYTES", 1 << 20)
    rows = 300_000  # of 40 bytes, in one row group
    values = dict(zip("abcd", np.random.default_rng(0).normal(size=(4, rows)), strict=True))
    table = pa.table({**values, "y": np.arange(rows) % 2})
    with pq.ParquetWriter(tmp_path / "t.parquet", table.schema, use_dictionary=False) as writer:
        for group in [table, *[table.slice(0, 1)] * 40]:  # as a file has them that was written bit by bit
            writer.write_table(group)
    del table, values, group
    dataset = resolve(parquet={"path": "t.parquet", "label": "y"})
    assert dataset.shards[0]["groups"] == [0]
    before, largest = pa.total_allocated_bytes(), 0
    for index, _ in enumerate(read_shard(dataset, dataset.shards[0])):
        if index % 10_000 == 0:
            largest = max(largest, pa.total_allocated_bytes() - before)
    assert index == rows - 1
    assert 0 < largest < 8_000_000, "of 12,000,000"


@pytest.mark.parametrize("kilobytes", [66, 128])
@pytest.mark.parametrize("most_read", [0, 1 << 26])
def test_columns_a_little_larger_than_a_buffer_are_read(resolve, rows, save, monkeypatch, kilobytes, most_read) -> None:
    """Of which Arrow's buffered streams read nothing, or end the process."""
    monkeypatch.setattr("kerasline.components.datasets.tables.typed.opening._MOST_READ_BYTES", most_read)
    random = np.random.default_rng(1)
    words = [random.bytes(10).hex() for _ in range(44 * kilobytes)]
    n = range(3 * len(words))
    save("t.parquet", x=[words[i * 7919 % len(words)] for i in n], y=[i % 2 for i in n])
    found = resolve(parquet={"path": "t.parquet", "label": "y"})
    assert [row["x"] for row in rows(found)][:2] == [words[0], words[7919 % len(words)]]
    assert found.rows == len(n)


def test_numbers_beyond_64_bits_are_floats(resolve, rows, save):
    save(
        "t.parquet", x=pa.array([2**63 + v * 2**20 for v in range(60)], pa.uint64()), y=["ab"[v % 2] for v in range(60)]
    )
    dataset = resolve(parquet={"path": "t.parquet", "label": "y"})
    assert dataset.columns[0].dtype == "float"
    assert rows(dataset)[3]["x"] == float(2**63 + 3 * 2**20)


def test_a_damaged_page_is_found_before_the_run(resolve, save, tmp_path):
    save("t.parquet", x=list(range(2000)), y=[v % 2 for v in range(2000)])
    content = bytearray((tmp_path / "t.parquet").read_bytes())
    content[40:400] = bytes(360)
    (tmp_path / "t.parquet").write_bytes(bytes(content))
    with pytest.raises(ConfigError, match=r"t\.parquet is damaged \(.*\); copy or write it again"):
        resolve(parquet={"path": "t.parquet", "label": "y"})
