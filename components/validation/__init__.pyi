from .checks.drift import check_drift as check_drift
from .curated import CuratedSchema as CuratedSchema
from .gate import DataGate as DataGate
from .judging import SAMPLE_IMAGES as SAMPLE_IMAGES, SAMPLE_ROWS as SAMPLE_ROWS
from .policy.options import ValidationOptions as ValidationOptions, check_column_names as check_column_names
from .policy.verdict import PROFILE_FILE as PROFILE_FILE, VERDICT_FILE as VERDICT_FILE, Finding as Finding
from .reference import (
    Reference as Reference,
    find_reference as find_reference,
    reference_elsewhere as reference_elsewhere,
)
from .samples.pixels import profile_images as profile_images
from .samples.profile import profile_columns as profile_columns
from .samples.sampling import SplitSample as SplitSample, decode_columns as decode_columns, kinds_of as kinds_of
from .schema.rules import follow_types as follow_types, make_rules as make_rules, whole_columns as whole_columns
from .schema.schema import parse_schema as parse_schema, print_schema as print_schema
