"""What cannot be run ends with exit code 2 and one sentence, before anything has run."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

CSV = "name: table\ndata: {csv: {path: table.csv, label: y}}\n"


def sentence(done: Any, workspace: Path) -> str:
    """The only line on standard error of a run that was refused before it did anything."""
    assert done.code == 2, (done.code, done.err)
    assert done.result == {}
    (line,) = done.err.splitlines()
    assert line.startswith("kerasline: ")
    for made in ("metadata.sqlite", "pipelines", "models", "reports"):
        assert not (workspace / made).exists()
    return line.removeprefix("kerasline: ")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "{csv} is empty; check that the right file was named."),
        ("x,y\n", "{csv} has a header but no rows; check that the right file was named."),
        ("x,z\n1,a\n2,b\n", "{csv} has no label column 'y'; its columns are x, z."),
        (
            "x,y\n" + "1,a\n2,a\n" * 20,
            "The label 'y' of {csv} has only one class, 'a', so there is nothing to learn; name another column or add "
            "rows of other classes.",
        ),
        (None, "File not found: {csv}; correct the path or --data-dir."),
    ],
    ids=["empty", "no rows", "no label", "one class", "no file"],
)
def test_tables_that_cannot_be_learnt_from(
    kerasline: Callable[..., Any], tmp_path: Path, content: str | None, expected: str
) -> None:
    (tmp_path / "mine.yaml").write_text(CSV)
    if content is not None:
        (tmp_path / "table.csv").write_text(content)
    said = sentence(kerasline(tmp_path / "w", str(tmp_path / "mine.yaml")), tmp_path / "w")
    assert said.startswith(expected.format(csv=tmp_path / "table.csv"))


def test_a_misspelt_key_makes_no_workspace(kerasline: Callable[..., Any], tmp_path: Path) -> None:
    said = sentence(kerasline(tmp_path / "w", "iris_mlp", "--set", "training.epoch=3"), tmp_path / "w")
    assert said == "--set training.epoch: unknown key 'training.epoch'. Did you mean 'epochs'?"
    assert not (tmp_path / "w").exists()


@pytest.mark.parametrize("part", ["gzip", "images"])
def test_a_truncated_idx_file(kerasline: Callable[..., Any], tmp_path: Path, shared_data: Path, part: str) -> None:
    for file in (shared_data / "mnist").iterdir():
        (tmp_path / file.name).symlink_to(file)
    images = tmp_path / "train-images-idx3-ubyte.gz"
    content = images.read_bytes()
    images.unlink()
    if part == "gzip":
        images.write_bytes(content[: len(content) // 2])
        expected = f"The gzip file {images} ends too early; copy or download it again."
    else:
        images = images.with_suffix("")
        images.write_bytes(gzip.decompress(content)[:1_000_016])
        expected = f"{images} is truncated: its header promises 47040000 bytes of data, it has 1000000; copy or"
    said = sentence(kerasline(tmp_path / "w", "mnist_mlp", "--data-dir", str(tmp_path)), tmp_path / "w")
    assert said.startswith(expected)


def test_a_workspace_that_may_not_be_written(tmp_path: Path) -> None:
    workspace = tmp_path / "w"
    workspace.mkdir(mode=0o555)
    command = [str(Path(sys.executable).with_name("kerasline")), "run", "iris_mlp", "--workspace", str(workspace)]
    if os.geteuid() == 0:  # whom permissions do not hold back, unless told so
        if shutil.which("setpriv") is None:
            pytest.skip("needs setpriv to take from root what lets it write everywhere")
        command = ["setpriv", "--bounding-set=-dac_override", *command]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=tmp_path, check=False)
    assert done.returncode == 2, done.stderr
    assert done.stderr == (
        f"kerasline: --workspace: expected a folder that can be written, but {workspace} cannot be (Permission "
        "denied); give another one\n"
    )
    assert list(workspace.iterdir()) == []
