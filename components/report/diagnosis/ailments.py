"""What a diagnosis is made of: the name of an ailment, how urgent it is, what shows it, and what to try."""

from __future__ import annotations

from typing import Any

from kerasline.components.report.diagnosis.treatments import Treatment

Diagnosis = dict[str, Any]

LOW_SKILL = 0.5  # a model that explains less than half of what there is to explain has not learnt the task
GAP = 0.1  # skill lost from training rows to others

TITLES = {
    "diverging": "Diverging",
    "leakage": "Leakage suspected",
    "overfitting": "Overfitting",
    "underfitting": "Underfitting",
    "label_noise": "Label noise suspected",
    "class_imbalance": "Class imbalance",
    "too_few_data": "Too few data",
    "noisy": "Noisy training",
    "unfinished": "Unfinished",
    "unconfirmed": "Not confirmed by the test split",
    "good_fit": "Good fit",
}


def result(name: str, level: str, evidence: list[str], treatments: list[Treatment]) -> Diagnosis:
    """Makes a diagnosis.

    Args:
      name: Key of TITLES.
      level: ``problem``, ``hint`` or ``good``.
      evidence: Sentences with numbers.
      treatments: What to try, most promising first.
    """
    return {"name": name, "title": TITLES[name], "level": level, "evidence": evidence, "treatments": treatments}
