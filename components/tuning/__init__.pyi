from .cloud_job import SearchJob as SearchJob
from .component import ConfigSearch as ConfigSearch
from .space.checks import (
    check_memory_of_search as check_memory_of_search,
    check_objective as check_objective,
    check_search as check_search,
    usable_start as usable_start,
)
from .space.notation import (
    FAMILY as FAMILY,
    Space as Space,
    candidates as candidates,
    check_space as check_space,
    conditions as conditions,
    feature_values as feature_values,
    values_to_try as values_to_try,
)
from .space.options import TuningOptions as TuningOptions
from .tuner import ConfigTuner as ConfigTuner
