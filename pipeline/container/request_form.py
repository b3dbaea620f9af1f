"""The form of what a backend asks of a step: which part of it is what kind of JSON, and where nulls say nothing.

Source: kubeflow/pipelines api/v2alpha1/pipeline_spec.proto (ExecutorInput)
"""

from __future__ import annotations

from typing import Any

from kerasline.components.core import ConfigError, shown

_EVERY = "*"  # stands for any key
_ARTIFACT = {
    **dict.fromkeys(("name", "uri", "customPath"), str),
    "type": {"schemaTitle": str, "instanceSchema": str},
    "metadata": dict,
}
_ARTIFACTS = {_EVERY: {"artifacts": [_ARTIFACT]}}
_FORM = {
    "inputs": {"parameterValues": dict, "artifacts": _ARTIFACTS},
    "outputs": {"artifacts": _ARTIFACTS, "outputFile": str},
}
_NAMES = {dict: "an object of JSON", list: "a list", str: "a text"}


def settle_form(asked: Any) -> dict[str, Any]:
    """Returns an ExecutorInput without the nulls that stand for nothing; those among values and metadata stay.

    Args:
      asked: As the backend sent it.

    Raises:
      ConfigError: something in it is of another kind than backends send.
    """
    return dict(_settle(asked, _FORM, "what the backend asks"))


def _settle(value: Any, form: Any, place: str) -> Any:
    """Returns a value of a form: a kind, a list with the form of its items, or keys with the forms of their values."""
    kind: Any = form if isinstance(form, type) else type(form)
    if not isinstance(value, kind):
        raise ConfigError(
            f"{place}: expected {_NAMES[kind]}, got {shown(value)}; run the step again with another client"
        )
    if isinstance(form, list):
        return [_settle(item, form[0], f"{place}[{number}]") for number, item in enumerate(value)]
    if isinstance(form, dict):
        forms = {key: form.get(key, form.get(_EVERY, object)) for key in value}
        return {k: _settle(v, forms[k], f"{place}, {k}") for k, v in value.items() if v is not None}
    return value
