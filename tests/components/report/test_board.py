"""The board over all recipes: each with its newest run beside the one before."""

from __future__ import annotations

import re
from typing import Any

from kerasline.components.report.site_page import render_site


def run(recipe: str, number: int, metric: str, value: float | None, status: str = "pushed") -> dict[str, Any]:
    metrics = {} if value is None else {metric: value}
    day = f"2026-01-0{number}"
    told = {"run_id": f"{day.replace('-', '')}-000000", "started_at": f"{day}T12:30:00+00:00", "status": status}
    return {
        "recipe": recipe,
        **told,
        "main_metric": metric,
        "metrics": metrics,
        "model": None,
        "seconds": {"total": 5.0},
    }


def cells(page: str) -> dict[str, list[str]]:
    """The texts of the board's rows, by recipe."""
    (board,) = re.findall(r'(?s)<table class="sortable board">.*?<tbody>(.*?)</tbody>', page)
    rows = [re.findall(r"(?s)<t[hd][^>]*>(.*?)</t[hd]>", row) for row in board.split("</tr>") if row.strip()]
    texts = [[re.sub(r"<[^>]*>", "", cell).strip() for cell in row] for row in rows]
    return {row[0]: row[1:] for row in texts}


def test_every_recipe_has_its_newest_run_beside_the_one_before() -> None:
    runs = {
        "flats": [run("flats", 1, "mae", 40.0), run("flats", 2, "mae", 30.0)],
        "iris": [run("iris", 1, "accuracy", 0.9), run("iris", 2, "accuracy", 0.8, "not_blessed")],
        "once": [run("once", 3, "accuracy", None, "failed")],
    }
    models = {"flats": {"versions": 2, "production": {"version": 2, "pushed_at": "2026-01-02"}}}
    page = render_site(runs, models, [])
    assert cells(page) == {
        "flats": ["2026-01-02 12:30", "pushed", "mae", "30", "40", "better", "2", "2"],
        "iris": ["2026-01-02 12:30", "not blessed", "accuracy", "0.8", "0.9", "worse", "", "2"],
        "once": ["2026-01-03 12:30", "failed", "accuracy", "", "", "", "", "1"],
    }
    address = "/compare?a=flats/20260101-000000&amp;b=flats/20260102-000000"
    assert page.count(f'<a href="{address}">better</a>') == 1


def test_one_recipe_needs_no_board() -> None:
    page = render_site({"flats": [run("flats", 1, "mae", 40.0)]}, {}, [])
    assert "All recipes" not in page and "<h2" in page


def test_the_newest_runs_that_left_a_report_are_chosen_to_be_compared() -> None:
    found = [run("flats", number, "mae", 40.0) for number in range(1, 6)]
    found[3] |= {"status": "killed"}
    found[1] |= {"report": ""}
    page = render_site({"flats": found, "once": [run("once", 3, "accuracy", 0.9)]}, {}, [])
    offered = re.findall(r'name="([ab])" value="flats/2026010(\d)-000000"[^>]*?( checked)?>', page)
    assert offered == [
        *(("a", "5", ""), ("b", "5", " checked")),
        *(("a", "3", " checked"), ("b", "3", "")),
        *(("a", "1", ""), ("b", "1", "")),
    ]
    assert page.count("<button>Compare A with B</button>") == 1, "one run has none to be compared with"
