"""The one-way rule and the other laws of the tree, checked by reading every file's imports with ``ast``."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "kerasline"
PACKAGES = ("components", "pipeline")
OUTSIDE = ("tests", "notebooks", "benchmarks")
# The rooms from the ground up. A room uses those before it, each through its door: what its __init__.pyi lists.
ROOMS = (
    *("components.core.addresses", "components.core.machine", "components.core.measures", "components.core"),
    *("components.own_code", "components.beam"),
    *("components.models.description", "components.models.parts", "components.models"),
    *("components.datasets.databases", "components.datasets.values", "components.datasets.description"),
    *("components.datasets.remote", "components.datasets.files"),
    *("components.datasets.tables.csv", "components.datasets.tables.typed", "components.datasets.tables"),
    *("components.datasets.images", "components.datasets.arrays"),
    *("components.datasets.named", "components.datasets.splits", "components.datasets"),
    *("components.features",),
    *("components.fitting.settings", "components.fitting.rows", "components.fitting.watching"),
    *("components.fitting.places", "components.fitting"),
    *("components.evaluation", "components.registry", "components.signing", "components.example_gen"),
    *("components.leaks", "components.profiling.sampling", "components.profiling.guessing", "components.profiling"),
    *("components.validation.policy", "components.validation.samples", "components.validation.schema"),
    *("components.validation.checks", "components.validation"),
    *("components.transform", "components.tuning.space", "components.tuning.trials", "components.tuning"),
    *("components.training", "components.baseline"),
    *("components.explanations.showing", "components.explanations.inside", "components.explanations"),
    *("components.parity", "components.formats", "components.gating", "components.pushing"),
    *("components.prediction.reading", "components.prediction.answering", "components.prediction"),
    *("components.monitoring", "components.verdicts"),
    *("components.report.drawing", "components.report.diagnosis", "components.report.figures"),
    *("components.report.plots", "components.report"),
    *("pipeline.workspace", "pipeline.config.schedule", "pipeline.config", "pipeline.console", "pipeline.templates"),
    *("pipeline.models", "pipeline.plan", "pipeline.container", "pipeline.retraining"),
    *("pipeline.web", "pipeline.serving"),
    *("pipeline.reports", "pipeline.graph", "pipeline.runners", "pipeline.run"),
    *("pipeline.backtesting", "pipeline.learning_curves", "pipeline.cloud"),
    *("pipeline.cli.shared", "pipeline.cli.commands", "pipeline.cli"),
    *("pipeline.api", "pipeline.notebook"),
)
MODEL_LIBRARIES = {"keras", "keras_hub", "numpy", "pydantic", "h5py", "lazy_loader", "huggingface_hub", "kagglehub"}
HEAVY = {
    *("tensorflow", "keras", "tfx", "tfx_bsl", "apache_beam", "tensorflow_transform", "ml_metadata", "kfp"),
    *("tensorflow_model_analysis", "tensorflow_data_validation", "tensorflow_metadata", "keras_tuner", "tf_keras"),
    *("pandas", "pyarrow", "sklearn", "scipy", "matplotlib", "jax", "torch", "keras_hub", "tensorflow_text"),
}
MOST_LINES = 400
DOTTED = rf"{PACKAGE}\.(?:components|pipeline)(?:\.\w+)+"


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


@cache
def door(room: str, root: Path) -> dict[str, str]:
    """What a room's ``__init__.pyi`` lists: each name with the module that it stands in."""
    stub = root.joinpath(*room.split("."), "__init__.pyi")
    if not stub.is_file():
        return {}
    found = [node for node in ast.parse(stub.read_text()).body if isinstance(node, ast.ImportFrom)]
    return {alias.name: f"{room}.{node.module or alias.name}" for node in found for alias in node.names}


def behind_doors(path: Path, root: Path) -> set[str]:
    """The modules that load when a file is imported since it asks a room's door for a name."""
    nodes = statements(ast.parse(path.read_text()).body)
    asked = [node for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level]
    doors = [(door(within(str(node.module)), root), alias.name) for node in asked for alias in node.names]
    return {known[name] for known, name in doors if name in known}


def closure(path: Path, root: Path) -> dict[str, list[str]]:
    """Everything that importing a file imports: each module's name with the chain of files that leads to it."""
    reached: dict[str, list[str]] = {}
    waiting = [(path, [module_name(path, root)])]
    while waiting:
        file, chain = waiting.pop()
        for name in {*imports(file, root, at_import_only=True), *behind_doors(file, root)}:
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


def room_of(module: str) -> str | None:
    """The room that a module stands in: the longest one that its name begins with."""
    parts = module.split(".")
    return next((name for end in (4, 3, 2) if (name := ".".join(parts[:end])) in ROOMS), None)


def order_faults(root: Path) -> list[str]:
    """Every file without a room, and every import of a room that stands above the importer's."""
    faults = []
    for path in sorted(path for package in PACKAGES for path in (root / package).rglob("*.py")):
        own = room_of(module_name(path, root))
        if own is None and path.parent.name in PACKAGES and path.name == "__init__.py":
            continue
        if own is None:
            faults.append(f"{path.relative_to(root)} stands in no room")
            continue
        for name in sorted(imports(path, root)):
            room = room_of(name)
            if room and ROOMS.index(room) > ROOMS.index(own):
                faults.append(f"{path.relative_to(root)} imports {name}")
    return faults


def door_faults(root: Path) -> list[str]:
    """Every look past the door: an import of a module, or of a name that the room does not offer, by another room."""
    faults = []
    for path in sorted(path for package in (*PACKAGES, "benchmarks") for path in (root / package).rglob("*.py")):
        own = room_of(module_name(path, root))
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith(f"{PACKAGE}."):
                continue
            module = within(str(node.module))
            room = room_of(module)
            offered = door(module, root) if module == room else {}
            strange = [alias.name for alias in node.names if alias.name not in offered]
            if room not in (None, own) and module_path(str(room), root) and strange and is_package(str(room), root):
                faults.append(f"{path.relative_to(root)} takes {strange[0]} from {module}")
    return faults


def lost_names(root: Path) -> list[str]:
    """Every module that a file imports, or one of the packages names in a string, though it is not there (any more)."""
    faults = []
    for path in sorted(path for package in (*PACKAGES, *OUTSIDE) for path in (root / package).rglob("*.py")):
        # Tests name modules that they make up.
        in_a_package = path.relative_to(root).parts[0] in PACKAGES
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{PACKAGE}."):
                named, least = str(node.module), 0
            elif in_a_package and isinstance(node, ast.Constant) and re.fullmatch(DOTTED, str(node.value)):
                # What a string names may be a function, or an attribute of a class.
                named, least = node.value, 2
            else:
                continue
            if not leads_somewhere(named, least, root):
                faults.append(f"{path.relative_to(root)} names {named}")
    return faults


def leads_somewhere(named: str, most_attributes: int, root: Path) -> bool:
    """Whether a dotted name is that of a module, or of something that stands in one."""
    module, attributes = named, list[str]()
    while module and not module_path(module, root):
        module, _, last = module.rpartition(".")
        attributes = [last, *attributes]
    if not module or len(attributes) > most_attributes:
        return False
    if not attributes:
        return True
    offered = door(within(module), root) or str(module_path(module, root).read_text())
    return attributes[0] in offered


def is_package(name: str, root: Path) -> bool:
    """Whether a module is a folder."""
    return root.joinpath(*name.split("."), "__init__.py").is_file()


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
    doors = [
        root / "pipeline" / name
        for name in ("config/experiment.py", "cli/entry.py", "cli/commands/doctor.py", "models/commands.py")
    ]
    return sorted({*options, *datasets, *(path for path in doors if path.is_file())})


def heavy_imports(path: Path, root: Path) -> list[str]:
    """The heavy libraries that importing a file brings in, each with the way by which it does."""
    return [" -> ".join([*chain, name]) for name, chain in sorted(closure(path, root).items()) if name in HEAVY]


def source_files() -> list[Path]:
    """Every Python file of the project."""
    return sorted(path for folder in (*PACKAGES, *OUTSIDE, "requirements") for path in (ROOT / folder).rglob("*.py"))


def test_imports_go_one_way() -> None:
    assert one_way_faults(ROOT) == []


def test_rooms_stand_in_an_order_and_look_down_only() -> None:
    assert order_faults(ROOT) == []
    assert [room for room in ROOMS if module_path(room, ROOT) is None] == []


def test_names_of_modules_lead_somewhere() -> None:
    assert lost_names(ROOT) == []


def test_rooms_are_entered_by_their_doors() -> None:
    assert door_faults(ROOT) == []


@pytest.mark.parametrize("room", [room for room in ROOMS if is_package(room, ROOT)])
def test_a_door_offers_what_is_there_and_what_others_use(room: str) -> None:
    offered = door(room, ROOT)
    folder = ROOT.joinpath(*room.split("."))
    text = {
        path: path.read_text() for package in (*PACKAGES, PACKAGE, *OUTSIDE) for path in (ROOT / package).rglob("*.py")
    }
    outside = [words for path, words in text.items() if folder not in path.parents or "__init__" in path.name]
    for name, module in offered.items():
        file = module_path(module, ROOT)
        assert file is not None, f"{room} offers {name} of {module}, which is not there"
        assert module.endswith(f".{name}") or f"{name}" in file.read_text()
        assert any(name in words for words in outside), f"nobody uses {name} of {room}"


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
            "components/core/__init__.py": "",
            "components/core/__init__.pyi": "from .errors import ConfigError as ConfigError\n",
            "components/core/errors.py": "class ConfigError: ...\nfrom kerasline.components.tuning import x\n",
            "components/odd/thing.py": "",
            "components/tuning/__init__.py": "",
            "components/tuning/search.py": (
                "def search():\n    from kerasline.pipeline import config\n"
                "from kerasline.components.core import ConfigError, Unknown\n"
                "from kerasline.components.core.errors import ConfigError\n"
            ),
            "pipeline/config/__init__.py": "from . import graph\nimport kerasline.components.tuning\n",
            "pipeline/graph.py": "import benchmarks.overhead\n",
        },
    )
    assert one_way_faults(root) == [
        "components/tuning/search.py imports pipeline.config",
        "pipeline/graph.py imports benchmarks.overhead",
    ]
    assert order_faults(root) == [
        "components/core/errors.py imports components.tuning",
        "components/odd/thing.py stands in no room",
        "components/tuning/search.py imports pipeline.config",
    ]
    assert door_faults(root) == [
        "components/core/errors.py takes x from components.tuning",
        "components/tuning/search.py takes Unknown from components.core",
        "components/tuning/search.py takes ConfigError from components.core.errors",
    ]


def test_the_checks_see_heavy_imports_through_other_files(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "components/datasets/__init__.py": "from kerasline.components.datasets import csv\n",
            "components/datasets/csv.py": "def read():\n    import pandas\n",
            "components/models/__init__.py": "",
            "components/models/__init__.pyi": "from .cnn import build as build\n",
            "components/models/cnn.py": "import keras\nimport json\nfrom tensorflow import nn\n",
            "components/options.py": (
                "from typing import TYPE_CHECKING\n"
                "if TYPE_CHECKING:\n    import tfx\n"
                "try:\n    from kerasline.components.models import build\nexcept ImportError:\n    pass\n"
            ),
        },
    )
    assert heavy_imports(root / "components/datasets/__init__.py", root) == []
    assert heavy_imports(root / "components/options.py", root) == [
        "components.options -> components.models.cnn -> keras",
        "components.options -> components.models.cnn -> tensorflow",
    ]
    assert model_faults(root) == ["components/models/cnn.py imports tensorflow"]


def test_tests_stand_in_the_rooms_of_what_they_test() -> None:
    tests = ROOT / "tests" / "components"
    folders = [path.relative_to(tests) for path in tests.rglob("*") if path.is_dir() and path.name != "__pycache__"]
    assert [str(folder) for folder in folders if not (ROOT / "components" / folder).is_dir()] == []
    assert sorted(path.name for path in tests.glob("test_*.py")) == [], "a test of no room"
