from .compiling import hold_mean as hold_mean
from .one_fit import fit as fit
from .own_training import check_own_training as check_own_training
from .places.cloud_job import CloudJob as CloudJob, Unpacking as Unpacking
from .places.parents import end_with_parent as end_with_parent
from .places.places import choose_place as choose_place
from .places.processes import MARK as MARK, read_rows as read_rows, write_rows as write_rows
from .rows.examples import ExamplesReader as ExamplesReader, expand as expand
from .rows.reading import make_reader as make_reader, read_fit_data as read_fit_data
from .rows.rows import (
    Arrays as Arrays,
    FitData as FitData,
    class_table as class_table,
    hold_out as hold_out,
    weigh_classes as weigh_classes,
)
from .rows.streaming import deal_rows as deal_rows, stream_rows as stream_rows
from .scoring import score as score, score_training_rows as score_training_rows
from .settings.checks import (
    check_fit as check_fit,
    check_machine as check_machine,
    check_memory as check_memory,
    check_weight_column as check_weight_column,
    must_stream as must_stream,
)
from .settings.names import hold_schedule as hold_schedule
from .settings.options import TrainingOptions as TrainingOptions
from .settings.settings import (
    AS_JSON as AS_JSON,
    UNCHANGED as UNCHANGED,
    FitSettings as FitSettings,
    change_config as change_config,
    decode_hyperparameters as decode_hyperparameters,
    explain_refusal as explain_refusal,
    set_keys as set_keys,
)
from .watching.checkpoints import CheckpointFile as CheckpointFile, checkpoint_key as checkpoint_key
from .watching.keeping import KeptModel as KeptModel
