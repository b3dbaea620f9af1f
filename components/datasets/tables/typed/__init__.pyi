from . import rows as rows, table as table, values as values
from .copies import parquet_of as parquet_of
from .opening import open_file as open_file, read_batches as read_batches
from .remarks import remark_of as remark_of
from .scan import (
    category_columns as category_columns,
    column_type as column_type,
    index_columns as index_columns,
    may_be_numbers as may_be_numbers,
    plain_values as plain_values,
)
