"""What the end-to-end tests share: the real command in a child process, and what it leaves in a workspace."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

COMMAND = str(Path(sys.executable).with_name("kerasline"))
TIMEOUT_SECONDS = 600


@dataclass(frozen=True)
class Done:
    """How a command ended.

    Attributes:
      code: exit code.
      out, err: what it printed.
      result: the JSON that it wrote, empty where it wrote none.
    """

    code: int
    out: str
    err: str
    result: dict[str, Any]

    def cached(self) -> dict[str, bool]:
        """Says for each step whether its outputs were reused."""
        return {step["id"]: step["cached"] for step in self.result["steps"]}


def environment() -> dict[str, str]:
    """The environment of a child process."""
    return {**os.environ, "COLUMNS": "200", "TF_CPP_MIN_LOG_LEVEL": "3"}


def command(workspace: Path, *arguments: str, json_file: Path) -> list[str]:
    """The words of ``kerasline run``."""
    return [COMMAND, "run", *arguments, "--workspace", str(workspace), "--json", str(json_file)]


def finish(process: subprocess.Popen[str], json_file: Path) -> Done:
    """Waits for a run."""
    out, err = process.communicate(timeout=TIMEOUT_SECONDS)
    result = json.loads(json_file.read_text()) if json_file.is_file() else {}
    return Done(process.returncode, out, err, result)


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[subprocess.Popen[str], Path]]:
    """Starts ``kerasline run``; returns the process and the file for its JSON."""
    folder = tmp_path_factory.mktemp("outcomes")

    def begin(workspace: Path, *arguments: str) -> tuple[subprocess.Popen[str], Path]:
        json_file = folder / f"{len(list(folder.iterdir()))}" / "outcome.json"
        json_file.parent.mkdir()
        process = subprocess.Popen(
            command(workspace, *arguments, json_file=json_file),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(), cwd=json_file.parent,
        )  # fmt: skip
        return process, json_file

    return begin


@pytest.fixture(scope="session")
def kerasline(start: Callable[..., tuple[subprocess.Popen[str], Path]]) -> Callable[..., Done]:
    """Runs ``kerasline run`` to its end."""

    def run(workspace: Path, *arguments: str) -> Done:
        return finish(*start(workspace, *arguments))

    return run


@pytest.fixture(scope="session")
def finish_run() -> Callable[..., Done]:
    """Waits for a run that was started."""
    return finish


@pytest.fixture(scope="session")
def executions() -> Callable[[Path, str], dict[str, str]]:
    """Reads from ML Metadata how each step of a run went: step to state, such as COMPLETE."""

    def read(workspace: Path, run_id: str) -> dict[str, str]:
        from ml_metadata.metadata_store import metadata_store
        from ml_metadata.proto import metadata_store_pb2

        config = metadata_store_pb2.ConnectionConfig()
        config.sqlite.filename_uri = str(workspace / "metadata.sqlite")
        config.sqlite.connection_mode = metadata_store_pb2.SqliteMetadataSourceConfig.READONLY
        store = metadata_store.MetadataStore(config)
        context = store.get_context_by_type_and_name("pipeline_run", run_id)
        states = {}
        for execution in store.get_executions_by_context(context.id):
            (node,) = (c.name for c in store.get_contexts_by_execution(execution.id) if c.type == "node")
            step = node.split(".", 1)[1]
            assert step not in states, "every step is executed once"
            states[step] = metadata_store_pb2.Execution.State.Name(execution.last_known_state)
        return states

    return read


@pytest.fixture(scope="session")
def is_intact() -> Callable[[Path], bool]:
    """Says whether SQLite finds no fault in a workspace's metadata store."""

    def check(workspace: Path) -> bool:
        with sqlite3.connect(f"file:{workspace}/metadata.sqlite?mode=ro", uri=True) as connection:
            return connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)

    return check


@pytest.fixture(scope="session")
def production() -> Callable[[Path, str], dict[str, bytes]]:
    """Reads every file of a model's versions and the pointer, to see whether anything changed."""

    def read(workspace: Path, name: str) -> dict[str, bytes]:
        folder = workspace / "models" / name
        return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}

    return read
