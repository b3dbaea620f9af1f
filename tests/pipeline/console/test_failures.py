"""What is said when the machine gives out, and what is left of runs that could not start."""

from __future__ import annotations

import errno
import http.client
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from kerasline.components.core.errors import ConfigError
from kerasline.components.datasets import DataOptions, resolve
from kerasline.pipeline.console.failures import describe_failure, explain_machine
from kerasline.pipeline.reports.site import make_server
from kerasline.pipeline.run import running
from kerasline.pipeline.workspace.history import leave_failed_start, list_runs, run_folders, write_outcome
from kerasline.pipeline.workspace.workspace import Workspace, open_workspace


def copy_error(number: int) -> shutil.Error:
    """What copytree raises: a list of tuples."""
    error = OSError(number, os.strerror(number), "/a")
    return shutil.Error([("/a", "/b", str(error)), ("/c", "/d", str(error))])


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (copy_error(errno.ENOSPC), "the disk is full; free some space"),
        (OSError(errno.EDQUOT, os.strerror(errno.EDQUOT)), "the disk is full"),
        (RuntimeError("sqlite: database or disk is full"), "the disk is full"),
        (OSError(errno.EFBIG, os.strerror(errno.EFBIG)), "a file may not grow any further"),
        (MemoryError(), "the memory is used up; lower training.batch_size"),
        (RuntimeError("worker: OSError: [Errno 12] Cannot allocate memory"), "the memory is used up"),
        (OSError(errno.EMFILE, os.strerror(errno.EMFILE)), "too many files are open"),
        (copy_error(errno.EROFS), "the file system can only be read"),
    ],
)
def test_one_sentence_of_the_machine(error: Exception, said: str) -> None:
    iris = resolve(DataOptions(dataset="iris"), name="iris", base_dir=Path(), data_dir=None)
    status, text = describe_failure(error, "push", Path("run.log"), iris)
    assert status == "failed"
    assert text.startswith(f"the step push could not go on: {said}")
    assert text.endswith("run again; the log is run.log")
    assert "(" not in text.replace("(ulimit", "") and "Errno" not in text


def test_other_errors_are_not_the_machines() -> None:
    assert explain_machine(ValueError("disk 7 of the data")) is None


def test_a_push_that_may_write_no_more_is_said_in_a_sentence(tmp_path: Path) -> None:
    """The real copy of a version, in a process whose files may not grow."""
    model = tmp_path / "model"
    (model / "variables").mkdir(parents=True)
    (model / "saved_model.pb").write_bytes(b"x" * 100_000)
    script = (
        "import sys, resource, signal; from pathlib import Path\n"
        "from kerasline.components.registry import push_version\n"
        "from kerasline.pipeline.console.failures import explain_machine\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
        "try:\n    push_version(Path(sys.argv[1]), Path(sys.argv[2]), {}, 5)\n"
        "except Exception as error:\n    print(explain_machine(error))\n"
    )
    folder = tmp_path / "models" / "digits"
    command = [sys.executable, "-c", script, str(folder), str(model)]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ran.stdout.startswith("a file may not grow any further; raise the limit"), ran.stderr
    assert [path.name for path in folder.iterdir()] == []


def test_a_run_that_could_not_start_is_listed_with_its_log(tmp_path: Path) -> None:
    home = Workspace(tmp_path / "ws")
    home.log("20260102-030405").parent.mkdir(parents=True)
    leave_failed_start(home, "late", "20260102-030405", "no files", 1.5)
    (run,) = list_runs(home.root)
    assert (run["recipe"], run["status"], run["message"], run["report"]) == ("late", "failed", "no files", "")
    assert run["log"] == str(home.log("20260102-030405"))


@pytest.mark.parametrize(
    "error", [ConfigError("no such engine"), ImportError("libcuda.so is missing"), KeyboardInterrupt()]
)
def test_whatever_ends_a_run_after_its_log_was_begun_is_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(running, "plan_run", fail)
    with pytest.raises(type(error)):
        running.run_recipe("iris_mlp", [], data_dir=None, workspace=tmp_path, cache=True, debug=False)
    (run,) = list_runs(tmp_path)
    assert (run["recipe"], run["status"], run["report"]) == ("iris_mlp", "failed", "")
    assert str(error) in run["message"] and run["message"]
    assert ("run it again" in run["message"]) == isinstance(error, KeyboardInterrupt)
    assert Path(run["log"]).is_file()


@pytest.mark.parametrize("folder", ["models/digits/7", "models", "reports/x", "pipelines/x/y"])
def test_an_export_into_the_registry_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    from kerasline.pipeline.models import exporting

    monkeypatch.setattr(exporting, "find_version", lambda *_: (tmp_path / "models" / "digits", 1))
    with pytest.raises(ConfigError, match="expected a folder outside of what runs and pushes keep in"):
        exporting.export_version(Workspace(tmp_path), "digits", tmp_path / folder)
    assert list(tmp_path.iterdir()) == []


def test_runs_come_in_the_order_of_time_whatever_their_zone(tmp_path: Path) -> None:
    """Before, names were by local time: 23:30 in Tokyo is earlier than 16:00 in Berlin of the same day."""
    for name, began in (
        ("20260102-233000", "2026-01-02T23:30:00+09:00"),
        ("20260102-160000", "2026-01-02T16:00:00+01:00"),
        ("20260102-150500", "2026-01-02T15:05:00+00:00"),
    ):
        folder = tmp_path / "reports" / "iris" / name
        folder.mkdir(parents=True)
        write_outcome(folder / "run.json", {"run_id": name, "recipe": "iris", "started_at": began})
    order = ["20260102-233000", "20260102-160000", "20260102-150500"]
    assert [run["run_id"] for run in list_runs(tmp_path)] == order
    assert [folder.name for folder in run_folders((tmp_path / "reports" / "iris").iterdir())] == order


@pytest.mark.parametrize("content", ["", "{", "[]", "null", "{}"])
def test_a_damaged_outcome_hides_no_other(tmp_path: Path, content: str) -> None:
    for name in ("20260102-030405", "20260102-030406"):
        folder = tmp_path / "reports" / "iris" / name
        folder.mkdir(parents=True)
        write_outcome(folder / "run.json", {"run_id": name, "recipe": "iris"})
    (tmp_path / "reports" / "iris" / "20260102-030405" / "run.json").write_text(content)
    damaged, sound = list_runs(tmp_path)
    assert (damaged["run_id"], damaged["status"]) == ("20260102-030405", "failed")
    assert "20260102-030405/run.json is damaged" in damaged["message"]
    assert sound["run_id"] == "20260102-030406"


def test_a_path_that_sqlite_cannot_open_is_refused_at_once(tmp_path: Path) -> None:
    long = tmp_path.joinpath(*["d" * 100] * 6)
    with pytest.raises(ConfigError, match="a folder whose path has at most 480 bytes, since SQLite opens no file"):
        open_workspace(long)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "path",
    [
        *("/%00", "/reports/a%00/b/index.html", "/reports/%00/b/index.html", "/%ff", "/../x"),
        f"/reports/{'a' * 5000}/b/index.html",
    ],
)
def test_the_site_answers_any_path(tmp_path: Path, path: str) -> None:
    server = make_server(tmp_path, 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
        connection.request("GET", path)
        assert connection.getresponse().status == 404
    finally:
        server.shutdown()
        server.server_close()
    assert json.dumps(list_runs(tmp_path)) == "[]"
