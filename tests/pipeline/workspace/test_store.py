"""The metadata store: a file of the workspace, or a real MariaDB server that two workspaces share."""

from __future__ import annotations

import getpass
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kerasline.components.core.addresses.metadata_url import PASSWORD_VARIABLE
from kerasline.components.core.errors import ConfigError
from kerasline.pipeline.workspace.store import connection, open_store, pipeline_name, split_node
from kerasline.pipeline.workspace.workspace import Workspace

ROOT = Path(__file__).resolve().parents[3]
PASSWORD = "p@ss:w/rd-4711"
NOBODY = "mysql://ann@127.0.0.1:1/ml"
# Imported and not run as a script, since the cache tells steps apart by their modules' names.
PROGRAM = """
import pathlib, sys
from tests.pipeline.runners.three_steps import run_steps
run_steps(pathlib.Path(sys.argv[1]), "r1", server=sys.argv[2])
"""
_HOMES = ("/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin")


def find_program(*names: str) -> str | None:
    """Finds a program, also where only root's path leads."""
    path = os.pathsep.join([os.environ.get("PATH", ""), *_HOMES])
    return next((found for name in names if (found := shutil.which(name, path=path))), None)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A MariaDB server of this test alone, with an empty database and a user; gives ``run.metadata``."""
    daemon, install = find_program("mariadbd"), find_program("mariadb-install-db")
    if daemon is None or install is None:
        pytest.skip("needs a MariaDB server, which is not here: apt-get install mariadb-server")
    folder = tmp_path_factory.mktemp("mariadb")
    common = ["--no-defaults", f"--user={getpass.getuser()}", f"--datadir={folder / 'data'}"]
    made = subprocess.run(
        [install, *common, "--auth-root-authentication-method=normal", "--skip-test-db"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stdout + made.stderr
    (folder / "users.sql").write_text(
        "CREATE DATABASE ml;\n"
        f"CREATE USER 'ann'@'%' IDENTIFIED VIA mysql_native_password USING PASSWORD('{PASSWORD}');\n"
        "GRANT ALL ON ml.* TO 'ann'@'%';\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    # The name of a socket may have 107 characters.
    with tempfile.TemporaryDirectory(prefix="db") as short, (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [
                *(daemon, *common, f"--port={port}", "--bind-address=127.0.0.1", f"--socket={short}/s"),
                *(f"--init-file={folder / 'users.sql'}", "--innodb-flush-log-at-trx-commit=0"),
            ],
            stdout=log, stderr=log,
        )  # fmt: skip
        try:
            deadline = time.monotonic() + 60
            while "ready for connections" not in (folder / "log").read_text():
                assert process.poll() is None and time.monotonic() < deadline, (folder / "log").read_text()
                time.sleep(0.1)
            yield f"mysql://ann@127.0.0.1:{port}/ml"
        finally:
            process.terminate()
            process.wait(60)


@pytest.fixture
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    """Signs in."""
    monkeypatch.setenv(PASSWORD_VARIABLE, PASSWORD)


def start(workspace: Path, server: str) -> subprocess.Popen[str]:
    """Starts the three steps in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(workspace), server],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def states(home: Workspace) -> list[tuple[str, str]]:
    """Reads the executions of a workspace with their states, oldest first."""
    from ml_metadata.proto import metadata_store_pb2

    store, found = open_store(home), []
    for execution in sorted(store.get_executions(), key=lambda e: e.id):
        (node,) = (c.name for c in store.get_contexts_by_execution(execution.id) if c.type == "node")
        owned = split_node(home, node)
        if owned is not None:
            found.append((owned[1], metadata_store_pb2.Execution.State.Name(execution.last_known_state)))
    return found


def test_without_a_server_it_is_a_file_of_the_workspace(tmp_path: Path) -> None:
    home = Workspace(tmp_path)
    assert connection(home).sqlite.filename_uri == str(tmp_path / "metadata.sqlite")
    assert pipeline_name(home, "iris") == "iris"
    assert split_node(home, "iris.train") == ("iris", "train")
    assert list(tmp_path.iterdir()) == []


def test_on_a_server_every_workspace_has_pipelines_of_its_own(tmp_path: Path) -> None:
    homes = [Workspace(tmp_path / name, NOBODY) for name in "ab"]
    for home in homes:
        home.root.mkdir()
    names = [pipeline_name(home, "iris") for home in homes]
    assert names[0] != names[1] and names == [pipeline_name(Workspace(h.root, NOBODY), "iris") for h in homes]
    assert split_node(homes[0], f"{names[0]}.train") == ("iris", "train")
    assert split_node(homes[1], f"{names[0]}.train") is None and split_node(homes[1], "iris.train") is None


def test_later_commands_find_the_store_of_a_run(tmp_path: Path) -> None:
    home = Workspace(tmp_path)
    for run_id, told in (("r1", {"metadata": NOBODY}), ("r2", {"metadata": None}), ("r3", {})):
        (home.reports("iris") / run_id).mkdir(parents=True)
        (home.reports("iris") / run_id / "run.json").write_text(json.dumps(told))
    assert [home.of_run("iris", run_id).server for run_id in ("r1", "r2", "r3", "r4")] == [NOBODY, None, None, None]


def test_a_server_that_does_not_answer_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refusal:
        open_store(Workspace(tmp_path, NOBODY))
    assert str(refusal.value) == (
        "run.metadata: expected a MySQL server at 127.0.0.1:1, but nothing answers there (Connection refused)"
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("database", "given", "said"),
    [
        ("/ml", None, f"; {PASSWORD_VARIABLE} is not set, and the account has to sign in with mysql_native_password"),
        ("/ml", "wrong-one", f"; {PASSWORD_VARIABLE} is set, and may be wrong"),
        ("/theirs", PASSWORD, "(Access denied for user 'ann'@'%' to database 'theirs')"),
    ],
)
def test_a_server_that_refuses_is_explained(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: str, given: str | None, said: str
) -> None:
    monkeypatch.delenv(PASSWORD_VARIABLE, raising=False)
    if given is not None:
        monkeypatch.setenv(PASSWORD_VARIABLE, given)
    with pytest.raises(ConfigError) as refusal:
        open_store(Workspace(tmp_path, server.replace("/ml", database)))
    assert said in str(refusal.value) and (given is None or given not in str(refusal.value))


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.usefixtures("password")
def test_two_workspaces_share_a_server_and_leave_each_other_alone(
    server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both begin at once on an empty database, under the same run id; one is killed, and the other goes on."""
    from kerasline.pipeline.workspace.lineage import run_artifacts
    from tests.pipeline.runners.three_steps import run_steps

    def run(home: Workspace, run_id: str) -> list[list[Any]]:
        run_steps(home.root, run_id, server=server)
        return [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("[")]

    whole, killed = Workspace(tmp_path / "whole", server), Workspace(tmp_path / "killed", server)
    for home in (whole, killed):
        home.root.mkdir()
    (killed.root / "kill").write_text("second")
    processes = [start(home.root, server) for home in (whole, killed)]
    ends = [process.communicate(timeout=300) for process in processes]
    assert [process.returncode for process in processes] == [0, -signal.SIGKILL], ends
    assert states(whole) == [("first", "COMPLETE"), ("second", "COMPLETE"), ("third", "COMPLETE")]
    assert states(killed) == [("first", "COMPLETE"), ("second", "RUNNING")]

    everything = [["first", True], ["second", True], ["third", True]]
    assert run(whole, "r2") == everything, "its own outputs are in its cache"
    assert states(killed)[-1] == ("second", "RUNNING"), "which is not for another workspace to judge"
    (killed.root / "kill").unlink()
    assert run(killed, "r2") == [["first", True], ["second", False], ["third", False]]
    assert states(killed)[1] == ("second", "FAILED") and "RUNNING" not in dict(states(killed)).values()
    for home, run_id in ((whole, "r1"), (whole, "r2"), (killed, "r2")):
        found = run_artifacts(home, run_id)
        assert list(found) == ["first", "second", "third"]
        assert all(a.uri.startswith(f"{home.root}/") for outputs in found.values() for a in outputs.values())
        assert not home.metadata.exists()
    assert list(run_artifacts(killed, "r1")) == ["first"]


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.usefixtures("password")
def test_a_recipe_runs_on_a_server_and_the_password_stays_out_of_it(server: str, tmp_path: Path) -> None:
    from kerasline.pipeline.models.exporting import export_version
    from kerasline.pipeline.run.running import run_recipe

    workspace = tmp_path / "workspace"
    changes = [
        *(f"run.metadata={server}", "training.epochs=6", "training.batch_size=16"),
        *("evaluation.thresholds={accuracy: {min: 0.3}}", "report.explanations=off"),
    ]
    outcome = run_recipe("iris_mlp", changes, data_dir=None, workspace=workspace, cache=True, debug=True)
    assert outcome.result["status"] == "pushed", outcome.message
    assert not (workspace / "metadata.sqlite").exists()
    assert export_version(Workspace(workspace), "iris_mlp", tmp_path / "exported") == []
    assert (tmp_path / "exported" / "transform_graph").is_dir()
    kept = [path for folder in (workspace, tmp_path / "exported") for path in folder.rglob("*") if path.is_file()]
    assert len(kept) > 50
    assert [path for path in kept if PASSWORD.encode() in path.read_bytes()] == []
