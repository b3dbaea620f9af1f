from . import (
    backtest as backtest,
    cloud as cloud,
    evaluate as evaluate,
    init as init,
    learning_curve as learning_curve,
    models as models,
    monitoring as monitoring,
    new as new,
    predict as predict,
    report as report,
    schedule as schedule,
    schema as schema,
    signing as signing,
    why as why,
)
from .doctor import diagnose as diagnose
