"""A newcomer's way, as the README tells it: from a table to a model in production, a changed key, and back again.

Behind the README's commands come those of the tutorial's last section that are not among them: plan, models, and
predictions in Parquet.
"""

from __future__ import annotations

import csv
import os
import random
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.long]

ROOT = Path(__file__).resolve().parents[2]
MOST_COMMANDS = 8
TABLE_SECTION = "6"
NAMES = ["area", "rooms", "district", "built", "rent"]
PRICES = {"Mitte": 13.5, "Nord": 9.0, "Süd": 11.0}
ROWS, NEW_ROWS = 400, 50


def way() -> list[str]:
    """The README's commands for one's own table, without their remarks."""
    readme = (ROOT / "README.md").read_text()
    block = re.search(r"(?s)## Your own table\n.*?\n```\n(.*?)\n```", readme)
    assert block
    return [line.partition("  #")[0].strip() for line in block[1].splitlines()]


def tutorial_sections() -> dict[str, list[str]]:
    """The commands of each numbered section of the tutorial."""
    parts = re.split(r"(?m)^## (\d+)\. .*$", (ROOT / "docs" / "tutorial.md").read_text())[1:]
    texts = dict(zip(parts[::2], parts[1::2], strict=True))
    return {
        number: [line for block in re.findall(r"(?ms)^```\n(.*?)^```", text) for line in block.splitlines()]
        for number, text in texts.items()
    }


def flat(chooser: random.Random) -> list[object]:
    """A row of the table: a flat whose rent follows from its size, its district and its age."""
    area, district = chooser.uniform(25, 140), chooser.choice(sorted(PRICES))
    built = chooser.randrange(1900, 2024)
    rent = area * PRICES[district] + max(0, built - 1990) * 4 + chooser.gauss(0, 40)
    return [round(area, 1), round(area / 30) + 1, district, built, round(rent)]


def write_table(path: Path, rows: list[list[object]], columns: int) -> None:
    """Writes the first columns of a table as CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(row[:columns] for row in [NAMES, *rows])


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """The folder in which the README's commands were typed, and what each printed."""
    folder = tmp_path_factory.mktemp("newcomer")
    chooser = random.Random(3)
    write_table(folder / "flats.csv", [flat(chooser) for _ in range(ROWS)], len(NAMES))
    write_table(folder / "new.csv", [flat(chooser) for _ in range(NEW_ROWS)], len(NAMES) - 1)
    activated = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "COLUMNS": "200"}
    activated.pop("KERASLINE_WORKSPACE", None)
    printed = {}
    for line in dict.fromkeys([*way(), *tutorial_sections()[TABLE_SECTION]]):
        if line.startswith("source "):
            continue
        done = subprocess.run(shlex.split(line), cwd=folder, env=activated, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        printed[line] = done.stdout
    return folder, printed


def test_the_way_is_short() -> None:
    assert len(["make setup", *way()]) <= MOST_COMMANDS


def test_both_runs_are_pushed_and_the_first_is_in_production_again(outputs: tuple[Path, dict[str, str]]) -> None:
    folder, printed = outputs
    runs = [text for line, text in printed.items() if line.startswith("kerasline run ")]
    assert ["blessed and pushed" in text for text in runs] == [True, True]
    models = folder / "workspace" / "models" / "flats"
    assert {"1", "2"} <= {path.name for path in models.iterdir()}
    assert '"version": 1' in (models / "current.json").read_text()


def test_the_comparison_names_the_changed_key(outputs: tuple[Path, dict[str, str]]) -> None:
    _, printed = outputs
    (text,) = (text for line, text in printed.items() if line.startswith("kerasline compare"))
    assert "training.epochs" in text


def test_every_new_row_is_answered(outputs: tuple[Path, dict[str, str]]) -> None:
    folder, _ = outputs
    with (folder / "answers.csv").open(encoding="utf-8", newline="") as file:
        answers = list(csv.DictReader(file))
    assert len(answers) == NEW_ROWS
    errors = [abs(float(row["predicted_value"]) - true_rent(row)) for row in answers]
    assert sum(errors) / len(errors) < 100  # the rents were drawn 40 around what is true, and their spread is 400


def test_predictions_are_written_as_parquet_too(outputs: tuple[Path, dict[str, str]]) -> None:
    folder, _ = outputs
    assert pq.read_table(folder / "predictions.parquet").num_rows == NEW_ROWS


def true_rent(row: dict[str, str]) -> float:
    """What a flat's rent follows from."""
    return float(row["area"]) * PRICES[row["district"]] + max(0.0, float(row["built"]) - 1990) * 4
