"""The hash of users' modules: it changes with all that they run, import or open, and with nothing else."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from kerasline.components.core.machine import code_hash as module
from tests.components.core.code_versions import version

pytestmark = pytest.mark.usefixtures("cache")


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
        "Path('lists/words.txt').open('w')",
        "Path('lists/words.txt').write_text('b')",
        "Path('lists', 'lists/words.txt').write_bytes(b'b')",
        "gzip.open('lists/words.txt', 'wt')",
        "np.save('lists/words.txt', values)",
        "frame.to_parquet('lists/words.txt')",
    ],
)
def test_what_changes_by_itself_is_no_code(package: Path, line: str) -> None:
    (package / "shapes" / "above.txt").write_text("a")
    (package / "above.txt").write_text("a")
    for name in ("user_model.py", "shapes/inner/__init__.py"):
        (package / name).write_text(f"import shapes.inner\n{line}\n")
    sources = {path.name for path in module._local_sources("user_model")}
    assert sources == {"user_model.py", "__init__.py"}


@pytest.mark.parametrize(
    "line",
    [
        "open('lists/words.txt', 'r+')",
        "open('lists/words.txt', mode='a+')",
        "Path('lists/words.txt').open()",
        "gzip.open('lists/words.txt', 'rt')",
        "Path('out.txt').write_text(open('lists/words.txt').read())",
        "np.save('out.npy', np.load('lists/words.txt'))",
        "pd.read_csv('lists/words.txt').to_csv('out.csv')",
    ],
)
def test_what_is_read_counts_though_something_is_written(package: Path, line: str) -> None:
    (package / "user_model.py").write_text(f"{line}\n")
    assert package / "lists" / "words.txt" in module._local_sources("user_model")


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


def test_a_module_beside_installed_packages_is_the_users_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after ``pip install --target .``, in the folder of the recipe."""
    install(tmp_path, "1.0", "house/losses.py,sha256=a,9\n")
    (tmp_path / "user_net.py").write_text("import user_parts, house\n")
    (tmp_path / "user_parts.py").write_text("WIDTH = 3\n")
    monkeypatch.syspath_prepend(tmp_path)
    found = [version("user_net")]
    for file in ("user_net.py", "user_parts.py"):
        (tmp_path / file).write_text(f"{(tmp_path / file).read_text()}# Changed.\n")
        found.append(version("user_net"))
    install(tmp_path, "1.1", "house/losses.py,sha256=a,9\n")
    found.append(version("user_net"))
    assert len(set(found)) == 4
    assert {path.name for path in module._local_sources("user_net")} == {"user_net.py", "user_parts.py"}


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
