"""The page of a run: what is on it, what is escaped, and that it stands whatever is missing."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kerasline.components.datasets.description.spec import Column
from kerasline.components.report.diagnosis import may_be_used
from kerasline.components.report.diagnosis.attention import show_setting
from kerasline.components.report.page import render, write_report

MakeFigures = Callable[..., dict[str, Any]]
EVIL = "<img src=x onerror=alert(1)>"
ROOM = Path(__file__).resolve().parents[3] / "components" / "report"
CLASSES = ("setosa", "versicolor", "virginica")


class Balanced(HTMLParser):
    """Checks that every tag is closed by its own."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.faults: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "br", "img"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> at {self.getpos()}")


def text_of(page: str) -> str:
    """The page's words, without tags."""
    return " ".join(re.sub(r"<style>.*?</style>|<script.*?</script>|<[^>]+>", " ", page, flags=re.S).split())


@pytest.fixture
def three_classes(make_figures: MakeFigures) -> dict[str, Any]:
    """60 rows of three classes, six of which are wrong."""
    labels = np.repeat([0, 1, 2], 20)
    guessed = labels.copy()
    guessed[20:26] = 2
    scores = np.full((60, 3), 0.1)
    scores[np.arange(60), guessed] = 0.8
    figures = make_figures(labels, scores, classes=CLASSES, changes=json.dumps({"training.epochs": [30, 10]}))
    figures["metrics"] = {"accuracy": 0.9, "log_loss": 0.4}
    figures["blessed"], figures["model"] = True, {"version": 3, "path": "models/made/3", "parameters": 1234}
    figures["data"]["splits"] = {"train": 900, "eval": 60, "test": 40}
    return figures


def test_the_first_screen_says_whether_to_ship(three_classes: dict[str, Any]) -> None:
    page = render(three_classes)
    words = text_of(page)
    assert (
        "The model may be used, as version 3: it kept all that was asked of it, and reaches accuracy 0.9 on rows that "
        "it had not seen, where always the same answer reaches 0.3333."
    ) in words
    assert "Blessed and pushed as version 3: accuracy 0.9 on the eval split." in words
    assert "multiclass: predicts species, 3 classes" in words
    assert "Made-up rows, 1 000 rows: 900 train, 60 eval, 40 test" in words
    assert "accuracy 0.9: better than the trivial model (0.3333)" in words
    assert "Of 60 rows, 6 are wrong; most often versicolor is taken for virginica (6×)" in words
    assert "training.epochs 30 10" in words
    checker = Balanced()
    checker.feed(page)
    assert checker.faults == [] and checker.open == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"failure": "the disk is full", "blessed": False}, "There is no new model to use; what was in"),
        ({"metrics": None, "blessed": False}, "There is no new model to use; what was in production stays there."),
        ({"blessed": None, "model": None, "stopped_after": "evaluate"}, "The model was not judged, as the run"),
        ({"failure": "no room", "blessed": False, "model": None, "run": {"failed_step": "report"}},
         "The model was judged before the run failed: 'kerasline models' lists what is in production."),
        ({"model": None}, "The model may be used; as the run was asked to stop before that, it was not pushed."),
        ({"run": {"challenges": 2}}, "As version 3 it is tried beside version 2, which stays in production."),
        ({"blessed": False, "gate": ["trivial", "budget"]},
         "The model may not be used: it is not shown to be better than always the same answer and it is slower or "
         "larger than was allowed. What was in production stays there."),
        ({"blessed": False, "gate": ["own"]}, "The model may not be used: a limit of the recipe was not kept. What"),
    ],
)  # fmt: skip
def test_whoever_reads_no_figures_is_told_whether_it_may_be_used(
    three_classes: dict[str, Any], changed: dict[str, Any], said: str
) -> None:
    row = {"metric": "accuracy", "title": "", "slice": "", "value": 1, "limit": 2, "text": "", "passed": False}
    gate = [{**row, "part": part} for part in changed.get("gate", ())]
    assert said in may_be_used({**three_classes, **changed, "gate": gate})


def test_a_challenger_is_not_said_to_be_in_production(three_classes: dict[str, Any]) -> None:
    assert "version 3, in production" in text_of(render(three_classes))
    beside = {**three_classes, "run": {"run_id": "r", "status": "pushed", "steps": [], "challenges": 2}}
    assert "version 3, which challenges version 2" in text_of(render(beside))
    unknown = {**three_classes, "experiment": {**three_classes["experiment"], "push": {"promotion": "shadow"}}}
    assert "version 3, " not in text_of(render(unknown)), "the step that writes it does not know"


def test_the_page_stands_alone(three_classes: dict[str, Any]) -> None:
    page = render(three_classes)
    assert not re.search(r'(src|href)="(?!#|data:)', page)
    assert "http://" not in page.replace("http://www.w3.org", "") and "@import" not in page
    assert "default-src 'none'" in page


@pytest.mark.parametrize("template", [
    path for path in sorted(ROOM.glob("*.html.j2")) if "<head>" in path.read_text()
], ids=lambda path: path.name)  # fmt: skip
def test_a_page_says_what_it_is_to_what_lists_and_reads_it(template: Path) -> None:
    head = template.read_text().partition("</head>")[0]
    assert '<html lang="en">' in head
    for name in ("viewport", "description"):
        assert len(re.findall(f'<meta name="{name}" content="[^"]+">', head)) == 1
    assert len(re.findall("<title>.+</title>", head)) == 1


def test_only_the_pages_own_scripts_may_run(three_classes: dict[str, Any]) -> None:
    """Its own, and the library that it carries zipped."""
    page = render(three_classes)
    own = re.search(r"<script>(.*?)</script>", page, re.S)
    packed = re.search(r'<script type="text/plain" id="plot-library">(.*?)</script>', page, re.S)
    assert own and packed
    scripts = (own[1].encode(), gzip.decompress(base64.b64decode(packed[1])))
    sources = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(one).digest()).decode()}'" for one in scripts)
    assert f"script-src {sources};" in page
    assert b"vegaEmbed" in scripts[1]


def test_each_plot_has_its_spec_beside_it(three_classes: dict[str, Any]) -> None:
    page = render(three_classes)
    specs = [json.loads(one) for one in re.findall(r'</svg><script type="application/json">(.*?)</script>', page)]
    assert len(specs) == page.count('<svg class="plot"') == 4
    assert all("vega-lite" in spec["$schema"] and "config" not in spec for spec in specs)
    bars = {row["name"]: row["x"] for row in specs[0]["datasets"]["plotted"]}
    assert bars["this model"] == 0.9 and bars["trivial model"] == pytest.approx(1 / 3)


def test_names_of_columns_and_classes_are_escaped(make_figures: MakeFigures) -> None:
    labels = np.array([0, 1, 0, 1] * 5)
    figures = make_figures(
        labels, np.eye(2)[[0, 1, 1, 1] * 5], classes=(EVIL, "b"), columns=(Column(name=EVIL, dtype="float"),),
        failure=f"broken: {EVIL}",
    )  # fmt: skip
    figures["metrics"] = {"accuracy": 0.75, "log_loss": 1.0}
    figures["slices"] = [{"slice": {EVIL: EVIL}, "rows": 1, "metrics": {"accuracy": 1.0}, "intervals": {}}]
    figures["statistics"] = {
        EVIL: {"train": {"rows": 9, "missing": 0, "distinct": 1, "values": [{"value": EVIL, "rows": 9}]}},
    }
    figures["gate_verdict"] = {
        "stopped": True, "message": EVIL, "reference": EVIL, "checks": [],
        "quarantine": {"rows": 3, "share": 0.06, "limit": 0.05, "folder": EVIL,
                       "reasons": [{"column": EVIL, "reason": EVIL, "rows": 3}]},
        "findings": [{"check": EVIL, "status": EVIL, "text": EVIL, "split": EVIL, "column": EVIL, "measure": "",
                      "accept": EVIL, "figure": 1.0, "limit": 0.5, "allowance": 0.0}],
    }  # fmt: skip
    page = render(figures)
    assert "<img src=x" not in page
    assert page.count("&lt;img src=x onerror=alert(1)&gt;") > 10
    checker = Balanced()
    checker.feed(page)
    assert checker.faults == []


def test_what_became_of_the_data_is_said(make_figures: MakeFigures) -> None:
    labels = np.array([0, 1] * 5)
    figures = make_figures(labels, np.eye(2)[labels], classes=("a", "b"))
    figures["data"] |= {"skipped": ["t.csv: 1 lines with too few or too many cells (line 9)"], "notes": ["odd: x"]}
    figures["gate_verdict"] = {
        "stopped": False, "message": "", "reference": "version 3, in production", "findings": [],
        "quarantine": {"rows": 12, "share": 0.012, "limit": 0.05, "folder": "/tmp/quarantine",
                       "reasons": [{"column": "age", "reason": "expected a value", "rows": 11},
                                   {"column": "", "reason": "duplicate of a row in train", "rows": 1}]},
        "checks": [{"check": "drift", "status": "passed", "text": "fine", "split": "train", "column": "age",
                    "measure": "", "accept": "", "figure": 0.021, "limit": 0.1, "allowance": 0.004}],
    }  # fmt: skip
    words = text_of(render(figures))
    assert "12 rows are in quarantine: 1.20 % of all, of 5 % that may be" in words
    assert "age expected a value 11 the whole row duplicate of a row in train 1" in words
    assert "All 1 checks of the data gate, compared with version 3, in production" in words
    assert "drift train age ✓ passed fine 0.021 0.104" in words
    assert "1 lines with too few or too many cells (line 9)" in words and "! odd: x" in words


def test_a_thousand_classes(make_figures: MakeFigures) -> None:
    names = tuple(f"class {i}" for i in range(1000))
    labels = np.arange(1000)
    scores = np.zeros((1000, 1000), np.float32)
    scores[labels, (labels + (labels < 30)) % 1000] = 1.0
    figures = make_figures(labels, scores, classes=names)
    figures["metrics"] = {"accuracy": 0.97, "log_loss": 1.0}
    page = render(figures)
    assert "1000 classes, worst recall first" in page
    assert 'class="confusion"' not in page
    assert len(page) < 2_000_000


def test_a_run_that_ended_early_shows_what_there_is(make_figures: MakeFigures) -> None:
    figures = make_figures(np.array([0, 1]), np.eye(2), classes=("a", "b"), failure="the disk is full")
    for key in ("training", "history", "performance", "trivial", "test_metrics", "baseline"):
        figures[key] = None
    figures["diagnosis"] = []
    words = text_of(render(figures))
    assert "The run ended before the model was evaluated: the disk is full." in words
    assert "The run failed: the disk is full" in words
    assert "Evaluation" not in words and "kerasline run made.yaml" in words


def test_nothing_but_the_config_is_left(make_figures: MakeFigures, tmp_path: Path) -> None:
    """Every artifact is missing: the collection and the page stand."""
    figures = make_figures(
        np.array([0, 1]), np.eye(2), classes=("a", "b"),
        folders={name: str(tmp_path / "gone") for name in ("statistics", "verdict", "model_run", "baseline",
                                                           "evaluation", "parity", "explanations", "tuner_results")},
    )  # fmt: skip
    assert figures["performance"] is None and figures["metrics"] is None and figures["trivial"] is None
    assert "The run ended before the model was evaluated." in text_of(render(figures))


def test_a_regression_shows_units(make_figures: MakeFigures) -> None:
    random = np.random.default_rng(0)
    labels = random.normal(300, 50, 80)
    figures = make_figures(
        labels, (labels + random.normal(0, 10, 80))[:, None], task="regression", trivial=[300.0],
        history={"loss": [1.0, 0.1], "rmse": [1.0, 0.3]},
    )  # fmt: skip
    figures["metrics"] = {"mae": 8.0, "rmse": 10.0, "r2": 0.95}
    page = render(figures)
    assert "mean absolute error (EUR)" in page and "prediction (EUR)" in page and "EUR of the label" in page


def test_the_last_run_is_told(three_classes: dict[str, Any]) -> None:
    three_classes["run"] = {
        "run_id": "20261121-030039", "command": "kerasline run made --set training.epochs=30",
        "steps": [{"id": "train", "seconds": 4.2, "cached": False}, {"id": "ingest", "seconds": 0.02, "cached": True}],
        "seconds": {"import": 6.1, "total": 12.5},
        "since": {"run_id": "20261120-010101", "changes": [{"key": "training.epochs", "before": 10, "now": 30}]},
    }  # fmt: skip
    words = text_of(render(three_classes))
    assert "train took longest: 4.2 of 4.2 s" in words and "1 step was reused" in words
    assert "What differs from the last run, 20261120-010101" in words
    assert "kerasline run made --set training.epochs=30" in words


def test_the_figures_are_written_beside_the_page(three_classes: dict[str, Any], tmp_path: Path) -> None:
    write_report(tmp_path / "report", three_classes)
    stored = json.loads((tmp_path / "report" / "figures.json").read_text())
    assert stored["performance"]["confusion"]["wrong"] == 6
    assert (tmp_path / "report" / "index.html").read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ([64, 32], "[64, 32]"),
        (None, "null"),
        (0.30000000004, "0.3"),
        ("relu", "relu"),
        (True, "true"),
        ({"a": 1}, "{a: 1}"),
    ],
)
def test_settings_are_shown_as_yaml(value: object, shown: str) -> None:
    assert show_setting(value) == shown
