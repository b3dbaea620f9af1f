from . import (
    csv_table as csv_table,
    csv_values as csv_values,
    parquet_table as parquet_table,
    parquet_values as parquet_values,
    span_table as span_table,
    sql_table as sql_table,
)
from .csv_encoding import detect_encoding as detect_encoding, find_total as find_total
from .csv_quotes import StrayQuote as StrayQuote
from .csv_scan import INFINITIES as INFINITIES, NANS as NANS, ColumnScan as ColumnScan, parse as parse
from .csv_text import (
    Dialect as Dialect,
    Line as Line,
    body as body,
    count_named as count_named,
    detect_delimiter as detect_delimiter,
    dialect_of as dialect_of,
    fitted as fitted,
    header_of as header_of,
    lines as lines,
)
from .parquet_scan import (
    column_type as column_type,
    index_columns as index_columns,
    may_be_numbers as may_be_numbers,
    open_file as open_file,
    plain_values as plain_values,
    read_batches as read_batches,
)
from .span_table import csv_options as csv_options
from .spans import Span as Span, Spans as Spans, find_spans as find_spans, is_waiting as is_waiting
