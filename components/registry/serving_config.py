"""What TensorFlow Serving is told: which version of each model to serve.

The file follows from the pointers and holds nothing of its own, so whoever finds it different writes it again: a
process may have been killed between a pointer and this file.
"""

from __future__ import annotations

from pathlib import Path

from kerasline.components.registry.locks import LOCK_SECONDS, file_lock
from kerasline.components.registry.pointer import current_version
from kerasline.components.registry.versions import list_models
from kerasline.components.registry.writing import replace_file

SERVING_CONFIG = "tensorflow_serving.config"


def write_serving_config(models: Path) -> None:
    """Writes ``MODELS/tensorflow_serving.config``, by which TensorFlow Serving serves what is in production.

    By itself it serves the highest number, which after a rollback is the wrong one. It reads the file again with
    ``--model_config_file_poll_wait_seconds``.
    """
    with file_lock(models / SERVING_CONFIG, "write", LOCK_SECONDS):
        # The pointers are read under the lock: of two writers, the second one has seen both moves.
        replace_file(models / SERVING_CONFIG, describe_production(models))


def mend_serving_config(models: Path) -> bool:
    """Writes the file again where it does not say what is in production; returns whether it had to be."""
    if not list_models(models) or _read(models / SERVING_CONFIG) == describe_production(models):
        return False
    write_serving_config(models)
    return True


def describe_production(models: Path) -> str:
    """Returns what the file has to say, from the pointers of all models."""
    blocks = []
    for name in list_models(models):
        version = current_version(models / name)
        if version is not None:
            blocks.append(
                f'  config {{\n    name: "{name}"\n    base_path: "/models/{name}"\n'
                '    model_platform: "tensorflow"\n'
                f"    model_version_policy {{ specific {{ versions: {version} }} }}\n  }}\n"
            )
    return "model_config_list {\n" + "".join(blocks) + "}\n"


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else None
