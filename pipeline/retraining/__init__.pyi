from . import scheduling as scheduling
from .deciding import retrain as retrain
from .decisions import (
    Decision as Decision,
    join_quiet as join_quiet,
    list_decisions as list_decisions,
    read_decisions as read_decisions,
    schedule_folder as schedule_folder,
)
from .emitting import sleep as sleep
from .notify import ALARMED as ALARMED, tell_of_alarms as tell_of_alarms
from .scheduling import RemoteJob as RemoteJob
from .triggers import gather_drift as gather_drift
