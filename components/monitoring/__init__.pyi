from .batches import BatchCapture as BatchCapture
from .collecting import Known as Known, read_known as read_known
from .estimates import estimate as estimate
from .labels import describe_joined as describe_joined, join_labels as join_labels, labels_of as labels_of
from .log_files import Taken as Taken, describe_taken as describe_taken, take_logs as take_logs
from .options import CaptureOptions as CaptureOptions, ServeOptions as ServeOptions, check_redacted as check_redacted
from .parts import read_parts as read_parts
from .reading import (
    ANSWERED as ANSWERED,
    answer_column as answer_column,
    batches_of as batches_of,
    days_of as days_of,
    find_labels as find_labels,
    label_array as label_array,
    predictions_of as predictions_of,
)
from .records import (
    ANSWERS as ANSWERS,
    ASKED as ASKED,
    BATCH as BATCH,
    CANARY as CANARY,
    CAPTURED as CAPTURED,
    FALLBACK as FALLBACK,
    LABELS as LABELS,
    LOGGED as LOGGED,
    OUTPUTS as OUTPUTS,
    REQUEST_ID as REQUEST_ID,
    SHADOW as SHADOW,
    Exchange as Exchange,
    capture_of as capture_of,
    request_id_of as request_id_of,
)
from .tensorflow_serving import Wanted as Wanted
from .watching import watch_version as watch_version
from .writing import Capture as Capture
