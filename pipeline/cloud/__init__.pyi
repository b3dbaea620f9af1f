from . import cloud_schedules as cloud_schedules, submission as submission
from .remote_run import check_end as check_end, follow as follow
