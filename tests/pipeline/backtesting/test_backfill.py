"""Past spans are predicted by a chosen version: each once, and nothing of others is written over."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from kerasline.components.core import ConfigError, DataRejected
from kerasline.pipeline.backtesting import Filling, backfill
from kerasline.pipeline.cli.entry import app

PATTERN = "{root}/in/{{YYYY}}-{{MM}}-{{DD}}/*.csv"
DAYS = ["2026-01-05", "2026-01-06", "2026-01-07"]


@pytest.fixture
def spans(tmp_path: Path) -> Path:
    """Three days, the second of them in two files."""
    for number, day in enumerate(DAYS):
        folder = tmp_path / "in" / day
        folder.mkdir(parents=True)
        for part in range(2 if number == 1 else 1):
            (folder / f"{part}.csv").write_text(f"flat,area (m²),district\nf{number}{part},{10 * number + part},\n")
    return tmp_path


def fill(root: Path, **more: Any) -> dict[str, Any]:
    """Predicts by version 2 of the doubler."""
    given = {"reference": "doubler@2", "source": PATTERN.format(root=root), "folder": root / "out", **more}
    return backfill(Filling(**given), root / "workspace")


def values(root: Path, day: str) -> dict[str, float]:
    """What was predicted for a day, by flat."""
    table = pq.read_table(root / "out" / f"{day}.parquet").to_pydict()
    assert set(table["model_version"]) == {"doubler@2"}
    return dict(zip(table["flat"], table["predicted_value"], strict=True))


def test_each_span_has_its_file_and_is_done_once(workspace: Path, spans: Path) -> None:
    found = fill(spans, first=DAYS[1])
    assert {day: one["rows"] for day, one in found["spans"].items()} == {DAYS[1]: 2, DAYS[2]: 1}
    assert values(spans, DAYS[1]) == {"f10": 20.0, "f11": 22.0}
    before = (spans / "out" / f"{DAYS[1]}.parquet").stat().st_mtime_ns
    (spans / "in" / DAYS[2] / "0.csv").write_text("flat,area (m²),district\nf20,500,\n")  # corrected
    found = fill(spans)
    assert (list(found["spans"]), found["done_before"], found["failed"]) == ([DAYS[0], DAYS[2]], [DAYS[1]], {})
    assert values(spans, DAYS[2]) == {"f20": 1000.0}
    assert (spans / "out" / f"{DAYS[1]}.parquet").stat().st_mtime_ns == before
    assert not (spans / "workspace" / "captured").exists(), "nobody asked the model then"
    with pytest.raises(ConfigError, match="for what doubler@3 predicts, but .*out has what doubler@2 predicted"):
        fill(spans, reference="doubler@3")


def test_a_version_of_the_same_number_and_other_files_predicts_anew(workspace: Path, spans: Path) -> None:
    """As where a registry was removed and begun anew."""
    assert len(fill(spans)["spans"]) == len(DAYS)
    record = spans / "workspace" / "models" / "doubler" / "2" / "version.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "digest": "of other files"}))
    assert len(fill(spans)["spans"]) == len(DAYS)
    assert fill(spans)["done_before"] == DAYS


def test_what_others_wrote_stays(workspace: Path, spans: Path) -> None:
    (spans / "out").mkdir()
    mine = spans / "out" / f"{DAYS[1]}.parquet"
    mine.write_text("mine")
    with pytest.raises(ConfigError, match=f"{DAYS[1]}.parquet is there and was not written by this command"):
        fill(spans)
    assert mine.read_text() == "mine" and not (spans / "out" / f"{DAYS[0]}.parquet").exists()
    fill(spans, last=DAYS[0])
    first = spans / "out" / f"{DAYS[0]}.parquet"
    first.write_text("changed")
    with pytest.raises(ConfigError, match="was changed since this command wrote it"):
        fill(spans, last=DAYS[0])
    assert first.read_text() == "changed"
    rejected = spans / "out" / f"{DAYS[2]}.parquet.rejected.jsonl"
    rejected.write_text("mine")
    with pytest.raises(ConfigError, match="rejected.jsonl is there and was not written by this command"):
        fill(spans, first=DAYS[2])


def test_a_span_that_cannot_be_predicted_leaves_the_others(workspace: Path, spans: Path) -> None:
    (spans / "in" / DAYS[1] / "0.csv").write_text("flat,district\nf10,\n")
    found = fill(spans)
    assert (
        list(found["spans"]) == [DAYS[0], DAYS[2]]
        and "files of one table need the same columns" in found["failed"][DAYS[1]]
    )
    (spans / "in" / DAYS[1] / "0.csv").write_text("flat,area (m²),district\nf10,1,\nf12,x,\n")
    found = fill(spans)
    assert found["spans"][DAYS[1]]["rejected"] == 1 and found["done_before"] == [DAYS[0], DAYS[2]]


def test_a_command_that_was_killed_goes_on(workspace: Path, spans: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = sys.modules[backfill.__module__]
    write = module._write_ledger

    def die(folder: Path, ledger: Any) -> None:
        if ledger["spans"].get(f"{DAYS[1]}.parquet", {}).get("state"):  # its file is there, and not yet noted
            raise KeyboardInterrupt
        write(folder, ledger)

    monkeypatch.setattr(module, "_write_ledger", die)
    with pytest.raises(KeyboardInterrupt):
        fill(spans)
    monkeypatch.setattr(module, "_write_ledger", write)
    assert (spans / "out" / f"{DAYS[1]}.parquet").exists()
    found = fill(spans)
    assert (list(found["spans"]), found["done_before"]) == ([DAYS[1], DAYS[2]], [DAYS[0]])


def test_a_recipe_names_the_spans_and_what_failed_is_said(workspace: Path, spans: Path) -> None:
    block = {"spans": {"pattern": "in/{YYYY}-{MM}-{DD}/*.csv", "label": "rent", "window": 1}}
    recipe = {"name": "flats", "data": block, "model": {"family": "mlp"}}
    (spans / "flats.yaml").write_text(json.dumps(recipe))
    (spans / "in" / DAYS[0] / "0.csv").write_text("nothing\n1\n")
    words = ["backfill", "doubler@2", "flats.yaml", "-o", "out", "--suffix", ".jsonl", "--key", "flat", "--json", "f"]
    words = [str(spans / word) if word in ("flats.yaml", "out", "f") else word for word in words]
    done = CliRunner().invoke(app, [*words, "--workspace", str(workspace)])
    assert isinstance(done.exception, DataRejected)
    assert "1 span could not be predicted; the first, 2026-01-05: " in str(done.exception)
    assert sorted(path.name for path in (spans / "out").glob("*.jsonl")) == [f"{day}.jsonl" for day in DAYS[1:]]
    assert list(json.loads((spans / "f").read_text())["spans"]) == DAYS[1:]
