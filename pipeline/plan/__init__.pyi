from .data_schemas import (
    accept_findings as accept_findings,
    find_schema_file as find_schema_file,
    keep_gate_records as keep_gate_records,
    last_schema_file as last_schema_file,
)
from .earlier_searches import check_budget as check_budget, find_start as find_start
from .first_checks import check_config as check_config, check_data as check_data, check_first as check_first
from .own_parts import (
    OF_A_RUN as OF_A_RUN,
    check_own_functions as check_own_functions,
    own_modules as own_modules,
)
from .partial import (
    WHOLE as WHOLE,
    Part as Part,
    Selection as Selection,
    UnfinishedStep as UnfinishedStep,
    check_sizes as check_sizes,
    check_steps as check_steps,
    describe_end as describe_end,
    explain_unfinished as explain_unfinished,
    select_steps as select_steps,
    steps_of as steps_of,
)
from .planning import RunPlan as RunPlan, data_record as data_record, plan_run as plan_run
from .presets import settle_preset as settle_preset
from .starting_weights import resolve_weights as resolve_weights
