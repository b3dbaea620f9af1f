"""The notebooks, executed from top to bottom as a reader would: in one folder, in the order of their numbers."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

import kerasline

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
SECONDS_OF_A_CELL = 600  # on a slow machine
MOST_BYTES = 30_000
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")

Execute = Callable[[str], "Printed"]


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


def code_cells(path: Path) -> list[str]:
    return [cell.source for cell in read(path).cells if cell.cell_type == "code"]


def python_of(cell: str) -> ast.Module:
    """The Python of a cell, without the lines that belong to the shell and to magics."""
    if cell.startswith("%%") and not cell.splitlines()[0].endswith(".py"):
        return ast.Module([], [])
    return ast.parse("\n".join("" if line.lstrip()[:1] in ("!", "%") else line for line in cell.splitlines()))


class Printed:
    """What the cells of a notebook showed, found by what a cell says."""

    def __init__(self, notebook: Any) -> None:
        self._cells = [cell for cell in notebook.cells if cell.cell_type == "code"]

    def by(self, words: str) -> str:
        """The text, and the HTML, that the only cell with these words showed."""
        (cell,) = [cell for cell in self._cells if words in cell.source]
        kinds = ("text/plain", "text/html")
        shown = [
            output.get("text", "") or "\n".join(output.get("data", {}).get(kind, "") for kind in kinds)
            for output in cell.outputs
        ]
        return _COLOURS.sub("", "".join(shown))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_stored_without_outputs(path: Path) -> None:
    notebook = read(path)
    nbformat.validate(notebook)
    assert notebook.cells[0].cell_type == "markdown" and notebook.cells[0].source.startswith("# ")
    assert [cell.source[:40] for cell in notebook.cells if cell.get("outputs") or cell.get("execution_count")] == []
    assert path.stat().st_size < MOST_BYTES


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_call_public_doors_only(path: Path) -> None:
    for cell in code_cells(path):
        for node in ast.walk(python_of(cell)):
            if isinstance(node, ast.Import):
                assert not any(alias.name.split(".")[0] == "kerasline" for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "kerasline":
                assert node.module == "kerasline" and {alias.name for alias in node.names} <= set(kerasline.__all__)
            assert not (isinstance(node, ast.Attribute) and node.attr.startswith("_"))


def test_every_notebook_begins_with_the_same_set_up_and_stands_in_the_list() -> None:
    assert [path.stem[:2] for path in NOTEBOOKS] == [f"0{number}" for number in range(1, 9)]
    assert len({code_cells(path)[0] for path in NOTEBOOKS}) == 1
    listed = re.findall(r"\((\w+\.ipynb)\)", (FOLDER / "README.md").read_text())
    assert listed == [path.name for path in NOTEBOOKS]


def test_the_page_on_models_shows_the_notebook_that_becomes_a_recipe() -> None:
    page = (FOLDER.parent / "docs" / "models.md").read_text()
    cells = code_cells(FOLDER / "07_from_notebook_to_pipeline.ipynb")
    (notebook,) = [cell for cell in cells if "load_digits()" in cell]
    module, recipe = (cell.partition("\n")[2] for cell in cells if cell.startswith("%%writefile"))
    for language, code in (("python", notebook), ("python", module), ("yaml", recipe)):
        assert f"```{language}\n{code.rstrip()}\n```" in page


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the notebooks run in; what one has computed another takes from there."""
    return tmp_path_factory.mktemp("notebooks")


@pytest.fixture
def execute(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Execute:
    """Runs a notebook and returns what it showed."""
    from nbclient import NotebookClient

    monkeypatch.setenv("IPYTHONDIR", str(folder / ".ipython"))
    # Nothing of the environment's but the interpreter: the first cell has to find the command.
    monkeypatch.setenv("PATH", os.pathsep.join(p for p in os.environ["PATH"].split(os.pathsep) if ".venv" not in p))

    def run(name: str) -> Printed:
        notebook = read(FOLDER / f"{name}.ipynb")
        place = {"metadata": {"path": str(folder)}}
        NotebookClient(notebook, timeout=SECONDS_OF_A_CELL, resources=place).execute()
        return Printed(notebook)

    return run


@pytest.mark.slow
@pytest.mark.long
def test_01_first_pipeline(execute: Execute, folder: Path) -> None:
    printed = execute("01_first_pipeline")
    assert "digits_cnn" in printed.by("kerasline recipes")
    assert "units:\n  - 64\n  - 32" in printed.by("kerasline show") or "policy: fail" in printed.by("kerasline show")
    progress = printed.by("first = run(")
    assert "blessed and pushed" in progress and "  statistics  " in progress
    assert "\r" not in progress and len(progress) < 5_000, "a notebook is no terminal"
    assert "oneDNN" not in progress
    assert printed.by('print(first["status"]').startswith("pushed {'accuracy':")
    assert "iframe srcdoc" in printed.by("show_report")
    assert "validation loss was best in epoch" in printed.by("show_plots")
    assert printed.by("serving_raw").startswith("versicolor [")
    plan = " ".join(printed.by("kerasline plan").split())
    assert "ingest cached nothing changed" in plan and "epochs changed from 40 to 20" in plan
    assert "iris_mlp" in printed.by("kerasline models")
    assert (folder / "workspace" / "models" / "iris_mlp" / "1" / "saved_model.pb").is_file()


@pytest.mark.slow
@pytest.mark.long
def test_02_look_at_your_data(execute: Execute, folder: Path) -> None:
    printed = execute("02_look_at_your_data")
    assert "label: rent_eur" in printed.by("kerasline init")
    assert "blessed and pushed" in printed.by("first = run(")
    assert "half of the values are below" in printed.by('"columns"')
    assert 'name: "district"' in printed.by('print(Path("flats.schema.pbtxt")')
    seen = printed.by("!python look.py")
    assert re.search(r"area_m2: 25 to 120, mean 7\d\.\d, deviation 2\d\.\d", seen)
    assert "district: 4 values" in seen and seen.count("anomaly in") == 1
    assert "anomaly in district: Examples contain values missing from the schema: the moon" in seen
    rejected = printed.by("rejected = run(")
    assert "has values that the schema has not: airport" in rejected and rejected.rstrip().endswith("data_rejected")
    findings = printed.by("gate_verdict")
    assert "failed: district of train" in findings and "warned: area_m2 of train" in findings
    assert not (folder / "workspace" / "models" / "flats" / "2").exists()


@pytest.mark.slow
@pytest.mark.long
def test_03_mlp_cnn_transfer(execute: Execute, shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERASLINE_WEIGHTS", str(shared_data / "weights" / "squeezenet_imagenet_notop.h5"))
    printed = execute("03_mlp_cnn_transfer")
    assert "the filters of" in printed.by('show_images(mlp, "filters")')
    assert "3×3×1" in printed.by('show_images(cnn, "activations")')
    assert "predicted" in printed.by('show_images(cnn, "mistakes")')
    table = printed.by("pd.DataFrame(")
    first_column = table.partition("\\\n")[2].partition("\n\n")[0] or table
    accuracies = {
        name: float(value)
        for name, value in re.findall(r"^(MLP|CNN|transfer \(squeezenet\))\s+([\d.]+)", first_column, re.M)
    }
    assert min(accuracies["MLP"], accuracies["CNN"]) > 0.93 and accuracies["transfer (squeezenet)"] > 0.5
    assert accuracies["CNN"] >= accuracies["transfer (squeezenet)"], "what the notebook says below the table"


@pytest.mark.slow
@pytest.mark.long
def test_04_underfitting_overfitting(execute: Execute) -> None:
    printed = execute("04_underfitting_overfitting")
    small, rest = printed.by("outcomes.items():\n    print(f").split("too large:")
    large, fitting = rest.split("in between:")
    assert "not_blessed" in small and "Underfitting" in small and "model.units=[32, 16]" in small
    assert "Overfitting" in large and "--set model.dropout=" in large
    assert "Good fit" in fitting and "Overfitting" not in fitting and "pushed" in fitting
    assert printed.by('"curves", only=[0]').count("The validation loss was best in epoch") >= 3
    assert printed.by('"explanations", only=[-1]').count("y is highest") >= 3


@pytest.mark.slow
@pytest.mark.long
def test_05_tuning(execute: Execute) -> None:
    printed = execute("05_tuning")
    assert "trial 6/6" in printed.by("tuned = run(")
    assert re.match(r"trial \d won: val_accuracy moved by \+0\.\d+", printed.by("found = tuned"))
    assert printed.by("pd.DataFrame(").count("<tr") == 7
    assert "iframe srcdoc" in printed.by('"search"')


@pytest.mark.slow
@pytest.mark.long
def test_06_evaluate_and_ship(execute: Execute, folder: Path) -> None:
    printed = execute("06_evaluate_and_ship")
    assert "blessed and pushed" in printed.by("first = run(")
    slices = printed.by('figures["slices"]')
    errors = dict(re.findall(r"^(\w[\w ]*) \d+ rows, mae ([\d.]+) EUR", slices, re.M))
    by_tfma = dict(re.findall(r"\{'district': '([\w ]+)'\} .*?'mae': ([\d.]+)", printed.by("!python analyse.py")))
    assert set(errors) == set(by_tfma) == {"centre", "harbour", "hills", "old town"}
    assert all(abs(float(errors[name]) - float(by_tfma[name])) <= 0.051 for name in errors)
    assert "Not blessed, nothing was pushed: mean absolute error" in printed.by("worse = run(")
    assert re.search(r"flats_gate\s+1\s+1\s", printed.by("kerasline models"))
    predictions = (folder / "predictions.csv").read_text().splitlines()
    assert predictions[0] == "area_m2,district,built,balcony,predicted_value,model_version" and len(predictions) == 6


@pytest.mark.slow
@pytest.mark.long
def test_07_from_notebook_to_pipeline(execute: Execute) -> None:
    printed = execute("07_from_notebook_to_pipeline")
    of_notebook = float(re.findall(r"accuracy ([\d.]+) on 450 images", printed.by("x_train, x_test"))[0])
    assert "my_digits.yaml is valid: my-digits" in printed.by("kerasline validate")
    compared = printed.by("the pipeline's")
    of_pipeline = float(re.findall(r"the pipeline's ([\d.]+)\n", compared)[0])
    assert min(of_notebook, of_pipeline) > 0.93 and abs(of_notebook - of_pipeline) < 0.03
    assert "parameters: the notebook's 5130, the pipeline's 5130" in compared and "pushed as version 1" in compared
    assert "not_blessed" in printed.by('print(worse["status"])')
    versions = printed.by("kerasline compare")
    assert re.search(r"my-digits\s+1\s+1\s", versions) and "eval rows are answered differently" in versions


@pytest.mark.slow
@pytest.mark.long
def test_08_vertex_and_kubeflow(execute: Execute) -> None:
    printed = execute("08_vertex_and_kubeflow")
    sources = dict(re.split(r"\s+from ", line) for line in printed.by("tasks.items()").splitlines())
    assert (sources["ingest"], sources["train"]) == ("the data", "ingest, transform")
    container = printed.by("executors[spec")
    assert "kerasline:1.0" in container and "'cpuLimit': 8.0, 'memoryLimit': 32.0" in container
    told = printed.by("mounts = platform")
    assert told.startswith(f"{len(sources)} tasks") and '"mountPath": "/mnt/volume"' in told and '"kerasline"' in told
    assert '"parent": "projects/PROJECT/locations/europe-west4"' in printed.by("--dry-run")
