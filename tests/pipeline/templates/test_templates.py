"""``kerasline new``: each kind's module fits the contract that a recipe with it is checked by."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
import yaml

from kerasline.components.core.errors import ConfigError
from kerasline.pipeline.config.experiment import parse_experiment
from kerasline.pipeline.plan.own_parts import check_own_functions, own_modules
from kerasline.pipeline.templates import KINDS, write_module


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_goes_with_the_lines_that_use_it(kind: str, tmp_path: Path) -> None:
    path, lines = write_module(kind, f"my_{kind}", tmp_path)
    assert path == tmp_path / f"my_{kind}.py"
    recipe = {"name": "iris-own", "data": {"dataset": "iris"}, **yaml.safe_load(lines)}
    experiment = parse_experiment(recipe, source="recipe")
    assert own_modules(experiment) == (f"my_{kind}",)
    check_own_functions(experiment, tmp_path)


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [
        ("modle", "mine", "KIND: expected one of .*, got 'modle'. Did you mean 'model'"),
        ("model", "my-model", "NAME: expected a name of Python, such as my_model, got 'my-model'"),
        ("model", "class", "NAME: expected a name of Python"),
        ("model", "keras", "NAME: keras is a module that Python has already; take another name, such as my_keras"),
        ("model", "there", "there.py exists already"),
    ],
)
def test_what_cannot_be_written_is_refused(kind: str, name: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "there.py").write_text("kept")
    with pytest.raises(ConfigError, match=said):
        write_module(kind, name, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["there.py"]
    assert (tmp_path / "there.py").read_text() == "kept"


def test_what_loads_no_network_works_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pandas as pd

    monkeypatch.syspath_prepend(str(tmp_path))

    def made(kind: str) -> Any:
        path, _ = write_module(kind, f"first_{kind}", tmp_path)
        return getattr(importlib.import_module(path.stem), path.stem)

    rows = list(made("source")(rows=40))
    assert (len(rows), set(rows[0])) == (40, {"hours", "course", "pass"})
    assert made("check")({"train": pd.DataFrame(rows), "eval": pd.DataFrame(rows[:3])}) == ["eval has 3 rows"]
    gate = made("gate")
    assert gate({"cost": {"size_bytes": 10}}, None) is None
    assert gate({"cost": {"size_bytes": 10**9}}, None) == "the model has 1,000,000,000 bytes"
    title, text = made("page")({"metrics": {"accuracy": 0.5, "auc": None}})
    assert (title, text.splitlines()[-1]) == ("What it reached", "| accuracy | 0.500 |")
