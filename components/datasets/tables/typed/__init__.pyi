from . import table as table, values as values
from .scan import (
    column_type as column_type,
    index_columns as index_columns,
    may_be_numbers as may_be_numbers,
    open_file as open_file,
    plain_values as plain_values,
    read_batches as read_batches,
)
