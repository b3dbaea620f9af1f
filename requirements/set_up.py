"""Makes the virtual environment that ``make setup`` promises, from the lock and nothing else.

Run by the Makefile with Python 3.11; needs only the standard library. Uses uv when it is on the PATH, else
pip. A stamp in the environment says what was installed, so that a second call returns at once; a set-up
that was cut short leaves a marker instead, and the next call makes the environment afresh (what was fetched
is still in the installer's cache).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EXTRAS = ("gpu", "jax", "onnx", "mlflow", "signing", "hub")
OLDEST_GLIBC = (2, 28)
NEEDED_DISK_GIB = {"lock": 5, "gpu": 7, "jax": 1, "onnx": 1, "mlflow": 1, "signing": 1, "hub": 1}
BUILD_TOOLS = ("setuptools", "wheel")
EXACT = ("--no-deps", "--require-hashes", "--no-build-isolation")


class SetupFailed(Exception):
    """Something that the user can put right; the message says how."""


def main() -> int:
    """Sets the environment up and returns the exit code."""
    parser = argparse.ArgumentParser(description="Makes the virtual environment from requirements/lock.txt.")
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv", help="where it goes (default: .venv)")
    for extra in EXTRAS:
        parser.add_argument(f"--{extra}", action="store_true", help=f"add requirements/{extra}.txt")
    options = parser.parse_args()
    try:
        set_up(options.venv.absolute(), [extra for extra in EXTRAS if getattr(options, extra)])
    except SetupFailed as error:
        print(f"make setup: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nmake setup: interrupted; the next call makes the environment afresh.", file=sys.stderr)
        return 130
    return 0


def set_up(venv: Path, wanted: list[str]) -> None:
    """Brings ``venv`` to the state of the lists, and does nothing when it is there already.

    Args:
        venv: the environment's folder; made when absent.
        wanted: extra lists (names in ``EXTRAS``) to install beside the lock; those installed before are kept.

    Raises:
        SetupFailed: when this machine cannot run the lock's wheels, or the installer failed.
    """
    stamp, marker, log = (venv / f"kerasline-setup.{end}" for end in ("json", "unfinished", "log"))
    before = json.loads(stamp.read_text()) if stamp.is_file() else {}
    unfinished = marker.read_text().split() if marker.exists() else []
    asked_for = {*wanted, *before.get("state", {}), *unfinished}
    names = ["lock", *(extra for extra in EXTRAS if extra in asked_for)]
    lists = {name: ROOT / "requirements" / f"{name}.txt" for name in names}
    state = {name: digest(path) for name, path in lists.items()} | {"setup.py": digest(ROOT / "setup.py")}
    moved = bool(before) and before["root"] != str(ROOT)
    fresh = marker.exists() or moved or not is_python_3_11(venv / "bin" / "python")
    if not fresh and before.get("state") == state and (venv / "bin" / "kerasline").is_file():
        return

    check_machine(venv, names if fresh else [])
    packages = sorted({name for path in lists.values() for name in pins(path)})
    uv = shutil.which("uv")
    print(f"Setting up {venv} with {'uv' if uv else 'pip'}, {len(packages)} packages:", flush=True)
    started = time.monotonic()
    if fresh:
        remove_environment(venv)
        venv.mkdir(parents=True)
    marker.write_text(" ".join(names))
    stamp.unlink(missing_ok=True)
    log.write_bytes(b"")
    tool = prepare(venv, fresh, uv, log)
    install = [*tool, "install", *(() if uv else ("--no-compile", "--progress-bar=off"))]
    # Three packages exist only as plain Python sources: the lock's own setuptools builds them, nothing
    # unpinned.
    tools = venv / "build-tools.txt"
    tools.write_text("".join(entry for name, entry in pins(lists["lock"]).items() if name in BUILD_TOOLS))
    run("build tools", [*install, *EXACT, "-r", str(tools)], log)
    files = [word for path in lists.values() for word in ("-r", str(path))]
    run("packages", [*install, *EXACT, *files], log, lambda: progress(venv, log, len(packages)))
    gone = sorted(set(before.get("packages", [])) - set(packages))
    if gone:
        run(
            f"removing {len(gone)} that left the lock",
            [*tool, "uninstall", *(() if uv else ("-y",)), *gone],
            log,
        )
    legacy = () if uv else ("--use-pep517",)
    run("kerasline itself", [*install, *legacy, "--no-deps", "--no-build-isolation", "-e", str(ROOT)], log)
    # Otherwise the first `import tfx` compiles some 9,000 files, one after the other. Packages also ship a
    # few files that are no valid Python 3.11, so the exit code says nothing.
    compiler = ["-m", "compileall", "-q", "-j", "0", "-x", "/tests?/", str(site_packages(venv))]
    run("bytecode", [str(venv / "bin" / "python"), *compiler], log, may_fail=True)

    missing = sorted(set(packages) - installed(venv))
    if missing:
        raise SetupFailed(f"{', '.join(missing)} did not arrive, though the installer reported success; see {log}.")
    stamp.write_text(json.dumps({"root": str(ROOT), "state": state, "packages": packages}, indent=1))
    marker.unlink()
    print(f"  ready after {time.monotonic() - started:.0f} s", flush=True)


def check_machine(venv: Path, names: list[str]) -> None:
    """Raises SetupFailed where the wheels cannot run (system, Python, glibc) or the disk is full."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        found = f"{platform.system()} on {platform.machine()}"
        raise SetupFailed(f"the lock's wheels need Linux on x86_64, this is {found}; use the Dockerfile instead.")
    if sys.version_info[:2] != (3, 11):
        found = platform.python_version()
        raise SetupFailed(f"Python 3.11 is needed, this is {found}; give it as make PYTHON=/path/to/python3.11 setup.")
    library, version = platform.libc_ver()
    if library != "glibc" or tuple(int(number) for number in re.findall(r"\d+", version)[:2]) < OLDEST_GLIBC:
        oldest = ".".join(str(number) for number in OLDEST_GLIBC)
        found = f"{library} {version}".strip() or "another C library"
        raise SetupFailed(
            f"glibc {oldest} or newer is needed (Debian 10, Ubuntu 20.04, RHEL 8), this is {found}; use the Dockerfile."
        )
    needed = sum(NEEDED_DISK_GIB[name] for name in names)
    free = shutil.disk_usage(next(path for path in venv.parents if path.exists())).free / 1024**3
    if free < needed:
        raise SetupFailed(f"about {needed} GiB are needed in {venv.parent}, {free:.1f} are free; make room, try again.")


def remove_environment(venv: Path) -> None:
    """Removes an environment that is unfinished, broken or of another Python, and no other folder."""
    if not venv.exists():
        return
    if any(venv.iterdir()) and not ((venv / "pyvenv.cfg").exists() or list(venv.glob("kerasline-setup.*"))):
        raise SetupFailed(f"{venv} exists and is no virtual environment; move it away and try again.")
    shutil.rmtree(venv)


def prepare(venv: Path, fresh: bool, uv: str | None, log: Path) -> list[str]:
    """Makes the empty environment when it is to be fresh; returns the words that start its installer."""
    python = str(venv / "bin" / "python")
    if uv:
        if fresh:
            run(
                "environment",
                [uv, "venv", "-q", "--allow-existing", "--python", sys.executable, str(venv)],
                log,
            )
            # uv needs no pip, but people look for one, and TFX packages the module files of its examples with it.
            run("pip", [python, "-m", "ensurepip"], log, may_fail=True)
        os.environ["VIRTUAL_ENV"] = str(venv)
        return [uv, "pip"]
    hint = "On Debian and Ubuntu the module venv has a package of its own: apt install python3.11-venv."
    if fresh:
        run("environment", [sys.executable, "-m", "venv", str(venv)], log, hint=hint)
    if not (site_packages(venv) / "pip").is_dir():
        run("pip", [python, "-m", "ensurepip"], log, hint=hint)
    return [python, "-m", "pip"]


def run(
    title: str,
    command: list[str],
    log: Path,
    describe: Callable[[], str] | None = None,
    hint: str = "",
    may_fail: bool = False,
) -> None:
    """Runs one command with its output in ``log``, and shows its title, its progress and its seconds.

    Args:
        title: what the user reads.
        command: the words of the command.
        log: gets stdout and stderr, after what is there already.
        describe: says how far the command is; asked twice a second on a terminal, every 15 s elsewhere.
        hint: what to do when it fails, if more is known than "see the log".
        may_fail: whether another exit code than 0 is no error.

    Raises:
        SetupFailed: when the command returns another code than 0.
    """
    started = shown = time.monotonic()
    live = sys.stdout.isatty()
    interval_s, before, after = (0.5, "\r\033[K", "") if live else (15.0, "", "\n")
    if live:
        print(f"  {title} ...", end="", flush=True)
    variables = os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
    with log.open("ab") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=variables)
        try:
            while process.poll() is None:
                time.sleep(0.1)
                now = time.monotonic()
                if describe and now - shown > interval_s:
                    shown = now
                    print(f"{before}  {title}: {describe()}, {now - started:.0f} s", end=after, flush=True)
        except KeyboardInterrupt:
            process.terminate()
            process.wait()
            raise
    print(f"{before}  {title}: {time.monotonic() - started:.0f} s", flush=True)
    if process.returncode and not may_fail:
        lines = [line[:300] for line in log.read_text(errors="replace").splitlines() if line.strip()]
        print("\n".join(f"    {line}" for line in lines[-12:]), file=sys.stderr)
        raise SetupFailed(f"the step {title!r} failed; the lines above are the end of {log}. {hint}".strip())


def progress(venv: Path, log: Path, total: int) -> str:
    """How far the installer is: it fetches everything before it puts the first package in place."""
    fetched = log.read_text(errors="replace").count("\nCollecting ")
    in_place = min(len(installed(venv)), total)
    if in_place > len(BUILD_TOOLS) + 2 or not fetched:
        return f"{in_place} of {total} in place"
    return f"{fetched} of {total} fetched"


def digest(path: Path) -> str:
    """The SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def pins(path: Path) -> dict[str, str]:
    """The entries of a list: from a package's name to its text, hashes included."""
    entries = re.split(r"(?m)^(?=[A-Za-z0-9])", path.read_text())
    return {entry.split("==")[0].split("[")[0]: entry for entry in entries if "==" in entry.split("\n")[0]}


def site_packages(venv: Path) -> Path:
    """The folder that packages are installed into."""
    return venv / "lib" / "python3.11" / "site-packages"


def installed(venv: Path) -> set[str]:
    """The names of the packages in an environment, spelt as in the lists."""
    folders = site_packages(venv).glob("*.dist-info")
    return {re.sub(r"[-_.]+", "-", folder.name.split("-")[0]).lower() for folder in folders}


def is_python_3_11(python: Path) -> bool:
    """Whether an interpreter is there, starts (what it links to may be gone) and is a Python 3.11."""
    test = "import sys; sys.exit(sys.version_info[:2] != (3, 11))"
    try:
        return subprocess.run([str(python), "-c", test], capture_output=True, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


if __name__ == "__main__":
    sys.exit(main())
