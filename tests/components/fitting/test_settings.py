"""Settings of a fit, and how dotted keys change them."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from kerasline.components.features.plan import FeaturePlan
from kerasline.components.fitting.settings.options import TrainingOptions
from kerasline.components.fitting.settings.settings import FitSettings, explain_refusal, set_keys
from kerasline.components.models import MlpOptions, OutputSpec, Task
from kerasline.components.models.description.options import CnnOptions


def settings_of(task: Task, classes: tuple[str, ...] | None) -> FitSettings:
    """Settings with a label and nothing else."""
    plan = FeaturePlan(steps=(), label="y", label_dtype="string", classes=classes, label_scale="none", task=task)
    return FitSettings(plan=plan, model=MlpOptions(), training=TrainingOptions(), seed=3)


@pytest.mark.parametrize(
    ("task", "classes", "units"),
    [("binary", ("n", "y"), 1), ("multiclass", ("a", "b", "c"), 3), ("multilabel", ("a", "b"), 2),
     ("regression", None, 1), ("bounded_regression", None, 1)],
)  # fmt: skip
def test_the_output_follows_the_task(task: Task, classes: tuple[str, ...] | None, units: int) -> None:
    assert settings_of(task, classes).output() == OutputSpec(task, units)


def test_dotted_keys_change_a_copy() -> None:
    settings = settings_of("binary", ("n", "y"))
    changed = settings.with_changes({"model.units": [16, 8], "model.dropout": 0.25, "training.learning_rate": 0.01})
    assert changed.model == MlpOptions(units=(16, 8), dropout=0.25)
    assert changed.training == TrainingOptions(learning_rate=0.01)
    assert (changed.plan, changed.seed) == (settings.plan, 3)
    assert settings.model == MlpOptions()


def test_a_change_is_validated() -> None:
    with pytest.raises(ValidationError, match="dropout") as caught:
        settings_of("binary", ("n", "y")).with_changes({"model.dropout": 1.5})
    assert explain_refusal(caught.value) == "model.dropout: expected a number below 1, got 1.5"
    with pytest.raises(ValidationError, match="widths"):
        settings_of("binary", ("n", "y")).with_changes({"model.widths": 3})


def test_settings_survive_the_way_through_json() -> None:
    settings = settings_of("multiclass", ("a", "b", "c")).model_copy(update={"model": CnnOptions(filters=(4, 8))})
    assert FitSettings.model_validate_json(settings.model_dump_json()) == settings


def test_set_keys_makes_what_is_not_there_and_leaves_the_rest() -> None:
    config = {"a": {"b": 1, "c": [1, 2]}, "d": 3}
    changed = set_keys(config, {"a.b": 2, "e.f.g": 4, "d.x": 5})
    assert changed == {"a": {"b": 2, "c": [1, 2]}, "d": {"x": 5}, "e": {"f": {"g": 4}}}
    changed["a"]["c"].append(3)
    assert config == {"a": {"b": 1, "c": [1, 2]}, "d": 3}
