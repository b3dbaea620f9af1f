"""The curated schema: what the data must look like, inferred once from its statistics, then owned by the user.

Every column has its type and whether it may be missing. Text with few different values has a domain. How many unseen
values are tolerated follows from the data: where every value was seen several times, none; where some were seen only
once, others will follow (the Good-Turing estimate: the share of values seen once is the probability of an unseen one).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2

from kerasline.components.core import ConfigError
from kerasline.components.validation.samples import Column, Statistics, columns_by_name, common, value_counts

SCHEMA_FILE = "schema.pbtxt"
_LARGEST_DOMAIN = 100
# Above this share of values seen once, a column is open: names, ids, free text.
_MOST_SEEN_ONCE = 0.05
_TOLERANCE_TIMES = 3
# A column that is sparse must have a value where chance leaves it less than e^-20 to have none.
_ROWS_TO_EXPECT = 20

_TYPES = {
    statistics_pb2.FeatureNameStatistics.INT: schema_pb2.INT,
    statistics_pb2.FeatureNameStatistics.FLOAT: schema_pb2.FLOAT,
    statistics_pb2.FeatureNameStatistics.STRING: schema_pb2.BYTES,
    statistics_pb2.FeatureNameStatistics.BYTES: schema_pb2.BYTES,
}
_Reason = anomalies_pb2.AnomalyInfo


def parse_schema(text: str, origin: str) -> schema_pb2.Schema:
    """Reads a schema as text.

    Raises:
      ConfigError: it is no schema; says where it ends to be one.
    """
    try:
        return text_format.Parse(text, schema_pb2.Schema())
    except text_format.ParseError as error:
        raise ConfigError(
            f"{origin}: expected a schema as protocol-buffer text, but it does not parse at "
            f"{' '.join(str(error).split()).rstrip('.')}; mend the line, or delete the file to have it inferred again"
        ) from error


def print_schema(schema: schema_pb2.Schema) -> str:
    """Writes a schema as text; equal schemas give equal text, whatever comments their files have."""
    return str(text_format.MessageToString(schema, as_utf8=True))


def infer_schema(
    statistics: Statistics, label: str, classes: Sequence[str] | None, open_columns: Collection[str] = ()
) -> schema_pb2.Schema:
    """Infers what the data must look like from what it does.

    Args:
      statistics: Statistics of every split.
      label: Name of the label.
      classes: Classes of the label, None for regression.
      open_columns: Text columns that may have any value, however few different ones they have.

    Returns:
      The schema; a value that stands in any split is right in all of them.
    """
    schema = schema_pb2.Schema()
    rows = {split: int(dataset.num_examples) for split, dataset in statistics.items()}
    for name, by_split in columns_by_name(statistics).items():
        feature = schema.feature.add(name=name)
        _add_type(feature, list(by_split.values()))
        _add_presence(feature, by_split, rows)
        if name == label and classes is not None:
            _add_classes(feature, classes)
        elif feature.type == schema_pb2.BYTES and name not in open_columns:
            _add_domain(feature, by_split.values())
    return schema


def amend_schema(
    schema: schema_pb2.Schema, observed: schema_pb2.Schema, reasons: dict[str, set[int]]
) -> schema_pb2.Schema:
    """Changes a schema so that data which contradicts it agrees with it; columns without a finding stay as they are.

    Args:
      schema: The curated schema.
      observed: The schema that is inferred from the data.
      reasons: Types of the anomalies of each column.

    Returns:
      A new schema.
    """
    there = {feature.name: feature for feature in observed.feature}
    amended = schema_pb2.Schema()
    amended.CopyFrom(schema)
    del amended.feature[:]
    for feature in schema.feature:
        if feature.name not in reasons:
            amended.feature.add().CopyFrom(feature)
        elif feature.name in there:
            amended.feature.add().CopyFrom(_amend(feature, there[feature.name], reasons[feature.name], schema))
    known = {feature.name for feature in schema.feature}
    for name in reasons:
        if name in there and name not in known:
            amended.feature.add().CopyFrom(there[name])
    return amended


def domain_of(feature: schema_pb2.Feature, schema: schema_pb2.Schema) -> list[str] | None:
    """Returns the values that a text column may have, None for any."""
    which = feature.WhichOneof("domain_info")
    if which == "string_domain":
        return list(feature.string_domain.value)
    if which == "domain":
        named = [domain for domain in schema.string_domain if domain.name == feature.domain]
        return list(named[0].value) if named else None
    return None


def tolerated_share(feature: schema_pb2.Feature) -> float:
    """Returns the share of values that may be outside the domain."""
    constraints = feature.distribution_constraints
    return 1 - constraints.min_domain_mass if constraints.HasField("min_domain_mass") else 0.0


def _add_type(feature: schema_pb2.Feature, columns: list[Column]) -> None:
    filled = [column for column in columns if common(column).num_non_missing] or columns
    feature.type = _TYPES[filled[0].type]
    sizes = [common(column) for column in filled if common(column).num_non_missing]
    if sizes:
        smallest = min(int(size.min_num_values) for size in sizes)
        largest = max(int(size.max_num_values) for size in sizes)
        if smallest == largest > 1:  # an array; one value is what every other column has
            feature.value_count.min = feature.value_count.max = largest


def _add_presence(feature: schema_pb2.Feature, by_split: dict[str, Column], rows: dict[str, int]) -> None:
    share = sum(int(common(column).num_non_missing) for column in by_split.values()) / sum(rows.values())
    if share == 1:
        feature.presence.min_fraction = 1.0
    elif share * min(rows.values()) >= _ROWS_TO_EXPECT:
        feature.presence.min_count = 1


def _add_classes(feature: schema_pb2.Feature, classes: Sequence[str]) -> None:
    if feature.type == schema_pb2.BYTES:
        feature.string_domain.value.extend(classes)
    elif feature.type == schema_pb2.INT and all(_is_whole(name) for name in classes):
        numbers = [int(name) for name in classes]
        feature.int_domain.min, feature.int_domain.max = min(numbers), max(numbers)


def _is_whole(text: str) -> bool:
    return text.removeprefix("-").isdecimal()


def _add_domain(feature: schema_pb2.Feature, columns: Iterable[Column]) -> None:
    counts: Counter[str] = Counter()
    for column in columns:
        if common(column).num_non_missing:
            listed = value_counts(column)
            if listed is None:
                return
            counts.update(listed)
    total, seen_once = sum(counts.values()), sum(1 for count in counts.values() if count == 1)
    if not counts or len(counts) > _LARGEST_DOMAIN or seen_once > _MOST_SEEN_ONCE * total:
        return
    feature.string_domain.value.extend(sorted(counts))
    if seen_once:
        tolerance = math.ceil(100 * _TOLERANCE_TIMES * seen_once / total) / 100
        feature.distribution_constraints.min_domain_mass = round(1 - tolerance, 2)


def _amend(
    feature: schema_pb2.Feature, observed: schema_pb2.Feature, reasons: set[int], schema: schema_pb2.Schema
) -> schema_pb2.Feature:
    """Widens one column just as far as its anomalies ask; for kinds that it does not know, takes what was observed."""
    result = schema_pb2.Feature()
    result.CopyFrom(feature)
    for reason in reasons:
        if reason == _Reason.ENUM_TYPE_UNEXPECTED_STRING_VALUES:
            _widen_domain(result, observed, schema)
        elif reason in (_Reason.FEATURE_TYPE_LOW_FRACTION_PRESENT, _Reason.FEATURE_TYPE_LOW_NUMBER_PRESENT):
            result.presence.CopyFrom(observed.presence)
        else:
            result.CopyFrom(observed)
            break
    return result


def _widen_domain(result: schema_pb2.Feature, observed: schema_pb2.Feature, schema: schema_pb2.Schema) -> None:
    new = list(observed.string_domain.value)
    if not new:  # too many different values by now for a domain
        result.ClearField(result.WhichOneof("domain_info"))
        result.ClearField("distribution_constraints")
        return
    known = domain_of(result, schema) or []
    result.string_domain.value[:] = known + [value for value in new if value not in known]
