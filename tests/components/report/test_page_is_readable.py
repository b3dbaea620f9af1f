"""Every page on a desktop, on a phone, in the dark and on paper: nothing small, nothing pale, nothing cut off."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kerasline.components.report.page import assets, environment, write_report
from kerasline.components.report.plots.search_plots import plot_search
from kerasline.pipeline.models.model_card import as_html, describe

_HERE = Path(__file__).parent
_SPEC = importlib.util.spec_from_file_location("report_browser", _HERE / "browser.py")
assert _SPEC and _SPEC.loader
browser = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(browser)
AUDIT = (_HERE / "audit.js").read_text(encoding="utf-8")
LONG = "measurement_of_the_sensor_at_station_{:03d}_celsius"
ANIMALS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
A4 = 718  # CSS pixels between the margins of a sheet
MakeFigures = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A page of a headless Chromium."""
    path = browser.find_browser()
    if path is None:
        pytest.skip("needs Chromium (Debian: apt install chromium); none is on the path")
    with browser.open_browser(path, tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def classified(make_figures: MakeFigures, classes: tuple[str, ...]) -> dict[str, Any]:
    """The figures of a run with so many classes, a third of whose rows are wrong, and all kinds of plots."""
    random = np.random.default_rng(0)
    labels = np.arange(max(300, 2 * len(classes))) % len(classes)
    guessed = np.where(random.random(len(labels)) < 0.3, random.integers(0, len(classes), len(labels)), labels)
    scores = np.full((len(labels), len(classes)), 0.1 / len(classes))
    scores[np.arange(len(labels)), guessed] = 0.9
    figures = make_figures(labels, scores, classes=classes)
    figures["metrics"] = {"accuracy": 0.7, "log_loss": 1.0}
    names = [LONG.format(number) for number in range(20)]
    figures["label_counts"] = {"train": {name: 100 for name in classes}}
    train = {"rows": 900, "missing": 3, "minimum": 1.1, "median": 1.12, "maximum": 1.14,
             "histogram": {"edges": [1.1, 1.12, 1.14], "counts": [500, 400]}}  # fmt: skip
    figures["statistics"] = {name: {"train": train} for name in names[:3]}
    rows = [{"column": name, "drop": 0.1 / (i + 1), "low": 0.09 / (i + 1), "high": 0.11 / (i + 1)}
            for i, name in enumerate(names)]  # fmt: skip
    groups = [{"columns": names[:5], "drop": 0.05, "low": 0.04, "high": 0.06}]
    importance = {"metric": "accuracy", "value": 0.7, "rows": 300, "columns": rows, "groups": groups, "skipped": []}
    surface = {"columns": names[:2], "units": ["cm", None], "target": "rent", "x": [10, 20], "y": [0, 1],
               "z": [[1.0, 2.0], [3.0, 9.0]], "points": [[10, 0, 1.0, 1.5]]}  # fmt: skip
    because = {"target": "rent", "usual": 0.1, "rest": 0.2,
               "columns": [{"column": name, "effect": -0.1} for name in names[:10]]}  # fmt: skip
    mistake = {"row": 7, "label": classes[0], "prediction": classes[1], "score": 0.9, "image": None, "heat": None,
               "saliency": None, "neighbours": [], "values": [[names[0], "1.1"]], "because": because}  # fmt: skip
    figures["explanations"] = {"mistakes": [mistake], "hits": [], "neighbours_of": 0, "notes": [],
                               "importance": importance, "dependence": [], "surface": surface}  # fmt: skip
    return figures


def audit(page: Any, path: Path, *, width: int, dark: bool = False, paper: bool = False) -> None:
    page.open(path, width=width, dark=dark)
    if paper:
        page.call("Emulation.setEmulatedMedia", media="print")
    try:
        found = page.run(AUDIT)
        assert found == {"small": [], "pale": [], "outside": []}
        assert page.run("document.documentElement.scrollWidth") <= width
    finally:
        page.call("Emulation.setEmulatedMedia", media="")


@pytest.mark.parametrize(
    "classes",
    [
        ANIMALS,
        tuple(f"class number {number}" for number in range(30)),
        tuple(f"name{number}" for number in range(1000)),
    ],
    ids=["10", "30", "1000"],
)
def test_a_report_is_readable(page: Any, make_figures: MakeFigures, tmp_path: Path, classes: tuple[str, ...]) -> None:
    write_report(tmp_path / "report", classified(make_figures, classes))
    path = tmp_path / "report" / "index.html"
    assert path.stat().st_size < 1_500_000
    for width, dark in ((1280, False), (1280, True), (390, False), (390, True)):
        audit(page, path, width=width, dark=dark)


@pytest.mark.parametrize(
    "classes", [ANIMALS, tuple(f"class number {number}" for number in range(30))], ids=["10", "30"]
)
def test_a_confusion_matrix_is_not_cut(
    page: Any, make_figures: MakeFigures, tmp_path: Path, classes: tuple[str, ...]
) -> None:
    write_report(tmp_path / "report", classified(make_figures, classes))
    right = "document.querySelector('table.confusion').getBoundingClientRect().right"
    frame = "document.querySelector('table.confusion').closest('figure').getBoundingClientRect().right"
    page.open(tmp_path / "report" / "index.html", width=1280)
    assert page.run(f"{right} <= {frame}")
    page.open(tmp_path / "report" / "index.html", width=A4)
    page.call("Emulation.setEmulatedMedia", media="print")
    assert page.run(f"{right} <= {frame}"), "on paper nothing scrolls"
    page.call("Emulation.setEmulatedMedia", media="")


def test_a_model_card_is_readable(page: Any, make_figures: MakeFigures, tmp_path: Path) -> None:
    columns = [{"name": LONG.format(number), "dtype": "float", "unit": "cm"} for number in range(5)]
    record = {"columns": columns, "label": {"name": "kind"}, "classes": ANIMALS, "data_fingerprint": "f" * 64,
              "arguments": {column["name"]: column["name"] for column in columns},
              "environment": {"packages": "tensorflow 2.21.0, keras 3.15.1"}}  # fmt: skip
    card = tmp_path / "card.html"
    card.write_text(as_html("made", "3", describe("made", 3, record, classified(make_figures, ANIMALS))), "utf-8")
    for width, dark in ((1280, False), (1280, True), (390, False), (390, True)):
        audit(page, card, width=width, dark=dark)


def test_the_run_that_ended_early_is_readable(page: Any, make_figures: MakeFigures, tmp_path: Path) -> None:
    figures = make_figures(np.array([0, 1] * 10), np.eye(2)[[0, 1] * 10], classes=("no", "yes"))
    figures |= {"metrics": None, "failure": f"expected {'a_very_long_name_' * 20} to be there", "performance": None}
    write_report(tmp_path / "report", figures)
    for width in (1280, 390):
        audit(page, tmp_path / "report" / "index.html", width=width)


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_the_plots_of_other_tasks_are_readable(page: Any, make_figures: MakeFigures, tmp_path: Path, task: str) -> None:
    random = np.random.default_rng(0)
    truth = random.integers(0, 2, 300) if task == "binary" else random.normal(1_690_000_000, 40, 300)
    noise = random.random(300)
    noisy = np.clip(truth * 0.6 + noise * 0.4, 0, 1) if task == "binary" else truth + 20 * noise - 10
    figures = make_figures(truth.astype(np.float64), noisy[:, None].astype(np.float64), task=task,
                           classes=("no", "yes") if task == "binary" else None, trivial=[0.5])  # fmt: skip
    figures["metrics"] = {figures["main_metric"]: 0.9}
    write_report(tmp_path / "report", figures)
    for width, dark in ((1280, False), (1280, True), (390, False), (390, True)):
        audit(page, tmp_path / "report" / "index.html", width=width, dark=dark)


def test_the_plots_of_a_search_are_readable(page: Any, tmp_path: Path) -> None:
    space = {f"model.key_number_{number}": {"float": [0, 1]} for number in range(6)}
    trials = [{"number": n, "score": 0.9 + n / 1e5, "values": {key: n + i for i, key in enumerate(space)}}
              for n in range(12)]  # fmt: skip
    shares = [{"key": key, "share": 0.1, "interval": [0.05, 0.2]} for key in space]
    tuning = {"objective": "val_accuracy", "direction": "max", "best": 11, "untuned": 0, "space": space,
              "trials": trials, "importance": {"shares": shares, "trials": 12, "is_weak": True}}  # fmt: skip
    macros = environment().from_string(
        '{% import "macros.html.j2" as macros %}<meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        "<style>{{ style }}</style><body>{{ macros.draw_all(plots) }}"
    )
    file = tmp_path / "search.html"
    file.write_text(macros.render(plots=plot_search({"tuning": tuning}), style=assets()["style"]), "utf-8")
    for width, dark in ((1280, False), (390, True)):
        audit(page, file, width=width, dark=dark)
