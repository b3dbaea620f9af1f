"""Model cards, and versions as folders of their own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from kerasline.components.core.errors import ConfigError, KeraslineError
from kerasline.components.registry import find_problem, read_record
from kerasline.components.registry.versions import digest_model
from kerasline.pipeline.models.exporting import export_version
from kerasline.pipeline.models.model_card import card_paths, write_card, write_missing_card
from kerasline.pipeline.workspace.workspace import Workspace

FIGURES: dict[str, Any] = {
    "experiment": {"name": "doubler", "description": "rents of <flats> | by area"},
    "data": {"title": "Flats", "source": "a survey", "licence": "CC0", "rows": 1234, "splits": {"train": 1000}},
    "training": {"parameters": 5678, "epochs": 3, "settings": {"seed": 7, "model": {"family": "mlp"}}},
    "main_metric": "mae",
    "metrics": {"mae": 1.23456},
    "test_metrics": {"mae": None},
    "trivial": {"mae": 9.0},
    "gate": [
        {
            "part": "slice",
            "metric": "mae",
            "title": "mean absolute error",
            "slice": "city=Oslo",
            "text": "at most 2",
            "value": 1.23456,
            "limit": 2,
            "status": "passed",
            "passed": True,
        },
    ],
    "parity": {"rows": 100, "largest_difference": 1e-7},
}


def test_the_card_says_what_is_known(workspace: Path) -> None:
    version = workspace / "models" / "doubler" / "2"
    write_card(version, FIGURES)
    markdown, page = (path.read_text() for path in card_paths(version))
    for text in (
        "# doubler, version 2",
        "| mae | 1.235 |  | 9 |",
        "| mean absolute error, city=Oslo | at most 2 | 1.235 | passed |",
        "| rows | 1,234 |",
    ):
        assert text in markdown
    assert "rents of \\<flats\\> \\| by area" in markdown
    assert "rents of &lt;flats&gt; | by area" in page
    assert '"area__m__": tf.constant([1.0]), "district": tf.constant(["text"])' in markdown
    assert "| district | string |  | may be missing |" in markdown
    assert find_problem(version.parent, 2) is None
    assert digest_model(version) == read_record(version.parent, 2)["digest"], "a card is no part of the model"


def test_a_card_is_written_once(workspace: Path) -> None:
    version = workspace / "models" / "doubler" / "2"
    write_missing_card(version, FIGURES)
    write_missing_card(version, {})
    assert "1.235" in card_paths(version)[0].read_text()
    write_card(version, {})
    assert "The report of the run that made this version is gone." in card_paths(version)[0].read_text()


def test_an_export_that_may_write_no_more_says_so_and_one_that_was_killed_leaves_nothing(
    workspace: Path, tmp_path: Path
) -> None:
    """The real copy, in a process whose files may not grow."""
    left = tmp_path / ".exported.0123abcd"
    left.mkdir()
    os.utime(left, (time.time() - 7200,) * 2)
    script = (
        "import sys, resource; from pathlib import Path\n"
        "from kerasline.pipeline.models.exporting import export_version\n"
        "from kerasline.pipeline.workspace import Workspace\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))\n"
        "try:\n    export_version(Workspace(Path(sys.argv[1])), 'doubler@2', Path(sys.argv[2]))\n"
        "except Exception as error:\n    print(error)\n"
    )
    command = [sys.executable, "-B", "-c", script, str(workspace), str(tmp_path / "exported")]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "exported cannot be written: a file may not grow any further; raise the limit on the size" in ran.stdout
    assert not list(tmp_path.glob("*exported*"))


def test_an_export_without_its_run_says_what_it_lacks(workspace: Path, tmp_path: Path) -> None:
    target = tmp_path / "exported"
    missing = export_version(Workspace(workspace), "doubler@1", target)
    assert [line.split(":")[0] for line in missing] == ["metrics.json and config.yaml", "schema/", "transform_graph/"]
    assert sorted(path.name for path in target.iterdir()) == [
        "model",
        "model_card.html",
        "model_card.md",
        "version.json",
    ]
    assert json.loads((target / "version.json").read_text())["version"] == 1
    with pytest.raises(ConfigError, match="expected a folder that does not exist or is empty, but .*exported is there"):
        export_version(Workspace(workspace), "doubler", target)
    with pytest.raises(ConfigError, match="doubler has no version 8"):
        export_version(Workspace(workspace), "doubler@8", tmp_path / "other")
    with pytest.raises(ConfigError, match="does not exist"):
        export_version(Workspace(workspace), "doubler", tmp_path / "no" / "where")


def test_an_export_that_does_not_load_leaves_nothing(workspace: Path, tmp_path: Path) -> None:
    graph = workspace / "models" / "doubler" / "3" / "saved_model.pb"
    graph.write_bytes(b"\xff" * graph.stat().st_size)
    with pytest.raises(KeraslineError, match="expected the copy of doubler@3 to load and answer"):
        export_version(Workspace(workspace), "doubler", tmp_path / "exported")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["workspace"]


@pytest.mark.slow
@pytest.mark.long
def test_an_exported_model_answers_with_plain_tensorflow(
    trained_workspace: Path, tmp_path: Path, kerasline: Any
) -> None:
    target = tmp_path / "exported"
    result = kerasline("export", "iris_mlp@1", target, "--workspace", trained_workspace)
    assert result.returncode == 0, result.stderr
    assert "left out" not in result.stdout
    assert sorted(path.name for path in target.iterdir()) == [
        *("config.yaml", "metrics.json", "model", "model_card.html", "model_card.md"),
        *("schema", "transform_graph", "version.json"),
    ]
    assert (target / "schema" / "schema.pbtxt").is_file()
    assert (target / "transform_graph" / "transform_fn" / "saved_model.pb").is_file()
    record = json.loads((target / "version.json").read_text())
    assert len(record["environment"]["lock_sha256"]) == 64
    assert "accuracy" in json.loads((target / "metrics.json").read_text())["metrics"]
    moved = shutil.move(target, tmp_path / "elsewhere")
    script = (
        "import sys, tensorflow as tf\n"
        f"model = tf.saved_model.load({str(Path(moved) / 'model')!r})\n"
        "names = ('sepal_length', 'sepal_width', 'petal_length', 'petal_width')\n"
        "answer = model.signatures['serving_raw'](**{name: tf.constant([1.0]) for name in names})\n"
        "assert not {'kerasline', 'tfx', 'tensorflow_transform'} & set(sys.modules)\n"
        "print(answer['classes'].numpy()[0].tolist())"
    )
    plain = subprocess.run(
        [sys.executable, "-I", "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert plain.stdout.strip() == "[b'setosa', b'versicolor', b'virginica']", plain.stderr
