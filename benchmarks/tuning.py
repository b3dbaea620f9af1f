"""What a search costs over plain KerasTuner, and what it gains on rows that it has not seen.

    python -m benchmarks.tuning overhead --json tuning.json
    python -m benchmarks.tuning gain --only boston_housing --budget 45s

``overhead`` gives the recipe digits_cnn's network, two hyperparameters, a seed and a number of trials to kerasline and
to a plain KerasTuner script, on the same rows. It compares the seconds of the Tuner step with those of the script's
search, each over its number of trials (kerasline makes one more, the untuned config; imports are left out on both
sides), and the best of the trials that both made.

``gain`` runs recipes untuned, and tuned by random search, Bayesian optimisation and Hyperband with the same budget of
time, and takes the metric of the test split, which no choice was made on, from the command's JSON. The search's seed
and the fit's are the recipe's; ``--set seed=8`` repeats all with another.
"""

from __future__ import annotations

import argparse
import json
import os
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
    """What a recipe is judged by on the test split, whether less is better, and what a search goes by and where."""

    metric: str
    is_less_better: bool
    objective: str
    space: dict[str, dict[str, Any]]


GAINS = {
    "regression_surface": Gain(
        "rmse",
        True,
        "val_rmse",
        {
            # A search of minutes tries few values, so it has few keys.
            "model.units": {"choice": [[32, 32], [64, 64, 32], [128, 128, 64]]},
            "training.learning_rate": {"float": [1e-3, 2e-2], "log": True},
        },
    ),
    "boston_housing": Gain(
        "rmse",
        True,
        "val_rmse",
        {
            "model.units": {"choice": [[32], [64, 32], [128, 64], [128, 64, 32]]},
            "model.dropout": {"float": [0.0, 0.3]},
            "model.l2": {"float": [1e-6, 1e-2], "log": True},
            "training.learning_rate": {"float": [5e-4, 1e-2], "log": True},
        },
    ),
    "digits_cnn": Gain(
        "accuracy",
        False,
        "val_loss",
        {
            "model.filters": {"choice": [[16, 32], [32, 64], [64, 128]]},
            "model.batch_normalization": {"boolean": True},
            "model.dropout": {"float": [0.0, 0.5]},
            "model.augmentation.translate": {"float": [0.0, 0.12]},
            "training.learning_rate": {"float": [5e-4, 1e-2], "log": True},
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
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="gain: for every run, such as seed=8")
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
    # One epoch is enough of what follows the search.
    changes = [
        f"tuning={json.dumps(tuning)}",
        f"seed={SEED}",
        "training.epochs=1",
        "training.early_stopping=null",
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
        "from components.fitting.reading import make_reader, read_fit_data\n"
        "from components.settings import FitSettings\n"
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
    """Runs each recipe untuned and tuned, and compares on the test split."""
    result: dict[str, Any] = {}
    table = Table(title=f"test split; each search had {options.budget}")
    for column in ("recipe", "metric", "untuned", *options.algorithms):
        table.add_column(column)
    code = 0
    for recipe in options.only:
        judged = GAINS[recipe]
        metric = judged.metric
        row: dict[str, dict[str, Any]] = {}
        result[recipe] = row
        for algorithm in ("untuned", *options.algorithms):
            tuning = {"algorithm": algorithm, "max_trials": 500, "budget": options.budget}
            tuning |= {"objective": judged.objective, "space": judged.space, **options.tuning}
            text = "null" if algorithm == "untuned" else json.dumps(tuning)
            row[algorithm] = run_one(recipe, [f"tuning={text}", *options.set], options, folder)
            print(f"{recipe} {algorithm} {metric} {describe(row[algorithm], metric)}", flush=True)
            if options.json:
                options.json.write_text(json.dumps(result, indent=1), encoding="utf-8")
        table.add_row(recipe, metric, *(describe(one, metric) for one in row.values()))
        scores = [row[algorithm]["test_metrics"][metric] for algorithm in options.algorithms]
        untuned = row["untuned"]["test_metrics"][metric]
        code |= int(not any(score < untuned if judged.is_less_better else score > untuned for score in scores))
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


def describe(one: dict[str, Any], metric: str) -> str:
    """Shows a figure, and how many trials led to it."""
    trials = f" ({len(one['tuning']['trials'])} trials)" if one["tuning"] else ""
    return f"{one['test_metrics'][metric]:.4f}{trials}"


if __name__ == "__main__":
    sys.exit(main())
