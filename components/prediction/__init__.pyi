from .answering.answering import ServedModel as ServedModel
from .answering.reasons import plain_reason as plain_reason
from .answering.together import Together as Together, answer_together as answer_together
from .answering.unseen import (
    RAW as RAW,
    features_of as features_of,
    first_unseen as first_unseen,
    news_only as news_only,
)
from .at_once import Answers as Answers, predict_at_once as predict_at_once
from .evaluating import (
    Measures as Measures,
    labelled_answers as labelled_answers,
    measure_answers as measure_answers,
)
from .explaining import explain as explain, explain_at_once as explain_at_once
from .job import Prediction as Prediction, predict as predict
from .probe import WARMUP_FILE as WARMUP_FILE, read_requests as read_requests
from .reading.blocks import Block as Block
from .reading.cells import Reader as Reader, json_readers as json_readers
from .reading.finding import KINDS as KINDS
from .reading.frames import (
    FRAME as FRAME,
    as_called as as_called,
    as_frame as as_frame,
    column_names as column_names,
    is_frame as is_frame,
    write_frame as write_frame,
)
from .reading.labelled import plan_evaluation as plan_evaluation
from .reading.pictures import image_problems as image_problems
from .reading.planning import (
    ON_UNSEEN as ON_UNSEEN,
    OUTPUTS as OUTPUTS,
    PREDICTED as PREDICTED,
    PredictionPlan as PredictionPlan,
    plan_prediction as plan_prediction,
    reading_of_record as reading_of_record,
)
from .reading.readers import READERS as READERS
from .truths import read_truths as read_truths
