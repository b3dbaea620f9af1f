"""What is remembered of decisions to train again, and how it is shown."""

from __future__ import annotations

import json
import threading
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from typer.testing import CliRunner

from kerasline.pipeline.cli.entry import app
from kerasline.pipeline.reports.site import decisions_page, list_page, make_server
from kerasline.pipeline.retraining.attempts import with_outcome
from kerasline.pipeline.retraining.decisions import (
    Decision,
    append_decision,
    join_quiet,
    list_decisions,
    read_decisions,
    schedule_folder,
)

QUIET = Decision("2026-03-02T03:00:00+00:00", False, "no new data since the last attempt", "f1")
RUN = Decision(
    "2026-03-01T03:00:00+00:00", True, "x drifted in 40 new rows", "f1", "pushed", "20260301-030000",
    changed=("span 3 is new",), evidence=("x: <b>0.4</b>",), blessed=True, version=2,
)  # fmt: skip
REFUSED = Decision(
    "2026-03-04T03:00:00+00:00", True, "x drifted in 9 new rows", "f2", "data_rejected", "20260304-030000", 3,
    changed=("span 4 is new",), message="the data gate stopped the run: column 'y'",
)  # fmt: skip


CHALLENGER = replace(RUN, when="2026-03-05T03:00:00+00:00", run_id="20260305-030000", version=None, challenger=5)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A workspace with a run, two quiet days and a refusal; only the first run has a report."""
    folder = schedule_folder(tmp_path, "daily")
    for decision in (RUN, QUIET, replace(QUIET, when="2026-03-03T03:00:00+00:00"), REFUSED):
        append_decision(folder, decision)
    page = tmp_path / "reports" / "daily" / str(RUN.run_id) / "index.html"
    page.parent.mkdir(parents=True)
    page.write_text("<p>report</p>")
    return tmp_path


def test_what_is_written_is_read(workspace: Path) -> None:
    (found,) = list_decisions(workspace).values()
    assert found[0] == replace(RUN, changed=list(RUN.changed), evidence=list(RUN.evidence))
    assert [decision.status for decision in found] == ["pushed", "up_to_date", "up_to_date", "data_rejected"]


def test_a_line_that_a_crash_cut_off_is_left_out_and_swallows_no_other(tmp_path: Path) -> None:
    append_decision(tmp_path, QUIET)
    with open(tmp_path / "decisions.jsonl", "a") as file:
        file.write(json.dumps({"when": "w", "run": True})[:9])
    append_decision(tmp_path, RUN)
    assert [decision.reason for decision in read_decisions(tmp_path)] == [QUIET.reason, RUN.reason]


def test_quiet_days_are_one_line(workspace: Path) -> None:
    lines = join_quiet(read_decisions(workspace / "schedules" / "daily"))
    assert [(line["times"], line["since"][:10], line["when"][:10]) for line in lines] == [
        (1, "2026-03-01", "2026-03-01"),
        (2, "2026-03-02", "2026-03-03"),
        (1, "2026-03-04", "2026-03-04"),
    ]
    assert len(join_quiet([RUN, RUN])) == 2, "runs are never put together"
    assert len(join_quiet([QUIET, replace(QUIET, reason="cooling down")])) == 2


def test_runs_lists_them(workspace: Path) -> None:
    result = CliRunner().invoke(app, ["runs", "--workspace", str(workspace)])
    assert result.exit_code == 0, result.output
    text = " ".join(result.output.split())
    assert "20260301-030000 x drifted in 40 new rows span 3 is new pushed as version 2" in text
    assert "<b>0.4</b>" not in text, "the figures are in the history"
    assert "no no new data since the last attempt (2 times since 2026-03-02T03:00)" in text
    assert "20260304-030000 x drifted in 9 new rows span 4 is new data rejected" in text


def test_the_history_has_the_figures(workspace: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "daily.yaml"
    recipe.write_text("name: daily\ndata: {dataset: iris}\n")
    result = CliRunner().invoke(app, ["schedule", str(recipe), "--history", "--workspace", str(workspace)])
    assert result.exit_code == 0, result.output
    assert "span 3 is new pushed as version 2 x: <b>0.4</b>" in " ".join(result.output.split())


def test_the_site_has_a_page_of_them(workspace: Path) -> None:
    server = make_server(workspace, 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with urlopen(f"http://127.0.0.1:{server.server_port}/") as answer:
            assert '<a href="/decisions">' in answer.read().decode()
        with urlopen(f"http://127.0.0.1:{server.server_port}/decisions") as answer:
            page = answer.read().decode()
    finally:
        server.shutdown()
        server.server_close()
    assert '<a href="/reports/daily/20260301-030000/index.html">20260301-030000</a>' in page
    assert "x: &lt;b&gt;0.4&lt;/b&gt;" in page and "<b>0.4" not in page
    assert "pushed as version 2" in page and "2 times since 2026-03-02 03:00" in page
    assert "/reports/daily/20260304" not in page, "there is no report to link to"
    assert "data rejected" in page and "the data gate stopped the run: column &#39;y&#39;" in page
    assert page.index("2026-03-04") < page.index("2026-03-01"), "newest first"


def test_without_decisions_there_is_no_link(tmp_path: Path) -> None:
    assert "/decisions" not in list_page(tmp_path)
    assert "kerasline retrain RECIPE" in decisions_page(tmp_path)


@pytest.mark.parametrize(
    ("told", "version", "challenger"),
    [
        ({"status": "pushed", "model": {"version": 5}, "challenges": None}, 5, None),
        ({"status": "pushed", "model": {"version": 5}, "challenges": 4}, None, 5),
        ({"status": "up_to_date", "model": {"version": 5}, "challenges": 4}, None, None),
        ({"status": "not_blessed", "model": None, "challenges": None}, None, None),
    ],
)
def test_a_challenger_is_no_version_in_production(
    told: dict[str, Any], version: int | None, challenger: int | None
) -> None:
    decision = with_outcome(replace(QUIET, run=True), told, 0)
    assert (decision.version, decision.challenger) == (version, challenger)


def test_a_challenger_is_shown_as_one(workspace: Path) -> None:
    append_decision(schedule_folder(workspace, "daily"), CHALLENGER)
    result = CliRunner().invoke(app, ["runs", "--workspace", str(workspace)])
    assert "pushed as version 5, which challenges production" in " ".join(result.output.split())
    assert "pushed as version 5, which challenges production" in decisions_page(workspace)


def test_lines_of_earlier_releases_are_read(tmp_path: Path) -> None:
    told = asdict(RUN)
    del told["challenger"], told["untold"]
    (tmp_path / "decisions.jsonl").write_text(json.dumps(told) + "\n")
    assert [(found.version, found.challenger) for found in read_decisions(tmp_path)] == [(2, None)]
