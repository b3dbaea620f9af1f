"""The whole experiment as typed, validated objects: what one YAML file says, with every default filled in.

Each room owns its options; this module only composes them. Nothing here imports TensorFlow.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from kerasline.components.core import ConfigError, Options, lack_of_file, nearest, shown
from kerasline.components.datasets.description import DataOptions
from kerasline.components.evaluation import EvaluationOptions
from kerasline.components.features import ColumnOptions, expand_shorthand, is_feature_key, split_feature_key
from kerasline.components.fitting import TrainingOptions, change_config, set_keys
from kerasline.components.models import DEFAULT_SPACES, MlpOptions, ModelOptions, Task, default_space
from kerasline.components.monitoring import ServeOptions
from kerasline.components.pushing import PushOptions
from kerasline.components.report import ReportOptions
from kerasline.components.tuning import FAMILY, Space, TuningOptions, candidates, check_space, conditions
from kerasline.components.validation import ValidationOptions
from kerasline.pipeline.config.findings import Finding, find, refusal
from kerasline.pipeline.config.name_checks import check_names
from kerasline.pipeline.config.recipe_text import Location, Origin, read_file, read_text
from kerasline.pipeline.config.run_options import RunOptions
from kerasline.pipeline.config.schedule import ScheduleOptions
from kerasline.pipeline.workspace import STEPS, free_name

RECIPES = Path(__file__).parents[1] / "recipes"
RECIPE_ENDINGS = (".yaml", ".yml")
_LONGEST_KEY = 500
# Of "tuning: default", beside the family's own space: a table's trial takes a minute rather than seconds.
_DEFAULT_SEARCH: dict[str, dict[str, Any]] = {"tabular": {"max_trials": 20, "budget": "10m"}}


class Experiment(Options):
    """One experiment: a recipe with every default filled in."""

    name: str = Field(
        pattern=r"^[a-z0-9]([a-z0-9_-]*[a-z0-9])?$",
        max_length=50,  # TFX takes 63, and a workspace on a metadata server adds 13
        description="Names the pipeline and the model: lower-case letters, digits, - and _.",
    )
    description: str = Field("", description="One sentence for the list of recipes.")
    seed: int = Field(7, ge=0, lt=2**31, description="Of splits, weights, shuffles and the search.")
    data: DataOptions
    task: Literal["auto"] | Task = Field("auto", description="auto follows the label.")
    features: dict[str, ColumnOptions] = Field(default={}, description="Overrides by column; the rest is inferred.")
    validation: ValidationOptions = Field(default=ValidationOptions())
    model: ModelOptions = Field(default=MlpOptions(family="mlp"), description="The network; without a family, an mlp.")
    training: TrainingOptions = Field(default=TrainingOptions())
    tuning: TuningOptions | None = Field(
        None, description="A search for better values; default: over the space of the model family."
    )
    evaluation: EvaluationOptions = Field(default=EvaluationOptions())
    push: PushOptions = Field(default=PushOptions())
    report: ReportOptions = Field(default=ReportOptions())
    schedule: ScheduleOptions | None = Field(None, description="When to train again, and whom to tell.")
    serve: ServeOptions = Field(default=ServeOptions(), description="What is kept of requests and answers.")
    run: RunOptions = Field(default=RunOptions())

    @field_validator("name")
    @classmethod
    def _is_no_step(cls, name: str) -> str:
        if name in STEPS:
            raise ValueError(
                f"expected a name that is no step's ({', '.join(STEPS)}), got {name!r}; take {free_name(name)!r}"
            )
        return name

    @model_validator(mode="after")
    def _trigger_has_its_check(self) -> Experiment:
        trigger = self.schedule.trigger if self.schedule else None
        if trigger == "drift" and self.validation.drift.policy == "off":
            raise ValueError("expected validation.drift: warn with schedule.trigger: drift, got off")
        if trigger == "metric" and self.data.spans is None:
            raise ValueError(
                f"expected data.spans with schedule.trigger: metric, got {self.data.source}; only rows of new spans "
                "are surely none that the model was fitted on"
            )
        return self

    @model_validator(mode="before")
    @classmethod
    def _tuning_takes_the_familys_space(cls, value: Any) -> Any:
        """Lets ``tuning: default`` stand for a search over the space that the model family ships."""
        if not isinstance(value, Mapping) or not value.get("tuning"):
            return value
        model = value.get("model")
        family = str(model.get("family", "mlp")) if isinstance(model, Mapping) else "mlp"
        tuning = value["tuning"]
        if tuning == "default":
            tuning = dict(_DEFAULT_SEARCH.get(family, {}))
        if isinstance(tuning, Mapping) and not tuning.get("space") and family in DEFAULT_SPACES:
            training = value.get("training")
            tuning = {**tuning, "space": default_space(family, training if isinstance(training, Mapping) else {})}
        return {**value, "tuning": tuning}

    @field_validator("model", mode="before")
    @classmethod
    def _family_defaults_to_mlp(cls, value: Any) -> Any:
        return {"family": "mlp", **value} if isinstance(value, Mapping) else value

    @field_validator("features", mode="before")
    @classmethod
    def _columns_are_blocks(cls, value: Any) -> Any:
        """Lets ``{age: drop}`` and ``{age: min_max}`` stand for the blocks that they mean."""
        if not isinstance(value, Mapping):
            return value
        return {name: expand_shorthand(block) for name, block in value.items()}

    @model_validator(mode="after")
    def _model_reads_pixels_from_0_to_1(self) -> Experiment:
        """Refuses standardised images where the model counts on values from 0 to 1."""
        augmentation = getattr(self.model, "augmentation", None)
        if self.model.family in ("transfer", "hub"):
            reason = f"the {self.model.family} family scales pixels from 0..1 to what its base was trained on"
        elif augmentation is not None and augmentation.contrast:
            reason = "model.augmentation.contrast changes pixels within 0..1"
        else:
            return self
        for name, options in self.features.items():
            if options.normalise == "standard":
                raise ValueError(
                    f"features.{name}.normalise: expected none, because {reason}, got standard, which centres them "
                    "on 0; leave normalise out"
                )
        return self


def load_experiment(recipe: str, changes: Sequence[str] = ()) -> tuple[Experiment, Path]:
    """Reads a recipe.

    Args:
      recipe: the name of a shipped recipe, or the path of a YAML file.
      changes: ``KEY=VALUE`` with dotted keys; values are YAML.

    Returns:
      The experiment, and the folder that relative paths in it start from.

    Raises:
      ConfigError: no such recipe, or a key or value in it is wrong.
    """
    path = find_recipe(recipe)
    raw, origin = read_file(path)
    return parse_experiment(raw, changes, origin), path.parent


def find_recipe(recipe: str) -> Path:
    """Locates a shipped recipe by name, or a file by path."""
    if recipe.endswith(RECIPE_ENDINGS) or "/" in recipe:
        path = Path(recipe)
        if not path.is_file():
            beside = nearest(path.name, [file.name for file in path.parent.glob("*.y*ml")], cutoff=0.8)
            told = f".{beside}" if beside else ";"
            lack = lack_of_file(path)
            raise ConfigError(
                f"expected a recipe file, but {recipe} {lack}{told} 'kerasline recipes' lists the shipped ones"
            )
        return path
    path = RECIPES / f"{recipe}.yaml"
    if not path.is_file():
        raise ConfigError(
            "expected the name of a shipped recipe or the path of a YAML file, got "
            f"{recipe!r}.{_what_is_there(recipe)} 'kerasline recipes' lists them"
        )
    return path


def _what_is_there(word: str) -> str:
    """Returns a hint for a word that is neither a shipped recipe nor a path of one."""
    if os.path.isfile(f"{word}.yaml"):
        return f" Did you mean '{word}.yaml', which is here?"
    if os.path.exists(word):
        return f" A recipe for the data in it is written by 'kerasline init {word}'."
    return nearest(word, recipe_names())


def recipe_names() -> list[str]:
    """Lists the shipped recipes."""
    return sorted(path.stem for path in RECIPES.glob("*.yaml"))


def read_yaml(path: Path) -> dict[str, Any]:
    """Reads a YAML mapping; configs are data, so nothing in it is executed."""
    return read_file(path)[0]


def parse_experiment(
    raw: Mapping[str, Any], changes: Sequence[str] = (), source: str | Origin = "the recipe"
) -> Experiment:
    """Validates a config.

    Args:
      raw: as read from YAML.
      changes: ``KEY=VALUE`` with dotted keys.
      source: where it came from, for messages.

    Raises:
      ConfigError: names the key, what was expected, what came, and the nearest known key; where more is wrong, its
        details have a line for each.
    """
    parsed, places = _parse_changes(changes)
    changed = set_keys(raw, parsed)
    origin = replace(Origin(source) if isinstance(source, str) else source, changes=places)
    try:
        experiment = Experiment.model_validate(changed)
    except ValidationError as error:
        raise refusal(find(error, changed, Experiment), origin) from error
    findings = [*check_names(experiment)]
    if experiment.tuning:
        findings += _check_space(experiment.tuning.space, changed)
    if findings:
        raise refusal(findings, origin)
    return experiment


def _check_space(space: Space, raw: Mapping[str, Any]) -> list[Finding]:
    """Tries the ends of every range and every choice in the config itself, before anything runs."""
    try:
        check_space(space)
    except ValueError as error:
        return [(("tuning", "space"), f"tuning.space.{error}")]
    refused: dict[str, tuple[Any, str]] = {}
    suits: dict[str, list[Any]] = {}
    for key, changes in candidates(space):
        changed, family = change_config(_decisive(raw, changes), changes), changes.get(FAMILY)
        try:
            Experiment.model_validate(changed)
        except ValidationError as error:
            refused.setdefault(key, (family, find(error, changed, Experiment)[0][1]))
        else:
            suits.setdefault(key, []).append(family)
    return [_refused_key(key, space, *why, suits.get(key, [])) for key, why in refused.items()]


def _decisive(raw: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the part of a config that a candidate could contradict; a search tries thousands of them."""
    rooms = ("name", "data", "task", "model", "training")
    kept = {room: raw[room] for room in rooms if room in raw}
    features = raw.get("features")
    if isinstance(features, Mapping):
        changed = {split_feature_key(key)[1] for key in changes if is_feature_key(key)}
        kept["features"] = {
            name: block for name, block in features.items() if name in changed or _says_how_to_scale(block)
        }
    return kept


def _says_how_to_scale(block: Any) -> bool:
    return isinstance(block, Mapping) and "normalise" in block


def _refused_key(key: str, space: Space, family: Any, text: str, suits: Sequence[Any]) -> Finding:
    others = [one for one in dict.fromkeys(suits) if one != family]
    if family and others and FAMILY not in conditions(space[key]):
        text = (
            f"expected when: {{{FAMILY}: {' or '.join(others)}}}, since {family}, which the space tries too, does not "
            "take it"
        )
    return ("tuning", "space", key), f"tuning.space.{key}: {text}"


def _parse_changes(changes: Sequence[str]) -> tuple[dict[str, Any], dict[Location, str]]:
    """Returns the values of ``--set`` by their dotted keys, and the keys by the places that they change."""
    parsed, places = {}, {}
    for change in changes:
        key, equals, text = change.partition("=")
        key = key.strip()
        if not equals or not key or len(key) > _LONGEST_KEY or not all(key.split(".")):
            raise ConfigError(f"--set: expected KEY=VALUE such as training.epochs=5, got {shown(change)}")
        try:
            parsed[key] = read_text(text, f"--set {key}")
        except ConfigError as error:
            if not error.details:
                raise
            raise ConfigError(
                f"--set {key}: expected a YAML value, got {shown(text)}", details=error.details
            ) from error
        places[tuple(split_feature_key(key) if is_feature_key(key) else key.split("."))] = key
    return parsed, places
