"""What ``kerasline monitor`` writes and tells, a page and messages, over five days on which a column moves away."""

from __future__ import annotations

import json
import re
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from kerasline.components.core import ConfigError
from kerasline.components.leaks import Column
from kerasline.components.monitoring import Capture, Exchange
from kerasline.components.registry import push_version
from kerasline.components.validation.samples import profile_columns
from kerasline.pipeline.cli.entry import app
from kerasline.pipeline.config.schedule import NotifyOptions
from kerasline.pipeline.models import label_answers, monitor, write_watch_page
from kerasline.pipeline.reports import make_server
from kerasline.pipeline.retraining import tell_of_alarms

RECORD: dict[str, Any] = {
    "recipe": "flats",
    "task": "regression",
    "classes": None,
    "arguments": {"area": "area", "<b>": "rooms"},
    "columns": [{"name": "area", "dtype": "float"}, {"name": "<b>", "dtype": "float"}],
    "label": {"name": "rent", "columns": ["rent"]},
    "main_metric": "mae",
    "measured": ["mae"],
}
DAYS, ROWS = 5, 200


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A version that answered for flats that are larger every day, with labels for all."""
    root, random = tmp_path_factory.mktemp("watched"), np.random.default_rng(3)
    before = {name: Column("numeric", random.normal(60, 10, 2000)) for name in ("area", "<b>")}

    def finish(version: Path) -> None:
        (version / "profile.json").write_text(json.dumps({"columns": profile_columns(before, None)}))
        predictions = random.normal(600, 100, 500).astype(np.float32)
        labels = predictions + random.normal(0, 20, 500).astype(np.float32)
        np.savez(version / "answers-eval.npz", predictions=predictions[:, None], labels=labels)

    model = root / "exported"
    (model / "variables").mkdir(parents=True)
    (model / "saved_model.pb").write_text("1")
    (model / "variables" / "variables.index").write_text("")
    push_version(root / "models" / "flats", model, RECORD, 5, finish)
    capture = Capture(root / "captured", 1.0)
    rents = ["flat,rent"]
    for day in range(DAYS):
        at = time.time() - 86_400 * (DAYS - 1 - day)
        for row in range(ROWS):
            area, other = random.normal(60 + 5 * day, 10), random.normal(60, 10)
            inputs = {"area": np.float32([area]), "<b>": np.float32([other])}
            answer = {"value": np.float32([10 * area])}
            capture.take(Exchange("flats", 1, RECORD, f"d{day}r{row}", at, 0.004, inputs=inputs, answer=answer))
            rents.append(f"d{day}r{row},{10 * area + random.normal(0, 20 + 40 * day):.2f}")
    capture.close()
    (root / "rents.csv").write_text("\n".join(rents) + "\n")
    label_answers(root, "flats", str(root / "rents.csv"), "flat")
    return root


@pytest.fixture(scope="module")
def page(workspace: Path) -> str:
    ended = CliRunner().invoke(app, ["monitor", "flats", "--html", "--workspace", str(workspace)])
    assert ended.exit_code == 0, ended.output
    assert str(workspace / "watch" / "flats.html") in ended.output
    return (workspace / "watch" / "flats.html").read_text(encoding="utf-8")


def test_the_page_says_what_there_is_to_be_alarmed_about(page: str) -> None:
    assert re.search(r"3 alarms in 1,000 rows that version 1 answered: \(prediction\), area, mae", page)
    assert "area has drifted from the version&#39;s data" in page
    assert "version 1: " in page


def test_it_draws_quality_and_drift_over_the_days(page: str) -> None:
    assert page.count("<figure") == 2
    assert re.search(r"by labels: \d+(\.\d+)? on the last day, \d+(\.\d+)? on the first", page)
    assert re.search(r"(area|\(prediction\)) has drifted most: \d+\.\d times its limit on the last day", page)
    days = re.findall(r'<th scope="row">(\d{4}-\d\d-\d\d)</th><td class="number">200</td>', page)
    assert len(days) == DAYS
    assert days == sorted(days)


def test_names_of_columns_are_text(page: str) -> None:
    assert "&lt;b&gt;" in page
    assert "<b>" not in page


def test_a_later_page_shows_alarms_of_earlier_looks_and_what_was_decided(workspace: Path, page: str) -> None:
    assert "Alarms of earlier looks" not in page
    decided = re.search(r"<td>version 1 was pushed into production</td><td>([^<]+)</td><td>([^<]+)</td>", page)
    assert decided and "@" in decided[2]
    found = {**monitor("flats", workspace), "alarms": []}
    assert found["version"] == 1
    later = write_watch_page(found, workspace).read_text(encoding="utf-8")
    (row,) = re.findall(r'<td class="number">1</td><td>([^<]*has drifted from[^<]*)</td></tr>', later)
    assert "area has drifted" in row and "mae is" in row, "all alarms of the first look stand in its row"
    assert "No alarm in 1,000 rows" in later
    (workspace / "watch" / "flats.html").write_text(page, encoding="utf-8")


def test_the_site_shows_the_page_and_leads_to_it(workspace: Path, page: str) -> None:
    server = make_server(workspace, 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        address = f"http://127.0.0.1:{server.server_port}"
        with urllib.request.urlopen(f"{address}/", timeout=10) as answer:
            assert 'href="/watch/flats.html"' in answer.read().decode()
        with urllib.request.urlopen(f"{address}/watch/flats.html", timeout=10) as answer:
            assert answer.read().decode() == page
    finally:
        server.shutdown()
        server.server_close()


def test_alarms_are_told_as_the_recipe_says(workspace: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "flats.yaml"
    begin = "name: flats\ndata: {csv: {path: flats.csv, label: rent}}\n"
    recipe.write_text(begin + f"schedule: {{notify: {{command: [sh, -c, 'cat > {tmp_path}/told.json']}}}}\n")
    asked = ["monitor", "flats", "--workspace", str(workspace), "--json", str(tmp_path / "found.json")]
    assert CliRunner().invoke(app, [*asked, "--notify", str(recipe)]).exit_code == 0
    told = json.loads((tmp_path / "told.json").read_text())
    assert (told["recipe"], told["status"], told["version"], told["exit_code"]) == ("flats", "alarm", 1, 4)
    assert told["reason"].startswith("(prediction) has drifted from the version's data")
    assert len(told["alarms"]) == 3
    assert json.loads((tmp_path / "found.json").read_text())["untold"] == []


def test_a_recipe_that_names_nobody_is_refused_before_the_look(workspace: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "flats.yaml"
    recipe.write_text("name: flats\ndata: {csv: {path: flats.csv, label: rent}}\n")
    ended = CliRunner().invoke(app, ["monitor", "flats", "--workspace", str(workspace), "--notify", str(recipe)])
    assert isinstance(ended.exception, ConfigError)
    assert "names nobody to tell" in str(ended.exception)
    assert ended.output == ""


def test_a_quiet_look_tells_nobody(tmp_path: Path) -> None:
    options = NotifyOptions(command=["sh", "-c", f"touch {tmp_path}/told"])
    assert tell_of_alarms(options, {"alarms": []}) == []
    assert not (tmp_path / "told").exists()
