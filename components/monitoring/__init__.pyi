from .options import CaptureOptions as CaptureOptions, ServeOptions as ServeOptions, check_redacted as check_redacted
from .records import (
    CAPTURED as CAPTURED,
    OUTPUTS as OUTPUTS,
    Exchange as Exchange,
    request_id_of as request_id_of,
)
from .writing import Capture as Capture
