"""A small site over a workspace: its runs, its reports and its models, for this machine only and to read only."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from kerasline.components.errors import ConfigError
from kerasline.pipeline.decisions import join_quiet, list_decisions

_PAGES = re.compile(r"/(reports/[^/]+/[^/]+/(?:index\.html|figures\.json)|comparisons/[^/]+\.html)")
_TYPES = {".html": "text/html; charset=utf-8", ".json": "application/json"}
_HOSTS = ("127.0.0.1", "localhost")


def make_server(workspace: Path, port: int) -> ThreadingHTTPServer:
    """Binds a server on the loopback address; ``serve_forever`` runs it.

    Raises:
      ConfigError: there is no such workspace, or the port is taken.
    """
    root = workspace.resolve()
    if not root.is_dir():
        raise ConfigError(f"--workspace: expected the folder of a workspace, but {root} is not there")

    class Handler(SiteHandler):
        """Answers for this workspace."""

        folder = root

    try:
        return ThreadingHTTPServer(("127.0.0.1", port), Handler)
    except OSError as error:
        raise ConfigError(f"--port: expected a free port, but {port} cannot be used ({error.strerror})") from error


class SiteHandler(BaseHTTPRequestHandler):
    """Answers with the list, or with a page that a run wrote; nothing else of the disk is reachable."""

    folder = Path()
    server_version = "kerasline"
    sys_version = ""

    def do_GET(self) -> None:  # noqa: N802 (named by http.server)
        """Answers a request."""
        # Another site's page could point a name of its own at this address; such requests carry that name.
        if self.headers.get("Host", "").rpartition(":")[0] not in _HOSTS and self.headers.get("Host") not in _HOSTS:
            self._answer(403, b"this site answers to 127.0.0.1 and localhost only", "text/plain; charset=utf-8")
            return
        path = unquote(self.path.partition("?")[0])
        if path in _OWN_PAGES:
            self._answer(200, _OWN_PAGES[path](self.folder).encode(), _TYPES[".html"])
            return
        file = (self.folder / path.lstrip("/")).resolve()
        if not _PAGES.fullmatch(path) or not file.is_relative_to(self.folder) or not file.is_file():
            self._answer(404, b"there is no such page; / lists them", "text/plain; charset=utf-8")
            return
        self._answer(200, file.read_bytes(), _TYPES[file.suffix])

    do_HEAD = do_GET  # noqa: N815 (named by http.server)

    def _answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        headers = {"Content-Type": kind, "Content-Length": str(len(body)), "Cache-Control": "no-store"}
        headers |= {"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer"}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing: the terminal shows the address only."""


def list_page(workspace: Path) -> str:
    """Renders the list of recipes with their runs and models."""
    from kerasline.components.report.site_page import render_site
    from kerasline.pipeline.history import list_runs
    from kerasline.pipeline.registry import describe_models

    runs: dict[str, list[Mapping[str, Any]]] = {}
    for result in list_runs(workspace):
        runs.setdefault(result["recipe"], []).append(result)
    comparisons = sorted(path.stem for path in workspace.glob("comparisons/*.html"))
    models = {model["name"]: model for model in describe_models(workspace)}
    return render_site(runs, models, comparisons, has_decisions=bool(list_decisions(workspace)))


def decisions_page(workspace: Path) -> str:
    """Renders what retrain decided."""
    from kerasline.components.report.site_page import render_decisions

    lines = {name: join_quiet(decisions) for name, decisions in list_decisions(workspace).items()}
    reports = {path.parent.name for path in workspace.glob("reports/*/*/index.html")}
    return render_decisions(lines, reports)


_OWN_PAGES: dict[str, Callable[[Path], str]] = {"/": list_page, "/decisions": decisions_page}
