from .answering import ServedModel as ServedModel
from .at_once import Answers as Answers, predict_at_once as predict_at_once
from .frames import FRAME as FRAME, is_frame as is_frame, write_frame as write_frame
from .job import Prediction as Prediction, predict as predict
from .pictures import image_problems as image_problems
from .planning import (
    KINDS as KINDS,
    ON_UNSEEN as ON_UNSEEN,
    PredictionPlan as PredictionPlan,
    plan_prediction as plan_prediction,
)
from .probe import WARMUP_FILE as WARMUP_FILE, read_requests as read_requests
from .reasons import plain_reason as plain_reason
from .unseen import (
    features_of as features_of,
    find_marker as find_marker,
    first_unseen as first_unseen,
    news_only as news_only,
)
