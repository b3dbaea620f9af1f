from .challengers import (
    Challenger as Challenger,
    drop_challenger as drop_challenger,
    read_challenger as read_challenger,
    set_challenger as set_challenger,
)
from .keeping import read_pins as read_pins, set_pin as set_pin
from .locks import registry_lock as registry_lock
from .moving import (
    find_predecessor as find_predecessor,
    forget_move as forget_move,
    move_pointer as move_pointer,
    untold_move as untold_move,
)
from .pointer import (
    current_version as current_version,
    read_events as read_events,
    read_history as read_history,
    read_pointer as read_pointer,
)
from .pushing import PushRefused as PushRefused, push_version as push_version
from .serving_config import mend_serving_config as mend_serving_config
from .versions import (
    ANSWERS_FILE as ANSWERS_FILE,
    CARD_FILES as CARD_FILES,
    FORMATS_FOLDER as FORMATS_FOLDER,
    RECORD_FILE as RECORD_FILE,
    SIGNATURE_FILE as SIGNATURE_FILE,
    find_problem as find_problem,
    list_models as list_models,
    list_versions as list_versions,
    read_record as read_record,
)
