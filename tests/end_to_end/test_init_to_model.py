"""Tables that nobody has prepared go from ``kerasline init`` to a pushed model, and the recipe is not touched."""

from __future__ import annotations

import datetime
import json
import random
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = [pytest.mark.slow, pytest.mark.long]

COMMAND = Path(sys.executable).with_name("kerasline")
ROWS = 500
CHURN = (
    "Kunden-ID;größe (cm);sign.up;monthly fee;discount;region;plan.code;constant;empty;examples;label_index;features;"
    "has left?"
)


def churn_csv(path: Path) -> None:
    """Writes a table as an office program leaves it: BOM, semicolons, CRLF, decimal commas, and columns of all kinds.

    Who leaves is decided by the fee and by ``examples``; the other columns are there to be dropped or to be dirty.
    """
    chooser = random.Random(11)
    lines = [CHURN]
    for i in range(ROWS):
        fee, example = chooser.uniform(5, 95), chooser.randrange(100)
        answer = "yes" if fee + example / 2 > 75 else "no"
        cells = [
            f"C{i:05d}",
            "" if i % 9 == 0 else "n.k." if i % 70 == 1 else f'"{150 + i % 40}"',
            f"{1 + i % 28:02d}.{1 + i % 12:02d}.2023",
            f'"{fee:.2f}"'.replace(".", ","),
            f"{i % 50} %",
            ["North", "Süd", "West End", "Elsewhere"][0 if i == 3 else 1 + i % 3] if i % 40 else "",
            f"{i % 7:04d}",
            "x",
            "",
            str(example),
            "" if i % 13 == 0 else str(i % 4),
            chooser.choice("abc"),
            "" if i % 100 == 7 else answer,
        ]
        lines.append(";".join(cells))
    lines[60] = "C00059;1;2"
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode() + b"\r\n")


def trips_parquet(path: Path) -> None:
    """Writes a table of numbers, booleans, dictionary-encoded text, times, NaN and None, in several row groups."""
    import numpy as np
    import pandas as pd

    generator = np.random.default_rng(4)
    kilometres, riders = generator.uniform(1, 40, ROWS), generator.integers(1, 6, ROWS)
    night = generator.random(ROWS) < 0.3
    start = datetime.datetime(2024, 3, 1, 6)
    table = pd.DataFrame(
        {
            "trip": np.arange(ROWS),
            "distance.km": np.where(generator.random(ROWS) < 0.1, np.nan, kilometres),
            "riders": pd.array([None if i % 17 == 0 else int(riders[i]) for i in range(ROWS)], "Int64"),
            "night": night,
            "city": pd.Categorical(generator.choice(["Bonn", "Köln", "Ulm"], ROWS)),
            "started": [start + datetime.timedelta(minutes=37 * i) for i in range(ROWS)],
            "route": [[1, 2, 3][: i % 4] for i in range(ROWS)],
            "fare (EUR)": 3 + kilometres + 9 * night + 3 * riders + generator.normal(0, 2, ROWS),
        }
    )
    table.to_parquet(path, row_group_size=120)


@dataclass(frozen=True)
class Made:
    """What ``init`` printed and wrote, and how the run of it went."""

    printed: str
    recipe: dict[str, Any]
    done: Any
    figures: dict[str, Any]


def init_and_run(folder: Path, data: str, label: str, kerasline: Callable[..., Any]) -> Made:
    """Runs the two commands that ``init`` itself proposes."""
    drafted = subprocess.run(
        [COMMAND, "init", data, "--label", label], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert drafted.returncode == 0, drafted.stderr
    recipe = folder / drafted.stdout.rsplit("kerasline run ", 1)[1].strip()
    done = kerasline(folder / "workspace", str(recipe))
    assert done.code == 0, done.err
    figures = json.loads(Path(done.result["report"]).with_name("figures.json").read_text())
    return Made(drafted.stdout, yaml.safe_load(recipe.read_text()), done, figures)


def test_a_dirty_csv_becomes_a_model(kerasline: Callable[..., Any], tmp_path: Path) -> None:
    churn_csv(tmp_path / "Churn 2024.csv")
    made = init_and_run(tmp_path, "Churn 2024.csv", "has left?", kerasline)
    assert made.recipe["data"]["csv"]["drop"] == ["Kunden-ID", "constant", "empty"]
    assert made.recipe["data"]["csv"]["ragged_rows"] == "skip"
    assert made.done.result["status"] == "pushed"
    assert made.done.result["model"]["version"] == 1
    assert "  skipped Churn 2024.csv: 5 rows without a label" in made.done.out
    # Half of the rows are "yes", and the rule of the labels needs both "monthly fee" and "examples".
    assert made.done.result["metrics"]["accuracy"] > 0.8
    assert made.done.result["trivial"]["accuracy"] < 0.65
    assert made.done.result["metrics"]["log_loss"] < made.done.result["trivial"]["log_loss"]
    assert sum(made.figures["data"]["splits"].values()) == ROWS - 5 - 1, "5 without a label, 1 ragged"
    assert any("5 rows without a label" in line for line in made.figures["data"]["skipped"])
    assert any("1 line with too few or too many cells" in line for line in made.figures["data"]["skipped"])
    assert "'n.k.' among numbers: no value in 7 rows" in (tmp_path / "churn_2024.yaml").read_text(encoding="utf-8")
    assert "n.k." in made.recipe["features"]["größe (cm)"]["missing_values"]
    columns = {column["name"] for column in made.figures["data"]["columns"]}
    assert {"größe (cm)", "sign.up", "monthly fee", "examples", "label_index", "features"} <= columns


def test_a_parquet_table_becomes_a_model(kerasline: Callable[..., Any], tmp_path: Path) -> None:
    trips_parquet(tmp_path / "trips.parquet")
    made = init_and_run(tmp_path, "trips.parquet", "fare (EUR)", kerasline)
    assert "route" in made.recipe["data"]["parquet"]["drop"], "lists of different length are no input"
    assert made.done.result["status"] == "pushed"
    assert made.done.result["metrics"]["r2"] > 0.7, "of the distances, which matter most, a tenth is missing"
    assert made.done.result["metrics"]["mae"] < made.done.result["trivial"]["mae"] / 2
