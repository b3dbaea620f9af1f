"""Which data scikit-learn's reference models suit; light: asked before anything runs."""

from __future__ import annotations

from kerasline.components.core import ConfigError
from kerasline.components.evaluation import EvaluationOptions
from kerasline.components.features import FeaturePlan

REFERENCES_FILE = "references.json"  # how each reference was fitted
ANSWERS_FILE = "references-eval.npz"  # what each answers the eval rows


def why_no_references(plan: FeaturePlan) -> str:
    """Says why the reference models do not suit the data; empty where they do."""
    if plan.task == "multilabel":
        return "a task of several labels a row"
    others = sorted({spec.kind for spec in plan.inputs()} - {"dense", "ids"})
    return f"inputs of kind {' and '.join(others)}" if others else ""


def check_reference_limit(options: EvaluationOptions, plan: FeaturePlan) -> None:
    """Refuses a limit against reference models that the data does not suit.

    Raises:
      ConfigError: it could never be kept or broken.
    """
    why = why_no_references(plan)
    if options.max_behind_reference is not None and why:
        raise ConfigError(
            f"evaluation.max_behind_reference: expected a table of numbers and categories with one label, which "
            f"scikit-learn's models are fitted on, got {why}; leave the limit out"
        )
