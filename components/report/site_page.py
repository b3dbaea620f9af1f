"""Renders the list of a workspace's runs and models, the first page of the site."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from components.metrics import METRICS
from components.report.charts import Series, line_chart
from components.report.page import assets, environment
from components.report.plots import Plot, make_plot

SITE = "site.html.j2"


def render_site(
    runs: Mapping[str, Sequence[Mapping[str, Any]]], models: Mapping[str, Mapping[str, Any]], comparisons: Sequence[str]
) -> str:
    """Makes the HTML.

    Args:
      runs: recipe to the outcomes of its runs, oldest first.
      models: recipe to ``versions`` (how many) and ``production`` (``version``, ``pushed_at``, or None).
      comparisons: names of the pages of comparisons.
    """
    recipes = [
        {"name": name, "runs": list(reversed(found)), "model": models.get(name), "course": plot_course(found)}
        for name, found in sorted(runs.items())
    ]
    pairs = [(stem, *stem.split("--", 1)) for stem in comparisons if "--" in stem]
    return environment().get_template(SITE).render(recipes=recipes, comparisons=pairs, **assets())


def plot_course(found: Sequence[Mapping[str, Any]]) -> Plot | None:
    """Draws the main metric over the runs of a recipe; None for fewer than two."""
    metric = found[-1].get("main_metric")
    values = [(result.get("metrics") or {}).get(metric) for result in found if result.get("main_metric") == metric]
    known = [value for value in values if value is not None]
    if metric not in METRICS or len(known) < 2:
        return None
    title = f"{METRICS[metric].title}: {known[-1]:.4g} in the newest of {len(known)} runs, {known[0]:.4g} in the first"
    series = [Series("eval split", list(range(1, len(known) + 1)), known)]
    return make_plot(title, line_chart(title, series, "run", METRICS[metric].title, marks=True, whole_x=True))
