"""The Python of docs/python.md, and of docs/serving.md on labelled data, as it stands there, on one model."""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import kerasline as kl

DOCS = Path(__file__).resolve().parents[2] / "docs"
ROWS = 150


def blocks(page: str) -> list[str]:
    return re.findall(r"(?ms)^```python\n(.*?)^```", (DOCS / page).read_text(encoding="utf-8"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the table of the pages, in which everything happens."""
    random = np.random.default_rng(1)
    area, district = random.uniform(20, 150, ROWS).round(1), random.choice(["Mitte", "Nord"], ROWS)
    rent = (5 * area + np.where(district == "Mitte", 200, 0) + random.normal(0, 10, ROWS)).round(2)
    pd.DataFrame({"area": area, "district": district, "rent": rent}).to_csv(tmp_path / "flats.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
@pytest.mark.long
def test_the_blocks_run_one_after_the_other(folder: Path) -> None:
    notebook: dict[str, Any] = {}
    first, effects, second = blocks("python.md")
    exec(first, notebook)
    exec(effects, notebook)
    assert (notebook["told"].filter(like="effect_").abs().sum(axis=1) > 0).all()
    assert notebook["result"]["status"] == "pushed" and notebook["answers"].shape[0] == 5
    assert {"metric", "eval", "low", "high"} <= {*notebook["result"].frame()}

    # The recipe that the first block left, with the change that it was run with: nothing has to be computed again.
    written = (folder / "flats.yaml").read_text()
    assert written.count("epochs: 200") == 1
    (folder / "flats.yaml").write_text(written.replace("epochs: 200", "epochs: 20"))
    module: dict[str, Any] = {}
    exec(second.replace("/srv", str(folder)), module)
    assert (module["train"](), kl.load_run()["status"]) == (1, "up_to_date")
    module["test_the_recipe_is_valid"]()

    (dag,) = [block for block in blocks("retraining.md") if "airflow" in block]
    (task,) = re.findall(r"(?s)external_python\(.*?\)\n(.*?)\n\n    retrain", dag)
    in_airflow: dict[str, Any] = {}
    exec(textwrap.dedent(task.replace("/srv", str(folder))), in_airflow)
    returned = in_airflow["newest_run"]()
    assert type(returned) is dict and json.loads(json.dumps(returned))["status"] == "up_to_date"

    (labelled,) = [block for block in blocks("serving.md") if "evaluate(" in block]
    later = {"frame": notebook["flats"]}
    exec(labelled, later)
    assert {"value", "low", "high"} == {*later["found"].metrics["mae"]}
    assert {*later["found"].frame()["slice"]} == {"", "district=Mitte", "district=Nord"}
