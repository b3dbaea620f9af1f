"""A small site over a workspace: its runs, its reports and its models, for this machine only and to read only."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote

from kerasline.components.core import ConfigError
from kerasline.pipeline.config import RECIPE_ENDINGS
from kerasline.pipeline.reports.reporting import find_pair
from kerasline.pipeline.retraining import join_quiet, list_decisions
from kerasline.pipeline.web import Answer, Request, Rules, WebServer, allowed_hosts

_PAGES = re.compile(
    r"/(reports/[^/]+/[^/]+/(?:index\.html|figures\.json)|backtests/[^/]+/[^/]+/index\.html|"
    r"(?:comparisons|watch)/[^/]+\.html)"
)
_RUNNING = re.compile(r"/running/([^/]+)")
_TEXT = "text/plain; charset=utf-8"
_TYPES = {".html": "text/html; charset=utf-8", ".json": "application/json"}
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}


def make_server(workspace: Path, port: int) -> WebServer:
    """Binds a server on the loopback address; ``serve_forever`` runs it.

    Raises:
      ConfigError: there is no such workspace, or the port is taken.
    """
    root = workspace.resolve()
    if not root.is_dir():
        raise ConfigError(f"--workspace: expected the folder of a workspace, but {root} is not there")
    address = "127.0.0.1"
    rules = Rules(partial(_respond, root), _refuse, hosts=allowed_hosts(address))
    try:
        return WebServer(address, port, rules)
    except OSError as error:
        raise ConfigError(f"--port: expected a free port, but {port} cannot be used ({error.strerror})") from error


def _respond(folder: Path, request: Request) -> Answer:
    """Answers with the list, or with a page that a run wrote; nothing else of the disk is reachable."""
    if request.method != "GET":
        return Answer(405, b"these pages can be read only", _TEXT, {**_HEADERS, "Allow": "GET, HEAD"})
    path = unquote(request.path)
    if path in _OWN_PAGES:
        return Answer(200, _OWN_PAGES[path](folder).encode(), _TYPES[".html"], _HEADERS)
    if path == "/compare":
        return _show_comparison(folder, parse_qs(request.query))
    if running := _RUNNING.fullmatch(path):
        return _show_running(folder, running[1])
    try:
        file = (folder / path.lstrip("/")).resolve()
        if _PAGES.fullmatch(path) and file.is_relative_to(folder) and file.is_file():
            return Answer(200, file.read_bytes(), _TYPES[file.suffix], _HEADERS)
    except (OSError, ValueError):  # no file can have such a name, or it went
        pass
    return _refuse(404, "there is no such page; / lists them")


def _show_running(folder: Path, run_id: str) -> Answer:
    """Answers with the page of a run that is under way or was killed, or leads to the report of one that has ended."""
    from kerasline.components.report import render_running
    from kerasline.pipeline.workspace import list_runs, read_epochs

    run = next((one for one in list_runs(folder) if one["run_id"] == run_id), None)
    if run is None:
        return _refuse(404, "there is no such run; / lists them")
    if run["status"] in ("running", "killed"):
        page = render_running(run, *read_epochs(folder, run_id))
        return Answer(200, page.encode(), _TYPES[".html"], _HEADERS)
    ended = f"/reports/{quote(run['recipe'])}/{quote(run_id)}/index.html" if run.get("report") != "" else "/"
    return Answer(303, b"", _TEXT, {**_HEADERS, "Location": ended})


def _show_comparison(folder: Path, asked: Mapping[str, list[str]]) -> Answer:
    """Answers with two runs of the workspace side by side, as ``compare`` shows them; nothing is kept of it."""
    from kerasline.components.report import render_comparison
    from kerasline.pipeline.reports.comparing import add_rows, compare_runs

    if not ("a" in asked and "b" in asked):
        return _refuse(400, "expected two runs, /compare?a=RUN&b=RUN; choose an A and a B beside the runs of a recipe")
    pair = asked["a"][0], asked["b"][0]
    # Whoever reaches the site may see the runs of this workspace, and no file of this machine beside it.
    if any(name.endswith(RECIPE_ENDINGS) for name in pair):
        return _refuse(400, "expected two runs by their ids, and a file of a recipe came")
    try:
        comparison = compare_runs(*find_pair(folder, *pair))
    except ConfigError as error:
        return _refuse(400, str(error))
    add_rows(comparison)
    return Answer(200, render_comparison(comparison).encode(), _TYPES[".html"], _HEADERS)


def _refuse(code: int, message: str) -> Answer:
    return Answer(code, message.encode(), _TEXT, _HEADERS)


def list_page(workspace: Path) -> str:
    """Renders the list of recipes with their runs and models."""
    from kerasline.components.report import render_site
    from kerasline.pipeline.models import WATCH, describe_models
    from kerasline.pipeline.workspace import list_runs

    runs: dict[str, list[Mapping[str, Any]]] = {}
    for result in list_runs(workspace):
        runs.setdefault(result["recipe"], []).append(result)
    comparisons = sorted(path.stem for path in workspace.glob("comparisons/*.html"))
    models = {model["name"]: model for model in describe_models(workspace)}
    pages = sorted(workspace.glob("backtests/*/*/index.html"), key=lambda page: -page.stat().st_mtime)
    backtests = [(page.parent.parent.name, page.parent.name) for page in pages]
    watched = sorted(path.stem for path in workspace.glob(f"{WATCH}/*.html"))
    return render_site(runs, models, comparisons, watched, backtests, has_decisions=bool(list_decisions(workspace)))


def decisions_page(workspace: Path) -> str:
    """Renders what retrain decided."""
    from kerasline.components.report import render_decisions

    lines = {name: join_quiet(decisions) for name, decisions in list_decisions(workspace).items()}
    reports = {path.parent.name for path in workspace.glob("reports/*/*/index.html")}
    return render_decisions(lines, reports)


_OWN_PAGES: dict[str, Callable[[Path], str]] = {"/": list_page, "/decisions": decisions_page}
