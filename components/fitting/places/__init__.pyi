from .parents import end_with_parent as end_with_parent
from .places import Place as Place, choose_place as choose_place, settled as settled
from .processes import (
    HISTORY as HISTORY,
    MARK as MARK,
    RESULT as RESULT,
    START as START,
    fit_in_process as fit_in_process,
    read_rows as read_rows,
    read_weights as read_weights,
    save_weights as save_weights,
)
