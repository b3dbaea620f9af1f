"""The functions that the graph names by dotted paths are where it says: TFX imports them in the middle of a run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

GRAPH = Path(__file__).resolve().parents[2] / "pipeline" / "graph.py"
PATHS = re.findall(r'_fn="kerasline\.([\w.]+)\.(\w+)"', GRAPH.read_text())


@pytest.mark.parametrize(("module", "name"), PATHS)
def test_a_function_stands_in_the_module_that_the_graph_names(module: str, name: str) -> None:
    source = GRAPH.parents[1].joinpath(*module.split(".")).with_suffix(".py")
    assert source.is_file(), f"{module} is no module"
    assert re.search(rf"^def {name}\(", source.read_text(), re.MULTILINE)


def test_the_graph_names_functions() -> None:
    assert {name for _, name in PATHS} == {"preprocessing_fn", "tuner_fn", "run_fn"}
