"""What a search costs over plain KerasTuner, and what it gains on rows that it has not seen.

    python -m benchmarks.tuning overhead --json tuning.json
    python -m benchmarks.tuning gain --only boston_housing --budget 45s

``overhead`` gives the recipe digits_cnn's network, two hyperparameters, a seed and a number of trials to kerasline and
to a plain KerasTuner script, on the same rows. It compares the seconds of the Tuner step with those of the script's
search, each over its number of trials (kerasline makes one more, the untuned config; imports are left out on both
sides), and the best of the trials that both made.

``gain`` runs recipes untuned, and tuned by random search, Bayesian optimisation and Hyperband with the same budget of
time, and takes the metric of the test split, which no choice was made on, from the command's JSON. Each of ``--seeds``
repeats all: it draws the splits that the recipe leaves open, the first weights, and the trials.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.headline import NOT_BLESSED, ROOT, run_recipe

OVERHEAD_SPACE = {
    "model.dropout": {"float": [0.0, 0.5]},
    "training.learning_rate": {"float": [1e-4, 0.1], "log": True},
}
TARGET = 1.1
SEED = 7


@dataclass(frozen=True)
class Gain:
    """What a recipe is judged by on the test split (less is better), and what a search goes by and where."""

    metric: str
    objective: str
    space: dict[str, dict[str, Any]]


# A search of minutes makes a dozen trials or two, so the spaces of the tables have few keys.
_DECAY = {"choice": [None, {"name": "CosineDecay"}]}
GAINS = {
    "regression_surface": Gain(
        "rmse",
        "val_rmse",
        {
            "training.learning_rate": {"float": [1e-3, 1e-2], "log": True},
            "training.learning_rate_schedule": _DECAY,
        },
    ),
    "boston_housing": Gain(
        "rmse",
        "val_rmse",
        {
            "training.learning_rate": {"float": [1e-3, 2e-2], "log": True},
            "training.learning_rate_schedule": _DECAY,
            # Its rows of validation are few: which epoch is best on them is half chance.
            "training.early_stopping": {"choice": [None, {"monitor": "val_loss", "patience": 15}]},
        },
    ),
    "digits_cnn": Gain(
        "log_loss",
        "val_loss",
        {
            "model.filters": {"choice": [[16, 32], [32, 64], [64, 128]]},
            "model.batch_normalization": {"boolean": True},
            "model.dropout": {"float": [0.0, 0.5]},
            "model.augmentation.translate": {"float": [0.0, 0.12]},
            "training.learning_rate": {"float": [5e-4, 1e-2], "log": True},
            "training.learning_rate_schedule": _DECAY,
        },
    ),
}
ALGORITHMS = ("random", "bayesian", "hyperband")


def main() -> int:
    """Runs a part, prints its table, and returns 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["overhead", "gain"])
    shared = Path(os.environ.get("KERASLINE_DATA", ROOT.parent / "shared" / "data"))
    parser.add_argument("--data", type=Path, default=shared, help="the real data (%(default)s)")
    parser.add_argument("--trials", type=int, default=12, help="overhead: of the script")
    parser.add_argument("--epochs", type=int, default=6, help="overhead: of each trial")
    parser.add_argument("--only", nargs="+", choices=list(GAINS), default=list(GAINS), help="gain: recipes")
    parser.add_argument("--algorithms", nargs="+", choices=ALGORITHMS, default=list(ALGORITHMS), help="gain")
    parser.add_argument("--budget", default="45s", help="gain: time of each search (%(default)s)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[SEED], help="gain: each makes all runs (%(default)s)")
    parser.add_argument(
        "--tuning", type=json.loads, default={}, metavar="JSON", help='gain: of every search, such as {"folds": 1}'
    )
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    options = parser.parse_args()
    console = Console()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="kerasline-tuning-") as name:
        if options.part == "overhead":
            result, table, code = overhead(Path(name), options.data, options.trials, options.epochs)
        else:
            result, table, code = gain(Path(name), options)
    console.print(f"load {load:.1f} at the start, {os.getloadavg()[0]:.1f} at the end", highlight=False)
    console.print(table)
    if options.json:
        options.json.write_text(json.dumps({"load": load, **result}, indent=1), encoding="utf-8")
    return code


def overhead(folder: Path, data: Path, trials: int, epochs: int) -> tuple[dict[str, Any], Table, int]:
    """Searches with both, and compares time and winner."""
    tuning = {"algorithm": "random", "max_trials": trials + 1, "max_epochs": epochs, "objective": "val_loss"}
    tuning |= {"space": OVERHEAD_SPACE}
    # KerasTuner scores a trial by its best epoch; so does a fit that restores it. One epoch of what follows is enough.
    changes = [
        f"tuning={json.dumps(tuning)}",
        f"seed={SEED}",
        "training.epochs=1",
        f"training.early_stopping.patience={epochs}",
        'report.explanations="off"',
    ]
    ours = run_recipe("digits_cnn", changes, data, folder / "workspace", (0, NOT_BLESSED))
    searched = json.loads(Path(ours["report"]).with_name("figures.json").read_text(encoding="utf-8"))["tuning"]
    rows = folder / "rows.npz"
    words = [sys.executable, "-m", "benchmarks.plain_tuning", "--rows", str(rows), "--json", str(folder / "plain.json")]
    words += ["--trials", str(trials), "--epochs", str(epochs), "--seed", str(SEED)]
    take_rows(folder / "workspace", ours, rows)
    run_child(words)
    plain = json.loads((folder / "plain.json").read_text(encoding="utf-8"))
    if plain["parameters"] != ours["training"]["parameters"]:
        raise SystemExit(f"the networks differ: {plain['parameters']} and {ours['training']['parameters']} parameters")
    same = [trial for trial in searched["trials"] if trial["number"] > 0]
    for mine, other in zip(same, plain["trials"], strict=True):
        if any(abs(mine["values"][key] - other["values"][key]) > 1e-12 for key in mine["values"]):
            raise SystemExit(f"trial {mine['number']} differs: {mine['values']} and {other['values']}")
    step = next(step["seconds"] for step in ours["steps"] if step["id"] == "tune")
    each = {"kerasline": step / (trials + 1), "KerasTuner": plain["seconds"] / trials}
    ratio = each["kerasline"] / each["KerasTuner"]
    best = {
        "kerasline": min(range(trials), key=lambda i: same[i]["score"]),
        "KerasTuner": min(range(trials), key=lambda i: plain["trials"][i]["score"]),
    }
    table = Table(title=f"{trials} trials of {epochs} epochs, ratio {ratio:.2f} (target {TARGET})")
    for column in ("", "seconds a trial", "best of the shared trials", "its val_loss"):
        table.add_column(column)
    scores = {"kerasline": [t["score"] for t in same], "KerasTuner": [t["score"] for t in plain["trials"]]}
    for side in ("kerasline", "KerasTuner"):
        table.add_row(side, f"{each[side]:.2f}", str(best[side] + 1), f"{min(scores[side]):.4f}")
    result = {"ratio": ratio, "seconds_a_trial": each, "best": best, "scores": scores}
    return result, table, int(ratio > TARGET or best["kerasline"] != best["KerasTuner"])


def take_rows(workspace: Path, result: dict[str, Any], target: Path) -> None:
    """Writes the rows that the Tuner step read, as it read them.

    In a process of its own, which imports what the step does.
    """
    code = (
        "import sys, json, glob, numpy as np\n"
        "from kerasline.components.fitting.rows.reading import make_reader, read_fit_data\n"
        "from kerasline.components.fitting.settings.settings import FitSettings\n"
        "root, settings, target = sys.argv[1:]\n"
        "settings = FitSettings.model_validate_json(settings)\n"
        "graph, = glob.glob(root + '/transform/transform_graph/*')\n"
        "files = glob.glob(root + '/ingest/examples/*/Split-train/*')\n"
        "data = read_fit_data(make_reader(graph, settings), files, settings)\n"
        "(name,) = data.train.inputs\n"
        "np.savez(target, train_x=data.train.inputs[name], train_y=data.train.labels,\n"
        "         validation_x=data.validation.inputs[name], validation_y=data.validation.labels)\n"
    )
    steps = json.loads(Path(result["report"]).with_name("steps.json").read_text(encoding="utf-8"))
    settings = json.loads(steps["tune"]["parameters"]["custom_config"])["settings"]
    root = workspace / "pipelines" / result["recipe"]
    run_child([sys.executable, "-c", code, str(root), settings, str(target)])


def run_child(words: Sequence[str]) -> None:
    """Runs a part in a process of its own.

    Raises:
      SystemExit: it failed; with the end of what it said.
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(words, cwd=ROOT, env=environment, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(words[:4])} ended with {done.returncode}: {done.stderr.strip()[-2000:]}")


def gain(folder: Path, options: argparse.Namespace) -> tuple[dict[str, Any], Table, int]:
    """Runs each recipe untuned and tuned, and compares the means over the seeds on the test split."""
    result: dict[str, Any] = {}
    table = Table(title=f"test split, mean of seeds {options.seeds}; each search had {options.budget}")
    for column in ("recipe", "metric", "untuned", *options.algorithms):
        table.add_column(column)
    code = 0
    for recipe in options.only:
        judged = GAINS[recipe]
        runs: dict[str, list[dict[str, Any]]] = {"untuned": [], **{name: [] for name in options.algorithms}}
        result[recipe] = runs
        for seed, (algorithm, done) in itertools.product(options.seeds, runs.items()):
            tuning = {"algorithm": algorithm, "max_trials": 500, "budget": options.budget}
            tuning |= {"objective": judged.objective, "space": judged.space, **options.tuning}
            text = "null" if algorithm == "untuned" else json.dumps(tuning)
            done.append(run_one(recipe, [f"tuning={text}", f"seed={seed}"], options, folder))
            print(f"{recipe} seed {seed} {algorithm} {judged.metric} {describe(done[-1:], judged.metric)}", flush=True)
            if options.json:
                options.json.write_text(json.dumps(result, indent=1), encoding="utf-8")
        table.add_row(recipe, judged.metric, *(describe(done, judged.metric) for done in runs.values()))
        means = {name: mean_of(done, judged.metric) for name, done in runs.items()}
        code |= int(not any(means[name] < means["untuned"] for name in options.algorithms))
    return result, table, code


def run_one(recipe: str, changes: Sequence[str], options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Runs a recipe in the workspace that its other runs use, so that they share what is before the search."""
    # Nobody waits for explanations here.
    quiet = [*changes, 'report.explanations="off"']
    found = run_recipe(recipe, quiet, options.data, folder / recipe, (0, NOT_BLESSED))
    figures = json.loads(Path(found["report"]).with_name("figures.json").read_text(encoding="utf-8"))
    tuning = figures["tuning"]
    kept = {key: found[key] for key in ("test_metrics", "metrics", "steps", "wall_seconds")}
    return kept | {"tuning": tuning and {key: tuning[key] for key in ("trials", "best", "untuned", "moved", "changed")}}


def mean_of(runs: Sequence[dict[str, Any]], metric: str) -> float:
    """Returns the mean of a metric of the test split."""
    return statistics.mean(float(run["test_metrics"][metric]) for run in runs)


def describe(runs: Sequence[dict[str, Any]], metric: str) -> str:
    """Shows the mean of a figure, and how many trials led to each."""
    trials = [str(len(run["tuning"]["trials"])) for run in runs if run["tuning"]]
    return f"{mean_of(runs, metric):.4g}" + (f" ({', '.join(trials)} trials)" if trials else "")


if __name__ == "__main__":
    sys.exit(main())
