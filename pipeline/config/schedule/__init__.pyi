from .cron import LATE as LATE, make_trigger as make_trigger, missed_tick as missed_tick
from .cron_line import WEEKDAYS as WEEKDAYS, Part as Part, parse_cron as parse_cron
from .options import (
    SERVED as SERVED,
    EmailOptions as EmailOptions,
    NotifyOptions as NotifyOptions,
    ScheduleOptions as ScheduleOptions,
)
