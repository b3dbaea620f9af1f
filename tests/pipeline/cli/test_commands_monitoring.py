"""``kerasline label`` and ``monitor`` over a workspace in which a server has captured; neither loads TensorFlow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kerasline as kl
from kerasline.components.leaks import Column
from kerasline.components.monitoring import Capture, Exchange
from kerasline.components.registry import push_version
from kerasline.components.validation.samples import profile_columns

RECORD: dict[str, Any] = {
    "recipe": "flats",
    "task": "regression",
    "classes": None,
    "arguments": {"area": "area"},
    "columns": [{"name": "area", "dtype": "float"}],
    "label": {"name": "rent", "columns": ["rent"]},
    "main_metric": "mae",
    "measured": ["mae", "rmse"],
}
COMMAND = "import sys; from kerasline.pipeline.cli.entry import app; app(sys.argv[1:], standalone_mode=False)"
WITHOUT = f"{COMMAND}; print('tensorflow' in sys.modules or 'keras' in sys.modules, file=sys.stderr)"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two versions of a model; the second, in production, has answered for flats that are larger than before."""
    root, random = tmp_path_factory.mktemp("watched"), np.random.default_rng(3)
    areas = random.normal(60, 10, 2000)
    profile = {"columns": profile_columns({"area": Column("numeric", areas)}, None)}

    def finish(version: Path) -> None:
        (version / "profile.json").write_text(json.dumps(profile))
        rents = (10 * areas + random.normal(0, 50, 2000)).astype(np.float32)
        np.savez(version / "answers-eval.npz", predictions=(10 * areas)[:, None].astype(np.float32), labels=rents)

    for number in (1, 2):
        model = root / f"exported-{number}"
        (model / "variables").mkdir(parents=True)
        (model / "saved_model.pb").write_text(str(number))
        (model / "variables" / "variables.index").write_text("")
        push_version(root / "models" / "flats", model, RECORD, 5, finish)
    capture = Capture(root / "captured", 1.0)
    for number, area in enumerate(random.normal(90, 10, 400).astype(np.float32)):
        values = {"inputs": {"area": area[None]}, "answer": {"value": 10 * area[None]}}
        capture.take(Exchange("flats", 2, RECORD, f"f{number}", time.time(), 0.004, **values))
    capture.close()
    (root / "rents.csv").write_text("flat;rent\n" + "".join(f"f{number};900.5\n" for number in range(100)))
    return root


def run(code: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs the command in a process of its own, which buffers what it says as Python does by itself."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, words)], capture_output=True, text=True, check=False, env=environment
    )


def test_labels_and_alarms_from_the_shell(workspace: Path) -> None:
    labelled = run(WITHOUT, "label", "flats", workspace / "rents.csv", "--key", "flat", "--workspace", workspace)
    assert "flats: 100 answers have their labels (100 new, 0 changed, 0 as before)" in labelled.stdout, labelled.stderr
    assert labelled.stderr.strip().endswith("False")
    watched = run(WITHOUT, "monitor", "flats", "--json", "-", "--workspace", workspace)
    found = json.loads(watched.stdout)
    assert (found["answered"], found["labelled"], found["version"]) == (400, 100, 2)
    assert {"name", "quality", "estimated", "drift", "alarms"} <= found.keys()
    assert found["drift"]["area"]["alarm"] and found["drift"]["area"]["distance"] > found["drift"]["area"]["limit"]
    assert [(alarm["kind"], alarm["name"]) for alarm in found["alarms"]] == [
        *(("drift", "(prediction)"), ("drift", "area"), ("quality", "mae")),
    ]
    assert found["quality"]["mae"]["low"] < found["quality"]["mae"]["value"] < found["quality"]["mae"]["high"]
    assert found["latency_ms"] == {"p50": 4.0, "p99": 4.0}
    assert "ALARM  area has drifted from the version's data" in watched.stderr
    assert watched.stderr.strip().endswith("False")


def test_the_same_from_python_and_a_version_that_answered_nothing(workspace: Path) -> None:
    assert kl.monitor("flats", workspace)["answered"] == 400
    first = kl.monitor("flats@1", workspace, days=1)
    assert (first["answered"], first["alarms"]) == (0, [])
    assert first["notes"][0].startswith("nothing that version 1 answered is captured; there are answers of version 2")
    with pytest.raises(kl.ConfigError, match="Did you mean 'flats'"):
        kl.monitor("flat", workspace)


def test_an_alarm_ends_with_a_code_of_its_own_where_that_is_wanted(workspace: Path) -> None:
    from typer.testing import CliRunner

    from kerasline.pipeline.cli.entry import app

    asked = ["monitor", "flats", "--workspace", str(workspace)]
    assert CliRunner().invoke(app, asked).exit_code == 0
    assert CliRunner().invoke(app, [*asked, "--fail-on-alarm"]).exit_code == 4
    assert (
        CliRunner().invoke(app, ["monitor", "flats@1", "--fail-on-alarm", "--workspace", str(workspace)]).exit_code == 0
    )
