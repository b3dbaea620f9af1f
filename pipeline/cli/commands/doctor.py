"""What ``kerasline doctor`` looks at: whether this machine and this installation can run a pipeline.

Nothing here prints, and nothing here imports TensorFlow: a child process does, so that a broken driver or a
wrong wheel ends the child and not the command.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

Status = Literal["ok", "warn", "fail"]

LOCK = Path(__file__).resolve().parents[3] / "requirements" / "lock.txt"
OLDEST_GLIBC = (2, 28)
GIB = 1024**3
CHILD_LIMIT_S = 180
# Marks the child's answer among whatever else libraries write to stdout.
ANSWER = "kerasline-doctor:"
CHILD = f"""
import json

def ask(part, question):
    try:
        facts[part] = question()
    except Exception as error:
        errors[part] = f"{{type(error).__name__}}: {{error}}"

def gpus():
    import tensorflow as tf
    devices = tf.config.list_physical_devices("GPU")
    return [tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name) for gpu in devices]

def keras():
    import keras, tensorflow as tf
    return [keras.__version__, keras.backend.backend(), tf.__version__, tf.keras.Model is not keras.Model]

def tensorboard():
    from tensorboard.plugins.hparams import api
    return True

facts, errors = {{}}, {{}}
ask("gpus", gpus)
ask("keras", keras)
ask("tensorboard", tensorboard)
print("{ANSWER}" + json.dumps([facts, errors]))
"""


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
      name: what it is.
      status: ``ok``; ``warn``, which a run survives; or ``fail``, which it does not.
      found: what there is.
      advice: what to do; empty when all is well.
    """

    name: str
    status: Status
    found: str
    advice: str = ""


def diagnose(workspace: Path = Path("workspace")) -> list[Check]:
    """Looks at everything in ``CHECKS``; takes some ten seconds, most of them for importing TensorFlow.

    Args:
      workspace: the folder that runs would write to; it need not exist.

    Returns:
      A result for each check, in the order of ``CHECKS``.
    """
    ask_tensorflow.cache_clear()
    return [check(workspace) for check in CHECKS.values()]


def check_python(_: Path) -> Check:
    """The interpreter: 3.11, the one Python that the lock is for."""
    found = f"{platform.python_version()} at {sys.executable}"
    if sys.version_info[:2] == (3, 11):
        return Check("Python", "ok", found)
    return Check("Python", "fail", found, "kerasline is locked for Python 3.11; make the environment with make setup")


def check_system(_: Path) -> Check:
    """The system and its C library: what the wheels were built for."""
    library, version = platform.libc_ver()
    found = f"{platform.system()} {platform.machine()}, {library or 'no glibc'} {version}".strip()
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        return Check("System", "fail", found, "the lock's wheels need Linux on x86_64; use the Dockerfile")
    if library != "glibc" or tuple(int(part) for part in re.findall(r"\d+", version)[:2]) < OLDEST_GLIBC:
        return Check("System", "fail", found, "the lock's wheels need glibc 2.28 or newer; use the Dockerfile")
    return Check("System", "ok", found)


def check_packages(_: Path) -> Check:
    """The installed packages, against the lock beside the project."""
    if not LOCK.is_file():
        found = "installed without the project's requirements/lock.txt, so versions cannot be compared"
        return Check("Packages", "warn", found, "compare with requirements/lock.txt of the release, or use make setup")
    locked = dict(re.findall(r"(?m)^([A-Za-z0-9._-]+)==(\S+)", LOCK.read_text(encoding="utf-8")))
    missing, others = [], []
    for name, version in locked.items():
        try:
            installed = metadata.version(name)
        except metadata.PackageNotFoundError:
            missing.append(name)
        else:
            if installed != version:
                others.append(f"{name} {installed} instead of {version}")
    if missing:
        return Check("Packages", "fail", f"missing: {_first(missing)}", "run make setup")
    if others:
        return Check("Packages", "warn", _first(others), "run make setup, unless you changed them on purpose")
    return Check("Packages", "ok", f"all {len(locked)} as in requirements/lock.txt")


def check_processor(_: Path) -> Check:
    """The cores that this process may use, and the instructions that TensorFlow's wheel is built with."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    information = _read("/proc/cpuinfo")
    model = re.search(r"(?m)^model name\s*:\s*(.+)$", information)
    flags = set(" ".join(re.findall(r"(?m)^flags\s*:\s*(.+)$", information)[:1]).split())
    useful = [flag for flag in ("avx", "avx2", "fma", "avx512f", "amx_tile") if flag in flags]
    found = f"{cores} cores, {model[1].strip() if model else 'unknown model'}, {' '.join(useful) or 'no AVX'}"
    if flags and "avx" not in flags:
        return Check(
            "Processor", "fail", found, "TensorFlow's wheel needs AVX; use another machine or virtual CPU type"
        )
    return Check("Processor", "ok", found)


def check_memory(_: Path) -> Check:
    """The memory that is free, within the container's limit if there is one."""
    line = re.search(r"(?m)^MemAvailable:\s+(\d+) kB", _read("/proc/meminfo"))
    if not line:
        return Check("Memory", "warn", "unknown: /proc/meminfo says nothing", "leave at least 4 GiB free")
    free_bytes = int(line[1]) * 1024
    limit, used = _read("/sys/fs/cgroup/memory.max").strip(), _read("/sys/fs/cgroup/memory.current").strip()
    if limit.isdigit() and used.isdigit():
        free_bytes = min(free_bytes, int(limit) - int(used))
    found = f"{free_bytes / GIB:.1f} GiB free"
    if free_bytes < 1.5 * GIB:
        return Check(
            "Memory", "fail", found, "importing TFX alone takes 1.1 GiB; close something or use a larger machine"
        )
    if free_bytes < 4 * GIB:
        return Check("Memory", "warn", found, "4 GiB are enough for the shipped recipes; larger data needs more")
    return Check("Memory", "ok", found)


def check_disk(workspace: Path) -> Check:
    """The room for a workspace, and whether it can be written."""
    place = workspace.expanduser().absolute()
    nearest = next(folder for folder in (place, *place.parents) if folder.exists())
    free_bytes = shutil.disk_usage(nearest).free
    found = f"{free_bytes / GIB:.1f} GiB free at {place}"
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        return Check("Disk", "fail", f"{nearest} cannot be written", "choose another folder with --workspace")
    if free_bytes < 0.5 * GIB:
        return Check("Disk", "fail", found, "make room, or choose another folder with --workspace")
    if free_bytes < 3 * GIB:
        return Check("Disk", "warn", found, "a workspace keeps the artifacts of every run; make room before long")
    return Check("Disk", "ok", found)


def check_keras(_: Path) -> Check:
    """Keras 3 on TensorFlow, and nobody has switched to the legacy tf_keras."""
    facts, errors = ask_tensorflow()
    choice = os.environ.get("KERAS_BACKEND", "tensorflow")
    if "keras" not in facts:
        advice = "run make setup" if choice == "tensorflow" else f"unset KERAS_BACKEND, which is {choice!r}"
        return Check("Keras", "fail", errors["keras"], advice)
    version, backend, tensorflow, legacy = facts["keras"]
    found = f"Keras {version} on {backend}, TensorFlow {tensorflow}"
    if legacy:
        found += ", but tf.keras is the legacy tf_keras"
        return Check("Keras", "fail", found, "unset TF_USE_LEGACY_KERAS in the environment")
    if backend != "tensorflow":
        advice = "unset KERAS_BACKEND or edit ~/.keras/keras.json; a recipe chooses with training.backend"
        return Check("Keras", "warn", found, advice)
    return Check("Keras", "ok", found)


def check_gpu(_: Path) -> Check:
    """The GPUs that TensorFlow sees, and the one that it does not see though its driver is there."""
    facts, errors = ask_tensorflow()
    if "gpus" not in facts:
        return Check("GPU", "warn", f"unknown: {errors['gpus']}", "put the installation right first")
    if facts["gpus"]:
        return Check("GPU", "ok", ", ".join(facts["gpus"]))
    driver = re.search(r"Kernel Module(?: for \S+)?\s+([\d.]+)", _read("/proc/driver/nvidia/version"))
    if driver:
        found = f"NVIDIA driver {driver[1]} is there, but TensorFlow sees no GPU"
        return Check("GPU", "warn", found, "add the CUDA libraries: make setup GPU=1")
    return Check("GPU", "ok", "none; training runs on the processor")


def check_tensorboard(_: Path) -> Check:
    """TensorBoard, which KerasTuner imports in every trial: without it every trial fails."""
    facts, errors = ask_tensorflow()
    if "tensorboard" not in facts:
        advice = "run make setup; without it no tuning trial completes"
        return Check("TensorBoard", "fail", errors["tensorboard"], advice)
    return Check("TensorBoard", "ok", f"importable, {metadata.version('tensorboard')}")


CHECKS: dict[str, Callable[[Path], Check]] = {
    "python": check_python,
    "system": check_system,
    "packages": check_packages,
    "processor": check_processor,
    "memory": check_memory,
    "disk": check_disk,
    "keras": check_keras,
    "gpu": check_gpu,
    "tensorboard": check_tensorboard,
}


@cache
def ask_tensorflow() -> tuple[dict[str, Any], dict[str, str]]:
    """Imports TensorFlow, Keras and TensorBoard in a child process.

    Returns:
      What was learnt, by part: ``gpus`` (their names), ``keras`` (version, backend, TensorFlow's version,
      whether tf.keras is the legacy one) and ``tensorboard``; and for each part that failed, the error.
    """
    command = [sys.executable, "-c", CHILD]
    variables = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    try:
        child = subprocess.run(command, capture_output=True, text=True, timeout=CHILD_LIMIT_S, env=variables)
    except subprocess.TimeoutExpired:
        error = f"importing TensorFlow took more than {CHILD_LIMIT_S} s"
    else:
        answers = [line for line in child.stdout.splitlines() if line.startswith(ANSWER)]
        if answers:
            facts, errors = json.loads(answers[-1].removeprefix(ANSWER))
            return facts, errors
        last = (child.stderr.strip().splitlines() or ["it said nothing"])[-1]
        error = f"importing TensorFlow ended with code {child.returncode}: {last[:200]}"
    return {}, dict.fromkeys(("gpus", "keras", "tensorboard"), error)


def _first(items: list[str]) -> str:
    """The first five, and how many more there are."""
    return ", ".join(items[:5]) + (f" and {len(items) - 5} more" if len(items) > 5 else "")


def _read(path: str) -> str:
    """A file of the kernel's, or nothing where the kernel has none."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
