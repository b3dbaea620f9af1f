"""Renders a run that is under way: its step, and the curves of the fit so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kerasline.components.report.page import assets, environment
from kerasline.components.report.plots import plots

RUNNING = "running.html.j2"


def render_running(run: Mapping[str, Any], first_epoch: int, history: Mapping[str, Sequence[float]]) -> str:
    """Makes the HTML.

    Args:
      run: Its outcome as far as there is one: ``recipe``, ``run_id``, ``status`` (``running`` or ``killed``),
        ``started_at``, ``message``, ``doing`` and ``log``.
      first_epoch: That the history begins with.
      history: Name to a value for each epoch that the newest fit has ended.
    """
    curves = plots.plot_curves({"history": history, "first_epoch": first_epoch})
    state = "was killed" if run["status"] == "killed" else "is running"
    shown = {"run": run, "state": state, "curves": curves}
    return environment().get_template(RUNNING).render(**shown, **assets(has_plots=bool(curves)))
