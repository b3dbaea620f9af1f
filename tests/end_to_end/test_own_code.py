"""The examples of docs/own_code.md, as they stand on the page: each fits its key, and all together make one run."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from kerasline.pipeline.config.experiment import parse_experiment
from kerasline.pipeline.plan.own_parts import check_own_functions, own_functions
from kerasline.pipeline.templates import KINDS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "own_code.md").read_text(encoding="utf-8")
SECTIONS = [part for part in PAGE.split("\n## ")[1:] if "```python" in part]


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def write_modules(text: str, folder: Path) -> None:
    """Writes each example under the name in its first line."""
    for block in blocks(text, "python"):
        name, code = block.removeprefix("# ").split("\n", 1)
        (folder / name).write_text(code, encoding="utf-8")


def merged(parts: list[Mapping[str, Any]]) -> dict[str, Any]:
    """Puts the lines of several examples into one recipe."""
    recipe: dict[str, Any] = {}
    for part in parts:
        for key, block in part.items():
            recipe[key] = {**recipe.get(key, {}), **block}
    return recipe


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.split("\n")[0])
def test_an_example_fits_its_keys(section: str, tmp_path: Path) -> None:
    write_modules(section, tmp_path)
    parts = [yaml.safe_load(block) for block in blocks(section, "yaml")]
    recipe = {"name": "own", "data": {"dataset": "iris"}, **merged(parts)}
    experiment = parse_experiment(recipe, source="the page")
    assert list(own_functions(experiment)), "the example names a function"
    check_own_functions(experiment, tmp_path)


def test_the_page_has_every_kind() -> None:
    table = re.findall(r"(?m)^\| `(\w+)` \| `([\w.A-Z]+)` \|", PAGE)
    assert sorted(kind for kind, _ in table) == sorted(KINDS)


@pytest.mark.slow
@pytest.mark.long
def test_all_of_them_make_one_run(tmp_path: Path, kerasline: Callable[..., Any]) -> None:
    write_modules(PAGE, tmp_path)
    recipe = {"name": "own", **merged([yaml.safe_load(block) for block in blocks(PAGE, "yaml")])}
    recipe["data"]["split"] = {"eval": 0.3, "test": 0.2}
    recipe["evaluation"]["references"] = False
    recipe["report"]["explanations"] = "off"
    file, workspace = tmp_path / "own.yaml", tmp_path / "workspace"
    file.write_text(yaml.safe_dump(recipe), encoding="utf-8")
    done = kerasline(workspace, str(file))
    assert done.code == 0, done.err
    assert 0 <= done.result["metrics"]["my_cost:my_cost"] <= 1.0

    report = Path(done.result["report"])
    figures = json.loads((report.parent / "figures.json").read_text())
    rows = {row["metric"]: row["status"] for row in figures["gate"] if row["part"] in ("own", "threshold")}
    assert rows == {"accuracy": "passed", "my_cost:my_cost": "passed", "my_rules:my_gate": "passed"}
    assert "my_check:my_check found nothing" in (report.parent / "verdict.json").read_text()
    low, high = figures["performance"]["intervals"]["my_cost:my_cost"]
    assert low <= figures["metrics"]["my_cost:my_cost"] <= high
    html = report.read_text()
    assert '<h2 id="own-1">In money</h2>' in html
    assert "<strong>wrong</strong>" in html
    version = json.loads(Path(done.result["model"]["path"], "version.json").read_text())
    assert (version["main_metric"], version["measured"]) == ("accuracy", ["accuracy"])

    # What is edited runs again, and what has nothing to do with it is reused.
    (tmp_path / "my_rules.py").write_text((tmp_path / "my_rules.py").read_text() + "\n# another rule\n")
    planned = tmp_path / "plan.json"
    words = ["plan", str(file), "--workspace", str(workspace), "--json", str(planned)]
    subprocess.run([sys.executable, "-m", "kerasline", *words], check=True, capture_output=True, timeout=300)
    anew = {step["id"] for step in json.loads(planned.read_text()) if not step["cached"]}
    assert {"gate", "report"} <= anew
    assert not anew & {"ingest", "statistics", "transform", "train"}
