"""Renders the pages of the site that no run wrote: the list of runs and models, and the decisions to train again."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from kerasline.components.evaluation import METRICS
from kerasline.components.report.drawing import Series, describe_thinning, line_chart, show_apart
from kerasline.components.report.page import assets, environment
from kerasline.components.report.plots import Plot, make_plot

SITE, DECISIONS = "site.html.j2", "decisions.html.j2"
_KINDS = {"pushed": "good", "up_to_date": "good", "partial": "muted"}  # how a status looks


def render_site(
    runs: Mapping[str, Sequence[Mapping[str, Any]]],
    models: Mapping[str, Mapping[str, Any]],
    comparisons: Sequence[str],
    watched: Sequence[str] = (),
    backtests: Sequence[tuple[str, str]] = (),
    *,
    has_decisions: bool = False,
) -> str:
    """Makes the HTML.

    Args:
      runs: recipe to the outcomes of its runs, oldest first.
      models: recipe to ``versions`` (how many) and ``production`` (``version``, ``pushed_at``, or None).
      comparisons: names of the pages of comparisons.
      watched: names of models that have a page of what they were asked and answered.
      backtests: recipe and folder of each backtest that has a page, the newest first.
      has_decisions: whether there is a page of decisions to link to.
    """
    recipes = [
        {"name": name, "runs": list(reversed(found)), "model": models.get(name), "course": plot_course(found),
         "newest": _newest(found), "with_report": _with_report(found)}
        for name, found in sorted(runs.items())
    ]  # fmt: skip
    pairs = [(stem, *stem.split("--", 1)) for stem in comparisons if "--" in stem]
    told = {"recipes": recipes, "comparisons": pairs, "watched": watched, "has_decisions": has_decisions}
    told |= {"backtests": backtests}
    has_plots = any(recipe["course"] for recipe in recipes)
    return environment().get_template(SITE).render(**told, **assets(has_plots=has_plots))


def _newest(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Puts the newest run of a recipe beside the one before it that has the same main metric."""
    last = found[-1]
    metric = last.get("main_metric") or ""
    earlier = next((one for one in reversed(found[:-1]) if _figure(one, metric) is not None), None)
    value, before = _figure(last, metric), None if earlier is None else _figure(earlier, metric)
    pair = (earlier["run_id"], last["run_id"]) if earlier else ()
    return {
        "when": str(last.get("started_at") or last["run_id"])[:16].replace("T", " "),
        "status": last["status"].replace("_", " "),
        "kind": _KINDS.get(last["status"], "bad"),
        **{"metric": metric, "value": value, "before": before, "change": _change(metric, value, before)},
        "pair": pair if {*pair} <= {*_with_report(found)} else (),
    }


def _with_report(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """Lists the runs that can be compared, the newest first."""
    ended = (run for run in reversed(found) if run["status"] not in ("running", "killed"))
    return [run["run_id"] for run in ended if run.get("report") != ""]


def _figure(result: Mapping[str, Any], metric: str) -> float | None:
    return (result.get("metrics") or {}).get(metric)


def _change(metric: str, value: float | None, before: float | None) -> str:
    """Says which of two figures is better; that it is more than chance, only a comparison of the rows can say."""
    if value is None or before is None or metric not in METRICS:
        return ""
    if value == before:
        return "equal"
    return "better" if (value > before) == METRICS[metric].higher_is_better else "worse"


def render_decisions(lines: Mapping[str, Sequence[Mapping[str, Any]]], reports: Collection[str]) -> str:
    """Makes the page of decisions to train again.

    Args:
      lines: recipe to its decisions, oldest first, each with ``when``, ``since``, ``times``, ``reason``, ``changed``,
        ``evidence``, ``run``, ``run_id``, ``status``, ``blessed``, ``version`` and ``message``.
      reports: ids of the runs that have a report.
    """
    recipes = {name: list(reversed(found)) for name, found in sorted(lines.items())}
    return environment().get_template(DECISIONS).render(recipes=recipes, reports=reports, **assets(has_plots=False))


def plot_course(found: Sequence[Mapping[str, Any]]) -> Plot | None:
    """Draws the main metric over the runs of a recipe; None for fewer than two."""
    metric = found[-1].get("main_metric")
    values = [(result.get("metrics") or {}).get(metric) for result in found if result.get("main_metric") == metric]
    known = [value for value in values if value is not None]
    if metric not in METRICS or len(known) < 2:
        return None
    newest, first = show_apart(known[-1], known[0])
    title = f"{METRICS[metric].title}: {newest} in the newest of {len(known)} runs, {first} in the first"
    series = [Series("eval split", list(range(1, len(known) + 1)), known)]
    title += describe_thinning(series[0], "runs")
    return make_plot(title, line_chart(title, series, "run", METRICS[metric].title, marks=True, whole_x=True))
