"""The hash of the code behind a step: changes when that code does, and only then."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from kerasline.components.core.machine import code_hash as module
from kerasline.components.core.machine.code_state import code_state, take_code_state
from tests.components.core.code_versions import version

pytestmark = pytest.mark.usefixtures("cache")

ROOT = Path(__file__).resolve().parents[3]
SMALL_TREE = {
    "components/__init__.py": "",
    "components/errors.py": "class ConfigError(Exception): ...\n",
    "components/shared.py": "from kerasline.components.errors import ConfigError\n",
    "components/room/__init__.py": "from kerasline.components.room.door import open_door\n",
    "components/room/door.py": (
        "import json\nfrom pathlib import Path\n\nTEMPLATE = Path(__file__).with_name('page.html.j2')\n\n\n"
        "def open_door() -> None:\n    from kerasline.components import shared\n    print(shared, json, 'script.py')\n"
    ),
    "components/room/page.html.j2": "<p>{{ text }}</p>\n",
    "components/room/script.py": "import kerasline.components.lonely\n",
    "components/room/unused.py": "",
    "components/lonely.py": "",
    "components/families.py": "FAMILIES = {'mlp': 'kerasline.components.mlp'}\n",
    "components/mlp.py": "",
    "pipeline/__init__.py": "",
    "pipeline/graph.py": "import kerasline.components.room\nfrom kerasline.pipeline import planning\n",
    "pipeline/planning.py": "import kerasline.components.families\n",
}


def use(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes hashes of the sources below a folder."""
    monkeypatch.setattr(module, "_ROOT", root)


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small project."""
    for name, text in SMALL_TREE.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    use(tmp_path, monkeypatch)
    return tmp_path


def test_a_version_is_sixteen_hexadecimal_digits(tree: Path) -> None:
    assert re.fullmatch(r"[0-9a-f]{16}", version("kerasline.components.room"))
    assert (
        version("kerasline.components.room")
        == version("kerasline.components.room")
        != version("kerasline.components.families")
    )


@pytest.mark.parametrize(
    ("changed", "steps"),
    [
        ("components/room/door.py", {"kerasline.components.room", "kerasline.pipeline.graph"}),
        ("components/room/page.html.j2", {"kerasline.components.room", "kerasline.pipeline.graph"}),
        ("components/room/script.py", {"kerasline.components.room", "kerasline.pipeline.graph"}),
        ("components/lonely.py", {"kerasline.components.room", "kerasline.pipeline.graph"}),
        ("components/shared.py", {"kerasline.components.room", "kerasline.pipeline.graph"}),
        ("components/errors.py", {"kerasline.components.room", "kerasline.pipeline.graph"}),
        ("components/mlp.py", {"kerasline.components.families", "kerasline.pipeline.graph"}),
        ("pipeline/planning.py", {"kerasline.pipeline.graph"}),
        ("components/room/unused.py", {"kerasline.components.room"}),
        ("components/new.py", set()),
    ],
)
def test_the_version_changes_with_every_file_that_the_code_reaches(tree: Path, changed: str, steps: set[str]) -> None:
    names = ("kerasline.components.room", "kerasline.components.families", "kerasline.pipeline.graph")
    before = {name: version(name) for name in names}
    with open(tree / changed, "a", encoding="utf-8") as file:
        file.write("# Changed.\n")
    assert {name for name in names if version(name) != before[name]} == steps


def test_a_new_import_joins_the_hash(tree: Path) -> None:
    before = version("kerasline.components.families")
    (tree / "components" / "mlp.py").write_text("import kerasline.components.lonely\n")
    after = version("kerasline.components.families")
    assert after != before
    (tree / "components" / "lonely.py").write_text("LIMIT = 2\n")
    assert version("kerasline.components.families") != after


def test_where_the_project_lies_does_not_matter(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = version("kerasline.pipeline.graph")
    shutil.copytree(tree, tree / "elsewhere" / "deeper")
    use(tree / "elsewhere" / "deeper", monkeypatch)
    assert version("kerasline.pipeline.graph") == here


def test_the_versions_of_the_libraries_count(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = version("kerasline.components.room")
    real = module.metadata.version
    monkeypatch.setattr(module.metadata, "version", lambda name: "0.0" if name == "keras" else real(name))
    assert version("kerasline.components.room") != before


def steps_of_the_graph() -> list[str]:
    """The modules whose code pipeline/graph.py puts into cache keys."""
    graph = (ROOT / "pipeline" / "graph.py").read_text()
    return list(dict.fromkeys(re.findall(r'code_version\("([\w.]+)"[,)]', graph)))


def test_every_step_of_the_graph_has_code_of_its_own() -> None:
    steps = steps_of_the_graph()
    assert len(steps) >= 9
    for step in steps:
        assert module._source_file(step), f"{step} is no module, so its hash would never change"
    assert len({version(step) for step in steps}) == len(steps)


@pytest.mark.parametrize(
    ("step", "reaches", "does_not_reach"),
    [
        (
            "kerasline.components.example_gen",
            {"example_gen/shards.py", "datasets/tables/csv/table.py"},
            {"training/trainer.py", "models/mlp.py"},
        ),
        (
            "kerasline.components.transform",
            {"transform/numbers.py", "features/plan.py"},
            {"training/trainer.py", "models/mlp.py", "datasets/arrays/idx.py"},
        ),
        (
            "kerasline.components.training.trainer",
            {
                "training/trainer.py",
                "features/plan.py",
                "training/signatures.py",
                "models/cnn.py",
                "models/parts/heads.py",
            },
            {"tuning/tuner.py", "datasets/arrays/idx.py", "registry/pointer.py"},
        ),
        (
            "kerasline.components.tuning",
            {"tuning/tuner.py", "fitting/one_fit.py", "models/cnn.py"},
            {"datasets/arrays/idx.py", "registry/pointer.py"},
        ),
        (
            "kerasline.components.baseline.component",
            {"baseline/component.py", "registry/pointer.py"},
            {"training/trainer.py", "models/mlp.py"},
        ),
        (
            "kerasline.components.parity",
            {"parity/component.py", "parity/replay.py"},
            {"training/trainer.py", "models/mlp.py"},
        ),
        (
            "kerasline.components.report.component",
            {"report/page.py", "report/page.html.j2"},
            {"training/trainer.py", "models/mlp.py"},
        ),
    ],
)
def test_what_the_steps_of_the_project_reach(step: str, reaches: set[str], does_not_reach: set[str]) -> None:
    sources = {str(path.relative_to(ROOT / "components")) for path in module._local_sources(step)}
    assert reaches - sources == set()
    assert does_not_reach & sources == set()


def test_what_python_and_editors_leave_beside_sources_is_no_code(tree: Path) -> None:
    before = take_code_state(tree)
    (tree / "components" / ".#shared.py").symlink_to("nobody@nowhere.1:2")
    (tree / "components" / "gone.py").symlink_to("nowhere")
    (tree / "components" / ".shared.py.swp").write_bytes(b"b0VIM")
    (tree / "components" / "shared.py~").write_text("")
    (tree / "components" / "__pycache__").mkdir()
    (tree / "components" / "__pycache__" / "shared.cpython-311.pyc.140").write_bytes(b"")
    assert take_code_state(tree) == before
    (tree / "components" / "shared.py").write_text("LIMIT = 3\n")
    assert take_code_state(tree) != before


def test_a_user_without_a_home_has_versions_too(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = version("kerasline.pipeline.graph")

    def refuse() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(module, "cache_folder", refuse)
    assert version("kerasline.pipeline.graph") == found


def test_which_files_are_behind_a_module_is_found_once(
    tree: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next process has the same version without reading what the sources import, until one of them is edited."""
    found = version("kerasline.pipeline.graph")
    with monkeypatch.context() as patched:
        patched.setattr(module, "_local_sources", None)
        assert version("kerasline.pipeline.graph") == found
    (tree / "pipeline" / "planning.py").write_text("import kerasline.components.lonely\n")
    assert version("kerasline.pipeline.graph") != found
    assert len(list((cache / "sources").iterdir())) == 2


@pytest.mark.parametrize(
    "damage",
    [
        lambda kept: kept.write_bytes(kept.read_bytes()[:20]),
        lambda kept: kept.write_text('["pipeline/graph.py"]'),
        lambda kept: kept.write_text('{"kerasline.pipeline.graph": ["pipeline/gone.py"]}'),
        lambda kept: kept.write_text('{"kerasline.pipeline.graph": 7}'),
        lambda kept: kept.write_bytes(b"\xff\xfe"),
        lambda kept: (kept.unlink(), kept.mkdir()),
    ],
    ids=["cut", "list", "gone", "number", "bytes", "folder"],
)
def test_what_cannot_be_read_is_found_again(tree: Path, cache: Path, damage: Callable[[Path], object]) -> None:
    found = version("kerasline.pipeline.graph")
    (kept,) = (cache / "sources").iterdir()
    damage(kept)
    assert version("kerasline.pipeline.graph") == found


def test_a_cache_that_cannot_be_written_is_done_without(tree: Path, cache: Path) -> None:
    found = version("kerasline.pipeline.graph")
    shutil.rmtree(cache)
    cache.write_text("no folder")
    assert version("kerasline.pipeline.graph") == found


@pytest.mark.parametrize("name", ["components/room/unused.py", "components/room/page.html.j2", "components/new.py"])
def test_the_state_of_the_code_changes_with_every_file(tree: Path, name: str) -> None:
    before = take_code_state(tree)
    assert take_code_state(tree) == before
    with open(tree / name, "a", encoding="utf-8") as file:
        file.write("# Changed.\n")
    assert take_code_state(tree) != before


def test_the_state_of_the_code_has_every_package_that_is_installed(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tree / "site").mkdir()
    monkeypatch.setattr("site.getsitepackages", lambda: [str(tree / "site")])
    before = take_code_state(tree)
    (tree / "site" / "attrs-25.1.0.dist-info").mkdir()
    with_attrs = take_code_state(tree)
    (tree / "site" / "attrs-25.1.0.dist-info").rename(tree / "site" / "attrs-25.2.0.dist-info")
    assert len({before, with_attrs, take_code_state(tree)}) == 3


def test_a_process_keeps_to_the_state_of_the_code_that_it_has_loaded(tree: Path) -> None:
    before = code_state(tree)
    (tree / "pipeline" / "graph.py").write_text("")
    assert code_state(tree) == before != take_code_state(tree)
