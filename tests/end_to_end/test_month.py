"""A month of weekly spans under a schedule whose clock the test moves from day to day.

Week one is trained on, week two is more of the same, week three has drifted, and week four is a bad batch: lengths in
another unit and greenhouses that do not exist. Each day is one call of ``retrain``, each run a process of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.long]

RECIPE = """
name: greenhouse
data:
  spans: {pattern: "weeks/{YYYY}-{MM}-{DD}/*", label: species, window: 2, marker: _READY}
  split: {method: hash, train: 0.6, eval: 0.3, test: 0.1}
validation: {drift: {policy: warn, limit: 0.15}}
model: {family: mlp, units: [16]}
training: {epochs: 30, batch_size: 16, learning_rate: 0.02, early_stopping: null}
evaluation: {thresholds: {accuracy: {min: 0.8, max_drop: 0.02}}}
report: {explanations: "off"}
schedule: {cron: "0 3 * * *", trigger: drift, notify: {when: problems, command: [sh, -c, "cat >> told.jsonl"]}}
"""
FIRST_DAY = datetime(2026, 3, 2, 3, tzinfo=UTC)
WEEKS = [FIRST_DAY + timedelta(weeks=number) for number in range(4)]
ROWS_OF_A_CLASS = 80


def write_week(folder: Path, number: int, *, petal_shift_cm: float = 0.0, is_bad: bool = False) -> Path:
    """Writes a week of irises, drawn from the real ones with a little noise; it is not yet marked as complete."""
    from sklearn.datasets import load_iris

    random = np.random.default_rng(number)
    iris = load_iris()
    lines = ["sepal_length,sepal_width,petal_length,petal_width,house,species"]
    for index in random.permutation(np.repeat(np.arange(3), ROWS_OF_A_CLASS)):
        flower = iris.data[random.integers(50 * index, 50 * index + 50)] + random.normal(0, 0.05, 4)
        flower[2] += petal_shift_cm
        house = random.choice(["north", "south"])
        if is_bad:
            flower, house = flower * 10, random.choice(["north", "nroth"])
        lines.append(",".join([*(f"{value:.3f}" for value in flower), house, iris.target_names[index]]))
    day = folder / "weeks" / f"{WEEKS[number]:%Y-%m-%d}"
    day.mkdir(parents=True)
    (day / "flowers.csv").write_text("\n".join(lines) + "\n")
    return day


@dataclass(frozen=True)
class Month:
    """What a month left.

    Attributes:
      workspace: of the runs.
      days: the decision of each day, from 1.
      production: the version in production after each day.
      told: what the notification said.
    """

    workspace: Path
    days: dict[int, Any]
    production: dict[int, int | None]
    told: list[dict[str, Any]]


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Month]:
    """Lives through it."""
    from kerasline.components.registry import current_version
    from kerasline.pipeline.retraining.deciding import retrain

    folder = tmp_path_factory.mktemp("month")
    workspace, recipe = folder / "workspace", folder / "greenhouse.yaml"
    recipe.write_text(RECIPE)
    days, production = {}, {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2]))
        for day in range(1, 29):
            if day == 1:
                (write_week(folder, 0) / "_READY").touch()
            elif day == 8:
                (write_week(folder, 1) / "_READY").touch()
            elif day == 14:
                drifted = write_week(folder, 2, petal_shift_cm=2.0)
            elif day == 15:
                (drifted / "_READY").touch()
            elif day == 22:
                (write_week(folder, 3, is_bad=True) / "_READY").touch()
            now = FIRST_DAY + timedelta(days=day - 1)
            days[day] = retrain(str(recipe), [], None, workspace, clock=lambda now=now: now)
            assert days[day].status != "failed", days[day]
            production[day] = current_version(workspace / "models" / "greenhouse")
    told = [json.loads(line) for line in (folder / "told.jsonl").read_text().splitlines()]
    yield Month(workspace, days, production, told)


def test_it_trains_three_times(month: Month) -> None:
    runs = {day: (decision.status, decision.exit_code) for day, decision in month.days.items() if decision.run}
    assert runs == {1: ("pushed", 0), 15: ("pushed", 0), 22: ("data_rejected", 3)}


def test_more_of_the_same_is_no_reason(month: Month) -> None:
    for day in range(8, 14):
        assert month.days[day].reason == "no column drifted in 240 new rows, from version 1, in production"
        assert month.days[day].changed == ("span 2026-03-09 is new",)
    assert all(month.days[day].reason.startswith("no new data since the last attempt") for day in range(2, 8))


def test_a_half_copied_week_waits(month: Month) -> None:
    assert not month.days[14].run
    assert [line for line in month.days[14].changed if line.startswith("span 2026-03-16: ")][0].endswith(
        "has no _READY yet"
    )


def test_drift_in_week_three_is_trained_on(month: Month) -> None:
    decision = month.days[15]
    assert decision.reason == "petal_length drifted in 240 rows of span 2026-03-16, from version 1, in production"
    assert (decision.blessed, decision.version) == (True, 2)
    assert decision.changed == (
        "span 2026-03-09 is new",
        "span 2026-03-16 is new",
        "span 2026-03-02 has left the window",
    )
    assert decision.evidence[0].startswith("petal_length: its Jensen-Shannon divergence from version 1, in production")
    run = json.loads((month.workspace / "reports" / "greenhouse" / decision.run_id / "run.json").read_text())
    assert run["metrics"]["accuracy"] > 0.85
    assert run["metrics"]["accuracy"] > run["baseline"]["accuracy"], "version 1 has not seen such petals"


def test_the_bad_batch_is_refused_and_production_stays(month: Month) -> None:
    decision = month.days[22]
    assert "petal_length" in decision.reason and "drifted in 240 new rows, from version 2" in decision.reason
    assert "column 'house'" in decision.message and decision.blessed is None and decision.version is None
    assert [month.production[day] for day in (1, 14, 15, 21, 22, 28)] == [1, 1, 2, 2, 2, 2]
    for day in range(23, 29):
        assert month.days[day].reason == "no new data since the last attempt, which ended as data_rejected"
    assert [(told["recipe"], told["status"]) for told in month.told] == [("greenhouse", "data_rejected")]


def test_the_history_shows_it_all(month: Month) -> None:
    from kerasline.pipeline.reports.site import decisions_page
    from kerasline.pipeline.retraining.decisions import join_quiet, read_decisions

    decisions = read_decisions(month.workspace / "schedules" / "greenhouse")
    assert [decision.when[:10] for decision in decisions] == [
        f"{FIRST_DAY + timedelta(days=day):%Y-%m-%d}" for day in range(28)
    ]
    lines = join_quiet(decisions)
    assert [(line["times"], line["status"]) for line in lines if line["run"]] == [
        (1, "pushed"),
        (1, "pushed"),
        (1, "data_rejected"),
    ]
    assert len(lines) == 8, "quiet days are told once"
    page = decisions_page(month.workspace)
    for decision in (decision for decision in decisions if decision.run):
        assert f"/reports/greenhouse/{decision.run_id}/index.html" in page
    assert "pushed as version 2" in page and "data rejected" in page
