"""A preset of KerasHub from raw text to an answer, in processes that load nothing but what they need."""

from __future__ import annotations

import csv
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = [pytest.mark.slow, pytest.mark.long]
keras_hub = pytest.importorskip("keras_hub", reason="make setup HUB=1")

GOOD, BAD = ["good", "fine", "lovely"], ["bad", "poor", "dull"]
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "film", "book", "was", *GOOD, *BAD, "!"]


def write_preset(folder: Path) -> None:
    models = keras_hub.models
    sizes: dict[str, Any] = {"vocabulary_size": len(WORDS), "num_layers": 1, "num_heads": 2, "hidden_dim": 16}
    network = models.BertBackbone(**sizes, intermediate_dim=32, max_sequence_length=64)
    prepare = models.BertTextClassifierPreprocessor(models.BertTokenizer(WORDS, lowercase=True))
    models.BertTextClassifier(network, num_classes=2, preprocessor=prepare).save_to_preset(folder)


def write_reviews(path: Path) -> None:
    choose = random.Random(3).choice
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["review", "pages", "verdict"])
        for row in range(500):
            up = row % 2
            text = f"The {choose(['film', 'book'])} was {choose(GOOD if up else BAD)}! {row}"
            writer.writerow([text, 10 + row % 7, "up" if up else "down"])


def kerasline(folder: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "kerasline", *arguments, "--workspace", str(folder / "ws")]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=900)
    assert ended.returncode == 0, ended.stderr


def test_raw_text_is_answered_as_in_training(tmp_path: Path) -> None:
    write_preset(tmp_path / "tiny_bert")
    write_reviews(tmp_path / "reviews.csv")
    recipe = {
        "name": "reviews",
        "data": {"csv": {"path": "reviews.csv", "label": "verdict"}},
        "features": {"review": {"length": 12}},
        "model": {"family": "hub", "preset": "./tiny_bert"},
        "training": {"learning_rate": 0.002, "epochs": 8, "batch_size": 32},
        "evaluation": {"thresholds": {"accuracy": {"min": 0.9}}},
    }
    (tmp_path / "reviews.yaml").write_text(yaml.safe_dump(recipe))
    kerasline(tmp_path, "run", "reviews.yaml", "--json", "out.json")
    assert json.loads((tmp_path / "out.json").read_text())["status"] == "pushed"
    (tmp_path / "ask.csv").write_text("review,pages\nLOVELY film!,12\nthe book was DULL,12\n")
    kerasline(tmp_path, "predict", "ask.csv", "--model", "reviews", "-o", "answers.csv")
    with (tmp_path / "answers.csv").open() as file:
        assert [row["predicted_class"] for row in csv.DictReader(file)] == ["up", "down"]
