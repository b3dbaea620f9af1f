from .options import TuningOptions as TuningOptions
from .space import (
    combinations as combinations,
    declare_space as declare_space,
    fit_into as fit_into,
    start_values as start_values,
    untuned_values as untuned_values,
)
