"""Parts of the model gate that are a user's: what they are given, and what their answers mean."""

from __future__ import annotations

import pytest

from kerasline.components.core.errors import ConfigError
from kerasline.components.evaluation import SliceFigures
from kerasline.components.gating.own import judge_own
from kerasline.components.gating.rows import Row

CODE = """
def given(candidate, baseline): return f"{candidate} / {baseline}"
def fine(candidate, baseline): return None
def spoils(candidate, baseline):
    candidate["slices"]["town=a"].clear(), candidate["cost"].clear(), baseline["slices"].clear(), candidate.clear()
def no(candidate, baseline): return False
def fails(candidate, baseline): return candidate["recall"] > 0.5
"""
WHOLE = SliceFigures({}, 90, {"accuracy": 0.9}, {"accuracy": 0.8})
SLICE = SliceFigures({"town": "a"}, 30, {"accuracy": 0.7}, {"accuracy": 0.6})


def judge(*gates: str, has_baseline: bool = True) -> list[Row]:
    return judge_own(gates, WHOLE, [SLICE], {"size_bytes": 7}, has_baseline=has_baseline)


def test_a_reason_fails_and_none_passes(own: str) -> None:
    _, given, fine = judge(f"{own}:spoils", f"{own}:given", f"{own}:fine")
    assert (given.part, given.metric, given.status) == ("own", f"{own}:given", "failed")
    assert given.detail == (
        "{'accuracy': 0.9, 'rows': 90, 'cost': {'size_bytes': 7}, 'slices': {'town=a': {'accuracy': 0.7}}} / "
        "{'accuracy': 0.8, 'slices': {'town=a': {'accuracy': 0.6}}}"
    )
    assert (fine.status, fine.detail) == ("passed", "")
    assert judge(f"{own}:given", has_baseline=False)[0].detail.endswith("/ None")


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("no", r"to return None or the reason against the model as text, but it returned False \(bool\)"),
        ("fails", r"raised KeyError in .*, line 7: 'recall'; mend it"),
        ("none", "has no function 'none'"),
    ],
)
def test_what_is_no_answer_is_said(own: str, function: str, said: str) -> None:
    with pytest.raises(ConfigError, match=f"^evaluation.gates.*{said}"):
        judge(f"{own}:{function}")


def test_a_reason_is_told_as_it_is(own: str) -> None:
    from kerasline.components.report.diagnosis.attention import _gate, _not_blessed

    (row,) = [row.to_json() for row in judge(f"{own}:given", has_baseline=False)]
    row["detail"] = "the network is large"
    assert _not_blessed([row], "") == f"Not blessed, nothing was pushed: {own}:given says: the network is large."
    assert _gate({"gate": [row]}) == [(f"{own}:given says: the network is large.", "evaluation")]
