"""The hash of the code behind a step: changes when that code does, and only then."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kerasline.components.core.machine import code_hash as module
from kerasline.components.core.machine.code_hash import code_version
from kerasline.components.core.machine.code_state import code_state, take_code_state

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


def version(name: str) -> str:
    """The version of a module's code as a process finds it that begins now."""
    module._version_of_ours.cache_clear()
    code_state.cache_clear()
    return code_version(name)


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder in which this test's processes keep what they found; no hash of its tree is left behind."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("KERASLINE_CACHE", str(folder))
    yield folder
    module._version_of_ours.cache_clear()
    module._KNOWN_LIBRARIES.clear()
    code_state.cache_clear()


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


def test_a_module_of_the_users_counts_with_what_it_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_layers.py").write_text("WIDTH = 3\n")
    (tmp_path / "my_model.py").write_text("import json\nimport numpy\nimport my_layers\n\n\ndef build(): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    first = version("my_model")
    assert version("my_model") == first
    (tmp_path / "my_layers.py").write_text("WIDTH = 4\n")
    assert version("my_model") != first
    sources = {path.name for path in module._local_sources("my_model")}
    assert sources == {"my_model.py", "my_layers.py"}, "neither the standard library nor installed packages"
    sys.modules.pop("my_model", None)


def test_a_file_of_the_machine_that_a_text_names_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be another at any time, as those of /proc are, or larger than can be read for each plan."""
    (tmp_path / "elsewhere.txt").write_text("")
    (tmp_path / "user_memory.py").write_text(f"open('/proc/uptime'), open({str(tmp_path / 'elsewhere.txt')!r})\n")
    monkeypatch.syspath_prepend(tmp_path)
    before = version("user_memory")
    (tmp_path / "elsewhere.txt").write_text("changed")
    assert version("user_memory") == before


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of a user's: modules that are imported by name, and files that are opened."""
    files = {
        "shapes/__init__.py": "WIDTH = 3\n",
        "shapes/inner/__init__.py": "",
        "shapes/inner/deep.py": "def build(): ...\n",
        "shapes/late.py": "",
        "shapes/relative.py": "",
        "shapes/sizes/small.json": "{}",
        "beside.py": "",
        "folder/helper.py": "",  # a package without __init__.py
        "lists/words.txt": "a",
        "user_model.py": (
            "import importlib\nfrom folder import helper\nfrom shapes.inner.deep import build\n\n"
            "importlib.import_module('shapes.late')\n__import__('beside')\nopen('lists/words.txt')\n"
        ),
    }
    files["shapes/inner/deep.py"] += "import importlib\nimportlib.import_module('..relative', __package__)\n"
    files["shapes/inner/deep.py"] += "open('shapes/sizes/small.json')\n"
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "name",
    [
        *("shapes/__init__.py", "shapes/inner/__init__.py", "shapes/inner/deep.py", "shapes/late.py", "beside.py"),
        *("shapes/relative.py", "folder/helper.py", "shapes/sizes/small.json", "lists/words.txt"),
    ],
)
def test_all_that_a_module_of_the_users_runs_or_opens_counts(package: Path, name: str) -> None:
    before = version("user_model")
    assert version("user_model") == before
    (package / name).write_text("# Changed.\n")
    assert version("user_model") != before
    assert not {"user_model", "shapes", "folder"} & sys.modules.keys(), "none of it has run"


def test_files_that_texts_name_are_looked_for_each_time(package: Path) -> None:
    """In a notebook they come and go while the process lives."""
    (package / "user_model.py").write_text("import shapes.inner.deep\nopen('lists/words.txt')\n__import__('later')\n")
    found = [version("user_model")]
    (package / "lists" / "words.txt").unlink()
    found.append(version("user_model"))
    (package / "later.py").write_text("")
    found.append(version("user_model"))
    (package / "shapes" / "relative.py").unlink()
    found.append(version("user_model"))
    assert len(set(found)) == 4


@pytest.mark.parametrize(
    "content", [b"print 1\n", b"# caf\xe9\n", b"x = '\0'\n"], ids=["python_2", "latin_1", "binary"]
)
def test_what_is_no_python_of_today_counts_by_its_bytes(package: Path, content: bytes) -> None:
    (package / "user_model.py").write_text("KIND = 'scratch'\n")
    before = version("user_model")
    (package / "scratch.py").write_bytes(content)
    assert version("user_model") != before


@pytest.mark.parametrize(
    "line",
    [
        "open('/proc/self/stat')",
        "open('../above.txt')",
        "keras.callbacks.CSVLogger('lists/words.txt')",
        "open('lists/words.txt', 'a')",
        "open('lists/words.txt', mode='w')",
    ],
)
def test_what_changes_by_itself_is_no_code(package: Path, line: str) -> None:
    (package / "shapes" / "above.txt").write_text("a")
    (package / "above.txt").write_text("a")
    for name in ("user_model.py", "shapes/inner/__init__.py"):
        (package / name).write_text(f"import shapes.inner\n{line}\n")
    sources = {path.name for path in module._local_sources("user_model")}
    assert sources == {"user_model.py", "__init__.py"}


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to root")
def test_what_may_not_be_read_does_not_count(package: Path) -> None:
    (package / "user_model.py").write_text("open('lists/words.txt')\nopen('shapes/sizes/small.json')\n")
    (package / "lists").chmod(0)
    (package / "shapes" / "sizes" / "small.json").chmod(0)
    assert {path.name for path in module._local_sources("user_model")} == {"user_model.py"}
    (package / "lists").chmod(0o700)


def install(site: Path, version: str, record: str) -> None:
    """Leaves what an installer leaves of a package ``in-house`` with the module ``house``."""
    for old in site.glob("*.dist-info"):
        shutil.rmtree(old)
    (site / "house").mkdir(parents=True, exist_ok=True)
    (site / "house" / "__init__.py").write_text("")
    place = site / f"in_house-{version}.dist-info"
    place.mkdir()
    (place / "METADATA").write_text(f"Name: in-house\nVersion: {version}\n")
    (place / "RECORD").write_text(record)


@pytest.mark.parametrize("where", ["site-packages", "vendored"])
@pytest.mark.parametrize("module_name", ["house.losses", "user_loss"])
def test_an_installed_package_counts_by_version_and_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module_name: str, where: str
) -> None:
    """Whether a recipe names a function of it, or a module beside the recipe imports it; in one process."""
    (tmp_path / "user_loss.py").write_text("def loss(a, b):\n    from house import losses\n")
    site = tmp_path / where
    records = ("house/losses.py,sha256=a,9\n", "house/losses.py,sha256=b,9\n")
    found = []
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.syspath_prepend(site)
    for number, text in (("1.0", records[0]), ("1.0", f"house/__pycache__/losses.pyc,,\n{records[0]}"),
                         ("1.0", records[1]), ("1.1", records[1]), ("1.1", records[0])):  # fmt: skip
        install(site, number, text)
        found.append(version(module_name))
    assert found[0] == found[1], "what is compiled beside sources comes and goes"
    assert len(set(found)) == 4


def test_an_installed_package_without_init_counts_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "user_loss.py").write_text("def loss(a, b):\n    from house import losses\n")
    site = tmp_path / "site-packages"
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.syspath_prepend(site)
    found = []
    for number in ("1.0", "1.1"):
        install(site, number, "house/losses.py,sha256=a,9\n")
        (site / "house" / "__init__.py").unlink()
        found.append(version("user_loss"))
    assert len(set(found)) == 2


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
