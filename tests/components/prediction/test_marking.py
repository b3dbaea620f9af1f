"""The column of unseen values, which a part of the output gets only where there are any."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kerasline.components.prediction.marking import add_marks, column_name, write_marks
from kerasline.components.prediction.writing import PartWriter

TABLE = pa.table({"id\r": ["a\r", 'b "q", c\nd', "e" * 200_000], "value": pa.array([0.5, 1.5, None], pa.float64())})
NAMED = [None, "planet|size", None]


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_a_marked_part_is_the_part_with_one_more_column(tmp_path: Path, suffix: str, header: bool) -> None:
    csv.field_size_limit(1 << 17)  # as Python begins
    part, marked = tmp_path / f"part{suffix}", tmp_path / f"marked{suffix}"
    with open(part, "wb") as file:
        writer = PartWriter(file, suffix, header=header)
        writer.write(TABLE)
        writer.close()
    marks = io.BytesIO()
    write_marks(marks, 0, NAMED)
    (tmp_path / "marks").write_bytes(marks.getvalue())
    add_marks(part, tmp_path / "marks", marked, suffix, "unseen", header=header)
    wanted = TABLE.append_column("unseen", pa.array(NAMED, pa.string()))
    if suffix == ".parquet":
        assert pq.read_table(marked).equals(wanted)
        return
    if suffix == ".jsonl":
        assert [json.loads(line) for line in marked.read_text().splitlines()] == wanted.to_pylist()
        return
    stream = io.BytesIO()
    PartWriter(stream, suffix, header=header).write(wanted)
    assert marked.read_bytes() == stream.getvalue()
    rows = list(csv.reader(io.StringIO(stream.getvalue().decode(), newline="")))
    assert rows[-3:] == [["a\r", "0.5", ""], ['b "q", c\nd', "1.5", "planet|size"], ["e" * 200_000, "", ""]]
    assert rows[:-3] == [["id\r", "value", "unseen"]] * header


def test_the_name_is_no_other_columns() -> None:
    assert [column_name(names) for names in (["id"], ["unseen"], ["unseen", "unseen_"])] == [
        *("unseen", "unseen_", "unseen__"),
    ]
