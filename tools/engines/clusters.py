"""Starts an engine on this machine, gives the options that lead Beam to it, and ends all of it again."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from tools.engines.jars import Engine, EngineMissing

START_SECONDS = 120.0
# What the engines reach into, and Java 17 keeps closed.
_OPENED = ("java.lang", "java.lang.invoke", "java.lang.reflect", "java.io", "java.net", "java.nio", "java.util")
_OPENED_TOO = ("java.util.concurrent", "java.util.concurrent.atomic", "sun.nio.ch", "sun.nio.cs", "sun.util.calendar")
OPEN = [f"--add-opens=java.base/{name}=ALL-UNNAMED" for name in (*_OPENED, *_OPENED_TOO)]
LOOPBACK = "--environment_type=LOOPBACK"
ROOT = Path(__file__).resolve().parents[2]
_FLINK = "org.apache.flink.runtime"
_SPARK = "org.apache.spark.deploy"


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_for_port(port: int, processes: Sequence[subprocess.Popen[bytes]], log: Path) -> None:
    """Waits until a port of this machine answers.

    Raises:
      EngineMissing: a process ended before, or nothing answers in time; with the end of the log.
    """
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and all(process.poll() is None for process in processes):
        with socket.socket() as connection:
            connection.settimeout(1)
            if connection.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    raise EngineMissing(f"nothing answers at port {port}; {log} ends with: {log.read_text()[-800:]}")


@contextmanager
def process(
    command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Runs a command beside this one, and ends it, with whatever it started, when the block ends."""
    with log.open("ab") as file:
        started = subprocess.Popen(
            command, stdout=file, stderr=file, start_new_session=True, env={**os.environ, **(environment or {})}
        )
    try:
        yield started
    finally:
        for signal in (15, 9):
            try:
                os.killpg(started.pid, signal)
                started.wait(15)
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                continue
        started.wait()


def worker_processes(folder: Path) -> list[str]:
    """Options for workers that each machine of an engine starts as processes of its own, with this Python.

    Workers within the process that submits (LOOPBACK) have the same names for every machine, so that one machine ends
    another's.
    """
    return ["--environment_type=PROCESS", f"--environment_config={json.dumps({'command': str(worker_script(folder))})}"]


def worker_script(folder: Path) -> Path:
    """Writes the program that starts a worker as Beam's own images do, with this Python."""
    script = folder / "worker.sh"
    script.write_text(f'#!/bin/sh\ncd /\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m tools.engines.worker "$@"\n')
    script.chmod(0o755)
    return script


@contextmanager
def local_service(folder: Path) -> Iterator[tuple[list[str], subprocess.Popen[bytes]]]:
    """Beam's own job service, whose workers are processes of their own; gives the options, and its process."""
    port, log = free_port(), folder / "service.log"
    module = "apache_beam.runners.portability.local_job_service_main"
    with process([sys.executable, "-m", module, "--port", str(port)], log) as service:
        wait_for_port(port, [service], log)
        worker = f"{sys.executable} -m apache_beam.runners.worker.sdk_worker_main"
        options = [
            *("--runner=PortableRunner", f"--job_endpoint=localhost:{port}"),
            *("--environment_type=beam:env:harness_subprocess_python:v1", f"--environment_config={worker}"),
        ]
        yield options, service


@contextmanager
def job_server(engine: Engine, master: str, folder: Path) -> Iterator[tuple[list[str], subprocess.Popen[bytes]]]:
    """A job server of Flink or Spark that stays; gives the options, and its process."""
    port, log = free_port(), folder / f"{engine.name}-job-server.log"
    word = {"flink": "--flink-master", "spark": "--spark-master-url"}[engine.name]
    ports = ["--job-port", str(port), "--artifact-port", "0", "--expansion-port", "0"]
    command = ["java", *OPEN, "-jar", engine.server, word, master, *ports, "--artifacts-dir", str(folder / "staged")]
    with process(command, log) as server:
        wait_for_port(port, [server], log)
        yield ["--runner=PortableRunner", f"--job_endpoint=localhost:{port}", LOOPBACK], server


@contextmanager
def flink(engine: Engine, folder: Path) -> Iterator[list[str]]:
    """Flink within the job server that each step starts."""
    yield ["--runner=FlinkRunner", "--flink_master=[local]", f"--flink_job_server_jar={engine.server}"]


@contextmanager
def flink_cluster(engine: Engine, folder: Path, managers: int = 2) -> Iterator[list[str]]:
    """A session cluster of Flink: a job manager, and task managers of one slot each."""
    rest, rpc, log = free_port(), free_port(), folder / "flink-cluster.log"
    settings = {
        "jobmanager.rpc.address": "localhost", "jobmanager.rpc.port": rpc, "rest.port": rest,
        "rest.address": "localhost", "taskmanager.host": "localhost", "taskmanager.bind-host": "localhost",
        "taskmanager.numberOfTaskSlots": 1, "taskmanager.cpu.cores": 1,
        "taskmanager.memory.task.heap.size": "1g", "taskmanager.memory.task.off-heap.size": "128m",
        "taskmanager.memory.network.min": "512m", "taskmanager.memory.network.max": "512m",
        "taskmanager.memory.managed.size": "256m", "taskmanager.memory.framework.heap.size": "128m",
        "taskmanager.memory.framework.off-heap.size": "128m", "taskmanager.memory.jvm-metaspace.size": "256m",
        "taskmanager.memory.jvm-overhead.min": "192m", "taskmanager.memory.jvm-overhead.max": "192m",
        "parallelism.default": managers,
        "io.tmp.dirs": str(folder),
    }  # fmt: skip
    (folder / "config.yaml").write_text("".join(f"{name}: {value}\n" for name, value in settings.items()))
    java = ["java", *OPEN, "-cp", f"{engine.jars}/*"]
    main = f"{_FLINK}.entrypoint.StandaloneSessionClusterEntrypoint"
    with ExitStack() as stack:
        command = [*java, "-Xmx1g", main, "--configDir", str(folder)]
        processes = [stack.enter_context(process(command, log))]
        wait_for_port(rest, processes, log)
        worker = [*java, "-Xmx1536m", f"{_FLINK}.taskexecutor.TaskManagerRunner", "--configDir", str(folder)]
        for number in range(managers):
            processes.append(stack.enter_context(process(worker, folder / f"flink-manager-{number}.log")))
        yield [
            *("--runner=FlinkRunner", f"--flink_master=localhost:{rest}", f"--parallelism={managers}"),
            *(f"--flink_job_server_jar={engine.server}", *worker_processes(folder)),
        ]


@contextmanager
def spark(engine: Engine, folder: Path) -> Iterator[list[str]]:
    """Spark within the job server."""
    yield ["--runner=SparkRunner", "--spark_master_url=local[2]", f"--spark_job_server_jar={engine.server}"]


@contextmanager
def spark_cluster(engine: Engine, folder: Path, workers: int = 2) -> Iterator[list[str]]:
    """A standalone master of Spark, and workers of one core each."""
    port, log, home = free_port(), folder / "spark-master.log", folder / "home"
    home.mkdir(exist_ok=True)
    if not (home / "jars").exists():
        (home / "jars").symlink_to(engine.jars)
    environment = {"SPARK_HOME": str(home), "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_SCALA_VERSION": "2.12"}
    java = ["java", *OPEN, "-Xmx512m", "-cp", f"{engine.jars}/*"]
    address = f"spark://localhost:{port}"
    with ExitStack() as stack:
        place = ["--host", "localhost", "--port", str(port), "--webui-port", "0"]
        master = stack.enter_context(process([*java, f"{_SPARK}.master.Master", *place], log, environment))
        wait_for_port(port, [master], log)
        size = ["--cores", "1", "--memory", "1536m", "--webui-port", "0", "--host", "localhost"]
        command = [*java, f"{_SPARK}.worker.Worker", *size, "--work-dir", str(folder / "work"), address]
        for number in range(workers):
            stack.enter_context(process(command, folder / f"spark-worker-{number}.log", environment))
        yield [
            *("--runner=SparkRunner", f"--spark_master_url={address}"),
            *(f"--spark_job_server_jar={engine.server}", *worker_processes(folder)),
        ]


# By name: which engine it needs, and what starts it.
KINDS: dict[str, tuple[str, Callable[[Engine, Path], AbstractContextManager[list[str]]]]] = {
    "flink": ("flink", flink),
    "flink-cluster": ("flink", flink_cluster),
    "spark": ("spark", spark),
    "spark-cluster": ("spark", spark_cluster),
}
