"""What arranges the steps: the config, the graph, the runners, the registry of models and the command line.

From Python and from notebooks: ``from pipeline import run``. The rest of the door is beside it in
:mod:`pipeline.interactive`, and whatever else there is to do is a command: ``kerasline --help``.
"""

from pipeline.interactive import load_figures, load_run, run, show_images, show_plots, show_report

__all__ = ["load_figures", "load_run", "run", "show_images", "show_plots", "show_report"]
