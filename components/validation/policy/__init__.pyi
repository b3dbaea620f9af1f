from .options import (
    ColumnLimits as ColumnLimits,
    DriftCheck as DriftCheck,
    DuplicatesCheck as DuplicatesCheck,
    LeakageCheck as LeakageCheck,
    OwnCheck as OwnCheck,
    ValidationOptions as ValidationOptions,
)
from .verdict import (
    PROFILE_FILE as PROFILE_FILE,
    VERDICT_FILE as VERDICT_FILE,
    Finding as Finding,
    GateStopped as GateStopped,
    describe as describe,
    status_of as status_of,
    worst_first as worst_first,
)
