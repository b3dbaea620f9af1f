from .pixels import profile_images as profile_images
from .profile import FORMAT as FORMAT, compare_column as compare_column, profile_columns as profile_columns
from .sampling import SplitSample as SplitSample, kinds_of as kinds_of, read_split as read_split
from .statistics import (
    Column as Column,
    Statistics as Statistics,
    columns_by_name as columns_by_name,
    common as common,
    load_statistics as load_statistics,
    not_finite as not_finite,
    value_counts as value_counts,
)
