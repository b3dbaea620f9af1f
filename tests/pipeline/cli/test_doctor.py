"""What ``kerasline doctor`` finds, on this machine and on ones that are not as they should be."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest

from kerasline.pipeline.cli.commands import doctor
from kerasline.pipeline.cli.commands.doctor import Check

GIB = 1024**3


@pytest.fixture
def kernel_files(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Stands in for /proc and /sys: a path that is not in the returned dict reads as empty."""
    files: dict[str, str] = {}
    monkeypatch.setattr(doctor, "_read", lambda path: files.get(path, ""))
    return files


def answer_with(monkeypatch: pytest.MonkeyPatch, facts: dict[str, Any], errors: dict[str, str]) -> None:
    """Makes the child process answer so."""
    monkeypatch.setattr(doctor, "ask_tensorflow", lambda: (facts, errors))


@pytest.mark.slow
def test_this_installation_is_sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.delenv("TF_USE_LEGACY_KERAS", raising=False)
    checks = {check.name: check for check in doctor.diagnose(tmp_path / "workspace")}
    assert list(checks) == [
        *("Python", "System", "Packages", "Processor", "Memory", "Disk", "Keras", "GPU", "TensorBoard"),
    ]
    for name in ("Python", "System", "Packages", "Keras", "TensorBoard"):
        assert checks[name].status == "ok", checks[name]
        assert checks[name].advice == ""
    assert checks["Keras"].found == "Keras 3.15.1 on tensorflow, TensorFlow 2.21.0"
    assert checks["Packages"].found.endswith("as in requirements/lock.txt")
    assert not (tmp_path / "workspace").exists(), "a diagnosis writes nothing"


@pytest.mark.slow
def test_the_child_reports_legacy_keras_and_unknown_backends(monkeypatch: pytest.MonkeyPatch) -> None:
    doctor.ask_tensorflow.cache_clear()
    monkeypatch.setenv("TF_USE_LEGACY_KERAS", "1")
    legacy = doctor.check_keras(Path())
    assert (legacy.status, legacy.advice) == ("fail", "unset TF_USE_LEGACY_KERAS in the environment")
    assert legacy.found.endswith("but tf.keras is the legacy tf_keras")

    doctor.ask_tensorflow.cache_clear()
    monkeypatch.delenv("TF_USE_LEGACY_KERAS")
    monkeypatch.setenv("KERAS_BACKEND", "theano")
    unknown = doctor.check_keras(Path())
    assert unknown.status == "fail" and "theano" in unknown.found
    assert unknown.advice == "unset KERAS_BACKEND, which is 'theano'"
    doctor.ask_tensorflow.cache_clear()


def test_a_child_that_crashes_or_hangs_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    doctor.ask_tensorflow.cache_clear()
    monkeypatch.setattr(doctor, "CHILD", "import os; os.abort()")
    facts, errors = doctor.ask_tensorflow()
    assert facts == {} and errors["keras"] == "importing TensorFlow ended with code -6: it said nothing"
    assert doctor.check_gpu(Path()).found == f"unknown: {errors['gpus']}"

    doctor.ask_tensorflow.cache_clear()
    monkeypatch.setattr(doctor, "CHILD", "import time; time.sleep(30)")
    monkeypatch.setattr(doctor, "CHILD_LIMIT_S", 0.2)
    assert doctor.ask_tensorflow()[1]["tensorboard"] == "importing TensorFlow took more than 0.2 s"
    doctor.ask_tensorflow.cache_clear()


def test_python_and_system_of_another_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    version = namedtuple("version", "major minor micro")(3, 12, 1)
    monkeypatch.setattr(doctor.sys, "version_info", version)
    monkeypatch.setattr(doctor.platform, "python_version", lambda: "3.12.1")
    assert doctor.check_python(Path()) == Check(
        "Python",
        "fail",
        f"3.12.1 at {sys.executable}",
        "kerasline is locked for Python 3.11; make the environment with make setup",
    )

    monkeypatch.setattr(doctor.platform, "libc_ver", lambda: ("glibc", "2.17"))
    old = doctor.check_system(Path())
    assert (old.status, old.found) == ("fail", "Linux x86_64, glibc 2.17")
    assert "2.28 or newer" in old.advice
    monkeypatch.setattr(doctor.platform, "libc_ver", lambda: ("", ""))
    assert doctor.check_system(Path()).found == "Linux x86_64, no glibc"
    monkeypatch.setattr(doctor.platform, "machine", lambda: "arm64")
    assert doctor.check_system(Path()).advice == "the lock's wheels need Linux on x86_64; use the Dockerfile"


def test_packages_that_differ_from_the_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = tmp_path / "lock.txt"
    monkeypatch.setattr(doctor, "LOCK", lock)
    assert doctor.check_packages(Path()).status == "warn"
    assert "without the project's requirements/lock.txt" in doctor.check_packages(Path()).found

    monkeypatch.setattr(doctor.metadata, "version", lambda name: {"keras": "3.15.1", "numpy": "1.0"}[name])
    lock.write_text("keras==3.15.1 \\\n    --hash=sha256:0\n    # via tfx\n")
    assert doctor.check_packages(Path()) == Check("Packages", "ok", "all 1 as in requirements/lock.txt")
    lock.write_text("keras==3.15.1\nnumpy==2.4.6\n")
    assert doctor.check_packages(Path()).found == "numpy 1.0 instead of 2.4.6"
    assert doctor.check_packages(Path()).status == "warn"

    def absent(name: str) -> str:
        raise doctor.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(doctor.metadata, "version", absent)
    lock.write_text("".join(f"p{number}==1\n" for number in range(7)))
    missing = doctor.check_packages(Path())
    assert missing == Check("Packages", "fail", "missing: p0, p1, p2, p3, p4 and 2 more", "run make setup")


def test_processor(kernel_files: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2})
    kernel_files["/proc/cpuinfo"] = "model name\t: A CPU\nflags\t\t: sse avx avx2\n\nmodel name\t: A CPU\n"
    assert doctor.check_processor(Path()) == Check("Processor", "ok", "3 cores, A CPU, avx avx2")
    kernel_files["/proc/cpuinfo"] = "model name\t: An old CPU\nflags\t\t: sse avx2x\n"
    old = doctor.check_processor(Path())
    assert (old.status, old.found) == ("fail", "3 cores, An old CPU, no AVX")


@pytest.mark.parametrize(("free_gib", "status"), [(1, "fail"), (3, "warn"), (8, "ok")])
def test_memory(kernel_files: dict[str, str], free_gib: int, status: str) -> None:
    kernel_files["/proc/meminfo"] = f"MemTotal: 1 kB\nMemAvailable:   {free_gib * 1024**2} kB\n"
    assert (doctor.check_memory(Path()).status, doctor.check_memory(Path()).found) == (status, f"{free_gib}.0 GiB free")


def test_memory_is_what_the_container_leaves(kernel_files: dict[str, str]) -> None:
    kernel_files["/proc/meminfo"] = f"MemAvailable: {64 * 1024**2} kB\n"
    kernel_files["/sys/fs/cgroup/memory.max"] = f"{4 * GIB}\n"
    kernel_files["/sys/fs/cgroup/memory.current"] = f"{2 * GIB}\n"
    assert doctor.check_memory(Path()).found == "2.0 GiB free"
    kernel_files["/sys/fs/cgroup/memory.max"] = "max\n"
    assert doctor.check_memory(Path()).found == "64.0 GiB free"


@pytest.mark.parametrize(("free_gib", "status"), [(0.1, "fail"), (2, "warn"), (50, "ok")])
def test_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_gib: float, status: str) -> None:
    usage = namedtuple("usage", "free")(int(free_gib * GIB))
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda folder: usage if folder == tmp_path else None)
    check = doctor.check_disk(tmp_path / "not" / "there")
    assert check.status == status
    assert check.found == f"{free_gib:.1f} GiB free at {tmp_path}/not/there"


def test_a_workspace_below_a_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    check = doctor.check_disk(tmp_path / "file")
    assert check == Check(
        "Disk", "fail", f"{tmp_path}/file cannot be written", "choose another folder with --workspace"
    )


def test_gpu(kernel_files: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    answer_with(monkeypatch, {"gpus": ["NVIDIA L4", "NVIDIA L4"]}, {})
    assert doctor.check_gpu(Path()) == Check("GPU", "ok", "NVIDIA L4, NVIDIA L4")
    answer_with(monkeypatch, {"gpus": []}, {})
    assert doctor.check_gpu(Path()).found == "none; training runs on the processor"
    kernel_files["/proc/driver/nvidia/version"] = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue\n"
    unseen = doctor.check_gpu(Path())
    assert (unseen.status, unseen.advice) == ("warn", "add the CUDA libraries: make setup GPU=1")
    assert unseen.found == "NVIDIA driver 550.54.15 is there, but TensorFlow sees no GPU"


def test_keras_on_another_backend_and_no_tensorboard(monkeypatch: pytest.MonkeyPatch) -> None:
    error = "ModuleNotFoundError: No module named 'tensorboard'"
    answer_with(monkeypatch, {"keras": ["3.15.1", "jax", "2.21.0", False]}, {"tensorboard": error})
    keras = doctor.check_keras(Path())
    assert (keras.status, keras.found) == ("warn", "Keras 3.15.1 on jax, TensorFlow 2.21.0")
    assert keras.advice.startswith("unset KERAS_BACKEND")
    board = doctor.check_tensorboard(Path())
    assert board == Check("TensorBoard", "fail", error, "run make setup; without it no tuning trial completes")


def test_importing_the_doctor_is_light() -> None:
    script = (
        "import sys, kerasline.pipeline.cli.commands.doctor\n"
        "print(sorted({'tensorflow', 'keras', 'tfx'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
