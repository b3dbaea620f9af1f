"""The folder that everything of a user's runs is in, and the lock that lets one run at a time use it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import filelock

from kerasline.components.core import ConfigError
from kerasline.components.registry import mend_serving_config

VARIABLE = "KERASLINE_WORKSPACE"
_LONGEST_ROOT = 480  # SQLite's own limit is 512, with its journal's name


def workspace_folder(given: str | Path | None = None) -> Path:
    """Returns the folder of a workspace: what was given, or KERASLINE_WORKSPACE says, or else ``workspace`` here."""
    return Path(given or os.environ.get(VARIABLE) or "workspace").expanduser()


@dataclass(frozen=True)
class Workspace:
    """Paths below one workspace.

    Attributes:
      root: the folder.
      server: ``run.metadata``, the address of a server that keeps ML Metadata; None for a file in the folder.
    """

    root: Path
    server: str | None = None

    @property
    def metadata(self) -> Path:
        """The ML Metadata store where no server keeps it."""
        return self.root / "metadata.sqlite"

    def pipeline(self, name: str) -> Path:
        """Where the artifacts of a pipeline are."""
        return self.root / "pipelines" / name

    def models(self, name: str) -> Path:
        """Where the pushed versions of a model are."""
        return self.root / "models" / name

    def reports(self, name: str) -> Path:
        """Where the reports of a pipeline's runs are, a folder for each run."""
        return self.root / "reports" / name

    def of_run(self, name: str, run_id: str) -> Workspace:
        """Returns the workspace with the store that a run wrote to."""
        file = self.reports(name) / run_id / "run.json"
        server = json.loads(file.read_text(encoding="utf-8")).get("metadata") if file.is_file() else None
        return Workspace(self.root, server)

    def log(self, run_id: str) -> Path:
        """The log of a run."""
        return self.root / "logs" / f"{run_id}.log"


def kept_descriptions(root: Path) -> Path:
    """Where what was found out about data is kept, so that files which have not changed are not read again."""
    return root / "described"


def open_workspace(root: Path, server: str | None = None) -> Workspace:
    """Makes sure that a workspace exists and can be written, and that its file for TensorFlow Serving is right.

    Args:
      root: the folder.
      server: ``run.metadata``.

    Raises:
      ConfigError: it cannot.
    """
    root = root.expanduser().resolve()
    length = len(os.fsencode(root))
    if length > _LONGEST_ROOT:
        raise ConfigError(
            f"--workspace: expected a folder whose path has at most {_LONGEST_ROOT} bytes, since SQLite opens no file "
            f"with a longer one, got {length}: {str(root)[:60]}...; give a shorter one"
        )
    try:
        root.mkdir(parents=True, exist_ok=True)
        probe = root / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ConfigError(
            f"--workspace: expected a folder that can be written, but {root} cannot be ({error.strerror}); "
            "give another one"
        ) from error
    mend_models(root)
    return Workspace(root, server)


def mend_models(root: Path) -> None:
    """Writes what TensorFlow Serving is told again where a process was killed before it came to that.

    Nothing is said of a folder that cannot be written or a pointer that cannot be read: the command at hand may need
    neither, and says so where it does.
    """
    with suppress(OSError, ValueError, KeyError, TypeError):
        mend_serving_config(root / "models")


@contextmanager
def only_run(workspace: Workspace, on_wait: Callable[[str], None]) -> Iterator[None]:
    """Holds the workspace for one run; a second one waits, so that the metadata store has one writer.

    The operating system drops the lock with the process, so a run that was killed leaves nothing to clean up.

    Args:
      workspace: to hold.
      on_wait: told once, in words, when another run holds it.
    """
    lock = filelock.FileLock(workspace.root / ".lock")
    holder = workspace.root / ".lock.holder"
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        on_wait(f"another run is using {workspace.root} ({_describe(holder)}); waiting for it to end")
        lock.acquire()
    try:
        holder.write_text(json.dumps({"pid": os.getpid()}), encoding="utf-8")
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _describe(holder: Path) -> str:
    try:
        return f"process {json.loads(holder.read_text(encoding='utf-8'))['pid']}"
    except (OSError, ValueError, KeyError):
        return "process unknown"
