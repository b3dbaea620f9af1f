"""The whole experiment as typed, validated objects: what one YAML file says, with every default filled in.

Each room owns its options; this module only composes them. Nothing here imports TensorFlow.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from kerasline.components.datasets.options import DataOptions
from kerasline.components.errors import ConfigError, nearest
from kerasline.components.features import ColumnOptions, expand_shorthand
from kerasline.components.models import MODEL_FAMILIES, ModelOptions
from kerasline.components.models.heads import direction
from kerasline.components.models.options import MlpOptions
from kerasline.components.models.spaces import DEFAULT_SPACES, default_space
from kerasline.components.models.spec import Task
from kerasline.components.options import (
    EvaluationOptions,
    Options,
    PushOptions,
    ReportOptions,
    RunOptions,
    TrainingOptions,
)
from kerasline.components.settings import change_config, set_keys
from kerasline.components.tuning.checks import check_objective
from kerasline.components.tuning.notation import FAMILY, Space, candidates, check_space, conditions
from kerasline.components.tuning.options import TuningOptions
from kerasline.components.validation.options import ValidationOptions
from kerasline.pipeline.schedule_options import ScheduleOptions
from kerasline.pipeline.steps import STEPS, free_name

RECIPES = Path(__file__).with_name("recipes")


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
    model: ModelOptions = Field(default=MlpOptions(family="mlp"))
    training: TrainingOptions = Field(default=TrainingOptions())
    tuning: TuningOptions | None = None
    evaluation: EvaluationOptions = Field(default=EvaluationOptions())
    push: PushOptions = Field(default=PushOptions())
    report: ReportOptions = Field(default=ReportOptions())
    schedule: ScheduleOptions | None = None
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
        tuning = {} if value["tuning"] == "default" else value["tuning"]
        model = value.get("model")
        family = model.get("family", "mlp") if isinstance(model, Mapping) else "mlp"
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
        if self.model.family == "transfer":
            reason = "the transfer family scales pixels from 0..1 to what its base was trained on"
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
    return parse_experiment(read_yaml(path), changes, str(path)), path.parent


def find_recipe(recipe: str) -> Path:
    """Locates a shipped recipe by name, or a file by path."""
    if recipe.endswith((".yaml", ".yml")) or "/" in recipe:
        path = Path(recipe)
        if not path.is_file():
            there = "is none" if path.exists() else "does not exist"
            raise ConfigError(
                f"expected a recipe file, but {recipe} {there}; 'kerasline recipes' lists the shipped ones"
            )
        return path
    path = RECIPES / f"{recipe}.yaml"
    if not path.is_file():
        known = recipe_names()
        raise ConfigError(
            "expected the name of a shipped recipe or the path of a YAML file, got "
            f"{recipe!r}.{nearest(recipe, known)} 'kerasline recipes' lists them"
        )
    return path


def recipe_names() -> list[str]:
    """Lists the shipped recipes."""
    return sorted(path.stem for path in RECIPES.glob("*.yaml"))


class _Loader(yaml.SafeLoader):
    """Reads 1e-3 as a number and off as text, as YAML 1.2 does and 1.1 does not. Refuses a key that stands twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Builds a mapping; PyYAML would keep the last of two values of a key and say nothing."""
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE:
                if key.value in seen:
                    problem = f"the key {key.value!r} stands twice"
                    raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)


_BOOLEAN = "tag:yaml.org,2002:bool"
_MERGE = "tag:yaml.org,2002:merge"
_NUMBER_WITH_EXPONENT = re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+$")
_Loader.yaml_implicit_resolvers = {
    first: [resolver for resolver in resolvers if resolver[0] != _BOOLEAN]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(_BOOLEAN, re.compile(r"(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", _NUMBER_WITH_EXPONENT, list("-+0123456789"))


def read_yaml(path: Path) -> dict[str, Any]:
    """Reads a YAML mapping; configs are data, so nothing in it is executed."""
    try:
        raw = yaml.load(path.read_text(encoding="utf-8"), _Loader)
        json.dumps(raw, default=str, skipkeys=True)  # a block that contains itself has no end
    except RecursionError:
        raise ConfigError(f"expected blocks within blocks in {path}, but they go too deep") from None
    except (yaml.YAMLError, ValueError) as error:
        problem = " ".join(str(error).split())
        raise ConfigError(f"expected YAML in {path}, but it does not parse: {problem}") from error
    except OSError as error:
        raise ConfigError(f"expected a readable file, but {path} cannot be read: {error.strerror}") from error
    if not isinstance(raw, dict):
        came = "an empty file" if raw is None else "a list" if isinstance(raw, list) else repr(raw)[:100]
        raise ConfigError(f"expected keys such as name, data and model in {path}, got {came}")
    return raw


def parse_experiment(raw: Mapping[str, Any], changes: Sequence[str] = (), source: str = "the recipe") -> Experiment:
    """Validates a config.

    Args:
      raw: as read from YAML.
      changes: ``KEY=VALUE`` with dotted keys.
      source: where it came from, for messages.

    Raises:
      ConfigError: names the key, what was expected, what came, and the nearest known key.
    """
    changed = set_keys(raw, _parse_changes(changes))
    try:
        experiment = Experiment.model_validate(changed)
    except ValidationError as error:
        raise ConfigError(explain(error, changed, source)) from error
    _check_monitors(experiment, source)
    if experiment.tuning:
        _check_space(experiment.tuning.space, changed, source)
    return experiment


def _check_monitors(experiment: Experiment, source: str) -> None:
    """Refuses names of metrics that nobody knows, which would otherwise end the run in the middle."""
    training, tuning = experiment.training, experiment.tuning
    named = {
        "training.early_stopping.monitor": training.early_stopping and training.early_stopping.monitor,
        "training.reduce_on_plateau.monitor": training.reduce_on_plateau and training.reduce_on_plateau.monitor,
        "tuning.objective": tuning and tuning.objective,
    }
    for key, metric in named.items():
        try:
            direction(metric or "loss")
        except ConfigError as error:
            raise ConfigError(f"{source}: {key}: {error}") from error
    if tuning and experiment.task != "auto":
        try:
            check_objective(tuning.objective, experiment.task)
        except ConfigError as error:
            raise ConfigError(f"{source}: {error}") from error


def _check_space(space: Space, raw: Mapping[str, Any], source: str) -> None:
    """Tries the ends of every range and every choice in the config itself, before anything runs."""
    try:
        check_space(space)
    except ValueError as error:
        raise ConfigError(f"{source}: tuning.space.{error}") from error
    refused: dict[str, tuple[Any, str]] = {}
    suits: dict[str, list[Any]] = {}
    for key, changes in candidates(space):
        changed, family = change_config(raw, changes), changes.get(FAMILY)
        try:
            Experiment.model_validate(changed)
        except ValidationError as error:
            refused.setdefault(key, (family, explain(error, changed, f"{source}: tuning.space.{key}")))
        else:
            suits.setdefault(key, []).append(family)
    for key, (family, text) in refused.items():
        others = [one for one in dict.fromkeys(suits.get(key, [])) if one != family]
        if family and others and FAMILY not in conditions(space[key]):
            text = (
                f"{source}: tuning.space.{key}: expected when: {{{FAMILY}: {' or '.join(others)}}}, since {family}, "
                "which the space tries too, does not take it"
            )
        raise ConfigError(text)


def _parse_changes(changes: Sequence[str]) -> dict[str, Any]:
    parsed = {}
    for change in changes:
        key, equals, text = change.partition("=")
        if not equals or not key.strip():
            raise ConfigError(f"--set: expected KEY=VALUE such as training.epochs=5, got {change!r}")
        try:
            parsed[key.strip()] = yaml.load(text, _Loader)
        except yaml.YAMLError as error:
            raise ConfigError(f"--set {key}: expected a YAML value, got {text!r}") from error
    return parsed


# Where pydantic names its own classes.
_SHAPES = {
    "model_type": "expected a block of keys",
    "model_attributes_type": "expected a block of keys",
    "dict_type": "expected a block of keys",
    "list_type": "expected a list such as [a, b]",
}


def explain(error: ValidationError, raw: Mapping[str, Any], source: str) -> str:
    """Puts one of pydantic's findings into a sentence: key, what was expected, what came, the nearest key.

    Args:
      error: what pydantic found.
      raw: the config that it was given.
      source: where that came from.
    """
    findings = error.errors()
    # A required key that is misspelt is both missing and unknown, and the second says more.
    first = next((f for f in findings if f["type"] == "extra_forbidden"), findings[0])
    location = _location(first["loc"], raw, is_missing=first["type"] == "missing")
    key = ".".join(location)
    more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    came = first["input"]
    if first["type"] == "extra_forbidden":
        known = _known_keys(location[:-1], error)
        hint = nearest(location[-1], known) or f" Known keys: {', '.join(sorted(known))}."
        return f"{source}: unknown key {key!r}.{hint}{more}"
    if first["type"] == "missing":
        return f"{source}: expected the key {key!r}, which is not there{more}"
    if first["type"] == "union_tag_invalid":
        tag = first["ctx"]["tag"]
        return (
            f"{source}: {key}.family: expected one of {', '.join(MODEL_FAMILIES)}, got {tag!r}."
            f"{nearest(tag, MODEL_FAMILIES)}{more}"
        )
    message = _SHAPES.get(first["type"]) or first["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    is_named = "got" in message or (isinstance(came, str) and repr(came) in message)
    shown = "" if is_named or isinstance(came, (dict, list, BaseModel)) else f", got {came!r}"
    return f"{source}: {key}: {message}{shown}{more}" if key else f"{source}: {message}{more}"


def _location(found: Sequence[str | int], raw: Any, *, is_missing: bool) -> list[str]:
    """Leaves out of pydantic's location what stands in no config: the names of a union's alternatives."""
    location = []
    for part in found[:-1] if is_missing else found:
        known = range(len(raw)) if isinstance(raw, (list, tuple)) else raw if isinstance(raw, Mapping) else ()
        if part in known:
            location.append(str(part))
            raw = raw[part]
    return location + ([str(found[-1])] if is_missing else [])


def _known_keys(parents: Sequence[str], error: ValidationError) -> list[str]:
    """Lists the keys that the block at a place of the config has."""
    if parents and parents[0] == "model":
        tag = next((str(part) for part in error.errors()[0]["loc"] if str(part) in MODEL_FAMILIES), "mlp")
        block: type[BaseModel] = MODEL_FAMILIES[tag].options
        parents = parents[1:]
    else:
        block = Experiment
    for parent in parents:
        nested = _block_of(block.model_fields[parent].annotation) if parent in block.model_fields else None
        if nested is not None:
            block = nested
    return list(block.model_fields)


def _block_of(annotation: Any) -> type[BaseModel] | None:
    candidates = [annotation, *getattr(annotation, "__args__", ())]
    return next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)
