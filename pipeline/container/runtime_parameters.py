"""What can be set when a compiled spec is submitted: where its files go, and a few values of the recipe.

TFX's own RuntimeParameter stands for a whole execution property, while these values stand inside JSON that is one, and
TFX's compiler drops its default. So a spec gives them to the steps beside their properties, and the container puts them
where they belong before TFX's entry point reads them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from kerasline.components.core import ConfigError
from kerasline.components.datasets.description import DataOptions, Dataset
from kerasline.components.fitting import set_keys
from kerasline.pipeline.container.buckets import check_reachable
from kerasline.pipeline.container.given_values import NUMBERS, check_value

COMPILED = "compiled_with"  # the values that a spec was compiled with, beside the parameters of each step
_DESCRIPTIONS = {
    "pipeline_root": "Below it are models/NAME (the pushed versions), checkpoints and searches.",
    "span": "The newest span to use; the recipe's window ends with it.",
    "epochs": "training.epochs of the recipe.",
    "learning_rate": "training.learning_rate of the recipe; a search starts from it.",
    "project": "The Google Cloud project that custom jobs run in.",
    "region": "The region that custom jobs run in.",
}
SUBMITTED = frozenset(_DESCRIPTIONS)
_TYPES = {"epochs": "NUMBER_INTEGER", "learning_rate": "NUMBER_DOUBLE"}
_FOLDERS = ("checkpoints", "searches")  # of custom_config
JOB = "ai_platform_training_args"  # as TFX's executor of custom jobs names it
_REGION = "ai_platform_vertex_region"

Parameters = dict[str, Any]


def declare_parameters(
    spec: dict[str, Any], values: Mapping[str, Any], data: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Adds the parameters to a compiled PipelineSpec, for each step that has a use for one.

    Args:
      spec: the PipelineSpec; it is changed.
      values: parameter name to the value that the spec was compiled with, None where a submission must say it.
      data: what finds the data of another span: the arguments of ``resolve`` as JSON; None where there are no spans.

    Returns:
      The values of the parameters that a step has a use for.
    """
    used: dict[str, Any] = {}
    for task in spec["root"]["dag"]["tasks"].values():
        inputs = task.get("inputs", {}).get("parameters", {})
        read = _parameters_read(inputs, values)
        if not read:
            continue
        used |= {parameter: values[parameter] for parameter in read}
        component = spec["components"][task["componentRef"]["name"]]
        _give(inputs, component["inputDefinitions"]["parameters"], {name: values[name] for name in read}, data or {})
    declared = spec["root"].setdefault("inputDefinitions", {}).setdefault("parameters", {})
    declared |= {parameter: _declaration(parameter, value) for parameter, value in used.items()}
    return used


def _parameters_read(inputs: Mapping[str, Any], names: Iterable[str]) -> list[str]:
    """Returns the names of those parameters that a step has a use for, by what it is told already."""
    constants = {key: value["runtimeValue"]["constant"] for key, value in inputs.items() if "runtimeValue" in value}
    return [name for name in names if _READ_BY[name](constants)]


def _give(
    inputs: dict[str, Any], definitions: dict[str, Any], values: Mapping[str, Any], data: Mapping[str, Any]
) -> None:
    """Gives a step some parameters, and the values that the spec was compiled with, to tell what has changed.

    Args:
      inputs: What the step is told; it is changed.
      definitions: Types of what the step is told; they are changed.
      values: The parameters with their values as compiled.
      data: What finds the data of another span.
    """
    compiled: dict[str, Any] = {"values": dict(values)}
    if "span" in values:
        compiled["data"] = dict(data)
    inputs[COMPILED] = {"runtimeValue": {"constant": json.dumps(compiled)}}
    definitions[COMPILED] = {"parameterType": "STRING"}
    for name in values:
        inputs[name] = {"componentInputParameter": name}
        definitions[name] = {"parameterType": _TYPES.get(name, "STRING")}


def _declaration(name: str, value: Any) -> dict[str, Any]:
    """Declares a parameter of the spec; one without a value must be given by whoever submits it."""
    declared = {"parameterType": _TYPES.get(name, "STRING"), "description": _DESCRIPTIONS[name]}
    return declared if value is None else {**declared, "defaultValue": value, "isOptional": True}


def put_in_place(parameters: Parameters) -> Parameters:
    """Returns a step's parameters as TFX expects them, with what was given at submission where the step reads it.

    Raises:
      ConfigError: a value is not one that the recipe could have, or the data of another span is not what the spec was
        compiled for.
    """
    if COMPILED not in parameters:
        return parameters
    compiled = json.loads(parameters[COMPILED])
    values = compiled["values"]
    changed = _changed(parameters, values)
    left = {key: value for key, value in parameters.items() if key != COMPILED and key not in values}
    left = _with_numbers(left, changed)
    if "span" in changed:
        left = _with_span(left, compiled["data"], str(changed["span"]))
    if "pipeline_root" in changed:
        left = _with_root(left, values["pipeline_root"], changed["pipeline_root"].rstrip("/"))
    return _with_place(left, changed)


def _changed(parameters: Parameters, values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns those values of a submission that differ from the compiled ones, checked."""
    given = {name: parameters.get(name, value) for name, value in values.items()}
    if "span" in given:
        given["span"] = _span_text(given["span"])
    changed = {name: value for name, value in given.items() if value != values[name]}
    for name, value in changed.items():
        _check_submitted(name, value, values[name])
    return changed


def _span_text(span: Any) -> Any:
    """Returns a span as spans are named: a service reads the text 7 as the number, and 07 is the same."""
    whole = int(span) if isinstance(span, float) and span.is_integer() else span
    return str(int(whole)) if re.fullmatch("[0-9]+", str(whole)) else span


def _check_submitted(name: str, value: Any, compiled: Any) -> None:
    """Raises ConfigError for a value that came past ``--param``: from a service's own page, client or schedule."""
    option = f"parameter {name}"
    kinds = int | float if name in NUMBERS else str
    if not isinstance(value, kinds) or isinstance(value, bool):
        wanted = "a number" if name in NUMBERS else "a text"
        raise ConfigError(f"{option}: expected {wanted}, got {value!r}; submit the spec with one")
    check_value(option, name, value, str(compiled), shown=value)
    if name == "pipeline_root":
        check_reachable(str(value), "kubeflow", option)


def _with_numbers(parameters: Parameters, changed: Mapping[str, Any]) -> Parameters:
    """Puts numbers of the recipe where the step reads the recipe."""
    numbers = {key: changed[name] for name, key in NUMBERS.items() if name in changed}
    if not numbers:
        return parameters
    if "training.epochs" in numbers:
        numbers["training.epochs"] = int(numbers["training.epochs"])  # JSON has one kind of number
    return _with_config(parameters, numbers)


def _with_place(parameters: Parameters, changed: Mapping[str, Any]) -> Parameters:
    """Says where custom jobs run."""
    if "project" in changed:
        project = changed["project"]
        parameters = _change_json(parameters, "custom_config", lambda config: config[JOB].update(project=project))
    if "region" in changed:
        region = {_REGION: changed["region"]}
        parameters = _change_json(parameters, "custom_config", lambda config: config.update(region))
    return parameters


def _change_json(parameters: Parameters, key: str, change: Callable[[dict[str, Any]], object]) -> Parameters:
    """Returns parameters of which one, a JSON object, has been changed in place; where it is missing, as they are."""
    if key not in parameters:
        return parameters
    value = json.loads(parameters[key])
    change(value)
    return {**parameters, key: json.dumps(value)}


def _with_config(parameters: Parameters, changes: Mapping[str, Any]) -> Parameters:
    """Sets config keys in what fits the model, and in what the report shows."""

    def in_settings(config: dict[str, Any]) -> None:
        if "settings" in config:
            config["settings"] = json.dumps(set_keys(json.loads(config["settings"]), changes))

    parameters = _change_json(parameters, "custom_config", in_settings)
    if "experiment" not in parameters:
        return parameters
    from kerasline.pipeline.config import Experiment, changed_from_defaults

    experiment = set_keys(json.loads(parameters["experiment"]), changes)
    differing = changed_from_defaults(Experiment.model_validate(experiment))
    return {**parameters, "experiment": json.dumps(experiment), "changes": json.dumps(differing)}


def _with_root(parameters: Parameters, before: str, now: str) -> Parameters:
    def move(text: str) -> str:
        return now + text.removeprefix(before) if text.startswith(f"{before}/") else text

    def in_config(config: dict[str, Any]) -> None:
        config.update({key: move(config[key]) for key in _FOLDERS if key in config})

    def in_destination(destination: dict[str, Any]) -> None:
        filesystem = next(iter(destination.values()))
        filesystem.update({key: move(value) for key, value in filesystem.items()})

    moved: Parameters = {key: move(parameters[key]) for key in ("models", "reference") if key in parameters}
    parameters = {**parameters, **moved}
    return _change_json(_change_json(parameters, "custom_config", in_config), "push_destination", in_destination)


def _with_span(parameters: Parameters, data: Mapping[str, Any], span: str) -> Parameters:
    """Finds the data again, with another span as the newest."""
    from kerasline.components.datasets import resolve
    from kerasline.pipeline.plan import data_record

    options = DataOptions.model_validate(data["options"])
    assert options.spans is not None
    options = options.model_copy(update={"spans": options.spans.model_copy(update={"last": span})})
    found = resolve(
        options, name=data["name"], base_dir=Path(data["base_dir"]),
        data_dir=Path(data["data_dir"]) if data["data_dir"] else None, task=data["task"], seed=data["seed"],
        named=data["named"],
    )  # fmt: skip
    newest = list(found.spans)[-1]
    if newest != span:
        raise ConfigError(
            f"span {span}: expected data of it, but the newest that is there and complete is {newest}; wait for it, or "
            "submit the spec with that"
        )
    if "dataset" in parameters:
        _check_same_form(Dataset.from_json(parameters["dataset"]), found, span)
        parameters = {**parameters, "dataset": found.to_json()}
    if "experiment" in parameters:
        parameters = _with_config(parameters, {"data.spans.last": span})
    return _change_json(parameters, "custom_config", lambda config: config["record"].update(data_record(found)))


def _check_same_form(compiled: Dataset, found: Dataset, span: str) -> None:
    """Raises ConfigError where the steps after ingest were compiled for other columns or classes."""

    def form(dataset: Dataset) -> dict[str, Any]:
        label = dataset.label
        columns = {column.name: f"column {column.name} of {column.dtype}" for column in dataset.columns}
        return {**columns, "": f"label {label.name} of {label.dtype} with classes {label.classes}"}

    before, now = form(compiled), form(found)
    for key in (*before, *now):
        if before.get(key) != now.get(key):
            raise ConfigError(
                f"span {span}: expected {before.get(key, 'no column ' + key)}, for which the spec was compiled, got "
                f"{now.get(key, 'no column ' + key)}; compile it again from this data"
            )


def _custom(constants: Mapping[str, Any]) -> dict[str, Any]:
    return json.loads(constants["custom_config"]) if "custom_config" in constants else {}


def _reads_config(constants: Mapping[str, Any]) -> bool:
    return "settings" in _custom(constants) or "experiment" in constants


def _reads_root(constants: Mapping[str, Any]) -> bool:
    return any(key in constants for key in ("models", "push_destination")) or any(
        key in _custom(constants) for key in _FOLDERS
    )


def _runs_job(constants: Mapping[str, Any]) -> bool:
    return JOB in _custom(constants)


_READ_BY: dict[str, Callable[[Mapping[str, Any]], bool]] = {
    "pipeline_root": _reads_root,
    "span": lambda constants: "dataset" in constants or "record" in _custom(constants),
    "epochs": _reads_config,
    "learning_rate": _reads_config,
    "project": _runs_job,
    "region": _runs_job,
}
