"""Verdicts on answers that lie on the disk as a server wrote them: who is better, and who is not told to be."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from kerasline.components.evaluation import daily_mean, row_figures
from kerasline.components.monitoring import CANARY, SHADOW, Capture, Exchange, join_labels
from kerasline.components.verdicts import find_compared, judge
from kerasline.components.verdicts.limits import SMALL_CHANCE

RECORD: dict[str, Any] = {
    "recipe": "shop",
    "task": "multiclass",
    "classes": ["a", "b", "c"],
    "arguments": {"age": "age"},
    "columns": [{"name": "age", "dtype": "float"}],
    "label": {"name": "kind", "columns": ["kind"]},
    "main_metric": "accuracy",
    "measured": ["accuracy", "log_loss"],
}
NUMBERS = {**RECORD, "task": "regression", "classes": None, "main_metric": "mae", "measured": ["mae"]}
BINARY = {**RECORD, "task": "binary", "classes": ["a", "b"], "main_metric": "auc", "measured": ["auc"]}


def scores(guesses: np.ndarray, units: int = 3) -> dict[str, np.ndarray]:
    """An answer in which each row has one class."""
    found = np.full((len(guesses), units), 0.1, np.float32)
    found[np.arange(len(guesses)), guesses] = 0.8
    return {"scores": found, "class": np.array([b"a", b"b", b"c"], object)[guesses]}


class Traffic:
    """Captures what two versions answer: 1 in production, 2 its challenger."""

    def __init__(self, captured: Path, record: dict[str, Any] = RECORD) -> None:
        self.captured, self.record, self.count = captured, record, 0
        self.begin = time.time() - 50_000

    def send(
        self, answers: Sequence[Any], roles: Sequence[str], codes: Sequence[int] = (200, 200), name: str = "q",
        seconds: Sequence[float] = (0.01, 0.011), size: int = 1,
    ) -> list[str]:  # fmt: skip
        """Lets each of the two versions (None for one that is not asked) answer rows; returns the ids of the rows."""
        capture, ids = Capture(self.captured, 1.0), list[str]()
        rows = len(next(iter(next(one for one in answers if one is not None).values())))
        random = np.random.default_rng(self.count)
        for start in range(0, rows, size):
            self.count += 1
            at = self.begin + self.count
            for version, answer in enumerate(answers, start=1):
                if answer is None:
                    continue
                code, role = codes[version - 1], roles[version - 1]
                took = float(seconds[version - 1] * random.uniform(0.9, 1.1))
                part = {key: values[start : start + size] for key, values in answer.items()} if code == 200 else {}
                inputs = {"age": np.zeros(size, np.float32)} if code == 200 else {}
                one = Exchange(
                    "shop", version, self.record, f"{name}{self.count}", at, took, code, inputs, part, role=role
                )
                capture.take(one)
            ids += one.row_ids() if code == 200 else []
        capture.close()
        return ids

    def label(self, ids: Sequence[str], labels: Sequence[Any]) -> None:
        """Joins labels, by way of a CSV file."""
        file = self.captured.parent / "labels.csv"
        pd.DataFrame({"id": ids, "kind": labels}).to_csv(file, index=False)
        join_labels(self.captured, "shop", str(file), "id", {1: self.record, 2: self.record}, 2)

    def judge(self, kind: str, limits: dict[str, float] | None = None) -> dict[str, Any]:
        """Asks for a verdict."""
        folder = self.captured.parent / "models" / "shop"
        return judge(self.captured / "shop", kind, folder, (2, 1), (self.record, self.record), None, limits)


def guesses(random: np.random.Generator, truth: np.ndarray, right: float) -> np.ndarray:
    """What a model of some accuracy says."""
    return np.where(random.random(len(truth)) < right, truth, (truth + 1) % 3)


@pytest.mark.parametrize(("right", "expected"), [(0.95, "better"), (0.6, "worse"), (0.8, "undecided")])
def test_a_shadow_is_judged_by_pairs(tmp_path: Path, right: float, expected: str) -> None:
    random, traffic = np.random.default_rng(0), Traffic(tmp_path / "captured")
    truth = random.integers(0, 3, 600)
    answers = [scores(guesses(random, truth, 0.8)), scores(guesses(random, truth, right))]
    ids = traffic.send(answers, ["", SHADOW], size=3)
    before = traffic.judge(SHADOW)
    assert (before["verdict"], before["rows"], before["labelled"], before["more_rows"]) == ("undecided", 600, 0, None)
    assert "no answer of both has its label yet" in before["reasons"][0]
    assert 0.3 < before["evidence"]["agreement"]["share"] < 0.9
    traffic.label(ids, ["abc"[one] for one in truth])
    found = traffic.judge(SHADOW)
    assert (found["verdict"], found["labelled"], found["challenger"], found["incumbent"]) == (expected, 600, 2, 1)
    metric = found["evidence"]["metric"]
    assert [metric["challenger"], metric["incumbent"]] == pytest.approx([right, 0.8], abs=0.05)
    assert metric["low"] < metric["difference"] < metric["high"]
    assert metric["difference"] == pytest.approx(metric["challenger"] - metric["incumbent"])
    assert found["evidence"]["errors"]["challenger"] == {"failed": 0, "requests": 200}
    latency = found["evidence"]["latency_ms"]
    assert latency["low"] < 1.1 < latency["high"] and latency["challenger"]["p50"] == pytest.approx(11, abs=0.5)
    assert "accuracy" in found["reasons"][0]


def test_few_rows_decide_nothing_and_say_how_many_do(tmp_path: Path) -> None:
    random, traffic = np.random.default_rng(0), Traffic(tmp_path / "captured")
    truth = random.integers(0, 3, 90)
    ids = traffic.send([scores(guesses(random, truth, 0.3)), scores(truth)], ["", SHADOW])
    traffic.label(ids, ["abc"[one] for one in truth])
    found = traffic.judge(SHADOW)
    assert (found["verdict"], found["more_rows"]) == ("undecided", 10)
    assert "nothing is decided below 100 rows" in found["reasons"][0]


def test_a_canary_is_another_sample_of_the_same_time(tmp_path: Path) -> None:
    random, traffic = np.random.default_rng(0), Traffic(tmp_path / "captured")
    truth = random.integers(0, 3, 3000)
    early = traffic.send([scores(guesses(random, truth[:500], 0.1)), None], ["", ""], name="e")
    ids = list[str]()
    for start in range(0, 3000, 500):
        part = slice(start, start + 500)
        ids += traffic.send([None, scores(guesses(random, truth[part], 0.9))], ["", CANARY], name="c", size=2)
        ids += traffic.send([scores(guesses(random, truth[part], 0.7)), None], ["", ""], name="p", size=2)
    labels = ["abc"[one] for start in range(0, 3000, 500) for one in np.tile(truth[start : start + 500], 2)]
    traffic.label(early, ["abc"[one] for one in truth[:500]])
    found = traffic.judge(CANARY)
    assert (found["verdict"], found["rows"]) == ("undecided", 3000)
    assert (found["labelled"], found["notes"]) == (0, []), "what was labelled was answered before"
    traffic.label(ids, labels)
    found = traffic.judge(CANARY)
    metric = found["evidence"]["metric"]
    assert found["verdict"] == "better"
    assert metric["incumbent"] == pytest.approx(0.7, abs=0.03), "not what was before it"
    assert (found["evidence"]["agreement"], found["labelled"]) == (None, 3000)


def test_labels_of_one_side_alone_decide_nothing(tmp_path: Path) -> None:
    traffic, guess = Traffic(tmp_path / "captured"), np.zeros(200, int)
    mine = traffic.send([None, scores(guess)], ["", CANARY], name="c")
    traffic.send([scores(guess), None], ["", ""], name="p")
    traffic.send([None, scores(guess[:1])], ["", CANARY], name="z")
    traffic.label(mine, ["a"] * 200)
    found = traffic.judge(CANARY)
    assert (found["verdict"], found["labelled"]) == ("undecided", 200)
    assert "labels came for version 2 alone; both need some, so give those of version 1, too" in found["notes"]


@pytest.mark.parametrize("kind", [SHADOW, CANARY])
def test_one_that_fails_where_production_answers_is_worse(tmp_path: Path, kind: str) -> None:
    traffic, guess = Traffic(tmp_path / "captured"), np.zeros(150, int)
    if kind == SHADOW:
        traffic.send([scores(guess), scores(guess)], ["", SHADOW])
        traffic.send([scores(guess[:60]), scores(guess[:60])], ["", SHADOW], codes=(200, 500))
    else:
        traffic.send([None, scores(guess[:1])], ["", CANARY])
        traffic.send([scores(guess), None], ["", ""])
        traffic.send([None, scores(guess[:60])], ["", CANARY], codes=(200, 400))
        traffic.send([None, scores(guess)], ["", CANARY])
    found = traffic.judge(kind)
    assert found["verdict"] == "worse" and "it fails more often: 60 of 21" in found["reasons"][0]
    assert found["evidence"]["errors"]["low"] > 0


def test_ten_times_slower_is_not_better_by_itself_and_a_limit_ends_it(tmp_path: Path) -> None:
    random, traffic = np.random.default_rng(0), Traffic(tmp_path / "captured")
    truth = random.integers(0, 3, 400)
    answers = [scores(guesses(random, truth, 0.6)), scores(truth)]
    traffic.label(traffic.send(answers, ["", SHADOW], seconds=(0.01, 0.1)), ["abc"[one] for one in truth])
    found = traffic.judge(SHADOW)
    assert found["verdict"] == "undecided" and " times as long to answer" in found["reasons"][0]
    assert traffic.judge(SHADOW, {"p99_ms": 500.0})["verdict"] == "better", "that is fast enough"
    crossed = traffic.judge(SHADOW, {"p99_ms": 50.0, "error_rate": 0.5, "accuracy_drop": 0.1})
    assert crossed["verdict"] == "worse" and "rollback_on.p99_ms" in crossed["reasons"][0]
    assert [row["crossed"] for row in crossed["evidence"]["limits"]] == [True, False, False]


def test_a_drop_beyond_its_limit_ends_it(tmp_path: Path) -> None:
    random, traffic = np.random.default_rng(0), Traffic(tmp_path / "captured")
    truth = random.integers(0, 3, 600)
    answers = [scores(truth), scores(guesses(random, truth, 0.5))]
    traffic.label(traffic.send(answers, ["", SHADOW]), ["abc"[one] for one in truth])
    (row,) = traffic.judge(SHADOW, {"accuracy_drop": 0.2})["evidence"]["limits"]
    assert row["crossed"] and row["value"] == pytest.approx(0.5, abs=0.05)
    (row,) = traffic.judge(SHADOW, {"accuracy_drop": 0.6})["evidence"]["limits"]
    assert not row["crossed"]


@pytest.mark.parametrize(("metric", "limit", "beyond"), [("rmse", 0.7, 1.3), ("r2", 0.2, 0.5), ("mae", 0.5, 1.1)])
def test_a_drop_is_held_against_the_metric_whichever_it_is(
    tmp_path: Path, metric: str, limit: float, beyond: float
) -> None:
    random, traffic = np.random.default_rng(0), Traffic(tmp_path / "captured", {**NUMBERS, "main_metric": metric})
    truth = random.normal(10, 3, 1500)
    answers = [{"value": (truth + random.normal(0, sd, 1500)).astype(np.float32)} for sd in (1.0, 2.0)]
    traffic.label(traffic.send(answers, ["", SHADOW]), list(truth))
    found = traffic.judge(SHADOW, {"metric_drop": limit})
    (row,) = found["evidence"]["limits"]
    values = found["evidence"]["metric"]
    fallen = (values["challenger"] - values["incumbent"]) * (-1 if metric == "r2" else 1)
    assert row["crossed"] and row["value"] == pytest.approx(fallen, rel=1e-3)
    (row,) = traffic.judge(SHADOW, {"metric_drop": beyond})["evidence"]["limits"]
    assert not row["crossed"]


@pytest.mark.parametrize("metric", ["rmse", "r2"])
def test_a_drop_that_is_just_allowed_is_hardly_ever_found_at_any_look(metric: str) -> None:
    """Two models whose true figures differ by the limit, looked at after each of thirty days."""
    random, false = np.random.default_rng(1), 0
    limit = 0.5 if metric == "rmse" else (1.5**2 - 1) / 9
    for _ in range(200):
        truth = random.normal(0, 3, 3000)
        mine, theirs = (truth + random.standard_t(8, 3000) * sd * np.sqrt(0.75) for sd in (1.5, 1.0))
        for rows in range(300, 3001, 90):
            drops = [row_figures(metric, truth[:rows], one[:rows]) for one in (mine, theirs)]
            fallen = drops[0] - drops[1] if metric == "rmse" else drops[1] - drops[0]
            if daily_mean(fallen, SMALL_CHANCE).low > limit:
                false += 1
                break
    assert false <= 5, "of 200, where one is expected"


def test_numbers_are_compared_by_their_errors(tmp_path: Path) -> None:
    random, traffic = np.random.default_rng(0), Traffic(tmp_path / "captured", NUMBERS)
    truth = random.normal(10, 3, 500)
    answers = [{"value": (truth + random.normal(0, sd, 500)).astype(np.float32)} for sd in (2.0, 1.0)]
    traffic.label(traffic.send(answers, ["", SHADOW]), list(truth))
    found = traffic.judge(SHADOW)
    metric = found["evidence"]["metric"]
    assert found["verdict"] == "better" and metric["high"] < 0 < metric["incumbent"] and not metric["higher_is_better"]
    assert found["evidence"]["agreement"]["mean_difference"] == pytest.approx(1.8, abs=0.3)
    assert found["evidence"]["estimated"] is None


def noisy_scores(rows: int, noises: Sequence[float]) -> tuple[np.ndarray, list[dict[str, np.ndarray]]]:
    """Draws classes of 0 and 1, and the scores of a model for each noise."""
    random = np.random.default_rng(0)
    truth, answers = random.integers(0, 2, rows), []
    for noise in noises:
        second = 1 / (1 + np.exp(-(2 * truth - 1 + random.normal(0, noise, rows))))
        answers.append({"scores": np.stack([1 - second, second], 1).astype(np.float32)})
    return truth, answers


def test_an_area_is_compared_by_the_hundred_rows(tmp_path: Path) -> None:
    traffic = Traffic(tmp_path / "captured", BINARY)
    truth, answers = noisy_scores(2500, (1.5, 0.5))
    ids = traffic.send(answers, ["", SHADOW], size=50)
    traffic.label(ids[:50], ["ab"[one] for one in truth[:50]])
    assert "50 rows have a label; auc takes 1,000 to be compared" in traffic.judge(SHADOW)["reasons"]
    traffic.label(ids, ["ab"[one] for one in truth])
    found = traffic.judge(SHADOW)
    assert found["verdict"] == "better" and found["evidence"]["metric"]["measured_as"] == "auc of every 100 rows"


def test_an_area_that_falls_crosses_its_limit(tmp_path: Path) -> None:
    traffic = Traffic(tmp_path / "captured", BINARY)
    truth, answers = noisy_scores(5000, (0.5, 2.0))
    traffic.label(traffic.send(answers, ["", SHADOW], size=50), ["ab"[one] for one in truth])
    (row,) = traffic.judge(SHADOW, {"metric_drop": 0.1})["evidence"]["limits"]
    assert row["crossed"] and row["value"] == pytest.approx(0.24, abs=0.03)
    (row,) = traffic.judge(SHADOW, {"metric_drop": 0.23})["evidence"]["limits"]
    assert not row["crossed"], "it may be chance"


def test_rows_without_a_counterpart_and_repeated_ids_count_for_nothing(tmp_path: Path) -> None:
    traffic, guess = Traffic(tmp_path / "captured"), np.zeros(20, int)
    traffic.send([scores(guess), scores(guess)], ["", SHADOW])
    traffic.send([None, scores(guess[:5])], ["", SHADOW], name="lonely")
    traffic.count = 0
    traffic.send([scores(guess[:3]), scores(guess[:3])], ["", SHADOW])  # the same ids again
    found = traffic.judge(SHADOW)
    assert found["rows"] == 20
    assert any("5 rows of the shadow have no counterpart" in note for note in found["notes"])
    assert any("3 rows had a request id that came before" in note for note in found["notes"])


def test_the_version_that_was_compared_last_is_found(tmp_path: Path) -> None:
    traffic, guess = Traffic(tmp_path / "captured"), np.zeros(3, int)
    shop = tmp_path / "captured" / "shop"
    traffic.send([scores(guess), None], ["", ""])
    assert find_compared(shop, 1) is None, "a folder of before has no roles"
    traffic.send([scores(guess), scores(guess)], ["", SHADOW])
    assert (find_compared(shop, 1), find_compared(shop, 2), find_compared(shop, 1, 3)) == ((2, SHADOW), None, None)
