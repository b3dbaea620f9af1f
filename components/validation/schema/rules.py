"""From the curated schema and the policies to rules for single rows, settled before the graph is built."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any, Literal

from kerasline.components.datasets.description import Dataset
from kerasline.components.example_gen import ColumnRule, RowRules
from kerasline.components.validation.policy import ValidationOptions

_TYPES: dict[int, Literal["string", "int", "float"]] = {1: "string", 2: "int", 3: "float"}  # schema_pb2.FeatureType
# What a value can always become: a table whose numbers happen to be whole this time is still one of floats.
_WIDENING = (("int", "float"), ("int", "string"))


def make_rules(
    schema_text: str, dataset: Dataset, options: ValidationOptions, settled: Collection[str] = ()
) -> RowRules:
    """Says what ingest does with single rows.

    Args:
      schema_text: The curated schema, empty where there is none yet: then only what is plain is a rule.
      dataset: The resolved data, as its reader gives it.
      options: Policies of the checks.
      settled: Columns for which the recipe says what they are, text among numbers included.

    Returns:
      The rules; without quarantine, only types that follow the schema.
    """
    quarantine = options.anomalies.policy == "quarantine"
    if schema_text:
        rules = _rules_of_schema(schema_text, _types_of(dataset), quarantine)
    elif quarantine:
        # Nobody has said yet what the data looks like, but numbers with a little text between them are numbers.
        allowed = options.quarantine.max_share * dataset.rows
        strayed = [column.name for column in dataset.columns if 0 < column.strays <= allowed]
        rules = [ColumnRule(name=name, cast="float") for name in strayed if name not in settled]
    else:
        rules = []
    return RowRules(
        columns=tuple(rule for rule in rules if rule != ColumnRule(name=rule.name)),
        finite=options.nonfinite.policy == "quarantine",
        duplicates=options.duplicates.policy == "quarantine",
    )


def _types_of(dataset: Dataset) -> dict[str, str]:
    """Returns the type of every column that holds one value in each row, the label among them."""
    types: dict[str, str] = {column.name: column.dtype for column in dataset.columns}
    if dataset.label.dtype != "multi":
        types[dataset.label.name] = dataset.label.dtype
    return {name: dtype for name, dtype in types.items() if dtype in ("float", "int", "string")}


def _rules_of_schema(schema_text: str, types: Mapping[str, str], quarantine: bool) -> list[ColumnRule]:
    """Turns a curated schema into rules.

    Args:
      schema_text: The schema.
      types: Type of each column as its reader gives it.
      quarantine: Whether rows may be put aside: then limits are rules, too, and any type may become another.
    """
    from kerasline.components.validation.schema.schema import parse_schema

    schema = parse_schema(schema_text, "the curated schema")
    rules = []
    for feature in schema.feature:
        wanted, given = _TYPES.get(feature.type), types.get(feature.name)
        if given is None or wanted is None:
            continue
        cast = wanted if given != wanted and ((given, wanted) in _WIDENING or quarantine) else None
        limits = _limits(feature, schema) if quarantine else {}
        rules.append(ColumnRule(name=feature.name, cast=cast, **limits))
    return rules


def whole_columns(schema_text: str) -> set[str]:
    """Names the columns that a curated schema says are whole numbers."""
    if not schema_text:
        return set()
    from kerasline.components.validation.schema.schema import parse_schema

    schema = parse_schema(schema_text, "the curated schema")
    return {feature.name for feature in schema.feature if _TYPES.get(feature.type) == "int"}


def follow_types(dataset: Dataset, rules: RowRules) -> Dataset:
    """Returns the data as it is after ingest has applied the rules; its reader still needs it as it was."""
    casts = rules.casts()
    if not casts:
        return dataset
    columns = tuple(
        column.model_copy(update={"dtype": casts[column.name]}) if column.name in casts else column
        for column in dataset.columns
    )
    label = dataset.label
    if label.name in casts:
        label = label.model_copy(update={"dtype": casts[label.name]})
    return dataset.model_copy(update={"columns": columns, "label": label})


def _limits(feature: Any, schema: Any) -> dict[str, Any]:
    from kerasline.components.validation.schema.schema import domain_of

    limits: dict[str, Any] = {"required": feature.presence.min_fraction == 1}
    domain = domain_of(feature, schema)
    if domain is not None:
        limits["values"] = tuple(domain)
    which = feature.WhichOneof("domain_info")
    if which in ("int_domain", "float_domain"):
        bounds = getattr(feature, which)
        for key, name in (("minimum", "min"), ("maximum", "max")):
            if bounds.HasField(name) and math.isfinite(getattr(bounds, name)):
                limits[key] = getattr(bounds, name)
    return limits
