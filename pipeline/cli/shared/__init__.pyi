from . import completion as completion
from .options import (
    RUN_HELP as RUN_HELP,
    WORKSPACE as WORKSPACE,
    CaptureOption as CaptureOption,
    DataOption as DataOption,
    DebugOption as DebugOption,
    JsonOption as JsonOption,
    ModelArgument as ModelArgument,
    ModelOption as ModelOption,
    OnUnseenOption as OnUnseenOption,
    RecipeArgument as RecipeArgument,
    RunArgument as RunArgument,
    SetOption as SetOption,
    SignatureOption as SignatureOption,
    WorkspaceOption as WorkspaceOption,
    check_on_unseen as check_on_unseen,
    open_json as open_json,
)
