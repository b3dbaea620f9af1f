"""kerasline from Python, and so from a notebook: run a recipe, read what a run left, show its plots.

A run is a process of its own, as on the command line: it neither shares a session's TensorFlow, its Keras backend and
its modules nor takes the session down with it. Importing this imports neither TensorFlow nor TFX.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasline.components.core import ConfigError, KeraslineError, end_child, module_command, nearest, start_child
from kerasline.pipeline.api import recipe_file, write_changes
from kerasline.pipeline.console import outcome_words
from kerasline.pipeline.workspace import figures_here, read_whole_outcome, section, workspace_folder

if TYPE_CHECKING:
    from pandas import DataFrame

    from kerasline.components.report.plots import Plot

_PLOT_WIDTH, _PLOT_HEIGHT, _TITLE_HEIGHT = 520, 340, 100  # pixels of one plot, and of what stands above and below it


class Run(dict[str, Any]):
    """What became of a run: the fields that ``kerasline run --json`` writes, such as ``result["status"]``."""

    def frame(self) -> DataFrame:
        """Returns a row for each metric, the main one first: ``metric``, and what it is on each split and beside what.

        Its other columns are ``eval``, ``low`` and ``high`` (the 95 % interval of that), ``test``, ``production`` and
        ``trivial`` (models on the eval split), NaN where there is no such figure.
        """
        import pandas as pd

        columns = {"test": "test_metrics", "production": "baseline", "trivial": "trivial"}
        metrics, intervals = section(self, "metrics"), section(self, "intervals")
        figures = {"eval": list(metrics.values())}
        figures |= {end: [section(intervals, name).get(end) for name in metrics] for end in ("low", "high")}
        figures |= {title: [section(self, key).get(name) for name in metrics] for title, key in columns.items()}
        return pd.DataFrame({"metric": list(metrics), **figures}).astype(dict.fromkeys(figures, "float64"))

    def _told(self) -> str:
        """Says in a few words what became of the run, and as which version."""
        version = section(self, "model").get("version")
        as_version = f", version {version}" if version is not None else ""
        return f"run {self['run_id']} of {self['recipe']}: {outcome_words(self)}{as_version}"

    def __repr__(self) -> str:
        """Is short, so that it can be read; ``dict(result)`` shows all."""
        return f"<{self._told()}>"

    def _repr_html_(self) -> str:
        """Shows in a notebook what became of the run, with its metrics."""
        why = f"<p>{escape(self['message'])}</p>" if self.get("message") else ""
        figures = self.frame().to_html(index=False, na_rep="") if self.get("metrics") else ""
        return f"<p>{escape(self._told())}</p>{why}{figures}"


def run(
    recipe: str | Path | Mapping[str, Any],
    changes: Mapping[str, Any] | None = None,
    *,
    workspace: str | Path | None = None,
    data_dir: str | Path | None = None,
    until: str | None = None,
    cache: bool = True,
    quiet: bool = False,
) -> Run:
    """Runs a recipe as ``kerasline run`` does, and prints its progress.

    Args:
      recipe: the name of a shipped recipe, the path of a YAML file, or a config or the text that
        :func:`~kerasline.init` returns, which are kept as ``NAME.yaml`` in the current folder.
      changes: config keys and values: ``{"training.epochs": 5, "model.units": [32]}``.
      workspace: where metadata, artifacts, models and reports go; None for ``KERASLINE_WORKSPACE``, or ``workspace``
        here.
      data_dir: where the files of the data set are.
      until: the last step; by default the run goes on to the end.
      cache: reuse the outputs of steps whose inputs have not changed.
      quiet: print nothing.

    Returns:
      A dict of what ``kerasline run --json`` writes, such as ``status``, ``metrics``, ``model`` and ``report``, with
      ``frame()`` for its metrics. A model that was not blessed, or data that was refused, is a result too: look at
      ``status``.

    Raises:
      ConfigError: the recipe or an argument is wrong; nothing has run.
      KeraslineError: the run failed.
    """
    arguments = _arguments(changes, workspace, data_dir)
    arguments += ["--until", until] if until is not None else []
    arguments += [] if cache else ["--no-cache"]
    words = module_command("kerasline", "run", recipe_file(recipe), *arguments)
    with tempfile.TemporaryDirectory() as folder:
        outcome = Path(folder, "outcome.json")
        code, last_line = _stream([*words, "--json", str(outcome)], quiet)
        result = Run(json.loads(outcome.read_text(encoding="utf-8")) if outcome.is_file() else {})
    if result.get("status", "failed") == "failed":
        message = result.get("message") or last_line.removeprefix("kerasline: ")
        raise ConfigError(message) if code == ConfigError.exit_code else KeraslineError(message)
    return result


def plan(
    recipe: str | Path | Mapping[str, Any],
    changes: Mapping[str, Any] | None = None,
    *,
    workspace: str | Path | None = None,
    data_dir: str | Path | None = None,
) -> list[dict[str, Any]]:
    """Says which steps :func:`run` would run now, and why, as ``kerasline plan`` does; nothing is executed.

    Args:
      recipe: the name of a shipped recipe, the path of a YAML file, or a config or the text that
        :func:`~kerasline.init` returns, which are kept as ``NAME.yaml`` in the current folder.
      changes: config keys and values.
      workspace: where metadata, artifacts, models and reports go; None for ``KERASLINE_WORKSPACE``, or ``workspace``
        here.
      data_dir: where the files of the data set are.

    Returns:
      For each step ``id``, ``cached``, ``reason`` and ``seconds`` (what it took the last time, or None).

    Raises:
      ConfigError: the recipe, an argument or the data is wrong.
      KeraslineError: it could not be said.
    """
    with tempfile.TemporaryDirectory() as folder:
        forecast = Path(folder, "forecast.json")
        words = module_command("kerasline", "plan", recipe_file(recipe), *_arguments(changes, workspace, data_dir))
        code, last_line = _stream([*words, "--json", str(forecast)], quiet=True)
        if code:
            message = last_line.removeprefix("kerasline: ")
            raise ConfigError(message) if code == ConfigError.exit_code else KeraslineError(message)
        steps: list[dict[str, Any]] = json.loads(forecast.read_text(encoding="utf-8"))
    return steps


def _arguments(
    changes: Mapping[str, Any] | None, workspace: str | Path | None, data_dir: str | Path | None
) -> list[str]:
    """Writes what ``run`` and ``plan`` share as the arguments of the commands."""
    arguments = [word for change in write_changes(changes) for word in ("--set", change)]
    arguments += ["--workspace", str(workspace_folder(workspace))]
    return [*arguments, "--data-dir", str(data_dir)] if data_dir is not None else arguments


def load_run(reference: str | Path | None = None, workspace: str | Path | None = None) -> Run:
    """Reads the result of an earlier run, as :func:`run` returned it.

    Args:
      reference: the id of a run, a recipe or its file for its newest run, or NAME@VERSION for the run that made it;
        None for the newest run of all.
      workspace: that it ran in; None for ``KERASLINE_WORKSPACE``, or ``workspace`` here.

    Raises:
      ConfigError: there is no such run, it has not ended, or what it left is damaged.
    """
    from kerasline.pipeline.reports import find_report

    named = None if reference is None else str(reference)
    return Run(read_whole_outcome(find_report(workspace_folder(workspace), named) / "run.json"))


def load_figures(result: Run) -> dict[str, Any]:
    """Reads the figures behind a run's report: data, statistics, history, performance, slices, artifacts and more.

    Args:
      result: from :func:`run` or :func:`load_run`.
    """
    return figures_here(Path(result["report"]).parent)


@dataclass(frozen=True)
class Shown:
    """HTML that a notebook shows, in a frame of its own so that its style stays out of the notebook's.

    Attributes:
      title: what it shows, which is what a terminal prints of it.
      page: a whole HTML page.
      height: pixels.
    """

    title: str
    page: str
    height: int

    def __repr__(self) -> str:
        return self.title

    def _repr_html_(self) -> str:
        frame = f'title="{escape(self.title)}" width="100%" height="{self.height}" style="border:0"'
        return f'<iframe srcdoc="{escape(self.page)}" {frame}></iframe>'


def show_report(result: Run, height: int = 700) -> Shown:
    """Shows the report of a run.

    Args:
      result: from :func:`run` or :func:`load_run`.
      height: pixels.
    """
    report = Path(result["report"])
    return Shown(f"the report of run {result['run_id']}: {report}", report.read_text(encoding="utf-8"), height)


def show_plots(result: Run, part: str, only: Sequence[int] | None = None) -> Shown:
    """Shows the plots of one part of a run's report: each has a title that states its finding, and units.

    Args:
      result: from :func:`run` or :func:`load_run`.
      part: ``columns``, ``curves``, ``evaluation``, ``explanations``, ``search`` or ``steps``.
      only: positions of plots in that part, negative ones from the end; None for all.

    Raises:
      ConfigError: there is no such part, or the run has no such plots.
    """
    from kerasline.components.report import page, plot_columns, plot_explanations, plot_search
    from kerasline.components.report.plots import plots

    parts: dict[str, Callable[[dict[str, Any]], list[Plot]]] = {
        "columns": plot_columns,
        "curves": plots.plot_curves,
        "evaluation": plots.plot_evaluation,
        "explanations": plot_explanations,
        "search": plot_search,
        "steps": lambda figures: plots.plot_steps(figures["run"]["steps"]),
    }
    if part not in parts:
        raise ConfigError(f"expected a part of the report ({', '.join(parts)}), got {part!r}.{nearest(part, parts)}")
    chosen = _choose(parts[part](load_figures(result)), only, part)
    if not chosen:
        raise ConfigError(f"run {result['run_id']} has no plots of the part {part}: it did not come that far")
    drawn = "".join(map(_figure, chosen))
    width = f"style='width:{_PLOT_WIDTH}px'" if len(chosen) == 1 else ""
    whole = f"<style>{page.assets(has_plots=False)['style']}</style><div class='plots' {width}>{drawn}</div>"
    heights = [_height(plot.body) for plot in chosen]
    # Two stand in a row, which is as high as the higher one; the last may stand alone.
    rows = zip_longest(heights[::2], heights[1::2], fillvalue=0)
    return Shown("; ".join(plot.title for plot in chosen), whole, sum(map(max, rows)) + 40)


def _choose(found: Sequence[Plot], only: Sequence[int] | None, part: str) -> Sequence[Plot]:
    """Takes the plots at some positions, or all.

    Raises:
      ConfigError: There is no such position.
    """
    if only is None:
        return found
    try:
        return [found[index] for index in only]
    except IndexError:
        raise ConfigError(
            f"expected positions of plots below {len(found)} in the part {part}, got {list(only)}"
        ) from None


def _figure(plot: Plot) -> str:
    """Writes a plot with its title, and what is to be noted of it."""
    note = f"<small>{escape(plot.note)}</small>" if plot.note else ""
    return f"<figure><figcaption>{escape(plot.title)}{note}</figcaption>{plot.body}</figure>"


def show_images(result: Run, part: str) -> Shown:
    """Shows the pictures that explain a model of images.

    Args:
      result: from :func:`run` or :func:`load_run`.
      part: ``filters`` (of the first layer), ``activations`` (what layers find in one image), ``mistakes`` or ``hits``
        (images of the eval split, each beside where the model looks).

    Raises:
      ConfigError: there is no such part, or the run has no such pictures.
    """
    if part not in _PICTURES:
        raise ConfigError(f"expected pictures ({', '.join(_PICTURES)}), got {part!r}.{nearest(part, _PICTURES)}")
    rows = list(_PICTURES[part](section(load_figures(result), "explanations").get(part) or []))
    if not rows:
        raise ConfigError(f"run {result['run_id']} has no pictures of the part {part}; its report says why")
    style = (
        "body{font:14px system-ui,sans-serif;margin:8px} img{height:64px;image-rendering:pixelated;margin:2px}"
        "figure{display:inline-block;margin:0 14px 10px 0;max-width:100%;vertical-align:top} figcaption{max-width:36em}"
    )
    drawn = "".join(_pictures(caption, sources) for caption, sources in rows)
    return Shown("; ".join(caption for caption, _ in rows), f"<style>{style}</style>{drawn}", 330)


def _filters(found: Mapping[str, Any] | None) -> Iterator[tuple[str, list[str]]]:
    """Yields the filters of the first layer under their caption; nothing where the model has none."""
    if found:
        yield f"the filters of {found['layer']}, {'×'.join(map(str, found['shape']))}", found["images"]


def _activations(found: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, list[str]]]:
    """Yields what each layer finds under its caption."""
    for layer in found:
        yield f"what {layer['layer']} finds in row {layer['row']}", layer["images"]


def _examples(found: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, list[str]]]:
    """Yields each row's image, and where the model looks in it, under their caption."""
    for entry in found:
        pictures = [entry[key] for key in ("image", "heat") if entry.get(key)]
        if pictures:
            yield f"label {entry['label']}, predicted {entry['prediction']} (row {entry['row']})", pictures


_PICTURES: dict[str, Callable[[Any], Iterator[tuple[str, list[str]]]]] = {
    "filters": _filters,
    "activations": _activations,
    "mistakes": _examples,
    "hits": _examples,
}


def _pictures(caption: str, sources: Sequence[str]) -> str:
    """Writes some images under one caption."""
    images = "".join(f'<img src="{escape(source)}" alt="{escape(caption)}">' for source in sources)
    return f"<figure><figcaption>{escape(caption)}</figcaption>{images}</figure>"


def _height(body: str) -> int:
    """Says how high a plot is with its title, at the width of one of two in a row."""
    size = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', body)
    drawn = _PLOT_WIDTH * float(size[2]) / float(size[1]) if size else _PLOT_HEIGHT
    return round(drawn) + _TITLE_HEIGHT


def _stream(words: list[str], quiet: bool) -> tuple[int, str]:
    """Runs a command, prints its lines as they come, and returns its exit code and last line."""
    # A notebook asks for colours, which would have the run take its pipe for a terminal and draw live lines.
    environment = {name: value for name, value in os.environ.items() if name not in ("FORCE_COLOR", "CLICOLOR_FORCE")}
    environment["PYTHONUNBUFFERED"] = "1"
    process = start_child(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, encoding="utf-8"
    )
    assert process.stdout is not None
    last = ""
    try:
        for line in process.stdout:
            last = line.strip() or last
            if not quiet:
                print(line, end="", flush=True)
        code: int = process.wait()
    finally:
        # Whatever ends the wait, a limit of time or the key that interrupts a cell, ends the run.
        end_child(process)
    return code, last
