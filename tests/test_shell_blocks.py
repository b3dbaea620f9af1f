"""Every block of shell in the README and docs/ is typed by a test, or stands here with the reason why it is not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# Tests that read a block from its page and type it, line by line.
TYPED = {
    ("README.md", "source .venv/bin/activate"): "tests/end_to_end/test_newcomer.py",
    ("tutorial.md", "kerasline run iris_mlp"): "tests/end_to_end/test_tutorial.py",
    ("tutorial.md", "kerasline report iris_mlp"): "tests/end_to_end/test_tutorial.py",
    ("tutorial.md", "kerasline run iris_csv"): "tests/end_to_end/test_tutorial.py",
    ("tutorial.md", "kerasline run regression_surface"): "tests/end_to_end/test_tutorial.py",
    ("tutorial.md", "kerasline run boston_tutorial"): "tests/end_to_end/test_tutorial.py",
    ("tutorial.md", "kerasline show mnist_cnn"): "tests/end_to_end/test_tutorial.py",
    ("tutorial.md", "kerasline run photos10"): "tests/end_to_end/test_tutorial.py",
    ("tutorial.md", "kerasline init flats.csv"): "tests/end_to_end/test_tutorial.py",
}
# Tests that give the block's commands, or call the functions behind them, with data of their own.
GIVEN = {
    ("monitoring.md", "kerasline predict week.csv"): ["tests/pipeline/models/test_predict_capture.py"],
    ("monitoring.md", "kerasline capture flats"): ["tests/pipeline/models/test_capture_logs.py"],
    ("monitoring.md", "kerasline label flats"): ["tests/pipeline/models/test_capture_logs.py"],
    ("monitoring.md", "kerasline serve --shadow"): ["tests/pipeline/serving/test_challengers.py"],
    ("monitoring.md", "kerasline verdict flats"): ["tests/pipeline/models/test_verdicts.py"],
    ("monitoring.md", "kerasline monitor flats"): ["tests/pipeline/models/test_watch_page.py"],
    ("operations.md", "kerasline runs"): [
        "tests/pipeline/cli/test_commands_report.py",
        "tests/pipeline/reports/test_why.py",
        "tests/pipeline/models/test_watch_page.py",
    ],
    ("operations.md", "openssl genpkey"): ["tests/pipeline/models/test_signing.py"],
    ("retraining.md", "kerasline schedule flats.yaml"): ["tests/pipeline/cloud/test_cloud_schedules.py"],
    ("retraining.md", "kerasline backtest flats.yaml"): ["tests/pipeline/backtesting/test_backtest.py"],
    ("retraining.md", "kerasline backfill flats@3"): ["tests/pipeline/backtesting/test_backfill.py"],
    ("tuning.md", "kerasline learning-curve"): ["tests/end_to_end/test_learning_curve.py"],
}
NOT_TYPED = {
    ("README.md", "make run"): "builds .venv from the package registry; .ci/run does it before every test",
    ("tutorial.md", "make setup"): "builds .venv from the package registry, and needs the shell that it activates",
    ("cloud.md", "gcloud config set project"): "needs a project of Google Cloud",
    ("cloud.md", "REF=2.14.3"): "needs a cluster of Kubernetes; test_compiled_spec.py runs the spec on stand-ins",
    ("cloud.md", "kerasline submit digits.json"): "needs Vertex AI; test_submission.py submits to a stand-in",
    ("cloud.md", "KERASLINE_SPECS=wine_mlp"): "is the call of a test that CI makes by its name",
    ("commands.md", "metadata.sqlite"): "is a list of files and no command",
    ("operations.md", "git pull"): "changes the checkout that the tests are in",
    ("operations.md", "python3.11 -m venv env"): "installs a wheel; tests/test_packaging.py does it",
    ("running.md", "FROM REGISTRY"): "is a Dockerfile, and needs Docker",
    ("serving.md", "docker run"): "needs Docker; its request is sent by tests/pipeline/models/test_prediction.py",
}
KNOWN = [*TYPED, *GIVEN, *NOT_TYPED]


def blocks() -> list[tuple[str, str]]:
    """Each page with the text of a block of code that is no YAML, Python or JSON."""
    found = [
        (page.name, block) for page in PAGES for block in re.findall(r"(?ms)^```(\w*)\n(.*?)^```", page.read_text())
    ]
    return [(page, text) for page, (language, text) in found if language in ("", "sh", "bash", "console")]


def listed(page: str, text: str) -> list[tuple[str, str]]:
    return [key for key in KNOWN if key[0] == page and text.startswith(key[1])]


@pytest.mark.parametrize(("page", "text"), blocks())
def test_a_block_is_typed_or_says_why_not(page: str, text: str) -> None:
    assert len(listed(page, text)) == 1, f"{page}: say in {Path(__file__).name} what types this, or why nothing does"


def test_nothing_is_listed_that_no_page_has() -> None:
    used = [key for page, text in blocks() for key in listed(page, text)]
    assert [key for key in KNOWN if key not in used] == []


@pytest.mark.parametrize(("key", "tests"), GIVEN.items(), ids=lambda value: value[-1])
def test_the_commands_of_a_block_are_given_by_the_tests_that_it_names(key: tuple[str, str], tests: list[str]) -> None:
    (text,) = (text for page, text in blocks() if listed(page, text) == [key])
    given = "".join((ROOT / test).read_text() for test in tests)
    commands = set(re.findall(r"(?m)^kerasline ([\w-]+)", text))
    assert commands
    # As words of a command line, or as the function that the command is.
    called = r"""["'(]{0}["' ,]|kerasline {0}\b|\.{0}\("""
    assert {name for name in commands if not re.search(called.format(name), given)} == set()


def test_what_types_blocks_reads_them_from_their_pages() -> None:
    for (page, _), test in TYPED.items():
        assert page in (ROOT / test).read_text()
