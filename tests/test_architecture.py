"""The one-way rule and the other laws of the tree, checked by reading every file's imports with ``ast``."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "kerasline"
PACKAGES = ("components", "pipeline")
OUTSIDE = ("tests", "notebooks", "benchmarks", "tools")
# What rooms of `components` may share. A leaf looks at leaves alone; a room looks at itself and at leaves.
LEAVES = {
    *(
        "alternatives",
        "artifacts",
        "child_process",
        "code_version",
        "column_options",
        "columns",
        "datasets",
        "engine",
        "engine_reach",
        "errors",
        "evaluated",
        "features",
    ),
    *(
        "fitting",
        "incumbent",
        "inputs",
        "intervals",
        "job_servers",
        "keras_file",
        "leaks",
        "metadata_url",
        "metrics",
        "models",
        "options",
    ),
    *(
        "outputs",
        "production",
        "progress",
        "refusals",
        "row_rules",
        "settings",
        "signatures",
        "slices",
        "tfma_metrics",
        "tolerance",
        "versions",
    ),
    "wording",
}
MODEL_LIBRARIES = {"keras", "numpy", "pydantic", "h5py"}
HEAVY = {
    *("tensorflow", "keras", "tfx", "tfx_bsl", "apache_beam", "tensorflow_transform", "ml_metadata", "kfp"),
    *("tensorflow_model_analysis", "tensorflow_data_validation", "tensorflow_metadata", "keras_tuner", "tf_keras"),
    *("pandas", "pyarrow", "sklearn", "scipy", "matplotlib", "jax", "torch"),
}
MOST_LINES = 400


def module_name(path: Path, root: Path) -> str:
    """``components/models/__init__.py`` is the module ``kerasline.components.models``."""
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def within(name: str) -> str:
    """``kerasline.components.models`` is the module ``components.models`` of the tree."""
    return name.removeprefix(f"{PACKAGE}.")


def module_path(name: str, root: Path) -> Path | None:
    """The file of a module of this project, or None for everything else."""
    base = root.joinpath(*name.removeprefix(f"{PACKAGE}.").split("."))
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)


def statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that run when the module is imported: not those in functions or behind TYPE_CHECKING."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.unparse(statement.test):
            yield from statements(statement.orelse)
        elif not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            for inner in ("body", "orelse", "finalbody"):
                yield from statements(getattr(statement, inner, []))
            for handler in getattr(statement, "handlers", []):
                yield from statements(handler.body)


@cache
def imports(path: Path, root: Path, at_import_only: bool = False) -> frozenset[str]:
    """The modules that a file imports, spelt out in full.

    Args:
        path: the file.
        root: the folder that module names start from.
        at_import_only: leave out what only functions and type checkers import.

    Returns:
        Dotted names within kerasline; ``from kerasline.components.datasets import idx`` gives
        ``components.datasets.idx`` if there is such a module, else ``components.datasets``.
    """
    tree = ast.parse(path.read_text(), filename=str(path))
    found: set[str] = set()
    for node in statements(tree.body) if at_import_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {within(alias.name) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = module_name(path, root).split(".")
            package = package if path.name == "__init__.py" else package[:-1]
            above = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f"{origin}.{alias.name}"
                found.add(within(inner if module_path(inner, root) else origin))
    return frozenset(found)


def closure(path: Path, root: Path) -> dict[str, list[str]]:
    """Everything that importing a file imports: each module's name with the chain of files that leads to it."""
    reached: dict[str, list[str]] = {}
    waiting = [(path, [module_name(path, root)])]
    while waiting:
        file, chain = waiting.pop()
        for name in imports(file, root, at_import_only=True):
            parts = name.split(".")
            for module in (".".join(parts[:end]) for end in range(1, len(parts) + 1)):
                if module in reached:
                    continue
                reached[module] = chain
                inner = module_path(module, root)
                if inner:
                    waiting.append((inner, [*chain, module]))
    return reached


def one_way_faults(root: Path) -> list[str]:
    """Every import that goes against ``notebooks -> pipeline -> components``."""
    forbidden = {"components": {"pipeline", *OUTSIDE}, "pipeline": set(OUTSIDE)}
    return [
        f"{path.relative_to(root)} imports {name}"
        for package in PACKAGES
        for path in sorted((root / package).rglob("*.py"))
        for name in sorted(imports(path, root))
        if name.split(".")[0] in forbidden[package]
    ]


def room_faults(root: Path) -> list[str]:
    """Every import within ``components`` of a room that is neither the importer's own nor a leaf."""
    faults = []
    for path in sorted((root / "components").rglob("*.py")):
        room = path.relative_to(root / "components").parts[0].removesuffix(".py")
        for name in sorted(imports(path, root)):
            package, _, rest = name.partition(".")
            if package == "components" and rest and rest.split(".")[0] not in {room, *LEAVES}:
                faults.append(f"{path.relative_to(root)} imports {name}")
    return faults


def model_faults(root: Path) -> list[str]:
    """Every library that a model family imports though it must build under any Keras backend."""
    allowed = {*sys.stdlib_module_names, *MODEL_LIBRARIES, "components"}
    return [
        f"{path.relative_to(root)} imports {name}"
        for path in sorted((root / "components" / "models").rglob("*.py"))
        for name in sorted(imports(path, root))
        if name.split(".")[0] not in allowed
    ]


def light_files(root: Path) -> list[Path]:
    """The files behind the commands that answer within a second."""
    options = [path for package in PACKAGES for path in (root / package).rglob("options.py")]
    datasets = list((root / "components" / "datasets").rglob("*.py"))
    doors = [root / "pipeline" / name for name in ("config.py", "cli.py", "doctor.py", "registry.py")]
    return sorted({*options, *datasets, *(path for path in doors if path.is_file())})


def heavy_imports(path: Path, root: Path) -> list[str]:
    """The heavy libraries that importing a file brings in, each with the way by which it does."""
    return [" -> ".join([*chain, name]) for name, chain in sorted(closure(path, root).items()) if name in HEAVY]


def source_files() -> list[Path]:
    """Every Python file of the project."""
    return sorted(path for folder in (*PACKAGES, *OUTSIDE, "requirements") for path in (ROOT / folder).rglob("*.py"))


def test_imports_go_one_way() -> None:
    assert one_way_faults(ROOT) == []


def test_rooms_use_only_leaves() -> None:
    assert room_faults(ROOT) == []


def test_models_import_keras_and_nothing_of_tensorflow() -> None:
    assert model_faults(ROOT) == []


@pytest.mark.parametrize("path", light_files(ROOT), ids=lambda path: module_name(path, ROOT))
def test_light_files_import_no_heavy_library(path: Path) -> None:
    assert heavy_imports(path, ROOT) == []


@pytest.mark.parametrize("path", source_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_files_can_be_read_in_one_sitting(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MOST_LINES


def write(root: Path, files: dict[str, str]) -> Path:
    """Makes a small tree to try the checks on."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_the_checks_see_a_step_back(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "components/__init__.py": "",
            "components/errors.py": "",
            "components/tuning.py": "def search():\n    from kerasline.pipeline import config\n",
            "components/training.py": "from kerasline.components import tuning, errors\n",
            "pipeline/__init__.py": "",
            "pipeline/config.py": "from . import graph\nimport kerasline.components.tuning\n",
            "pipeline/graph.py": "import benchmarks.overhead\n",
        },
    )
    assert one_way_faults(root) == [
        "components/tuning.py imports pipeline.config",
        "pipeline/graph.py imports benchmarks.overhead",
    ]
    assert room_faults(root) == ["components/training.py imports components.tuning"]


def test_the_checks_see_heavy_imports_through_other_files(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "components/__init__.py": "",
            "components/datasets/__init__.py": "from kerasline.components.datasets import csv\n",
            "components/datasets/csv.py": "def read():\n    import pandas\n",
            "components/models/__init__.py": "",
            "components/models/cnn.py": "import keras\nimport json\nfrom tensorflow import nn\n",
            "components/options.py": (
                "from typing import TYPE_CHECKING\n"
                "if TYPE_CHECKING:\n    import tfx\n"
                "try:\n    from kerasline.components.models.cnn import build\nexcept ImportError:\n    pass\n"
            ),
        },
    )
    assert heavy_imports(root / "components/datasets/__init__.py", root) == []
    assert heavy_imports(root / "components/options.py", root) == [
        "components.options -> components.models.cnn -> keras",
        "components.options -> components.models.cnn -> tensorflow",
    ]
    assert model_faults(root) == ["components/models/cnn.py imports tensorflow"]
