"""Two hosts on one machine: network namespaces of Linux, each with an address of its own, and a cable between them.

The first host runs the command and Beam's job service, the second a pool of workers that the service reaches by its
address. What Beam tells workers to call back is the host's name, so the first one is named after its address.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tools.engines.clusters import START_SECONDS, process, worker_script
from tools.engines.jars import EngineMissing

FIRST, SECOND, POOL = "10.77.0.1", "10.77.0.2", 50000


@dataclass(frozen=True)
class Hosts:
    """Two hosts that see each other.

    Attributes:
      first, second: names of their namespaces.
      options: for ``run.beam`` of a command on the first, whose workers are on the second.
      log: of the pool of workers.
    """

    first: str
    second: str
    options: tuple[str, ...]
    log: Path

    def on_first(self, command: Sequence[str]) -> list[str]:
        """Returns what runs a command on the first host."""
        named = ["unshare", "--uts", "sh", "-c", f'hostname {FIRST} && exec "$@"', "sh"]
        return ["ip", "netns", "exec", self.first, *named, *command]

    def unplug(self) -> None:
        """Takes the cable out: nothing that one host sends arrives at the other."""
        _ip("-n", self.first, "link", "set", "cable", "down")

    def plug_in(self) -> None:
        """Puts the cable back."""
        _ip("-n", self.first, "link", "set", "cable", "up")


@contextmanager
def two_hosts(folder: Path) -> Iterator[Hosts]:
    """Makes two hosts with workers on the second, and removes them again.

    Raises:
      EngineMissing: this machine does not let us make network namespaces.
    """
    if not all(map(shutil.which, ("ip", "unshare"))) or os.geteuid() != 0:
        raise EngineMissing("two hosts: expected ip and unshare on the PATH, and to be root")
    first, second = f"kerasline-{os.getpid()}-1", f"kerasline-{os.getpid()}-2"
    log = folder / "pool.log"
    try:
        _connect(first, second)
        pool = ["-m", "apache_beam.runners.worker.worker_pool_main", "--service_port", str(POOL)]
        command = [sys.executable, *pool, "--container_executable", str(worker_script(folder))]
        with process(["ip", "netns", "exec", second, *command], log) as service:
            options = [
                *("--runner=PortableRunner", "--job_endpoint=embed"),
                *("--environment_type=EXTERNAL", f"--environment_config={SECOND}:{POOL}"),
            ]
            hosts = Hosts(first, second, tuple(options), log)
            _wait_for_pool(hosts, service)
            yield hosts
    finally:
        for name in (first, second):
            subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)


def _connect(first: str, second: str) -> None:
    for name in (first, second):
        _ip("netns", "add", name)
    _ip("link", "add", "cable", "netns", first, "type", "veth", "peer", "name", "cable", "netns", second)
    for name, address in ((first, FIRST), (second, SECOND)):
        _ip("-n", name, "address", "add", f"{address}/30", "dev", "cable")
        for device in ("lo", "cable"):
            _ip("-n", name, "link", "set", device, "up")


def _wait_for_pool(hosts: Hosts, service: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    look = f"import socket; socket.create_connection(('{SECOND}', {POOL}), 1)"
    while subprocess.run(hosts.on_first([sys.executable, "-c", look]), capture_output=True, check=False).returncode:
        if service.poll() is not None or time.monotonic() > deadline:
            raise EngineMissing(f"two hosts: the pool of workers does not answer; {hosts.log} has its words")
        time.sleep(0.2)


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise EngineMissing(f"two hosts: 'ip {' '.join(words)}' says: {done.stderr.strip()}")
