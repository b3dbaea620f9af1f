from . import completion as completion
from .options import (
    WORKSPACE as WORKSPACE,
    DataOption as DataOption,
    JsonOption as JsonOption,
    ModelArgument as ModelArgument,
    ModelOption as ModelOption,
    RecipeArgument as RecipeArgument,
    RunArgument as RunArgument,
    SetOption as SetOption,
    WorkspaceOption as WorkspaceOption,
    open_json as open_json,
)
