from . import commands as commands, signing as signing
from .challengers import find_challengers as find_challengers, misfit as misfit
from .commands import (
    check_number as check_number,
    find_model as find_model,
    find_version as find_version,
    name_version as name_version,
)
from .describing import describe_models as describe_models, describe_versions as describe_versions
from .evaluation import Evaluation as Evaluation, show_figure as show_figure
from .exporting import export_version as export_version
from .loading import LoadedModel as LoadedModel, load_model as load_model
from .looks import LOOK as LOOK, VERDICT as VERDICT, WATCH as WATCH, look_path as look_path
from .model_card import write_missing_card as write_missing_card
from .prediction import (
    engine_of_recipe as engine_of_recipe,
    load_predict as load_predict,
    predict_file as predict_file,
    predicting as predicting,
)
from .verdict_text import describe_verdict as describe_verdict
from .verdicts import verdict as verdict
from .watching import (
    capture_logs as capture_logs,
    label_answers as label_answers,
    monitor as monitor,
    write_watch_page as write_watch_page,
)
