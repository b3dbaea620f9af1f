from .curated import CuratedSchema as CuratedSchema
from .drift import check_drift as check_drift
from .gate import DataGate as DataGate
from .judging import SAMPLE_IMAGES as SAMPLE_IMAGES, SAMPLE_ROWS as SAMPLE_ROWS
from .options import ValidationOptions as ValidationOptions, check_column_names as check_column_names
from .reference import (
    Reference as Reference,
    find_reference as find_reference,
    reference_elsewhere as reference_elsewhere,
)
from .rules import follow_types as follow_types, make_rules as make_rules, whole_columns as whole_columns
from .sampling import SplitSample as SplitSample, decode_columns as decode_columns, kinds_of as kinds_of
from .schema import parse_schema as parse_schema, print_schema as print_schema
from .verdict import VERDICT_FILE as VERDICT_FILE, Finding as Finding
