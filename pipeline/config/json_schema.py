"""The JSON Schema of a recipe, for editors: it accepts what the loader accepts, shorthand included.

What goes beyond single keys (a threshold without a limit, a schedule without what its trigger needs) the loader alone
can tell.
"""

from __future__ import annotations

from typing import Any, get_args

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from kerasline.components.features import SHORT_KINDS, ColumnOptions
from kerasline.components.models import MODEL_FAMILIES
from kerasline.pipeline.config.experiment import Experiment

# As pydantic reads numbers and truth in quotes.
_WHOLE_NUMBER = r"^\s*[+-]?\d[\d_]*(\.0*)?\s*$"
_NUMBER = r"^\s*[+-]?(\d[\d_]*\.?[\d_]*|\.\d[\d_]*)([eE][+-]?\d+)?\s*$"
_TRUTHS = ("true", "false", "yes", "no", "on", "off", "t", "f", "y", "n")
_TRUTH = "|".join("".join(f"[{c.upper()}{c}]" for c in word) for word in _TRUTHS)


class _AsLoaded(GenerateJsonSchema):
    """Describes numbers and booleans with the texts that stand for them, too."""

    def int_schema(self, schema: core_schema.IntSchema) -> JsonSchemaValue:
        """Describes a whole number."""
        return super().int_schema(schema) | ({} if schema.get("strict") else _quoted("integer", _WHOLE_NUMBER))

    def float_schema(self, schema: core_schema.FloatSchema) -> JsonSchemaValue:
        """Describes a number."""
        return super().float_schema(schema) | ({} if schema.get("strict") else _quoted("number", _NUMBER))

    def bool_schema(self, schema: core_schema.BoolSchema) -> JsonSchemaValue:
        """Describes true and false."""
        described = {"type": ["boolean", "string", "integer"], "pattern": f"^(?:[01]|{_TRUTH})$"}
        return super().bool_schema(schema) | described | {"minimum": 0, "maximum": 1}


def recipe_schema() -> dict[str, Any]:
    """Returns the schema of a whole recipe."""
    schema = Experiment.model_json_schema(schema_generator=_AsLoaded)
    schema["$schema"] = GenerateJsonSchema.schema_dialect
    # `area: log` and `flat_id: drop`.
    scales = get_args(ColumnOptions.model_fields["scale"].annotation)
    features = schema["properties"]["features"]
    features["additionalProperties"] = {
        "anyOf": [{"enum": [*SHORT_KINDS, *scales]}, features["additionalProperties"]],
    }
    # `tuning: default`.
    schema["properties"]["tuning"]["anyOf"].insert(0, {"const": "default"})
    # Without a family the model is an mlp, and nothing else.
    for name, family in MODEL_FAMILIES.items():
        if name != "mlp":
            described = schema["$defs"][family.options.__name__]
            described["required"] = list(dict.fromkeys(["family", *described.get("required", [])]))
    schema["properties"]["model"].pop("discriminator", None)
    return schema


def _quoted(kind: str, pattern: str) -> dict[str, Any]:
    return {"type": [kind, "string"], "pattern": pattern}
