"""Which steps a part of a run consists of."""

from __future__ import annotations

import pytest

from kerasline.components.core.errors import ConfigError
from kerasline.pipeline.plan.partial import Part, select_steps
from kerasline.pipeline.workspace.steps import StepInputs

STEPS = {
    name: StepInputs({}, tuple(upstream.split()))
    for name, upstream in {
        "ingest": "",
        "statistics": "ingest",
        "transform": "ingest statistics",
        "train": "ingest transform",
        "baseline": "ingest",
        "evaluate": "train baseline",
        "push": "evaluate",
    }.items()
}


def test_what_a_step_waits_for_is_run_before_it() -> None:
    steps = {"ingest": StepInputs({}, ()), "validate": StepInputs({}, ("ingest",))}
    steps["transform"] = StepInputs({}, ("ingest",), ("validate",))
    assert select_steps(steps, Part(None, "transform")).run == {"ingest", "validate", "transform"}


@pytest.mark.parametrize(
    ("first", "last", "run", "taken"),
    [
        (None, None, "ingest statistics transform train baseline evaluate push", ""),
        (None, "transform", "ingest statistics transform", ""),
        ("train", None, "train evaluate push", "ingest statistics transform baseline"),
        ("train", "evaluate", "train evaluate", "ingest statistics transform baseline"),
        ("train", "train", "train", "ingest statistics transform"),
        ("statistics", "transform", "statistics transform", "ingest"),
        (None, "baseline", "ingest baseline", ""),
        ("ingest", None, "ingest statistics transform train baseline evaluate push", ""),
    ],
)
def test_selection(first: str | None, last: str | None, run: str, taken: str) -> None:
    selection = select_steps(STEPS, Part(first, last))
    assert selection.run == set(run.split())
    assert selection.taken == set(taken.split())
    assert selection.anew is (first is not None)


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (Part("trian"), "--from: expected a step of this recipe .*, got 'trian'.*train"),
        (Part(last="evalute"), "--until: expected a step of this recipe .*, got 'evalute'.*evaluate"),
        (Part("train", "transform"), "expected --until with a step that follows train, got transform"),
        (Part("baseline", "train"), "expected --until with a step that follows baseline, got train"),
    ],
)
def test_what_is_refused(part: Part, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        select_steps(STEPS, part)


def test_the_words_of_the_command() -> None:
    assert Part("train", "evaluate").words() == ["--from", "train", "--until", "evaluate"]
    assert Part().words() == []
