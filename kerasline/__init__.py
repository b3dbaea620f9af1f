"""kerasline from Python: ``import kerasline as kl; kl.run("iris_mlp")``.

Importing this loads nothing else; each name is fetched from its room when it is first used. ``kerasline.components``
and ``kerasline.pipeline`` are the folders of that name at the top of the project, which ``setup.py`` maps here. The
links beside this file show them to tools that look for packages by path.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kerasline.components.core import ConfigError, DataRejected, KeraslineError
    from kerasline.pipeline.api import compare, init, models, promote, rollback, validate
    from kerasline.pipeline.models import LoadedModel, load_model, monitor, verdict
    from kerasline.pipeline.notebook import load_figures, load_run, plan, run, show_images, show_plots, show_report

    __version__: str

# Where each public name stands. The artifact types are here since Kubeflow wants type names of the form
# ``namespace.Name``, and TFX's container entry point imports them by that name.
_ROOMS = {
    "kerasline.components.core.artifacts": ("Explanations", "RunReport", "Verdict"),
    "kerasline.components.core.errors": ("ConfigError", "DataRejected", "KeraslineError"),
    "kerasline.pipeline.api": ("compare", "init", "models", "promote", "rollback", "validate"),
    "kerasline.pipeline.models": ("LoadedModel", "load_model", "monitor", "verdict"),
    "kerasline.pipeline.notebook": (
        "load_figures",
        "load_run",
        "plan",
        "run",
        "show_images",
        "show_plots",
        "show_report",
    ),
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = [
    "ConfigError",
    "DataRejected",
    "KeraslineError",
    "LoadedModel",
    "__version__",
    "compare",
    "init",
    "load_figures",
    "load_model",
    "load_run",
    "models",
    "monitor",
    "plan",
    "promote",
    "rollback",
    "run",
    "show_images",
    "show_plots",
    "show_report",
    "validate",
    "verdict",
]


def __getattr__(name: str) -> Any:
    """Fetches a public name from the room that it stands in."""
    if name == "__version__":
        from importlib import metadata

        return metadata.version("kerasline")
    if name in _ROOM_OF:
        return getattr(import_module(_ROOM_OF[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Lists the public names, which a notebook completes."""
    return sorted(__all__)
