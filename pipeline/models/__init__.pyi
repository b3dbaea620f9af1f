from . import commands as commands
from .challengers import find_challengers as find_challengers, misfit as misfit
from .commands import (
    describe_models as describe_models,
    describe_versions as describe_versions,
    find_model as find_model,
    find_version as find_version,
)
from .evaluation import Evaluation as Evaluation, show_figure as show_figure
from .exporting import export_version as export_version
from .loading import LoadedModel as LoadedModel, load_model as load_model
from .model_card import write_missing_card as write_missing_card
from .prediction import predict_file as predict_file
from .verdict_text import describe_verdict as describe_verdict
from .verdicts import verdict as verdict
from .watching import (
    WATCH as WATCH,
    label_answers as label_answers,
    monitor as monitor,
    write_watch_page as write_watch_page,
)
