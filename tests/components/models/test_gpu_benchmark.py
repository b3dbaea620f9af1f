"""The benchmark of training speeds runs on whatever is here and says what it measured."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from kerasline.components.models import MODEL_FAMILIES

ROOT = Path(__file__).resolve().parents[3]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs ``benchmarks/gpu.py`` as a user would."""
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.gpu", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_help_and_a_misspelt_case_answer_at_once() -> None:
    assert "KERAS_BACKEND=jax python -m benchmarks.gpu" in run("--help").stdout
    wrong = run("--cases", "mlp,cmn")
    assert wrong.returncode == 2
    assert "cmn given; choose from mlp, cnn" in wrong.stderr


def test_every_family_has_a_case() -> None:
    code = (
        "from benchmarks.gpu import CASES, WITHOUT_CASE\n"
        "print(*{case.options['family'] for case in CASES.values()}, *WITHOUT_CASE)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == set(MODEL_FAMILIES)


@pytest.mark.slow
@pytest.mark.long
def test_it_times_cases_under_both_precisions(tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    done = run(
        *("--cases", "mlp,custom", "--precision", "float32,mixed_bfloat16", "--rows", "96", "--batch-size", "32"),
        *("--epochs", "1", "--json", str(path)),
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(path.read_text(encoding="utf-8"))
    assert [(row["case"], row["precision"], row["parameters"]) for row in figures["rows"]] == [
        ("mlp", "float32", 235_146),
        ("custom", "float32", 56_714),
        ("mlp", "mixed_bfloat16", 235_146),
        ("custom", "mixed_bfloat16", 56_714),
    ]
    first = figures["rows"][0]["images_per_second"]
    for row in figures["rows"]:
        assert row["images_per_second"] > 0
        assert row["ratio"] == pytest.approx(row["images_per_second"] / first)
    assert "235,146" in done.stdout
