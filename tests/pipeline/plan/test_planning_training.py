"""What planning settles for the Trainer: the user's own module, the column of weights, and options that do not suit."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kerasline.components.core.errors import ConfigError
from kerasline.components.core.machine.code_hash import code_version
from kerasline.pipeline.config.experiment import parse_experiment
from kerasline.pipeline.plan.planning import RunPlan, plan_run

ROWS = "".join(f"{n % 7},{n % 5},{n % 3 + 0.5},{'ab'[n % 2]}\n" for n in range(200))


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A recipe's folder with a table and a package that builds a model; Python forgets the package afterwards."""
    (tmp_path / "table.csv").write_text("first,second,trust,kind\n" + ROWS)
    package = tmp_path / "my_planned_models"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "build.py").write_text("from .blocks import block\n\ndef build_model(config, inputs, output): ...\n")
    (package / "blocks.py").write_text("def block(): ...\n")
    before = list(sys.path)
    yield tmp_path
    sys.path[:] = before
    for name in [name for name in sys.modules if name.startswith("my_planned_models")]:
        del sys.modules[name]


def plan(folder: Path, **blocks: object) -> RunPlan:
    raw = {"name": "planned", "data": {"csv": {"path": "table.csv", "label": "kind"}}, **blocks}
    return plan_run(parse_experiment(raw), folder, None, folder / "models")


CUSTOM = {"family": "custom", "build": "my_planned_models.build:build_model"}


def test_the_code_of_a_custom_model_is_found_beside_the_recipe(folder: Path) -> None:
    settled = plan(folder, model=CUSTOM)
    assert settled.own_modules() == ("my_planned_models.build",)
    assert plan(folder).own_modules() == ()
    with_model = code_version("kerasline.components.training.trainer", *settled.own_modules())
    assert with_model != code_version("kerasline.components.training.trainer")


def test_editing_what_a_custom_model_imports_changes_key_and_version(folder: Path) -> None:
    first = plan(folder, model=CUSTOM)
    version = code_version("kerasline.components.training.trainer", *first.own_modules())
    (folder / "my_planned_models" / "blocks.py").write_text("def block(): return 1\n")
    second = plan(folder, model=CUSTOM)
    assert code_version("kerasline.components.training.trainer", *second.own_modules()) != version
    assert second.key != first.key


def test_the_column_of_weights_is_no_input(folder: Path) -> None:
    assert plan(folder).features.inputs()[0].columns == ("first", "second", "trust")
    weighed = plan(folder, training={"sample_weight": "trust"})
    assert weighed.features.inputs()[0].columns == ("first", "second")
    assert weighed.fit_settings().training.sample_weight == "trust"


@pytest.mark.parametrize(
    ("training", "message"),
    [
        ({"sample_weight": "turst"}, "got 'turst'. Did you mean 'trust'?"),
        ({"fine_tune": {"epochs": 2}}, "training.fine_tune: expected model.family transfer, got mlp"),
        ({"loss": "mse", "label_smoothing": 0.1}, "training.label_smoothing: expected a loss over classes"),
        ({"class_weights": {"c": 2}}, "training.class_weights: expected names of classes (a, b), got 'c'"),
    ],
)
def test_what_does_not_suit_the_data_is_refused(folder: Path, training: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        plan(folder, training=training)
    assert message in str(caught.value)
