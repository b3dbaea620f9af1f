"""What the report of a run says of the run before it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kerasline.pipeline.reports.reporting import FIGURES_FILE, _since


@pytest.mark.parametrize("written", ["", '{"experiment": {"name": "fl'])
def test_figures_that_a_power_failure_cut_off_do_not_end_the_next_run(tmp_path: Path, written: str) -> None:
    figures = {"experiment": {"name": "flats", "seed": 2}}
    assert _since(tmp_path / "20261130-1", figures) is None
    before = tmp_path / "20261129-1" / FIGURES_FILE
    before.parent.mkdir()
    before.write_text(json.dumps({"experiment": {"name": "flats", "seed": 1}}))
    found = _since(tmp_path / "20261130-1", figures)
    assert found is not None and found["run_id"] == "20261129-1" and len(found["changes"]) == 1
    before.write_text(written)
    assert _since(tmp_path / "20261130-1", figures) is None
