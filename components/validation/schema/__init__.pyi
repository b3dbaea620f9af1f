from .schema import (
    SCHEMA_FILE as SCHEMA_FILE,
    amend_schema as amend_schema,
    domain_of as domain_of,
    infer_schema as infer_schema,
    parse_schema as parse_schema,
    print_schema as print_schema,
    tolerated_share as tolerated_share,
)
