from .engine_options import (
    check_engine as check_engine,
    complete_options as complete_options,
    end_job_servers as end_job_servers,
    join_options as join_options,
)
