"""Renders the figures of a run as one self-contained HTML file: the page is a function of the figures alone."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import yaml
from markupsafe import Markup, escape

from kerasline.components.core import counted, rounded, write_at_once
from kerasline.components.evaluation import METRICS
from kerasline.components.report.diagnosis import (
    describe_because,
    describe_limits,
    headline,
    may_be_used,
    sentences,
    show_figure,
    show_setting,
)
from kerasline.components.report.drawing import LOCALE, theme
from kerasline.components.report.interactive import hash_of, library, packed_library
from kerasline.components.report.own_pages import show_pages
from kerasline.components.report.plots import describe_order, plot_columns, plot_explanations, plot_search, plots

_HERE = Path(__file__).parent
PAGE = "page.html.j2"
# Every file that a page is made of; the report's cache key reads their names here.
_PARTS = (
    "page.html.j2",
    "summary.html.j2",
    "evaluation.html.j2",
    "data.html.j2",
    "training.html.j2",
    "explanations.html.j2",
    "own.html.j2",
    "lineage.html.j2",
    "macros.html.j2",
    "style.css",
    "sort.js",
    "plots.js",
)
FIGURES_FILE, PAGE_FILE = "figures.json", "index.html"
_MOST_COLUMNS = 12  # with a plot, before the rest is folded away
_MOST_CLASSES = 60  # in the table by class, before the rest is folded away


def write_report(folder: Path, figures: Mapping[str, Any], *, at_once: bool = False) -> None:
    """Writes ``figures.json`` and ``index.html`` into a folder, which is made if needed.

    Args:
      folder: of the report.
      figures: from :func:`~kerasline.components.report.figures.collect_figures`, with ``blessed``,
        ``baseline_version`` and ``model``, and after the run with ``run`` (see :func:`render`).
      at_once: Whether each file appears when it is whole, for which the folder must be this machine's.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in ((FIGURES_FILE, json.dumps(figures, indent=1)), (PAGE_FILE, render(figures))):
        if at_once:
            write_at_once(folder / name, text)
        else:
            (folder / name).write_text(text, encoding="utf-8")


def render(figures: Mapping[str, Any]) -> str:
    """Makes the HTML.

    Args:
      figures: as for :func:`write_report`. ``run``, where the run has ended, has ``run_id``, ``status``, ``steps``
        (``id``, ``seconds``, ``cached``), ``seconds``, ``started_at``, ``code_version``, ``command`` and ``since``
        (what differs from the last run: its ``run_id``, and ``changes`` with ``key``, ``before`` and ``now``); each may
        be missing.
    """
    figures = {"blessed": False, "model": None, "baseline_version": None, **figures}
    usual: dict[str, Any] = dict.fromkeys(("run_id", "started_at", "code_version", "failed_step", "log"), "")
    usual |= {"steps": [], "seconds": {}, "since": None}
    run = {**usual, **(figures.get("run") or {})}
    return environment().get_template(PAGE).render(
        figures=figures,
        run=run,
        metrics=METRICS,
        metric_label=lambda name: plots.metric_label(name, figures),
        answer=may_be_used(figures),
        headline=headline(figures),
        comparison=plots.plot_comparison(figures),
        curves=plots.plot_curves(figures),
        trials=plot_search(figures),
        evaluation=plots.plot_evaluation(figures),
        columns=plot_columns(figures),
        order=describe_order(figures),
        steps=plots.plot_steps(run["steps"]),
        explained=plot_explanations(figures),
        most_classes=_MOST_CLASSES,
        most_columns=_MOST_COLUMNS,
        worst_first=_worst_first(figures),
        compared=sentences(figures),
        config=yaml.safe_dump(dict(figures["experiment"]), sort_keys=False, allow_unicode=True),
        command=reproduce(figures),
        pages=show_pages(figures),
        **assets(),
    )  # fmt: skip


def _worst_first(figures: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    classes = (figures.get("performance") or {}).get("classes") or []
    return sorted(classes, key=lambda row: 2.0 if row["recall"] is None else row["recall"])


@cache
def environment() -> jinja2.Environment:
    """Makes the template environment of all pages, in which everything is escaped that is not marked as HTML."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["figure"] = show_figure
    made.filters["interval"] = show_interval
    made.filters["setting"] = show_setting
    made.filters["count"] = show_count
    made.filters["counted"] = counted
    made.filters["limits"] = describe_limits
    made.filters["because"] = describe_because
    made.filters["breakable"] = breakable
    return made


def assets(*, has_plots: bool = True) -> dict[str, Any]:
    """Reads what all pages share: the style, the scripts, and the hashes by which a page allows these and no others.

    Args:
      has_plots: Whether the page brings what its plots need to answer to a pointer.
    """
    script = "".join((_HERE / name).read_text(encoding="utf-8") for name in ("sort.js", "plots.js"))
    hashes = [hash_of(script.encode())]
    shared: dict[str, Any] = {"style": Markup((_HERE / "style.css").read_text(encoding="utf-8"))}
    shared |= {"script": Markup(script), "look": "", "library": ""}
    if has_plots:
        look = json.dumps({"config": theme(), "locale": LOCALE}, separators=(",", ":"))
        shared |= {"look": Markup(look), "library": packed_library()}
        hashes.append(library()[1])
    return shared | {"script_sources": Markup(" ".join(f"'{each}'" for each in hashes))}


def show_interval(interval: Sequence[float] | None) -> str:
    """Formats an interval."""
    return "" if interval is None else f"{rounded(interval[0], 3)} to {rounded(interval[1], 3)}"


def breakable(text: str) -> Markup:
    """Lets a line end behind the underscores of a name, which is one long word otherwise."""
    return Markup(escape(text).replace("_", Markup("_<wbr>")))


def show_count(number: int | None) -> str:
    """Formats a whole number with thin spaces between thousands."""
    return "" if number is None else f"{number:,}".replace(",", "\u202f")


def reproduce(figures: Mapping[str, Any]) -> str:
    """Says how the run is repeated: the command that started it, or one with the recipe that the page prints."""
    given = (figures.get("run") or {}).get("command")
    return given or f"kerasline run {shlex.quote(figures['recipe'] + '.yaml')}"


__all__ = ["assets", "environment", "headline", "render", "write_report"]
