from . import names as names
from .checks import (
    check_machine as check_machine,
    has_gpu as has_gpu,
    loss_of as loss_of,
    watched_metrics as watched_metrics,
)
from .names import (
    OPTIMIZERS as OPTIMIZERS,
    SCHEDULES as SCHEDULES,
    find_schedule as find_schedule,
    hold_schedule as hold_schedule,
    in_epochs as in_epochs,
)
from .options import EarlyStopping as EarlyStopping, TrainingOptions as TrainingOptions
from .settings import FitSettings as FitSettings
