"""``python -m tools.kubeflow CHECKOUT``: builds Kubeflow's own driver and launcher, with which a test runs a spec.

CHECKOUT is a folder with the sources of kubeflow/pipelines, such as ``git clone`` makes; nothing in it is changed. The
programs go to ``$KERASLINE_KUBEFLOW``, or ``~/.cache/kerasline/kubeflow``, and never into this project. That needs Go,
as new as the checkout's ``go.mod`` says, and a proxy that has the modules which it requires. One that has not the
version of a module may have another: ``--replace github.com/argoproj/argo-workflows/v4=v4.0.5``.

A published module is not enough: ``go install PATH@VERSION`` refuses a module whose ``go.mod`` replaces others, and
this one replaces its own parts by folders beside them, which do not come with it.

How far that goes: ``tests/end_to_end/test_kubeflow_originals.py`` runs both as pods do, each in a root folder of its
own, on the real ML Metadata and on small stand-ins (``kubeflow_services.py`` and ``kubeflow_cache.py`` there) for what
they ask of Kubernetes' API, of MinIO and of the cache of tasks. What Argo does (run tasks in their order, and one anew
that was killed) and what Kubernetes makes of variables in a command, the test does. Kubeflow's API server, its compiler
of workflows, Argo and a cluster have no part in it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

VARIABLE = "KERASLINE_KUBEFLOW"
PROGRAMS = ("driver", "launcher-v2")
_MODULE = "github.com/kubeflow/pipelines"
_COMMANDS = "./backend/src/v2/cmd"


class BuildFailed(Exception):
    """The programs cannot be built; the message says why."""


def programs_folder() -> Path:
    """The folder that the programs are built into and found in."""
    given = os.environ.get(VARIABLE)
    return Path(given).expanduser() if given else Path.home() / ".cache" / "kerasline" / "kubeflow"


def are_there() -> bool:
    """Says whether both programs have been built."""
    try:
        return all((programs_folder() / name).is_file() for name in PROGRAMS)
    except RuntimeError:  # a user without a home
        return False


def build(checkout: Path, folder: Path, replaced: Sequence[str] = ()) -> None:
    """Builds both programs.

    Args:
      checkout: the sources of kubeflow/pipelines.
      folder: for the programs.
      replaced: modules that are taken in another version, as ``MODULE=VERSION``.

    Raises:
      BuildFailed: Go is not there, the folder has other sources, or Go says why it cannot build them.
    """
    if shutil.which("go") is None:
        raise BuildFailed("expected go on the PATH, found none; install Go")
    if not (checkout / "go.mod").is_file() or not (checkout / _COMMANDS).is_dir():
        raise BuildFailed(f"expected the sources of kubeflow/pipelines in {checkout}, with go.mod and {_COMMANDS}")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="kubeflow-") as own:
        # Of a module file that lies elsewhere, Go still looks for folders from the checkout.
        modules = Path(own, "go.mod")
        for name in ("go.mod", "go.sum"):
            shutil.copyfile(checkout / name, modules.with_name(name))
        words = [f"-replace={given}" for given in (*own_parts(checkout), *_as_replacements(replaced))]
        _go(checkout, "mod", "edit", *words, str(modules))
        commands = [f"{_COMMANDS}/{name}" for name in PROGRAMS]
        _go(checkout, "build", f"-modfile={modules}", "-mod=mod", "-o", f"{folder}/", *commands)


def own_parts(checkout: Path) -> list[str]:
    """Lists the modules of Kubeflow's within a checkout, each with its folder, for ``go mod edit -replace``."""
    found = []
    for file in sorted(checkout.rglob("go.mod")):
        name, folder = _name_of(file), file.parent.relative_to(checkout).as_posix()
        if name.startswith(f"{_MODULE}/"):
            found.append(f"{name}=./{folder}")
    return found


def _name_of(file: Path) -> str:
    lines = [line.split() for line in file.read_text(encoding="utf-8").splitlines()]
    return next((words[1] for words in lines if len(words) > 1 and words[0] == "module"), "")


def _as_replacements(replaced: Sequence[str]) -> list[str]:
    wanted = []
    for text in replaced:
        name, sign, version = text.partition("=")
        if not sign or not version:
            raise BuildFailed(f"--replace: expected MODULE=VERSION, got {text!r}")
        wanted.append(f"{name}={name}@{version}")
    return wanted


def _go(checkout: Path, *words: str) -> None:
    done = subprocess.run(["go", *words], cwd=checkout, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildFailed(f"go {words[0]} ended with {done.returncode}:\n{done.stderr[-2000:]}")


def main() -> int:
    """Does what the command says; 0, or 1 where the programs cannot be built."""
    parser = argparse.ArgumentParser(prog="python -m tools.kubeflow", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("checkout", type=Path, help="a folder with the sources of kubeflow/pipelines")
    parser.add_argument("--replace", action="append", default=[], metavar="MODULE=VERSION", help="take another version")
    options = parser.parse_args()
    try:
        build(options.checkout.resolve(), programs_folder(), options.replace)
    except BuildFailed as error:
        print(f"kubeflow: {error}", file=sys.stderr)
        return 1
    print(f"{' and '.join(PROGRAMS)} are in {programs_folder()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
