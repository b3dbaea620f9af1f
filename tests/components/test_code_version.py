"""The hash of the code behind a step: changes when that code does, and only then."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from components import code_version as module
from components.code_version import code_version

ROOT = Path(__file__).resolve().parents[2]

Versions = Callable[[], dict[str, str]]
# The modules that pipeline/graph.py asks for.
STEPS = (
    *("components.example_gen", "components.validation", "components.transform", "components.tuning"),
    *("components.training", "components.baseline", "components.parity", "components.pushing"),
    *("components.report.component",),
)


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the sources, which the hash is taken of."""
    ignore = shutil.ignore_patterns("__pycache__")
    for package in ("components", "pipeline"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=ignore)
    monkeypatch.setattr(module, "_ROOT", tmp_path)
    code_version.cache_clear()
    yield tmp_path
    code_version.cache_clear()


def versions() -> dict[str, str]:
    """The version of every step's code as it is now."""
    code_version.cache_clear()
    return {step.removeprefix("components."): code_version(step) for step in STEPS}


def changed_by(path: Path, text: str = "\n# Changed.\n", before: dict[str, str] | None = None) -> set[str]:
    """The steps that a change of a file makes run again."""
    before = before or versions()
    with open(path, "a", encoding="utf-8") as file:
        file.write(text)
    after = versions()
    return {step for step in before if before[step] != after[step]}


def test_a_version_is_sixteen_digits_and_does_not_depend_on_the_folder(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied = versions()
    for version in copied.values():
        assert len(version) == 16
        int(version, 16)
    assert len(set(copied.values())) == len(STEPS), "every step has code of its own"
    monkeypatch.setattr(module, "_ROOT", ROOT)
    assert versions() == copied


FITS = {"training", "tuning"}
EVERY = {step.removeprefix("components.") for step in STEPS}


@pytest.mark.slow
def test_a_step_runs_again_when_code_that_it_uses_changes_and_only_then(tree: Path) -> None:
    expected: dict[str, tuple[set[str], set[str]]] = {
        # file: (steps that must run again, steps that must stay cached)
        "components/example_gen/shards.py": ({"example_gen"}, EVERY - {"example_gen"}),
        "components/datasets/csv_text.py": ({"example_gen"}, EVERY - {"example_gen"}),
        "components/validation/gate.py": ({"validation"}, EVERY - {"validation"}),
        "components/transform.py": ({"transform", "baseline", *FITS}, {"example_gen", "validation", "pushing"}),
        "components/tuning.py": ({"tuning"}, EVERY - {"tuning"}),
        "components/training.py": (FITS, EVERY - FITS),
        "components/models/cnn.py": (FITS, EVERY - FITS - {"report.component"}),
        "components/signatures.py": ({"training"}, {"example_gen", "validation", "transform", "pushing"}),
        "components/production.py": ({"baseline", "pushing"}, {"example_gen", "transform", *FITS}),
        "components/pushing.py": ({"pushing"}, EVERY - {"pushing"}),
        "components/parity/component.py": ({"parity"}, EVERY - {"parity"}),
        "components/parity/replay.py": ({"parity"}, EVERY - {"parity"}),
        "components/report/page.py": ({"report.component"}, EVERY - {"report.component"}),
        "components/report/page.html.j2": ({"report.component"}, EVERY - {"report.component"}),
        "pipeline/running.py": (set(), EVERY),
    }
    before = versions()
    for file, (again, cached) in expected.items():
        original = (tree / file).read_bytes()
        changed = changed_by(tree / file, before=before)
        assert again <= changed, file
        assert not cached & changed, file
        (tree / file).write_bytes(original)
    assert versions() == before


def test_a_new_import_joins_the_hash(tree: Path) -> None:
    (tree / "components" / "extra.py").write_text("LIMIT = 1\n")
    assert changed_by(tree / "components" / "extra.py") == set()
    late = "\n\ndef late() -> None:\n    from components import extra\n    print(extra)\n"
    assert changed_by(tree / "components" / "validation" / "gate.py", late) == {"validation"}
    assert changed_by(tree / "components" / "extra.py") == {"validation"}


def test_a_file_that_moves_within_the_code_changes_the_hash(tree: Path) -> None:
    before = versions()["validation"]
    gate = tree / "components" / "validation" / "gate.py"
    gate.with_name("door.py").write_bytes(gate.read_bytes())
    init = gate.with_name("__init__.py")
    init.write_text(init.read_text().replace("validation.gate", "validation.door"))
    assert versions()["validation"] != before


def test_the_versions_of_the_libraries_count(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = versions()
    real = module.metadata.version
    monkeypatch.setattr(module.metadata, "version", lambda name: "0.0" if name == "keras" else real(name))
    assert all(after != before[step] for step, after in versions().items())


def test_a_module_of_the_users_counts_with_what_it_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_layers.py").write_text("WIDTH = 3\n")
    (tmp_path / "my_model.py").write_text("import json\nimport numpy\nimport my_layers\n\ndef build(): ...\n")
    monkeypatch.syspath_prepend(tmp_path)

    def version() -> str:
        code_version.cache_clear()
        module._is_third_party.cache_clear()
        return code_version("my_model")

    first = version()
    assert version() == first
    (tmp_path / "my_layers.py").write_text("WIDTH = 4\n")
    second = version()
    assert second != first
    (tmp_path / "other.py").write_text("")
    assert version() == second
    sources = {path.name for path in module._local_sources("my_model")}
    assert sources == {"my_model.py", "my_layers.py"}, "neither the standard library nor installed packages"
    sys.modules.pop("my_model", None)
