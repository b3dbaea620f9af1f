"""Reads the curves and figures of a run as the tutorials teach it: underfitting, overfitting, good fit and the rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kerasline.components.report.diagnosis.ailments import Diagnosis, result
from kerasline.components.report.diagnosis.curve_ailments import diverging, noisy, overfitting, underfitting, unfinished
from kerasline.components.report.diagnosis.data_ailments import (
    class_imbalance,
    label_noise,
    leakage,
    too_few_data,
    unconfirmed,
)
from kerasline.components.report.diagnosis.reading import Reading, is_unfinished, read, still_improving
from kerasline.components.report.diagnosis.treatments import Treatments

_OF_CURVES = ("underfitting", "overfitting", "noisy", "label_noise", "unfinished")
_AGAINST_A_GOOD_FIT = {"overfitting", "underfitting", "leakage", "label_noise", "unconfirmed"}


def diagnose(figures: Mapping[str, Any]) -> list[Diagnosis]:
    """Says what ails a model and what to try.

    Args:
      figures: of a run, from :func:`~kerasline.components.report.figures.collect_figures`; whatever is missing is
        left out of account.

    Returns:
      Diagnoses, most urgent first, each with ``name`` (a key of TITLES), ``title``, ``level`` (``problem``, ``hint`` or
      ``good``), ``evidence`` (sentences with numbers) and ``treatments`` (from
      :func:`~kerasline.components.report.diagnosis.treatments.treatment`). Empty where nothing was trained.
    """
    experiment = figures.get("experiment") or {}
    settings = (figures.get("training") or {}).get("settings") or experiment
    image = next((spec["shape"] for spec in figures.get("inputs") or [] if spec["kind"] == "image"), None)
    reading = read(figures)
    advice = Treatments(settings, experiment.get("tuning"), image, len(reading.loss))
    found = [
        diverging(figures, reading, advice),
        leakage(figures, reading, advice),
        overfitting(figures, reading, advice),
        underfitting(figures, reading, advice),
        label_noise(figures, reading, advice),
        class_imbalance(figures, advice),
        too_few_data(figures, reading, advice),
        noisy(reading, advice),
        unfinished(reading, advice),
        unconfirmed(figures, advice),
    ]
    diagnoses = _settle([diagnosis for diagnosis in found if diagnosis], reading, advice)
    return sorted(diagnoses, key=lambda diagnosis: ("problem", "hint", "good").index(diagnosis["level"]))


def _settle(diagnoses: list[Diagnosis], reading: Reading, advice: Treatments) -> list[Diagnosis]:
    """Leaves out what other diagnoses make worthless, and says that a fit is good where none speaks against it."""
    names = {diagnosis["name"] for diagnosis in diagnoses}
    if "diverging" in names:
        # Curves that rise say nothing about the rest.
        return [diagnosis for diagnosis in diagnoses if diagnosis["name"] not in _OF_CURVES]
    if names & _AGAINST_A_GOOD_FIT or reading.train_skill is None:
        return diagnoses
    return [*diagnoses, _good_fit(reading, advice)]


def _good_fit(reading: Reading, advice: Treatments) -> Diagnosis:
    parts = [f"training {reading.train_skill:.2f}"]
    parts += [f"validation {reading.val_skill:.2f}"] if reading.val_skill is not None else []
    parts += [f"eval split {reading.eval_skill:.2f}"] if reading.eval_skill is not None else []
    evidence = [f"Skill: {', '.join(parts)} ({reading.metric}; 0 is the trivial model, 1 is perfect)."]
    treatments = []
    if still_improving(reading) and not is_unfinished(reading):
        evidence.append(f"The loss was still falling when training ended after {reading.epochs}.")
        treatments = advice.longer()
    return result("good_fit", "good", evidence, treatments)
