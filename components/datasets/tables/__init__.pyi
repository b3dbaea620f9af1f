from . import own_table as own_table, span_table as span_table, sql_table as sql_table
from .span_table import csv_options as csv_options, own_keys_told as own_keys_told
from .spans import Span as Span, Spans as Spans, find_spans as find_spans, is_waiting as is_waiting
