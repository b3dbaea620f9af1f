"""The search in the report: what is read of it, what moved, which keys mattered, and where the plots put the trials."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kerasline.components.report.diagnosis.attention import show_figure
from kerasline.components.report.drawing import Axis, coordinates_chart, draw
from kerasline.components.report.figures.importance import key_importance
from kerasline.components.report.figures.search import read_trials
from kerasline.components.report.page import render
from kerasline.components.report.plots.search_plots import plot_search
from tests.components.report.conftest import MakeFigures

SPACE = {
    "training.learning_rate": {"float": [1e-4, 1e-1], "log": True},
    "model.activation": {"choice": ["relu", "tanh"]},
    "model.dropout": {"float": [0, 0.5]},
}
TUNING = {"objective": "val_loss", "max_trials": 4, "algorithm": "random", "budget": None, "space": SPACE}


def entry(number: int, score: float | None, **values: Any) -> dict[str, Any]:
    """A trial as the Tuner leaves it."""
    status, reason = ("FAILED", "out of memory <b>") if score is None else ("COMPLETED", "")
    return {
        "trial_id": str(number), "status": status, "score": score, "reason": reason, "seconds": 1.5,
        "history": {"loss": [1.0, 0.5]} if score is not None else {},
        "values": {key.replace("__", "."): value for key, value in values.items()},
    }  # fmt: skip


def write(folder: Path, best: int, *entries: dict[str, Any]) -> str:
    """Writes a search's results."""
    (folder / "trials.json").write_text(json.dumps({"best": str(best), "trials": entries}))
    return str(folder)


def made_trials(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Trials whose score follows the rate's logarithm, a little the activation, and not the dropout."""
    draw = random.Random(seed)
    trials = []
    for number in range(count):
        rate, dropout, activation = 10 ** draw.uniform(-4, -1), draw.uniform(0, 0.5), draw.choice(["relu", "tanh"])
        score = (math.log10(rate) + 2.5) ** 2 + 0.3 * (activation == "tanh")
        values = {"training.learning_rate": rate, "model.activation": activation, "model.dropout": dropout}
        trials.append({"number": number, "score": score, "values": values})
    return trials


def test_what_changed_and_by_how_much_it_moved(tmp_path: Path) -> None:
    """A lower loss is a gain; a key that only one of the two has is a change; failed trials keep their reason."""
    folder = write(
        tmp_path, 2,
        entry(2, 0.2, model__family="cnn", model__filters=[8], training__learning_rate=0.01),
        entry(0, 0.5, model__family="mlp", model__units=[4], training__learning_rate=0.01),
        entry(1, None, model__family="mlp", model__units=[8], training__learning_rate=9.0),
    )  # fmt: skip
    found = read_trials(folder, TUNING)
    assert found is not None
    assert [trial["number"] for trial in found["trials"]] == [0, 1, 2]
    assert found["trials"][1]["reason"] == "out of memory <b>" and found["trials"][1]["score"] is None
    assert (found["best"], found["untuned"], found["moved"]) == (2, 0, pytest.approx(0.3))
    assert found["changed"] == [
        {"key": "model.family", "untuned": "mlp", "tuned": "cnn"},
        {"key": "model.filters", "untuned": None, "tuned": [8]},
        {"key": "model.units", "untuned": [4], "tuned": None},
    ]
    assert found["importance"] is None
    assert read_trials(folder, None) is None and read_trials(None, TUNING) is None


def test_scores_that_are_means_have_a_range(tmp_path: Path, make_figures: MakeFigures) -> None:
    made = [entry(0, 0.5, model__dropout=0.1) | {"scores": [0.75, 0.25]}, entry(1, None, model__dropout=0.2)]
    found = read_trials(write(tmp_path, 0, *made), TUNING)
    assert found is not None
    assert (found["fits"], [trial["range"] for trial in found["trials"]]) == (2, [[0.25, 0.75], None])
    figures = make_figures(np.array([0, 1] * 20), np.eye(2)[[0, 1] * 20], classes=("a", "b"))
    page = render({**figures, "tuning": found})
    assert "Each score is the mean of 2 fits" in page and "0.25 to 0.75" in page


def test_an_untuned_config_that_failed(tmp_path: Path) -> None:
    folder = write(tmp_path, 1, entry(0, None, model__dropout=0.9), entry(1, 0.4, model__dropout=0.1))
    found = read_trials(folder, TUNING)
    assert found is not None
    assert (found["untuned"], found["changed"], found["moved"]) == (None, [], None)
    assert "the untuned config failed" in plot_search({"tuning": found})[0].title


def test_what_moves_the_score_is_important() -> None:
    """And what does not is not: by the formula, the rate has 0.45 of 0.4725 of the variance, the activation 0.0225."""
    importance = key_importance(made_trials(120), SPACE)
    assert importance is not None
    shares = {found["key"]: found["share"] for found in importance["shares"]}
    assert list(shares) == ["training.learning_rate", "model.activation", "model.dropout"]
    assert shares["training.learning_rate"] == pytest.approx(0.95, abs=0.06)
    assert shares["model.activation"] == pytest.approx(0.03, abs=0.03)
    assert shares["model.dropout"] < 0.02
    assert not importance["is_weak"]
    assert all(low <= found["share"] <= high for found in importance["shares"] for low, high in [found["interval"]])


def test_few_trials_are_called_weak_and_fewer_say_nothing() -> None:
    weak = key_importance(made_trials(12), SPACE)
    assert weak is not None and weak["is_weak"] and weak["trials"] == 12
    assert key_importance(made_trials(4), SPACE) is None
    level = [{**trial, "score": 0.5} for trial in made_trials(20)]
    assert key_importance(level, SPACE) is None


def test_a_key_that_is_not_in_every_trial_counts_too() -> None:
    """The family decides, and its own key within it."""
    trials = made_trials(80)
    space = {**SPACE, "model.family": {"choice": ["mlp", "cnn"]}, "model.filters": {"choice": [[8], [16]]}}
    for number, trial in enumerate(trials):
        family = "cnn" if number % 2 else "mlp"
        trial["values"] |= {"model.family": family} | (
            {"model.filters": [8 + 8 * (number % 4 > 1)]} if number % 2 else {}
        )
        trial["score"] = (family == "cnn") * (2 + trial["values"].get("model.filters", [0])[0] / 100)
    importance = key_importance(trials, space)
    assert importance is not None
    assert {found["key"] for found in importance["shares"][:2]} == {"model.family", "model.filters"}


def test_lines_cross_the_axes_where_their_values_are() -> None:
    axes = [
        Axis("rate", [0.0, 1.0, 2.0], [(0.0, "low")], ["a", "b", "c"]),
        Axis("<b>", [None, 5.0, 10.0], []),
        Axis("s", [3.0, 1.0, 2.0], []),
    ]
    spec = coordinates_chart("t", axes, ["trial 0", "trial 1", "trial 2"], [1], 0)
    found = {row["kind"]: row for row in spec["datasets"]["plotted"]}
    assert list(found) == ["other", "untuned config", "best"], "what stands out is above the others"
    assert found["untuned config"]["x"] == [0, 2], "it has no place on the second axis"
    assert found["other"]["x"] == found["best"]["x"] == [0, 1, 2]
    assert found["best"]["y"] == [0.5, 0.0, 0.0] and found["other"]["y"] == [1.0, 1.0, 0.5]
    assert found["best"]["text"] == ["b", "", ""] and found["best"]["name"] == "trial 1"
    svg = draw(spec)
    assert "<b>" not in svg and "untuned config" in svg


def test_the_page_tells_the_search(make_figures: MakeFigures) -> None:
    figures = make_figures(np.arange(12) % 3, np.full((12, 3), 1 / 3), classes=("a", "b", "c"))
    trials = [{**trial, "epochs": 3, "seconds": 2.0, "reason": ""} for trial in made_trials(40)]
    trials.append({"number": 40, "score": None, "values": {}, "epochs": 0, "seconds": 1, "reason": "<b>out of memory"})
    best = min(trials[:40], key=lambda trial: trial["score"])
    figures["tuning"] = {
        "objective": "val_loss", "direction": "min", "wanted": 50, "algorithm": "random", "budget": "5m",
        "space": SPACE, "trials": trials, "best": best["number"], "untuned": 0,
        "moved": trials[0]["score"] - best["score"],
        "changed": [{"key": "model.dropout", "untuned": 0.2, "tuned": 0.3}],
        "importance": key_importance(trials, SPACE),
    }  # fmt: skip
    page = render(figures)
    assert "<b>out of memory" not in page and "failed: &lt;b&gt;out of memory" in page
    assert f"That moved val_loss by {best['score'] - trials[0]['score']:+.4g};" in page
    assert "41 of 50 trials ran: the budget of 5m was spent, or the space holds no more." in page
    plots = plot_search(figures)
    assert [plot.title.split(":")[0].split(" has ")[0] for plot in plots] == [
        f"Trial {best['number']} took the validation loss from {show_figure(trials[0]['score'])} (untuned) to "
        f"{show_figure(best['score'])}",
        "The best of 40 trials",
        "learning_rate mattered most",
    ]
    assert plots[0].note == "1 more failed"


def test_null_is_a_value_with_a_place_and_a_name() -> None:
    """Other than a key that a trial does not have."""
    space = {"training.learning_rate_schedule": {"choice": [None, {"name": "CosineDecay"}]}, "model.family": {}}
    trials = [
        {"number": number, "score": 0.5 - number, "values": values}
        for number, values in enumerate(
            [
                {},
                {"training.learning_rate_schedule": {"name": "CosineDecay"}},
                {"training.learning_rate_schedule": None},
            ]
        )
    ]
    tuning = {"objective": "val_loss", "direction": "min", "best": 2, "untuned": 0, "space": space, "trials": trials}
    plot = plot_search({"tuning": tuning})[1]
    assert plot.title == "The best of 3 trials has learning_rate_schedule null"
    assert ">null</text>" in plot.body and ">Cosin…ecay<" in plot.body
    crossed = {row["name"]: row["text"] for row in plot.spec["datasets"]["plotted"]}
    assert crossed == {"trial 0": ["0.5"], "trial 1": ["CosineDecay", "-0.5"], "trial 2": ["null", "-1.5"]}


def test_a_weak_estimate_says_so_in_its_title() -> None:
    """Clear or not."""
    tuning = {"objective": "val_loss", "direction": "min", "best": 0, "untuned": 0, "space": SPACE}
    titles = {}
    for count in (12, 25):
        trials = made_trials(count)
        best = min(trials, key=lambda trial: trial["score"])["number"]
        found = {**tuning, "trials": trials, "best": best, "importance": key_importance(trials, SPACE)}
        titles[count] = plot_search({"tuning": found})[2].title
    assert titles[12] == "dropout seems to matter most, but 12 trials say little"
    assert titles[25].startswith("learning_rate seems to matter most") or titles[25].startswith("As far as 25 trials")
