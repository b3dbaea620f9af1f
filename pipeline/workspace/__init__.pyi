from .contents import find_loss as find_loss, note_contents as note_contents, noted_places as noted_places
from .fits import keeps_fit as keeps_fit
from .history import (
    leave_failed_start as leave_failed_start,
    list_runs as list_runs,
    newest_folder as newest_folder,
    newest_own as newest_own,
    read_outcome as read_outcome,
    read_whole_outcome as read_whole_outcome,
    run_folders as run_folders,
    section as section,
    write_outcome as write_outcome,
)
from .lineage import report_folders as report_folders, run_artifacts as run_artifacts
from .memory import Remembered as Remembered, recall_plan as recall_plan, remember_plan as remember_plan
from .places import figures_here as figures_here, places_here as places_here
from .repeating import repeat_run as repeat_run
from .steps import (
    STEPS as STEPS,
    StepForecast as StepForecast,
    StepInputs as StepInputs,
    StepResult as StepResult,
    forecast as forecast,
    forecast_first as forecast_first,
    free_name as free_name,
    write_steps as write_steps,
)
from .store import (
    check_store as check_store,
    connection as connection,
    output_places as output_places,
    pipeline_name as pipeline_name,
    split_node as split_node,
)
from .temporary import own_temporary_folder as own_temporary_folder
from .under_way import UnderWay as UnderWay, read_epochs as read_epochs, under_way as under_way
from .workspace import (
    Workspace as Workspace,
    kept_descriptions as kept_descriptions,
    mend_models as mend_models,
    only_run as only_run,
    open_workspace as open_workspace,
    workspace_folder as workspace_folder,
)
