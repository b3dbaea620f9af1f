from .labels import describe_joined as describe_joined, join_labels as join_labels
from .options import CaptureOptions as CaptureOptions, ServeOptions as ServeOptions, check_redacted as check_redacted
from .records import (
    ANSWERS as ANSWERS,
    ASKED as ASKED,
    CANARY as CANARY,
    CAPTURED as CAPTURED,
    FALLBACK as FALLBACK,
    OUTPUTS as OUTPUTS,
    SHADOW as SHADOW,
    Exchange as Exchange,
    request_id_of as request_id_of,
)
from .watching import watch_version as watch_version
from .writing import Capture as Capture
