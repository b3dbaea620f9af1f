from .drawing import say_flattered as say_flattered, split_record as split_record
from .split_points import class_cuts as class_cuts, time_boundaries as time_boundaries
from .splits import assign_split as assign_split, row_key as row_key, split_of_number as split_of_number
from .splits_of_columns import assign_splits as assign_splits
