from .batches import choose_batches as choose_batches
from .construction import hasten_construction as hasten_construction
from .engine_options import (
    check_engine as check_engine,
    complete_options as complete_options,
    end_job_servers as end_job_servers,
    importing as importing,
    join_options as join_options,
)
from .processes import (
    AUTO as AUTO,
    Work as Work,
    choose_processes as choose_processes,
    process_options as process_options,
    room_for_processes as room_for_processes,
)
from .worker_check import CheckWorker as CheckWorker
