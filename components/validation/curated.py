"""The step that says what the data must look like: the user's schema, or the one inferred from this data."""

# No "from __future__ import annotations": TFX reads the annotations of function components as objects.

import json
import os

import tensorflow as tf
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types import artifact_utils
from tfx.types.standard_artifacts import ExampleStatistics, Schema

from kerasline.components.validation.samples import load_statistics
from kerasline.components.validation.schema import SCHEMA_FILE, infer_schema, parse_schema, print_schema


@component
def CuratedSchema(  # noqa: N802 (a component is named like a class)
    statistics: InputArtifact[ExampleStatistics],
    schema: OutputArtifact[Schema],
    curated: Parameter[str],
    label: Parameter[str],
    classes: Parameter[str],
    open_columns: Parameter[str],
    code_version: Parameter[str],
) -> None:
    """Writes the schema that ExampleValidator compares the data with.

    Args:
      statistics: Statistics of every split.
      schema: Output, ``schema.pbtxt``.
      curated: The user's schema as text, empty to infer one.
      label: Name of the label.
      classes: Classes of the label as a JSON list, or null for regression.
      open_columns: Text columns that may have any value, as a JSON list.
      code_version: Version of the code, part of the cache key.
    """
    if curated:
        text = print_schema(parse_schema(curated, "the curated schema"))
    else:
        splits = artifact_utils.decode_split_names(statistics.split_names)
        inferred = infer_schema(
            load_statistics(statistics.uri, splits), label, json.loads(classes), json.loads(open_columns)
        )
        text = print_schema(inferred)
    tf.io.gfile.makedirs(schema.uri)
    with tf.io.gfile.GFile(os.path.join(schema.uri, SCHEMA_FILE), "w") as file:
        file.write(text)
