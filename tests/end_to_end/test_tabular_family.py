"""The family that ``init`` writes for tables, from a CSV of all kinds of cells to answers."""

from __future__ import annotations

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


@dataclass(frozen=True)
class Shop:
    """Where the table is, the recipe of ``init``, and the run of it."""

    folder: Path
    recipe: dict[str, Any]
    done: Any

    @property
    def figures(self) -> dict[str, Any]:
        """Of the report."""
        return json.loads(Path(self.done.result["report"]).with_name("figures.json").read_text())


def write_shop(path: Path) -> None:
    """Writes numbers and categories, few and many, with missing cells of both; ``colour`` decides nothing."""
    chooser = random.Random(3)
    lines = ["age,income,city,product,colour,bought"]
    for _ in range(500):
        age, income, city = chooser.uniform(18, 80), chooser.lognormvariate(10, 0.5), chooser.choice(["Bonn", "Ulm"])
        wants = (age - 45) / 12 + (city == "Ulm") + chooser.gauss(0, 0.3) > 0.5
        shown = "" if chooser.random() < 0.1 else f"{income:.0f}"
        town = "" if chooser.random() < 0.05 else city
        product, colour = f"p{chooser.randrange(40)}", chooser.choice("rgb")
        lines.append(f"{age:.1f},{shown},{town},{product},{colour},{'yes' if wants else 'no'}")
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def shop(kerasline: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """``init`` and ``run``, with fewer epochs than it writes."""
    folder = tmp_path_factory.mktemp("shop")
    write_shop(folder / "shop.csv")
    drafted = subprocess.run(
        [COMMAND, "init", "shop.csv", "--label", "bought"],
        cwd=folder, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert drafted.returncode == 0, drafted.stderr
    done = kerasline(folder / "workspace", str(folder / "shop.yaml"), "--set", "training.epochs=12")
    return Shop(folder, yaml.safe_load((folder / "shop.yaml").read_text()), done)


def test_what_init_writes_is_pushed(shop: Shop) -> None:
    assert shop.recipe["model"]["family"] == "tabular"
    assert shop.done.code == 0, shop.done.err
    assert shop.done.result["status"] == "pushed"
    assert shop.done.result["metrics"]["accuracy"] > 0.8
    (served,) = [row for row in shop.done.result["gate"] if row["part"] == "parity"]
    assert served["passed"]


def test_what_other_models_reach_stands_beside_it(shop: Shop) -> None:
    boosting, linear = shop.done.result["references"]
    rows = shop.figures["data"]["splits"]["train"]
    assert [(one["name"], one["rows"], one["of_rows"]) for one in (boosting, linear)] == [
        ("boosting", rows, rows), ("linear", rows, rows),
    ]  # fmt: skip
    assert min(one["metrics"]["accuracy"] for one in (boosting, linear)) > 0.75
    reached = f"{boosting['metrics']['accuracy']:.4g} on these rows, this model "
    assert f"beside  HistGradientBoosting reaches accuracy {reached}" in shop.done.out
    assert f"HistGradientBoosting reaches accuracy {reached}" in Path(shop.done.result["report"]).read_text()


def test_the_explanations_name_what_decides(shop: Shop) -> None:
    drops = {one["column"]: one["drop"] for one in shop.figures["explanations"]["importance"]["columns"]}
    assert max(drops, key=lambda name: drops[name]) == "age"
    assert drops["age"] > 4 * abs(drops.get("colour", 0.0))


def test_predict_and_serve_answer_alike(shop: Shop) -> None:
    import pandas as pd

    from kerasline.pipeline.models import load_model
    from kerasline.pipeline.serving.answers import Responder
    from kerasline.pipeline.serving.models import ServedModels
    from kerasline.pipeline.web.http_server import Request

    rows = [
        {"age": 25.5, "income": 20_000.0, "city": "Bonn", "product": "p7", "colour": "r"},
        {"age": 71.0, "income": None, "city": "Ulm", "product": "p39", "colour": "g"},
        {"age": 50.0, "income": 31_000.0, "city": "", "product": "never seen", "colour": "b"},
    ]
    predicted = load_model("shop", shop.folder / "workspace").predict(pd.DataFrame(rows))
    served = ServedModels(shop.folder / "workspace" / "models")
    served.refresh()
    sent = [{**row, "income": row["income"] if row["income"] is not None else "NaN"} for row in rows]
    body = json.dumps({"signature_name": "serving_raw", "instances": sent}).replace('"NaN"', "NaN").encode()
    answer = Responder(served, 10_000).respond(Request("POST", "/v1/models/shop:predict", {}, body))
    assert answer.code == 200, answer.body
    answers = json.loads(answer.body)["predictions"]
    assert [one["class"] for one in answers] == list(predicted["predicted_class"])
    scores = predicted[["score_no", "score_yes"]].to_numpy()
    assert [one["scores"] for one in answers] == [pytest.approx(list(row), abs=1e-6) for row in scores]
    assert answers[0]["class"] == "no" and answers[1]["class"] == "yes"
