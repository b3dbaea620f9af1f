from .labels import describe_joined as describe_joined, join_labels as join_labels
from .options import CaptureOptions as CaptureOptions, ServeOptions as ServeOptions, check_redacted as check_redacted
from .records import (
    ANSWERS as ANSWERS,
    CAPTURED as CAPTURED,
    OUTPUTS as OUTPUTS,
    Exchange as Exchange,
    request_id_of as request_id_of,
)
from .watching import watch_version as watch_version
from .writing import Capture as Capture
