"""The results that the tutorials report, and ours on the same data: one table, every figure from a run of a recipe.

    python -m benchmarks.headline --data ../shared/data --json headline.json
    python -m benchmarks.headline --data ../shared/data --only iris_workshop boston_mlp

Every case runs ``kerasline run`` in a process and a workspace of its own and takes its figures from the command's JSON.
The metric is that of the test split, which no choice was made on. Returns 1 when a figure misses its target.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
FOLDS = 5
NOT_BLESSED = 4
FLOWERS = ((6.4, 3.2, 4.5, 1.5), (5.8, 3.1, 5.0, 1.7))  # the workshop asks for these two
CONSTANT = ("training.learning_rate_schedule=null",)  # the tutorials' own rate


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
      name: of the case.
      recipe: what ran.
      seed, epochs, parameters: of the fit; epochs is the number that ran.
      metric: name of the figure.
      value: the figure; for folds their mean.
      target: what it has to reach, in words.
      reached: whether it does.
      tutorial: the tutorials' figure, empty where they have none.
      seconds: of the command, all runs of the case together.
      note: more to know.
    """

    name: str
    recipe: str
    seed: int
    epochs: int
    parameters: int
    metric: str
    value: float
    target: str
    reached: bool
    tutorial: str
    seconds: float
    note: str = ""


@dataclass(frozen=True)
class Case:
    """A recipe and the figure that it must reach.

    Attributes:
      recipe: a shipped one.
      changes: ``--set`` arguments.
      metric: of the test split.
      target: the least (``at_most`` False) or the most.
      at_most: whether smaller is better.
      tutorial: the tutorials' figure.
      run: takes the place of the plain run for cases that need more than one.
    """

    recipe: str
    changes: tuple[str, ...] = ()
    metric: str = "accuracy"
    target: float = 0.0
    at_most: bool = False
    tutorial: str = ""
    run: Callable[[str, Case, Path], Row] | None = None


def main() -> int:
    """Runs the cases, prints the table, and returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data", type=Path, default=ROOT.parent / "shared" / "data", help="the real data (%(default)s)"
    )
    parser.add_argument("--only", nargs="+", choices=list(CASES), metavar="NAME", help=f"of {', '.join(CASES)}")
    parser.add_argument("--json", type=Path, help="file to write the rows to; grows with every case")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="for every run, such as seed=8")
    options = parser.parse_args()
    if not options.data.is_dir():
        parser.error(f"--data: expected the folder of the real data, but {options.data} does not exist")
    console = Console()
    rows: list[Row] = []
    for name in options.only or CASES:
        case = CASES[name]
        case = replace(case, changes=(*case.changes, *options.set))
        console.print(f"{name} ...", highlight=False)
        rows.append((case.run or run_plain)(name, case, options.data.resolve()))
        console.print(f"  {rows[-1].metric} {rows[-1].value:.4f} in {rows[-1].seconds:.0f} s", highlight=False)
        if options.json:
            options.json.write_text(json.dumps([vars(row) for row in rows], indent=1), encoding="utf-8")
    console.print(make_table(rows))
    for row in rows:
        if row.note:
            console.print(f"{row.name}: {row.note}", highlight=False)
    return 0 if all(row.reached for row in rows) else 1


def run_recipe(
    recipe: str, changes: Sequence[str], data: Path, workspace: Path, expected: tuple[int, ...] = (0,)
) -> dict[str, Any]:
    """Runs a recipe as a user does; returns the command's JSON with ``wall_seconds`` added.

    Raises:
      SystemExit: the command ended with another exit code.
    """
    workspace.mkdir(parents=True, exist_ok=True)
    outcome = workspace / "outcome.json"
    command = [sys.executable, "-m", "kerasline", "run", recipe, "--data-dir", str(data)]
    command += ["--workspace", str(workspace), "--json", str(outcome)]
    command += [word for change in changes for word in ("--set", change)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))}
    started = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode not in expected:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.strip()[-2000:]}")
    return {**json.loads(outcome.read_text(encoding="utf-8")), "wall_seconds": time.monotonic() - started}


def make_row(name: str, case: Case, results: Sequence[dict[str, Any]], note: str = "") -> Row:
    """Makes a row of the mean over the results' test metrics."""
    values = [float(result["test_metrics"][case.metric]) for result in results]
    value = sum(values) / len(values)
    training = results[0]["training"]
    return Row(
        name=name,
        recipe=case.recipe,
        seed=training["settings"]["seed"],
        epochs=training["epochs"],
        parameters=training["parameters"],
        metric=case.metric,
        value=value,
        target=f"{'≤' if case.at_most else '≥'} {case.target:g}" if case.target else "",
        reached=not case.target or (value <= case.target if case.at_most else value >= case.target),
        tutorial=case.tutorial,
        seconds=sum(result["wall_seconds"] for result in results),
        note=note,
    )


def run_plain(name: str, case: Case, data: Path) -> Row:
    """Runs the recipe once. A model that the gate refuses reaches no target."""
    with tempfile.TemporaryDirectory() as folder:
        result = run_recipe(case.recipe, case.changes, data, Path(folder), (0, NOT_BLESSED))
    refused = result["status"] == "not_blessed"
    row = make_row(name, case, [result], "the gate refused it" if refused else "")
    return replace(row, reached=row.reached and not (refused and case.target))


def run_refused(name: str, case: Case, data: Path) -> Row:
    """Runs a recipe that ends as badly as the published run; the gate must refuse the model."""
    with tempfile.TemporaryDirectory() as folder:
        result = run_recipe(case.recipe, case.changes, data, Path(folder), (0, NOT_BLESSED))
    refused = result["status"] == "not_blessed" and result["model"] is None
    row = make_row(name, case, [result], "the gate refused it" if refused else "the gate let it pass")
    return replace(row, target="refused", reached=refused)


def run_iris(name: str, case: Case, data: Path) -> Row:
    """Runs the recipe, and asks the pushed model for the workshop's two flowers."""
    with tempfile.TemporaryDirectory() as folder:
        workspace = Path(folder)
        result = run_recipe(case.recipe, case.changes, data, workspace)
        questions, answers = workspace / "flowers.csv", workspace / "answers.csv"
        with questions.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(FLOWERS)  # like the training file, without a header
        command = [sys.executable, "-m", "kerasline", "predict", str(questions), "--model", case.recipe]
        command += ["--output", str(answers), "--workspace", str(workspace)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.strip()[-2000:]}")
        with answers.open(encoding="utf-8") as file:
            found = [answer["predicted_class"] for answer in csv.DictReader(file)]
    row = make_row(name, case, [result], f"the two flowers: {' and '.join(found)}")
    return replace(row, reached=row.reached and found == ["versicolor", "virginica"])


def run_folds(name: str, case: Case, data: Path) -> Row:
    """Runs the recipe once for each of five folds of Boston housing: a fifth is test, a tenth of the rest eval."""
    with (data / "boston_housing" / "boston_housing.csv").open(encoding="utf-8") as file:
        header, *rows = list(csv.reader(file))
    order = list(range(len(rows)))
    random.Random(7).shuffle(order)
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for fold in range(FOLDS):
            workspace = Path(folder, str(fold))
            workspace.mkdir()
            rest = [row for place, row in enumerate(order) if place % FOLDS != fold]
            splits = dict.fromkeys(order, "test") | dict.fromkeys(rest, "train") | dict.fromkeys(rest[::10], "eval")
            table = workspace / "boston_folds.csv"
            with table.open("w", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows(
                    [[*header, "split"], *([*row, splits[number]] for number, row in enumerate(rows))]
                )
            source = f"data={{csv: {{path: {table}, label: medv}}, split: {{method: source, column: split}}}}"
            results.append(run_recipe(case.recipe, (source, *case.changes), data, workspace, (0, NOT_BLESSED)))
    each = ", ".join(f"{result['test_metrics'][case.metric]:.2f}" for result in results)
    return make_row(name, case, results, f"mean of {FOLDS} folds: {each}")


def run_photos(name: str, case: Case, data: Path) -> Row:
    """Runs transfer learning, and the same network and epochs from random weights, which must be 15 points worse.

    Random weights get a tenth of the rate: at the recipe's own, which is meant for the head, they learn nothing.
    """
    weights = f"model.weights={data / 'weights' / 'squeezenet_imagenet_notop.h5'}"
    with tempfile.TemporaryDirectory() as folder:
        result = run_recipe(case.recipe, (weights, *case.changes), data, Path(folder, "pretrained"))
        epochs = result["training"]["epochs"]
        plain = ("model.weights=none", "training.fine_tune=null", "training.learning_rate=0.0003")
        scratch_changes = (*plain, f"training.epochs={epochs}", *case.changes)
        scratch = run_recipe(case.recipe, scratch_changes, data, Path(folder, "scratch"), (0, NOT_BLESSED))
    before = scratch["test_metrics"][case.metric]
    row = make_row(name, case, [result], f"from scratch, all layers free, as many epochs: {before:.4f}")
    return replace(
        row, reached=row.reached and row.value - before >= 0.15, seconds=row.seconds + scratch["wall_seconds"]
    )


def make_table(rows: Sequence[Row]) -> Table:
    """Makes the table for the terminal."""
    table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0))
    for title in ("case", "seed", "epochs", "parameters", "metric", "test", "target", "tutorial", "seconds"):
        table.add_column(title, justify="left" if title in ("case", "metric") else "right", no_wrap=True)
    for row in rows:
        mark = "" if row.reached else " missed"
        table.add_row(
            row.name, str(row.seed), str(row.epochs), f"{row.parameters:,}", row.metric, f"{row.value:.4f}",
            f"{row.target}{mark}", row.tutorial, f"{row.seconds:.0f}",
        )  # fmt: skip
    return table


CASES: dict[str, Case] = {
    "mnist_mlp_tutorial": Case("mnist_mlp", CONSTANT, target=0.981, tutorial="0.9801"),
    "mnist_mlp": Case("mnist_mlp", target=0.981, tutorial="0.9801"),
    "mnist_mlp_784_tutorial": Case(
        "mnist_mlp_784", (*CONSTANT, "training.learning_rate=0.001"), target=0.982, tutorial="0.9822"
    ),
    "mnist_mlp_784": Case("mnist_mlp_784", target=0.982, tutorial="0.9822"),
    "mnist_mlp_deep_tutorial": Case("mnist_mlp_deep", CONSTANT, target=0.983, tutorial="0.983"),
    "mnist_mlp_deep": Case("mnist_mlp_deep", target=0.983, tutorial="0.983"),
    "mnist_mlp_dropout": Case("mnist_mlp_dropout", target=0.981, tutorial="0.1327"),
    "mnist_mlp_dropout_broken": Case(
        "mnist_mlp_dropout",
        (*CONSTANT, "training.learning_rate=1", "training.epochs=2"),
        tutorial="0.1327",
        run=run_refused,
    ),
    "mnist_cnn_tutorial": Case("mnist_cnn", CONSTANT, target=0.991, tutorial="0.9919"),
    "mnist_cnn": Case("mnist_cnn", target=0.991, tutorial="0.9919"),
    "mnist_cnn_bn": Case("mnist_cnn_bn", target=0.981, tutorial="> 0.98"),
    "mnist_best": Case("mnist_best", target=0.995),
    "fashion_mnist_mlp": Case("fashion_mnist_mlp", target=0.885),
    "fashion_mnist_cnn": Case("fashion_mnist_cnn", target=0.92),
    "iris_workshop": Case("iris_workshop", target=0.96, run=run_iris),
    "boston_tutorial": Case("boston_tutorial", metric="mae", target=3.2, at_most=True, run=run_folds),
    "boston_mlp": Case("boston_mlp", metric="mae", target=2.4, at_most=True, run=run_folds),
    "surface_underfit": Case("surface_underfit", metric="r2"),
    "regression_surface": Case("regression_surface", metric="r2", target=0.995),
    "photos_transfer": Case("photos_transfer", target=0.68, run=run_photos),
}


if __name__ == "__main__":
    raise SystemExit(main())
