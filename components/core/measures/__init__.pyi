from .durations import DURATION as DURATION, seconds_of as seconds_of
from .tolerance import (
    LARGEST as LARGEST,
    LARGEST_IN_DEVIATIONS as LARGEST_IN_DEVIATIONS,
    ROUNDING as ROUNDING,
    ROUNDING_OF_LOGS as ROUNDING_OF_LOGS,
    distances as distances,
    spread_of as spread_of,
)
from .versions import is_version as is_version
