"""A spec says what it was compiled with, and a step of another version says so."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest

from kerasline.components.core.errors import ConfigError
from kerasline.pipeline.container import compiled_for
from kerasline.pipeline.container.compiled_for import (
    check_code,
    check_modules,
    check_packages,
    describe,
    project_code,
    read_facts,
)


def test_the_same_version_is_silent() -> None:
    """And so is a spec that says nothing, of a version before this check."""
    facts = read_facts(describe("kubeflow", "/gcs/bucket", "disk"))
    assert facts["target"] == "kubeflow"
    assert (facts["mount"], facts["claim"]) == ("/gcs/bucket", "disk")
    assert "claim" not in read_facts(describe("vertex", "/gcs/bucket", None))
    assert check_code(facts) is None
    assert check_code(read_facts("")) is None


def test_another_version_is_refused_and_other_sources_are_said() -> None:
    facts = read_facts(describe("vertex", "/gcs/b", None))
    with pytest.raises(ConfigError, match=r"expected an image with kerasline 9\.0.* but this image has .*; compile"):
        check_code({**facts, "version": "9.0"})
    remark = check_code({**facts, "code": "0" * 12})
    assert remark is not None
    assert "000000000000" in remark
    assert project_code() in remark


def test_an_image_with_the_sources_alone_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Copied to a folder that PYTHONPATH names, they have no version."""
    facts = read_facts(describe("vertex", "/gcs/b", None))
    monkeypatch.setattr(compiled_for, "_DISTRIBUTION", "kerasline-of-nobody")
    for act in (lambda: check_code(facts), lambda: describe("vertex", "/gcs/b", None)):
        with pytest.raises(ConfigError, match="expected kerasline-of-nobody to be installed.* sources in .*; install"):
            act()


def test_an_image_of_another_lock_is_said() -> None:
    facts = read_facts(describe("kubeflow", "/gcs/b", None))
    assert check_packages(facts) is None
    assert check_packages({}) is None, "a spec of a version before this check"
    other = {**facts["libraries"], "keras": "3.14.0", "pyarrow": "17.0.0"}
    remark = check_packages({**facts, "libraries": other})
    assert remark is not None
    assert f"this image has keras {facts['libraries']['keras']} and not 3.14.0, pyarrow" in remark
    assert "tensorflow" not in remark
    remark = check_packages({**facts, "packages": "0" * 12})
    assert remark is not None
    assert f"other packages ({facts['packages']}) than the environment that compiled the spec (000000000000)" in remark


def test_the_hash_changes_with_a_source_file(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """In both folders, and with a file's name."""
    from pathlib import Path

    root = Path(str(tmp_path))
    for folder in ("components", "pipeline"):
        (root / folder).mkdir()
        (root / folder / "a.py").write_text("x = 1\n")
    monkeypatch.setattr(compiled_for, "_ROOT", root)
    seen = set()
    for change in (lambda: None, lambda: (root / "pipeline" / "a.py").write_text("x = 2\n"),
                   lambda: (root / "components" / "a.py").rename(root / "components" / "b.py")):  # fmt: skip
        change()
        project_code.cache_clear()
        seen.add(project_code())
    project_code.cache_clear()
    assert len(seen) == 3


@pytest.mark.parametrize("text", ["{", "[]", "1", json.dumps("x")])
def test_a_variable_that_is_not_ours(text: str) -> None:
    with pytest.raises(ConfigError, match="KERASLINE_COMPILED: expected the JSON that compile wrote"):
        read_facts(text)


def test_an_image_without_the_users_module_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the first step reads anything; one of other sources is said."""
    monkeypatch.chdir(tmp_path)
    source = tmp_path / "net_of_a_stranger.py"
    monkeypatch.syspath_prepend(str(tmp_path))
    source.write_text("width = 8\n")
    facts = read_facts(describe("kubeflow", "/gcs/b", None, ["net_of_a_stranger"]))
    assert check_modules(facts) is None
    source.write_text("width = 9\n")
    assert "compiled with other sources of net_of_a_stranger" in (check_modules(facts) or "")
    source.unlink()
    importlib.invalidate_caches()
    with pytest.raises(
        ConfigError, match=f"expected the module net_of_a_stranger .* copy it to {tmp_path} of the image"
    ):
        check_modules(facts)
    assert check_modules({}) is None
