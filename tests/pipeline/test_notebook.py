"""kerasline from Python: what `pipeline` offers to a notebook. Whole runs through it are in tests/notebooks."""

from __future__ import annotations

import html
import json
import os
import re
import sys
from math import isnan, nan
from pathlib import Path
from typing import Any

import pytest

import kerasline
from kerasline.components.core.errors import ConfigError
from kerasline.pipeline import notebook
from kerasline.pipeline.workspace import list_runs

HISTORY = {"loss": [1.0, 0.4], "val_loss": [1.1, 0.5], "accuracy": [0.5, 0.9]}


@pytest.fixture
def result(tmp_path: Path) -> dict[str, Any]:
    """A run whose report and figures are written by hand."""
    folder = tmp_path / "reports" / "pets" / "20260101-000000"
    folder.mkdir(parents=True)
    (folder / "index.html").write_text('<title>pets</title><p>a "quoted" & <b>bold</b> page</p>')
    figures = {
        "main_metric": "accuracy", "history": HISTORY, "label_scale": "", "performance": None,
        "data": {"label": {"name": "pet", "unit": None}, "columns": []},
        "run": {"steps": [{"id": "train", "seconds": 2.0, "cached": False}]},
        "explanations": {
            "filters": {"layer": "conv1", "shape": [3, 3, 1], "images": ["data:image/png;base64,AA"] * 2},
            "mistakes": [{"row": 3, "label": "<cat>", "prediction": "dog", "image": "data:image/png;base64,BB",
                          "heat": None}],
        },
    }  # fmt: skip
    (folder / "figures.json").write_text(json.dumps(figures))
    outcome = {"run_id": folder.name, "recipe": "pets", "status": "pushed", "report": str(folder / "index.html")}
    (folder / "run.json").write_text(json.dumps(outcome))
    return outcome


def page_of(shown: Any) -> str:
    """The page in the frame that a notebook is given."""
    (frame,) = re.findall(r'^<iframe srcdoc="([^"]*)" [^>]*></iframe>$', shown._repr_html_())
    return html.unescape(frame)


def test_a_wrong_recipe_is_told_as_on_the_command_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError, match="digits_mlp"):
        kerasline.run("digits_mpl", workspace=tmp_path)
    assert "digits_mpl" in capfd.readouterr().out


def test_changes_keep_their_types_on_the_way(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError, match=r"training\.epochs.*'ten, \[20\]: #'"):
        kerasline.run(
            "iris_mlp", {"model.units": [8], "training.epochs": "ten, [20]: #"}, workspace=tmp_path, quiet=True
        )
    assert capfd.readouterr().out == ""


def test_a_wait_that_is_interrupted_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    started = []

    def interrupt(line: str, **_: Any) -> None:
        started.append(int(line))
        raise KeyboardInterrupt

    monkeypatch.setattr("builtins.print", interrupt)
    with pytest.raises(KeyboardInterrupt):
        notebook._stream([sys.executable, "-uc", "import os, time; print(os.getpid()); time.sleep(600)"], quiet=False)
    with pytest.raises(ProcessLookupError):
        os.kill(started[0], 0)


def test_a_result_is_shown_in_short(result: dict[str, Any], tmp_path: Path) -> None:
    outcome = {
        **result, "message": "<b>", "metrics": {"accuracy": 0.9, "auc": None}, "test_metrics": {"accuracy": 0.8},
        "baseline": None, "trivial": {"accuracy": 0.5, "auc": 0.5}, "model": {"version": 3},
        "intervals": {"accuracy": {"low": 0.7, "high": 0.95}, "auc": {"low": None, "high": None}},
    }  # fmt: skip
    Path(result["report"]).with_name("run.json").write_text(json.dumps(outcome))
    (tmp_path / "pets.yaml").write_text("name: pets\ndata: {dataset: digits}\n")
    read = kerasline.load_run(tmp_path / "pets.yaml", tmp_path)
    assert repr(read) == "<run 20260101-000000 of pets: blessed and pushed, version 3>"
    shown = read._repr_html_()
    assert "blessed and pushed" in shown and "&lt;b&gt;" in shown and "<td>accuracy</td>" in shown
    figures = read.frame().set_index("metric").to_dict("index")
    assert figures["accuracy"] == pytest.approx(
        {"eval": 0.9, "low": 0.7, "high": 0.95, "test": 0.8, "production": nan, "trivial": 0.5}, nan_ok=True
    )
    assert figures["auc"].pop("trivial") == 0.5 and all(map(isnan, figures["auc"].values()))
    Path(result["report"]).with_name("run.json").write_text(json.dumps({**result, "status": "failed"}))
    assert "the run failed" in kerasline.load_run("pets", tmp_path)._repr_html_()


def test_an_earlier_run_is_read_again(result: dict[str, Any], tmp_path: Path) -> None:
    assert kerasline.load_run(workspace=tmp_path) == result
    assert kerasline.load_run("pets", tmp_path) == result
    assert kerasline.load_figures(result)["history"] == HISTORY
    with pytest.raises(ConfigError, match="Did you mean 'pets'"):
        kerasline.load_run("pet", tmp_path)


def test_a_run_that_did_not_end_is_said_to_be_one(result: dict[str, Any], tmp_path: Path) -> None:
    Path(result["report"]).with_name("run.json").unlink()
    with pytest.raises(ConfigError, match="run it again"):
        kerasline.load_run("pets", tmp_path)


@pytest.mark.parametrize("content", ['{"run_id": "2', "", "[]", "{}", '{"report": 5}', '{"run_id": "2"}'])
def test_a_run_whose_outcome_is_damaged_is_said_to_be_one(result: dict[str, Any], tmp_path: Path, content: str) -> None:
    Path(result["report"]).with_name("run.json").write_text(content)
    with pytest.raises(ConfigError, match=r"run.json is damaged, so what came of run .* is not known; run the recipe"):
        kerasline.load_run("pets", tmp_path)
    (run,) = list_runs(tmp_path)
    assert (run["run_id"], run["status"]) == (result["run_id"], "failed")
    assert "is damaged" in run["message"]


def test_the_report_is_shown_as_it_is(result: dict[str, Any]) -> None:
    shown = kerasline.show_report(result)
    assert page_of(shown) == Path(result["report"]).read_text()
    assert repr(shown) == f"the report of run 20260101-000000: {result['report']}"


def test_plots_have_their_findings_as_titles_and_stay_in_a_frame(result: dict[str, Any]) -> None:
    both = kerasline.show_plots(result, "curves")
    assert page_of(both).count("<svg") == 2 and page_of(both).startswith("<style>")
    assert repr(both).startswith("The validation loss was best in epoch 2 of 2: 0.5")
    last = kerasline.show_plots(result, "curves", only=[-1])
    assert page_of(last).count("<svg") == 1 and ">epoch</text>" in page_of(last)
    assert "accuracy" in repr(last).lower()
    assert "train took longest" in repr(kerasline.show_plots(result, "steps"))


def test_pictures_are_named_and_names_are_escaped(result: dict[str, Any]) -> None:
    filters = page_of(kerasline.show_images(result, "filters"))
    assert filters.count('src="data:image/png;base64,AA"') == 2 and "the filters of conv1, 3×3×1" in filters
    mistakes = page_of(kerasline.show_images(result, "mistakes"))
    assert "label &lt;cat&gt;, predicted dog (row 3)" in mistakes and "<cat>" not in mistakes


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda result: kerasline.show_plots(result, "curvs"), "Did you mean 'curves'"),
        (lambda result: kerasline.show_plots(result, "curves", only=[2]), "below 2"),
        (lambda result: kerasline.show_plots(result, "evaluation"), "has no plots of the part evaluation"),
        (lambda result: kerasline.show_images(result, "filter"), "Did you mean 'filters'"),
        (lambda result: kerasline.show_images(result, "hits"), "has no pictures of the part hits"),
    ],
)
def test_what_is_not_there_is_said(result: dict[str, Any], ask: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ask(result)
